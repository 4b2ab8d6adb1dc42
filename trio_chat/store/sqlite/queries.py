"""Queries of the database. Each runs in one read transaction, so it sees one state of the database."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from trio_chat.records import (
    AuditNote,
    MissedNotice,
    RoomState,
    SaveAccount,
    SaveBan,
    SaveClock,
    SaveDevice,
    SaveInvite,
    SaveInviteLink,
    SaveMember,
    SaveMention,
    SaveRead,
    SaveRoom,
    Sent,
    Snapshot,
)
from trio_chat.store import interface
from trio_chat.store.interface import AuditLine, Hit, LinePosition, LogSlice, LookedUp, SearchQuery, StoredLine, fill
from trio_chat.store.sqlite import file_table
from trio_chat.store.sqlite.changes import unpack
from trio_chat.store.sqlite.schema import VOLUME
from trio_chat.store.sqlite.search_index import LINK_TAG, room_tag, sender_tag, table
from trio_chat.store.words import Phrase, matches, phrases_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator

_MAX_TAGS: Final = 8
"""Maximum number of rooms or senders in an index query. With more, the index finds all and the hits are filtered."""

_BAN_COLUMNS: Final = "id, room, account, network, until, reason, by, time, by_account"

_Row = TypeVar("_Row")


def load(connection: sqlite3.Connection) -> Snapshot:
    """See :meth:`trio_chat.store.interface.Store.load`."""
    with _one_state(connection):
        return snapshot(connection)


def snapshot(connection: sqlite3.Connection) -> Snapshot:
    """Load everything except the logs, within a transaction of the caller."""
    ends = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    return Snapshot(
        accounts=_accounts(connection),
        devices=_all(connection, SaveDevice, "SELECT id, account, digest, label, created, seen FROM devices"),
        rooms=rooms(connection),
        members=_all(connection, SaveMember, "SELECT room, account, role, floor, muted_until FROM members"),
        invites=_all(connection, SaveInvite, "SELECT room, account FROM invites"),
        reads=_all(connection, SaveRead, "SELECT room, account, seq FROM reads"),
        mentions=_all(connection, SaveMention, "SELECT room, account, seq FROM mentions"),
        bans=_all(
            connection, SaveBan, "SELECT id, room, account, network, until, reason, by, time, by_account FROM bans"
        ),
        invite_links=_invite_links(connection),
        sent=_sent(connection),
        files=file_table.uploads(connection),
        file_bytes=file_table.sizes(connection),
        next_account=ends.get("accounts", 0) + 1,
        next_device=ends.get("devices", 0) + 1,
        next_room=ends.get("rooms", 0) + 1,
        next_ban=ends.get("bans", 0) + 1,
        next_invite_link=ends.get("invite_links", 0) + 1,
        clock=_clock(connection),
    )


def _accounts(connection: sqlite3.Connection) -> tuple[SaveAccount, ...]:
    rows = connection.execute(
        """SELECT id, name, key, skeleton, created, seen, password, admin, put_out, guest, invite_link FROM accounts
        ORDER BY id"""
    )
    read = msgspec.json.Decoder(tuple[MissedNotice, ...]).decode
    return tuple(
        SaveAccount(number, name, key, skeleton, created, seen, password, bool(admin), read(put_out), bool(guest), link)
        for number, name, key, skeleton, created, seen, password, admin, put_out, guest, link in rows
    )


def _invite_links(connection: sqlite3.Connection) -> tuple[SaveInviteLink, ...]:
    rows = connection.execute(
        """SELECT id, digest, uses, until, rooms, role, by, by_account, time, note, revoked FROM invite_links
        ORDER BY id"""
    )
    return tuple(
        SaveInviteLink(number, digest, uses, until, unpack(into), role, by, by_account, time, note, bool(revoked))
        for number, digest, uses, until, into, role, by, by_account, time, note, revoked in rows
    )


def _clock(connection: sqlite3.Connection) -> SaveClock | None:
    row = connection.execute("SELECT value FROM meta WHERE key = 'clock'").fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=SaveClock)


def _all(connection: sqlite3.Connection, kind: type[_Row], statement: str) -> tuple[_Row, ...]:
    return tuple(kind(*row) for row in connection.execute(f"{statement} ORDER BY 1, 2"))


def rooms(connection: sqlite3.Connection) -> tuple[RoomState, ...]:
    """Return all rooms, and where their logs begin and end."""
    rows = connection.execute(
        """SELECT id, name, direct, private, topic, announce_only, slow, keep, created, files, max_file, first,
        (SELECT max(seq) FROM events WHERE room = rooms.id) FROM rooms ORDER BY id"""
    )
    return tuple(
        RoomState(
            SaveRoom(
                id=number,
                name=name,
                direct=unpack(direct),
                private=bool(private),
                topic=topic,
                announce_only=bool(announce_only),
                slow=slow,
                keep=keep,
                created=created,
                files=bool(files),
                max_file=max_file,
            ),
            first=first,
            last=max(last or 0, first - 1),
        )
        for (
            number,
            name,
            direct,
            private,
            topic,
            announce_only,
            slow,
            keep,
            created,
            files,
            max_file,
            first,
            last,
        ) in rows
    )


def _sent(connection: sqlite3.Connection) -> tuple[Sent, ...]:
    """Return the newest sent ids. Takes 3 ms by event id; SQLite by itself would walk the whole index of positions."""
    rows = connection.execute(
        """SELECT sender, cid, room, seq, time FROM events NOT INDEXED
        WHERE id > (SELECT max(id) FROM events) - ? AND cid <> '' AND room IN (SELECT id FROM rooms) ORDER BY id""",
        (interface.SENT,),
    )
    return tuple(Sent(*row) for row in rows)


def read(
    connection: sqlite3.Connection,
    room: int,
    after: int | None,
    before: int | None,
    limit: int,
    *,
    floor: int,
    size: int | None,
) -> LogSlice:
    """See :meth:`trio_chat.store.interface.Store.read`."""
    with _one_state(connection):
        bounds = _bounds(connection, room)
        if bounds is None or not bounds[1]:
            return LogSlice([], more=False, first=floor + 1)
        oldest, end = bounds[0], bounds[1] + 1
        first = min(max(oldest, floor + 1), end)
        if after is not None:
            start = min(max(after + 1, first), end)
            stop = min(start + limit, end)
            more = stop < end
        else:
            stop = max(min(end if before is None else before, end), first)
            start = max(stop - limit, first)
            more = start > first
        step, order = (1, "ASC") if after is not None else (-1, "DESC")
        rows = connection.execute(
            f"SELECT event FROM events WHERE room = ? AND seq >= ? AND seq < ? ORDER BY seq {order}",  # noqa: S608 - one of two words
            (room, start, stop),
        )
        with contextlib.closing(rows):
            events, cut = fill((event for (event,) in rows), size)
        return LogSlice(events[::step], more or cut, first)


def look_up(connection: sqlite3.Connection, room: int, seq: int) -> StoredLine | None:
    """See :meth:`trio_chat.store.interface.Store.look_up`."""
    row = connection.execute(
        "SELECT sender, event FROM events WHERE room = ? AND seq = ? AND room IN (SELECT id FROM rooms)", (room, seq)
    ).fetchone()
    return None if row is None else StoredLine(*row)


def find(connection: sqlite3.Connection, sender: int, cid: str) -> LinePosition | None:
    """See :meth:`trio_chat.store.interface.Store.find`.

    Goes through the index of sent ids from the newest part down: a part is 8192 ids, some microseconds.
    """
    row = connection.execute(
        """WITH RECURSIVE part (number) AS (SELECT max(id) >> 13 FROM events
            UNION ALL SELECT number - 1 FROM part WHERE number > 0)
        SELECT e.room, e.seq, e.time FROM part CROSS JOIN events AS e
            ON e.id >> 13 = part.number AND e.sender = ? AND e.cid = ? AND e.cid <> ''
        WHERE e.room IN (SELECT id FROM rooms) LIMIT 1""",
        (sender, cid),
    ).fetchone()
    return None if row is None else LinePosition(*row)


def look_up_many(
    connection: sqlite3.Connection, lines: Collection[tuple[int, int]], sent: Collection[tuple[int, str]]
) -> LookedUp:
    """See :meth:`trio_chat.store.interface.Store.look_up_many`."""
    with _one_state(connection):
        kept = {key: look_up(connection, *key) for key in lines}
        places = {key: find(connection, *key) for key in sent}
    return LookedUp(
        {key: line for key, line in kept.items() if line is not None},
        {key: place for key, place in places.items() if place is not None},
    )


def seq_at(connection: sqlite3.Connection, room: int, time: str) -> int:
    """See :meth:`trio_chat.store.interface.Store.seq_at`. Halves the room's sequence: times grow along it.

    Where the wall clock was set back they do not, and the place is one of those where the time was passed.
    """
    with _one_state(connection):
        bounds = _bounds(connection, room)
        if bounds is None:
            return 0
        low, high = bounds[0] - 1, bounds[1]
        while low < high:
            middle = (low + high + 1) // 2
            # A missing number (in a damaged log) counts as the next existing one.
            row = connection.execute(
                "SELECT time FROM events WHERE room = ? AND seq >= ? ORDER BY seq LIMIT 1", (room, middle)
            ).fetchone()
            if row is not None and row[0] < time:
                low = middle
            else:
                high = middle - 1
        return low


def notes(connection: sqlite3.Connection, limit: int, before: int | None) -> list[AuditLine]:
    """See :meth:`trio_chat.store.interface.Store.notes`."""
    rows = connection.execute(
        """SELECT id, time, actor, action, room, target, detail FROM notes
        WHERE :before IS NULL OR id < :before ORDER BY id DESC LIMIT :limit""",
        {"before": before, "limit": limit},
    ).fetchall()
    return [AuditLine(number, AuditNote(*rest)) for number, *rest in rows]


def look_over(connection: sqlite3.Connection) -> str | None:
    """Return a fault of the file's pages, or ``None``. Reads all pages."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if finding == "ok" else finding


