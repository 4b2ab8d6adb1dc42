"""Removing lines, and the traces of what was removed; each function is one bounded step of one transaction.

Theory of operation. ``secure_delete`` makes SQLite overwrite what it removes, in place. But a page of
a table that is filled up or thinned out shares its rows anew with its neighbours, and that may leave,
between the rows of the page they came from, bytes that belong to no row: a row removed later is then
overwritten only where it stands. So where a text was deleted, the rows around it are removed and put
back (:func:`scrub`): that empties their pages, and an emptied page is overwritten whole. The index is
treated alike, a volume at a time (:mod:`trio_chat.store.sqlite.search_index`). What then is still in the WAL goes
with a checkpoint that truncates it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.store.sqlite import search_index

if TYPE_CHECKING:
    import sqlite3

STEP: Final = 500
"""Lines that one step removes: some ten milliseconds for which commits wait."""

NEIGHBOURS: Final = 64
"""Rows on either side of a deleted text that are put back: several pages of them, more than share at a time."""


def prune(connection: sqlite3.Connection, room: int, upto: int) -> bool:
    """Remove some of a room's oldest lines, up to a sequence number; whether there are more to remove."""
    rows = connection.execute(
        "SELECT id, seq FROM events WHERE room = ? AND seq <= ? ORDER BY seq LIMIT ?", (room, upto, STEP)
    ).fetchall()
    if not rows:
        return False
    last = rows[-1][1]
    search_index.mark_dirty(connection, [number for number, _ in rows])
    connection.execute("DELETE FROM events WHERE room = ? AND seq <= ?", (room, last))
    connection.execute("DELETE FROM mentions WHERE room = ? AND seq <= ?", (room, last))
    connection.execute("UPDATE rooms SET first = ? WHERE id = ?", (last + 1, room))
    return bool(last < upto)


def purge(connection: sqlite3.Connection) -> bool:
    """Remove some lines of a room that is gone; whether there was such a room."""
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
    """Put the rows around a deleted text back; whether there was one."""
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
    """A volume of the index that holds what is to go."""
    row = connection.execute("SELECT number FROM volumes WHERE dirty ORDER BY number LIMIT 1").fetchone()
    return None if row is None else int(row[0])


def left(connection: sqlite3.Connection) -> int:
    """How many steps of tidying are left, at the least."""
    row: tuple[int] = connection.execute(
        """SELECT (SELECT count(*) FROM purges) + (SELECT count(*) FROM scrubs)
        + (SELECT count(*) FROM volumes WHERE dirty)"""
    ).fetchone()
    return row[0]
