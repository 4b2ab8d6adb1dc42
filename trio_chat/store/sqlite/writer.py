"""The only connection that writes: transactions, the ends of the rooms' logs, recovery from failures.

Everything in this module runs in a worker thread, one call at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from trio_chat.errors import StoreError
from trio_chat.store.sqlite import file_table, removal, search_index
from trio_chat.store.sqlite.changes import Changes
from trio_chat.store.sqlite.faults import explain_system, spoils_connection
from trio_chat.store.sqlite.files import companion
from trio_chat.store.sqlite.schema import VOLUME, meta, open_writer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from trio_chat.records import Record
    from trio_chat.store.sqlite.schema import Synchronous
    from trio_chat.store.sqlite.search_index import IndexEntry


_ROOM: Final = 128 * 1024
"""Bytes that are written to check that storing works. A message of 8000 characters may have 32,000 bytes; it is stored
as a text and as an event, and the pages of tables and indexes are written with it."""


class Writer:
    """See the module. Every method raises ``sqlite3.Error`` and ``StoreError``; then nothing of it is done, and a
    later call may succeed."""

    def __init__(self, path: Path, synchronous: Synchronous, patience: float) -> None:
        self._path = path
        self._wal = companion(path)
        self._wal_identity: tuple[int, int] | None = None
        self._synchronous = synchronous
        self._patience = patience
        self._connection: sqlite3.Connection | None = open_writer(path, synchronous, patience)
        self._closed = False
        self.last_id = self.indexed = self.removals_left = 0
        self._lasts: dict[int, int] = {}
        self._has_traces = False
        """Whether the WAL, or any table, may still contain removed texts."""
        self.commits = self.lines = self.failures = 0
        self.files_dropped = True
        """Whether files may have been removed since this was set to false; at the start, by an earlier process."""
        self.text_version = 0
        """Grows whenever the text of a line changes or a line is removed: lines that were read before may be stale."""
        try:
            self._read_ends(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def __repr__(self) -> str:
        return f"<Writer {self._path} {'closed' if self._closed else 'open'}>"

    @property
    def behind(self) -> int:
        """Maximum number of lines that are not in the search index yet."""
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
        self.text_version += work.texts_changed or work.removed
        self.files_dropped = self.files_dropped or work.files_dropped
        self._note_removed(work.removed)

    def check(self) -> None:
        """Write as many bytes as a long message takes, and remove them. Raises the errors that a commit would."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('room', zeroblob(?))", (_ROOM,))
            connection.execute("DELETE FROM meta WHERE key = 'room'")
            connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'probe'")

    def check_in_place(self) -> None:
        """Check that the file was not removed or replaced: SQLite would write into the lost file without an error."""
        there = self._identity_of(self._path)
        if there is None:
            raise StoreError(
                f"{self._path} was removed or renamed while the server runs. Put it back, or stop the server and "
                "restore a backup."
            )
        if there != self._identity:
            raise StoreError(f"{self._path} was replaced while the server runs. Restart the server.")
        if self._wal_identity is not None and self._identity_of(self._wal) != self._wal_identity:
            self._open().execute("PRAGMA wal_checkpoint(PASSIVE)")  # its content is still there through the open handle
            raise StoreError(
                f"{self._wal} was removed or replaced while the server runs. Restart the server, and leave that file "
                "alone."
            )

    # ---- index and removal -------------------------------------------------------

    def index(self, lines: Sequence[IndexEntry], upto: int, text_version: int) -> None:
        """Index the lines that follow the indexed ones, which are all lines up to the id ``upto``.

        Does nothing if texts have changed since the lines were read, when ``text_version`` had the given value.
        """
        if text_version == self.text_version:
            with self._transaction() as connection:
                search_index.insert(connection, lines)
                connection.execute("UPDATE meta SET value = ? WHERE key = 'indexed'", (upto,))
            self.indexed = upto

    def rebuild(self, number: int, lines: Sequence[IndexEntry], text_version: int) -> None:
        """Rebuild a volume of the index, under the same condition."""
        if text_version == self.text_version:
            with self._transaction() as connection:
                search_index.rebuild(connection, number, lines)

    def volume_range(self, number: int) -> tuple[int, int]:
        """Return the ids between which the lines of a volume are, both excluded."""
        return number * VOLUME - 1, min((number + 1) * VOLUME, self.indexed + 1)

    def remove_some(self) -> int | None:
        """Do one step of removal. Returns the number of a volume if the next step is to rebuild that volume."""
        with self._transaction() as connection:
            if removal.purge(connection):
                self.text_version += 1
                return None
            if removal.scrub(connection):
                return None
            dirty = removal.next_dirty(connection)
        if dirty is None:
            self._truncate_wal()
        return dirty

    def prune(self, room: int, upto: int) -> bool:
        """Remove some of a room's oldest lines. Returns whether more are left up to that sequence number."""
        with self._transaction() as connection:
            more = removal.prune(connection, room, upto)
        self.text_version += 1
        self.files_dropped = True
        self._note_removed(removed=True)
        return more

    def prune_files(self, time: str) -> int:
        """Remove some of the files that are older than a time. Returns how many there were."""
        with self._transaction() as connection:
            count = file_table.prune(connection, time)
        self.files_dropped = self.files_dropped or count > 0
        return count

    def note_dropped(self, digest: str) -> None:
        """Note about a blob that no file has."""
        with self._transaction() as connection:
            file_table.note_dropped(connection, digest)
        self.files_dropped = True

    def forget_dropped(self, digests: Collection[str]) -> None:
        """Delete the notes about blobs that are removed."""
        with self._transaction() as connection:
            file_table.forget_dropped(connection, digests)

    def left(self) -> int:
        """Return how much indexing and removal is left to do."""
        if self._has_traces:
            self.removals_left = removal.left(self._open()) + 1
        return self.behind + self.removals_left

    def close(self) -> None:
        """Close the connection. If it is the last one, SQLite merges the WAL into the database."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- steps --------------------------------------------------------------------------------

    def _read_ends(self, connection: sqlite3.Connection) -> None:
        """Read where the rooms and the log end, and how much removal is left."""
        self._identity = self._identity_of(self._path)
        self.indexed = int(meta(connection, "indexed"))
        # An id that was indexed is never used again, even if its line is gone.
        newest: int | None = connection.execute("SELECT max(id) FROM events").fetchone()[0]
        self.last_id = max(newest or 0, self.indexed)
        self._lasts = dict(
            connection.execute(
                """SELECT id, max(first - 1, coalesce((SELECT max(seq) FROM events WHERE room = rooms.id), 0))
                FROM rooms"""
            )
        )
        self.removals_left = removal.left(connection)
        self._has_traces = self.removals_left > 0

    def _note_removed(self, removed: bool) -> None:  # noqa: FBT001 - one private switch
        if removed:
            self._has_traces = True
            self.removals_left = max(self.removals_left, 1)

    def _truncate_wal(self) -> None:
        """Empty the WAL, which contains older states of the pages. While it is being read, leave it until later."""
        connection = self._open()
        connection.execute("PRAGMA busy_timeout = 0")  # commits are waiting
        try:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")
        if not busy:
            self._has_traces = False
            self.removals_left = 0

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"{self._path} is closed.")
        if self._connection is None:
            self._connection = open_writer(self._path, self._synchronous, self._patience)
        return self._connection

    def _identity_of(self, path: Path) -> tuple[int, int] | None:
        """Return the identity of the file, or ``None`` if there is no file."""
        try:
            there = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise explain_system(error, path) from error
        return there.st_dev, there.st_ino

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in a transaction: its changes are all stored durably, or none is."""
        try:
            self.check_in_place()
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
            if self._wal_identity is None:
                with contextlib.suppress(StoreError):  # the transaction is stored already
                    self._wal_identity = self._identity_of(self._wal)
        except BaseException as error:
            self.failures += 1
            self._give_up(error)
            raise

    def _give_up(self, error: BaseException) -> None:
        """Roll the transaction back. After a failure that the connection may have caused, open a new one next time."""
        connection = self._connection
        if connection is None:
            return
        spoiled = spoils_connection(error)
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        spoiled = spoiled or connection.in_transaction
        if spoiled:
            self._connection = self._wal_identity = None  # the WAL goes with the last connection
            with contextlib.suppress(sqlite3.Error):
                connection.close()
