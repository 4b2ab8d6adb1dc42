"""The broker: it alone knows names, rooms, membership and routing, and decides the effects of every request.

Pure: time and random values come in as arguments, and the result comes out as a list of effects. Every decision
is made whole: a request either is refused and has changed nothing, or its effects follow. Sequence numbers are given
here. If the hub cannot store a batch, it calls :meth:`Broker.take_back` before it asks anything else.

A request takes three steps, so that nothing is read from the store that was not paid for. :meth:`Broker.charge` takes
its cost from the session's allowances. :meth:`Broker.look_up_for` says what the store must be asked before the request
can be decided: for the message that it changes or replies to, as it is after all that was decided so far, or whether it
was stored before. :meth:`Broker.decide` decides it with the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct, structs

from trio_chat.broker import arrival, ends, files, presence, prices, resent, retract, talk
from trio_chat.broker.ask import Ask, Decision
from trio_chat.broker.commands import COMMANDS, PASSIVE
from trio_chat.broker.effects import Disconnect, Effect, Persist, Reply, Throttle
from trio_chat.broker.prices import HELLO
from trio_chat.broker.registry import NEVER, Registry
from trio_chat.broker.restore import account_of, restore
from trio_chat.broker.state import (
    GATHERING,
    SAVING_AGAIN,
    BrokerSettings,
    MessageLookUp,
    Role,
    SentLookUp,
    Session,
    State,
    StoredMessage,
    StoredPlace,
)
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import Error
from trio_chat.protocol.names import fold_room
from trio_chat.protocol.requests import ChangeRequest, Delete, Edit, React, Send
from trio_chat.records import SaveRead, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.state import Person
    from trio_chat.protocol.requests import AnyRequest, Hello
    from trio_chat.records import SaveClock

A = TypeVar("A", bound="AnyRequest")
LookUp: TypeAlias = MessageLookUp | SentLookUp
Stored: TypeAlias = StoredMessage | StoredPlace


_NO_EFFECTS: tuple[Effect, ...] = ()
_CHANGES = (Edit, Delete, React)  # requests that name a message as their target


class ChargedRequest(Struct, frozen=True, gc=False):
    """A request whose cost was taken from its session's allowances, with the effects of that; perhaps it was refused.

    ``cost`` is its price without that of its bytes. ``may_look_up`` is false for a request, as most are, that never
    needs an answer from the store.
    """

    session: Session
    request: AnyRequest
    effects: tuple[Effect, ...]
    refusal: Refusal | None
    may_look_up: bool
    cost: float = 1.0


class Failed(NamedTuple):
    """A request that could not be stored: the number of its session, and its id."""

    session: int
    request: str


class Broker(Registry):
    """See the module. ``now`` is steady time, and ``clock`` tells the wall clock from it (``None``: they are one)."""

    def __init__(
        self,
        settings: BrokerSettings,
        snapshot: Snapshot | None = None,
        now: float = 0.0,
        clock: SaveClock | None = None,
    ) -> None:
        super().__init__(settings)
        self.next_visit = now + settings.visits
        self.opening: list[Effect] = restore(self, snapshot or Snapshot(), now, clock)

    # ---- sessions ---------------------------------------------------------------------------

    def open(self, session: int, now: float, *, token: str, number: int, address: str = "") -> None:
        """A connection from ``address`` is there, and has not said hello.

        ``token`` (unguessable) and ``number`` are fresh random values for the device or person that may
        come of it.
        """
        own, place = self.charges.open(address, now)
        self.sessions[session] = Session(session, address, token, number, now, own, place)
        self.watch(self.sessions[session])

    def charge_arrival(self, session: int, now: float) -> Refusal | None:
        """Take the cost of a hello that came in a connection's headers. Returns the refusal, if that is too much."""
        return self.charges.take(self.sessions[session], HELLO, now)[1]

    def greet(self, session: int, hello: Hello, now: float, *, proven: str | None = None) -> list[Effect] | Refusal:
        """Take a hello that came in a connection's headers. Returns the effects, or the refusal.

        ``proven`` is the hash that the account's password was checked against and is right for.
        """
        effects: list[Effect] = []
        mark = self.journal.mark()
        try:
            ask = Ask(self, now, effects, self.sessions[session], hello, None, proven)
            return arrival.hello(ask) or effects
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
                arrival.depart(Decision(self, now, effects), known, known.person)
            except BaseException:  # as in greet; but the session is gone
                known.person.sessions.discard(session)
                known.person.visible.discard(session)
                self._undo_bug(mark)
                raise
        return effects

    def _undo_bug(self, mark: int) -> None:
        """Undo all changes since a mark, and derive again what is not in the journal: which people are here."""
        self.journal.undo(mark)
        retract.recount(self)

    def wants_proof(self, hello: Hello, now: float, address: str = "") -> str | None:
        """The hash against which the account password of a hello from this address must be checked before it is
        greeted."""
        return arrival.wants_proof(self, hello, address, now)

    def wants_hash(self, session: int) -> bool:
        """Whether a password that this session sets is worth hashing: else it is refused without."""
        known = self.sessions.get(session)
        return known is not None and known.person is not None and not known.person.guest

    # ---- requests ---------------------------------------------------------------------------

    def charge(self, session: int, request: AnyRequest, now: float, extra: float = 0.0) -> ChargedRequest | None:
        """Take the cost of a request, and ``extra`` for its bytes, from the allowances of its session. ``None`` for a
        session that is not open (any more)."""
        known = self.sessions.get(session)
        if known is None:
            return None
        kind, effects, refusal = type(request), _NO_EFFECTS, None
        cost = prices.price(self, known.person, request, COMMANDS[kind].cost)
        if self.settings.rate:
            wait, refusal = self.charges.take(known, cost + extra, now)
            spoken = prices.text_for_room(known.person, request) if refusal is None else None
            if spoken is not None:
                slower, refusal = self.charges.take_text(*spoken, now)
                wait = max(wait, slower)
            if wait:
                effects = (Throttle(session, wait),)
        may_look_up = kind in _CHANGES or (kind is Send and (request.again or request.reply_to is not None))  # type: ignore[union-attr] # it is a Send
        return ChargedRequest(known, request, effects, refusal, may_look_up and refusal is None, cost)

    def look_up_for(self, charged: ChargedRequest) -> LookUp | None:
        """Return the question that the store must answer before this request can be decided, as things are now."""
        request, person = charged.request, charged.session.person
        if not charged.may_look_up or person is None:
            return None
        if isinstance(request, Send):
            return self._look_up_for_send(person, self._as_known(request))
        if isinstance(request, _CHANGES):
            room = person.rooms.get(self._as_known(request).room)
            return None if room is None else MessageLookUp(room.id, request.target)
        return None

    def _look_up_for_send(self, person: Person, request: Send) -> LookUp | None:
        if request.id in person.sent_ids:
            return None
        room = None if request.reply_to is None else talk.room_of_reply(self, person, request)
        reply_to = None if room is None else MessageLookUp(room.id, request.reply_to or 0)
        return SentLookUp(person.id, request.id, reply_to) if request.again else reply_to

    def decide(
        self, charged: ChargedRequest, now: float, stored: Stored | None = None, password_hash: str | None = None
    ) -> list[Effect]:
        """Decide one request. ``stored`` is the store's answer, if it was asked, and ``password_hash`` as in
        :class:`~trio_chat.broker.ask.Ask`. A session that is not open any more causes nothing."""
        session, refusal, effects = charged.session, charged.refusal, list(charged.effects)
        if self.sessions.get(session.id) is not session:
            return []
        request = self._as_known(charged.request)
        if refusal is None:
            change = request if isinstance(request, ChangeRequest) else None
            if change is not None and resent.acknowledge(session, change, effects):
                return effects
            kind = type(request)
            rule = COMMANDS[kind]
            if kind not in PASSIVE and session.state is State.PRESENT:
                session.active = now
            refusal = self._permit(session, rule.state, rule.role, request)
            if refusal is None:
                mark, before = self.journal.mark(), len(effects)
                try:
                    refusal = rule.handler(Ask(self, now, effects, session, request, stored, password_hash))
                except BaseException:  # as in greet
                    self._undo_bug(mark)
                    raise
                if refusal is not None:  # a request that is refused has had no effects
                    self.journal.undo(mark)
                    del effects[before:]
                elif change is not None:
                    resent.remember(self.journal, session, change, effects)
        if refusal is not None:
            self._refused(session.id, request.id, refusal, effects)
        return effects

    def refuse(self, charged: ChargedRequest, refusal: Refusal) -> list[Effect]:
        """Answer a request that cannot be decided: the store, or the hash of a password, failed."""
        effects = list(charged.effects)
        if self.sessions.get(charged.session.id) is not charged.session:
            return []
        self._refused(charged.session.id, charged.request.id, charged.refusal or refusal, effects)
        return effects

    def reject(self, session: int, request_id: str, refusal: Refusal, now: float, extra: float = 0.0) -> list[Effect]:
        """Answer a message that could not be read as a request. It costs as much as a message, and ``extra`` for its
        bytes."""
        known = self.sessions.get(session)
        if known is None:
            return []
        wait, too_fast = self.charges.take(known, 1.0 + extra, now)
        effects: list[Effect] = [Throttle(session, wait)] if wait else []
        self._refused(session, request_id, too_fast or refusal, effects)
        return effects

    def settle(self) -> None:
        """All decisions since the last call are stored: they cannot be taken back any more."""
        self.journal.settle()

    def take_back(self, remaining: Sequence[Effect], failed: Sequence[Failed]) -> list[Effect]:
        """Undo all decisions since the last :meth:`settle`, since they could not be stored.

        Returns the effects that are left: those of ``remaining``, which needed no storing, that do not speak of lines
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
            for known in self.sessions.values()
            if known.person is not None and not retract.is_let_in(self, known, known.person)
        )
        return effects

    # ---- time -------------------------------------------------------------------------------

    def due(self) -> float | None:
        """When :meth:`tick` next has something to do; ``None`` when nothing waits for time to pass."""
        first = min(self.next_expiry, self.next_save, self.next_visit, self.next_clock, self.uploads.next_end)
        if self.gathering:
            first = min(first, min(room.presence_told for room in self.gathering.values()) + GATHERING)
        return None if first == NEVER else first

    def tick(self, now: float) -> list[Effect]:
        """Do all that has become due: tell big rooms who came and went, disconnect silent sessions, and store read
        positions, last visits and, where the wall clock was set, the times of ends."""
        effects: list[Effect] = []
        presence.tell_due(Decision(self, now, effects))
        for session in self.expired(now):
            effects.append(Disconnect(session.id, self._too_silent(session)))
            # told once; the connection then closes by itself. In the journal, should a bug be in what follows
            self.journal.then(self.watch, session)
            self.journal.set(session, "expired", True)
        if self.next_clock <= now:
            ends.save_ends(Decision(self, now, effects))
        if self.uploads.next_end <= now:
            files.drop_ended(Decision(self, now, effects))
        if self.next_visit <= now:
            self.note_visits(now)
        if self.next_save <= now:
            effects.extend(self.save(now))
        return effects

    def save(self, now: float) -> list[Effect]:
        """Store read positions and last visits that are not stored yet. If that fails, they are stored with the next
        ones."""
        reads, visits = self.unsaved_reads, self.unsaved_visits
        self.unsaved_reads, self.unsaved_visits, self.next_save = {}, {}, NEVER
        self.journal.then(self._save_later, reads, visits, now)
        effects: list[Effect] = [
            Persist(SaveRead(room=room, account=account, seq=person.read.get(room, 0)))
            for (account, room), person in reads.items()
            # an account may have been undone, and its number may be another's now
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

    def _as_known(self, request: A) -> A:
        """The request with the room's own name, in whatever case and width the request names it."""
        room: str | None = getattr(request, "room", None)
        if room is None or room in self.rooms:
            return request
        return structs.replace(request, room=fold_room(room))

    # ---- steps of charging and deciding ------------------------------------------------------

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
