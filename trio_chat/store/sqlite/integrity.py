"""The integrity check of a database: its pages, the rooms' sequences, references between tables, the search index, and
the server's key beside it."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from trio_chat.errors import StoreError
from trio_chat.store.sqlite.faults import explain
from trio_chat.store.sqlite.identity_file import key_fault, place_of_key
from trio_chat.store.sqlite.schema import MIGRATIONS, VOLUME, connect, identify, meta, other_form
from trio_chat.store.sqlite.search_index import room_tag, table
from trio_chat.store.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SAMPLE: Final = 200
"""Number of lines, spread evenly over all lines, that are looked up in the index."""

_WORDS: Final = 5
"""Number of words of each such line that are looked up."""

_PATIENCE: Final = 10.0  # seconds to wait for a lock

_REFERENCES: Final = (
    ("devices", "account", "device"),
    ("members", "account", "member"),
    ("members", "room", "member"),
    ("invites", "account", "invitation"),
    ("invites", "room", "invitation"),
    ("reads", "account", "read position"),
    ("reads", "room", "read position"),
    ("mentions", "account", "mention"),
    ("mentions", "room", "mention"),
)
"""Tables, a column of each that refers to accounts or rooms, and the word for a row of the table."""


def check(path: Path) -> list[str]:
    """Check a database and the server's key beside it, whether a server runs or not, and change nothing.

    Returns a sentence for each fault; an empty list means that the database is sound. Raises ``StoreError`` if the
    file does not exist, cannot be opened, or belongs to another program or a later version.
    """
    if not path.is_file():
        raise StoreError(f"{path} does not exist.")
    findings: list[str] = []
    try:
        with contextlib.closing(connect(path, write=True, patience=_PATIENCE)) as connection:
            version = identify(connection, path)
            other = [f"{clause[0].upper()}{clause[1:]}." for clause in other_form(connection, path)]
            if other:
                return [f"{path} does not have the tables of version {version}. serve refuses it.", *other]
            if version < len(MIGRATIONS):
                return [
                    f"{path} has tables of version {version}; serve migrates them to {len(MIGRATIONS)} when it starts."
                ]
            connection.execute("BEGIN")  # one state, although others may write
            for finding in _faults(connection):
                findings.append(finding)  # noqa: PERF402 - one by one, to keep the findings before a failure
            fault = key_fault(place_of_key(path), connection)
            if fault is not None:
                findings.append(fault)
    except sqlite3.DatabaseError as error:
        trouble = explain(error, path)
        if isinstance(error, sqlite3.OperationalError) and not findings:
            raise trouble from error
        findings.append(str(trouble))
    return findings


def _faults(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"The file is damaged: {line}."
    yield from _sequences(connection)
    yield from _references(connection)
    yield from _index(connection)


def _sequences(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute(
        """SELECT r.name, r.first, min(e.seq), max(e.seq), count(*) FROM events AS e JOIN rooms AS r ON r.id = e.room
        GROUP BY e.room"""
    )
    for name, first, low, high, count in rows:
        if low != first:
            yield f"Room {name} should begin with line {first} but begins with {low}."
        if count != high - low + 1:
            yield f"Room {name} misses {high - low + 1 - count} of its lines {low} to {high}."


def _references(connection: sqlite3.Connection) -> Iterator[str]:
    for name, column, word in _REFERENCES:
        statement = f"SELECT count(*) FROM {name} WHERE {column} NOT IN (SELECT id FROM {column}s)"  # noqa: S608 - from the table above
        count = connection.execute(statement).fetchone()[0]
        if count:
            yield f"There is no {column} for {count} {word}{'s' if count > 1 else ''}."
    lost = connection.execute(
        """SELECT room, count(*) FROM events WHERE room NOT IN (SELECT id FROM rooms)
        AND room NOT IN (SELECT room FROM purges) GROUP BY room"""
    )
    for room, count in lost:
        yield f"{count} lines belong to a room (number {room}) that does not exist."
    twice = connection.execute("SELECT key, count(*) FROM accounts GROUP BY key HAVING count(*) > 1")
    for key, count in twice:
        yield f"{count} accounts have the name {key}."


def _index(connection: sqlite3.Connection) -> Iterator[str]:
    indexed = int(meta(connection, "indexed"))
    numbers = {number for (number,) in connection.execute("SELECT number FROM volumes")}
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for number in sorted(numbers):
        if table(number) not in there:
            yield f"Volume {number} of the search index is missing."
    step = max(1, indexed // _SAMPLE)
    missing = 0
    for start in range(0, indexed + 1, step):
        row = connection.execute(
            "SELECT id, room, text FROM events WHERE id BETWEEN ? AND ? AND text <> '' ORDER BY id LIMIT 1",
            (start, min(start + step - 1, indexed)),
        ).fetchone()
        if row is not None and table(row[0] // VOLUME) in there:
            missing += not _is_found(connection, *row)
        elif row is not None:
            missing += 1
    if missing:
        yield f"Search does not find {missing} of a sample of lines."


def _is_found(connection: sqlite3.Connection, number: int, room: int, text: str) -> bool:
    name = table(number // VOLUME)
    asked = [f"tags : {room_tag(room)}", *(f'text : "{word}"' for word in words_of(text)[:_WORDS])]
    found = connection.execute(
        f"SELECT 1 FROM {name} WHERE {name} MATCH ? AND rowid = ?",  # noqa: S608 - a name of our own
        (" AND ".join(asked), number),
    ).fetchone()
    return found is not None
