"""A hub made of dictionaries: it carries out a broker's effects and checks, after each step, that they are right.

Theory of operation. It keeps two objects :class:`ExpectedStore`: ``kept`` is stored, ``ahead`` also has what the open
batch will store. They hold only what the broker's effects said, so a broker made from ``ahead`` must know, after each
step, what the running one does. Effects are looked at twice:

* when they are *decided* (:meth:`HubModel.ask` and the like): are they for the right sessions, may the asker do that
  (see :mod:`tests.broker.rules`), do they agree with what the broker now says of itself;
* when a batch is *carried out* (:meth:`HubModel.commit`, :meth:`HubModel.fail`): what does each session get, and when.
A batch is made of turns and taken back by turns, as in the server's hub. Each ``assert`` names the promise that broke.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.broker import file_model, invariants, rules
from tests.broker.expected_store import ExpectedStore, positions, stored_part
from trio_chat.broker import BrokerSettings, Failed
from trio_chat.broker.admin import Order, Table, administer
from trio_chat.broker.effects import (
    Acknowledge,
    Disconnect,
    Effect,
    Notify,
    Persist,
    Publish,
    Recall,
    Reply,
    Seek,
    Subscribe,
    Tell,
    Throttle,
    Unsubscribe,
)
from trio_chat.errors import Refusal
from trio_chat.protocol import requests
from trio_chat.protocol.events import Error, Event, Left, Ok, Presence, Renamed, Room, RoomEvent, Welcome
from trio_chat.protocol.names import Name, check_name

if TYPE_CHECKING:
    from trio_chat.broker.broker import ChargedRequest, Stored
    from trio_chat.broker.file_orders import FileOrder
    from trio_chat.protocol.requests import AnyRequest, Hello
    from trio_chat.records import SaveFile

START = 1_700_000_000.0
"""When the model's time begins: seconds since 1970."""

NO_TURN = None
"""In place of a request's id: for effects that no request caused."""


@dataclass
class Turn:
    """The effects of one request. ``arrival`` says that it was a hello in a connection's headers."""

    session: int
    request: str | None
    effects: list[Effect]
    arrival: bool = False
    expelled: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """Whose sessions were ended with it, and whether they were quiet: they go on if it is taken back."""


