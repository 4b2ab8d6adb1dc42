"""Properties of the SQLite store alone: what stays after a commit, many calls at once, and closing."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.records import SaveMention
from trio_chat.store import SearchQuery, SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen


def writer(store: SqliteStore) -> sqlite3.Connection:
    connection = store._writer._connection
    assert connection is not None
    return connection


async def test_all_records_are_there_when_the_store_is_opened_again(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        epoch = store.epoch
        await save(store, [pen.account(1), pen.room(1), *pen.lines("a", "b"), SaveMention(1, 1, 2)])
        await store.index_some(1)
        before = await store.load()
    async with SqliteStore.open(path) as store:
        assert store.epoch == epoch
        assert await store.load() == before
        assert store.statistics().behind == 1
        await save(store, pen.lines("c"))
        assert (await store.read(1, 0, None, 9)).events == [pen.event(n, t) for n, t in ((1, "a"), (2, "b"), (3, "c"))]
        while await store.index_some(1):
            pass
        assert [hit.seq for hit in (await store.search(SearchQuery((), ((1, 0),)))).hits] == [3, 2, 1]


async def test_two_databases_have_two_epochs(tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path / "a") as first, SqliteStore.open(tmp_path / "b") as second:
        assert first.epoch != second.epoch


async def test_a_commit_is_on_the_disk_before_it_returns(sqlite: SqliteStore) -> None:
    connection = writer(sqlite)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


async def test_a_commit_cancelled_while_it_runs_is_finished(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1)])
    other = sqlite3.connect(sqlite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the commit waits, in its thread
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(save, sqlite, pen.lines("a"))
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            other.execute("ROLLBACK")
    other.close()
    assert len((await sqlite.read(1, 0, None, 9)).events) == 1


async def test_a_commit_cancelled_while_it_waits_for_another_stores_nothing(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1)])
    async with sqlite._writing:
        with trio.move_on_after(0) as scope:
            await save(sqlite, pen.lines("a"))
    assert scope.cancelled_caught
    assert (await sqlite.read(1, 0, None, 9)).events == []


async def test_many_calls_at_once_are_served(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1), *pen.lines(*map(str, range(50)))])
    batches = [pen.lines(str(n)) for n in range(20)]

    async def read() -> None:
        stretch = await sqlite.read(1, 0, None, 1000)
        assert len(stretch.events) >= 50
        assert (await sqlite.search(SearchQuery(("7",), ((1, 0),)))).behind >= 0

    async def write() -> None:
        for batch in batches:
            await save(sqlite, batch)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        for _ in range(20):
            nursery.start_soon(read)
            nursery.start_soon(sqlite.index_some, 7)
    assert sqlite.statistics().lines == 70
    assert len(sqlite._readers) <= 3


async def test_a_closed_store_refuses_calls_and_can_be_closed_twice(path: Path) -> None:
    async with SqliteStore.open(path) as store:
        await store.aclose()
        await store.aclose()
        for call in (store.load, store.check_writable):
            with pytest.raises(StoreError, match="is closed"):
                await call()
    assert "closed" in repr(store)


async def test_closing_waits_for_calls_that_are_under_way(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store, trio.open_nursery() as nursery:
        await save(store, [pen.room(1), *pen.lines("a")])
        for _ in range(9):
            nursery.start_soon(store.read, 1, 0, None, 9)
        nursery.start_soon(save, store, pen.lines("b"))
        await trio.testing.wait_all_tasks_blocked()
        await store.aclose()
    async with SqliteStore.open(path) as store:
        assert len((await store.read(1, 0, None, 9)).events) == 2
