"""Lines that an earlier version stored by names get the numbers of accounts, once and in portions."""

from __future__ import annotations

import contextlib
import io
import random
import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from trio_chat.errors import StoreError
from trio_chat.records import Redact
from trio_chat.store import SqliteStore
from trio_chat.store.sqlite import line_accounts, schema
from trio_chat.store.sqlite.maintenance import backup, check, export_json, restore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen

ADA, BOB, CYD = 1, 2, 3
BEFORE = 3
"""The version of the tables that had no numbers in events."""


class Past:
    """Writes a database as version 3 left it."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.seq = 0
        schema.make_directory(path)
        with monkeypatch.context() as older:
            older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:BEFORE])
            schema.prepare(path, 1.0)
        self.run(
            "INSERT INTO rooms (id, name, direct, private, topic, announce_only, slow, created) "
            "VALUES (1, '#lobby', '', 0, '', 0, 0, '')"
        )

    def run(self, statement: str, *values: object) -> None:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(statement, values)

    def line(self, sender: int, name: str, kind: str = "message", about: int | None = None, **fields: Any) -> int:
        self.seq += 1
        event = {"type": kind, "room": "#lobby", "seq": self.seq, "from": name, **fields}
        self.store(sender, kind, msgspec.json.encode(event), about, fields.get("text", ""))
        return self.seq

    def store(self, sender: int, kind: str, event: bytes, target: int | None = None, text: str = "") -> None:
        self.run(
            "INSERT INTO events (room, seq, time, sender, cid, kind, text, target, event) VALUES (1,?,'',?,'',?,?,?,?)",
            *(self.seq, sender, kind, text, target, event),
        )

    def react(self, sender: int, name: str, target: int, mark: str = "+1", **more: Any) -> None:
        self.line(sender, name, "reacted", target, target=target, mark=mark, **more)


@pytest.fixture
def past(path: Path, monkeypatch: pytest.MonkeyPatch) -> Past:
    return Past(path, monkeypatch)


async def log(path: Path) -> list[Any]:
    async with SqliteStore.open(path) as store:
        return [msgspec.json.decode(event) for event in (await store.read(1, 0, None, 9999)).events]


async def test_every_line_gets_the_number_of_its_sender_whatever_they_were_called(past: Past) -> None:
    past.line(ADA, "ada", text="hello")
    past.line(BOB, "ada", text="I am ada now")
    past.line(ADA, "eve", "topic", text="tea")
    past.line(BOB, "ada", "edited", 2, target=2, text="I am")
    past.line(0, "nobody", text="of no account")
    events = await log(past.path)
    assert [(event["from"], event.get("from_id")) for event in events] == [
        ("ada", ADA),
        ("ada", BOB),
        ("eve", ADA),
        ("ada", BOB),
        ("nobody", None),
    ]
    assert [event["text"] for event in events] == ["hello", "I am ada now", "tea", "I am", "of no account"]


async def test_reactions_go_to_the_accounts_of_those_who_reacted_under_these_names(past: Past) -> None:
    said = past.line(CYD, "cyd", text="tea?", reactions={"+1": ["ada", "bob", "eve"], "-1": ["ada"], "?": ["gone"]})
    past.react(ADA, "ada", said)
    past.react(BOB, "bob", said)
    past.react(ADA, "eve", said)  # under her new name once more
    past.react(BOB, "ada", said, "-1")  # he has her old name
    past.react(CYD, "ada", said, "-1", on=False)
    (message, *_) = await log(past.path)
    assert message["reaction_ids"] == {"+1": [ADA, BOB], "-1": [BOB], "?": [0]}
    assert message["reactions"] == {"+1": ["eve", "bob"], "-1": ["ada"], "?": ["gone"]}


async def test_what_is_no_event_or_has_numbers_stays_as_it_is(past: Past) -> None:
    odd = [b"\xff", b"[1]", b'{"type":"message","text":"no sender"}', b'{"from":"ada","from_id":9}']
    for event in odd:
        past.seq += 1
        past.store(ADA, "message", event)
    async with SqliteStore.open(past.path) as store:
        assert (await store.read(1, 0, None, 99)).events == odd


async def test_it_goes_in_portions_and_goes_on_where_it_was_interrupted(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        past.line(ADA + number % 2, "ada", text=str(number))
    monkeypatch.setattr(line_accounts, "PORTION", 3)
    portion, done = line_accounts._identify_portion, []

    def interrupted(connection: sqlite3.Connection) -> None:
        portion(connection)
        done.append(connection.total_changes)
        if len(done) == 3:
            raise sqlite3.OperationalError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(line_accounts, "_identify_portion", interrupted)
        with pytest.raises(StoreError, match="the disk is gone"):
            async with SqliteStore.open(past.path):
                pass
    with contextlib.closing(sqlite3.connect(past.path)) as connection:
        events = [msgspec.json.decode(row[0]) for row in connection.execute("SELECT event FROM events ORDER BY id")]
        assert [("from_id" in event) for event in events] == [True] * 6 + [False] * 4
        assert not line_accounts.is_complete(connection)
    with pytest.raises(StoreError, match="Start the server on it once"):
        export_json(past.path, io.BytesIO())
    assert [event["from_id"] for event in await log(past.path)] == [ADA, BOB] * 5
    with contextlib.closing(sqlite3.connect(past.path)) as connection:
        assert line_accounts.is_complete(connection)
    assert check(past.path) == []


async def test_a_backup_of_an_earlier_version_is_restored_and_rewritten(past: Past, tmp_path: Path) -> None:
    past.line(ADA, "ada", text="hello")
    backup(past.path, tmp_path / "chat.backup")
    restore(tmp_path / "chat.backup", tmp_path / "elsewhere")
    assert [event["from_id"] for event in await log(tmp_path / "elsewhere" / past.path.name)] == [ADA]


async def test_a_text_that_is_deleted_after_its_line_was_rewritten_leaves_no_byte(past: Past, pen: Pen) -> None:
    dice = random.Random(3)
    texts = {}
    for _ in range(300):
        words = [f"w{dice.randrange(2000)}" for _ in range(dice.randrange(1, 80))]
        secret = f"{dice.getrandbits(60):015x}"
        texts[past.line(ADA, "ada", text=" ".join([*words, secret]))] = secret
    gone = dice.sample(sorted(texts), 60)
    async with SqliteStore.open(past.path) as store:
        for seq in gone:
            await store.commit([Redact(1, seq, b'{"deleted":true}')])
        while await store.index_some(100):
            pass
        left = b"".join(file.read_bytes() for file in past.path.parent.iterdir()).lower()
    assert [texts[seq] for seq in gone if texts[seq].encode() in left] == []
    assert all(secret.encode() in left for seq, secret in texts.items() if seq not in gone)
