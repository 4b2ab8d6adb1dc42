"""The bytes of files go when nobody needs them any more, also after a server that ended in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.server.doors.files.file_client import FileClient
from tests.store.committing import save
from trio_chat.broker.state import stamp
from trio_chat.errors import StoreError
from trio_chat.records import DropFile, SaveFile
from trio_chat.server.blob_upkeep import remove_unneeded
from trio_chat.store import DATABASE, MemoryStore, SqliteStore
from trio_chat.store.blobs import FILES, DirectoryBlobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.server.live_server import Log, Serve

DATA = b"It failed in line 7."


def blobs_in(data: Path) -> list[Path]:
    return [file for file in (data / FILES).rglob("*") if file.is_file()]


async def pass_time(clock: trio.testing.MockClock, condition: Callable[[], bool]) -> None:
    """Let time pass until something is so. The test's deadline bounds it."""
    while not condition():
        clock.jump(0.5)
        await trio.testing.wait_all_tasks_blocked()


async def test_with_the_last_message_that_carries_them_the_bytes_go_from_the_disk(
    serve: Serve, tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(data=tmp_path)
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    for client in (ada, bob):
        await client.share(DATA)
    assert len(blobs_in(tmp_path)) == 1
    page = await ada.chat.ask("history", room="#lobby")
    first, second = (event["seq"] for event in page["events"] if event.get("files"))
    assert (await ada.chat.ask("delete", room="#lobby", target=first))["type"] == "ok"
    await pass_time(mock_clock, lambda: not live.store.files_dropped)
    assert len(blobs_in(tmp_path)) == 1  # bob's message has the same bytes
    assert (await bob.chat.ask("delete", room="#lobby", target=second))["type"] == "ok"
    await pass_time(mock_clock, lambda: not blobs_in(tmp_path))


async def test_the_next_start_removes_what_an_earlier_server_left(
    serve: Serve, tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with SqliteStore.open(tmp_path / DATABASE) as store, DirectoryBlobs.open_directory(tmp_path / FILES) as blobs:
        await put(blobs, "lost", DATA)  # a server was killed before it had its record
        await put(blobs, "old", DATA)
        sealed = await blobs.seal("old")
        await save(store, [record("old", sealed.digest), record("open", "")])
        await put(blobs, "open", DATA)
        await save(store, [DropFile("old")])
    live = await serve(data=tmp_path)
    await pass_time(mock_clock, lambda: [file.name for file in blobs_in(tmp_path)] == ["open"])
    assert await live.store.dropped_blobs(9) == []


async def test_bytes_stay_that_an_upload_brings_again_meanwhile(tmp_path: Path) -> None:
    store = MemoryStore("epoch")
    async with DirectoryBlobs.open_directory(tmp_path / FILES) as blobs:
        await put(blobs, "a", DATA)
        first = await blobs.seal("a")
        await save(store, [record("a", first.digest), DropFile("a")])
        first.release()
        await put(blobs, "b", DATA)
        again = await blobs.seal("b")  # its record is not stored yet
        await remove_unneeded(store, blobs)
        assert await blobs.digests() == [(first.digest, len(DATA))]
        dropped = await store.dropped_blobs(9)
        await save(store, [record("b", again.digest)])
        again.release()
        assert not await blobs.remove(dropped[0], store.is_dropped)  # the list was read before
        await remove_unneeded(store, blobs)
        assert await blobs.digests() == [(first.digest, len(DATA))]


async def test_a_disk_that_fails_is_told_once_and_tried_again(
    serve: Serve,
    tmp_path: Path,
    logged: Log,
    mock_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = await serve(data=tmp_path)
    ada = await FileClient.join(live, "ada")
    await ada.share(DATA)
    page = await ada.chat.ask("history", room="#lobby")
    (seq,) = (event["seq"] for event in page["events"] if event.get("files"))
    tries = 0

    async def fail(*_: object) -> bool:
        nonlocal tries
        tries += 1
        await trio.lowlevel.checkpoint()
        raise StoreError("Cannot remove the file: the disk is gone.")

    with monkeypatch.context() as broken:
        broken.setattr(DirectoryBlobs, "remove", fail)
        assert (await ada.chat.ask("delete", room="#lobby", target=seq))["type"] == "ok"
        await pass_time(mock_clock, lambda: tries >= 2)
        assert (await ada.chat.say("the chat goes on"))["type"] == "ok"
    await pass_time(mock_clock, lambda: not blobs_in(tmp_path))
    assert logged.take("files not removed")["error"] == "Cannot remove the file: the disk is gone."


def record(upload: str, digest: str) -> SaveFile:
    return SaveFile(upload, 1, "a.txt", len(DATA), "text/plain", digest, 0, 0, stamp(time.time()))


async def put(blobs: DirectoryBlobs, upload: str, data: bytes) -> None:
    await blobs.begin(upload)
    async with blobs.append(upload, 0) as writer:
        await writer.write(data)
        await writer.save()
