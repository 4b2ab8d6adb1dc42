"""Orders of the door for files reach the broker through the hub: they are stored before they are answered."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from tests.server.live_server import GateStore, LiveServer, Log, Serve
from tests.server.raw_client import RawClient, until
from trio_chat.broker import file_orders
from trio_chat.broker.admin import Order, Table
from trio_chat.broker.file_orders import BeginUpload, DropUpload, FileOrder, FileOutcome, FindFile, FinishUpload
from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.records import SaveFile
from trio_chat.server.hub.file_orders import ask_file
from trio_chat.server.hub.items import Item, PendingFileOrder
from trio_chat.server.operator import carry_out
from trio_chat.store import MemoryStore

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HERE = "127.0.0.1"


def beginning(who: RawClient, file: str = "f1", size: int = 100, name: str = "report 2026.pdf") -> BeginUpload:
    return BeginUpload(who.token, HERE, "#lobby", (), name, size, file)


async def whole(live: LiveServer, who: RawClient, file: str = "f1", **more: Any) -> SaveFile:
    """Somebody uploads a file whole."""
    assert isinstance(await live.server.hub.ask_file(beginning(who, file, **more)), SaveFile)
    finished = await live.server.hub.ask_file(FinishUpload(file, DIGEST, "application/pdf"))
    assert isinstance(finished, SaveFile)
    return finished


async def fetch(live: LiveServer, who: RawClient, file: str = "f1") -> str:
    """How a try to fetch a file ends: ``ok``, or the code of the refusal."""
    answer = await live.server.hub.ask_file(FindFile(who.token, HERE, file))
    return answer.code if isinstance(answer, Refusal) else "ok"


async def test_a_file_is_sent_found_fetched_and_deleted_with_its_message(serve: Serve) -> None:
    live = await serve(store=MemoryStore("files"))
    ada, bob = await live.join_all("ada", "bob")
    await whole(live, ada)
    assert await fetch(live, bob) == "unknown_file"
    ok = await ada.ask("send", room="#lobby", text="look", files=["f1"])
    message = await bob.until("message")
    assert message["text"] == "look\n[file] report 2026.pdf, 100 bytes"
    assert message["files"] == [
        {"id": "f1", "name": "report 2026.pdf", "size": 100, "kind": "application/pdf", "sha256": DIGEST}
    ]
    assert await fetch(live, bob) == "ok"
    for query in ({"has_file": True}, {"file": "report"}, {"words": ["report"]}, {"file": "2026 report"}):
        found = await bob.ask("search", **query)
        assert [event["seq"] for event in found["events"]] == [ok["seq"]], query
    assert (await bob.ask("search", file="rep"))["events"] == []
    await ada.ask("delete", room="#lobby", target=ok["seq"])
    assert await fetch(live, bob) == await fetch(live, ada) == "unknown_file"
    assert (await bob.ask("search", has_file=True))["events"] == []
    assert live.server.hub.broker.uploads.total_bytes == 0  # before the deletion was acknowledged


async def test_an_order_is_stored_before_it_is_answered(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    store.shut()
    answers: list[object] = []

    async def ask() -> None:
        answers.append(await live.server.hub.ask_file(beginning(ada)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await until(lambda: any(isinstance(record, SaveFile) for commit in store.commits for record in commit))
        await trio.testing.wait_all_tasks_blocked()
        assert answers == []
        store.release()
    assert isinstance(answers[0], SaveFile)
    assert await store.find_file("f1") == answers[0]


async def test_what_could_not_be_stored_is_refused_and_counts_for_nothing(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await whole(live, ada)
    store.failing = True
    hub = live.server.hub
    for order in (beginning(ada, "f2"), FinishUpload("f1", "0" * 64), DropUpload(ada.token, HERE, "f1")):
        answer = await hub.ask_file(order)
        assert isinstance(answer, Refusal)
        assert answer.code == "not_stored"
    store.failing = False
    assert logged.take("not stored")["error"] == "The disk is full."
    assert hub.broker.uploads.total_bytes == 100
    assert hub.broker.uploads.get("f2") is None
    assert (await ada.ask("send", room="#lobby", text="", files=["f1"]))["type"] == "ok"


async def test_a_file_that_cannot_be_looked_up_is_not_told_to_be_unknown(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    store = MemoryStore("files")
    live = await serve(store=store)
    ada = await live.join("ada")
    await whole(live, ada)

    async def fail(*_: object, **__: object) -> Any:
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(store, "find_file", fail)
    assert await fetch(live, ada) == "not_looked_up"
    answer = await carry_out(live.server.hub, Order("files", drop="f1"))
    assert isinstance(answer, Refusal)
    assert answer.code == "not_looked_up"
    assert logged.take("file not looked up")["error"] == "The disk is gone."
    assert logged.take("files not looked up")["error"] == "The disk is gone."
    assert await fetch(live, ada, "x" * 65) == "unknown_file"  # the store is not asked for that


async def test_a_bug_fails_one_order_and_leaves_nothing_of_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve(store=MemoryStore("files"))
    ada = await live.join("ada")

    def fail(*_: object) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(file_orders, "SaveFile", fail)
    answer = await live.server.hub.ask_file(beginning(ada))
    assert isinstance(answer, Refusal)
    assert answer.code == "internal"
    assert logged.take("item failed")["kind"] == "PendingFileOrder"
    monkeypatch.undo()
    await whole(live, ada)


async def test_a_hub_that_stops_refuses_orders(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    live = await serve(store=MemoryStore("files"))
    ada = await live.join("ada")
    monkeypatch.setattr(live.server.hub, "_stopping", True)
    answer = await live.server.hub.ask_file(beginning(ada))
    assert isinstance(answer, Refusal)
    assert answer.code == "shutting_down"


async def test_the_bytes_of_messages_that_the_store_dropped_are_free_at_the_next_upload(serve: Serve) -> None:
    live = await serve(store=MemoryStore("short", backlog=3), file_quota=100)
    ada = await live.join("ada")
    await whole(live, ada)
    await ada.ask("send", room="#lobby", text="", files=["f1"])
    for number in range(3):
        await ada.say(f"{number}")
    await whole(live, ada, "f2")
    assert await fetch(live, ada, "f1") == "unknown_file"


async def test_sums_that_cannot_be_read_are_read_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    store = MemoryStore("files")
    live = await serve(store=store)
    ada = await live.join("ada")
    await whole(live, ada)
    ok = await ada.ask("send", room="#lobby", text="", files=["f1"])

    async def fail(*_: object) -> Any:
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(store, "file_bytes", fail)
    assert (await ada.ask("delete", room="#lobby", target=ok["seq"]))["type"] == "ok"
    assert logged.take("files not counted")["error"] == "The disk is gone."
    held = live.server.hub.broker.uploads
    assert held.is_stale
    monkeypatch.undo()
    await ada.say("hello")
    assert (held.is_stale, held.total_bytes) == (False, 0)


async def test_the_operator_lists_and_removes_files_of_a_running_server(serve: Serve) -> None:
    live = await serve(store=MemoryStore("files"))
    ada, bob = await live.join_all("ada", "bob")
    await whole(live, ada)
    await whole(live, ada, "f2", name="b.txt")
    await ada.ask("send", room="#lobby", text="", files=["f1"])
    hub = live.server.hub

    async def ids(name: str) -> list[str]:
        answer = await carry_out(hub, Order("files", name))
        assert isinstance(answer, Table)
        return sorted(str(row[0]) for row in answer.rows)

    assert await ids("") == ["f1", "f2"]
    assert (await ids("#lobby"), await ids("ada"), await ids("bob")) == (["f1"], ["f1", "f2"], [])
    for name, code in (("#nowhere", "unknown_room"), ("eve", "unknown_person")):
        answer = await carry_out(hub, Order("files", name))
        assert isinstance(answer, Refusal)
        assert answer.code == code
    assert await carry_out(hub, Order("files", drop="f1")) == Table(("removed",), [("f1",)])
    assert await fetch(live, bob) == "unknown_file"
    assert hub.broker.uploads.total_bytes == 100


# ---- asking twice, and waiting --------------------------------------------------------------------


async def scripted(
    autojump_clock: object, order: FileOrder, *outcomes: FileOutcome
) -> tuple[SaveFile | Refusal, float, list[PendingFileOrder]]:
    """Ask a hub that gives these outcomes. Returns the answer, the seconds that it took, and the orders."""
    del autojump_clock
    send, receive = trio.open_memory_channel[Item](0)
    asked: list[PendingFileOrder] = []

    async def answer() -> None:
        for outcome in outcomes:
            pending = await receive.receive()
            assert isinstance(pending, PendingFileOrder)
            asked.append(pending)
            pending.outcome = outcome
            pending.settled.set()

    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        got = await ask_file(send, MemoryStore("empty"), order)
    return got, trio.current_time() - started, asked


FILE = SaveFile("f1", 1, "a", 1, "text/plain", DIGEST, 0, 0, "2026-01-31T12:00:00.000Z")


async def test_an_answer_waits_as_long_as_the_outcome_says(autojump_clock: trio.testing.MockClock) -> None:
    got, took, _ = await scripted(autojump_clock, FindFile("t", HERE, "f1"), FileOutcome(FILE, 2.5))
    assert (got, took) == (FILE, 2.5)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (BeginUpload("t", HERE, "#lobby", (), "a", 1, "f1"), "quota_full"),
        (BeginUpload("t", HERE, "#lobby", (), "a", 1, "f1"), "files_full"),
        (FindFile("t", HERE, "f1"), "unknown_file"),
    ],
)
async def test_what_may_have_changed_meanwhile_is_asked_once_more(
    autojump_clock: trio.testing.MockClock, order: FileOrder, code: str
) -> None:
    got, _, asked = await scripted(autojump_clock, order, FileOutcome(refuse(code)), FileOutcome(FILE))
    assert (got, len(asked)) == (FILE, 2)


async def test_what_cannot_have_changed_is_asked_once(autojump_clock: trio.testing.MockClock) -> None:
    refusal = refuse("unknown_file")
    got, _, asked = await scripted(autojump_clock, DropUpload("t", HERE, "f1"), FileOutcome(refusal))
    assert (got, len(asked)) == (refusal, 1)
