"""The interface of a store: records, commits and the audit log. Each test runs against all implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from msgspec.structs import replace

from tests.store.committing import save
from trio_chat.records import (
    Amend,
    AuditNote,
    DropAccount,
    DropBan,
    DropDevice,
    DropInvite,
    DropInviteLink,
    DropMember,
    DropMention,
    DropRoom,
    MissedNotice,
    Record,
    Redact,
    SaveBan,
    SaveClock,
    SaveDevice,
    SaveInvite,
    SaveInviteLink,
    SaveMember,
    SaveMention,
    SaveRead,
    SaveRoom,
    Snapshot,
)
from trio_chat.store import LinePosition, LogSlice

if TYPE_CHECKING:
    from tests.store.conftest import Pen
    from trio_chat.store import Store


async def settle(store: Store) -> None:
    """Finish all indexing and removal."""
    while await store.index_some(100):
        pass


def ban(number: int, room: int | None = None, account: int | None = None) -> SaveBan:
    return SaveBan(number, room, account, "10.0.0.0/8", None, "noise", "ada", "2026-01-01T00:00:00.000Z")


def device(number: int, account: int) -> SaveDevice:
    return SaveDevice(number, account, bytes(range(32)), "laptop", "2026-01-01", "2026-01-02")


def invite_link(number: int, uses: int = 5, **more: Any) -> SaveInviteLink:
    return SaveInviteLink(number, bytes(range(32)), uses, None, (), 1, "ada", 1, "2026-01-01T00:00:00.000Z", **more)


async def test_a_new_store_is_empty_and_counts_from_one(store: Store) -> None:
    snapshot = await store.load()
    assert snapshot == Snapshot()
    assert store.epoch
    assert await store.read(1, None, None, 10) == LogSlice([], more=False, first=1)


async def test_saved_records_are_loaded_unchanged(store: Store, pen: Pen) -> None:
    room = SaveRoom(
        2, "@1+2", pen.stamp(), direct=(1, 2), private=True, topic="thé", announce_only=True, slow=2.5, keep=0.5
    )
    saved: list[Record] = [
        pen.account(1, "ada", password="$argon2id$"),
        replace(pen.account(2, "bob"), missed=(MissedNotice("#ops", "ada", "ban", "thé"), MissedNotice("#b", "ada"))),
        device(4, 1),
        pen.room(1),
        room,
        SaveMember(1, 1, 3),
        SaveMember(2, 2, 1, 7, "2027-01-01T00:00:00.000Z"),
        SaveInvite(2, 1),
        SaveRead(1, 2, 5),
        SaveMention(1, 1, 6),
        ban(3, room=1),
        ban(5, account=2),
        replace(invite_link(6, note="thé"), until="2026-02-01T00:00:00.000Z", rooms=(1, 2), role=2, by_account=0),
        invite_link(8, uses=0, revoked=True),
        replace(pen.account(3, "eve"), invite_link=6),
        SaveClock("boot", 1e9, 0.5),
        SaveClock("boot", 1e9, -3600.25),
    ]
    await save(store, saved)
    snapshot = await store.load()
    assert list(snapshot.accounts) == [*saved[:2], saved[14]]
    assert list(snapshot.devices) == [saved[2]]
    assert [state.room for state in snapshot.rooms] == [saved[3], room]
    assert list(snapshot.members) == saved[5:7]
    assert list(snapshot.invites) == [saved[7]]
    assert list(snapshot.reads) == [saved[8]]
    assert list(snapshot.mentions) == [saved[9]]
    assert list(snapshot.bans) == saved[10:12]
    assert list(snapshot.invite_links) == saved[12:14]
    assert snapshot.clock == saved[-1]
    assert (snapshot.next_account, snapshot.next_device, snapshot.next_room, snapshot.next_ban) == (4, 5, 3, 6)
    assert snapshot.next_invite_link == 9


async def test_saving_again_replaces_and_dropping_removes(store: Store, pen: Pen) -> None:
    await save(store, [pen.account(1), pen.room(1), device(1, 1), ban(1), SaveMember(1, 1), SaveInvite(1, 1)])
    await save(store, [invite_link(1), pen.account(1, "eve"), pen.room(1, "#ops"), SaveMember(1, 1, 2, 9)])
    await save(store, [invite_link(1, uses=4, note="class")])
    snapshot = await store.load()
    assert snapshot.accounts[0].name == "eve"
    assert snapshot.devices == (device(1, 1),)
    assert snapshot.rooms[0].room.name == "#ops"
    assert snapshot.members == (SaveMember(1, 1, 2, 9),)
    assert snapshot.invite_links == (invite_link(1, uses=4, note="class"),)
    await save(store, [DropDevice(1), DropBan(1), DropInvite(1, 1), DropMember(1, 1), DropInviteLink(1)])
    snapshot = await store.load()
    assert snapshot.invite_links == ()
    assert (snapshot.devices, snapshot.bans, snapshot.invites, snapshot.members) == ((), (), (), ())


async def test_a_number_is_never_used_again(store: Store, pen: Pen) -> None:
    await save(store, [pen.account(7), device(8, 7), pen.room(9), ban(10), invite_link(11)])
    await save(store, [DropDevice(8), DropAccount(7), DropRoom(9), DropBan(10), DropInviteLink(11)])
    snapshot = await store.load()
    assert snapshot.next_invite_link == 12
    assert (snapshot.next_account, snapshot.next_device, snapshot.next_room, snapshot.next_ban) == (8, 9, 10, 11)


async def test_with_an_account_its_records_are_removed_and_its_messages_stay(store: Store, pen: Pen) -> None:
    await save(store, [pen.account(1), pen.account(2, "bob"), pen.room(1), device(1, 1), device(2, 2)])
    for account in (1, 2):
        mine: list[Record] = [
            SaveMember(1, account),
            SaveInvite(1, account),
            SaveRead(1, account, 1),
            SaveMention(1, account, 2),
        ]
        await save(store, [*mine, ban(account, account=account)])
    await save(store, [*pen.lines("one", "two", sender=1), DropAccount(1)])
    snapshot = await store.load()
    assert [account.id for account in snapshot.accounts] == [2]
    for held in (
        snapshot.devices,
        snapshot.members,
        snapshot.invites,
        snapshot.reads,
        snapshot.mentions,
        snapshot.bans,
    ):
        assert [record.account for record in held] == [2]
    assert len((await store.read(1, 0, None, 10)).events) == 2


async def test_with_a_room_its_lines_and_all_records_about_it_are_removed(store: Store, pen: Pen) -> None:
    await save(store, [pen.account(1), pen.room(1), pen.room(2, "#ops")])
    for room in (1, 2):
        await save(store, [SaveMember(room, 1), SaveInvite(room, 1), SaveRead(room, 1, 1), SaveMention(room, 1, 2)])
        await save(store, [ban(room, room=room), *pen.lines("one", "two", room=room), pen.line(room=room, cid="x")])
    await save(store, [DropRoom(2)])
    for _ in range(2):
        snapshot = await store.load()
        assert [state.room.id for state in snapshot.rooms] == [1]
        for held in (snapshot.members, snapshot.invites, snapshot.reads, snapshot.mentions, snapshot.bans):
            assert [record.room for record in held] == [1]
        assert await store.read(2, 0, None, 10) == LogSlice([], more=False, first=1)
        assert await store.look_up(2, 1) is None
        assert await store.find(1, "x") in (None, LinePosition(1, 3, "2026-01-01T00:00:03.000Z"))
        assert await store.seq_at(2, "2027") == 0
        await settle(store)
    assert len((await store.read(1, 0, None, 10)).events) == 3


async def test_with_a_membership_its_read_position_and_mentions_are_removed(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), pen.room(2, "#ops"), pen.account(1)])
    await save(
        store, [r for room in (1, 2) for r in (SaveMember(room, 1), SaveRead(room, 1, 1), SaveMention(room, 1, 2))]
    )
    await save(store, [DropMember(1, 1)])
    snapshot = await store.load()
    assert (snapshot.members, snapshot.reads, snapshot.mentions) == (
        (SaveMember(2, 1),),
        (SaveRead(2, 1, 1),),
        (SaveMention(2, 1, 2),),
    )


async def test_a_read_position_clears_the_mentions_up_to_it_and_no_others(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), pen.room(2, "#ops"), pen.account(1), pen.account(2, "bob")])
    await save(store, [SaveMention(1, 1, 3), SaveMention(1, 1, 4), SaveMention(1, 2, 3), SaveMention(2, 1, 3)])
    await save(store, [SaveRead(1, 1, 3), SaveMention(1, 1, 2)])
    snapshot = await store.load()
    assert snapshot.mentions == (
        SaveMention(1, 1, 2),
        SaveMention(1, 1, 4),
        SaveMention(1, 2, 3),
        SaveMention(2, 1, 3),
    )


async def test_a_mention_can_be_dropped_alone(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), pen.account(1), SaveMention(1, 1, 3), SaveMention(1, 1, 4)])
    await save(store, [DropMention(1, 1, 3), DropMention(1, 1, 9)])
    assert (await store.load()).mentions == (SaveMention(1, 1, 4),)


async def test_records_of_one_commit_act_in_their_order(store: Store, pen: Pen) -> None:
    first, second = pen.line("first"), pen.line("second")
    await save(
        store,
        [
            pen.room(1),
            first,
            SaveMention(1, 1, 1),
            SaveRead(1, 1, 1),
            Amend(1, 1, b'{"text":"changed"}', "changed"),
            second,
            SaveMention(1, 1, 2),
            Redact(1, 2, b'{"text":""}'),
            pen.room(2, "#gone"),
            pen.line(room=2),
            DropRoom(2),
        ],
    )
    assert (await store.read(1, 0, None, 10)).events == [b'{"text":"changed"}', b'{"text":""}']
    snapshot = await store.load()
    assert snapshot.mentions == (SaveMention(1, 1, 2),)
    assert [state.room.id for state in snapshot.rooms] == [1]


async def test_an_empty_commit_does_nothing(store: Store) -> None:
    await save(store, [])
    assert (await store.load()).rooms == ()


async def test_the_audit_log_comes_back_newest_first_in_pages(store: Store, pen: Pen) -> None:
    notes = [AuditNote(pen.stamp(), "ada", "ban", "#lobby", "bob", f"number {n}") for n in range(5)]
    await save(store, notes[:3])
    await save(store, notes[3:])
    newest = await store.notes(2)
    assert [line.note for line in newest] == notes[4:2:-1]
    older = await store.notes(10, before=newest[-1].id)
    assert [line.note for line in older] == notes[2::-1]
    assert await store.notes(10, before=older[-1].id) == []


async def test_a_commit_that_is_cancelled_before_it_began_stores_nothing(store: Store, pen: Pen) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await save(store, [pen.room(1)])
    assert scope.cancelled_caught
    assert (await store.load()).rooms == ()


async def test_a_store_counts_its_commits_and_lines_and_is_writable(store: Store, pen: Pen) -> None:
    await store.check_writable()
    await store.look_over()
    assert store.damage is None
    await save(store, [pen.room(1), *pen.lines("a", "b")])
    await save(store, pen.lines("c"))
    statistics = store.statistics()
    assert (statistics.commits, statistics.lines, statistics.failures) == (2, 3, 0)
    await settle(store)
    assert store.statistics().behind == 0
