"""The search index: volumes of FTS5 tables, written away from the path of delivery.

A volume holds no copy of the texts. To remove a word for good, the volume is dropped and rebuilt from the lines that
are left. So a deleted word leaves no trace on any version of SQLite: the pages of a dropped table are overwritten
whole (``secure_delete``). Removing an entry from an FTS5 table instead leaves it in older segments, and merging
segments leaves fragments on the pages between which they moved.

Besides its words each line has tags: ``r7`` for its room, ``s3`` for its sender, and ``link`` if it has a link. With
them FTS5 finds the lines that one person may read without looking at the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.store.sqlite.schema import VOLUME
from trio_chat.store.words import has_link, spaced

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

LINK_TAG: Final = "link"


class IndexEntry(NamedTuple):
    """A line as it is indexed. A line without ``tags`` is not in the index."""

    id: int
    words: str
    tags: str
    time: str


def room_tag(room: int) -> str:
    """Return the tag of a room. It must be one word, so it contains no minus sign."""
    return f"r{room}" if room >= 0 else f"rm{-room}"


def sender_tag(sender: int) -> str:
    """Return the tag of a sender."""
    return f"s{sender}" if sender >= 0 else f"sm{-sender}"


def table(number: int) -> str:
    """Return the name of a volume's table."""
    return f"words_{number}"


def prepare(number: int, room: int, sender: int, time: str, text: str) -> IndexEntry:
    """Return the index entry of the line with this id: its words and tags."""
    tags = f"{room_tag(room)} {sender_tag(sender)}"
    if has_link(text):
        tags += f" {LINK_TAG}"
    # A text without words (only dots, for example) still gets tags, so that from: and has: find it.
    return IndexEntry(number, spaced(text) if text else "", tags if text else "", time)


def read_lines(connection: sqlite3.Connection, after: int, before: int, limit: int) -> list[IndexEntry]:
    """Return the entries of up to ``limit`` lines with ids between ``after`` and ``before``, both excluded."""
    rows = connection.execute(
        "SELECT id, room, sender, time, text FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
        (after, before, limit),
    ).fetchall()
    return [prepare(*row) for row in rows]


def insert(connection: sqlite3.Connection, lines: Iterable[IndexEntry]) -> None:
    """Add lines that are not in the index yet to their volumes."""
    volumes: dict[int, list[IndexEntry]] = {}
    for line in lines:
        if line.tags:
            volumes.setdefault(line.id // VOLUME, []).append(line)
    for number, content in volumes.items():
        _open_volume(connection, number, [line.time for line in content])
        connection.executemany(
            f"INSERT INTO {table(number)} (rowid, text, tags) VALUES (?,?,?)",  # noqa: S608 - a name of our own
            [(line.id, line.words, line.tags) for line in content],
        )


def replace(connection: sqlite3.Connection, before: IndexEntry, after: IndexEntry) -> None:
    """Change the words of a line that may be in the index. ``before`` must be exactly the entry that was inserted."""
    if before.tags:
        name = table(before.id // VOLUME)
        connection.execute(
            f"INSERT INTO {name} ({name}, rowid, text, tags) VALUES ('delete', ?, ?, ?)",  # noqa: S608 - as above
            (before.id, before.words, before.tags),
        )
    insert(connection, [after])


def rebuild(connection: sqlite3.Connection, number: int, lines: Sequence[IndexEntry]) -> None:
    """Rebuild a volume from its lines. A volume without lines is removed."""
    connection.execute(f"DROP TABLE IF EXISTS {table(number)}")
    connection.execute("DELETE FROM volumes WHERE number = ?", (number,))
    insert(connection, lines)


def mark_dirty(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Mark the volumes of these lines, if they exist: they contain words that must be removed."""
    numbers = {number // VOLUME for number in ids}
    connection.executemany("UPDATE volumes SET dirty = 1 WHERE number = ?", [(number,) for number in numbers])


def _open_volume(connection: sqlite3.Connection, number: int, times: list[str]) -> None:
    """Create a volume if it does not exist, and note the times of its lines."""
    there = connection.execute("SELECT 1 FROM volumes WHERE number = ?", (number,)).fetchone()
    if there is None:
        connection.execute(
            f"CREATE VIRTUAL TABLE {table(number)} USING fts5(text, tags, content='', columnsize=0, tokenize='ascii')"
        )
    connection.execute(
        """INSERT INTO volumes VALUES (?, 0, ?, ?) ON CONFLICT (number) DO UPDATE SET
        oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest)""",
        (number, min(times), max(times)),
    )
