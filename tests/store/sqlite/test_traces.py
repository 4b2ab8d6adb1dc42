"""A deleted text leaves no byte in the database, its WAL and its index. The line itself remains."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

from tests.store.committing import save
from trio_chat.records import Amend, DropRoom, Redact
from trio_chat.store import SearchQuery, SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.store.conftest import Pen


def everything_in(folder: Path) -> bytes:
    """All bytes of all files, in lower case: the index folds case."""
    return b"\n".join(file.read_bytes() for file in sorted(folder.iterdir())).lower()


async def settle(store: SqliteStore) -> None:
    while await store.index_some(100):
        pass


async def test_a_deleted_text_leaves_no_byte(sqlite: SqliteStore, pen: Pen) -> None:
    folder = sqlite.path.parent
    lines = pen.lines("hello Xylophone Quagmire", "another xylophone")
    await save(sqlite, [pen.room(1), *lines, pen.line("Zeppelin", kind="edited", target=1)])
    await settle(sqlite)
    await save(sqlite, [Amend(1, 1, pen.event(1, "hello Vermilion"), "hello Vermilion")])
    await settle(sqlite)
    assert b"vermilion" in everything_in(folder)
    await save(sqlite, [Redact(1, 1, b'{"deleted":true}')])
    await settle(sqlite)
    left = everything_in(folder)
    for word in (b"quagmire", b"vermilion", b"zeppelin"):
        assert word not in left
    assert b"xylophone" in left  # the other line's
    assert [hit.seq for hit in (await sqlite.search(SearchQuery(("xylophone",), ((1, 0),)))).hits] == [2]
    assert (await sqlite.read(1, 0, None, 1)).events == [b'{"deleted":true}']


async def test_a_superseded_edit_leaves_no_byte(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1), pen.line("one"), pen.line("quagmire", kind="edited", target=1)])
    await settle(sqlite)
    await save(sqlite, [Amend(1, 1, pen.event(1, "two"), "two"), pen.line("two", kind="edited", target=1)])
    await settle(sqlite)
    assert b"quagmire" not in everything_in(sqlite.path.parent)


async def test_a_text_deleted_before_it_was_indexed_leaves_no_byte(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("quagmire", "stays")])
    await save(sqlite, [Redact(1, 1, b"{}")])
    await settle(sqlite)
    assert b"quagmire" not in everything_in(sqlite.path.parent)


async def test_a_removal_that_a_crash_interrupted_is_finished_after_the_next_start(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines("quagmire", "stays")])
        await settle(store)
        await save(store, [Redact(1, 1, b"{}")])
    async with SqliteStore.open(path) as store:
        await settle(store)
    left = everything_in(path.parent)
    assert b"quagmire" not in left
    assert b"stays" in left


async def test_lines_of_a_dropped_room_and_pruned_lines_leave_no_byte(sqlite: SqliteStore, pen: Pen) -> None:
    await save(sqlite, [pen.room(1), pen.room(2, "#ops"), *pen.lines("quagmire"), *pen.lines("zeppelin", room=2)])
    await settle(sqlite)
    await save(sqlite, [DropRoom(2)])
    pen.wait(days=2)
    await save(sqlite, pen.lines("stays"))
    await sqlite.prune(pen.now, 1)
    await settle(sqlite)
    left = everything_in(sqlite.path.parent)
    assert b"quagmire" not in left
    assert b"zeppelin" not in left
    assert b"stays" in left


async def test_lines_pruned_between_lines_that_stay_leave_no_byte(sqlite: SqliteStore, pen: Pen) -> None:
    dice = random.Random(5)
    await save(sqlite, [pen.room(1), pen.room(2, "#ops")])
    gone: list[str] = []

    def text() -> str:
        words = [f"w{dice.randrange(2000)}" for _ in range(dice.randrange(1, 60))]
        return " ".join([*words, f"{dice.getrandbits(60):015x}"])

    for phase in range(2):
        for _ in range(20):
            for room in (1, 2):
                texts = [text() for _ in range(dice.randrange(1, 20))]
                first = pen.lasts.get(room, 0) + 1
                await save(sqlite, pen.lines(*texts, room=room))
                said = text()
                changed = Amend(room, first, pen.event(first, said), said)
                await save(sqlite, [changed, pen.line(said, kind="edited", target=first, room=room)])
                if phase == 0 and room == 1:
                    gone += [each.rsplit(maxsplit=1)[-1] for each in (*texts, said)]
            await sqlite.index_some(100)
        pen.wait(days=5)
    await save(sqlite, [pen.room(1, keep=6.0)])  # the second phase stays, and all of the other room
    assert set(await sqlite.prune(pen.now, None)) == {1}
    await settle(sqlite)
    left = everything_in(sqlite.path.parent)
    assert len(gone) > 150
    assert [word for word in gone if word.encode() in left] == []


async def test_while_the_wal_is_being_read_the_other_removals_are_done_and_it_is_tried_again(
    sqlite: SqliteStore, pen: Pen
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines("quagmire", "stays")])
    await settle(sqlite)
    reader = sqlite3.connect(sqlite.path, isolation_level=None)  # a backup, say
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()
    await save(sqlite, [Redact(1, 1, b"{}")])
    for _ in range(8):
        assert await sqlite.index_some(10) > 0
    await save(sqlite, pen.lines("others are served"))
    reader.close()
    await settle(sqlite)
    assert b"quagmire" not in everything_in(sqlite.path.parent)


async def test_in_a_busy_log_no_deleted_text_leaves_a_byte(
    sqlite: SqliteStore, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("search_index", "writer", "queries"):
        monkeypatch.setattr(f"trio_chat.store.sqlite.{module}.VOLUME", 256)
    dice = random.Random(7)
    await save(sqlite, [pen.room(1)])
    secrets: dict[int, list[str]] = {}
    gone: list[str] = []

    def text() -> str:
        words = [f"w{dice.randrange(2000)}" for _ in range(dice.randrange(1, 30))]
        return " ".join([*words, f"{dice.getrandbits(60):015x}"])

    for _ in range(40):
        texts = [text() for _ in range(50)]
        first = pen.lasts.get(1, 0) + 1
        await save(sqlite, pen.lines(*texts))
        secrets |= {seq: [said.rsplit(maxsplit=1)[-1]] for seq, said in enumerate(texts, first)}
        for seq in dice.sample(list(secrets), 10):
            said = text()
            secrets[seq].append(said.rsplit(maxsplit=1)[-1])
            await save(sqlite, [Amend(1, seq, pen.event(seq, said), said)])
        for seq in dice.sample(list(secrets), 5):
            gone += secrets.pop(seq)
            await save(sqlite, [Redact(1, seq, b'{"deleted":true}')])
        await sqlite.index_some(60)
    await settle(sqlite)
    left = everything_in(sqlite.path.parent)
    assert len(gone) > 200
    assert [word for word in gone if word.encode() in left] == []
    assert all(words[-1].encode() in left for words in secrets.values())
