"""The broker: it alone knows names, rooms, membership and routing, and decides what every request does.

Pure: time and random values come in as arguments, and what is to be done comes out as a list of
effects. Every decision is made whole: a request either is refused and has changed nothing, or its
effects follow. Sequence numbers are given here; if the hub cannot store a batch, it calls
:meth:`Broker.take_back` with what was to be published, before it asks anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.broker import arrival, presence
from trio_chat.broker.commands import COMMANDS, PASSIVE
from trio_chat.broker.effects import Acknowledge, Disconnect, Effect, Publish, Reply, Throttle
from trio_chat.broker.state import Role, Room, Session, Settings, State, Statistics, stamp
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import Error
from trio_chat.protocol.names import LOBBY, check_name, nearest
from trio_chat.protocol.text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trio_chat.broker.state import Person
    from trio_chat.protocol.requests import AnyRequest, Hello

_NEVER: Final = float("inf")


class Broker:
    """See the module. Times are seconds since 1970, and never go back."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sessions: dict[int, Session] = {}
        self.people: dict[str, Person] = {}
        self.skeletons: dict[str, Person] = {}
        self.rooms: dict[str, Room] = {LOBBY: Room(LOBBY)}
        self.direct: dict[frozenset[str], Room] = {}
        self.gathering: dict[str, Room] = {}
        self.undo: list[Callable[[], object]] = []
        self._look = _NEVER
        self._stamped: tuple[float, str] = (-1.0, "")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.statistics()}>"

    # ---- sessions ---------------------------------------------------------------------------

    def open(self, session: int, now: float, *, token: str, number: int) -> None:
        """A connection is there, and has not said who it is.

        ``token`` (unguessable) and ``number`` are fresh random values for the person that may come of
        it.
        """
        self.sessions[session] = Session(session, token, number, self.settings.burst, now, now)
        self.watch(self.sessions[session])

    def greet(self, session: int, hello: Hello, now: float) -> list[Effect] | Refusal:
        """Take a hello that came in a connection's headers: the effects, or why it is not let in."""
        effects: list[Effect] = []
        return arrival.hello(self, self.sessions[session], hello, now, effects) or effects

    def close(self, session: int, now: float) -> list[Effect]:
        """A connection is gone; it gets nothing any more. Closing one twice does nothing."""
        effects: list[Effect] = []
        known = self.sessions.pop(session, None)
        if known is not None and known.person is not None:
            arrival.depart(self, known, known.person, now, effects)
        return effects

    # ---- requests ---------------------------------------------------------------------------

    def handle(self, session: int, request: AnyRequest, now: float) -> list[Effect]:
        """Decide what one request does. A session that is not open (any more) causes nothing."""
        known = self.sessions.get(session)
        if known is None:
            return []
        effects: list[Effect] = []
        kind = type(request)
        command = COMMANDS[kind]
        refusal = self._charge(known, command.cost, now, effects)
        if refusal is None:
            if kind not in PASSIVE and known.state is State.PRESENT:
                known.active = now
            refusal = self._permit(known, command.state, command.role, request)
        if refusal is None:
            refusal = command.handler(self, known, request, now, effects)
        if refusal is not None:
            self._refused(session, request.id, refusal, effects)
        return effects

    def reject(self, session: int, request_id: str, refusal: Refusal, now: float) -> list[Effect]:
        """Answer what could not be read as a request at all."""
        known = self.sessions.get(session)
        if known is None:
            return []
        effects: list[Effect] = []
        self._refused(session, request_id, self._charge(known, 1.0, now, effects) or refusal, effects)
        return effects

    def settle(self) -> None:
        """What was decided since the last call is stored: it cannot be taken back any more."""
        self.undo.clear()

    def take_back(self, effects: Iterable[Effect]) -> list[Effect]:
        """Undo what was decided since the last :meth:`settle`, since it could not be stored.

        ``effects`` are all that followed from it, in order. Returns those that remain: what was to be
        published and acknowledged is replaced by a refusal to whoever asked.
        """
        for undo in reversed(self.undo):
            undo()
        self.undo.clear()
        remaining: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Acknowledge):
                self._refused(effect.session, effect.event.id, refuse("not_stored"), remaining)
            elif not isinstance(effect, Publish):
                remaining.append(effect)
        return remaining

    # ---- time -------------------------------------------------------------------------------

    def due(self) -> float | None:
        """When :meth:`tick` next has something to do; ``None`` when nothing waits for time to pass."""
        first = self._look
        if self.gathering:
            first = min(first, min(room.noticed for room in self.gathering.values()) + presence.GATHERING)
        return None if first == _NEVER else first

    def tick(self, now: float) -> list[Effect]:
        """Do what has become due: gathered comings and goings, and good-byes to the silent."""
        effects: list[Effect] = []
        presence.notice_due(self, now, effects)
        if self._look <= now:
            for session in self.sessions.values():
                if self._expiry(session) <= now:
                    effects.append(Disconnect(session.id, self._too_silent(session)))
                    session.expired = True  # said once; the connection then closes by itself
            # whoever is active later expires later: no need to look before the first of today's
            self._look = min(map(self._expiry, self.sessions.values()), default=_NEVER)
        return effects

    def _expiry(self, session: Session) -> float:
        """When a session has been silent for too long."""
        if session.expired:
            return _NEVER
        timeout = self.settings.hello_timeout if session.state is State.GREETING else self.settings.idle_timeout
        return session.active + timeout if timeout else _NEVER

    def _too_silent(self, session: Session) -> Refusal:
        if session.state is State.GREETING:
            return refuse("hello_timeout", seconds=self.settings.hello_timeout)
        return refuse("idle", seconds=self.settings.idle_timeout)

    # ---- what the handlers ask ----------------------------------------------------------------

    def stamp(self, now: float) -> str:
        """``now`` as the wire writes it; a batch shares one ``now``, so the last is kept."""
        if self._stamped[0] != now:
            self._stamped = (now, stamp(now))
        return self._stamped[1]

    def find_person(self, name: str) -> Person | Refusal:
        """Who has this name, however it is spelled."""
        person = self.people.get(name)
        if person is None:
            checked = check_name(name)
            person = None if isinstance(checked, Refusal) else self.people.get(checked.key)
        if person is None:
            near = nearest(name, (p.name.shown for p in self.people.values()))
            return refuse("unknown_person", name=quoted(name), near=f" Did you mean {near}?" if near else "")
        return person

    def watch(self, session: Session) -> None:
        """Look after this session when it may have been silent for too long."""
        self._look = min(self._look, self._expiry(session))

    def statistics(self) -> Statistics:
        """How much of everything there is now."""
        conversations = sum(1 for room in self.rooms.values() if room.direct is not None)
        return Statistics(len(self.sessions), len(self.people), len(self.rooms) - conversations, conversations)

    # ---- steps of handle ----------------------------------------------------------------------

    def _charge(self, session: Session, cost: float, now: float, effects: list[Effect]) -> Refusal | None:
        """Take ``cost`` from the session's bucket. It may run into debt as deep as the bucket: then it is
        read from later; past that it is refused."""
        rate, burst = self.settings.rate, self.settings.burst
        if not rate:
            return None
        credit = min(burst, session.credit + (now - session.refilled) * rate) - cost
        session.refilled = now
        session.credit = max(credit, -burst)
        if session.credit < 0:
            wait = -session.credit / rate
            effects.append(Throttle(session.id, wait))
            if credit < -burst:
                return refuse("too_fast", seconds=wait)
        return None

    def _permit(self, session: Session, state: State, role: Role, request: AnyRequest) -> Refusal | None:
        if session.state is not state:
            return refuse("not_greeted" if session.state is State.GREETING else "greeted_already")
        if role is Role.NOBODY:
            return None
        name = getattr(request, "room", None)
        person = session.person
        if person is not None and name not in person.rooms:
            return self.no_such_room(str(name)) or refuse("not_a_member", room=name)
        return None

    def no_such_room(self, name: str) -> Refusal | None:
        """The refusal for a room that is not there; a direct conversation of others is not there either."""
        room = self.rooms.get(name)
        if room is not None and room.direct is None:
            return None
        near = nearest(name, (r.name for r in self.rooms.values() if r.direct is None))
        return refuse("unknown_room", room=quoted(name), near=f" Did you mean {near}?" if near else "")

    def _refused(self, session: int, request_id: str, refusal: Refusal, effects: list[Effect]) -> None:
        effects.append(
            Reply(session, Error(id=request_id, code=refusal.code, message=refusal.message, advice=refusal.advice))
        )
        if refusal.fault.close is not None:
            effects.append(Disconnect(session, refusal))