# ---- search ---------------------------------------------------------------------------------------


def search(connection: sqlite3.Connection, query: SearchQuery) -> tuple[list[Hit], bool]:
    """Return the newest hits and whether there are more. Searches the volumes from the newest to the oldest."""
    phrases = phrases_of(query.words)
    if phrases is None or not query.rooms or query.limit < 1:
        return [], False
    names = phrases_of(tuple((query.file or "").split()))
    if names is None:
        return [], False
    of_files = query.has_file or bool(query.file)
    # The files are few, and lead to their messages without the index.
    expression = "" if of_files and not phrases and not query.has_link else _expression(phrases, query)
    with _one_state(connection):
        connection.execute("DELETE FROM asked")
        connection.executemany(  # lines of a deleted room may not be removed yet
            "INSERT OR REPLACE INTO asked SELECT id, ? FROM rooms WHERE id = ?",
            [(floor, room) for room, floor in query.rooms],
        )
        hits: list[Hit] = []
        volumes = _volumes(connection, query)
        if of_files:
            carrying = _note_carrying(connection, names)
            volumes = [number for number in volumes if number in carrying]
        for number in volumes:
            hits += _search_volume(
                connection, number, expression, query, query.limit + 1 - len(hits), of_files=of_files
            )
            if len(hits) > query.limit:
                return hits[: query.limit], True
    return hits, False


