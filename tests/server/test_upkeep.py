"""The server's work for its store at the end, and how it notices that the store works again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from tests.server.live_server import GateStore
from tests.server.raw_client import until
from trio_chat.broker.file_orders import BeginUpload, FindFile, FinishUpload
from trio_chat.errors import Refusal, StoreError
from trio_chat.records import SaveFile
from trio_chat.server import upkeep
from trio_chat.store import DATABASE, MemoryStore, require_stored

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.live_server import Log, Serve


def everything_in(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())


async def test_what_was_deleted_just_before_an_orderly_end_is_gone_from_the_disk(
    serve: Serve, tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    said = [await ada.say(f"zanzibar{number} is secret") for number in range(3)]
    mock_clock.jump(1)  # the index is filled now, and by the clock not again
    await until(lambda: not live.store.statistics().behind)
    await ada.say("this stays")
    for message in said:
        assert (await ada.ask("delete", room="#lobby", target=message["seq"]))["type"] == "ok"
    assert b"zanzibar" in everything_in(tmp_path)
    await live.end()
    left = everything_in(tmp_path)
    assert b"zanzibar" not in left
    assert b"this stays" in left


async def test_messages_stored_while_nothing_was_left_to_index_are_indexed_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    looks = 0

    async def index_some(*_: object) -> int:
        nonlocal looks
        looks += 1
        if looks == 1:
            live.server.hub.storing.stored.set()  # as a commit does that ends while this says that nothing is left
        await trio.lowlevel.checkpoint()
        return 0

    monkeypatch.setattr(MemoryStore, "index_some", index_some)
    live.server.hub.storing.stored.set()
    while looks < 2:
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked()


async def test_a_removed_wal_turns_health_red_and_is_restored_though_nothing_is_sent(
    serve: Serve, logged: Log, tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    await ada.say("acknowledged")
    (tmp_path / f"{DATABASE}-wal").unlink()
    assert b"acknowledged" not in (tmp_path / DATABASE).read_bytes()
    mock_clock.jump(3)
    await until(lambda: live.server.hub.storing.failing)
    assert b"acknowledged" in (tmp_path / DATABASE).read_bytes()
    red = await live.get("/healthz")
    assert (red.status, red.json) == (503, {"status": "not storing"})
    assert "-wal was removed or replaced" in logged.take("nothing is stored any more")["error"]


async def test_a_small_record_does_not_turn_health_green_while_no_message_fits(
    serve: Serve, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await ada.say("kept")
    store.failing = True
    assert (await ada.say("lost"))["code"] == "not_stored"
    store.failing = False
    assert (await ada.ask("join", room="#new"))["type"] == "room"
    assert (await live.get("/healthz")).status == 503
    assert (await ada.say("kept too"))["seq"] == 2
    assert (await live.get("/healthz")).status == 200
    logged.take("not stored")
    logged.take("storing works again")


class Busy(MemoryStore):
    """Never done with what waits, or without luck."""

    def __init__(self, trouble: StoreError | None = None) -> None:
        super().__init__("busy")
        self.trouble = trouble
        self.calls = 0

    async def index_some(self, limit: int) -> int:
        self.calls += 1
        if self.trouble is not None:
            raise self.trouble
        return 1 + await super().index_some(limit)


@pytest.mark.parametrize("trouble", [None, StoreError("The disk is gone.")])
async def test_an_end_does_not_wait_for_ever_for_what_cannot_be_removed_and_says_so(
    logged: Log, autojump_clock: trio.testing.MockClock, trouble: StoreError | None
) -> None:
    store = Busy(trouble)
    began = trio.current_time()
    await upkeep.finish(store)
    assert store.calls > (0 if trouble else 10)
    assert trio.current_time() - began <= 6
    entry = logged.take("not all that was deleted is removed from the disk")
    assert entry["log_level"] == "warning"
    assert "next start" in entry["advice"]
    assert entry.get("error") == (str(trouble) if trouble else None)


async def test_old_files_go_and_their_messages_stay(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    store = GateStore()
    live = await serve(store=store, keep_files=1.0, file_quota=150)
    ada = await live.join("ada")
    hub = live.server.hub
    old = "2020-01-01T00:00:00.000Z"
    assert isinstance(await hub.ask_file(BeginUpload(ada.token, "127.0.0.1", "#lobby", (), "a", 100, "f1")), SaveFile)
    assert isinstance(await hub.ask_file(FinishUpload("f1", "0" * 64)), SaveFile)
    ok = await ada.ask("send", room="#lobby", text="look", files=["f1"])
    kept = await store.find_file("f1")
    assert kept is not None
    require_stored(await store.commit([replace(kept, time=old)]))
    mock_clock.jump(upkeep._PRUNING + 1)
    await until(lambda: not hub.broker.uploads.total_bytes)
    assert await store.find_file("f1") is None
    page = await ada.ask("history", room="#lobby")
    assert [event["text"] for event in page["events"] if event["seq"] == ok["seq"]] == ["look\n[file] a, 100 bytes"]
    answer = await hub.ask_file(FindFile(ada.token, "127.0.0.1", "f1"))
    assert isinstance(answer, Refusal)
