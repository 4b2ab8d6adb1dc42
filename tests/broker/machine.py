"""A state machine that leads a crowd of people through a broker, in every order that Hypothesis can think of."""

from __future__ import annotations

from dataclasses import replace as replace_settings
from typing import Literal
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec.structs import replace

from tests.broker.draws import (
    KEYS,
    NETWORKS,
    ROOMS,
    SECONDS,
    VALUES,
    addresses,
    admissions,
    names,
    passwords,
    person_numbers,
    quiet,
    room_numbers,
    seconds,
    seqs,
    texts,
    turns,
)
from tests.broker.file_rules import FileRules
from tests.broker.hub_model import HubModel
from tests.broker.invite_rules import InviteRules
from trio_chat.broker import BrokerSettings, presence, talk
from trio_chat.errors import refuse
from trio_chat.protocol import requests
from trio_chat.protocol.events import Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import MIN_TOKEN, AnyRequest, Hello, Ping, Send

FEW = 3
"""People from which on a room counts as big, so that a small crowd shows what happens in one."""


class BrokerMachine(InviteRules, FileRules):
    """See the module. The checks are in :mod:`tests.broker.hub_model`."""

    def __init__(self) -> None:
        super().__init__()
        self._patches = [mock.patch.object(module, "BIG_ROOM", FEW) for module in (presence, talk)]
        for patch in self._patches:
            patch.start()
        self._asked = 0
        self._batch = 1
        self._sends: list[tuple[int, Send]] = []
        self.hub = HubModel(BrokerSettings())

    def teardown(self) -> None:
        for patch in self._patches:
            patch.stop()

    @initialize(
        password=st.sampled_from((None, None, None, "right")),
        rate=st.sampled_from((0.0, 0.0, 0.0, 4.0)),
        idle=st.sampled_from((0.0, 0.0, 30.0)),
        owned=st.sampled_from((True, True, True, False)),
        expiry=st.sampled_from((0.0, 15.0)),
        new_names=st.sampled_from((0, 0, 8)),
        people=st.integers(2, 5),
        batch=st.sampled_from((1, 3, 50)),
    )
    def begin(
        self,
        password: str | None,
        rate: float,
        idle: float,
        owned: bool,  # noqa: FBT001 - a drawn value
        expiry: float,
        new_names: int,
        people: int,
        batch: int,
    ) -> None:
        self._batch = batch
        settings = BrokerSettings(
            password=password,
            max_text=40,
            max_recipients=3,
            max_rooms=5,
            rate=rate,
            burst=25.0,
            idle_timeout=idle,
            handshake_timeout=10.0,
            names="owned" if owned else "guest",
            name_expiry=expiry,
            new_names=new_names,
            invite_key=b"not so random",
            max_file=400,
            file_quota=1000,
            files_total=2500,
            max_uploads=3,
        )
        self.hub = HubModel(settings)
        for name in ("ada", "bob", "cyd", "dan", "eve")[:people]:
            self.hub.connect(Hello(id="", name=name, password=password))
        self.hub.commit()
        for session in sorted(self.hub.open)[:3]:
            self.hub.ask(session, requests.Join(id=self._id(), room="#ops"))
        self.hub.order("invite", uses=2, rooms=("#ops",))
        self.hub.commit()

    # ---- coming and going ---------------------------------------------------------------------

    @rule(address=addresses)
    def connect(self, address: str) -> None:
        if len(self.hub.open) < 12:
            self.hub.connect(number=len(self.hub.open) % 2 * 8999, address=address)

    @rule(name=st.none() | names, password=passwords, right=st.booleans(), address=addresses, quiet=quiet)
    def connect_with_headers(
        self,
        name: str | None,
        password: str | None,
        right: bool,  # noqa: FBT001 - Hypothesis passes by name
        address: str,
        quiet: bool,  # noqa: FBT001 - as above
    ) -> None:
        if len(self.hub.open) < 12:
            password = self.hub.settings.password if right else password
            self.hub.connect(Hello(id="", name=name, password=password, quiet=quiet), address=address)

    @rule(turn=turns, name=st.none() | names, password=passwords, right=st.booleans(), quiet=quiet)
    def hello(self, turn: int, name: str | None, password: str | None, right: bool, quiet: bool) -> None:  # noqa: FBT001 - drawn values
        password = self.hub.settings.password if right else password
        self._ask_first(turn, Hello(id=self._id(), name=name, password=password, quiet=quiet))

    @precondition(lambda self: self.hub.holders)
    @rule(turn=turns, which=st.integers(0, 30), own=st.booleans(), header=st.booleans(), quiet=quiet, address=addresses)
    def come_back(self, turn: int, which: int, own: bool, header: bool, quiet: bool, address: str) -> None:  # noqa: FBT001 - drawn values
        """With a token that was given out, for the name whose it is or another's."""
        tokens = sorted(self.hub.holders)
        token = tokens[which % len(tokens)]
        account = self.hub.ahead.accounts.get(self.hub.holders[token])
        name = account.name if own and account is not None else self._name(which % 16)
        hello = Hello(id="", name=name, token=token, password=self.hub.settings.password, quiet=quiet)
        if not header:
            self._ask_first(turn, replace(hello, id=self._id()))
        elif len(self.hub.open) < 12:
            self.hub.connect(hello, address=address)

    @rule(turn=turns, name=names, which=st.integers(0, 3), header=st.booleans(), address=addresses)
    def claim(self, turn: int, name: str, which: int, header: bool, address: str) -> None:  # noqa: FBT001 - a drawn value
        """With a token that the device made itself, perhaps for another name before."""
        token = f"made by device {which}".ljust(MIN_TOKEN)
        hello = Hello(id="", name=name, token=token, password=self.hub.settings.password)
        if not header:
            self._ask_first(turn, replace(hello, id=self._id()))
        elif len(self.hub.open) < 12:
            self.hub.connect(hello, address=address)

    @rule(turn=turns, other=person_numbers, right=st.booleans(), header=st.booleans())
    def hello_with_account_password(self, turn: int, other: int, right: bool, header: bool) -> None:  # noqa: FBT001 - drawn values
        given = "my own secret" if right else "a guess"
        name = self._name(other)
        hello = Hello(id="", name=name, account_password=given, password=self.hub.settings.password)
        if not header:
            answer = self._ask_first(turn, replace(hello, id=self._id()))
            assert right or not isinstance(answer, Welcome) or self.hub.holders.get(answer.token) is None
        elif len(self.hub.open) < 12:
            self.hub.connect(hello)

    @rule(turn=turns)
    def close(self, turn: int) -> None:
        self.hub.close(self._session(turn))

    @rule(turn=turns)
    def go_for_good(self, turn: int) -> None:
        """Somebody goes, with all that they are connected with, and somebody else comes under that name."""
        session = self._session(turn)
        if session in self.hub.whose:
            name, account = self.hub.name_of(session), self.hub.whose[session]
            for device in [other for other, holder in self.hub.whose.items() if holder == account]:
                self.hub.close(device)
            self.hub.connect(Hello(id="", name=name.upper(), password=self.hub.settings.password))

    @rule(session=st.integers(0, 30), name=names)
    def ask_when_closed(self, session: int, name: str) -> None:
        if session not in self.hub.open:
            self.hub.close(session)
            for request in (Hello(id="c", name=name), Send(id="c", room=LOBBY, text="x"), Ping(id="c")):
                self.hub.ask(session, request)
            self.hub.reject(session, "c", refuse("not_json", why="x"))

    @rule(turn=turns)
    def babble(self, turn: int) -> None:
        self.hub.reject(self._session(turn), self._id(), refuse("not_json", why="it is not"))

    # ---- talking ------------------------------------------------------------------------------

    @rule(turn=turns, room=room_numbers, text=texts, reply=st.sampled_from((None, None, 1, 2, 3, 99)))
    def send(self, turn: int, room: int, text: str, reply: int | None) -> None:
        session = self._session(turn)
        self._send(session, Send(id=self._id(), room=self._room(session, room), text=text, reply_to=reply))

    @rule(turn=turns, to=st.lists(names, max_size=4), text=texts, odd=st.integers(0, 9))
    def send_to_names(self, turn: int, to: list[str], text: str, odd: int) -> None:
        room = LOBBY if odd == 0 else None
        self._send(self._session(turn), Send(id=self._id(), to=tuple(to) if odd != 1 else None, room=room, text=text))

    @rule(turn=turns, to=st.lists(person_numbers, min_size=1, max_size=2), reply=st.sampled_from((None, None, None, 1)))
    def whisper(self, turn: int, to: list[int], reply: int | None) -> None:
        session = self._session(turn)
        self._send(session, Send(id=self._id(), to=tuple(map(self._name, to)), text="psst @ada", reply_to=reply))

    @precondition(lambda self: self._sends)
    @rule(which=st.integers(0, 7), turn=turns, same=st.booleans(), again=st.booleans())
    def send_again(self, which: int, turn: int, same: bool, again: bool) -> None:  # noqa: FBT001 - drawn values
        """A message is sent again: as clients do, marked as sent again, or soon after without that."""
        account, send = self._sends[-1 - which % len(self._sends)]
        mine = [session for session, holder in sorted(self.hub.whose.items()) if holder == account]
        session = mine[turn % len(mine)] if same and mine else self._session(turn)
        holder = self.hub.broker.persons.get(self.hub.whose.get(session, 0))
        if again or (holder is not None and send.id in holder.sent_ids):
            self.hub.ask(session, replace(send, again=True if again else send.again))

    @rule(turn=turns, room=room_numbers, seq=seqs, text=texts)
    def edit(self, turn: int, room: int, seq: int, text: str) -> None:
        session = self._session(turn)
        self.hub.ask(session, requests.Edit(id=self._id(), room=self._room(session, room), target=seq, text=text))

    @rule(turn=turns, room=room_numbers, seq=seqs)
    def delete(self, turn: int, room: int, seq: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, requests.Delete(id=self._id(), room=self._room(session, room), target=seq))

    @rule(
        turn=turns,
        room=room_numbers,
        seq=seqs,
        mark=st.sampled_from(("+1", "\U0001f44d", " ", "a b")),
        on=st.booleans(),
    )
    def react(self, turn: int, room: int, seq: int, mark: str, on: bool) -> None:  # noqa: FBT001 - a drawn value
        session = self._session(turn)
        request = requests.React(id=self._id(), room=self._room(session, room), target=seq, mark=mark, on=on)
        self.hub.ask(session, request)

    @rule(turn=turns, room=room_numbers, seq=seqs, kind=st.sampled_from((requests.Read, requests.Received)))
    def sign(self, turn: int, room: int, seq: int, kind: type[requests.Read | requests.Received]) -> None:
        session = self._session(turn)
        self.hub.ask(session, kind(id=self._id(), room=self._room(session, room), seq=seq))

    @rule(turn=turns)
    def receive_all(self, turn: int) -> None:
        """As a client does: tell of each direct message in the rooms one is in that it came."""
        session = self._session(turn)
        for room, place in list(self.hub.places[session].items()):
            if room.startswith("@"):
                for seq in range(max(1, place - 1), place + 2):
                    self.hub.ask(session, requests.Received(id=self._id(), room=room, seq=seq))

    @rule(turn=turns, room=room_numbers, after=st.none() | seqs, before=st.none() | seqs)
    def look_around(self, turn: int, room: int, after: int | None, before: int | None) -> None:
        session = self._session(turn)
        name = self._room(session, room)
        asked: tuple[AnyRequest, ...] = (
            requests.Typing(id=self._id(), room=name),
            requests.History(id=self._id(), room=name, after=after, before=before),
            requests.Search(id=self._id(), words=("hello",), room=name if after is None else None, sender=None),
            requests.Rooms(id=self._id()),
            requests.Who(id=self._id(), room=name if before is None else None),
            requests.Devices(id=self._id()),
            requests.Bans(id=self._id(), room=name),
            Ping(id=self._id()),
        )
        for request in asked:
            self.hub.ask(session, request)

    # ---- rooms and names ----------------------------------------------------------------------

    @rule(turn=turns, room=room_numbers)
    def join(self, turn: int, room: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, requests.Join(id=self._id(), room=self._room(session, room)))

    @rule(turn=turns, name=st.sampled_from(("#ops", "#b", "#caf\u00e9")))
    def enter(self, turn: int, name: str) -> None:
        self.hub.ask(self._session(turn), requests.Join(id=self._id(), room=name))

    @rule(turn=turns, room=room_numbers, remove=st.booleans())
    def leave(self, turn: int, room: int, *, remove: bool) -> None:
        session = self._session(turn)
        self.hub.ask(session, requests.Leave(id=self._id(), room=self._room(session, room), remove=remove))

    @rule(turn=turns, room=room_numbers, text=texts)
    def topic(self, turn: int, room: int, text: str) -> None:
        session = self._session(turn)
        self.hub.ask(session, requests.Topic(id=self._id(), room=self._room(session, room), text=text))

    @rule(turn=turns, name=names)
    def nick(self, turn: int, name: str) -> None:
        self.hub.ask(self._session(turn), requests.Nick(id=self._id(), name=name))

    @rule(turn=turns, text=st.none() | texts)
    def away(self, turn: int, text: str | None) -> None:
        self.hub.ask(self._session(turn), requests.Away(id=self._id(), text=text))

    @rule(turn=turns)
    def set_password(self, turn: int) -> None:
        self.hub.ask(self._session(turn), requests.SetPassword(id=self._id(), password="my own secret"))

    @rule(turn=turns, device=st.integers(0, 12))
    def revoke(self, turn: int, device: int) -> None:
        self.hub.ask(self._session(turn), requests.Revoke(id=self._id(), device=device))

    # ---- keeping order ------------------------------------------------------------------------

    @rule(turn=turns, room=room_numbers, other=person_numbers)
    def invite(self, turn: int, room: int, other: int) -> None:
        session = self._session(turn)
        self.hub.ask(session, requests.Invite(id=self._id(), room=self._room(session, room), name=self._name(other)))

    @rule(turn=turns, room=room_numbers, key=st.sampled_from(KEYS), value=st.integers(0, 1))
    def configure(self, turn: int, room: int, key: str, value: int) -> None:
        session = self._session(turn)
        request = requests.Configure(id=self._id(), room=self._room(session, room))
        self.hub.ask(session, replace(request, **{key: VALUES[key][value]}))

    @rule(turn=turns, room=room_numbers, other=person_numbers, role=st.sampled_from(("owner", "moderator", "member")))
    def set_role(self, turn: int, room: int, other: int, role: str) -> None:
        session = self._session(turn)
        request = requests.SetRole(
            id=self._id(),
            room=self._room(session, room),
            name=self._name(other),
            role=role,  # type: ignore[arg-type] # a role
        )
        self.hub.ask(session, request)

    @rule(turn=turns, room=room_numbers, other=person_numbers)
    def kick(self, turn: int, room: int, other: int) -> None:
        session = self._session(turn)
        request = requests.Kick(id=self._id(), room=self._room(session, room), name=self._name(other), reason="so")
        self.hub.ask(session, request)

    @rule(
        turn=turns,
        room=room_numbers,
        other=person_numbers,
        network=st.sampled_from(NETWORKS),
        by_name=st.booleans(),
        seconds=seconds,
    )
    def ban(self, turn: int, room: int, other: int, network: str, by_name: bool, seconds: float | None) -> None:  # noqa: FBT001 - a drawn value
        session = self._session(turn)
        request = requests.Ban(id=self._id(), room=self._room(session, room), seconds=seconds)
        one = {"name": self._name(other)} if by_name else {"network": network}
        self.hub.ask(session, replace(request, **one))

    @rule(turn=turns, room=room_numbers, other=person_numbers, network=st.sampled_from(NETWORKS), by_name=st.booleans())
    def unban(self, turn: int, room: int, other: int, network: str, by_name: bool) -> None:  # noqa: FBT001 - a drawn value
        session = self._session(turn)
        request = requests.Unban(id=self._id(), room=self._room(session, room))
        self.hub.ask(session, replace(request, **({"name": self._name(other)} if by_name else {"network": network})))

    @rule(turn=turns, room=room_numbers, other=person_numbers, seconds=st.sampled_from((*SECONDS, 0.0)))
    def mute(self, turn: int, room: int, other: int, seconds: float | None) -> None:
        session = self._session(turn)
        request = requests.Mute(id=self._id(), room=self._room(session, room), name=self._name(other), seconds=seconds)
        self.hub.ask(session, request)

    @rule(other=person_numbers, do=st.sampled_from(("promote", "promote", "demote", "reset-name")))
    def order(self, other: int, do: str) -> None:
        self.hub.order(do, self._name(other))

    @rule(do=st.sampled_from(("users", "rooms", "bans", "stats", "unban", "invites")), number=st.integers(1, 4))
    def look_in(self, do: str, number: int) -> None:
        self.hub.order(do, str(number))

    @rule(room=st.integers(0, 3), turn=turns, what=st.integers(0, 5))
    def keep_order_and_be_tried(self, room: int, turn: int, what: int) -> None:
        """An owner makes a rule, and somebody else at once breaks it."""
        owned = sorted(
            (self.hub.ahead.rooms[number].name, session)
            for number, account in self.hub.ahead.members
            for session, holder in self.hub.whose.items()
            if holder == account and self.hub.ahead.members[number, account].role == 3
        )
        others = sorted(session for session in self.hub.whose)
        if not owned or not others:
            return
        name, owner = owned[room % len(owned)]
        other = others[turn % len(others)]
        their_name = self.hub.name_of(other)  # before an id is made: that may commit, and they may be gone then
        rules: tuple[AnyRequest, ...] = (
            requests.Mute(id=self._id(), room=name, name=their_name),
            requests.Configure(id=self._id(), room=name, announce_only=True),
            requests.Configure(id=self._id(), room=name, slow=5.0),
            requests.Configure(id=self._id(), room=name, private=True),
            requests.Ban(id=self._id(), room=name, name=their_name),
            requests.Configure(id=self._id(), room=name, announce_only=False, slow=0.0, private=False),
        )
        if owner in self.hub.open:
            self.hub.ask(owner, rules[what])
        for session in (other, owner):
            self._send(session, Send(id=self._id(), room=name, text="may I?"))
            self._send(session, Send(id=self._id(), room=name, text="may I again?"))
        self.hub.ask(other, requests.Join(id=self._id(), room=name))

    @rule(turn=turns, gap=st.booleans())
    def send_twice(self, turn: int, gap: bool) -> None:  # noqa: FBT001 - a drawn value
        """As after a connection was lost: the same again, perhaps with others' messages in between."""
        session = self._session(turn)
        send = Send(id=self._id(), room=LOBBY, text="once")
        self._send(session, send)
        if gap:
            self._send(self._session(turn + 1), Send(id=self._id(), room=LOBBY, text="between"))
        self.hub.ask(session, replace(send, again=True))

    # ---- the hub's own ------------------------------------------------------------------------

    @rule()
    def commit(self) -> None:
        self.hub.commit()

    @rule()
    def fail(self) -> None:
        self.hub.fail()

    @rule()
    def save(self) -> None:
        self.hub.save()

    @rule(orderly=st.booleans(), back=st.integers(0, 5), admit=admissions)
    def restart(self, orderly: bool, back: int, admit: Literal["everyone", "invites", "accounts"] | None) -> None:  # noqa: FBT001 - a drawn value
        """The server starts again, and some come back with the tokens that they had."""
        if admit is not None:
            self.hub.settings = replace_settings(self.hub.settings, admit=admit)
        self.hub.restart(orderly=orderly)
        for token, account in sorted(self.hub.holders.items())[:back]:
            holder = self.hub.kept.accounts.get(account)
            if holder is not None:
                self.hub.connect(Hello(id="", name=holder.name, token=token, password=self.hub.settings.password))

    @rule(seconds=st.sampled_from((0.0, 0.1, 0.25, 1.0, 5.0, 9.9, 10.0, 30.0)))
    def advance(self, seconds: float) -> None:
        self.hub.advance(seconds)

    @invariant()
    def promises_hold(self) -> None:
        self.hub.check()

    # ---- choosing -----------------------------------------------------------------------------

    def _id(self) -> str:
        """A new request's id. Every so many requests the open batch is stored."""
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

    def _name(self, which: int) -> str:
        accounts = sorted(self.hub.ahead.accounts.items())
        return accounts[which % len(accounts)][1].name if accounts and which < 15 else "nobody"

    def _room(self, session: int, room: int) -> str:
        there = sorted(held.name for held in self.hub.ahead.rooms.values())
        mine = sorted(name for name in there if session in self.hub.ears[name])
        choices = (mine, there, ROOMS)[0 if room < 20 else 1 if room < 27 else 2] or [LOBBY]
        return choices[room % len(choices)]

    def _ask_first(self, turn: int, hello: Hello) -> object:
        """Say hello, mostly from a session that has not yet."""
        nameless = sorted(self.hub.open - self.hub.whose.keys())
        if not nameless and turn and len(self.hub.open) < 12:
            nameless = [self.hub.connect()]
        session = nameless[turn % len(nameless)] if nameless and turn else self._session(turn)
        return self.hub.ask(session, hello)

    def _send(self, session: int, send: Send) -> None:
        self._sends.append((self.hub.whose.get(session, 0), send))
        self.hub.ask(session, send)
