"""The changes that the records of one transaction make to the tables.

Most records are lines, so lines are collected and inserted with one statement. Records that read or remove lines end
such a collection: the lines before them must be stored by then.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from msgspec.structs import asdict, astuple

from trio_chat import records
from trio_chat.records import Line
from trio_chat.store.lines import EDITED, blanked, misplaced
from trio_chat.store.sqlite import file_table, search_index

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from trio_chat.records import Amend, Record, Redact, SaveAccount, SaveClock, SaveInviteLink, SaveRead, SaveRoom

_INSERT_LINE: Final = (
    "INSERT INTO events (id, room, seq, time, sender, cid, kind, text, target, event) VALUES (?,?,?,?,?,?,?,?,?,?)"
)
_SAVE_ROOM: Final = """INSERT INTO rooms (id, name, direct, private, topic, announce_only, slow, keep, created,
    files, max_file)
    VALUES (:id, :name, :direct, :private, :topic, :announce_only, :slow, :keep, :created, :files, :max_file)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, direct = excluded.direct,
    private = excluded.private, topic = excluded.topic, announce_only = excluded.announce_only,
    slow = excluded.slow, keep = excluded.keep, created = excluded.created, files = excluded.files,
    max_file = excluded.max_file"""

_SAVE_ACCOUNT: Final = """INSERT INTO accounts (id, name, key, skeleton, created, seen, password, admin, put_out,
    guest, invite_link)
    VALUES (:id, :name, :key, :skeleton, :created, :seen, :password, :admin, :put_out,
    :guest, :invite_link)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key, skeleton = excluded.skeleton,
    created = excluded.created, seen = excluded.seen, password = excluded.password, admin = excluded.admin,
    put_out = excluded.put_out, guest = excluded.guest, invite_link = excluded.invite_link"""

_SAVE_INVITE_LINK: Final = """INSERT INTO invite_links
    (id, digest, uses, until, rooms, role, by, by_account, time, note, revoked)
    VALUES (:id, :digest, :uses, :until, :rooms, :role, :by, :by_account, :time, :note, :revoked)
    ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, uses = excluded.uses, until = excluded.until,
    rooms = excluded.rooms, role = excluded.role, by = excluded.by, by_account = excluded.by_account,
    time = excluded.time, note = excluded.note, revoked = excluded.revoked"""

# The statements for a record; the placeholders stand for its fields, in their order.
_PLAIN: Final[dict[type[Any], tuple[str, ...]]] = {
    records.DropAccount: (
        "DELETE FROM accounts WHERE id = ?",  # this also deletes its devices
        "DELETE FROM members WHERE account = ?",
        "DELETE FROM invites WHERE account = ?",
        "DELETE FROM reads WHERE account = ?",
        "DELETE FROM mentions WHERE account = ?",
        "DELETE FROM bans WHERE account = ?",
        "DELETE FROM files WHERE account = ? AND room = 0",
    ),
    records.SaveDevice: (
        """INSERT INTO devices (id, account, digest, label, created, seen) VALUES (?,?,?,?,?,?)
        ON CONFLICT (id) DO UPDATE SET account = excluded.account, digest = excluded.digest,
        label = excluded.label, created = excluded.created, seen = excluded.seen""",
    ),
    records.DropDevice: ("DELETE FROM devices WHERE id = ?",),
    records.DropRoom: (
        "INSERT OR IGNORE INTO purges SELECT id FROM rooms WHERE id = ?",
        "DELETE FROM rooms WHERE id = ?",
        "DELETE FROM members WHERE room = ?",
        "DELETE FROM invites WHERE room = ?",
        "DELETE FROM reads WHERE room = ?",
        "DELETE FROM mentions WHERE room = ?",
        "DELETE FROM bans WHERE room = ?",
        "DELETE FROM files WHERE room = ?",
    ),
    records.SaveMember: (
        "INSERT OR REPLACE INTO members (room, account, role, floor, muted_until) VALUES (?,?,?,?,?)",
    ),
    records.DropMember: (
        "DELETE FROM members WHERE room = ? AND account = ?",
        "DELETE FROM reads WHERE room = ? AND account = ?",
        "DELETE FROM mentions WHERE room = ? AND account = ?",
    ),
    records.SaveInvite: ("INSERT OR IGNORE INTO invites (room, account) VALUES (?,?)",),
    records.DropInvite: ("DELETE FROM invites WHERE room = ? AND account = ?",),
    records.SaveMention: ("INSERT OR IGNORE INTO mentions (room, account, seq) VALUES (?,?,?)",),
    records.DropMention: ("DELETE FROM mentions WHERE room = ? AND account = ? AND seq = ?",),
    records.SaveBan: (
        """INSERT OR REPLACE INTO bans (id, room, account, network, until, reason, by, time, by_account)
        VALUES (?,?,?,?,?,?,?,?,?)""",
    ),
    records.DropBan: ("DELETE FROM bans WHERE id = ?",),
    records.DropInviteLink: ("DELETE FROM invite_links WHERE id = ?",),
    records.SaveFile: (file_table.SAVE,),
    records.DropFile: ("DELETE FROM files WHERE id = ?",),
    records.AuditNote: ("INSERT INTO notes (time, actor, action, room, target, detail) VALUES (?,?,?,?,?,?)",),
}

_DROPS_FILES: Final = frozenset({records.DropAccount, records.DropFile, records.DropRoom})
"""Records that may remove files."""

_AFTER_LINES: Final = frozenset({records.DropRoom, records.Amend, records.Redact})
"""Records that act on lines: the lines before them must be stored by then."""


class Changes:
    """The changes of one transaction.

    ``lasts`` are the rooms' last sequence numbers and ``last_id`` is the id of the last event. When :meth:`store`
    returns, they have the values after the transaction; the caller keeps them if the transaction is committed.
    """

    def __init__(self, connection: sqlite3.Connection, lasts: dict[int, int], last_id: int, indexed: int) -> None:
        self._connection = connection
        self._before = lasts
        self._indexed = indexed
        self._held: list[tuple[Any, ...]] = []
        self.lasts: dict[int, int | None] = {}
        self.last_id = last_id
        self.lines = 0
        self.texts_changed = False
        """Whether the text of a line has changed."""
        self.removed = False
        """Whether texts were removed that must leave no trace."""
        self.files_dropped = False
        """Whether files may have been removed."""

    def store(self, batch: Sequence[Record]) -> None:
        """Make the changes of these records. Raises ``StoreError`` and ``sqlite3.Error``; then roll back."""
        for kind, group in itertools.groupby(batch, type):
            if kind in _AFTER_LINES:
                self._insert_held()
            run = list(group)
            special = self._SPECIAL.get(kind)
            if special is not None:
                special(self, run)
                continue
            values = [astuple(record) for record in run]
            for statement in _PLAIN[kind]:
                self._connection.executemany(statement, values)
            self.files_dropped = self.files_dropped or kind in _DROPS_FILES
            if kind is records.DropRoom:
                self.removed = True
                self.lasts.update((room, None) for (room,) in values)
        self._insert_held()

    def _hold(self, lines: Sequence[Line]) -> None:
        number = self.last_id
        lasts, before = self.lasts, self._before
        for line in lines:
            room = line.room
            last = lasts[room] if room in lasts else before.get(room)
            if last is None or line.seq != last + 1:
                raise misplaced(line, last)
            lasts[room] = line.seq
            number += 1
            self._held.append((number, *astuple(line)))
        self.last_id = number

    def _insert_held(self) -> None:
        if self._held:
            self._connection.executemany(_INSERT_LINE, self._held)
            self.lines += len(self._held)
            self._held.clear()

    def _save_accounts(self, accounts: Sequence[SaveAccount]) -> None:
        rows = [{**asdict(one), "put_out": msgspec.json.encode(one.missed).decode()} for one in accounts]
        self._connection.executemany(_SAVE_ACCOUNT, rows)

    def _save_rooms(self, rooms: Sequence[SaveRoom]) -> None:
        for room in rooms:
            self._connection.execute(_SAVE_ROOM, {**asdict(room), "direct": pack(room.direct)})
            if (self.lasts[room.id] if room.id in self.lasts else self._before.get(room.id)) is None:
                self.lasts[room.id] = 0

    def _save_invite_links(self, links: Sequence[SaveInviteLink]) -> None:
        rows = [{**asdict(link), "rooms": pack(link.rooms)} for link in links]
        self._connection.executemany(_SAVE_INVITE_LINK, rows)

    def _save_reads(self, reads: Sequence[SaveRead]) -> None:
        values = [astuple(read) for read in reads]
        self._connection.executemany("INSERT OR REPLACE INTO reads (room, account, seq) VALUES (?,?,?)", values)
        self._connection.executemany("DELETE FROM mentions WHERE room = ? AND account = ? AND seq <= ?", values)

    def _save_clock(self, clocks: Sequence[SaveClock]) -> None:
        value = msgspec.json.encode(clocks[-1]).decode()
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('clock', ?)", (value,))

    def _amend(self, amends: Sequence[Amend]) -> None:
        for amend in amends:
            row = self._connection.execute(
                "SELECT id, sender, time, text FROM events WHERE room = ? AND seq = ?", (amend.room, amend.seq)
            ).fetchone()
            if row is None:
                continue
            number, sender, time, old = row
            self._connection.execute(
                "UPDATE events SET event = ?, text = ? WHERE id = ?", (amend.event, amend.text, number)
            )
            if amend.text != old:
                self.texts_changed = True
                self._blank_edits(amend.room, amend.seq)
                if number <= self._indexed:
                    before = search_index.prepare(number, amend.room, sender, time, old)
                    after = search_index.prepare(number, amend.room, sender, time, amend.text)
                    search_index.replace(self._connection, before, after)

    def _redact(self, redactions: Sequence[Redact]) -> None:
        for redaction in redactions:
            row = self._connection.execute(
                "SELECT id FROM events WHERE room = ? AND seq = ?", (redaction.room, redaction.seq)
            ).fetchone()
            if row is None:
                continue
            self._connection.execute("UPDATE events SET event = ?, text = '' WHERE id = ?", (redaction.event, row[0]))
            search_index.mark_dirty(self._connection, row)
            gone = [row[0], *self._blank_edits(redaction.room, redaction.seq)]
            self._connection.executemany("INSERT OR IGNORE INTO scrubs VALUES (?)", [(number,) for number in gone])
            self.texts_changed = self.removed = True

    def _blank_edits(self, room: int, target: int) -> list[int]:
        """Blank the texts of all earlier edits of a line. Returns the ids of these edits."""
        edits = self._connection.execute(
            "SELECT id, event, text FROM events WHERE room = ? AND target = ? AND kind = ? AND seq <> target",
            (room, target, EDITED),
        ).fetchall()
        self._connection.executemany(
            "UPDATE events SET event = ?, text = '' WHERE id = ?",
            [(blanked(event), number) for number, event, _ in edits],
        )
        findable = [number for number, _, text in edits if text]
        if findable:
            search_index.mark_dirty(self._connection, findable)
            self.removed = True
        return [number for number, _, _ in edits]

    # Functions, not methods of one object, which would refer to itself and wait for the garbage collector.
    _SPECIAL: ClassVar[dict[type[Any], Callable[[Changes, Sequence[Any]], None]]] = {
        Line: _hold,
        records.SaveAccount: _save_accounts,
        records.SaveRoom: _save_rooms,
        records.SaveInviteLink: _save_invite_links,
        records.SaveRead: _save_reads,
        records.Amend: _amend,
        records.Redact: _redact,
        records.SaveClock: _save_clock,
    }


def pack(numbers: tuple[int, ...]) -> str:
    """Encode the accounts of a direct conversation, or the rooms of an invite, for the database."""
    return " ".join(map(str, numbers))


def unpack(numbers: str) -> tuple[int, ...]:
    """Decode the numbers that :func:`pack` encoded."""
    return tuple(map(int, numbers.split()))
