"""What a person does at a terminal and the others are told of, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.client.scripted import LOBBY, ScriptedServer, Session
from trio_chat.protocol import requests
from trio_chat.protocol.events import Error, TypingNotice
from trio_chat.ui.plain import Look, Talk
from trio_chat.ui.prompt import Prompt
from trio_chat.ui.terminal import Terminal


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer(nursery)
    yield scripted
    nursery.cancel_scope.cancel()


class FakeTerminal:
    """A terminal in memory: 80 by 24."""

    def __init__(self) -> None:
        self.keys, self._typed = trio.open_memory_channel[bytes](1000)
        self.shown = b""

    async def read(self) -> bytes:
        return await self._typed.receive()

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.shown += data

    def size(self) -> tuple[int, int]:
        return 80, 24


class Person:
    """Somebody at a terminal."""

    def __init__(self, server: ScriptedServer, terminal: FakeTerminal) -> None:
        self._server = server
        self._terminal = terminal

    async def type(self, text: str, seconds: float = 0.5) -> None:
        """Press a key, and again after so many seconds."""
        for key in text:
            self._terminal.keys.send_nowait(key.encode())
            await trio.sleep(seconds)

    @property
    def told(self) -> list[str]:
        """The rooms that were told of it."""
        return [request.room for request in self._server.asked(requests.Typing)]


@asynccontextmanager
async def at_terminal(server: ScriptedServer) -> AsyncIterator[Person]:
    terminal = FakeTerminal()
    async with server.connect(request_timeout=float("inf")) as chat, trio.open_nursery() as nursery:
        nursery.start_soon(Prompt(Talk(chat, Look()), cast("Terminal", terminal)).run)
        yield Person(server, terminal)
        nursery.cancel_scope.cancel()


async def test_who_types_a_message_tells_the_room_every_three_seconds(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with at_terminal(server) as ada:
        await ada.type("a")
        assert ada.told == [LOBBY]
        await ada.type("x" * 20)  # 10.5 seconds by now
        assert ada.told == [LOBBY] * 4
        await trio.sleep(60)
        assert len(ada.told) <= 5  # who stops typing stops telling


async def test_who_has_sent_the_message_types_no_more(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with at_terminal(server) as ada:
        await ada.type("hello\r", seconds=0.1)
        await trio.sleep(60)
        assert ada.told == [LOBBY]
        assert server.texts() == ["hello"]


async def test_what_is_typed_right_behind_a_join_goes_to_the_new_room(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    server.logs["#ops"] = []
    async with at_terminal(server) as ada:
        await ada.type("here\r/join #ops\rthere\r/me waves\r/leave\rback\r", seconds=0)
        await trio.sleep(5)
        assert server.texts() == ["here", "back"]
        assert server.texts("#ops") == ["there", "waves"]


async def test_what_is_typed_right_behind_a_join_that_is_refused_goes_nowhere(
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
        assert b"You are not in #ops, so that was not done: the secret of ops" in ada._terminal.shown
        await ada.type("now here\r")
        await trio.sleep(5)
        assert server.texts() == ["for all", "now here"]


@pytest.mark.parametrize("line", ["/nick grace", "/msg bob a secret", "   ", "@bob: hi"])
async def test_what_is_nobodys_business_is_told_nobody(
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
            await session.say(Error(id=request.id, code="too_fast", message="Too much at once."))
        return isinstance(request, requests.Typing)

    server.before = refuse
    async with at_terminal(server) as ada:
        await ada.type("abcdefghij")
        await server.session.drop()
        await ada.type("klmnopqrst")
        assert b"Too much" not in ada._terminal.shown
        assert len(ada.told) > 2


async def test_somebody_elses_typing_leaves_the_screen_as_it_is(
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