def _expression(phrases: list[Phrase], query: SearchQuery) -> str:
    """Return the query for FTS5 (https://sqlite.org/fts5.html#full_text_query_syntax).

    Words contain only letters, digits and signs (see :mod:`trio_chat.store.words`); they are quoted nevertheless.
    """
    parts = []
    if phrases:
        quoted = (f'"{phrase.text}"' + (" *" if phrase.prefix else "") for phrase in phrases)
        parts.append(f"text : ({' AND '.join(quoted)})")
    if query.has_link:
        parts.append(f'tags : "{LINK_TAG}"')
    if 0 < len(query.senders) <= _MAX_TAGS:
        parts.append(f"tags : ({' OR '.join(sender_tag(sender) for sender in query.senders)})")
    if len(query.rooms) <= _MAX_TAGS:
        parts.append(f"tags : ({' OR '.join(room_tag(room) for room, _ in query.rooms)})")
    return " AND ".join(parts)


def _volumes(connection: sqlite3.Connection, query: SearchQuery) -> list[int]:
    """Return the volumes that may contain a hit, the newest first."""
    conditions, values = _times(query, "newest", "oldest")
    if query.before_id is not None:
        conditions.append("number <= ?")
        values.append(query.before_id // VOLUME)
    where = " AND ".join(["1", *conditions])
    rows = connection.execute(f"SELECT number FROM volumes WHERE {where} ORDER BY number DESC", values)  # noqa: S608 - conditions of our own
    return [number for (number,) in rows]


def _note_carrying(connection: sqlite3.Connection, names: list[Phrase]) -> set[int]:
    """Note in ``carrying`` the lines in the rooms asked for that carry a file with a name that has these words.
    Returns the volumes of these lines."""
    connection.create_function("is_named", 1, lambda name: matches(names, name), deterministic=True)
    connection.execute("DELETE FROM carrying")
    connection.execute(
        """INSERT OR IGNORE INTO carrying SELECT e.id FROM temp.asked AS a
        CROSS JOIN files AS f ON f.room = a.room AND f.seq > a.floor
        CROSS JOIN events AS e ON e.room = f.room AND e.seq = f.seq WHERE is_named(f.name)"""
    )
    return {number for (number,) in connection.execute("SELECT DISTINCT id / ? FROM carrying", (VOLUME,))}


def _search_volume(
    connection: sqlite3.Connection, number: int, expression: str, query: SearchQuery, limit: int, *, of_files: bool
) -> list[Hit]:
    name = table(number)
    conditions, values = _times(query, "e.time", "e.time")
    if query.before_id is not None and query.before_id // VOLUME == number:
        conditions.append("e.id < ?")
        values.append(query.before_id)
    if query.senders:
        conditions.append(f"e.sender IN ({', '.join('?' * len(query.senders))})")
        values.extend(query.senders)
    if expression:
        source, order = f"{name} AS w CROSS JOIN events AS e ON e.id = w.rowid", "w.rowid"
        conditions.append(f"{name} MATCH ?")
        values.append(expression)
        if of_files:
            conditions.append("e.id IN (SELECT id FROM temp.carrying)")
    elif of_files:
        source, order = "temp.carrying AS c CROSS JOIN events AS e ON e.id = c.id", "e.id"
        conditions.append(f"c.id BETWEEN {number * VOLUME} AND {(number + 1) * VOLUME - 1}")
    else:
        source, order = "events AS e", "e.id"
        conditions.append(f"e.id BETWEEN {number * VOLUME} AND {(number + 1) * VOLUME - 1}")
    rows = connection.execute(
        f"""SELECT e.id, e.room, e.seq, e.event FROM {source} CROSS JOIN temp.asked AS a
        ON a.room = e.room AND e.seq > a.floor WHERE e.text <> '' AND {" AND ".join(conditions)}
        ORDER BY {order} DESC LIMIT ?""",  # noqa: S608 - names, conditions and placeholders of our own
        (*values, limit),
    ).fetchall()
    return [Hit(*row) for row in rows]


def _times(query: SearchQuery, newest: str, oldest: str) -> tuple[list[str], list[Any]]:
    """Return the conditions on two columns that follow from the query's times."""
    conditions: list[str] = []
    values: list[Any] = []
    if query.after is not None:
        conditions.append(f"{newest} >= ?")
        values.append(query.after)
    if query.before is not None:
        conditions.append(f"{oldest} < ?")
        values.append(query.before)
    return conditions, values


# ---- steps ----------------------------------------------------------------------------------------


def _bounds(connection: sqlite3.Connection, room: int) -> tuple[int, int] | None:
    """Return the oldest kept and the last sequence number of a room, or ``None`` if there is no such room."""
    row = connection.execute(
        "SELECT first, (SELECT max(seq) FROM events WHERE room = rooms.id) FROM rooms WHERE id = ?", (room,)
    ).fetchone()
    return None if row is None else (row[0], max(row[1] or 0, row[0] - 1))


@contextlib.contextmanager
def _one_state(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a read transaction, so that all its queries see one state of the database."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # some failures end it themselves
            connection.execute("ROLLBACK")
