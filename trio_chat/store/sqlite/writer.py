"""The one connection that writes: transactions, what is known of the database's end, recovery from failures.

Everything here runs in a worker thread, one call at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from trio_chat.errors import StoreError
from trio_chat.store.sqlite import removal, search_index
from trio_chat.store.sqlite.changes import Changes
from trio_chat.store.sqlite.faults import explain_system, spoils_connection
from trio_chat.store.sqlite.files import beside
from trio_chat.store.sqlite.schema import VOLUME, meta, open_writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trio_chat.records import Record
    from trio_chat.store.sqlite.schema import Synchronous
    from trio_chat.store.sqlite.search_index import IndexEntry


_ROOM: Final = 128 * 1024
"""Bytes that are written to see whether storing works: a message of 8000 characters may have 32000, is there as a
text and as an event, and with it pages of tables and indexes are written anew."""


class Writer:
    """See the module. Every method raises ``sqlite3.Error`` and ``StoreError``; then nothing of what it
    was to do is done, and a later call may succeed."""

    def __init__(self, path: Path, synchronous: Synchronous, patience: float) -> None:
        self._path = path
        self._wal = beside(path)
        self._wal_identity: tuple[int, int] | None = None
        self._synchronous = synchronous
        self._patience = patience
        self._connection: sqlite3.Connection | None = open_writer(path, synchronous, patience)
        self._closed = False
        self.last_id = self.indexed = self.untidy = 0
        self._lasts: dict[int, int] = {}
        self._soiled = False
        """Whether the WAL, or anything else, may hold what was removed."""
        self.commits = self.lines = self.failures = 0
        self.retellings = 0
        """Grows whenever a line has another text, or is no longer there: what was read before may be stale."""
        try:
            self._survey(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def __repr__(self) -> str:
        return f"<Writer {self._path} {'closed' if self._closed else 'open'}>"

    @property
    def behind(self) -> int:
        """Lines that are not in the search index yet, at the most."""
        return self.last_id - self.indexed

    def commit(self, batch: Sequence[Record]) -> None:
        """Store these records durably."""
        with self._transaction() as connection:
            work = Changes(connection, self._lasts, self.last_id, self.indexed)
            work.store(batch)
        for room, last in work.lasts.items():
            if last is None:
                self._lasts.pop(room, None)
            else:
                self._lasts[room] = last
        self.last_id = work.last_id
        self.commits += 1
        self.lines += work.lines
        self.retellings += work.retold or work.removed
        self._note_removed(work.removed)

    def check(self) -> None:
        """Write what takes the room of a long message, and leave that to others. Raises as a commit would."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('room', zeroblob(?))", (_ROOM,))
            connection.execute("DELETE FROM meta WHERE key = 'room'")
            connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'probe'")

    def check_in_place(self) -> None:
        """What is written into a file that was removed or replaced is lost, though SQLite says nothing of it."""
        there = self._look_at(self._path)
        if there is None:
            raise StoreError(
                f"{self._path} was removed or renamed while the server runs. Put it back, or stop the server and "
                "restore a backup."
            )
        if there != self._identity:
            raise StoreError(f"{self._path} was replaced while the server runs. Restart the server.")
        if self._wal_identity is not None and self._look_at(self._wal) != self._wal_identity:
            self._open().execute("PRAGMA wal_checkpoint(PASSIVE)")  # through its handle all that stands in it is there
            raise StoreError(
                f"{self._wal} was removed or replaced while the server runs. Restart the server, and leave that file "
                "alone."
            )

    # ---- the index and what is removed -------------------------------------------------------

    def index(self, lines: Sequence[IndexEntry], upto: int, retellings: int) -> None:
        """Put into the index the lines after those it has: all that there are up to this id. Nothing is done
        when some were retold since they were read, that is, since ``retellings`` was that."""
        if retellings == self.retellings:
            with self._transaction() as connection:
                search_index.insert(connection, lines)
                connection.execute("UPDATE meta SET value = ? WHERE key = 'indexed'", (upto,))
            self.indexed = upto

    def rebuild(self, number: int, lines: Sequence[IndexEntry], retellings: int) -> None:
        """Make a volume of the index anew, under the same condition."""
        if retellings == self.retellings:
            with self._transaction() as connection:
                search_index.rebuild(connection, number, lines)

    def volume_range(self, number: int) -> tuple[int, int]:
        """The ids between which are the lines that a volume is to hold, themselves excluded."""
        return number * VOLUME - 1, min((number + 1) * VOLUME, self.indexed + 1)

    def tidy(self) -> int | None:
        """One step of removing what is gone. The number of a volume when one is to be made anew instead."""
        with self._transaction() as connection:
            if removal.purge(connection):
                self.retellings += 1
                return None
            if removal.scrub(connection):
                return None
            dirty = removal.next_dirty(connection)
        if dirty is None:
            self._truncate_wal()
        return dirty

    def prune(self, room: int, upto: int) -> bool:
        """Remove some of a room's oldest lines; whether there are more up to that sequence number."""
        with self._transaction() as connection:
            more = removal.prune(connection, room, upto)
        self.retellings += 1
        self._note_removed(removed=True)
        return more

    def left(self) -> int:
        """How much of indexing and removing is left to do."""
        if self._soiled:
            self.untidy = removal.left(self._open()) + 1
        return self.behind + self.untidy

    def close(self) -> None:
        """Close the connection: it puts the WAL into the database when it is the last one."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- steps --------------------------------------------------------------------------------

    def _survey(self, connection: sqlite3.Connection) -> None:
        """Find out where the rooms and the log end, and what is left to do."""
        self._identity = self._look_at(self._path)
        self.indexed = int(meta(connection, "indexed"))
        # No id that the index has had is used again, also when its line is gone.
        newest: int | None = connection.execute("SELECT max(id) FROM events").fetchone()[0]
        self.last_id = max(newest or 0, self.indexed)
        self._lasts = dict(
            connection.execute(
                """SELECT id, max(first - 1, coalesce((SELECT max(seq) FROM events WHERE room = rooms.id), 0))
                FROM rooms"""
            )
        )
        self.untidy = removal.left(connection)
        self._soiled = self.untidy > 0

    def _note_removed(self, removed: bool) -> None:  # noqa: FBT001 - one private switch
        if removed:
            self._soiled = True
            self.untidy = max(self.untidy, 1)

    def _truncate_wal(self) -> None:
        """Empty the WAL, which holds older states of the pages; when somebody reads it, another time."""
        connection = self._open()
        connection.execute("PRAGMA busy_timeout = 0")  # commits are waiting
        try:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")
        if not busy:
            self._soiled = False
            self.untidy = 0

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"{self._path} is closed.")
        if self._connection is None:
            self._connection = open_writer(self._path, self._synchronous, self._patience)
        return self._connection

    def _look_at(self, path: Path) -> tuple[int, int] | None:
        """Which file that is; ``None`` where there is none."""
        try:
            there = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise explain_system(error, path) from error
        return there.st_dev, there.st_ino

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is stored durably, or nothing is."""
        try:
            self.check_in_place()
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
            if self._wal_identity is None:
                with contextlib.suppress(StoreError):  # what was stored is stored
                    self._wal_identity = self._look_at(self._wal)
        except BaseException as error:
            self.failures += 1
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException) -> None:
        """Undo what was begun; after a failure that may be the connection's own, take a new one next time."""
        connection = self._connection
        if connection is None:
            return
        spoiled = spoils_connection(error)
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        spoiled = spoiled or connection.in_transaction
        if spoiled:
            self._connection = self._wal_identity = None  # with the last connection its WAL goes
            with contextlib.suppress(sqlite3.Error):
                connection.close()
