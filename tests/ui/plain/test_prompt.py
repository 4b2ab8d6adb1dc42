"""What a person does at a terminal and the others are told of, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.client.scripted import LOBBY, ScriptedServer, Session, next_event, next_of
from trio_chat.client import Chat, Reconnected
from trio_chat.client.options import Timeouts
from trio_chat.output import Output
from trio_chat.protocol import requests
from trio_chat.protocol.events import Error, Left, Room, RoomInfo, TypingNotice
from trio_chat.ui.actions.actions import SendRoom
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.plain.line_mode import LineMode, PlainOptions
from trio_chat.ui.plain.prompt import Prompt
from trio_chat.ui.terminal.terminal import Terminal


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer(nursery)
    yield scripted
    nursery.cancel_scope.cancel()


class FakeTerminal:
    """A terminal in memory, wide enough for every sentence."""

    def __init__(self) -> None:
        self.keys, self._typed = trio.open_memory_channel[bytes](1000)
        self.shown = b""

    async def read(self) -> bytes:
        return await self._typed.receive()

    async def write(self, output: Output) -> None:
        await trio.lowlevel.checkpoint()
        self.shown += output.encode()

    def size(self) -> tuple[int, int]:
        return 240, 24


class Person:
    """Somebody at a terminal."""

    def __init__(self, server: ScriptedServer, terminal: FakeTerminal) -> None:
        self._server = server
        self._terminal = terminal
        self._left = trio.Event()
        self._status = -1
        self.preferences = Preferences()

    async def talk(self, chat: Chat) -> None:
        """Have the program serve this terminal."""
        mode = LineMode(chat, PlainOptions(), preferences=self.preferences)
        prompt = Prompt(mode, cast("Terminal", self._terminal))
        self._status = await prompt.run()
        self._left.set()

    async def type(self, text: str, seconds: float = 0.5) -> None:
        """Press a key, and again after so many seconds."""
        for key in text:
            self._terminal.keys.send_nowait(key.encode())
            await trio.sleep(seconds)

    async def leaves(self) -> int:
        """Wait until the program ends; its exit status."""
        with trio.fail_after(60):
            await self._left.wait()
        return self._status

    @property
    def shown(self) -> str:
        """All that was written to the terminal."""
        return self._terminal.shown.decode()

    @property
    def told(self) -> list[str]:
        """The rooms that were told of it."""
        return [request.room for request in self._server.asked(requests.Typing)]


@asynccontextmanager
async def at_terminal(server: ScriptedServer) -> AsyncIterator[Person]:
    terminal = FakeTerminal()
    async with server.connect(timeouts=Timeouts(request=float("inf"))) as chat, trio.open_nursery() as nursery:
        person = Person(server, terminal)
        nursery.start_soon(person.talk, chat)
        yield person
        nursery.cancel_scope.cancel()


async def test_typing_sends_a_notice_every_three_seconds(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with at_terminal(server) as ada:
        await ada.type("a")
        assert ada.told == [LOBBY]
        await ada.type("x" * 20)  # 10.5 seconds by now
        assert ada.told == [LOBBY] * 4
        await trio.sleep(60)
        assert len(ada.told) <= 5  # who stops typing stops telling


async def test_no_typing_notice_is_sent_where_the_setting_is_off(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with at_terminal(server) as ada:
        await ada.type("/set typing off\r", seconds=0)
        await ada.type("hello ")
        assert ada.told == []
        await ada.type("\x15/set typing on\r", seconds=0)
        await ada.type("hello ")
        assert ada.told[:1] == [LOBBY]


async def test_clear_and_reconnect_work_at_once(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with at_terminal(server) as ada:
        await ada.type("/clear\r", seconds=0)
        await trio.sleep(1)
        assert "\x1b[2J" in ada.shown
        await ada.type("/reconnect\r", seconds=0)
        await trio.sleep(5)
        assert "A new connection was asked for." in ada.shown
        assert "Connected again." in ada.shown


async def test_no_typing_notice_follows_a_sent_message(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with at_terminal(server) as ada:
        await ada.type("hello\r", seconds=0.1)
        await trio.sleep(60)
        assert ada.told == [LOBBY]
        assert server.texts() == ["hello"]


async def test_a_line_typed_right_after_a_join_goes_to_the_new_room(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    server.logs["#ops"] = []
    async with at_terminal(server) as ada:
        await ada.type("here\r/join #ops\rthere\r/me waves\r/leave\rback\r", seconds=0)
        await trio.sleep(5)
        assert server.texts() == ["here", "back"]
        assert server.texts("#ops") == ["there", "waves"]


async def test_a_line_typed_right_after_a_refused_join_goes_nowhere(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def refuse(session: Session, request: requests.AnyRequest) -> bool:
        if isinstance(request, requests.Join):
            await trio.sleep(1)
            await session.say(Error(id=request.id, code="not_invited", message="#ops is private."))
        return isinstance(request, requests.Join)

    server.before = refuse
    async with at_terminal(server) as ada:
        await ada.type("/join #ops\rthe secret of ops\r@ALL: for all\r", seconds=0)
        await trio.sleep(5)
        assert server.texts() == ["for all"]
        assert b'Not sent: "the secret of ops". You are not in #ops; you are in #lobby.' in ada._terminal.shown
        await ada.type("now here\r")
        await trio.sleep(5)
        assert server.texts() == ["for all", "now here"]


@pytest.mark.parametrize("line", ["/nick grace", "/msg bob a secret", "   ", "@bob: hi"])
async def test_no_typing_notice_is_sent_for_commands_and_unfinished_names(
    server: ScriptedServer, autojump_clock: MockClock, line: str
) -> None:
    async with at_terminal(server) as ada:
        await ada.type(line)
        assert ada.told == []


async def test_a_refusal_or_an_outage_while_typing_disturbs_nobody(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def refuse(session: Session, request: requests.AnyRequest) -> bool:
        if isinstance(request, requests.Typing):
            await session.say(Error(id=request.id, code="too_fast", message="You are sending too fast."))
        return isinstance(request, requests.Typing)

    server.before = refuse
    async with at_terminal(server) as ada:
        await ada.type("abcdefghij")
        await server.session.drop()
        await ada.type("klmnopqrst")
        assert b"Too much" not in ada._terminal.shown
        assert len(ada.told) > 2


async def test_a_typing_notice_of_others_does_not_change_the_screen(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with at_terminal(server) as ada:
        await ada.type("half a line", seconds=0)
        await trio.testing.wait_all_tasks_blocked()
        before = ada._terminal.shown
        await server.session.say(TypingNotice(room=LOBBY, name="bob"))
        await trio.testing.wait_all_tasks_blocked()
        assert b"bob" not in ada._terminal.shown[len(before) :]
        assert b"\n" not in ada._terminal.shown[len(before) :]


# ---- while there is no connection --------------------------------------------------------------


@asynccontextmanager
async def offline(server: ScriptedServer) -> AsyncIterator[Person]:
    """Somebody at a terminal whose connection is lost, for as long as it takes."""
    async with at_terminal(server) as ada:
        await trio.testing.wait_all_tasks_blocked()
        server.down = True
        await server.session.drop()
        await trio.sleep(60)
        yield ada


@pytest.mark.parametrize("line", ["/who", "/rooms", "/list", "/search tea", "/context 3", "/bans #ops", "/devices"])
async def test_questions_to_the_server_are_refused_without_a_connection(
    server: ScriptedServer, autojump_clock: MockClock, line: str
) -> None:
    async with offline(server) as ada:
        await ada.type(f"{line}\r")
        assert "The server cannot be asked: there is no connection. Try again when the connection is back." in ada.shown
        assert "It will be" not in ada.shown
        await ada.type("/quit\r")
        assert await ada.leaves() == 0


@pytest.mark.parametrize(
    ("line", "promise"),
    [("hello", "sent"), ("@bob: psst", "sent"), ("/me waves", "sent"), ("/topic tea", "done"), ("/join #ops", "done")],
)
async def test_an_action_that_waits_for_the_connection_is_announced(
    server: ScriptedServer, autojump_clock: MockClock, line: str, promise: str
) -> None:
    async with offline(server) as ada:
        await ada.type(f"{line}\r")
        assert f"It will be {promise} when the connection is back." in ada.shown


async def test_actions_that_need_no_server_are_done_while_others_wait(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with offline(server) as ada:
        await ada.type("hello\r/help who\r/nosuch\r/numbers on\r")
        assert "list the people in a room" in ada.shown.lower()
        assert "Unknown command /nosuch." in ada.shown
        assert "Numbers are shown." in ada.shown
        assert ada.shown.count("It will be") == 1


@pytest.mark.parametrize("end", ["/quit\r", "\x04", "\x03"])
async def test_lines_that_are_not_acknowledged_are_listed_on_leaving(
    server: ScriptedServer, autojump_clock: MockClock, end: str
) -> None:
    async with offline(server) as ada:
        await ada.type("one\rtwo\x1b\rthree\r/password\rhunter22\rhunter22\r" + end, seconds=0)
        assert await ada.leaves() == (130 if end == "\x03" else 1)
        assert ada.shown.endswith("! 3 lines were not acknowledged:\r\n  one\r\n  two\r\n    three\r\n  /password\r\n")


async def test_one_line_that_is_not_acknowledged_is_listed_too(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with offline(server) as ada:
        await ada.type("lost\r/quit\r")
        assert await ada.leaves() == 1
        assert ada.shown.endswith("! One line was not acknowledged:\r\n  lost\r\n")


# ---- keys --------------------------------------------------------------------------------------


async def test_ctrl_l_clears_the_screen_and_keeps_the_input(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with at_terminal(server) as ada:
        await ada.type("half\x0c")
        assert ada.shown.endswith("\x1b[H\x1b[2J\r\x1b[J#lobby> half\r\x1b[12C")


async def test_ctrl_c_in_a_search_leaves_the_search_and_not_the_chat(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with at_terminal(server) as ada:
        await ada.type("hello\rhalf\x12hel\x03")
        assert ada.shown.endswith("#lobby> half\r\x1b[12C")
        await ada.type("\x03")
        assert await ada.leaves() == 130


async def test_a_line_for_a_room_that_the_person_is_removed_from_is_not_sent_elsewhere(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with at_terminal(server) as ada:
        await ada.type("/join #secret\rthe sec", 0.1)
        await server.session.say(Left(room="#secret", reason="bob removed you."))
        await ada.type("ret\rhello\r", 0.1)
        assert [one.text for one in server.asked(requests.Send)] == ["hello"]
        assert 'Not sent: "the secret". You are not in #secret; you are in #lobby.' in ada.shown


async def test_lines_for_a_private_room_go_nowhere_when_it_is_gone_with_the_servers_history(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        talk = LineMode(chat, PlainOptions())
        await talk.go_to("#secret")
        await server.session.say(Room(room=RoomInfo(name="#secret", private=True)))
        assert talk.tell(await next_of(chat, Room)) is not None
        await server.session.drop()
        server.epoch = "2"
        server.people.clear()
        del server.logs["#secret"]
        talk.tell(await next_of(chat, Reconnected))
        (line,) = talk.tell(await next_event(chat))
        assert line.endswith("which was private. /join #secret makes a new one, open to everybody at first.")
        refused = talk.meaning(talk.parse("the secret"))
        assert isinstance(refused, Error)
        assert refused.message == 'Not sent: "the secret".'
        assert refused.advice == "You are not in #secret; you are in #lobby."
        talk.see_where()
        assert talk.meaning(talk.parse("hello")) == SendRoom(LOBBY, "hello")
