"""The log of a room in a store: reading, edits, deletions and retention. Each test runs against all implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.records import (
    Amend,
    DropAccount,
    DropBan,
    DropDevice,
    DropInvite,
    DropMember,
    DropRoom,
    Redact,
    SaveMention,
    Sent,
)
from trio_chat.store import STORED, CommitRefused, LinePosition, LogSlice, MemoryStore, StoredLine

if TYPE_CHECKING:
    from tests.store.conftest import Pen
    from trio_chat.store import Store


async def settle(store: Store) -> None:
    """Finish all indexing and removal."""
    while await store.index_some(100):
        pass


@pytest.mark.parametrize(
    ("asked", "floor", "seqs", "rest"),
    [
        ((None, None, 3), 0, [8, 9, 10], (True, 1)),
        ((None, None, 10), 0, list(range(1, 11)), (False, 1)),
        ((None, None, 99), 0, list(range(1, 11)), (False, 1)),
        ((None, None, 3), 8, [9, 10], (False, 9)),
        ((None, None, 1), 8, [10], (True, 9)),
        ((None, None, 3), 10, [], (False, 11)),
        ((None, None, 3), 99, [], (False, 11)),
        ((0, None, 3), 0, [1, 2, 3], (True, 1)),
        ((7, None, 3), 0, [8, 9, 10], (False, 1)),
        ((7, None, 2), 0, [8, 9], (True, 1)),
        ((10, None, 3), 0, [], (False, 1)),
        ((99, None, 3), 0, [], (False, 1)),
        ((2, None, 3), 5, [6, 7, 8], (True, 6)),
        ((None, 4, 2), 0, [2, 3], (True, 1)),
        ((None, 4, 3), 0, [1, 2, 3], (False, 1)),
        ((None, 1, 3), 0, [], (False, 1)),
        ((None, 0, 3), 0, [], (False, 1)),
        ((None, 99, 2), 0, [9, 10], (True, 1)),
        ((None, 8, 5), 5, [6, 7], (False, 6)),
        ((None, 3, 5), 5, [], (False, 6)),
    ],
)
async def test_a_slice_has_the_events_that_were_asked_for(
    store: Store,
    pen: Pen,
    asked: tuple[int | None, int | None, int],
    floor: int,
    seqs: list[int],
    rest: tuple[bool, int],
) -> None:
    lines = pen.lines(*map(str, range(1, 11)))
    await save(store, [pen.room(1), pen.room(2, "#other"), *lines, *pen.lines("elsewhere", room=2)])
    expected = LogSlice([lines[seq - 1].event for seq in seqs], *rest)
    assert await store.read(1, *asked, floor=floor) == expected


@pytest.mark.parametrize(
    ("asked", "size", "seqs", "more"),
    [
        ((0, None, 9), 3 * 1000, [1, 2, 3], True),
        ((0, None, 9), 3 * 1000 - 1, [1, 2], True),
        ((0, None, 2), 3 * 1000, [1, 2], True),
        ((3, None, 9), 2 * 1000, [4, 5], False),
        ((3, None, 9), 0, [4], True),
        ((4, None, 9), 0, [5], False),
        ((5, None, 9), 0, [], False),
        ((None, None, 9), 2 * 1000, [4, 5], True),
        ((None, None, 9), 5 * 1000, [1, 2, 3, 4, 5], False),
        ((None, 5, 9), 1, [4], True),
        ((None, 2, 9), 1, [1], False),
    ],
)
async def test_a_slice_has_at_most_the_given_bytes_but_at_least_one_event(
    store: Store, pen: Pen, asked: tuple[int | None, int | None, int], size: int, seqs: list[int], *, more: bool
) -> None:
    lines = [replace(line, event=b"%04d" % line.seq * 250) for line in pen.lines(*"abcde")]
    await save(store, [pen.room(1), *lines])
    expected = LogSlice([lines[seq - 1].event for seq in seqs], more=more, first=1)
    assert await store.read(1, *asked, size=size) == expected


async def test_the_ids_of_the_last_lines_are_loaded_in_their_order(
    store: Store, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.store.interface.SENT", 5)
    await save(store, [pen.room(1), pen.room(2, "#other"), pen.line("far away", cid="a")])
    lines = [pen.line("one", sender=2, cid="c"), pen.line("", kind="topic"), pen.line("two", cid="b")]
    elsewhere = [pen.line("three", room=2, sender=2, cid="c"), pen.line("four", cid="b")]
    await save(store, [*lines, *elsewhere, pen.room(3, "#gone"), pen.line("five", room=3, cid="d"), DropRoom(3)])
    await settle(store)
    kept = [lines[0], lines[2], *elsewhere]
    assert (await store.load()).sent == tuple(
        Sent(line.sender, line.cid, line.room, line.seq, line.time) for line in kept
    )


async def test_a_room_without_lines_reads_as_empty(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1)])
    assert await store.read(1, None, None, 10) == LogSlice([], more=False, first=1)
    assert await store.read(1, 5, None, 10, floor=3) == LogSlice([], more=False, first=4)
    assert (await store.load()).rooms[0].last == 0


async def test_events_come_back_byte_for_byte(store: Store, pen: Pen) -> None:
    event = '{"type":"message","text":"日本 \\u0000 \\" 👍","odd":[1.50,null]}'.encode()
    await save(store, [pen.room(1), replace(pen.line("日本"), event=event)])
    assert (await store.read(1, None, None, 1)).events == [event]
    assert await store.look_up(1, 1) == StoredLine(1, event)


async def test_a_line_is_looked_up_and_found_by_its_senders_id(store: Store, pen: Pen) -> None:
    mine, same_id, noname = pen.line(cid="a1", sender=5), pen.line(cid="a1", sender=6), pen.line(sender=5)
    await save(store, [pen.room(1), mine, same_id, noname])
    assert await store.look_up(1, 2) == StoredLine(6, same_id.event)
    assert await store.look_up(1, 4) is None
    assert await store.look_up(9, 1) is None
    assert await store.find(5, "a1") == LinePosition(1, 1, mine.time)
    assert await store.find(6, "a1") == LinePosition(1, 2, same_id.time)
    assert await store.find(7, "a1") is None
    assert await store.find(5, "") is None


async def test_many_lines_and_positions_are_looked_up_in_one_call(store: Store, pen: Pen) -> None:
    one, other, gone = pen.line(cid="a1", sender=5), pen.line(cid="b1", sender=6), pen.line(cid="c1", room=2)
    await save(store, [pen.room(1), pen.room(2, "#ops"), one, other, gone])
    await save(store, [DropRoom(2)])
    lines = [(1, 1), (1, 2), (1, 3), (2, 1), (9, 1)]
    sent = [(5, "a1"), (6, "a1"), (6, "b1"), (1, "c1"), (5, "")]
    found = await store.look_up_many(lines, sent)
    assert found.lines == {(1, 1): StoredLine(5, one.event), (1, 2): StoredLine(6, other.event)}
    assert found.sent == {(5, "a1"): LinePosition(1, 1, one.time), (6, "b1"): LinePosition(1, 2, other.time)}
    assert found.lines == {key: line for key in lines if (line := await store.look_up(*key)) is not None}
    assert await store.look_up_many((), ()) == ({}, {})


async def test_the_sequence_number_at_a_time_is_found(store: Store, pen: Pen) -> None:
    lines = pen.lines(*"abcde")
    await save(store, [pen.room(1), *lines, pen.room(2, "#none")])
    assert await store.seq_at(1, "2025-12-31T23:59:59.000Z") == 0
    assert await store.seq_at(1, lines[0].time) == 0
    assert await store.seq_at(1, lines[2].time) == 2
    assert await store.seq_at(1, "2026-01-01T00:00:03.500Z") == 3
    assert await store.seq_at(1, "2030-01-01T00:00:00.000Z") == 5
    assert await store.seq_at(2, lines[0].time) == 0


async def test_the_end_of_each_log_is_loaded(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), pen.room(2, "#ops"), *pen.lines("a", "b", "c"), *pen.lines("d", room=2)])
    assert [(state.first, state.last) for state in (await store.load()).rooms] == [(1, 3), (1, 1)]


@pytest.mark.parametrize("seqs", [[2], [1, 1], [1, 3], [1, 2, 4, 3], [0]])
async def test_lines_out_of_sequence_are_refused_with_all_records_of_their_commit(
    store: Store, pen: Pen, seqs: list[int]
) -> None:
    assert await store.commit([pen.room(1)]) == STORED
    wrong = [replace(line, seq=seq) for seq, line in zip(seqs, pen.lines(*map(str, seqs)), strict=True)]
    outcome = await store.commit([pen.account(1), *wrong])
    assert isinstance(outcome, CommitRefused)
    assert outcome.why.endswith("Nothing was stored.")
    snapshot = await store.load()
    assert snapshot.accounts == ()
    assert (await store.read(1, 0, None, 10)).events == []
    assert store.statistics().failures == 1
    pen.lasts[1] = 0
    await save(store, pen.lines("fine"))
    assert (await store.load()).rooms[0].last == 1


async def test_a_line_for_a_room_that_does_not_exist_is_refused(store: Store, pen: Pen) -> None:
    with pytest.raises(StoreError, match="no room 3"):
        await save(store, [pen.line(room=3)])
    await save(store, [pen.room(3)])
    await save(store, [DropRoom(3)])
    with pytest.raises(StoreError, match="no room 3"):
        await save(store, [pen.line(room=3)])


async def test_an_amended_line_is_read_with_its_new_event(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), *pen.lines("one", "two", "three")])
    await save(store, [Amend(1, 2, b'{"text":"zwei","longer":"than it was before"}', "zwei")])
    events = (await store.read(1, 0, None, 10)).events
    assert events == [pen.event(1, "one"), b'{"text":"zwei","longer":"than it was before"}', pen.event(3, "three")]


async def test_a_new_text_blanks_the_edits_that_it_supersedes(store: Store, pen: Pen) -> None:
    first, other = pen.line("one"), pen.line("other")
    edit = pen.line("eins", kind="edited", target=1)
    stray = pen.line("of another", kind="edited", target=2)
    reply = pen.line("a reply", target=1)
    await save(store, [pen.room(1), first, other, edit, stray, reply])
    await save(store, [Amend(1, 1, b'{"text":"one","reactions":1}', "one")])
    assert await store.look_up(1, 3) == StoredLine(1, edit.event)
    await save(store, [Amend(1, 1, b'{"text":"uno"}', "uno"), pen.line("uno", kind="edited", target=1)])
    events = (await store.read(1, 0, None, 10)).events
    assert events == [
        b'{"text":"uno"}',
        other.event,
        b'{"type":"message","seq":3,"text":""}',
        stray.event,
        reply.event,
        pen.event(6, "uno"),
    ]


async def test_a_deleted_line_keeps_its_place_and_its_edits_lose_their_texts(store: Store, pen: Pen) -> None:
    first, edit = pen.line("one"), pen.line("eins", kind="edited", target=1)
    again, other = pen.line("uno", kind="edited", target=1), pen.line("other", kind="edited", target=9)
    await save(store, [pen.room(1), first, edit, again, other])
    await save(store, [Redact(1, 1, b'{"deleted":true}')])
    assert (await store.read(1, 0, None, 10)).events == [
        b'{"deleted":true}',
        b'{"type":"message","seq":2,"text":""}',
        b'{"type":"message","seq":3,"text":""}',
        other.event,
    ]


async def test_a_change_to_a_line_that_does_not_exist_does_nothing(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), *pen.lines("one")])
    await save(store, [Amend(1, 5, b"{}", "x"), Redact(1, 6, b"{}"), Amend(8, 1, b"{}", "x"), Redact(8, 1, b"{}")])
    await save(store, [DropBan(5), DropDevice(5), DropAccount(5), DropRoom(5), DropMember(5, 5), DropInvite(5, 5)])
    assert (await store.read(1, 0, None, 10)).events == [pen.event(1, "one")]


async def test_lines_that_are_too_old_are_removed_and_the_sequence_continues(store: Store, pen: Pen) -> None:
    old = [*pen.lines("a", "b", "c"), *pen.lines("x", room=2), *pen.lines("for ever", room=3), *pen.lines("y", room=4)]
    rooms = [pen.room(1), pen.room(2, "#week", keep=7), pen.room(3, "#for-ever", keep=0), pen.room(4, "#all-old")]
    await save(store, [*rooms, *old, SaveMention(1, 1, 2), SaveMention(1, 1, 4)])
    pen.wait(days=10)
    await save(store, pen.lines("d", "e"))
    assert await store.prune(pen.now, None) == {2: 2}
    assert await store.prune(pen.now, 5) == {1: 4, 4: 2}
    assert await store.prune(pen.now, 5) == {}
    await settle(store)
    assert await store.read(1, 0, None, 10) == LogSlice([pen.event(4, "d"), pen.event(5, "e")], more=False, first=4)
    assert await store.read(1, None, None, 1) == LogSlice([pen.event(5, "e")], more=True, first=4)
    assert await store.read(4, 0, None, 10) == LogSlice([], more=False, first=2)
    assert await store.look_up(1, 3) is None
    assert await store.seq_at(1, "2026-01-01T00:00:02.000Z") == 3
    snapshot = await store.load()
    assert [(state.first, state.last) for state in snapshot.rooms] == [(4, 5), (2, 1), (1, 1), (2, 1)]
    assert snapshot.mentions == (SaveMention(1, 1, 4),)
    await save(store, [pen.line("goes on", room=4), pen.line("f")])
    assert (await store.read(4, 0, None, 10)).events == [pen.event(2, "goes on")]
    assert (await store.read(1, 5, None, 10)).events == [pen.event(6, "f")]


async def test_retention_removes_more_than_one_step_of_lines(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), *pen.lines(*["old"] * 1200)])
    pen.wait(days=2)
    await save(store, pen.lines("new"))
    assert await store.prune(pen.now, 1) == {1: 1201}
    assert (await store.read(1, 0, None, 10)).events == [pen.event(1201, "new")]


async def test_zero_days_keep_lines_forever(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), *pen.lines("old")])
    pen.wait(days=1000)
    assert await store.prune(pen.now, 0) == {}


async def test_a_memory_store_keeps_the_newest_lines_of_each_room(pen: Pen) -> None:
    store = MemoryStore("epoch", backlog=3)
    await save(store, [pen.room(1), pen.line(cid="old"), *pen.lines("b", "c"), pen.line(cid="new")])
    assert await store.read(1, 0, None, 10) == LogSlice(
        [pen.event(n, t) for n, t in ((2, "b"), (3, "c"), (4, "hello"))], more=False, first=2
    )
    assert (await store.load()).rooms[0].first == 2
    assert await store.find(1, "old") is None
    assert await store.find(1, "new") == LinePosition(1, 4, "2026-01-01T00:00:04.000Z")
    assert repr(store) == "<MemoryStore 3 events of 1 rooms>"
