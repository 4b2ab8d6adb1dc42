"""How the server ends: it accepts no more, tells everyone, and waits for a bounded time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.server.live_server import GateStore, LiveServer, Log, run_live_server
from tests.server.raw_client import Closed, Gone, RawClient, request, until, upgrade_head
from trio_chat.config import ServerConfig
from trio_chat.errors import TrioChatError
from trio_chat.server.app import open_server
from trio_chat.store import Store

pytestmark = pytest.mark.usefixtures("logged")


@asynccontextmanager
async def opened(nursery: trio.Nursery, *, store: Store | None = None, grace: float = 5.0) -> AsyncIterator[LiveServer]:
    """A server in a task of its own."""
    config = ServerConfig(port=0, rate=0.0, shutdown_grace=grace, memory=True)
    live = await nursery.start(partial(run_live_server, config, store=store))
    try:
        yield live
    finally:
        live.send_everyone_away()


async def test_everyone_is_told_why_and_when_to_come_back_and_then_closed(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    async with opened(nursery) as live:
        clients = await live.join_all("ada", "bob", "eve")
        clients.append(await live.enter())  # one who has not said hello yet
        live.server.stop()
        for client in clients:
            events, code, reason = await client.wait_closed()
            assert events == [
                {
                    "type": "closing",
                    "code": "shutting_down",
                    "message": "The server is shutting down.",
                    "advice": "It may be back soon; try again.",
                    "retry": 2.0,
                }
            ]
            assert (code, reason) == (1001, "The server is shutting down.")
        await live.ended.wait()


async def test_nobody_gives_way_to_another_at_the_end(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.newcomers.PLACES", 1)
    async with opened(nursery) as live:
        clients = await live.join_all("ada", "bob", "eve")
        live.server.stop()
        for client in clients:  # each has answered the close, and hangs up later than all others
            closing = await client.next()
            assert closing["code"] == "shutting_down"
            with pytest.raises(Closed):
                await client.next()
        await until(lambda: live.server.newcomers.size == 3)
        assert "crowded" not in live.server.hub.tally.refusals
        for client in clients:
            client.hang_up()
        await live.ended.wait()


async def test_a_server_without_anybody_ends_at_once(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
    async with opened(nursery) as live:
        live.server.stop()
        await live.ended.wait()


async def test_what_was_accepted_is_stored_given_to_all_and_acknowledged_first(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    async with opened(nursery, store=store) as live:
        ada, bob = await live.join_all("ada", "bob")
        store.shut()
        await ada.send(request("send", "1", room="#lobby", text="one"))
        await until(lambda: store.batches)
        waiting = live.server.hub.waiting
        await ada.send(request("send", "2", room="#lobby", text="two"))
        await until(lambda: live.server.hub.waiting > waiting)
        live.server.stop()
        await until(lambda: live.server.hub.waiting == waiting + 2)
        store.release()
        events, code, _ = await ada.wait_closed()
        assert [event.get("id") or event.get("text") or event["code"] for event in events] == [
            "one",
            "1",
            "two",
            "2",
            "shutting_down",
        ]
        assert code == 1001
        events, _, _ = await bob.wait_closed()
        assert [event.get("text") or event["code"] for event in events] == ["one", "two", "shutting_down"]
        await live.ended.wait()
        assert [entry.seq for batch in store.batches for entry in batch] == [1, 2]


async def test_what_comes_after_is_neither_stored_nor_acknowledged(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    async with opened(nursery, store=store) as live:
        ada = await live.join("ada")
        live.server.stop()
        while not isinstance(await ada.next_frame(), Closed):
            pass
        await ada.send(request("send", "1", room="#lobby", text="too late"))
        ada.hang_up()
        await live.ended.wait()
        assert store.batches == []


async def test_records_that_are_stored_now_and_then_are_stored_at_the_end_too(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    for gone_before in (True, False):
        store = GateStore()
        async with opened(nursery, store=store) as live:
            ada = await live.join("ada")
            await ada.say("hello")
            await ada.ask("read", room="#lobby", seq=1)
            if gone_before:
                ada.hang_up()
                await until(lambda: not live.server._sockets)
            await live.end()
        assert [(read.room, read.seq) for read in (await store.load()).reads] == [(1, 1)]


async def test_the_port_is_closed_at_once_even_while_some_are_still_there(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    async with opened(nursery) as live:
        ada = await live.join("ada")
        live.server.stop()
        while not isinstance(closed := await ada.next_frame(), Closed):
            pass
        with pytest.raises(OSError, match=r"refused|reset|connect"):
            await live.knock()
        assert not live.ended.is_set()
        await ada.answer_close(closed)
        assert await ada.read_to_end() == b""
        ada.hang_up()
        await live.ended.wait()


async def test_the_end_waits_for_clients_that_have_not_answered(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    async with opened(nursery) as live:
        ada = await live.join("ada")
        live.server.stop()
        while not isinstance(closed := await ada.next_frame(), Closed):
            pass
        await trio.testing.wait_all_tasks_blocked()
        assert not live.ended.is_set()
        assert not ada.has_something
        await ada.answer_close(closed)
        assert await ada.read_to_end() == b""
        ada.hang_up()
        await live.ended.wait()


async def test_a_client_that_never_answers_is_cut_at_the_deadline(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    async with opened(nursery, grace=3.0) as live:
        ada, bob = await live.join_all("ada", "bob")
        silent = await live.knock()
        await until(lambda: live.server._entrance.waits.scopes)
        live.server.stop()
        assert await silent.read_to_end() == b""  # has said nothing, so is told nothing
        silent.hang_up()
        assert (await bob.wait_closed())[1] == 1001
        await trio.testing.wait_all_tasks_blocked()
        assert not live.ended.is_set()
        mock_clock.jump(4)
        await live.ended.wait()
        assert (await ada.wait_closed())[1] == 1001


async def test_a_hub_that_is_stuck_does_not_keep_the_server_from_ending(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.hub._INBOX", 3)
    store = GateStore()
    async with opened(nursery, store=store, grace=3.0) as live:
        clients = await live.join_all(*"abcdefgh")
        store.shut()
        await clients[0].send(request("send", "1", room="#lobby", text="stuck"))
        await until(lambda: store.batches)
        for client in clients:
            await client.send(request("ping", "1"))
        await until(lambda: live.server.hub.waiting == 3)
        live.server.stop()
        for seconds in (3.5, 1):  # the connections' deadline, then the hub's
            await trio.testing.wait_all_tasks_blocked()
            assert not live.ended.is_set()
            mock_clock.jump(seconds)
        await live.ended.wait()


async def test_a_client_that_comes_at_the_last_moment_is_told_too(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    async with opened(nursery, store=store) as live:
        ada = await live.join("ada")
        store.shut()
        await ada.send(request("send", "1", room="#lobby", text="hold"))
        await until(lambda: store.batches)
        first, late = await live.knock(), await live.knock()
        await first.send(upgrade_head({"Username": "bob"}))
        await until(lambda: live.server.hub.waiting == 1)
        await late.send(b"GET")
        await until(lambda: live.server._entrance.waits.scopes)
        live.server.stop()
        await until(lambda: live.server.hub.waiting == 2)
        store.release()
        assert (await first.read_answer_head()).status == 101
        events, code, _ = await first.wait_closed()
        assert (events[-1]["code"], code) == ("shutting_down", 1001)
        with pytest.raises(Gone):
            await late.read_answer_head()
        late.hang_up()
        assert (await ada.wait_closed())[1] == 1001
        await live.ended.wait()


async def test_an_upgrade_that_reaches_the_hub_after_the_end_was_decided_is_refused_in_words(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    async with opened(nursery) as live:
        ada = await live.join("ada")
        late = await live.knock()
        await until(lambda: live.server._entrance.waits.scopes)
        live.server.hub._stopping = True
        answer = await late.upgrade({"Username": "bob"})
        assert (answer.status, answer.json["code"]) == (503, "shutting_down")
        live.server.stop()
        assert (await ada.wait_closed())[1] == 1001
        await live.ended.wait()


async def test_a_client_whose_password_is_checked_after_the_end_began_is_refused_in_words(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", lambda *_: go_on.wait(60))
    async with opened(nursery) as live:
        ada = await live.join("ada")
        assert (await ada.ask("password", password="correct horse"))["type"] == "ok"
        late = await live.knock()
        try:
            await late.send(upgrade_head({"Username": "ada", "Trio-Chat-Password": "correct%20horse"}))
            await until(lambda: live.server.hub._hashing.passwords.asked)
            live.server.stop()
            assert (await ada.wait_closed())[1] == 1001
        finally:
            go_on.set()
        assert (await late.read_answer_head()).status == 503
        late.hang_up()
        await live.ended.wait()


async def test_cancelling_ends_it_at_once(logged: Log) -> None:
    async with trio.open_nursery() as nursery, opened(nursery) as live:
        await live.join_all("ada", "bob")
        await live.knock()
        nursery.cancel_scope.cancel()
    assert not live.ended.is_set()
    live.send_everyone_away()


async def test_a_port_in_use_is_told_with_what_to_do(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
    async with opened(nursery) as live:
        port = live.server.addresses[0][1]
        with pytest.raises(TrioChatError) as told:
            async with open_server(ServerConfig(port=port, memory=True)) as server:
                await server.run()
        assert str(told.value) == (
            f"Port {port} on 127.0.0.1 is in use already. Choose another with --port, or stop what uses it."
        )
        live.server.stop()


async def test_a_host_that_is_none_is_told(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
    async with open_server(ServerConfig(port=0, host="192.0.2.1", memory=True)) as server:
        with pytest.raises(TrioChatError, match=r"^Cannot listen on 192\.0\.2\.1 port 0: "):
            await server.run()


# ---- as a program, with signals -------------------------------------------------------------------

PROGRAM = """
import trio
from trio_chat.config import ServerConfig
from trio_chat.server.process import run
config = ServerConfig(port=0, shutdown_grace=60.0, memory=True)
async def announce(server):
    print(*server.urls, flush=True)
