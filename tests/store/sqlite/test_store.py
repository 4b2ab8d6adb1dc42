"""Properties of the SQLite store alone: files, locks, failures, and recovery from them."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.records import Amend, DropRoom, Line, Redact, SaveMention
from trio_chat.store import CommitRefused, SearchQuery, SqliteStore
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


def put(path: Path, content: bytes) -> None:
    """Write the whole content of a file."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def run_python(program: str, *arguments: object) -> str:
    """Run a program in a process of its own and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- what stays -----------------------------------------------------------------------------------


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


async def test_a_search_tells_how_far_the_index_is_behind(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("word one", "word two", "word three")])
    query = SearchQuery(("word",), ((1, 0),))
    assert await sqlite.search(query) == ([], False, 3)
    assert await sqlite.index_some(2) == 1
    answer = await sqlite.search(query)
    assert ([hit.seq for hit in answer.hits], answer.behind) == ([2, 1], 1)
    assert await sqlite.index_some(2) == 0
    assert await sqlite.index_some(2) == 0


async def test_a_line_changed_before_it_is_indexed_is_found_by_its_new_words(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("old", "gone", "new")])
    await save(sqlite, [Amend(1, 1, b"{}", "changed"), Redact(1, 2, b"{}")])
    while await sqlite.index_some(10):
        pass
    for word, seqs in (("old", []), ("changed", [1]), ("gone", []), ("new", [3])):
        assert [hit.seq for hit in (await sqlite.search(SearchQuery((word,), ((1, 0),)))).hits] == seqs


async def test_lines_that_change_while_they_are_indexed_are_indexed_with_their_new_text(
    sqlite: SqliteStore, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("old")])
    whole = sqlite._read

    async def slow(*asked: object) -> object:
        answer: object = await whole(*asked)  # type: ignore[arg-type] # handed through
        await save(sqlite, [Amend(1, 1, b"{}", "changed")])
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "_read", slow)
        assert await sqlite.index_some(10) == 1
    assert await sqlite.index_some(10) == 0
    assert (await sqlite.search(SearchQuery(("old",), ((1, 0),)))).hits == []
    assert len((await sqlite.search(SearchQuery(("changed",), ((1, 0),)))).hits) == 1


async def test_search_goes_through_many_volumes(sqlite: SqliteStore, pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("search_index", "queries", "writer"):
        monkeypatch.setattr(f"trio_chat.store.sqlite.{module}.VOLUME", 10)
    await save(sqlite, [pen.room(1), *pen.lines(*(f"word {n % 7}" for n in range(95)))])
    while await sqlite.index_some(30):
        pass
    seen: list[int] = []
    before = None
    while True:
        answer = await sqlite.search(SearchQuery(("word", "3"), ((1, 0),), limit=4, before_id=before))
        seen += [hit.seq for hit in answer.hits]
        before = answer.hits[-1].id
        if not answer.more:
            break
    assert seen == [seq for seq in range(95, 0, -1) if (seq - 1) % 7 == 3]
    await save(sqlite, [Redact(1, 4, b"{}"), Redact(1, 11, b"{}")])
    pen.wait(days=2)
    await sqlite.prune(pen.now, 1)
    while await sqlite.index_some(30):
        pass
    assert writer(sqlite).execute("SELECT count(*) FROM volumes").fetchone() == (0,)
    assert writer(sqlite).execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'words%'").fetchone() == (0,)


# ---- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o777, 0o022])
async def test_only_its_owner_may_read_the_data_whatever_the_umask(path: Path, pen: Pen, umask: int) -> None:
    before = os.umask(umask)
    try:
        async with SqliteStore.open(path) as store:
            await save(store, [pen.room(1)])
            assert mode(path.parent) == 0o700
            beside = sorted(file.name for file in path.parent.iterdir())
            assert beside == [path.name, f"{path.name}-shm", f"{path.name}-wal", f"{path.name}.lock"]
            for name in beside:
                assert not mode(path.with_name(name)) & 0o077
            assert mode(path) == 0o600
    finally:
        os.umask(before)


async def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o750)
    (tmp_path / "data").chmod(0o750)
    async with SqliteStore.open(tmp_path / "data" / "chat"):
        assert mode(tmp_path / "data") == 0o750


async def test_special_characters_in_the_path_have_no_effect(tmp_path: Path, pen: Pen) -> None:
    path = tmp_path / "a b?c#d%41" / "chat ?mode=memory.sqlite3"
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1)])
    assert path.is_file()


async def test_a_second_server_is_refused_with_the_process_id_of_the_first(path: Path) -> None:
    async with SqliteStore.open(path):
        with pytest.raises(StoreError, match=f"in use by another server, process {os.getpid()}"):
            async with SqliteStore.open(path):
                pass
        program = """
            import sys, trio
            from pathlib import Path
            from trio_chat.errors import StoreError
            from trio_chat.store import SqliteStore

            async def main():
                try:
                    async with SqliteStore.open(Path(sys.argv[1])):
                        print("opened")
                except StoreError as error:
                    print(error)

            trio.run(main)
        """
        assert f"process {os.getpid()}." in run_python(program, path)
    assert run_python(program, path) == "opened\n"


async def test_a_failed_opening_releases_the_lock(path: Path) -> None:
    put(path, b"this is no database, only a text that is long enough to be read as one" * 20)
    for _ in range(2):
        with pytest.raises(StoreError, match="is damaged"):
            async with SqliteStore.open(path):
                pass
    put(path, b"")
    async with SqliteStore.open(path):
        pass


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


# ---- what can go wrong ------------------------------------------------------------------------------


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


@pytest.mark.parametrize("where", ["chat/data", "."])
async def test_a_path_that_cannot_be_a_database_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "chat").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be used|cannot be the database"):
        async with SqliteStore.open(tmp_path / where):
            pass


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


def test_a_directory_that_is_not_writable_is_refused(tmp_path: Path) -> None:
    program = """
        import os, sys, trio
        from pathlib import Path
        from trio_chat.errors import StoreError
        from trio_chat.store import SqliteStore

        path = Path(sys.argv[1])

        async def main():
            async with SqliteStore.open(path):
                pass
            path.chmod(0o444)
            path.parent.chmod(0o755)
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            else:
                path.parent.chmod(0o555)
            for place in (path, path.with_name("other")):
                try:
                    async with SqliteStore.open(place):
                        print("opened")
                except StoreError as error:
                    print("Look at its owner" in str(error) or "is read-only" in str(error))

        trio.run(main)
    """
    # A place that any user may reach: pytest's own folders are closed to others.
    folder = tmp_path / "d"
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    assert run_python(program, folder / "chat.sqlite3") == "True\nTrue\n"
    folder.chmod(0o755)


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


async def test_a_line_after_a_purged_end_of_the_log_is_indexed(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), pen.room(2, "#gone"), *pen.lines("a"), *pen.lines("b", "c", room=2)])
        await store.index_some(10)
        await save(store, [DropRoom(2)])
        while await store.index_some(10):
            pass
    async with SqliteStore.open(path) as store:
        await save(store, pen.lines("word"))
        while await store.index_some(10):
            pass
        assert [hit.seq for hit in (await store.search(SearchQuery(("word",), ((1, 0),)))).hits] == [2]


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
