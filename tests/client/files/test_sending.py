"""Files sent by the client library to a real server, over sockets that break."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

import trio_chat
from tests.client.files.ways import breaking_way
from tests.client.test_against_server import QUICK, serving
from trio_chat.client import Chat, Identities
from trio_chat.client.options import Reconnection, Timeouts
from trio_chat.protocol.events import Message
from trio_chat.protocol.files import caption_of
from trio_chat.server.app import Server

BIG = 3_000_000


def port_of(server: Server) -> int:
    return int(server.urls[0].rstrip("/").rpartition(":")[2])


def over(scheme: str) -> dict[str, object]:
    """Settings of a server that other machines can reach, so that it speaks TLS; or of one on this machine."""
    return {"host": "0.0.0.0", "open": True} if scheme == "wss" else {}


def some_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@asynccontextmanager
async def talking(url: str, name: str, folder: Path, *, timeouts: Timeouts | None = None) -> AsyncIterator[Chat]:
    async with trio_chat.connect(
        url,
        name=name,
        identities=Identities(folder / name),
        listen=False,
        reconnection=Reconnection(backoff=QUICK),
        timeouts=timeouts,
    ) as chat:
        yield chat


async def last_message(chat: Chat, room: str = "#lobby") -> Message:
    event = (await chat.history(room, limit=1)).events[-1]
    assert isinstance(event, Message)
    return event


async def count_messages(chat: Chat, room: str = "#lobby") -> int:
    return sum(isinstance(event, Message) for event in (await chat.history(room)).events)


def journal(folder: Path, name: str) -> list[Path]:
    return sorted((folder / name / "uploads").rglob("*.json"))


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_file_arrives_with_its_hash_and_nothing_is_left_behind(tmp_path: Path, scheme: str) -> None:
    data = some_bytes(BIG)
    path = tmp_path / "build.log"
    path.write_bytes(data)
    async with serving(**over(scheme)) as server:
        url = f"{scheme}://127.0.0.1:{port_of(server)}/"
        async with talking(url, "ada", tmp_path) as ada:
            states: list[str] = []
            receipt = await ada.send_file("#lobby", path, "it failed", progress=lambda step: states.append(step.state))
            message = await last_message(ada)
            assert (message.seq, caption_of(message)) == (receipt.seq, "it failed")
            (file,) = message.files
            assert (file.name, file.size, file.sha256) == ("build.log", BIG, hashlib.sha256(data).hexdigest())
            assert {"moving", "checking"} < set(states)
            assert states[-1] == "done"
            assert journal(tmp_path, "ada") == []


async def test_several_files_and_streams_go_with_one_message_to_people(tmp_path: Path) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1000

    (tmp_path / "empty").touch()
    async with (
        serving() as server,
        talking(server.urls[0], "ada", tmp_path) as ada,
        talking(server.urls[0], "bob", tmp_path) as bob,
    ):
        receipt = await ada.send_files(None, [tmp_path / "empty", (stream(), "../log:1.txt")], to="bob")
        message = await last_message(bob, receipt.room)
        assert [(file.name, file.size) for file in message.files] == [("empty", 0), ("_log_1.txt", 3000)]
        assert caption_of(message) == ""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_an_upload_that_is_cut_goes_on_where_the_server_has_it(tmp_path: Path, seed: int, scheme: str) -> None:
    chance = random.Random(seed)
    path = tmp_path / "build.log"
    path.write_bytes(some_bytes(BIG, seed))
    cuts = [chance.randrange(1000, BIG // 6) for _ in range(4)]
    async with (
        serving(**over(scheme)) as server,
        breaking_way(port_of(server), up=cuts) as way,
        talking(f"{scheme}://127.0.0.1:{way.port}/", "ada", tmp_path) as ada,
    ):
        receipt = await ada.send_file("#lobby", path)
        assert way.cuts == 4
        message = await last_message(ada)
        assert (message.seq, await count_messages(ada)) == (receipt.seq, 1)
        assert message.files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_lost_acknowledgement_does_not_send_the_message_twice(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(b"x" * 100)
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        sending = ada.begin_upload("#lobby", [path], "once")
        asked = ada.ask_to_send

        async def lose(request: object) -> trio_chat.Receipt:
            await asked(request)  # type: ignore[arg-type] # it is a Send
            raise trio_chat.NotAcknowledged("lost")

        ada.ask_to_send = lose  # type: ignore[method-assign] # the answer is lost here
        with pytest.raises(trio_chat.NotAcknowledged):
            await sending.run()
        ada.ask_to_send = asked  # type: ignore[method-assign]
        assert len(journal(tmp_path, "ada")) == 1
        receipt = await ada.send_file("#lobby", path, "once")
        assert (receipt.seq, await count_messages(ada), journal(tmp_path, "ada")) == (1, 1, [])


async def test_a_client_that_was_stopped_goes_on_after_its_restart(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(some_bytes(BIG))
    async with serving() as server:
        async with talking(server.urls[0], "ada", tmp_path) as ada:
            with trio.CancelScope() as scope:
                await ada.send_file(
                    "#lobby", path, "it failed", progress=lambda step: step.done > BIG // 2 and scope.cancel()
                )
            assert scope.cancelled_caught
            assert await count_messages(ada) == 0
        async with talking(server.urls[0], "ada", tmp_path) as ada:
            (sending,) = ada.unfinished_uploads()
            assert (sending.names, sending.message.text, sending.message.room) == (
                ("build.log",),
                "it failed",
                "#lobby",
            )
            assert ada.unfinished_uploads() == ()  # this one has it
            steps: list[trio_chat.TransferProgress] = []
            sending.callback = steps.append
            await sending.run()
            assert next(step.done for step in steps if step.state == "moving") > 0
            assert (await last_message(ada)).files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
            assert journal(tmp_path, "ada") == []


async def test_a_discarded_sending_is_forgotten_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(some_bytes(BIG))
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        sending = ada.begin_upload("#lobby", [path])
        with trio.CancelScope() as scope:
            sending.callback = lambda step: step.done > BIG // 2 and scope.cancel()
            await sending.run()
        assert sending.resumable
        await sending.discard()
        assert journal(tmp_path, "ada") == []
        assert await server.blobs.uploads() == []


async def test_a_sending_can_be_paused(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(some_bytes(BIG))
    async with (
        serving() as server,
        talking(server.urls[0], "ada", tmp_path) as ada,
        trio.open_nursery() as nursery,
    ):
        sending = ada.begin_upload("#lobby", [path])
        paused = trio.Event()

        def watch(step: trio_chat.TransferProgress) -> None:
            if step.done > BIG // 2 and not paused.is_set():
                sending.pause()
                paused.set()

        sending.callback = watch
        nursery.start_soon(sending.run)
        await paused.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert sending.paused
        assert sending.progress.state == "waiting"
        assert await count_messages(ada) == 0
        sending.go_on()
    assert sending.progress == (BIG, BIG, "done")


@pytest.mark.parametrize(("change", "said"), [("grow", "grew"), ("shrink", "became shorter"), ("touch", "was changed")])
async def test_a_file_that_changes_while_it_is_sent_is_refused(tmp_path: Path, change: str, said: str) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(some_bytes(BIG))

    def alter(step: trio_chat.TransferProgress) -> None:
        if step.state == "moving" and step.done > BIG // 2:
            if change == "touch":
                os.utime(path, ns=(1, 1))
            else:
                os.truncate(path, BIG + 1 if change == "grow" else BIG // 2)

    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        with pytest.raises(trio_chat.ChatError, match=f"app.log {said} while it was sent. Nothing was sent."):
            await ada.send_file("#lobby", path, progress=alter)
        assert await count_messages(ada) == 0


async def test_a_file_that_changed_since_is_sent_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(some_bytes(BIG))
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        with trio.CancelScope() as scope:
            await ada.send_file("#lobby", path, progress=lambda step: step.done > BIG // 2 and scope.cancel())
        path.write_bytes(some_bytes(BIG, seed=2))
        await ada.send_file("#lobby", path)
        assert (await last_message(ada)).files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), r"is a folder, and cannot be sent. Pack it first: tar -czf"),
        (os.mkfifo, "is no regular file"),
        (lambda path: None, "Cannot read .*: No such file"),
    ],
)
async def test_what_is_no_file_is_refused_before_anything_is_sent(tmp_path: Path, make: object, said: str) -> None:
    make(tmp_path / "thing")  # type: ignore[operator] # one of the functions above
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        with pytest.raises(trio_chat.UsageError, match=said):
            await ada.send_file("#lobby", tmp_path / "thing")


async def test_a_file_or_stream_that_is_too_large_is_refused_with_both_sizes(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 5000)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    async with serving(max_file=4096) as server, talking(server.urls[0], "ada", tmp_path) as ada:
        with pytest.raises(trio_chat.ChatError, match=r"big has 4.9 KiB; this server takes at most 4.0 KiB"):
            await ada.send_file("#lobby", tmp_path / "big")
        with pytest.raises(trio_chat.ChatError, match="log has too many bytes"):
            await ada.send_file("#lobby", endless(), name="log")


async def test_a_file_and_a_stream_may_have_as_many_bytes_as_the_server_takes(tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"x" * 4096)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b"x" * 2048

    async with serving(max_file=4096) as server, talking(server.urls[0], "ada", tmp_path) as ada:
        for source in (tmp_path / "full", stream()):
            await ada.send_file("#lobby", source, name="log")
            assert (await last_message(ada)).files[0].size == 4096


async def test_a_server_without_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x")
    async with serving(max_file=0) as server, talking(server.urls[0], "ada", tmp_path) as ada:
        with pytest.raises(trio_chat.NotDone, match="This server takes no files") as caught:
            await ada.send_file("#lobby", tmp_path / "big")
        assert caught.value.code == "no_files"


async def test_a_refused_file_leaves_nothing_in_the_journal(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x")
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        with pytest.raises(trio_chat.NotDone) as caught:
            await ada.send_file("#nowhere", tmp_path / "big")
        assert caught.value.code in {"unknown_room", "not_a_member"}
        assert journal(tmp_path, "ada") == []


async def test_nothing_is_tried_for_longer_than_the_request_timeout(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(some_bytes(BIG))
    async with (
        serving() as server,
        breaking_way(port_of(server), up=[BIG // 2]) as way,
    ):
        url = f"ws://127.0.0.1:{way.port}/"
        async with talking(url, "ada", tmp_path, timeouts=Timeouts(request=0.3)) as ada:

            def break_off(step: trio_chat.TransferProgress) -> None:
                way.server_port = 1  # nobody listens there

            with pytest.raises(trio_chat.ChatError):
                await ada.send_file("#lobby", tmp_path / "big", progress=break_off)
            assert len(journal(tmp_path, "ada")) == 1


async def test_an_upload_goes_on_after_the_server_was_restarted(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(some_bytes(BIG))
    stopped, started = trio.Event(), trio.Event()

    def watch(step: trio_chat.TransferProgress) -> None:
        if step.state == "moving" and step.done > BIG // 2:
            stopped.set()

    async with breaking_way(0) as way, trio.open_nursery() as nursery:

        async def run_server(*, task_status: trio.TaskStatus[None]) -> None:
            async with serving(data=tmp_path / "data") as server:
                way.server_port = port_of(server)
                task_status.started()
                await stopped.wait()
            async with serving(data=tmp_path / "data") as server:
                way.server_port = port_of(server)
                await started.wait()

        await nursery.start(run_server)
        async with talking(f"ws://127.0.0.1:{way.port}/", "ada", tmp_path) as ada:
            way.up.append(BIG * 2 // 3)  # whatever is on its way is cut too
            receipt = await ada.send_file("#lobby", path, progress=watch)
            message = await last_message(ada)
            assert (message.seq, await count_messages(ada)) == (receipt.seq, 1)
            assert message.files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        started.set()
