"""A state machine that leads a crowd of people through a broker, in every order that Hypothesis can think of."""

from __future__ import annotations

from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.broker.hub_model import Hub
from trio_chat.broker import Settings, presence, talk
from trio_chat.errors import refuse
from trio_chat.protocol.events import Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import (
    Away,
    Hello,
    History,
    Join,
    Leave,
    Nick,
    Ping,
    Read,
    Received,
    Rooms,
    Send,
    Topic,
    Typing,
    Who,
)

FEW = 3
"""People from which on a room counts as big, so that a small crowd shows what happens in one."""

NAMES = (
    *(
        "ada",
        "Ada",
        "\uff21\uff24\uff21",
        "\u0430da",
        "bob",
        "BOB",
        "b0b",
        "\u1d47ob",
        "cyd",
        "Ian",
        "ian",
        "lan",
        "Lan",
    ),
    *("stra\u00dfe", "STRASSE", "jos\u00e9", "jose\u0301", "rnike", "mike", "user_1000", "user_l000"),
    *("server", "All", "", "a b", "bob.", "\u202ebob", "x" * 33, "#ops", "@ada"),
)
"""Names, and what is none: other cases, full width, look-alikes of other scripts, reserved words, odd ones."""

ROOMS = (LOBBY, "#ops", "#OPS", "ops", "#caf\u00e9", "#b", "#", "", "#no way", "@ada", "@ada+bob", "#" + "x" * 33)
TEXTS = (*("hello", "one two", "three"), *("", " \n", "x" * 40, "x" * 41, "\x1b[2J", "\u200b", "\u0645\u0631"))

who = st.integers(0, 11)
"""Whose turn it is: one of the open sessions, counted around."""
where = st.integers(0, 31)
"""Which room: below 16 one that the person is in, below 24 any that somebody was in, else an odd one."""
names = st.sampled_from(NAMES)
texts = st.sampled_from(TEXTS)
seqs = st.one_of(st.integers(0, 12), st.just(2**53))
passwords = st.sampled_from((None, "right", "wrong"))


