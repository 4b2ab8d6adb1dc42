"""A database that is taken away, replaced or damaged while a server uses it."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.store import SqliteStore
from trio_chat.store.sqlite import queries

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen


def put(path: Path, content: bytes) -> None:
    """Write the whole content of a file."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


async def test_a_database_replaced_under_a_running_server_is_noticed(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("before")])
    lines = pen.lines("what would be lost")
    copy, aside = tmp_path / "copy", tmp_path / "aside"
    shutil.copyfile(sqlite.path, copy)
    sqlite.path.rename(aside)
    for write in (sqlite.check_writable, partial(save, sqlite, lines)):
        with pytest.raises(StoreError, match="was removed or renamed while the server runs"):
            await write()
    copy.replace(sqlite.path)
    for write in (sqlite.check_writable, partial(save, sqlite, lines)):
        with pytest.raises(StoreError, match="was replaced while the server runs"):
            await write()
    aside.replace(sqlite.path)
    await save(sqlite, lines)


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_wal_removed_under_a_running_server_is_noticed_and_acknowledged_lines_are_saved(
    path: Path,
    pen: Pen,
    tmp_path: Path,
    replaced: bool,  # noqa: FBT001 - another file may stand there meanwhile
) -> None:
    wal = path.with_name(f"{path.name}-wal")
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines("acknowledged")])
        assert wal.stat().st_size
        wal.unlink()
        if replaced:
            put(wal, b"")
        refused = pen.lines("refused")
        for write in (partial(save, store, refused), store.check_writable):
            with pytest.raises(StoreError) as caught:
                await write()
            assert str(caught.value) == (
                f"{wal} was removed or replaced while the server runs. Restart the server, and leave that file alone."
            )
        shutil.copyfile(path, tmp_path / "killed")  # what a kill would leave now
    async with SqliteStore.open(tmp_path / "killed") as left, SqliteStore.open(path) as ended:
        for store in (left, ended):
            assert (await store.read(1, 0, None, 9)).events == [pen.event(1, "acknowledged")]
        await save(ended, refused)


async def test_a_wal_that_is_put_back_is_used_again(sqlite: SqliteStore, pen: Pen, tmp_path: Path) -> None:
    wal = sqlite.path.with_name(f"{sqlite.path.name}-wal")
    await save(sqlite, [pen.room(1), *pen.lines("before")])
    wal.rename(tmp_path / "aside")
    with pytest.raises(StoreError, match="-wal was removed or replaced"):
        await sqlite.check_writable()
    (tmp_path / "aside").rename(wal)
    await save(sqlite, pen.lines("after"))
    assert len((await sqlite.read(1, 0, None, 9)).events) == 2


def limit_pages(store: SqliteStore, more: int | None) -> None:
    """Let the database grow by only so many pages, as on a disk that is nearly full."""
    connection = store._writer._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {2**31 if more is None else pages + more}")


@pytest.mark.parametrize("more", [0, 1, 5, 12])
async def test_a_store_without_space_for_the_longest_message_counts_as_failing(
    sqlite: SqliteStore, pen: Pen, more: int
) -> None:
    await save(sqlite, [pen.room(1), pen.line("before")])
    longest = [pen.line("\N{GRINNING FACE}" * 8000)]
    limit_pages(sqlite, more)
    for write in (sqlite.check_writable, partial(save, sqlite, longest)):
        for _ in range(3):
            with pytest.raises(StoreError, match="is full"):
                await write()
    limit_pages(sqlite, None)
    await sqlite.check_writable()
    await save(sqlite, longest)


async def test_repeated_checks_do_not_let_the_file_grow(sqlite: SqliteStore) -> None:
    wal = sqlite.path.with_name(f"{sqlite.path.name}-wal")
    before = wal.stat().st_size
    await sqlite.check_writable()
    assert wal.stat().st_size - before > 2 * 4 * 8000  # it took as much of the disk as that message
    limit_pages(sqlite, 0)
    await sqlite.check_writable()  # with what the first one left


async def test_damage_is_reported_when_the_database_is_opened_and_when_it_is_read(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines(*["word " * 50] * 400)])
    whole = await trio.Path(path).read_bytes()
    for damaged in (whole[:8192] + b"\xff" * (len(whole) - 8192), whole[: len(whole) // 2 + 100]):
        put(path, damaged)
        with pytest.raises(StoreError, match="is damaged"):
            async with SqliteStore.open(path) as store:
                await store.read(1, 0, None, 400)
    put(path, whole)
    async with SqliteStore.open(path) as store:
        assert len((await store.read(1, 0, None, 400)).events) == 400


def spoil(path: Path) -> None:
    """Overwrite all but the first pages of a file, in place."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(3 * 4096)
        file.write(b"\xff" * (size - 3 * 4096))


async def test_once_damage_is_found_every_commit_is_refused(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines(*["word " * 50] * 400)])
    async with SqliteStore.open(path) as store:
        spoil(path)
        with pytest.raises(StoreError, match="is damaged"):
            await store.read(1, 0, None, 400)
        assert "trio-chat admin restore" in (store.damage or "")
        await refuses_to_write(store, pen)


async def refuses_to_write(store: SqliteStore, pen: Pen) -> None:
    for write in (store.check_writable, partial(save, store, pen.lines("would be lost"))):
        with pytest.raises(StoreError, match="is damaged"):
            await write()


async def test_damage_that_nobody_reads_is_found_by_the_check_of_the_whole_file(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines(*["word " * 50] * 400)])
    async with SqliteStore.open(path) as store:
        await store.look_over()
        await store.check_writable()
        spoil(path)
        await store.look_over()
        assert "trio-chat admin restore" in (store.damage or "")
        await refuses_to_write(store, pen)
        await trio.Path(path).unlink()
        with pytest.raises(StoreError, match="cannot be opened"):
            await store.look_over()


async def test_the_check_of_the_whole_file_ends_at_once_when_cancelled(
    sqlite: SqliteStore, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def look_for_ever(connection: sqlite3.Connection) -> None:
        connection.create_function("begun", 0, begun.set)
        connection.execute(
            """WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
            SELECT count(*) FROM numbers WHERE begun() IS NULL"""
        )

    monkeypatch.setattr(queries, "look_over", look_for_ever)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sqlite.look_over)
        await trio.to_thread.run_sync(begun.wait)
        nursery.cancel_scope.cancel()
    await save(sqlite, [pen.room(1), *pen.lines("and on")])
    assert len((await sqlite.read(1, 0, None, 10)).events) == 1
