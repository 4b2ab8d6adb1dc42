"""The search index: volumes of FTS5 tables, written off the path of delivery.

A volume has no copy of the texts and no need of one: to take something out for good, it is dropped and
made anew from the lines that are left. That is what makes a deleted word leave no trace on any version of
SQLite: the pages of a dropped table are overwritten whole (``secure_delete``), while removing an entry from
an FTS5 table leaves it in older segments, and merging those leaves shreds on the pages they moved between.

Beside its words each line has tags: ``r7`` its room, ``s3`` its sender, ``link`` where it has one. They let
FTS5 find what one asker may read without looking at the rest.
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
    """A line as the index takes it; without ``words`` it is not in the index at all."""

    id: int
    words: str
    tags: str
    time: str


def room_tag(room: int) -> str:
    """What stands for a room in the index. No sign may separate it: a minus would."""
    return f"r{room}" if room >= 0 else f"rm{-room}"


def sender_tag(sender: int) -> str:
    """What stands for a sender in the index."""
    return f"s{sender}" if sender >= 0 else f"sm{-sender}"


def table(number: int) -> str:
    """The name of a volume's table."""
    return f"words_{number}"


def prepare(number: int, room: int, sender: int, time: str, text: str) -> IndexEntry:
    """Find the words and tags of the line with this id."""
    tags = f"{room_tag(room)} {sender_tag(sender)}"
    if has_link(text):
        tags += f" {LINK_TAG}"
    # A text without any words (only dots, say) still has its tags, so from: and has: find it.
    return IndexEntry(number, spaced(text) if text else "", tags if text else "", time)


def read_lines(connection: sqlite3.Connection, after: int, before: int, limit: int) -> list[IndexEntry]:
    """Up to ``limit`` lines with ids between ``after`` and ``before``, neither included, as the index takes them."""
    rows = connection.execute(
        "SELECT id, room, sender, time, text FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
        (after, before, limit),
    ).fetchall()
    return [prepare(*row) for row in rows]


def insert(connection: sqlite3.Connection, lines: Iterable[IndexEntry]) -> None:
    """Put lines that the index does not have into their volumes."""
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
    """Give a line that may be in the index other words. ``before`` must be exactly what was put in."""
    if before.tags:
        name = table(before.id // VOLUME)
        connection.execute(
            f"INSERT INTO {name} ({name}, rowid, text, tags) VALUES ('delete', ?, ?, ?)",  # noqa: S608 - as above
            (before.id, before.words, before.tags),
        )
    insert(connection, [after])


def rebuild(connection: sqlite3.Connection, number: int, lines: Sequence[IndexEntry]) -> None:
    """Make a volume anew from the lines it is to hold; one of none goes."""
    connection.execute(f"DROP TABLE IF EXISTS {table(number)}")
    connection.execute("DELETE FROM volumes WHERE number = ?", (number,))
    insert(connection, lines)


def mark_dirty(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Remember that the volumes of these lines, as far as there are any, hold what is to go."""
    numbers = {number // VOLUME for number in ids}
    connection.executemany("UPDATE volumes SET dirty = 1 WHERE number = ?", [(number,) for number in numbers])


def _open_volume(connection: sqlite3.Connection, number: int, times: list[str]) -> None:
    """Make a volume if it is not there, and note that it holds lines of these times."""
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
