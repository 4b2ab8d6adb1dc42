"""What two screens of one person show is what the log says, whatever five people do."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
import trio
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.ui.searching import LONG, search
from tests.ui.tui.house import URL, House, ScreenDevice, play
from trio_chat.broker.rooms import describe
from trio_chat.broker.state import ChatRoom
from trio_chat.client import Identities
from trio_chat.client.chat import Chat
from trio_chat.client.known_accounts import AccountRef
from trio_chat.errors import NotDone
from trio_chat.protocol import events
from trio_chat.ui.actions.actions import (
    Action,
    JoinRoom,
    LeaveRoom,
    Rename,
    SendRoom,
    SendTo,
    SetAway,
    carry_out,
)
from trio_chat.ui.actions.messages import ByNumber, DeleteMessage, EditMessage, ReactToMessage
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.log import Entry, entry_of
from trio_chat.ui.tui.model.room import RoomModel

OTHERS = ("bob", "eve", "cyd")
ROOMS = ("#lobby", "#ops", "#plans")
PEOPLE = st.sampled_from(("A", "B", *OTHERS))
TEXTS = ("lunch?", "@ada: look", "for @bob and @ada", "@eve", "see @ann")
NAMES = ("ann", "zed", "yan")

_ANYBODYS = 4  # from this number on, a deletion is of somebody else's message
number = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(OTHERS), st.sampled_from(("#lobby", "#ops")), st.sampled_from(TEXTS)),
    st.tuples(st.just("say"), st.just("bob"), st.just("#ops"), st.sampled_from(TEXTS[:3])),
    st.tuples(st.sampled_from(("edit", "delete")), st.just("bob"), number).flatmap(
        lambda one: st.tuples(*map(st.just, one), st.sampled_from(TEXTS)) if one[0] == "edit" else st.just(one)
    ),
    st.tuples(st.just("say"), PEOPLE, st.sampled_from(ROOMS), st.sampled_from(TEXTS)),
    st.tuples(st.just("tell"), PEOPLE, st.sampled_from(OTHERS), st.sampled_from(TEXTS)),
    st.tuples(st.just("edit"), PEOPLE, number, st.sampled_from(TEXTS)),
    st.tuples(st.just("delete"), PEOPLE, number),
    st.tuples(st.just("react"), PEOPLE, number, st.booleans()),
    st.tuples(st.just("rename"), PEOPLE, st.sampled_from((*NAMES, "ada", *OTHERS))),
    st.tuples(st.sampled_from(("join", "leave")), PEOPLE, st.sampled_from(ROOMS)),
    st.tuples(st.just("kick"), st.sampled_from(OTHERS), st.sampled_from(ROOMS), st.sampled_from(("ada", *OTHERS))),
    st.tuples(st.just("away"), PEOPLE, st.booleans()),
    st.tuples(st.sampled_from(("cut", "unplug", "plug")), PEOPLE),
    st.tuples(st.sampled_from(("unplug", "plug")), st.sampled_from("AB")),
    st.tuples(st.sampled_from(("restart", "blur", "focus")), st.sampled_from("AB")),
    st.tuples(st.just("look"), st.sampled_from("AB"), number),
    st.tuples(st.just("ignore"), st.sampled_from("AB"), st.sampled_from(OTHERS), st.booleans()),
)


class Company:
    """Ada at two screens, A and B, and three other people; what they do, and what must be seen of it."""

    def __init__(self, house: House, nursery: trio.Nursery) -> None:
        self.house = house
        self.devices: dict[str, ScreenDevice] = {}
        self._scopes: dict[str, trio.CancelScope] = {}
        self._nursery = nursery

    async def begin(self) -> None:
        for name in OTHERS:
            await self._nursery.start(self.house.enter, name)
        for device in "AB":  # one account, proven by one token
            Identities(self.house.directory / device).remember(URL, "ada", "ada's token " * 4)
        for device in "AB":
            await self._start(device)
        await self.house.chats["bob"].join("#ops")
        await self.house.chats["cyd"].join("#plans")
        await self._join("A", "#ops")
        await self.house.settle()
        for device in "AB":
            await self._look(device, 0)
        await self.house.settle()
        await self.check()

    async def _start(self, device: str) -> None:
        self.devices[device] = ScreenDevice(self.house, device)
        self._scopes[device] = await self._nursery.start(self.devices[device].run)

    def chat(self, who: str) -> Chat:
        return self.devices[who].chat if who in self.devices else self.house.chats[who]

    async def do(self, step: tuple[object, ...]) -> None:
        """Do one thing, as far as it is allowed, and see that the screens are right."""
        what, who, *rest = step
        assert isinstance(who, str)
        if who in self.house.unplugged and what not in {"plug", "restart"}:
            return
        with contextlib.suppress(NotDone):  # what is not allowed changes nothing
            await getattr(self, f"_{what}")(who, *rest)
        await self.house.settle()
        await self.check()

    # ---- what people do ------------------------------------------------------------------------

    async def _by(self, who: str, action: Action) -> None:
        """Let somebody do something: ada as her screens do it, the others through the library."""
        if who in self.devices:
            self.devices[who].screen._queue.act(action)
        else:
            await carry_out(action, self.chat(who), Place())

    async def _say(self, who: str, room: str, text: str) -> None:
        if who in self.devices:
            self.devices[who].screen._queue.say(SendRoom(room, text), None)
        else:
            await self._by(who, SendRoom(room, text))

    async def _tell(self, who: str, to: str, text: str) -> None:
        await self._by(who, SendTo((self.chat(to).name,), text))

    async def _nth(self, back: int, who: str | None = None) -> tuple[str, ByNumber]:
        """A message of any room, or one that somebody said."""
        rooms = self.house.hub.broker.rooms.values()
        said = [line for room in rooms for line in await self.house.log(room) if isinstance(line, events.Message)]
        if who is not None:
            said = [line for line in said if line.sender_id == self.chat(who).accounts.own]
        if not said:
            raise NotDone("none", "Nothing was said.", "")
        line = sorted(said, key=lambda one: one.time)[-1 - back % len(said)]
        return line.room, ByNumber(line.seq)

    async def _edit(self, who: str, back: int, text: str) -> None:
        await self._by(who, EditMessage(*await self._nth(back, who), text))

    async def _delete(self, who: str, back: int) -> None:
        await self._by(who, DeleteMessage(*await self._nth(back, who if back < _ANYBODYS else None)))

    async def _react(self, who: str, back: int, on: bool) -> None:  # noqa: FBT001 - from a tuple
        await self._by(who, ReactToMessage(*await self._nth(back), "+1", on=on))

    async def _rename(self, who: str, name: str) -> None:
        await self._by(who, Rename(name))

    async def _join(self, who: str, room: str) -> None:
        await self._by(who, JoinRoom(room))

    async def _leave(self, who: str, room: str) -> None:
        await self._by(who, LeaveRoom(room))

    async def _kick(self, who: str, room: str, whom: str) -> None:
        name = self.chat("A").name if whom == "ada" else self.chat(whom).name
        await self.chat(who).kick(room, name)

    async def _away(self, who: str, gone: bool) -> None:  # noqa: FBT001 - from a tuple
        await self._by(who, SetAway("lunch" if gone else None))

    async def _cut(self, who: str) -> None:
        await trio.lowlevel.checkpoint()
        self.house.cut(who)

    async def _unplug(self, who: str) -> None:
        self.house.unplugged.add(who)
        await self._cut(who)

    async def _plug(self, who: str) -> None:
        await self.house.plug(who, self.chat(who))

    async def end(self) -> None:
        """Let everybody come back, and see that the screens are right."""
        for who in list(self.house.unplugged):
            await self._plug(who)
        await self.house.settle()
        await self.check()

    async def _restart(self, device: str) -> None:
        if device in self.house.unplugged:  # it would start under a name that may be another's by now, and ask
            await self._plug(device)
        self._scopes[device].cancel()
        await self.house.settle()
        await self._start(device)

    async def _blur(self, device: str) -> None:
        await trio.lowlevel.checkpoint()
        self.devices[device].model.attention.focused = False

    async def _focus(self, device: str) -> None:
        await trio.lowlevel.checkpoint()
        one = self.devices[device]
        one.model.attention.focused = True
        one.screen._requests.apply(one.model.saw())

    async def _look(self, device: str, at: int) -> None:
        await trio.lowlevel.checkpoint()
        one = self.devices[device]
        rooms = one.model.listed()
        one.screen._requests.apply(one.model.look(rooms[at % len(rooms)].name))

    async def _ignore(self, device: str, whom: str, on: bool) -> None:  # noqa: FBT001 - from a tuple
        await trio.lowlevel.checkpoint()
        one = self.devices[device]
        one.model.place.ignored.do(Ignore(self.chat(whom).name, on), one.model.place.accounts)
        one.screen._requests.apply(one.model.count())

    # ---- what must be seen ---------------------------------------------------------------------

    async def check(self) -> None:
        """Compare each screen's model with what follows from the hub's log."""
        for label, device in self.devices.items():
            if label in self.house.unplugged:  # and behind what happens
                continue
            model = device.model
            me = self.house.person(model.place.accounts.own)
            assert model.me == me.name.shown, label
            assert model.rooms.keys() == me.rooms.keys(), label
            numbers = [room.number for room in model.rooms.values()]
            assert len(set(numbers)) == len(numbers), (label, numbers)
            assert min(numbers) == 1, (label, numbers)
            for room in me.rooms.values():
                await self._check_room(device, room, f"{label} {room.name}")

    async def _check_room(self, device: ScreenDevice, truth: ChatRoom, where: str) -> None:
        model, log = device.model, await self.house.log(truth)
        room, accounts = model.rooms[truth.name], model.place.accounts
        me = self.house.person(accounts.own)
        told, described = room.facts.info(), describe(truth, me)
        if room.direct:  # nobody is told who of a conversation is here
            told, described = replace(told, count=0), replace(described, count=0)
        assert told == described, where
        assert room.read == me.read.get(truth.id, 0), where
        unread = [
            line
            for line in log
            if isinstance(line, events.Message)
            and line.seq > room.read
            and not line.deleted
            and line.sender_id != me.id
            and not model.place.ignored.covers(line.sender, line.sender_id)
        ]
        mentions = [line for line in unread if me.id in line.mentions]
        assert (room.unread, room.mentions) == (len(unread), len(mentions)), where
        if model.attention.focused and room is model.room:
            assert not unread, where
        if room is not model.room:
            assert room.new_since == (room.read if unread else None), where
        elif room.new_since is not None:
            assert room.new_since <= room.read, where
        self._check_people(device, room, truth, where)
        shown = [_seen(entry) for entry in room.log.entries if not entry.local]
        anew = [_seen(entry) for line in log if (entry := entry_of(line)) is not None]
        assert shown == (anew[-len(shown) :] if shown else []), where

    def _check_people(self, device: ScreenDevice, room: RoomModel, truth: ChatRoom, where: str) -> None:
        model = device.model
        if room.direct:
            others = {one.name for one in model.place.others(room.name)}
            assert others == {m.person.name.shown for m in truth.members.values()} - {model.me}, where
        if room.people.complete:
            here = {(p.id, p.name.shown, _word(truth, p.id)) for p in truth.here.values()}
            assert {(one.id, one.name, one.role) for one in room.people} == here, where
            away = {one.id: model.away.reason(one.name, one.id) for one in room.people}
            assert away == {p.id: p.away for p in truth.here.values()}, where


def _word(room: ChatRoom, account: int) -> str:
    role = room.role_of(room.members[account].person)
    return role.word if role.value > 1 else ""


def _seen(entry: Entry) -> tuple[object, ...]:
    """All of an entry that can change."""
    reactions = {mark: set(map(_account, people)) for mark, people in (entry.reactions or {}).items()}
    return entry.seq, entry.kind, entry.text, entry.deleted, entry.edited, entry.mentions, reactions


def _account(person: AccountRef) -> int:
    return person.account


def run(*done: tuple[object, ...], company: type[Company] = Company) -> None:
    """Play these steps in a house of their own, and check both screens after each."""

    async def do(house: House) -> None:
        async with trio.open_nursery() as nursery:
            people = company(house, nursery)
            await people.begin()
            for step in done:
                await people.do(step)
            await people.end()
            nursery.cancel_scope.cancel()

    with tempfile.TemporaryDirectory() as directory:
        play(Path(directory), do)


def test_a_message_that_was_edited_before_it_was_deleted_is_only_deleted() -> None:
    run(
        ("say", "A", "#lobby", "lunch?"),
        ("edit", "A", 0, "see @ann"),
        ("delete", "B", 0),
        ("restart", "A"),
    )


def test_unread_messages_survive_a_restart_and_a_cut_as_they_are() -> None:
    run(
        ("join", "A", "#ops"),
        ("say", "bob", "#ops", "@ada: look"),
        ("say", "bob", "#ops", "lunch?"),
        ("blur", "B"),
        ("say", "eve", "#lobby", "@ada: look"),
        ("edit", "bob", 2, "lunch?"),
        ("restart", "A"),
        ("cut", "B"),
        ("look", "A", 1),
        ("look", "A", 0),
        ("say", "bob", "#ops", "@ada: look"),
        ("delete", "bob", 0),
    )


def test_what_another_device_read_meanwhile_is_read_after_a_reconnect() -> None:
    run(("unplug", "A"), ("say", "bob", "#lobby", "lunch?"), ("say", "bob", "#lobby", "@ada: look"), ("plug", "A"))


def test_a_screen_comes_back_to_its_account_though_its_old_name_is_another_persons() -> None:
    run(
        ("unplug", "A"),
        ("rename", "B", "ann"),
        ("rename", "bob", "ada"),
        ("say", "bob", "#ops", "see @ann"),
        ("plug", "A"),
        ("say", "A", "#ops", "lunch?"),
    )


@pytest.mark.search
@pytest.mark.parametrize("part", range(8 if LONG else 1))  # parts, for no test may take long
def test_two_screens_show_what_the_log_says(part: int, pytestconfig: pytest.Config) -> None:
    def play_steps(done: list[tuple[object, ...]]) -> None:
        run(*done)

    search(st.lists(steps, min_size=10, max_size=40), play_steps, pytestconfig, part, short=15, long=60)
