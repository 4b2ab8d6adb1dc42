"""A hub made of dictionaries: it carries out a broker's effects and checks, after each step, that they are right.

Theory of operation. The model knows only what the clients of a real server would know: names from welcomes
and ``renamed`` notices, membership from the answers to ``join`` and ``leave``. A person is told from others
by the token that their welcome carried. Effects are looked at twice:

* when they are *decided* (:meth:`Hub.ask` and the like): are they for the right sessions, do they agree with what
  the broker now says of itself;
* when a batch is *carried out* (:meth:`Hub.commit`, :meth:`Hub.fail`): what does each session get, in which order.

Every check is an ``assert`` whose message says which promise broke.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.broker.whole import check_unique, check_whole, forms_of, summary
from trio_chat.broker import Broker, Settings
from trio_chat.broker.effects import (
    Acknowledge,
    Disconnect,
    Effect,
    Notify,
    Publish,
    Recall,
    Reply,
    Subscribe,
    Tell,
    Throttle,
    Unsubscribe,
)
from trio_chat.errors import Refusal
from trio_chat.protocol import requests
from trio_chat.protocol.events import (
    Delivered,
    Error,
    Event,
    Left,
    Ok,
    People,
    Pong,
    Presence,
    Renamed,
    Room,
    RoomEvent,
    RoomInfo,
    RoomList,
    Welcome,
)
from trio_chat.protocol.names import LOBBY

if TYPE_CHECKING:
    from trio_chat.protocol.requests import AnyRequest, Hello

START = 1_700_000_000.0
"""When the model's time begins: seconds since 1970."""

ANSWERS: dict[type[requests.Request], type[Event] | None] = {
    requests.Hello: Welcome,
    requests.Send: Ok,
    requests.Join: Room,
    requests.Leave: Ok,
    requests.Topic: Ok,
    requests.Rooms: RoomList,
    requests.Who: People,
    requests.Nick: Ok,
    requests.Away: Ok,
    requests.Typing: Ok,
    requests.Read: Ok,
    requests.Received: Ok,
    requests.History: None,  # answered from the store: the broker's part is a Recall
    requests.Ping: Pong,
}


@dataclass
class Line:
    """A stored line of a room's log: who was there (by token), who said it, whose sign of delivery came."""

    event: RoomEvent
    audience: frozenset[str]
    sender: str
    signs: set[str] = field(default_factory=set)


@dataclass
class Decided:
    """An effect that waits for its batch, and the tokens of those it is about. Of a line also in which life of
    its conversation it was said; of a history, which events were there (by identity) when it was asked for."""

    effect: Effect
    who: frozenset[str] = frozenset()
    sender: str = ""
    life: int = 0
    asked_of: dict[int, RoomEvent] = field(default_factory=dict)


