"""Removal of lines and of their traces. Each function is one bounded step in one transaction.

Theory of operation. ``secure_delete`` makes SQLite overwrite a removed row in place. But when a page of a table fills
up or gets sparse, SQLite distributes its rows anew between neighbouring pages. That may leave copies of rows between
the rows of the old page, and a row that is removed later is overwritten only at its current place. So where a text was
deleted, the rows around it are removed and inserted again (:func:`scrub`): that empties their pages, and an emptied
page is overwritten whole. The search index is treated the same way, one volume at a time
(:mod:`trio_chat.store.sqlite.search_index`). A checkpoint that truncates the WAL then removes the traces in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.store.sqlite import search_index

if TYPE_CHECKING:
    import sqlite3

STEP: Final = 500
"""Lines that one step removes. A commit waits some ten milliseconds for a step."""

NEIGHBOURS: Final = 64
"""Rows on each side of a deleted text that are inserted again: several pages, more than exchange rows at a time."""


def prune(connection: sqlite3.Connection, room: int, upto: int) -> bool:
    """Remove some of the oldest lines of a room, up to a sequence number. Returns whether more are left."""
    rows = connection.execute(
        "SELECT id, seq FROM events WHERE room = ? AND seq <= ? ORDER BY seq LIMIT ?", (room, upto, STEP)
    ).fetchall()
    if not rows:
        return False
    last = rows[-1][1]
    search_index.mark_dirty(connection, [number for number, _ in rows])
    connection.execute("DELETE FROM events WHERE room = ? AND seq <= ?", (room, last))
    connection.execute("DELETE FROM mentions WHERE room = ? AND seq <= ?", (room, last))
    connection.execute("DELETE FROM files WHERE room = ? AND seq <= ?", (room, last))
    connection.execute("UPDATE rooms SET first = ? WHERE id = ?", (last + 1, room))
    return bool(last < upto)


def purge(connection: sqlite3.Connection) -> bool:
    """Remove some lines of a deleted room. Returns whether there was such a room."""
    row = connection.execute("SELECT room FROM purges LIMIT 1").fetchone()
    if row is None:
        return False
    numbers = connection.execute("SELECT id FROM events WHERE room = ? ORDER BY seq LIMIT ?", (row[0], STEP)).fetchall()
    if numbers:
        search_index.mark_dirty(connection, [number for (number,) in numbers])
        connection.executemany("DELETE FROM events WHERE id = ?", numbers)
    if len(numbers) < STEP:
        connection.execute("DELETE FROM purges WHERE room = ?", row)
    return True


def scrub(connection: sqlite3.Connection) -> bool:
    """Remove the rows around a deleted text and insert them again. Returns whether there was such a text."""
    row = connection.execute("SELECT id FROM scrubs ORDER BY id LIMIT 1").fetchone()
    if row is None:
        return False
    number = row[0]
    rows = connection.execute(
        """SELECT * FROM (SELECT * FROM events WHERE id <= :number ORDER BY id DESC LIMIT :count)
        UNION ALL SELECT * FROM (SELECT * FROM events WHERE id > :number ORDER BY id LIMIT :count)""",
        {"number": number, "count": NEIGHBOURS},
    ).fetchall()
    rows.sort()
    connection.executemany("DELETE FROM events WHERE id = ?", [(row[0],) for row in rows])
    connection.executemany("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
    connection.execute("DELETE FROM scrubs WHERE id = ?", (number,))
    return True


def next_dirty(connection: sqlite3.Connection) -> int | None:
    """Return a volume of the index that contains words to be removed."""
    row = connection.execute("SELECT number FROM volumes WHERE dirty ORDER BY number LIMIT 1").fetchone()
    return None if row is None else int(row[0])


def left(connection: sqlite3.Connection) -> int:
    """Return the minimum number of removal steps that are left."""
    row: tuple[int] = connection.execute(
        """SELECT (SELECT count(*) FROM purges) + (SELECT count(*) FROM scrubs)
        + (SELECT count(*) FROM volumes WHERE dirty)"""
    ).fetchone()
    return row[0]