class BrokerMachine(RuleBasedStateMachine):
    """See the module. What is checked, and how, is in :mod:`tests.broker.hub_model`."""

    def __init__(self) -> None:
        super().__init__()
        self._patches = [mock.patch.object(module, "BIG_ROOM", FEW) for module in (presence, talk)]
        for patch in self._patches:
            patch.start()
        self._asked = 0
        self._batch = 1
        self._sends: list[Send] = []
        self.hub = Hub(Settings())

    def teardown(self) -> None:
        for patch in self._patches:
            patch.stop()

    @initialize(
        password=st.sampled_from((None, None, None, "right")),
        rate=st.sampled_from((0.0, 0.0, 4.0)),
        idle=st.sampled_from((0.0, 30.0)),
        people=st.integers(2, 5),
        batch=st.sampled_from((1, 3, 50)),
    )
    def begin(self, password: str | None, rate: float, idle: float, people: int, batch: int) -> None:
        self._batch = batch
        settings = Settings(
            password=password,
            max_text=40,
            max_recipients=3,
            max_rooms=5,
            rate=rate,
            burst=12.0,
            idle_timeout=idle,
            hello_timeout=10.0,
        )
        self.hub = Hub(settings)
        for name in ("ada", "bob", "cyd", "dan", "eve")[:people]:
            self.hub.connect(Hello(id="h", name=name, password=password))
        self.hub.commit()

    # ---- coming and going ---------------------------------------------------------------------

    @rule()
    def connect(self) -> None:
        if len(self.hub.open) < 12:
            self.hub.connect(number=len(self.hub.open) % 2 * 8999)

    @rule(name=st.none() | names, password=passwords)
    def connect_with_headers(self, name: str | None, password: str | None) -> None:
        if len(self.hub.open) < 12:
            self.hub.connect(Hello(id="", name=name, password=password))

    @rule(turn=who, name=st.none() | names, password=passwords, right=st.booleans())
    def hello(self, turn: int, name: str | None, password: str | None, right: bool) -> None:  # noqa: FBT001 - a drawn value
        password = self.hub.broker.settings.password if right else password
        self._ask_first(turn, Hello(id=self._id(), name=name, password=password))

    @rule(turn=who, owner=who, loud=st.booleans(), own=st.booleans())
    def hello_with_token(self, turn: int, owner: int, loud: bool, own: bool) -> None:  # noqa: FBT001 - drawn values
        people = sorted(self.hub.names.items())
        if not people:
            return
        token, name = people[owner % len(people)]
        name, token = name.upper() if loud else name, token if own else "stolen"
        password = self.hub.broker.settings.password
        answer = self._ask_first(turn, Hello(id=self._id(), name=name, token=token, password=password))
        assert own or not isinstance(answer, Welcome) or answer.token != people[owner % len(people)][0]

    @rule(turn=who)
    def close(self, turn: int) -> None:
        self.hub.close(self._session(turn))

    @rule(turn=who, shout=st.booleans())
    def make_room_for_a_namesake(self, turn: int, shout: bool) -> None:  # noqa: FBT001 - a drawn value
        """Somebody goes, from all devices, and somebody else comes under that name."""
        session = self._session(turn)
        token = self.hub.tokens.get(session, "")
        name = self.hub.names.get(token, "ada")
        for device in [other for other in self.hub.open if self.hub.tokens.get(other, "") == token]:
            self.hub.close(device)
        password = self.hub.broker.settings.password
        self.hub.connect(Hello(id="", name=name.upper() if shout else name, password=password))

    @rule(session=st.integers(0, 30), name=names)
    def ask_when_closed(self, session: int, name: str) -> None:
        if session not in self.hub.open:
            self.hub.close(session)
            for request in (Hello(id="c", name=name), Send(id="c", room=LOBBY, text="x"), Ping(id="c")):
                self.hub.ask(session, request)
            self.hub.reject(session, "c", refuse("not_json", why="x"))

    @rule(turn=who)
    def babble(self, turn: int) -> None:
        self.hub.reject(self._session(turn), self._id(), refuse("not_json", why="it is not"))

    # ---- talking ------------------------------------------------------------------------------

    @rule(turn=who, room=where, text=texts)
    def send(self, turn: int, room: int, text: str) -> None:
        session = self._session(turn)
        self._send(session, Send(id=self._id(), room=self._room(session, room), text=text))

    @rule(turn=who, to=st.lists(names, max_size=4), text=texts, odd=st.integers(0, 9))
    def send_to_names(self, turn: int, to: list[str], text: str, odd: int) -> None:
        room = LOBBY if odd == 0 else None
        self._send(self._session(turn), Send(id=self._id(), to=tuple(to) if odd != 1 else None, room=room, text=text))

    @rule(turn=who, others=st.lists(who, min_size=1, max_size=2))
    def whisper(self, turn: int, others: list[int]) -> None:
        session = self._session(turn)
        mine = self.hub.tokens.get(session)
        here = [name for token, name in sorted(self.hub.names.items()) if token != mine]
        if here:
            to = tuple(here[other % len(here)] for other in others)
            self._send(session, Send(id=self._id(), to=to, text="psst"))

    @precondition(lambda self: self._sends)
    @rule(turn=who, which=st.integers(0, 7))
    def send_again(self, turn: int, which: int) -> None:
        self.hub.ask(self._session(turn), self._sends[-1 - which % len(self._sends)])

    @rule(turn=who, room=where, seq=seqs)
    def received(self, turn: int, room: int, seq: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, Received(id=self._id(), room=self._room(session, room), seq=seq))

    @rule(turn=who)
    def receive_all(self, turn: int) -> None:
        """As a client does: tell of each direct message in the rooms one is in that it came."""
        session = self._session(turn)
        for room, place in list(self.hub.places[session].items()):
            if room.startswith("@"):
                for seq in range(max(1, place - 1), place + 2):
                    self.hub.ask(session, Received(id=self._id(), room=room, seq=seq))

    @rule(turn=who, room=where, seq=seqs)
    def read(self, turn: int, room: int, seq: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, Read(id=self._id(), room=self._room(session, room), seq=seq))

    @rule(turn=who, room=where)
    def typing(self, turn: int, room: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, Typing(id=self._id(), room=self._room(session, room)))

    @rule(turn=who, room=where, after=st.none() | seqs, before=st.none() | seqs)
    def history(self, turn: int, room: int, after: int | None, before: int | None) -> None:
        session = self._session(turn)
        self.hub.ask(session, History(id=self._id(), room=self._room(session, room), after=after, before=before))

    # ---- rooms and names ----------------------------------------------------------------------

    @rule(turn=who, room=where)
    def join(self, turn: int, room: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, Join(id=self._id(), room=self._room(session, room)))

    @rule(turn=who, room=where)
    def leave(self, turn: int, room: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, Leave(id=self._id(), room=self._room(session, room)))

    @rule(turn=who, room=where, text=texts)
    def topic(self, turn: int, room: int, text: str) -> None:
        session = self._session(turn)
        self.hub.ask(session, Topic(id=self._id(), room=self._room(session, room), text=text))

    @rule(turn=who, room=where)
    def look_around(self, turn: int, room: int) -> None:
        session = self._session(turn)
        for request in (
            Rooms(id=self._id()),
            Who(id=self._id()),
            Who(id=self._id(), room=self._room(session, room)),
            Ping(id=self._id()),
        ):
            self.hub.ask(session, request)

    @rule(turn=who, name=names)
    def nick(self, turn: int, name: str) -> None:
        self.hub.ask(self._session(turn), Nick(id=self._id(), name=name))

    @rule(turn=who)
    def leave_first(self, turn: int) -> None:
        """Leave a direct conversation, if there is one."""
        session = self._session(turn)
        self.hub.ask(session, Leave(id=self._id(), room=self._room(session, 0)))

    @rule(turn=who, text=st.none() | texts)
    def away(self, turn: int, text: str | None) -> None:
        self.hub.ask(self._session(turn), Away(id=self._id(), text=text))

    # ---- the hub's own ------------------------------------------------------------------------

    @rule()
    def commit(self) -> None:
        self.hub.commit()

    @rule()
    def fail(self) -> None:
        self.hub.fail()

    @rule(seconds=st.sampled_from((0.0, 0.1, 0.25, 1.0, 9.9, 10.0, 30.0)))
    def advance(self, seconds: float) -> None:
        self.hub.advance(seconds)

    @invariant()
    def promises_hold(self) -> None:
        self.hub.check()

    # ---- choosing -----------------------------------------------------------------------------

    def _id(self) -> str:
        """A new request's id. Before each so many requests, what waits is stored."""
        self._asked += 1
        if self._asked % self._batch == 0:
            self.hub.commit()
        return f"r{self._asked}"

    def _session(self, turn: int) -> int:
        """An open session. When all are gone, one comes."""
        if not self.hub.open:
            self.hub.connect()
        sessions = sorted(self.hub.open)
        return sessions[turn % len(sessions)]

    def _room(self, session: int, room: int) -> str:
        mine = sorted(self.hub.places[session], reverse=True)  # direct conversations first
        choices = (mine, sorted(self.hub.rooms), ROOMS)[0 if room < 16 else 1 if room < 24 else 2] or [LOBBY]
        return choices[room % len(choices)]

    def _ask_first(self, turn: int, hello: Hello) -> object:
        """Say hello, mostly from a session that has not yet."""
        nameless = sorted(self.hub.open - self.hub.tokens.keys())
        session = nameless[turn % len(nameless)] if nameless and turn else self._session(turn)
        return self.hub.ask(session, hello)

    def _send(self, session: int, send: Send) -> None:
        self._sends.append(send)
        self.hub.ask(session, send)
