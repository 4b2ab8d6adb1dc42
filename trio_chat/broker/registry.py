"""Everything that the broker knows: sessions, people and rooms, and how they are found.

Handlers decide by it; :class:`trio_chat.broker.broker.Broker` adds the order in which they are called.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from trio_chat.broker.charges import Charges
from trio_chat.broker.guesses import Guesses
from trio_chat.broker.journal import Journal
from trio_chat.broker.near_names import NameTable
from trio_chat.broker.places import PlaceLimits
from trio_chat.broker.state import (
    END,
    HOUR,
    SAVING,
    BrokerSettings,
    BrokerStatistics,
    ChatRoom,
    Role,
    Session,
    State,
    stamp,
)
from trio_chat.broker.uploads import Uploads
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.names import check_name, nearest
from trio_chat.protocol.text import quoted
from trio_chat.records import SaveClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trio_chat.broker.state import InviteLink, Person

NEVER: Final = float("inf")
"""The due time of nothing."""

_CHECKED: Final = 256
"""Sessions checked for having expired at a time: some hundred microseconds. The rest is due at once."""

_STALE: Final = 4
_STALE_AT_LEAST: Final = 1024  # entries are made anew once so many times as there are sessions, and some, are there


class Registry:
    """See the module. Times are steady: seconds since 1970 that go on evenly, whatever the wall clock is set to.

    Sessions, people and rooms are found by their numbers (``sessions``, ``persons``, ``numbered``), people and rooms by
    the keys of their names (``people``, ``rooms``), people by the looks of their names (``skeletons``) and by the
    digests of their devices' tokens (``holders``), a direct conversation by the numbers of its people (``direct``), and
    an invite by its number (``invite_links``). ``files`` has the uploads and the bytes of all files. The other
    collections hold records and rooms that wait for their time.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings
        self.sessions: dict[int, Session] = {}
        self.persons: dict[int, Person] = {}
        self.people: NameTable[Person] = NameTable()
        self.skeletons: dict[str, Person] = {}
        self.holders: dict[bytes, Person] = {}
        self.rooms: NameTable[ChatRoom] = NameTable("#")
        self.numbered: dict[int, ChatRoom] = {}
        self.direct: dict[frozenset[int], ChatRoom] = {}
        self.invite_links: dict[int, InviteLink] = {}
        self.gathering: dict[str, ChatRoom] = {}
        self.unsaved_reads: dict[tuple[int, int], Person] = {}
        self.unsaved_visits: dict[int, Person] = {}
        self.journal = Journal()
        self.uploads = Uploads(self.journal)
        self.charges = Charges(settings)
        self.claims = PlaceLimits(HOUR / (settings.new_names or 1))
        self.guesses = Guesses()
        self.begun = PlaceLimits(HOUR / settings.conversations)
        self.here = 0
        self._expiries: list[tuple[float, int]] = []
        self.next_save = NEVER
        self.next_clock = NEVER
        self.clock = SaveClock()
        self.next_visit = NEVER
        self._stamped: tuple[float, str] = (-1.0, "")
        self.next_account = self.next_device = self.next_room = self.next_ban = 1
        self.next_invite_link = 1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.statistics()}>"

    def set_time(self, now: float, clock: SaveClock) -> float:
        """Learn how the wall clock stands to steady time ``now``, which is returned."""
        if clock is not self.clock and clock != self.clock:
            self.clock = clock
            self.next_clock = min(self.next_clock, now)
        return now

    def stamp(self, now: float) -> str:
        """``now`` by the wall clock, as the wire writes it. A batch shares one ``now``, so the last result is kept."""
        wall = now + self.clock.ahead
        if self._stamped[0] != wall:
            self._stamped = (wall, stamp(wall))
        return self._stamped[1]

    def until(self, end: float) -> str | None:
        """When something ends by the wall clock, as the wire writes times; ``None``, if it does not."""
        return None if end == NEVER else stamp(min(end + self.clock.ahead, END))

    def earlier(self, now: float) -> float:
        """The earlier of ``now`` and the wall clock's time. What becomes free for its age waits for both."""
        return min(now, now + self.clock.ahead)

    def find_person(self, name: str, *, done: str = "done", gone: bool = False) -> Person | Refusal:
        """The person of this name, however it is spelled.

        Of guests only those count who are here; with ``gone`` also the last one who had the name. Where there is
        nobody, the refusal says that nothing was ``done`` (or "sent").
        """
        person = self.people.get(name)
        if person is None:
            checked = check_name(name)
            person = None if isinstance(checked, Refusal) else self.people.get(checked.key)
        if person is None or not (person.sessions or gone or not person.guest):
            near = self._near_person(name, gone=gone)
            near = f" Did you mean {near}?" if near else ""
            return refuse("unknown_person", name=quoted(name), near=near, done=done)
        return person

    def _near_person(self, name: str, *, gone: bool) -> str | None:
        people = self.people.near(name.casefold())
        return nearest(name, (p.name.shown for p in people if p.sessions or gone or not p.guest))

    def names_of(self, accounts: Iterable[int]) -> dict[int, str]:
        """The names that these accounts have now; nothing for an account that is gone."""
        known = ((number, self.persons.get(number)) for number in accounts)
        return {number: person.name.shown for number, person in known if person is not None}

    def no_such_room(self, name: str, person: Person) -> Refusal | None:
        """The refusal for a room that is not there for this person; ``None`` if it is. A private room, or a direct
        conversation of others, is not there for them either."""
        room = self.rooms.get(name)
        if room is not None and self.is_visible(room, person):
            return None
        near = nearest(name, (room.name for room in self.rooms.near(name) if self.is_visible(room, person)))
        return refuse("unknown_room", room=quoted(name), near=f" Did you mean {near}?" if near else "")

    @staticmethod
    def is_visible(room: ChatRoom, person: Person) -> bool:
        """Whether a person may know that there is this room."""
        if room.direct is not None:
            return person.id in room.members
        return not room.private or room.role_of(person) > Role.NOBODY or person.id in room.invited

    def forgotten(self, firsts: Mapping[int, int]) -> None:
        """Retention removed the lines before these places of these rooms."""
        for number, first in firsts.items():
            if number in self.numbered:
                self.numbered[number].first = first
        self.uploads.note_removed()

    def statistics(self) -> BrokerStatistics:
        """How much of everything there is now."""
        return BrokerStatistics(
            len(self.sessions), self.here, len(self.persons), len(self.rooms) - len(self.direct), len(self.direct)
        )

    # ---- due times ----------------------------------------------------------------------------

    def watch(self, session: Session) -> None:
        """Check this session when it may have been silent for too long.

        A session that is active later expires later. It is not moved for that: it is found out when its time has come,
        and the session then watched anew (see :meth:`expired`).
        """
        end = self.expiry(session)
        if end < session.watched:
            session.watched = end
            heappush(self._expiries, (end, session.id))
            if len(self._expiries) > _STALE * (len(self.sessions) + _STALE_AT_LEAST):  # of sessions that are gone
                self._expiries = [(known.watched, known.id) for known in self.sessions.values()]
                heapify(self._expiries)

    @property
    def next_expiry(self) -> float:
        """When the next session may have been silent for too long."""
        return self._expiries[0][0] if self._expiries else NEVER

    def expired(self, now: float) -> Iterator[Session]:
        """The sessions that have been silent for too long; of many that are to be checked, the first few."""
        for _ in range(_CHECKED):
            if self.next_expiry > now:
                return
            end, number = heappop(self._expiries)
            session = self.sessions.get(number)
            if session is None or session.watched != end:
                continue
            session.watched = NEVER
            if self.expiry(session) <= now:
                yield session
            else:
                self.watch(session)

    def save_soon(self, now: float, wait: float = SAVING) -> None:
        """Something waits to be stored when there is time, together with what waits already."""
        if self.next_save == NEVER:
            self.next_save = now + wait

    def note_visits(self, now: float) -> None:
        """Where names expire, store that the people who are here were here now, should the server be killed."""
        for person in self.persons.values():
            if person.sessions:
                person.seen = self.stamp(now)
                self.unsaved_visits[person.id] = person
        self.next_save = now
        self.next_visit = now + self.settings.visits

    def expiry(self, session: Session) -> float:
        """When a session has been silent for too long."""
        if session.expired:
            return NEVER
        timeout = self.settings.handshake_timeout if session.state is State.GREETING else self.settings.idle_timeout
        return session.active + timeout if timeout else NEVER
