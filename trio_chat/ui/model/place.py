"""Where a person is in the chat: their name, the room they talk in, who is there, which messages were shown. Pure.

Both interfaces keep one, from the events as they show them, so that they agree on what a typed line means. What is
known of the rooms themselves (topic, members, rules, ...) stands in the client's
:class:`~trio_chat.client.rooms.RoomView` objects, which a place only reads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.client.events import Backlog, Reconnected
from trio_chat.client.known_accounts import AccountRef, KnownAccounts
from trio_chat.protocol import events
from trio_chat.protocol.names import LOBBY, fold_name
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.ignored import Ignored
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.model.shown_files import ShownFiles
from trio_chat.ui.model.spoken import ShowJoins, Spoken

if TYPE_CHECKING:
    from trio_chat.client.rooms import RoomView
    from trio_chat.protocol.query import Query

MOST_SAID: Final = 200
"""Messages kept of each room, for commands that count back from the newest."""


class Said(NamedTuple):
    """A message that was shown: its sender's name at that time and account, and its text."""

    sender: str
    text: str
    account: int = 0


MOST_PEOPLE: Final = 5000
"""Names kept for completion."""
MOST_ROOMS: Final = 1000
"""Rooms kept for completion that the person is not in."""


class Place:
    """See the module. ``room`` is the room that a plain line goes to.

    ``bound_for`` is the room that the person is about to be in, for which lines are typed already; it is empty when no
    change of the room is under way. ``numbered`` tells whether messages are shown with their numbers; ``search`` is the
    last search and the cursor of its next page, while there is one; ``ignored`` are the people whom the person ignores;
    ``preferences`` are the settings. ``files`` are those of the messages that were shown.
    ``show_joins`` tells whose joins and leaves are shown, and ``spoken`` who spoke lately.
    """

    def __init__(self, me: str = "", room: str = LOBBY, lobby: str = LOBBY) -> None:
        self.accounts = KnownAccounts(me)
        self.room = room
        self.bound_for = ""
        self.lobby = lobby
        self.rooms: Mapping[str, RoomView] = {}
        self.numbered = False
        self.search: tuple[Query, int] | None = None
        self.ignored = Ignored()
        self.show_joins: ShowJoins = "all"
        self.spoken = Spoken()
        self.preferences = Preferences()
        self.files = ShownFiles()
        self._said: dict[str, OrderedDict[int, Said]] = {}
        self._followed = 0  # the version of the accounts that the list of the ignored knows
        self._enterable: dict[str, None] = {}
        self._people: dict[str, None] = {}  # the last to speak is the last

    def __repr__(self) -> str:
        return f"<Place of {self.me!r} in {self.room}, one of {len(self.rooms)} rooms>"

    @property
    def me(self) -> str:
        """The person's own name."""
        return self.accounts.own_name

    def is_own(self, event: events.PersonEvent) -> bool:
        """Whether the person themselves caused an event."""
        return self.accounts.is_own(event.sender, event.sender_id)

    def label(self, name: str, account: int) -> str:
        """How somebody is shown who caused an event: by the name of that time, and where it differs by the one that the
        account has now. Safe for a terminal."""
        now = self.accounts.later_name(name, account)
        return f"{clean_line(name)} (now {clean_line(now)})" if now else clean_line(name)

    @property
    def people(self) -> tuple[str, ...]:
        """The names of the people who are known to be here, the last to speak first; without the person's own."""
        return tuple(reversed(self._people))

    @property
    def enterable(self) -> tuple[str, ...]:
        """The rooms that the person could enter, as far as they are known: listed ones, and those that invited them."""
        return tuple(name for name in self._enterable if name not in self.rooms)

    def enter(self, accounts: KnownAccounts, lobby: str, rooms: Mapping[str, RoomView]) -> None:
        """Begin with a connection's accounts and rooms, which the client keeps up to date from then on."""
        self.accounts, self.lobby, self.rooms = accounts, lobby, rooms
        self.ignored.follow(accounts)
        for room in rooms.values():
            self._meet(room.members)
        if self.room not in self.rooms:
            self.room = self.lobby

    def take(self, event: events.Event) -> None:
        """Take an event."""
        if self.accounts.version != self._followed:
            self._followed = self.accounts.version
            self.ignored.follow(self.accounts)
        if not self.ignored.hides(event):
            self.files.take(event)
        match event:
            case events.Room():
                self._meet(event.room.members)
            case events.RoomList(rooms=rooms):
                for line in rooms[:MOST_ROOMS]:
                    self._note_enterable(line.name)
            case events.Invited():
                self._note_enterable(event.room)
            case events.Left():
                self.leave(event.room)
            case events.People():
                if event.room == self.lobby:  # all who are here: others have gone meanwhile
                    here = {person.name for person in event.people}
                    self._people = {name: None for name in self._people if name in here}
                self._meet((person.name for person in event.people), keep_order=event.room == self.lobby)
            case events.Presence():
                self._presence(event)
            case events.Renamed():
                self._rename(event)
                self.ignored.rename(event)
            case _:
                self._take_line(event)

    def _take_line(self, event: events.Event) -> None:
        """Take a message, an edit or a deletion, or a backlog of these."""
        if self.ignored.hides(event) and not isinstance(event, events.Deleted):
            return
        match event:
            case events.Message():
                self.spoken.note(event)
                self._meet([self.accounts.name_of(event.sender_id, event.sender)])
                self._hear(event)
            case Backlog():
                for line in event.events:
                    self._take_line(line)
            case events.Edited():
                self._change(event.room, event.target, event.text)
            case events.Deleted():
                self._said_in(event.room).pop(event.target, None)
            case Reconnected(anew=True):
                self._said.clear()
                self.files.forget()

    def _note_enterable(self, room: str) -> None:
        if room.startswith("#"):
            self._enterable.pop(room, None)
            self._enterable[room] = None
            if len(self._enterable) > MOST_ROOMS:
                del self._enterable[next(iter(self._enterable))]

    def leave(self, room: str) -> None:
        """The person is no longer in this room."""
        self._said.pop(room, None)
        self.files.forget(room)
        if self.room == room:
            self.room = self.lobby

    def note_past(self, past: Iterable[events.RoomEvent]) -> None:
        """Take past events as to who spoke lately, and which files there are."""
        for event in past:
            if isinstance(event, events.Message) and not self.ignored.hides(event):
                self.spoken.note(event)
                self.files.take(event)

    # ---- what was said -------------------------------------------------------------------------

    def said(self, room: str, seq: int) -> Said | None:
        """The message of this number, if it was shown."""
        return self._said_in(room).get(seq)

    def find_said(self, room: str, count: int, *, own: bool = False) -> int | None:
        """The number of the last message shown in a room (``count`` 1), of the one before it (2), ...; of the person's
        ``own`` messages, or of all."""
        said = self._said_in(room)
        for seq in reversed(said):
            if not own or self.accounts.is_own(said[seq].sender, said[seq].account):
                count -= 1
                if not count:
                    return seq
        return None

    def note_said(self, room: str, seq: int, text: str) -> None:
        """Take an own message that was acknowledged; its event may have come already, or is still to come."""
        self._keep(room, seq, Said(self.me, text, self.accounts.own))

    def _said_in(self, room: str) -> OrderedDict[int, Said]:
        return self._said.get(room) or OrderedDict()

    def _hear(self, event: events.Message) -> None:
        if not event.deleted:
            self._keep(event.room, event.seq, Said(event.sender, event.text, event.sender_id))

    def _keep(self, room: str, seq: int, said: Said) -> None:
        held = self._said.setdefault(room, OrderedDict())
        late = bool(held) and seq < next(reversed(held))
        held[seq] = said
        if late:  # an own message whose acknowledgement overtook the messages before it
            self._said[room] = held = OrderedDict(sorted(held.items()))
        if len(held) > MOST_SAID:
            held.popitem(last=False)

    def _change(self, room: str, seq: int, text: str) -> None:
        held = self._said_in(room)
        if seq in held:
            held[seq] = held[seq]._replace(text=text)

    # ---- people and rooms ----------------------------------------------------------------------

    def find_direct(self, name: str) -> str | None:
        """The direct conversation of this name, or with these people: ``@bob``, ``@bob+eve``."""
        if name in self.rooms:
            return name
        wanted = set(map(fold_name, name.removeprefix("@").split("+")))
        direct = (room for room in self.rooms if room.startswith("@"))
        return next((room for room in direct if set(map(fold_name, self.members(room))) == wanted), None)

    def members(self, room: str) -> tuple[str, ...]:
        """The names of the others in a direct conversation; from the conversation's name if the server gave none."""
        return tuple(one.name for one in self.others(room))

    def others(self, room: str) -> tuple[AccountRef, ...]:
        """The others in a direct conversation."""
        info = self.rooms.get(room)
        known = info.people if info is not None else ()
        people = known or tuple(map(AccountRef, room.removeprefix("@").split("+")))
        return tuple(one for one in people if not self.accounts.is_own(*one))

    def _presence(self, event: events.Presence) -> None:
        self._meet(event.joined, keep_order=True)
        if event.room == self.lobby:
            for name in event.left:
                self._people.pop(name, None)

    def _rename(self, event: events.Renamed) -> None:
        old, new = event.old, event.new
        for held in () if event.id else self._said.values():  # without numbers, a name must be followed
            held.update({seq: said._replace(sender=new) for seq, said in held.items() if said.sender == old})
        if self._people.pop(old, "") is None and not self.accounts.is_own(new, event.id):
            self._people[new] = None

    def _meet(self, names: Iterable[str], *, keep_order: bool = False) -> None:
        for name in names:
            if fold_name(name) == fold_name(self.me) or (keep_order and name in self._people):
                continue
            self._people.pop(name, None)
            self._people[name] = None
            if len(self._people) > MOST_PEOPLE:
                del self._people[next(iter(self._people))]
