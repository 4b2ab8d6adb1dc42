"""Rows around a deleted text are written again, so that no page keeps a copy of it between its rows."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

import pytest

from trio_chat.store.sqlite import removal, schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def events(path: Path) -> Iterator[sqlite3.Connection]:
    schema.make_directory(path)
    schema.prepare(path, 1.0)
    connection = schema.open_writer(path, "NORMAL", 1.0)
    yield connection
    connection.close()


def put(connection: sqlite3.Connection, number: int, text: str) -> None:
    connection.execute(
        "INSERT INTO events VALUES (:number, 1, :number, '2026', 1, :number, 'message', :text, NULL, :words)",
        {"number": number, "text": text, "words": text.encode()},
    )


# With these, SQLite 3.40 leaves a copy of a deleted text on a page when the rows are not put back.
@pytest.mark.parametrize("seed", [94, 142, 200, 274, 364, 374])
def test_no_page_keeps_a_copy_that_was_made_when_rows_moved(events: sqlite3.Connection, path: Path, seed: int) -> None:
    dice = random.Random(seed)
    secrets: dict[int, list[str]] = {}
    gone: list[str] = []

    def text(words: int) -> tuple[str, str]:
        secret = f"{dice.getrandbits(60):015x}"
        return secret, " ".join(["x" * dice.randrange(40) for _ in range(words)] + [secret])

    for number in range(1, 201):
        secret, said = text(dice.randrange(8))
        secrets[number] = [secret]
        put(events, number, said)
    for _ in range(100):
        number = dice.randrange(1, 201)
        if number not in secrets:
            continue
        if dice.random() < 0.6:
            secret, said = text(dice.randrange(16))
            secrets[number].append(secret)
            events.execute("UPDATE events SET text = ?, event = ? WHERE id = ?", (said, said.encode(), number))
        else:
            gone += secrets.pop(number)
            events.execute("UPDATE events SET text = '', event = '' WHERE id = ?", (number,))
            events.execute("INSERT INTO scrubs VALUES (?)", (number,))
            while removal.scrub(events):
                pass
    assert events.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    left = path.read_bytes()
    assert [secret for secret in gone if secret.encode() in left] == []
    assert all(words[-1].encode() in left for words in secrets.values())


@pytest.mark.parametrize("number", [1, 2, 150, 299, 300])
def test_inserting_rows_again_changes_none_of_them(events: sqlite3.Connection, number: int) -> None:
    for each in range(1, 301):
        put(events, each * 3, f"text {each}")
    before = events.execute("SELECT * FROM events ORDER BY id").fetchall()
    events.execute("INSERT INTO scrubs VALUES (?)", (number * 3,))
    assert removal.left(events) == 1
    assert removal.scrub(events)
    assert not removal.scrub(events)
    assert events.execute("SELECT * FROM events ORDER BY id").fetchall() == before
    assert events.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
