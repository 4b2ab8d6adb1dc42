"""Failures of the disk and of SQLite: each is reported in a sentence, and the store works again afterwards."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from tests.programs import run_python
from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.records import Line
from trio_chat.store import CommitRefused, SqliteStore
from trio_chat.store.sqlite import changes, queries
from trio_chat.store.sqlite.faults import explain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen


def writer(store: SqliteStore) -> sqlite3.Connection:
    connection = store._writer._connection
    assert connection is not None
    return connection


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_on_a_full_disk_commits_are_refused_until_there_is_space(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("a")])
    pages = writer(sqlite).execute("PRAGMA page_count").fetchone()[0]
    writer(sqlite).execute(f"PRAGMA max_page_count = {pages + 3}")
    batch = pen.lines(*["x" * 1000] * 50)
    for _ in range(2):
        outcome = await sqlite.commit(batch)
        assert isinstance(outcome, CommitRefused)
        assert re.match(r"The disk that holds .* is full\.", outcome.why)
    with pytest.raises(StoreError, match=r"The disk that holds .* is full") as caught:
        await sqlite.check_writable()
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert len((await sqlite.read(1, 0, None, 99)).events) == 1
    writer(sqlite).execute("PRAGMA max_page_count = 1000000")
    await sqlite.check_writable()
    await save(sqlite, batch)
    assert len((await sqlite.read(1, 0, None, 99)).events) == 51
    assert sqlite.statistics().failures == 3


def test_while_the_file_may_not_grow_commits_are_refused(path: Path) -> None:
    program = """
        import resource, sys, trio
        from pathlib import Path
        from trio_chat.records import Line, SaveRoom
        from trio_chat.store import STORED, SqliteStore

        def lines(first):
            return [Line(1, n, "2026", 1, "", "message", "", None, b"x" * 4000) for n in range(first, first + 50)]

        async def main():
            async with SqliteStore.open(Path(sys.argv[1])) as store:
                assert await store.commit([SaveRoom(1, "#lobby", "2026"), *lines(1)]) == STORED
                soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
                for _ in range(2):
                    refused = await store.commit(lines(51))
                    print("refused", "could not be read or written" in refused.why or "full" in refused.why)
                print(len((await store.read(1, 0, None, 999)).events))
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
                await store.check_writable()
                assert await store.commit(lines(51)) == STORED
                print(len((await store.read(1, 0, None, 999)).events))

        trio.run(main)
    """
    assert run_python(program, path).split("\n") == ["refused True", "refused True", "50", "100", ""]


async def test_a_lock_of_another_program_is_reported_and_storing_works_again_after_it(
    sqlite: SqliteStore, pen: Pen
) -> None:
    await save(sqlite, [pen.room(1)])
    other = sqlite3.connect(sqlite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    batch = pen.lines("a")
    for refused in (save(sqlite, batch), sqlite.check_writable()):
        with pytest.raises(StoreError, match=r"Another program keeps .* locked"):
            await refused
    other.execute("ROLLBACK")
    other.close()
    await save(sqlite, batch)


async def test_on_a_full_disk_no_database_is_created_and_the_error_names_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_asked: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        for _ in range(2):  # nothing keeps the lock meanwhile
            with pytest.raises(StoreError) as caught:
                async with SqliteStore.open(path):
                    pass
            assert str(caught.value) == f"The disk that holds {path}.lock is full. Free some space, then try again."
    async with SqliteStore.open(path):
        pass


def test_every_error_of_sqlite_is_translated_into_a_sentence(tmp_path: Path) -> None:
    seen = set()
    for name in dir(sqlite3):
        code = getattr(sqlite3, name)
        if name.startswith("SQLITE_") and isinstance(code, int) and code:
            error = sqlite3.OperationalError("some reason")
            error.sqlite_errorcode = code
            sentence = str(explain(error, tmp_path))
            assert str(tmp_path) in sentence
            assert sentence.endswith((".", "?"))
            seen.add(sentence)
    assert len(seen) > 8
    assert str(tmp_path) in str(explain(sqlite3.ProgrammingError("misuse"), tmp_path))


def test_a_write_to_a_read_only_database_is_reported_as_such(path: Path) -> None:
    path.parent.mkdir()
    sqlite3.connect(path).close()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert "is read-only" in str(explain(caught.value, path))


async def test_a_record_that_cannot_be_stored_leaves_the_store_as_it_was(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1)])
    line = pen.line("a")
    odd = Line(1, 1, line.time, 2**70, "", "message", "a", None, b"{}")
    with pytest.raises(OverflowError):
        await save(sqlite, [pen.account(1), odd])
    assert (await sqlite.load()).accounts == ()
    await save(sqlite, [line])


async def test_after_a_failure_that_the_connection_may_have_caused_a_new_one_is_opened(
    sqlite: SqliteStore, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(sqlite, [pen.room(1)])
    before, batch = writer(sqlite), pen.lines("a")

    def fail(*asked: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(changes.Changes, "store", fail)
        with pytest.raises(StoreError, match="could not be read or written"):
            await save(sqlite, batch)
    await save(sqlite, batch)
    assert writer(sqlite) is not before
    assert writer(sqlite).execute("PRAGMA synchronous").fetchone() == (2,)
    assert writer(sqlite).execute("PRAGMA fullfsync").fetchone() == (1,)


async def test_a_reading_connection_that_failed_is_replaced(
    sqlite: SqliteStore, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("a")])

    def fail(*asked: object) -> None:
        raise sqlite3.DatabaseError("no luck")

    with monkeypatch.context() as patch:
        patch.setattr(queries, "look_up", fail)
        for _ in range(5):
            with pytest.raises(StoreError, match="no luck"):
                await sqlite.look_up(1, 1)
    assert await sqlite.look_up(1, 1) is not None