class HubModel:
    """See the module."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings
        self.now = START
        self.kept = ExpectedStore()
        self.tokens: dict[int, str] = {}
        self.holders: dict[str, int] = {}  # whose account each token that was given out is of
        self.invites: dict[int, str] = {}
        self.given: dict[int, int] = {}
        self.inboxes: dict[int, list[Event]] = {}
        self.addresses: dict[int, str] = {}
        self.spoke_before: dict[tuple[int, int], float] = {}
        self._opened = 0
        self._start()

    def _start(self) -> None:
        """A server starts from what is stored."""
        self.broker = self.kept.restarted(self.settings, self.now)
        for effect in self.broker.opening:
            self.kept.apply(effect)
        self.ahead = self.kept.copy()
        self.open: set[int] = set()
        self.whose: dict[int, int] = {}
        self.quiet: set[int] = set()
        self.ears: defaultdict[str, set[int]] = defaultdict(set)
        self.shown: dict[int, dict[str, set[str]]] = {}
        self.spoke = dict(self.spoke_before)
        self.batch: list[Turn] = []
        self.peers: set[int] = set()
        self.departed: list[int] = []  # in the open batch
        self.heard: defaultdict[str, set[int]] = defaultdict(set)
        self.places: dict[int, dict[str, int]] = {}

    # ---- what happens -------------------------------------------------------------------------

    def connect(self, hello: Hello | None = None, number: int = 0, address: str = "192.0.2.1") -> int:
        """A connection comes, perhaps with credentials in its headers. Returns its session."""
        session = self._opened = self._opened + 1
        before = invariants.summary(self.broker)
        self.addresses[session] = address
        self.broker.open(session, self.now, token=f"token-{session}", number=number, address=address)
        proven = None if hello is None else self._proof(hello)
        effects = [] if hello is None else self.broker.greet(session, hello, self.now, proven=proven)
        if isinstance(effects, Refusal):
            assert self.broker.close(session, self.now) == [], "who was not let in was announced"
            assert invariants.summary(self.broker) == before, "a refused hello changed something"
            return session
        self.open.add(session)
        self.peers.add(session)
        self.inboxes[session], self.places[session], self.shown[session] = [], {}, {}
        if hello is not None:
            rules.check_let_in(self, session, hello, effects, proven=proven is not None)
            self._decide(Turn(session, "", effects, arrival=True), hello)
        return session

    def ask(self, session: int, request: AnyRequest) -> Event | Recall | Seek | None:
        """A session asks something. Returns the answer as decided; ``None`` where the session is closed."""
        password_hash = self._hash(request)
        before = invariants.summary(self.broker)
        charged = self.broker.charge(session, request, self.now)
        assert invariants.summary(self.broker) == before, "charging a request changed something"
        if charged is None:
            assert session not in self.open, "an open session was not charged"
            return None
        assert session in self.open, "a closed session was charged"
        stored = self._look_up(charged)
        effects = self.broker.decide(charged, self.now, stored, password_hash)
        answer = rules.answer_in(effects, session, request.id)
        if isinstance(answer, Error):
            self._check_refused(effects, before)
            rules.check_refusal(self, session, answer)
        else:
            rules.check_allowed(self, session, request, answer, effects, stored, proven=password_hash is not None)
        self._decide(Turn(session, request.id, effects), request)
        rules.check_done(self, session, request, answer)
        return answer

    def reject(self, session: int, request_id: str, refusal: Refusal) -> None:
        """A session sends something that is no request."""
        before = invariants.summary(self.broker)
        effects = self.broker.reject(session, request_id, refusal, self.now)
        if session not in self.open:
            assert effects == [], "a closed session was answered"
            return
        assert isinstance(rules.answer_in(effects, session, request_id), Error), "what was no request was not refused"
        self._check_refused(effects, before)
        self._decide(Turn(session, NO_TURN, effects))

    def order(self, do: Any, name: str = "", **more: Any) -> Table | Refusal:
        """The server's operator gives an order."""
        before, effects = invariants.summary(self.broker), list[Effect]()
        found = file_model.found_for(self, more) if do == "files" else []
        answer = administer(self.broker, Order(do, name, **more), self.now, effects, found)
        if do == "invite" and isinstance(answer, Table):
            ((number, secret, uses, _),) = answer.rows
            self.invites[int(number or 0)], self.given[int(number or 0)] = str(secret), int(uses or 0)
        if isinstance(answer, Refusal):
            assert effects == [], "a refused order had an effect"
            assert invariants.summary(self.broker) == before, "a refused order changed something"
        gone = [effect.session for effect in effects if isinstance(effect, Disconnect)]
        expelled = {s: (self.whose[s], s in self.quiet) for s in gone} if do == "reset-name" else {}
        for session in expelled:
            self._forget(session)
        self._decide(Turn(0, "", effects, expelled=expelled))
        return answer

    def order_file(self, order: FileOrder) -> SaveFile | Refusal:
        """The door for files gives an order."""
        answer, effects = file_model.decide(self, order)
        self._decide(Turn(0, "", effects))
        return answer

    def close(self, session: int) -> None:
        """A connection ends. The real hub drops the peer first, then tells the broker."""
        self._drop(session)
        self.departed.append(session)
        self._end(session)

    def check(self) -> None:
        """All that must hold after every step."""
        invariants.check_whole(self)

    def advance(self, seconds: float) -> None:
        """Time passes, and the broker does all that has become due."""
        self.commit()
        self.now += seconds
        due = self.broker.due()
        if due is None or due > self.now:
            assert self.broker.tick(self.now) == [], "something was done before it was due"
            return
        self._decide(Turn(0, NO_TURN, self.broker.tick(self.now)))
        due = self.broker.due()
        assert due is None or due > self.now, "what is due stays due: the hub would spin"
        assert self.broker.tick(self.now) == [], "what was due was done twice"

    def save(self) -> None:
        """As at a server's end: read positions and last visits are stored, and then nothing is missing."""
        self.commit()
        self._decide(Turn(0, NO_TURN, self.broker.save(self.now)))
        self.commit()
        again = self.kept.restarted(self.settings, self.now)
        assert positions(again) == positions(self.broker), "a reading position is lost"
        assert stored_part(again) == stored_part(self.broker), "something is lost"

    def restart(self, *, orderly: bool) -> None:
        """The server ends, orderly or not, and starts again from what is stored; nobody is connected."""
        if orderly:
            self.save()
        lost = {turn.session for turn in self.batch if turn.arrival}
        self.tokens = {session: token for session, token in self.tokens.items() if session not in lost}
        self._start()

    # ---- a batch's end ------------------------------------------------------------------------

    def commit(self) -> None:
        """The batch is stored and carried out."""
        self.broker.settle()
        self.kept, self.spoke_before = self.ahead.copy(), dict(self.spoke)
        self.departed.clear()
        batch, self.batch = self.batch, []
        self._carry_out([effect for turn in batch for effect in turn.effects], batch)
        assert not self.batch or not batch, "closing needs no second batch"
        self._check_heard()
        file_model.count_anew(self)

    def fail(self) -> None:
        """The batch cannot be stored: decisions that need it are undone, the rest is carried out."""
        batch, self.batch = self.batch, []
        failed: list[Failed] = []
        remaining: list[Effect] = []
        refused: list[int] = []
        for turn in batch:
            rest = [effect for effect in turn.effects if not isinstance(effect, Publish | Persist)]
            if len(rest) == len(turn.effects) or turn.request is NO_TURN:
                remaining += rest
            elif turn.arrival:
                refused.append(turn.session)
            else:
                failed.append(Failed(turn.session, turn.request))
        for session in refused:
            self._drop(session)
        remaining = self.broker.take_back(remaining, failed)
        for session in refused:
            self.broker.close(session, self.now)
            self._forget(session)
        self.broker.settle()
        self.ahead, self.spoke = self.kept.copy(), dict(self.spoke_before)
        expelled = {s: then for turn in batch for s, then in turn.expelled.items()}
        self._let_go_on({s: then for s, then in expelled.items() if s in self.peers or s in self.departed})
        self._hear_as_before(remaining)
        for effect in remaining:
            assert not isinstance(effect, Publish | Persist), "what was not stored was said"
        told = Counter(
            (effect.session, effect.event.id)
            for effect in remaining
            if isinstance(effect, Reply) and isinstance(effect.event, Error) and effect.event.code == "not_stored"
        )
        assert all(told[one] for one in failed if one.session in self.open), "a loss was not told"
        self._carry_out(remaining, [turn for turn in batch if turn.session not in refused])
        for session in self.departed:  # of those that go on again, it is known already that they are gone
            self._end(session)
        self.commit()
        # who is here may be shown wrongly after a failure, until it is asked anew
        self.shown = {session: {} for session in self.open}
        for name, listeners in self.ears.items():
            room = self.broker.rooms.get(name)
            if room is None or room.direct is not None:
                continue
            for session in listeners:
                self.shown[session][name] = (self.names_in(name) - set(room.arrived)) | set(room.departed)

    def _hear_as_before(self, remaining: list[Effect]) -> None:
        """Sessions whose entering or leaving was undone hear the rooms that they heard before the batch."""
        self.ears = defaultdict(set, {room: listeners & self.open for room, listeners in self.heard.items()})
        for effect in remaining:
            if isinstance(effect, Subscribe):
                self.ears[effect.room].add(effect.session)
            elif isinstance(effect, Unsubscribe):
                self.ears[effect.room].discard(effect.session)

    def _let_go_on(self, expelled: dict[int, tuple[int, bool]]) -> None:
        for session, (account, quiet) in expelled.items():
            self.open.add(session)
            self.whose[session] = account
            self.shown[session] = {}
            if quiet:
                self.quiet.add(session)

    # ---- deciding -----------------------------------------------------------------------------

    def _proof(self, hello: Hello) -> str | None:
        """As the hub does: check the account's password against the hash that the broker names."""
        encoded = self.broker.wants_proof(hello, self.now)
        return encoded if encoded == f"hash of {hello.account_password}" else None

    def _hash(self, request: AnyRequest) -> str | None:
        if isinstance(request, requests.SetPassword):
            return f"hash of {request.password}"
        return self._proof(request) if isinstance(request, requests.Hello) else None

    def _look_up(self, charged: ChargedRequest) -> Stored | None:
        look_up = self.broker.look_up_for(charged)
        assert look_up is None or charged.refusal is None, "the store was asked for what was not paid for"
        return None if look_up is None else self.ahead.answer(look_up)  # it may be in the open batch

    def _end(self, session: int) -> None:
        effects = self.broker.close(session, self.now)
        if session not in self.open:
            assert effects == [], "closing twice did something"
            return
        self._forget(session)
        self._decide(Turn(session, NO_TURN, effects))

    def _forget(self, session: int) -> None:
        self.open.discard(session)
        self.quiet.discard(session)
        self.whose.pop(session, None)
        self.shown.pop(session, None)
        for listeners in self.ears.values():
            listeners.discard(session)

    def _decide(self, turn: Turn, request: AnyRequest | None = None) -> None:
        """Follow a decision, then check that all of it holds together."""
        for effect in turn.effects:
            if isinstance(effect, Publish | Persist):
                if isinstance(effect, Publish):
                    self._check_audience(effect.room)
                self.ahead.apply(effect)
            else:
                self._follow(effect, turn, request)
        self.batch.append(turn)
        rules.check_told(self, turn.effects)
        rules.check_identities(self, turn.effects)

    def _check_audience(self, room: str) -> None:
        ears = {self.whose[session] for session in self.ears[room]}
        assert ears <= self.ahead.members_of(room).keys(), f"{room} was heard by who is not in it"

    def _follow(self, effect: Effect, turn: Turn, request: AnyRequest | None) -> None:
        if isinstance(effect, Reply | Acknowledge):
            assert effect.session == turn.session, "an answer went to somebody else"
            self._tell(effect.session, effect.event, request)
        elif isinstance(effect, Tell):
            assert len(set(effect.sessions)) == len(effect.sessions), "somebody is told twice"
            for session in effect.sessions:
                self._tell(session, effect.event, request)
        elif isinstance(effect, Subscribe):
            assert effect.session in self.open, "a closed session was subscribed"
            assert effect.session in self.whose, "a nameless session was subscribed"
            self.ears[effect.room].add(effect.session)
            if effect.room.startswith("#") and effect.room not in self.broker.gathering:
                # as if it had asked at once who is there; what a gathering room will say of before is not known
                self.shown[effect.session][effect.room] = set(self.names_in(effect.room))
        elif isinstance(effect, Unsubscribe):
            self.ears[effect.room].discard(effect.session)
            self.shown[effect.session].pop(effect.room, None)
        elif isinstance(effect, Notify):
            self._check_audience(effect.room)
            self._notice(effect.room, effect.event)
        elif isinstance(effect, Recall | Seek | Throttle):
            assert effect.session == turn.session, "somebody else was answered or slowed down"

    def _tell(self, session: int, event: Event, request: AnyRequest | None) -> None:
        assert session in self.open, "a closed session was told something"
        if isinstance(event, Welcome):
            assert session not in self.whose, "a session was welcomed twice"
            account = self.ahead.account(invariants.forms_of(event.name).key)
            assert account is not None, "somebody is welcomed who has no account"
            self.whose[session], self.tokens[session] = account.id, event.token
            if isinstance(request, requests.Hello) and request.quiet:
                self.quiet.add(session)
        assert session in self.whose or isinstance(event, Error), "a nameless session was told more than errors"
        if isinstance(event, Room):
            assert self.whose[session] in self.ahead.members_of(event.room.name), "an outsider was told of a room"

    def _notice(self, room: str, event: Event) -> None:
        """Follow which people are here, as clients do from the notices they get."""
        for ear in self.ears[room]:
            shown = self.shown[ear]
            if isinstance(event, Presence) and room in shown:
                shown[room] = (shown[room] | set(event.joined)) - set(event.left)
            elif isinstance(event, Renamed):
                for names in shown.values():
                    if event.old in names:
                        names.remove(event.old)
                        names.add(event.new)

    def visible(self, account: int) -> bool:
        """Whether others see somebody as here."""
        return any(who == account and session not in self.quiet for session, who in self.whose.items())

    def names_in(self, room: str) -> set[str]:
        """The names of the people who are in a room and here."""
        return {self.ahead.accounts[who].name for who in self.ahead.members_of(room) if self.visible(who)}

    def name_of(self, session: int) -> str:
        """The name of the person of a session."""
        return self.ahead.accounts[self.whose[session]].name

    def holder(self, name: str | None) -> int | None:
        """Whose account a name is of."""
        forms = check_name(name or "")
        account = self.ahead.account(forms.key) if isinstance(forms, Name) else None
        return None if account is None else account.id

    def _check_refused(self, effects: list[Effect], before: dict[str, Any]) -> None:
        for effect in effects:
            assert isinstance(effect, Throttle | Reply | Disconnect), "a refused request had an effect"
        assert invariants.summary(self.broker) == before, "a refused request changed something"

    # ---- carrying out -------------------------------------------------------------------------

    def _carry_out(self, effects: list[Effect], turns: list[Turn]) -> None:
        """Carry out effects in their order, and see that each request of those turns is answered once."""
        asked = Counter((t.session, t.request) for t in turns if t.session in self.peers and t.request is not NO_TURN)
        answers: Counter[tuple[int, str | None]] = Counter()
        closed: list[int] = []
        for effect in effects:
            if isinstance(effect, Reply | Acknowledge):
                answers[effect.session, getattr(effect.event, "id", None)] += 1
            elif isinstance(effect, Recall | Seek):
                answers[effect.session, effect.request.id] += 1
            if isinstance(effect, Disconnect) and effect.session in self.peers:
                closed.append(effect.session)
                self._drop(effect.session)
            else:
                self._deliver(effect)
        for one, times in asked.items():
            assert answers[one] == times, f"{answers[one]} answers to {times} requests {one}"
        for session in closed:
            self._end(session)
        if self.batch:
            self.commit()

    def _drop(self, session: int) -> None:
        self.peers.discard(session)
        for listeners in self.heard.values():
            listeners.discard(session)

    def _deliver(self, effect: Effect) -> None:
        if isinstance(effect, Subscribe) and effect.session in self.peers:
            self.heard[effect.room].add(effect.session)
        elif isinstance(effect, Unsubscribe):
            self.heard[effect.room].discard(effect.session)
        elif isinstance(effect, Publish | Notify):
            for session in self.heard[effect.room]:
                self._give(session, effect.event)
        elif isinstance(effect, Tell):
            for session in effect.sessions:
                self._give(session, effect.event)
        elif isinstance(effect, Reply | Acknowledge):
            self._give(effect.session, effect.event)

    def _give(self, session: int, event: Event) -> None:
        """A session gets an event: what it has of each room's log has no gap and nothing twice."""
        if session not in self.peers:
            return
        self.inboxes[session].append(event)
        places = self.places[session]
        if isinstance(event, RoomEvent):
            assert places.get(event.room) == event.seq - 1, f"{event.room}: {event} after {places.get(event.room)}"
            places[event.room] = event.seq
        elif isinstance(event, Welcome | Room):
            # their name may be reset since, and without a token the device is not remembered
            if isinstance(event, Welcome) and session in self.whose and event.token:
                self.holders[event.token] = self.whose[session]
            for info in event.rooms if isinstance(event, Welcome) else (event.room,):
                assert places.setdefault(info.name, info.last) == info.last, f"{info.name}: a wrong end"
        elif isinstance(event, Left):
            del places[event.room]
        elif isinstance(event, Ok) and event.room is not None:
            if event.seq is None:
                places.pop(event.room, None)  # asked again, it is left already
            else:
                assert self._has(event), "acknowledged and not stored"

    def _has(self, ok: Ok) -> bool:
        """Whether a message is in its room's log; in that of a removed room if it was removed in the same batch."""
        name, seq = ok.room or "", ok.seq or 0
        room = self.kept.room(name)
        logs = [[] if room is None else self.kept.logs[room.id], self.kept.removed.get(name, [])]
        return any(0 < seq <= len(log) and log[seq - 1][1].time == ok.time for log in logs)

    def _check_heard(self) -> None:
        """With no batch open, every session hears the rooms that its person is in, and knows where they end."""
        for session in self.peers:
            rooms = self.kept.rooms_of(self.whose[session]) if session in self.whose else set()
            hears = {room for room, listeners in self.heard.items() if session in listeners}
            assert hears == rooms, f"session {session} hears {hears}, and its person is in {rooms}"
            assert self.places[session].keys() == rooms, f"session {session} was told of other rooms"
        self.ears = defaultdict(set, {room: set(listeners) for room, listeners in self.heard.items()})
