"""The search index of SQLite: it follows the log, and changes to lines that it has not read yet."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.store.committing import save
from trio_chat.records import Amend, DropRoom, Redact
from trio_chat.store import SearchQuery, SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen


def writer(store: SqliteStore) -> sqlite3.Connection:
    connection = store._writer._connection
    assert connection is not None
    return connection


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
