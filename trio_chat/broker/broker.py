"""The broker: it alone knows names, rooms, membership and routing, and decides what every request does.

Pure: time and random values come in as arguments, and what is to be done comes out as a list of
effects. Every decision is made whole: a request either is refused and has changed nothing, or its
effects follow. Sequence numbers are given here. If the hub cannot store a batch, it calls
:meth:`Broker.take_back` before it asks anything else.

Some requests need to know what only the store knows: the message they change or answer, as it is after all that
was decided so far, or whether one was stored before. :meth:`Broker.wants` says what, and the hub gives it to
:meth:`Broker.handle` as ``found``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from msgspec import structs

from trio_chat.broker import arrival, presence, resent, retract, talk
from trio_chat.broker.commands import COMMANDS, PASSIVE
from trio_chat.broker.effects import Disconnect, Effect, Persist, Reply, Throttle
from trio_chat.broker.registry import NEVER, Found, Registry
from trio_chat.broker.restore import account_of, restore
from trio_chat.broker.state import (
    GATHERING,
    SAVING_AGAIN,
    Role,
    Session,
    Settings,
    State,
)
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import Error
from trio_chat.protocol.names import fold_room
from trio_chat.protocol.requests import Deed, Delete, Edit, React, Send
from trio_chat.records import SaveRead, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.state import Person
    from trio_chat.protocol.requests import AnyRequest, Hello


class WantsLine(NamedTuple):
    """A message is wanted: the room's number, and the message's place in it."""

    room: int
    seq: int


class WantsSent(NamedTuple):
    """Wanted is whether a message was stored before: its sender's number, and the id they made for it. If it was
    not, the message that it answers is wanted."""

    sender: int
    cid: str
    answered: WantsLine | None = None


Wanted: TypeAlias = WantsLine | WantsSent


class Failed(NamedTuple):
    """A request that could not be stored: whose, and its id."""

    session: int
    request: str


class Broker(Registry):
    """See the module. Times are seconds since 1970, and never go back."""

    def __init__(self, settings: Settings, snapshot: Snapshot | None = None, now: float = 0.0) -> None:
        super().__init__(settings)
        self.next_visit = now + settings.visits
        self.opening: list[Effect] = restore(self, snapshot or Snapshot(), now)

    # ---- sessions ---------------------------------------------------------------------------

    def open(self, session: int, now: float, *, token: str, number: int, address: str = "") -> None:
        """A connection from ``address`` is there, and has not said who it is.

        ``token`` (unguessable) and ``number`` are fresh random values for the device or person that may
        come of it.
        """
        self.sessions[session] = Session(session, address, token, number, self.settings.burst, now, now)
        self.watch(self.sessions[session])

    def greet(self, session: int, hello: Hello, now: float, *, proven: str | None = None) -> list[Effect] | Refusal:
        """Take a hello that came in a connection's headers: the effects, or why it is not let in.

        ``proven`` is the hash that the account's password was checked against and is right for.
        """
        effects: list[Effect] = []
        self.found = proven
        mark = self.journal.mark()
        try:
            return arrival.hello(self, self.sessions[session], hello, now, effects) or effects
        except BaseException:  # a bug, told by the hub: nothing of it may stay
            self._undo_bug(mark)
            raise

    def close(self, session: int, now: float) -> list[Effect]:
        """A connection is gone; it gets nothing any more. Closing one twice does nothing."""
        effects: list[Effect] = []
        known = self.sessions.pop(session, None)
        if known is not None and known.person is not None:
            mark = self.journal.mark()
            try:
                arrival.depart(self, known, known.person, now, effects)
            except BaseException:  # as in greet; but gone they are
                known.person.sessions.discard(session)
                known.person.visible.discard(session)
                self._undo_bug(mark)
                raise
        return effects

    def _undo_bug(self, mark: int) -> None:
        """Undo what was changed since a mark, and what is not in the journal: who is here."""
        self.journal.undo(mark)
        retract.recount(self)

    def wants_proof(self, hello: Hello, now: float) -> str | None:
        """The hash against which a hello's account password must be checked before it is greeted."""
        return arrival.wants_proof(self, hello, now)

    def wants_hash(self, session: int) -> bool:
        """Whether a password that this session sets is worth hashing: else it is refused without."""
        known = self.sessions.get(session)
        return known is not None and known.person is not None and not known.person.guest

    # ---- requests ---------------------------------------------------------------------------

    def wants(self, session: int, request: AnyRequest) -> Wanted | None:
        """What the store must be asked before this request can be decided."""
        known = self.sessions.get(session)
        if known is None or known.person is None:
            return None
        request = self._as_known(request)
        if isinstance(request, Send):
            return self._wants_for(known.person, request)
        if isinstance(request, Edit | Delete | React):
            room = known.person.rooms.get(request.room)
            return None if room is None else WantsLine(room.id, request.target)
        return None

    def _wants_for(self, person: Person, request: Send) -> Wanted | None:
        if request.id in person.recent:
            return None
        room = None if request.reply_to is None else talk.answered_in(self, person, request)
        answered = None if room is None else WantsLine(room.id, request.reply_to or 0)
        return WantsSent(person.id, request.id, answered) if request.again else answered

    def handle(self, session: int, request: AnyRequest, now: float, found: Found = None) -> list[Effect]:
        """Decide what one request does. A session that is not open (any more) causes nothing."""
        known = self.sessions.get(session)
        if known is None:
            return []
        effects: list[Effect] = []
        request = self._as_known(request)
        kind = type(request)
        command = COMMANDS[kind]
        refusal = self._charge(known, command.cost, now, effects)
        if (
            refusal is None
            and isinstance(request, Deed)
            and request.again
            and resent.acknowledge(known, request, effects)
        ):
            return effects
        if refusal is None:
            if kind not in PASSIVE and known.state is State.PRESENT:
                known.active = now
            refusal = self._permit(known, command.state, command.role, request)
        if refusal is None:
            self.found = found
            mark, before = self.journal.mark(), len(effects)
            try:
                refusal = command.handler(self, known, request, now, effects)
            except BaseException:  # as in greet
                self._undo_bug(mark)
                raise
            if refusal is not None:
                self.journal.undo(mark)
                del effects[before:]
            elif isinstance(request, Deed):
                resent.remember(self.journal, known, request, effects)
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
        self.journal.settle()

    def take_back(self, remaining: Sequence[Effect], failed: Sequence[Failed]) -> list[Effect]:
        """Undo what was decided since the last :meth:`settle`, since it could not be stored.

        Returns what is left to do: of ``remaining``, which needed no storing, what does not speak of lines
        that are not there; and a refusal for each request that ``failed``.
        """
        self.journal.undo()
        retract.recount(self)
        effects = [kept for effect in remaining for kept in retract.restate(self, effect)]
        for session, request in failed:
            if session in self.sessions:
                self._refused(session, request, refuse("not_stored"), effects)
        effects.extend(
            Disconnect(known.id, refuse("not_stored"))
            for known in self.sessions.values()  # whose hello was taken back, or that of their person's first device
            if known.person is not None and not self._is_let_in(known, known.person)
        )
        return effects

    def _is_let_in(self, session: Session, person: Person) -> bool:
        device = session.device
        return self.persons.get(person.id) is person and device is not None and device.digest in person.devices

    # ---- time -------------------------------------------------------------------------------

    def due(self) -> float | None:
        """When :meth:`tick` next has something to do; ``None`` when nothing waits for time to pass."""
        first = min(self.next_look, self.next_save, self.next_visit)
        if self.gathering:
            first = min(first, min(room.noticed for room in self.gathering.values()) + GATHERING)
        return None if first == NEVER else first

    def tick(self, now: float) -> list[Effect]:
        """Do what has become due: gathered comings and goings, good-byes to the silent, and what is stored
        only now and then."""
        effects: list[Effect] = []
        presence.notice_due(self, now, effects)
        if self.next_look <= now:
            for session in self.sessions.values():
                if self.expiry(session) <= now:
                    effects.append(Disconnect(session.id, self._too_silent(session)))
                    # said once; the connection then closes by itself. In the journal, should a bug be in what follows
                    self.journal.set(session, "expired", True)
            # whoever is active later expires later: no need to look before the first of today's
            self.journal.set(self, "next_look", min(map(self.expiry, self.sessions.values()), default=NEVER))
        if self.next_visit <= now:
            self.note_visits(now)
        if self.next_save <= now:
            effects.extend(self.save(now))
        return effects

    def save(self, now: float) -> list[Effect]:
        """Store reading positions and last visits that are not stored yet. If that fails, it is tried with
        the next ones."""
        reads, visits = self.unsaved_reads, self.unsaved_visits
        self.unsaved_reads, self.unsaved_visits, self.next_save = {}, {}, NEVER
        self.journal.then(lambda: self._save_later(reads, visits, now))
        effects: list[Effect] = [
            Persist(SaveRead(room=room, account=account, seq=person.read.get(room, 0)))
            for (account, room), person in reads.items()
            # an account that was taken back had a number that is another's now
            if self.persons.get(account) is person and room in person.read
        ]
        for person in visits.values():
            if self.persons.get(person.id) is person:  # as above
                effects.append(Persist(account_of(person)))
                effects.extend(Persist(arrival.device_record(person, d)) for d in person.devices.values())
        return effects

    def _save_later(self, reads: dict[tuple[int, int], Person], visits: dict[int, Person], now: float) -> None:
        self.unsaved_reads.update(reads)
        self.unsaved_visits.update(visits)
        if reads or visits:
            self.save_soon(now, SAVING_AGAIN)

    def _too_silent(self, session: Session) -> Refusal:
        if session.state is State.GREETING:
            return refuse("hello_timeout", seconds=self.settings.handshake_timeout)
        return refuse("idle", seconds=self.settings.idle_timeout)

    def _as_known(self, request: AnyRequest) -> AnyRequest:
        """The request with its room called as the room is known, in whatever case and width it was named."""
        room: str | None = getattr(request, "room", None)
        if room is None or room in self.rooms:
            return request
        return structs.replace(request, room=fold_room(room))

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
        person = session.person
        if role is Role.NOBODY or person is None:
            return None
        name = getattr(request, "room", "")
        room = person.rooms.get(name)
        if role is Role.MEMBER and room is not None:
            return None
        room = room or self.rooms.get(name)
        if room is None or not self.is_visible(room, person):
            return self.no_such_room(name, person)
        held = room.role_of(person)
        if held is Role.NOBODY or role is Role.MEMBER:
            return refuse("not_a_member", room=name)
        if held < role:
            return refuse("not_allowed", room=name, role=role.word)
        if room.direct is not None:
            return refuse("no_direct_here", room=name)
        return None

    def _refused(self, session: int, request_id: str, refusal: Refusal, effects: list[Effect]) -> None:
        error = Error(
            id=request_id,
            code=refusal.code,
            message=refusal.message,
            advice=refusal.advice,
            until=refusal.until,
        )
        effects.append(Reply(session, error))
        if refusal.fault.close is not None:
            effects.append(Disconnect(session, refusal))
