"""The store in a SQLite file.

Theory of operation. One connection writes and checkpoints; it is used in one worker thread at a time. Three others
read, each in a worker thread of its own, from the state that was committed last. So the event loop never waits for the
disk, a read never waits for a write, and a commit waits only for earlier commits and for steps of indexing and removal,
which are short. A worker thread is never abandoned: a call that is cancelled while it waits has done nothing, and a
call that is cancelled while it runs is finished first.
"""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import trio

from trio_chat.errors import StoreError
from trio_chat.store.interface import STORED, CommitOutcome, CommitRefused, SearchResult, StoreStatistics, cutoff
from trio_chat.store.sqlite import file_table, queries, search_index
from trio_chat.store.sqlite.faults import code_of, damaged, explain, tells_damage, translated
from trio_chat.store.sqlite.files import clean_up
from trio_chat.store.sqlite.lock import DatabaseLock
from trio_chat.store.sqlite.schema import make_directory, meta, open_reader, prepare
from trio_chat.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from trio_chat.records import Record, SaveFile, Snapshot
    from trio_chat.store.interface import AuditLine, LinePosition, LogSlice, LookedUp, SearchQuery, StoredLine
    from trio_chat.store.sqlite.schema import Synchronous

READERS: Final = 3
"""Number of connections that read, so that one big search does not block all reads."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SqliteStore:
    """See the module, and :class:`~trio_chat.store.interface.Store`. Use :meth:`open` to create one."""

    def __init__(self, path: Path, synchronous: Synchronous, patience: float) -> None:
        self._path = path
        self._patience = patience
        make_directory(path)
        self._lock = DatabaseLock(path)
        self._readers: list[sqlite3.Connection] = []
        self._writing = trio.CapacityLimiter(1)
        self._reading = trio.CapacityLimiter(READERS)
        self._removing = trio.Lock()
        self._closed = False
        self._damage: StoreError | None = None
        try:
            with translated(path):
                clean_up(path)
            prepare(path, patience)
            self._writer = self._guarded(Writer, path, synchronous, patience)
            self._epoch = str(self._ask(meta, "epoch"))
        except BaseException:
            for reader in self._readers:
                reader.close()
            if hasattr(self, "_writer"):
                self._writer.close()
            self._lock.release()
            raise

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path} {'closed' if self._closed else 'open'} {self.statistics()}>"

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, path: Path, *, synchronous: Synchronous = "FULL", patience: float = 5.0
    ) -> AsyncIterator[SqliteStore]:
        """Open the database at ``path``. It and its directory are created if they do not exist.

        A call waits ``patience`` seconds for a lock that another program holds. ``synchronous`` other than FULL
        breaks the promise that a commit is durable.

        Raises ``StoreError`` if the database cannot be used: another server uses it, it is damaged or read-only, it
        belongs to a later version or to another program, or SQLite lacks FTS5.
        """
        store = await trio.to_thread.run_sync(cls, path, synchronous, patience)
        try:
            yield store
        finally:
            with trio.CancelScope(shield=True):  # it waits for steps that are under way, which are short
                await store.aclose()

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._path

    @property
    def epoch(self) -> str:
        """The identity of this history. It is created with the file, and again when a backup is restored."""
        return self._epoch

    @property
    def damage(self) -> str | None:
        """The known damage of the file; see :class:`~trio_chat.store.interface.Store`."""
        return None if self._damage is None else str(self._damage)

    def statistics(self) -> StoreStatistics:
        """Counts of the work done so far; see :class:`~trio_chat.store.interface.Store`."""
        writer = self._writer
        return StoreStatistics(
            commits=writer.commits, lines=writer.lines, failures=writer.failures, behind=writer.behind
        )

    async def aclose(self) -> None:
        """Close the file; see :class:`~trio_chat.store.interface.Store`."""
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        self._closed = True
        for reader in range(READERS):  # wait until no read is under way; none begins any more
            await self._reading.acquire_on_behalf_of(reader)
        await trio.to_thread.run_sync(self._close, limiter=self._writing)

    # ---- writing ------------------------------------------------------------------------------

    async def commit(self, records: Sequence[Record]) -> CommitOutcome:
        """Store these records, all or none; see :class:`~trio_chat.store.interface.StoreCommitter`.

        The outcome is never unknown: SQLite rolls back a transaction that it cannot commit.
        """
        try:
            await self._write(self._writer.commit, records)
        except StoreError as error:
            return CommitRefused(str(error))
        return STORED

    async def check_writable(self) -> None:
        """Write as many bytes as a long message takes; see :class:`~trio_chat.store.interface.Store`."""
        await self._write(self._writer.check)

    async def check_in_place(self) -> None:
        """Check that the file and its WAL are in place; see :class:`~trio_chat.store.interface.Store`."""
        await self._write(self._writer.check_in_place)

    async def index_some(self, limit: int) -> int:
        """Index lines and do a step of removal; see :class:`~trio_chat.store.interface.Store`."""
        writer = self._writer
        if not writer.behind and not writer.removals_left:
            await trio.lowlevel.checkpoint()
            return 0
        async with self._removing:
            if writer.behind:
                text_version, last = writer.text_version, writer.last_id  # the values from before the lines are read
                lines = await self._read(search_index.read_lines, writer.indexed, last + 1, max(1, limit))
                upto = last if len(lines) < limit else lines[-1].id
                await self._write(writer.index, lines, upto, text_version)
            if writer.removals_left:
                await self._remove_some(writer)
            return await self._write(writer.left)

    async def prune(self, now: datetime, keep: float | None) -> dict[int, int]:
        """Remove lines that are too old; see :class:`~trio_chat.store.interface.Store`."""
        firsts: dict[int, int] = {}
        for state in await self._read(queries.rooms):
            days = keep if state.room.keep is None else state.room.keep
            if not days or state.first > state.last:
                continue
            last = await self.seq_at(state.room.id, cutoff(now, days))
            if last >= state.first:
                while await self._write(self._writer.prune, state.room.id, last):
                    pass
                firsts[state.room.id] = last + 1
        return firsts

    # ---- files --------------------------------------------------------------------------------

    @property
    def files_dropped(self) -> bool:
        """Whether there may be dropped blobs; see :class:`~trio_chat.store.interface.FileRecords`."""
        return self._writer.files_dropped

    async def prune_files(self, now: datetime, days: float) -> int:
        """Remove files that are too old; see :class:`~trio_chat.store.interface.FileRecords`."""
        before, removed = cutoff(now, days), 0
        while count := await self._write(self._writer.prune_files, before):
            removed += count
        return removed

    async def dropped_blobs(self, limit: int) -> list[str]:
        """Digests that no file has; see :class:`~trio_chat.store.interface.FileRecords`."""
        self._writer.files_dropped = False  # before they are read: a commit may come meanwhile
        return await self._read(file_table.dropped, limit)

    async def is_dropped(self, digest: str) -> bool:
        """Whether no file has a digest; see :class:`~trio_chat.store.interface.FileRecords`."""
        return await self._read(file_table.is_dropped, digest)

    async def note_dropped(self, digest: str) -> None:
        """Note that no file has a digest; see :class:`~trio_chat.store.interface.FileRecords`."""
        await self._write(self._writer.note_dropped, digest)

    async def forget_dropped(self, digests: Collection[str]) -> None:
        """Delete notes; see :class:`~trio_chat.store.interface.FileRecords`."""
        await self._write(self._writer.forget_dropped, digests)

    async def find_file(self, file: str) -> SaveFile | None:
        """One file; see :class:`~trio_chat.store.interface.FileRecords`."""
        return await self._read(file_table.find, file)

    async def list_files(self, *, room: int | None = None, account: int | None = None, limit: int) -> list[SaveFile]:
        """The newest files; see :class:`~trio_chat.store.interface.FileRecords`."""
        return await self._read(file_table.newest, room, account, limit)

    async def file_bytes(self, accounts: Collection[int] | None = None) -> dict[int, int]:
        """The bytes of accounts; see :class:`~trio_chat.store.interface.FileRecords`."""
        return await self._read(file_table.sizes, accounts)

    # ---- reading ------------------------------------------------------------------------------

    async def load(self) -> Snapshot:
        """Everything except the logs; see :class:`~trio_chat.store.interface.Store`."""
        return await self._read(queries.load)

    async def read(
        self, room: int, after: int | None, before: int | None, limit: int, *, floor: int = 0, size: int | None = None
    ) -> LogSlice:
        """Part of a room's log; see :class:`~trio_chat.store.interface.Store`."""
        return await self._read(queries.read, room, after, before, limit, floor=floor, size=size)

    async def look_up(self, room: int, seq: int) -> StoredLine | None:
        """One line; see :class:`~trio_chat.store.interface.Store`."""
        return await self._read(queries.look_up, room, seq)

    async def find(self, sender: int, cid: str) -> LinePosition | None:
        """Where a line stands; see :class:`~trio_chat.store.interface.Store`."""
        return await self._read(queries.find, sender, cid)

    async def look_up_many(self, lines: Collection[tuple[int, int]], sent: Collection[tuple[int, str]]) -> LookedUp:
        """Many lines and positions; see :class:`~trio_chat.store.interface.Store`."""
        return await self._read(queries.look_up_many, lines, sent)

    async def seq_at(self, room: int, time: str) -> int:
        """Where a time stands; see :class:`~trio_chat.store.interface.Store`."""
        return await self._read(queries.seq_at, room, time)

    async def search(self, query: SearchQuery) -> SearchResult:
        """Find lines; see :class:`~trio_chat.store.interface.Store`."""
        behind = self._writer.behind
        hits, more = await self._read(queries.search, query)
        return SearchResult(hits, more, behind)

    async def notes(self, limit: int, before: int | None = None) -> list[AuditLine]:
        """The audit log; see :class:`~trio_chat.store.interface.Store`."""
        return await self._read(queries.notes, limit, before)

    async def look_over(self) -> None:
        """Check the integrity of the pages; see :class:`~trio_chat.store.interface.Store`."""
        self._check_open()
        looking: list[sqlite3.Connection] = []
        fault: StoreError | None = None

        async def stop_when_cancelled() -> None:
            try:
                await trio.sleep_forever()
            finally:
                for connection in looking:
                    with contextlib.suppress(sqlite3.ProgrammingError):  # it has finished and is closed
                        connection.interrupt()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_when_cancelled)
            try:
                await trio.to_thread.run_sync(self._guarded, self._look_over, looking, limiter=self._reading)
            except StoreError as error:  # raised inside the nursery it would be wrapped in a group
                fault = error
            nursery.cancel_scope.cancel()
        if fault is not None and fault is not self._damage:  # damage can keep the file from being opened at all
            raise fault

    # ---- steps --------------------------------------------------------------------------------

    async def _remove_some(self, writer: Writer) -> None:
        dirty = await self._write(writer.remove_some)
        if dirty is not None:
            text_version = writer.text_version
            after, before = writer.volume_range(dirty)
            lines = await self._read(search_index.read_lines, after, before, -1)
            await self._write(writer.rebuild, dirty, lines, text_version)

    async def _write(self, step: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call ``step``, a method of the writer, in a worker thread."""
        self._check_open()
        if self._damage is not None:  # data written into a damaged file may never be read again
            raise StoreError(str(self._damage))
        call = partial(self._guarded, step, *args, **kwargs)
        return await trio.to_thread.run_sync(call, limiter=self._writing)

    async def _read(
        self, question: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Call ``question`` with a reading connection, in a worker thread."""
        self._check_open()
        call = partial(self._ask, question, *args, **kwargs)
        return await trio.to_thread.run_sync(call, limiter=self._reading)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path} is closed.")

    def _guarded(self, step: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return step(*args, **kwargs)
        except sqlite3.Error as error:
            fault = explain(error, self._path)
            if tells_damage(error):
                self._damage = fault
            raise fault from error

    def _ask(
        self, question: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Call ``question`` with a connection of the pool. A connection that failed is not put back."""
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._guarded(open_reader, self._path, self._patience)
        try:
            answer = self._guarded(question, connection, *args, **kwargs)
        except BaseException:
            connection.close()
            raise
        self._readers.append(connection)
        return answer

    def _look_over(self, looking: list[sqlite3.Connection]) -> None:
        """Use a new connection, because the pool's connections may have old pages in their caches."""
        with contextlib.closing(open_reader(self._path, self._patience)) as connection:
            looking.append(connection)
            try:
                wrong = queries.look_over(connection)
            except sqlite3.OperationalError as error:
                if code_of(error) != sqlite3.SQLITE_INTERRUPT:
                    raise
            else:
                self._damage = self._damage or (None if wrong is None else damaged(self._path, wrong))

    def _close(self) -> None:
        """Close the readers first: the last connection that is closed merges the WAL into the database."""
        try:
            while self._readers:
                self._readers.pop().close()
            self._guarded(self._writer.close)
        finally:
            self._lock.release()
