"""The versions of the database: migrations from each to the next, and the refusal of later ones."""

from __future__ import annotations

import io
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.store import DATABASE, SqliteStore
from trio_chat.store.sqlite import maintenance, schema

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen


def ask(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def test_an_empty_file_becomes_a_database_of_the_newest_version(path: Path) -> None:
    async with SqliteStore.open(path) as store:
        assert len(store.epoch) == 16
    assert ask(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert ask(path, "PRAGMA application_id") == [(schema.APPLICATION,)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


async def test_another_migration_is_done_once_and_keeps_all_data(
    path: Path, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqliteStore.open(path) as store:
        epoch = store.epoch
        await save(store, [pen.room(1), *pen.lines("a")])
    further = ("CREATE TABLE further (x)", "INSERT INTO further VALUES (1)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, further))
    for _ in range(2):
        async with SqliteStore.open(path) as store:
            assert store.epoch == epoch
            assert len((await store.read(1, 0, None, 9)).events) == 1
    assert ask(path, "SELECT * FROM further") == [(1,)]


async def test_a_migration_that_fails_leaves_the_version_before_it(
    path: Path, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1)])
    with monkeypatch.context() as broken:
        broken.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE further (x)", "no statement")))
        with pytest.raises(StoreError, match="syntax error"):
            async with SqliteStore.open(path):
                pass
    assert ask(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert ask(path, "SELECT name FROM sqlite_master WHERE name = 'further'") == []
    async with SqliteStore.open(path) as store:
        assert len((await store.load()).rooms) == 1


async def test_a_later_version_is_refused_with_a_sentence(path: Path) -> None:
    async with SqliteStore.open(path):
        pass
    ask(path, "PRAGMA user_version = 99")
    known = len(schema.MIGRATIONS)
    with pytest.raises(StoreError, match=rf"later trio-chat: its tables have version 99, this one knows {known}\."):
        async with SqliteStore.open(path):
            pass


OTHER_FORMS = {
    "ALTER TABLE accounts DROP COLUMN guest": "the table accounts has no column guest",
    "ALTER TABLE rooms ADD COLUMN mood TEXT": "the table rooms has a column mood too many",
    "DROP TABLE scrubs": "there is no table scrubs",
    "DROP INDEX members_of": "there is no index members_of",
}


@pytest.mark.parametrize("statement", OTHER_FORMS)
async def test_tables_in_a_form_that_was_never_released_are_refused_and_found_by_the_check(
    path: Path, tmp_path: Path, statement: str
) -> None:
    async with SqliteStore.open(path):
        pass
    ask(path, statement)
    clause = OTHER_FORMS[statement]
    with pytest.raises(StoreError, match=f"never released: {clause}"):
        async with SqliteStore.open(path):
            pass
    first, *others = maintenance.check(path)
    assert "does not have the tables of version" in first
    assert others == [f"{clause[0].upper()}{clause[1:]}."]
    with pytest.raises(StoreError, match=clause):
        maintenance.export_json(path, io.BytesIO())
    maintenance.backup(path, tmp_path / "copy")  # saves what there is
    with pytest.raises(StoreError, match=clause):
        maintenance.restore(tmp_path / "copy", tmp_path / "new")
    assert not (tmp_path / "new" / DATABASE).exists()


async def test_an_earlier_version_in_another_form_is_refused_before_it_is_migrated(path: Path) -> None:
    schema.make_directory(path)
    for statement in (
        *schema.MIGRATIONS[0],
        "ALTER TABLE accounts ADD COLUMN put_out TEXT NOT NULL DEFAULT '[]'",
        f"PRAGMA application_id = {schema.APPLICATION}",
        "PRAGMA user_version = 2",
    ):
        ask(path, statement)
    with pytest.raises(StoreError, match="the table accounts has no column guest"):
        async with SqliteStore.open(path):
            pass
    assert maintenance.check(path)[1:] == ["The table accounts has no column guest."]
    assert ask(path, "PRAGMA user_version") == [(2,)]


@pytest.mark.parametrize("statement", ["CREATE TABLE a (x)", "PRAGMA user_version = 3", "PRAGMA application_id = 5"])
async def test_the_database_of_another_program_is_left_alone(path: Path, statement: str) -> None:
    schema.make_directory(path)
    ask(path, statement)
    before = ask(path, "SELECT * FROM sqlite_master")
    with pytest.raises(StoreError, match="database of another program"):
        async with SqliteStore.open(path):
            pass
    assert ask(path, "SELECT * FROM sqlite_master") == before


async def test_a_sqlite_without_full_text_search_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Poor(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(statement.replace("USING fts5", "USING no_such_thing"), *values)

    whole = schema.open_writer

    def poor(*arguments: object) -> sqlite3.Connection:
        whole(*arguments).close()  # type: ignore[arg-type] # handed through
        return sqlite3.connect(path, isolation_level=None, factory=Poor)

    monkeypatch.setattr(schema, "open_writer", poor)
    with pytest.raises(StoreError, match="built without FTS5"):
        async with SqliteStore.open(path):
            pass


async def test_the_wal_is_merged_into_the_database_now_and_then_and_not_all_the_time(path: Path, pen: Pen) -> None:
    wal = path.with_name(f"{path.name}-wal")
    sizes = []
    async with SqliteStore.open(path, synchronous="NORMAL") as store:
        await save(store, [pen.room(1)])
        for _ in range(24):
            await save(store, pen.lines("x" * 1_000_000))  # twice: as a text and as an event
            sizes.append(wal.stat().st_size)
    assert 16_000_000 < max(sizes) < 24_000_000
    assert len(set(sizes)) < len(sizes)  # it was begun anew from its start, and did not grow meanwhile
