"""The records of files in both stores: what they answer, and which blobs nobody needs any more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.store.committing import save
from trio_chat.records import DropAccount, DropFile, DropRoom, SaveFile
from trio_chat.store import FileRecords, SearchQuery, SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen
    from trio_chat.store import Store

A, B = "a" * 64, "b" * 64


def file(
    file_id: str, digest: str = A, *, account: int = 1, name: str = "build.log", room: int = 0, seq: int = 0
) -> SaveFile:
    return SaveFile(
        file_id, account, name, 10, "text/plain", digest, 0, 0, f"2026-01-01T00:00:0{len(file_id)}Z", room, seq
    )


def of_files(store: Store) -> FileRecords:
    assert isinstance(store, FileRecords)
    return store


async def test_bytes_are_dropped_with_the_last_file_that_has_them(store: Store) -> None:
    files = of_files(store)
    await save(store, [file("f"), file("g"), file("h", B)])
    await save(store, [DropFile("f")])
    assert await files.dropped_blobs(9) == []
    await save(store, [DropFile("g")])
    assert await files.dropped_blobs(9) == [A]
    assert await files.is_dropped(A)
    assert not await files.is_dropped(B)


async def test_a_file_that_comes_with_dropped_bytes_takes_them_back(store: Store) -> None:
    files = of_files(store)
    await save(store, [file("f"), file("g", "")])
    await save(store, [DropFile("f")])
    assert await files.is_dropped(A)
    await save(store, [file("g", A)])  # the upload is whole now
    assert not await files.is_dropped(A)


async def test_a_dropped_digest_is_told_until_its_bytes_are_gone(store: Store) -> None:
    files = of_files(store)
    await save(store, [file("f"), DropFile("f"), file("g", B), DropFile("g")])
    assert sorted(await files.dropped_blobs(9)) == [A, B]
    await files.forget_dropped([A])
    assert await files.dropped_blobs(9) == [B]


async def test_bytes_are_noted_before_a_file_has_them_and_only_then(store: Store) -> None:
    files = of_files(store)
    await save(store, [file("f", ""), file("g", B)])
    await files.note_dropped(A)
    await files.note_dropped(B)  # a file has them
    assert files.files_dropped
    assert await files.dropped_blobs(9) == [A]
    await save(store, [file("f", A)])
    assert await files.dropped_blobs(9) == []


async def test_an_unfinished_upload_has_no_bytes_to_drop(store: Store) -> None:
    await save(store, [file("f", ""), DropFile("f")])
    assert await of_files(store).dropped_blobs(9) == []


async def test_files_go_with_their_room_their_lines_and_uploads_with_their_account(store: Store, pen: Pen) -> None:
    files = of_files(store)
    await save(store, [pen.room(1), pen.room(2, "#b"), pen.account(1), *pen.lines("x", "y"), *pen.lines("z", room=2)])
    await save(store, [file("f", room=1, seq=1), file("gg", room=1, seq=2), file("hhh", room=2, seq=1), file("u", B)])
    await save(store, [DropRoom(2), DropAccount(1)])
    assert [one.id for one in await files.list_files(limit=9)] == ["gg", "f"]
    assert await files.dropped_blobs(9) == [B]
    await store.prune(datetime(2026, 6, 1, tzinfo=UTC), 1)
    assert await files.list_files(limit=9) == []
    assert sorted(await files.dropped_blobs(9)) == [A, B]


async def test_old_files_go_and_their_messages_stay(store: Store, pen: Pen) -> None:
    files = of_files(store)
    old = [replace(file(f"f{n}", room=1, seq=1), time="2026-01-01T00:00:00.000Z") for n in range(1200)]
    new = replace(file("new", room=1, seq=1), time="2026-01-09T00:00:00.000Z")
    upload = replace(file("up", B), time="2026-01-01T00:00:00.000Z")
    await save(store, [pen.room(1), pen.line(), *old, new, upload])
    assert await files.prune_files(datetime(2026, 1, 10, tzinfo=UTC), 5) == 1200
    assert {one.id for one in await files.list_files(limit=9)} == {"new", "up"}
    assert await files.file_bytes() == {1: 20}
    assert await store.look_up(1, 1) is not None


async def test_a_search_for_files_goes_by_the_records_and_not_by_the_text(store: Store, pen: Pen) -> None:
    await save(
        store, [pen.room(1), *pen.lines("[file] build.log, 10 B", "see [file] build.log", "[file] Übersicht.pdf, 1 B")]
    )
    await save(store, [file("f", room=1, seq=1), file("g", name="Übersicht.pdf", room=1, seq=3)])
    while await store.index_some(100):
        pass
    asked = SearchQuery(rooms=((1, 0),), has_file=True)
    assert [hit.seq for hit in (await store.search(asked)).hits] == [3, 1]
    assert [hit.seq for hit in (await store.search(replace(asked, words=("build",)))).hits] == [1]
    assert [hit.seq for hit in (await store.search(SearchQuery(rooms=((1, 0),), file="ubersicht"))).hits] == [3]
    assert [hit.seq for hit in (await store.search(SearchQuery(rooms=((1, 1),), file="build"))).hits] == []
    first = await store.search(replace(asked, limit=1))
    assert first.more
    assert [hit.seq for hit in (await store.search(replace(asked, before_id=first.hits[0].id))).hits] == [1]


async def test_a_store_says_when_there_may_be_dropped_bytes(sqlite: SqliteStore) -> None:
    told = [sqlite.files_dropped]  # an earlier process may have left some
    await sqlite.dropped_blobs(9)
    told.append(sqlite.files_dropped)
    await save(sqlite, [file("f")])
    told.append(sqlite.files_dropped)
    await save(sqlite, [DropFile("f")])
    told.append(sqlite.files_dropped)
    assert told == [True, False, False, True]


async def test_uploads_and_notes_are_there_after_a_restart(path: Path) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [file("f", ""), file("g"), DropFile("g")])
    async with SqliteStore.open(path) as store:
        assert await store.dropped_blobs(9) == [A]
        loaded = await store.load()
        assert [one.id for one in loaded.files] == ["f"]
        assert loaded.file_bytes == {1: 10}


@pytest.mark.parametrize("limit", [1, 2])
async def test_the_newest_files_come_first(store: Store, limit: int) -> None:
    await save(store, [file("f"), file("gg", room=1, seq=1), file("hhh", account=2)])
    found = await of_files(store).list_files(limit=limit)
    assert [one.id for one in found] == ["hhh", "gg"][:limit]
    assert [one.id for one in await of_files(store).list_files(account=1, limit=limit)] == ["gg", "f"][:limit]
