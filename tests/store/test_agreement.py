"""After any sequence of commits, the SQLite store and the memory store give the same answers."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trio_chat.records import (
    Amend,
    DropAccount,
    DropInvite,
    DropInviteLink,
    DropMember,
    DropMention,
    DropRoom,
    Line,
    Record,
    Redact,
    SaveAccount,
    SaveClock,
    SaveInvite,
    SaveInviteLink,
    SaveMember,
    SaveMention,
    SaveRead,
    SaveRoom,
)
from trio_chat.store import CommitStored, MemoryStore, SearchQuery, SqliteStore

if TYPE_CHECKING:
    from trio_chat.store import CommitStored, Store

rooms = st.integers(1, 3)
accounts = st.integers(1, 3)
seqs = st.integers(1, 9)
texts = st.sampled_from(["", "red", "red blue", "日本 red", "blue 👍", "see https://x.example"])


def json_of(text: str) -> bytes:
    return b'{"text":"' + text.encode() + b'"}'


def line(room: int, seq: int, sender: int, text: str, kind: str, target: int | None, day: int) -> Line:
    time = f"2026-01-{day:02d}T00:00:00.000Z"
    return Line(room, seq, time, sender, f"c{room}-{seq}" if seq % 2 else "", kind, text, target, json_of(text))


records: st.SearchStrategy[Record] = st.one_of(
    st.builds(line, rooms, seqs, accounts, texts, st.sampled_from(["message", "edited"]), seqs, st.integers(1, 9)),
    st.builds(SaveRoom, rooms, st.sampled_from(["#a", "#b"]), st.just("2026")),
    st.builds(SaveAccount, accounts, *[st.sampled_from(["ada", "bob"])] * 5, invite_link=st.integers(0, 3)),
    st.builds(SaveMember, rooms, accounts, st.integers(1, 3)),
    st.builds(SaveInvite, rooms, accounts),
    st.builds(SaveRead, rooms, accounts, seqs),
    st.builds(
        SaveInviteLink,
        st.integers(1, 3),
        st.sampled_from([b"a", b"b"]),
        st.integers(0, 5),
        st.sampled_from([None, "2026"]),
        st.sampled_from([(), (2,), (1, 2)]),
        st.integers(1, 3),
        texts,
        accounts,
        texts,
        texts,
        st.booleans(),
    ),
    st.builds(DropInviteLink, st.integers(1, 3)),
    st.builds(SaveClock, texts, st.floats(0, 1e9), st.floats(-1e9, 1e9)),
    st.builds(SaveMention, rooms, accounts, seqs),
    st.builds(DropMention, rooms, accounts, seqs),
    st.builds(DropMember, rooms, accounts),
    st.builds(DropInvite, rooms, accounts),
    st.builds(DropAccount, accounts),
    st.builds(Redact, rooms, seqs, texts.map(lambda text: b'{"deleted":"' + text.encode() + b'"}')),
    st.builds(lambda room, seq, text: Amend(room, seq, json_of(text), text), rooms, seqs, texts),
)
batches = st.lists(st.lists(records, max_size=12), max_size=8)


def follow(batch: list[Record], lasts: dict[int, int]) -> list[Record]:
    """Give most lines their right place, otherwise almost nothing would be stored."""
    fixed: list[Record] = []
    for record in batch:
        if isinstance(record, Line) and record.seq != 9:
            lasts[record.room] = lasts.get(record.room, 0) + 1
            record = line(  # noqa: PLW2901 - the same line in its place
                record.room, lasts[record.room], record.sender, record.text, record.kind, record.target, 1
            )
        fixed.append(record)
    return fixed


async def everything(store: Store) -> list[object]:
    """Collect the answers of a store to all kinds of questions."""
    told: list[object] = [await store.load()]
    for room in (1, 2, 3):
        told += [await store.read(room, 0, None, 5), await store.read(room, None, None, 3, floor=2)]
        told += [await store.read(room, 1, None, 5, size=60), await store.read(room, None, 5, 5, size=60)]
        told += [await store.look_up(room, seq) for seq in range(1, 10)]
        told.append(await store.seq_at(room, "2026-01-03"))
    told += [await store.find(sender, f"c{sender}-1") for sender in (1, 2, 3)]
    everywhere = ((1, 0), (2, 1), (3, 0))
    for query in (
        SearchQuery(("red",), everywhere),
        SearchQuery(("blue", "red"), everywhere[:2]),
        SearchQuery(("日",), everywhere, senders=(1, 2)),
        SearchQuery((), everywhere, limit=3),
        SearchQuery((), everywhere, has_link=True),
        SearchQuery(("👍",), everywhere, after="2026-01-02"),
    ):
        answer = await store.search(query)
        told.append(([(hit.room, hit.seq, hit.event) for hit in answer.hits], answer.more))
    return told


async def commit(store: Store, batch: list[Record]) -> str:
    outcome = await store.commit(batch)
    return "" if isinstance(outcome, CommitStored) else outcome.why


EDIT_OF_ITSELF: list[Record] = [line(1, 1, 1, "", "edited", 1, 1), Redact(1, 1, b'{"deleted":""}')]
"""No broker makes such a line; a found example."""


@settings(deadline=None, max_examples=25)
@given(batches)
@example([EDIT_OF_ITSELF])
def test_both_stores_give_the_same_answers(written: list[list[Record]]) -> None:
    async def compare(path: Path) -> None:
        memory = MemoryStore("epoch")
        lasts: dict[int, int] = {}
        async with SqliteStore.open(path, synchronous="NORMAL") as kept:
            await commit(memory, [SaveRoom(1, "#a", "2026")])
            await commit(kept, [SaveRoom(1, "#a", "2026")])
            for number, batch in enumerate(written):
                fixed = follow(batch, lasts)
                refused = await commit(memory, fixed)
                assert await commit(kept, fixed) == refused
                if refused:
                    lasts = {state.room.id: state.last for state in (await memory.load()).rooms}
                if number == 5:
                    now = datetime(2026, 1, 4, tzinfo=UTC)
                    assert await memory.prune(now, 2) == await kept.prune(now, 2)
                if number % 3 == 1:
                    await kept.index_some(5)
            while await kept.index_some(100):
                pass
            assert await everything(kept) == await everything(memory)

    with tempfile.TemporaryDirectory() as folder:
        trio.run(compare, Path(folder) / "chat")


@settings(deadline=None, max_examples=20)
@given(batches)
@example([EDIT_OF_ITSELF])
def test_a_dropped_room_is_gone_from_both_stores(written: list[list[Record]]) -> None:
    async def compare(path: Path) -> None:
        memory = MemoryStore("epoch")
        async with SqliteStore.open(path, synchronous="NORMAL") as kept:
            lasts: dict[int, int] = {}
            first: list[Record] = [SaveRoom(1, "#a", "2026"), SaveRoom(2, "#b", "2026"), SaveRoom(3, "#c", "2026")]
            batch = [*first, *(record for batch in written for record in follow(batch, lasts)), DropRoom(2)]
            batch = [record for record in batch if not (isinstance(record, Line) and record.seq == 9)]
            assert await commit(memory, batch) == await commit(kept, batch)
            assert await everything(kept) == await everything(kept)
            while await kept.index_some(100):
                pass
            assert await everything(kept) == await everything(memory)

    with tempfile.TemporaryDirectory() as folder:
        trio.run(compare, Path(folder) / "chat")