class Hub:
    """See the module."""

    def __init__(self, settings: Settings) -> None:
        self.broker = Broker(settings)
        self.now = START
        # what has been decided
        self.open: set[int] = set()
        self.tokens: dict[int, str] = {}
        self.names: dict[str, str] = {}
        self.rooms: defaultdict[str, set[str]] = defaultdict(set, {LOBBY: set()})
        self.ears: defaultdict[str, set[int]] = defaultdict(set)
        self.shown: dict[int, dict[str, set[str]]] = {}
        self.talking: set[str] = set()  # direct conversations with somebody in them
        self.lives: defaultdict[str, int] = defaultdict(int)  # how often a conversation has ended
        self.sent: dict[tuple[str, str], tuple[str, int, str]] = {}
        self.unsettled: set[tuple[str, str]] = set()
        self.batch: list[Decided] = []
        # what has been carried out
        self.peers: set[int] = set()
        self.heard: defaultdict[str, set[int]] = defaultdict(set)
        self.inboxes: dict[int, list[Event]] = {}
        self.places: dict[int, dict[str, int]] = {}
        self.log: defaultdict[str, list[Line]] = defaultdict(list)
        self.logged: defaultdict[str, int] = defaultdict(int)  # which of a conversation's lives its log is from
        self.stored: set[tuple[str, int, str]] = set()
        self._opened = 0

    # ---- what happens -------------------------------------------------------------------------

    def connect(self, hello: Hello | None = None, number: int = 0) -> int:
        """A connection comes, perhaps with credentials in its headers. Returns its session."""
        session = self._opened = self._opened + 1
        before = summary(self.broker)
        self.broker.open(session, self.now, token=f"token-{session}", number=number)
        effects = [] if hello is None else self.broker.greet(session, hello, self.now)
        if isinstance(effects, Refusal):
            assert self.broker.close(session, self.now) == [], "who was not let in was announced"
            assert summary(self.broker) == before, "a refused hello changed something"
            return session
        self.open.add(session)
        self.peers.add(session)
        self.inboxes[session], self.places[session], self.shown[session] = [], {}, {}
        self._decide(effects, session)
        return session

    def ask(self, session: int, request: AnyRequest) -> Event | Recall | None:
        """A session asks something. Returns the answer as decided; ``None`` where the session is closed."""
        before = summary(self.broker)
        effects = self.broker.handle(session, request, self.now)
        if session not in self.open:
            assert effects == [], "a closed session was answered"
            assert summary(self.broker) == before, "a closed session changed something"
            return None
        answer = self._answer_in(effects, session, request.id)
        if isinstance(answer, Error):
            self._check_refused(effects, before)
        elif isinstance(answer, Recall):
            assert answer.request is request, "a history nobody asked for"
        else:
            # a history that is known to be empty may be answered at once
            assert type(answer) is (ANSWERS[type(request)] or type(answer)), f"{request} was answered with {answer}"
        if isinstance(request, requests.Leave) and isinstance(answer, Ok):
            self.rooms[request.room].discard(self.tokens[session])
        self._check_promises(session, request, answer, effects)
        self._decide(effects, session)
        return answer

    def reject(self, session: int, request_id: str, refusal: Refusal) -> None:
        """A session sends what is no request."""
        before = summary(self.broker)
        effects = self.broker.reject(session, request_id, refusal, self.now)
        if session not in self.open:
            assert effects == [], "a closed session was answered"
            return
        assert isinstance(self._answer_in(effects, session, request_id), Error), "what was no request was not refused"
        self._check_refused(effects, before)
        self._decide(effects, session)

    def close(self, session: int) -> None:
        """A connection ends. The real hub drops the peer first, then tells the broker."""
        self._drop(session)
        self._end(session)

    def check(self) -> None:
        """All that must hold after every step."""
        check_whole(self)

    def advance(self, seconds: float) -> None:
        """Time passes, and the broker does what has become due."""
        self.commit()
        self.now += seconds
        due = self.broker.due()
        if due is None or due > self.now:
            assert self.broker.tick(self.now) == [], "something was done before it was due"
            return
        self._decide(self.broker.tick(self.now))
        due = self.broker.due()
        assert due is None or due > self.now, "what is due stays due: the hub would spin"
        assert self.broker.tick(self.now) == [], "what was due was done twice"

    def commit(self) -> None:
        """The batch is stored and carried out."""
        self.broker.settle()
        self.unsettled.clear()
        batch, self.batch = self.batch, []
        self._carry_out(batch)

    def fail(self) -> None:
        """The batch cannot be stored: what hangs on it is taken back, the rest is carried out."""
        batch, self.batch = self.batch, []
        remaining = self.broker.take_back([decided.effect for decided in batch])
        owed = [(d.effect.session, d.effect.event.id) for d in batch if isinstance(d.effect, Acknowledge)]
        refused = [
            (effect.session, effect.event.id)
            for effect in remaining
            if isinstance(effect, Reply) and isinstance(effect.event, Error) and effect.event.code == "not_stored"
        ]
        assert owed == refused, "somebody whose message was lost was not told so"
        for effect in remaining:
            assert not isinstance(effect, Publish | Acknowledge), "what was not stored was said"
        for key in self.unsettled:
            del self.sent[key]
        self.unsettled.clear()
        about = {id(decided.effect): decided for decided in batch}
        self._carry_out([about.get(id(effect), Decided(effect)) for effect in remaining])

    # ---- deciding -----------------------------------------------------------------------------

    def _end(self, session: int) -> None:
        effects = self.broker.close(session, self.now)
        if session not in self.open:
            assert effects == [], "closing twice did something"
            return
        self.open.discard(session)
        for listeners in self.ears.values():
            listeners.discard(session)
        self.shown.pop(session, None)
        token = self.tokens.get(session)
        if token is not None and not any(self.tokens.get(other) == token for other in self.open):
            del self.names[token]
            for members in self.rooms.values():
                members.discard(token)
        self._decide(effects)

    def _decide(self, effects: list[Effect], asker: int | None = None) -> None:
        """Follow what was decided, then check that all of it holds together."""
        whole_rooms: list[tuple[str, frozenset[int]]] = []
        decided = [Decided(effect) for effect in effects]
        for one in decided:
            effect = one.effect
            if isinstance(effect, Publish | Notify):
                whole_rooms.append((effect.room, frozenset(self.ears[effect.room])))
            self._follow(one, asker)
        for room, ears in whole_rooms:
            assert {self.tokens[ear] for ear in ears} <= self.rooms[room], f"{room} was heard by who is not in it"
        for one in decided:
            if isinstance(one.effect, Recall):
                one.asked_of = self._events_of(one.effect.request.room)
            elif isinstance(one.effect, Publish):
                one.who, one.sender = frozenset(self.rooms[one.effect.room]), self.tokens[asker or 0]
                one.life = self.lives[one.effect.room]
        check_unique(self)
        self._check_told(effects)
        talking = {room for room, members in self.rooms.items() if room.startswith("@") and members}
        for room in self.talking - talking:
            self.lives[room] += 1
        self.talking = talking
        self.batch.extend(decided)

    def _events_of(self, room: str) -> dict[int, RoomEvent]:
        stored = [line.event for line in self.log[room]]
        waiting = [d.effect.event for d in self.batch if isinstance(d.effect, Publish) and d.effect.room == room]
        return {id(event): event for event in stored + waiting}

    def _follow(self, decided: Decided, asker: int | None) -> None:
        effect = decided.effect
        if isinstance(effect, Reply | Acknowledge):
            assert effect.session == asker, "an answer went to somebody else"
            self._tell(effect.session, effect.event)
        elif isinstance(effect, Tell):
            assert len(set(effect.sessions)) == len(effect.sessions), "somebody is told twice"
            for session in effect.sessions:
                self._tell(session, effect.event)
            if isinstance(effect.event, Delivered):
                decided.who = frozenset(token for token, name in self.names.items() if name == effect.event.by)
        elif isinstance(effect, Subscribe):
            assert effect.session in self.open, "a closed session was subscribed"
            assert effect.session in self.tokens, "a nameless session was subscribed"
            self.ears[effect.room].add(effect.session)
            if effect.room.startswith("#") and effect.room not in self.broker.gathering:
                # as if it had asked at once who is there; what a gathering room will say of before is not known
                self.shown[effect.session][effect.room] = set(self.names_in(effect.room))
        elif isinstance(effect, Unsubscribe):
            self.ears[effect.room].discard(effect.session)
            self.shown[effect.session].pop(effect.room, None)
        elif isinstance(effect, Notify):
            self._notice(effect.room, effect.event)
        elif isinstance(effect, Recall | Throttle):
            assert effect.session == asker, "somebody else was answered or slowed down"
        elif isinstance(effect, Disconnect):
            assert effect.session in self.open, "a closed session was closed again"

    def _tell(self, session: int, event: Event) -> None:
        assert session in self.open, "a closed session was told something"
        if isinstance(event, Welcome):
            assert session not in self.tokens, "a session was welcomed twice"
            self.tokens[session] = event.token
            assert self.names.setdefault(event.token, event.name) == event.name, "one token is two people's"
            for info in event.rooms:
                self.rooms[info.name].add(event.token)
        assert session in self.tokens or isinstance(event, Error), "a nameless session was told more than errors"
        if isinstance(event, Room):
            is_new = self.tokens[session] not in self.rooms[event.room.name]
            past = event.room.last + 1 - event.room.first
            assert not (is_new and event.room.direct and past), "a newcomer is shown a conversation's past"
            self.rooms[event.room.name].add(self.tokens[session])
        elif isinstance(event, Left):
            self.rooms[event.room].discard(self.tokens[session])
        elif isinstance(event, Delivered):
            assert self.tokens[session] in self.rooms[event.room], "a sign came for a conversation that was left"

    def _notice(self, room: str, event: Event) -> None:
        """Follow who is here, as clients do from the notices they get."""
        for ear in self.ears[room]:
            shown = self.shown[ear]
            if isinstance(event, Presence) and room in shown:
                shown[room] = (shown[room] | set(event.joined)) - set(event.left)
            elif isinstance(event, Renamed):
                for names in shown.values():
                    if event.old in names:
                        names.remove(event.old)
                        names.add(event.new)
        if isinstance(event, Renamed):
            (token,) = (token for token, name in self.names.items() if name == event.old)
            self.names[token] = event.new

    def names_in(self, room: str) -> set[str]:
        """Who is in a room, by the names that everyone was told."""
        return {self.names[token] for token in self.rooms[room]}

    # ---- checks of one step -------------------------------------------------------------------

    def _answer_in(self, effects: list[Effect], session: int, request_id: str) -> Event | Recall:
        answers: list[Event | Recall] = []
        for effect in effects:
            if isinstance(effect, Reply | Acknowledge):
                assert effect.session == session, "an answer went to somebody else"
                assert getattr(effect.event, "id", None) == request_id, "an answer carries another id"
                answers.append(effect.event)
            elif isinstance(effect, Recall):
                assert (effect.session, effect.request.id) == (session, request_id), "a wrong history"
                answers.append(effect)
        assert len(answers) == 1, f"{len(answers)} answers to one request"
        return answers[0]

    def _check_refused(self, effects: list[Effect], before: dict[str, Any]) -> None:
        for effect in effects:
            assert isinstance(effect, Throttle | Reply | Disconnect), "a refused request had an effect"
        assert summary(self.broker) == before, "a refused request changed something"

    def _check_promises(self, session: int, request: AnyRequest, answer: Event | Recall, effects: list[Effect]) -> None:
        """An acknowledgement stands for a line published with it, or for the same one as last time."""
        published = [effect for effect in effects if isinstance(effect, Publish)]
        if not isinstance(answer, Ok) or answer.seq is None:
            assert not published, "a line was published and not acknowledged"
            return
        line = answer.room or "", answer.seq, answer.time or ""
        key = self.tokens[session], request.id
        if not published:
            assert self.sent.get(key) == line, "what was acknowledged was neither published now nor before"
            return
        (publish,) = published
        event = publish.event
        assert (event.room, event.seq, event.time) == line, "an acknowledgement names another line"
        assert publish.room == event.room, "a line went to another room's log"
        assert self.names[self.tokens[session]] == getattr(event, "sender", None), "a line under another's name"
        if isinstance(request, requests.Send):
            assert key not in self.sent, "a message sent twice was stored twice"
            self.sent[key] = line
            self.unsettled.add(key)

    def _check_told(self, effects: list[Effect]) -> None:
        """What was said about rooms and people is so, now that all of this step has happened."""
        for effect in effects:
            event = getattr(effect, "event", None)
            if isinstance(event, Presence):
                assert event.count == len(self.rooms[event.room]), "a wrong count of people"
            elif isinstance(event, People):
                assert [p.name for p in event.people] == sorted(
                    self.names_in(event.room), key=lambda name: forms_of(name).key
                ), "a wrong list of people"
            elif isinstance(event, RoomList):
                for room in event.rooms:
                    assert not room.name.startswith("@"), "a direct conversation was listed"
                    assert room.count == len(self.rooms[room.name]), "a wrong count in the list of rooms"
            elif isinstance(event, Room):
                self._check_info(event.room)
            elif isinstance(event, Welcome):
                for info in event.rooms:
                    self._check_info(info)

    def _check_info(self, info: RoomInfo) -> None:
        assert info.count == len(self.rooms[info.name]), "a wrong count in a room's description"
        assert info.direct == info.name.startswith("@"), "a room looks like a conversation, or the reverse"
        if info.direct:
            assert set(info.members) == self.names_in(info.name), "a wrong list of a conversation's people"

    # ---- carrying out -------------------------------------------------------------------------

    def _carry_out(self, batch: list[Decided]) -> None:
        """Carry out effects in their order. Histories are read after it, as in the real hub."""
        closed: list[int] = []
        for decided in batch:
            effect = decided.effect
            if isinstance(effect, Subscribe) and effect.session in self.peers:
                self.heard[effect.room].add(effect.session)
            elif isinstance(effect, Unsubscribe):
                self.heard[effect.room].discard(effect.session)
            elif isinstance(effect, Disconnect) and effect.session in self.peers:
                closed.append(effect.session)
                self._drop(effect.session)
            else:
                self._deliver(decided)
        for decided in batch:
            if isinstance(decided.effect, Recall):
                self._check_recall(decided, decided.effect)
        for session in closed:
            self._end(session)
        if self.batch:
            self.commit()

    def _drop(self, session: int) -> None:
        self.peers.discard(session)
        for listeners in self.heard.values():
            listeners.discard(session)

    def _deliver(self, decided: Decided) -> None:
        effect = decided.effect
        if isinstance(effect, Publish):
            self._store(decided, effect)
        elif isinstance(effect, Tell) and isinstance(effect.event, Delivered):
            self._check_sign(decided, effect, effect.event)
        if isinstance(effect, Publish | Notify):
            for session in self.heard[effect.room]:
                self._give(session, effect.event)
        elif isinstance(effect, Tell):
            for session in effect.sessions:
                self._give(session, effect.event)
        elif isinstance(effect, Reply | Acknowledge):
            self._give(effect.session, effect.event)

    def _store(self, decided: Decided, publish: Publish) -> None:
        event, lines = publish.event, self.log[publish.room]
        if decided.life != self.logged[publish.room]:
            self.logged[publish.room] = decided.life
            lines.clear()
        assert event.seq == len(lines) + 1, f"{event.room}: line {event.seq} follows {len(lines)}"
        lines.append(Line(event, decided.who, decided.sender))
        self.stored.add((event.room, event.seq, event.time))

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
            for info in event.rooms if isinstance(event, Welcome) else (event.room,):
                assert places.setdefault(info.name, info.last) == info.last, f"{info.name}: a wrong end"
        elif isinstance(event, Left):
            del places[event.room]
        elif isinstance(event, Ok) and event.room is not None:
            if event.seq is None:
                del places[event.room]
            else:
                assert (event.room, event.seq, event.time) in self.stored, "acknowledged before it was stored"

    def _check_sign(self, decided: Decided, effect: Tell, sign: Delivered) -> None:
        assert sign.seq <= len(self.log[sign.room]), "a sign for what was never said"
        line = self.log[sign.room][sign.seq - 1]
        assert decided.who, "a sign from nobody"
        assert decided.who <= line.audience, "a sign from somebody who never got the message"
        assert line.sender not in decided.who, "a sign from the sender"
        assert not decided.who & line.signs, "the same sign twice"
        assert {self.tokens[session] for session in effect.sessions} <= {line.sender}, "a sign for somebody else"
        line.signs |= decided.who

    def _check_recall(self, decided: Decided, recall: Recall) -> None:
        """Of a direct conversation nobody is shown what was said before they were in it."""
        room, token = recall.request.room, self.tokens[recall.session]
        if room.startswith("@"):
            for line in self.log[room]:
                if id(line.event) in decided.asked_of and line.event.seq > recall.floor:
                    assert token in line.audience, "another's conversation was shown"