trio.run(lambda: run(config, announce=announce))
print("done", flush=True)
"""


@dataclass
class Program:
    """A server in a process of its own."""

    process: trio.Process
    address: tuple[str, int]
    clients: list[RawClient] = field(default_factory=list)

    async def join(self, name: str) -> RawClient:
        client = await RawClient.open(self.address)
        self.clients.append(client)
        assert (await client.upgrade({"Username": name})).status == 101
        await client.until("presence")
        return client

    async def read_to_end(self) -> str:
        assert self.process.stdout is not None
        data = b""
        async for piece in self.process.stdout:
            data += piece
        return data.decode()


@asynccontextmanager
async def program(folder: Path) -> AsyncIterator[Program]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
    )
    assert process.stdout is not None
    said = b""
    running = None
    try:
        while not (found := re.search(rb"ws://(127\.0\.0\.1):(\d+)/\n", said)):
            piece = await process.stdout.receive_some()
            assert piece, said
            said += piece
        running = Program(process, (found[1].decode(), int(found[2])))
        yield running
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        await process.stdout.aclose()
        for client in running.clients if running is not None else ():
            client.hang_up()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_program_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    async with program(tmp_path) as running:
        ada = await running.join("ada")
        os.kill(running.process.pid, number)
        events, code, _ = await ada.wait_closed()
        assert (events[-1]["code"], code) == ("shutting_down", 1001)
        said = await running.read_to_end()
        assert await running.process.wait() == 0
        assert said.rstrip().endswith("done")
        assert "stopping" in said
        assert number.name in said
        assert "Traceback" not in said


async def test_a_second_signal_ends_the_program_at_once(tmp_path: Path) -> None:
    async with program(tmp_path) as running:
        ada = await running.join("ada")
        os.kill(running.process.pid, signal.SIGINT)
        while not isinstance(await ada.next_frame(), Closed):
            pass  # and does not answer it
        os.kill(running.process.pid, signal.SIGTERM)
        said = await running.read_to_end()
        assert await running.process.wait() == 0
        assert "stopping at once" in said
        assert "Traceback" not in said
