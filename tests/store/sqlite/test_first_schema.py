"""A database of the first version can be opened, read, searched, written to and checked."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from tests.store.committing import save
from tests.store.sqlite.earlier_versions import ADAS_TOKEN, lay_down
from trio_chat.errors import StoreError
from trio_chat.records import AuditNote, Line, Redact, SaveInvite, SaveMember, SaveMention, SaveRead, SaveRoom
from trio_chat.store import SearchQuery, SqliteStore
from trio_chat.store.sqlite import schema
from trio_chat.store.sqlite.maintenance import backup, check, restore

if TYPE_CHECKING:
    from pathlib import Path

EVERYWHERE = tuple((room, 0) for room in range(1, 7))
ADA, BOB, EVE, MIA, ZOE = range(1, 6)
IDS = {"Ada": ADA, "bob": BOB, "eve": EVE, "mia": MIA, "zoe": ZOE}


@pytest.fixture(autouse=True)
def first(path: Path) -> None:
    lay_down(1, path)


async def log(store: SqliteStore, room: int) -> list[Any]:
    return [msgspec.json.decode(event) for event in (await store.read(room, 0, None, 99)).events]


async def found(store: SqliteStore, *words: str, **more: Any) -> list[tuple[int, int]]:
    answer = await store.search(SearchQuery(words, EVERYWHERE, **more))
    return [(hit.room, hit.seq) for hit in answer.hits]


async def settle(store: SqliteStore) -> None:
    while await store.index_some(100):
        pass


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(version)


async def test_people_and_rooms_are_as_they_were(path: Path) -> None:
    assert version_of(path) == 1
    async with SqliteStore.open(path) as store:
        assert store.epoch == "f83cc4c466928887"
        there = await store.load()
    assert version_of(path) == len(schema.MIGRATIONS)
    assert [(one.id, one.name, one.key, one.skeleton, one.admin) for one in there.accounts] == [
        (ADA, "Ada", "ada", "ada", True),
        (BOB, "bob", "bob", "bob", False),
        (EVE, "eve", "eve", "eve", False),
        (MIA, "mia", "mia", "rnia", False),
        (ZOE, "zoe", "zoe", "zoe", False),
    ]
    assert [(one.password or "")[:9] for one in there.accounts] == ["$argon2id", "", "", "", ""]
    assert {(one.missed, one.guest, one.invite_link) for one in there.accounts} == {((), False, 0)}
    assert (there.invite_links, there.next_invite_link) == ((), 1)
    assert (there.accounts[0].created, there.accounts[0].seen) == (
        "2026-11-21T09:35:04.344Z",
        "2026-11-21T09:35:06.040Z",
    )
    assert [(device.id, device.account) for device in there.devices] == [(n, n) for n in range(1, 6)]
    assert there.devices[0].digest == hashlib.sha256(ADAS_TOKEN.encode()).digest()
    assert [(state.room, state.first, state.last) for state in there.rooms] == [
        (SaveRoom(1, "#lobby", "2026-11-21T09:35:03.218Z"), 1, 10),
        (SaveRoom(2, "#ops", "2026-11-21T09:35:04.364Z", topic=OPS, slow=0.5, keep=3650.0), 1, 9),
        (SaveRoom(3, "#secret", "2026-11-21T09:35:04.373Z", private=True, announce_only=True), 1, 3),
        (SaveRoom(4, "@ada+bob", "2026-11-21T09:35:04.376Z", direct=(ADA, BOB)), 1, 2),
        (SaveRoom(6, "#old", "2026-11-21T09:35:04.380Z", keep=30.0), 4, 5),
    ]
    assert set(there.members) == {
        *(SaveMember(1, each) for each in range(1, 6)),
        SaveMember(2, ADA, 3),
        SaveMember(2, BOB, 2),
        SaveMember(2, MIA, 1, 0, "2027-03-17T03:21:44.370Z"),
        SaveMember(3, ADA, 3),
        SaveMember(4, ADA),
        SaveMember(4, BOB),
        SaveMember(6, ADA, 3),
    }
    assert there.invites == (SaveInvite(3, MIA),)
    everybody_elses = {
        *(SaveRead(1, each, 10) for each in (ADA, EVE, ZOE)),
        SaveRead(1, MIA, 6),  # before the mention that waits for her
        *(SaveRead(2, each, 9) for each in (ADA, BOB, MIA)),
        SaveRead(3, ADA, 3),
        SaveRead(6, ADA, 5),
    }
    assert set(there.reads) == {SaveRead(1, BOB, 3)} | everybody_elses  # in the direct conversation none
    assert set(there.mentions) == {SaveMention(1, BOB, 7), SaveMention(1, MIA, 7)}
    assert [(ban.id, ban.room, ban.account, ban.network, ban.reason, ban.by) for ban in there.bans] == [
        (1, 2, EVE, None, "noise", "bob"),
        (2, 2, None, "192.0.2.0/24", "", "Ada"),
    ]
    assert (there.next_account, there.next_device, there.next_room, there.next_ban) == (6, 6, 7, 3)


OPS = "what runs and what does not"


async def test_what_was_said_reads_as_it_did(path: Path) -> None:
    async with SqliteStore.open(path) as store:
        lobby = await log(store, 1)
        assert [event["type"] for event in lobby] == [
            *["message"] * 3,
            "edited",
            "reacted",
            *["message"] * 4,
            "deleted",
        ]
        assert [event["seq"] for event in lobby] == list(range(1, 11))
        assert (lobby[0]["from"], lobby[0]["text"], lobby[0]["time"]) == (
            "Ada",
            "hello everybody",
            "2026-11-21T09:35:04.357Z",
        )
        assert (lobby[2]["text"], lobby[2]["edited"]) == (
            "the token is in https://example.org/page",
            "2026-11-21T09:35:04.360Z",
        )
        assert (lobby[2]["reactions"], lobby[2]["reaction_ids"]) == ({"👍": ["bob"]}, {"👍": [BOB]})
        for room, _ in EVERYWHERE:
            assert all(event["from_id"] == IDS[event["from"]] for event in await log(store, room))
        assert lobby[6]["mentions"] == [BOB, MIA]  # he and she have not read it yet
        assert (lobby[4]["target"], lobby[4]["mark"]) == (3, "👍")
        assert (lobby[5]["text"], lobby[5]["reply_to"]) == ("明日は東京に行きます", 1)
        assert (lobby[7]["text"], lobby[7]["deleted"]) == ("", True)
        assert [event["text"] for event in await log(store, 4)] == ["just for you, bob", "thanks"]
        assert [event["seq"] for event in await log(store, 6)] == [4, 5]
        notes = [line.note for line in await store.notes(99)]
    assert len(notes) == 11
    assert notes[0] == AuditNote("2026-11-21T09:35:06.349Z", "server", "promote", "", "Ada")
    assert notes[7].detail == "until 2027-03-17T03:21:44.370Z"


async def test_it_is_searched_and_what_waited_for_the_index_and_for_removal_is_done(path: Path) -> None:
    async with SqliteStore.open(path) as store:
        assert await found(store, "token") == [(1, 3)]
        assert await found(store, "東京") == [(1, 6)]
        assert await found(store, has_link=True) == [(1, 3)]
        assert await found(store, "noon", senders=(ADA,)) == [(2, 5)]
        assert store.statistics().behind == 2
        await settle(store)
        assert await found(store, "last", "line") == [(1, 9)]
        assert await found(store, "deploy*") == [(2, 6), (2, 5)]
        assert await found(store, "quagmire") == await found(store, "vermilion") == []
    left = (await trio.Path(path).read_bytes()).lower()
    assert b"vermilion" not in left  # of the room that was dropped
    assert b"quagmire" not in left  # of the line that was deleted
    assert check(path) == []


async def test_it_is_written_to_where_it_ended(path: Path, tmp_path: Path) -> None:
    async with SqliteStore.open(path) as store:
        line = Line(1, 11, "2026-11-22T00:00:00.000Z", BOB, "new", "message", "welcome back", None, b'{"seq":11}')
        with pytest.raises(StoreError, match="does not follow line 10"):
            await save(store, [msgspec.structs.replace(line, seq=12)])
        people = (await store.load()).accounts
        away = msgspec.structs.replace(people[BOB - 1], guest=True)
        await save(store, [line, SaveRead(1, BOB, 11), away, Redact(1, 3, b'{"seq":3}')])
        assert (await store.find(ADA, "unlike-any-other") or ())[:2] == (1, 7)
        assert (await store.find(BOB, "new") or ())[:2] == (1, 11)
        await settle(store)
        assert await found(store, "welcome") == [(1, 11)]
        assert await found(store, "token") == []
        there = await store.load()
        assert there.accounts[BOB - 1] == away
        assert there.mentions == (SaveMention(1, MIA, 7),)
    assert check(path) == []
    backup(path, tmp_path / "chat.backup")
    restore(tmp_path / "chat.backup", tmp_path / "elsewhere")
    assert check(tmp_path / "elsewhere" / path.name) == []


async def test_a_further_migration_keeps_everything(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_down(1, tmp_path / "twin" / path.name)
    further = ("ALTER TABLE rooms ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'", "CREATE TABLE further (x)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, further))
    async with SqliteStore.open(path) as store:
        there = await store.load()
        lines = [await log(store, room) for room, _ in EVERYWHERE]
        await settle(store)
        assert await found(store, "token") == [(1, 3)]
        await save(store, [SaveRoom(1, "#lobby", "2026", topic="new")])
    assert version_of(path) == len(schema.MIGRATIONS)
    assert check(path) == []
    monkeypatch.undo()
    async with SqliteStore.open(tmp_path / "twin" / path.name) as twin:
        assert await twin.load() == there
        assert [await log(twin, room) for room, _ in EVERYWHERE] == lines
    with pytest.raises(StoreError, match="later trio-chat"):
        async with SqliteStore.open(path):
            pass


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS) + 1))
async def test_each_version_on_the_way_is_one_that_this_one_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
        schema.prepare(path, 1.0)
    assert version_of(path) == version
    async with SqliteStore.open(path) as store:
        assert len((await store.load()).accounts) == 5
        lobby = await log(store, 1)
    assert [event["from_id"] for event in lobby] == [ADA, BOB, EVE, EVE, BOB, MIA, ADA, ADA, ADA, ADA]
    assert lobby[2]["reaction_ids"] == {"👍": [BOB]}
    assert check(path) == []
