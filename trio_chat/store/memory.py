"""A store in memory: it keeps the newest lines of each room, and loses everything when the process ends."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import trio
from msgspec.structs import replace

from trio_chat import records
from trio_chat.errors import StoreError
from trio_chat.records import Line, RoomState, Snapshot
from trio_chat.store import interface
from trio_chat.store.interface import (
    STORED,
    AuditLine,
    CommitOutcome,
    CommitRefused,
    Hit,
    LinePosition,
    LogSlice,
    LookedUp,
    SearchQuery,
    SearchResult,
    StoredLine,
    StoreStatistics,
    cutoff,
    fill,
)
from trio_chat.store.lines import EDITED, blanked, misplaced
from trio_chat.store.memory_files import FileTable
from trio_chat.store.words import has_link, matches, phrases_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from trio_chat.records import Record
    from trio_chat.store.words import Phrase


_NumberedRecord: TypeAlias = (
    records.SaveAccount | records.SaveDevice | records.SaveRoom | records.SaveBan | records.SaveInviteLink
)
_NUMBERED: Final = (
    records.SaveAccount,
    records.SaveDevice,
    records.SaveRoom,
    records.SaveBan,
    records.SaveInviteLink,
)
"""The records whose numbers are never used again."""


class _Numbered(NamedTuple):
    """A line, and its number among the lines of all rooms."""

    id: int
    line: Line


class _Log:
    """The lines of a room that are kept, up to ``last`` without a gap."""

    def __init__(self, room: records.SaveRoom) -> None:
        self.room = room
        self.last = 0
        self.lines: dict[int, _Numbered] = {}

    @property
    def first(self) -> int:
        return next(iter(self.lines), self.last + 1)


class MemoryStore:
    """A store that keeps ``backlog`` lines of each room. Each run must be given an ``epoch`` of its own.

    It refuses a commit only if a line does not follow the last line of its room. A search looks at every line.
    """

    def __init__(self, epoch: str, backlog: int = 1000) -> None:
        self._epoch = epoch
        self._backlog = backlog
        self._numbers = itertools.count(1)
        self._accounts: dict[int, records.SaveAccount] = {}
        self._devices: dict[int, records.SaveDevice] = {}
        self._logs: dict[int, _Log] = {}
        self._members: dict[tuple[int, int], records.SaveMember] = {}
        self._invites: dict[tuple[int, int], records.SaveInvite] = {}
        self._reads: dict[tuple[int, int], records.SaveRead] = {}
        self._mentions: dict[tuple[int, int, int], records.SaveMention] = {}
        self._bans: dict[int, records.SaveBan] = {}
        self._invite_links: dict[int, records.SaveInviteLink] = {}
        self._files = FileTable()
        self._notes: list[AuditLine] = []
        self._clock: records.SaveClock | None = None
        self._places: dict[tuple[int, str], LinePosition] = {}
        self._ends: dict[type[_NumberedRecord], int] = dict.fromkeys(_NUMBERED, 0)
        self._commits = self._lines = self._failures = 0
        self._actions: dict[type[Any], Callable[[Any], None]] = {
            records.SaveAccount: self._save_account,
            records.DropAccount: self._drop_account,
            records.SaveDevice: self._save_device,
            records.DropDevice: lambda record: _drop(self._devices, record.id),
            records.SaveRoom: self._save_room,
            records.DropRoom: self._drop_room,
            records.SaveMember: lambda record: self._members.update({(record.room, record.account): record}),
            records.DropMember: self._drop_member,
            records.SaveInvite: lambda record: self._invites.update({(record.room, record.account): record}),
            records.DropInvite: lambda record: _drop(self._invites, (record.room, record.account)),
            records.SaveRead: self._save_read,
            records.SaveMention: self._save_mention,
            records.DropMention: lambda record: _drop(self._mentions, (record.room, record.account, record.seq)),
            records.SaveBan: self._save_ban,
            records.DropBan: lambda record: _drop(self._bans, record.id),
            records.SaveInviteLink: self._save_invite_link,
            records.DropInviteLink: lambda record: _drop(self._invite_links, record.id),
            records.AuditNote: lambda record: self._notes.append(AuditLine(len(self._notes) + 1, record)),
            records.Line: self._append,
            records.Amend: self._amend,
            records.Redact: self._redact,
            records.SaveFile: self._files.save,
            records.DropFile: lambda record: self._files.drop(record.id),
            records.SaveClock: self._save_clock,
        }

    def __repr__(self) -> str:
        kept = sum(len(log.lines) for log in self._logs.values())
        return f"<MemoryStore {kept} events of {len(self._logs)} rooms>"

    @property
    def epoch(self) -> str:
        """The identity of this history."""
        return self._epoch

    @property
    def damage(self) -> str | None:
        """Memory is never damaged; see :class:`~trio_chat.store.interface.Store`."""
        return None

    def statistics(self) -> StoreStatistics:
        """Counts of the work done so far; see :class:`~trio_chat.store.interface.Store`."""
        return StoreStatistics(commits=self._commits, lines=self._lines, failures=self._failures, behind=0)

    async def aclose(self) -> None:
        """There is nothing to release; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()

    # ---- writing ------------------------------------------------------------------------------

    async def commit(self, records: Sequence[Record]) -> CommitOutcome:
        """Keep these records, all or none; see :class:`~trio_chat.store.interface.StoreCommitter`."""
        await trio.lowlevel.checkpoint()
        try:
            self._check_order(records)
        except StoreError as error:
            self._failures += 1
            return CommitRefused(str(error))
        for record in records:
            self._actions[type(record)](record)
        self._commits += 1
        return STORED

    async def check_writable(self) -> None:
        """Memory is always writable; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()

    async def check_in_place(self) -> None:
        """Memory cannot be replaced; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()

    async def look_over(self) -> None:
        """Memory is never damaged; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()

    async def index_some(self, limit: int) -> int:  # noqa: ARG002 - part of the interface; there is no index
        """There is no index to fill; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        return 0

    async def prune(self, now: datetime, keep: float | None) -> dict[int, int]:
        """Remove lines that are too old; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        firsts: dict[int, int] = {}
        for number, log in self._logs.items():
            days = keep if log.room.keep is None else log.room.keep
            last = _seq_at(log, cutoff(now, days)) if days else 0
            if last >= log.first:
                while log.first <= last:
                    self._forget(log)
                self._mentions = {k: m for k, m in self._mentions.items() if m.room != number or m.seq > last}
                firsts[number] = log.first
        return firsts

    async def prune_files(self, now: datetime, days: float) -> int:
        """Remove files that are too old; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        return self._files.drop_older(cutoff(now, days))

    @property
    def files_dropped(self) -> bool:
        """Whether there are dropped blobs; see :class:`~trio_chat.store.interface.FileRecords`."""
        return bool(self._files.dropped)

    async def dropped_blobs(self, limit: int) -> list[str]:
        """Digests that no file has; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        return list(self._files.dropped)[:limit]

    async def is_dropped(self, digest: str) -> bool:
        """Whether no file has a digest; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        return digest in self._files.dropped

    async def note_dropped(self, digest: str) -> None:
        """Note that no file has a digest; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        self._files.note_dropped(digest)

    async def forget_dropped(self, digests: Collection[str]) -> None:
        """Forget digests; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        for digest in digests:
            self._files.dropped.pop(digest, None)

    # ---- reading ------------------------------------------------------------------------------

    async def load(self) -> Snapshot:
        """Everything except the logs; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        return Snapshot(
            accounts=_sorted(self._accounts),
            devices=_sorted(self._devices),
            rooms=tuple(RoomState(log.room, first=log.first, last=log.last) for _, log in sorted(self._logs.items())),
            members=_sorted(self._members),
            invites=_sorted(self._invites),
            reads=_sorted(self._reads),
            mentions=_sorted(self._mentions),
            bans=_sorted(self._bans),
            invite_links=_sorted(self._invite_links),
            sent=self._sent(),
            files=self._files.uploads(),
            file_bytes=self._files.sizes(),
            next_account=self._ends[records.SaveAccount] + 1,
            next_device=self._ends[records.SaveDevice] + 1,
            next_room=self._ends[records.SaveRoom] + 1,
            next_ban=self._ends[records.SaveBan] + 1,
            next_invite_link=self._ends[records.SaveInviteLink] + 1,
            clock=self._clock,
        )

    async def read(
        self, room: int, after: int | None, before: int | None, limit: int, *, floor: int = 0, size: int | None = None
    ) -> LogSlice:
        """Part of a room's log; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        log = self._logs.get(room)
        if log is None or not log.last:
            return LogSlice([], more=False, first=floor + 1)
        end = log.last + 1
        first = min(max(log.first, floor + 1), end)
        if after is not None:
            start = min(max(after + 1, first), end)
            stop = min(start + limit, end)
            more = stop < end
        else:
            stop = max(min(end if before is None else before, end), first)
            start = max(stop - limit, first)
            more = start > first
        step = 1 if after is not None else -1
        events, cut = fill((log.lines[seq].line.event for seq in range(start, stop)[::step]), size)
        return LogSlice(events[::step], more or cut, first)

    async def look_up(self, room: int, seq: int) -> StoredLine | None:
        """One line; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        kept = self._find_kept(room, seq)
        return None if kept is None else StoredLine(kept.line.sender, kept.line.event)

    async def find(self, sender: int, cid: str) -> LinePosition | None:
        """Where a line stands; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        return self._places.get((sender, cid))

    async def look_up_many(self, lines: Collection[tuple[int, int]], sent: Collection[tuple[int, str]]) -> LookedUp:
        """Many lines and positions; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        kept = {key: self._find_kept(*key) for key in lines}
        return LookedUp(
            {key: StoredLine(one.line.sender, one.line.event) for key, one in kept.items() if one is not None},
            {key: self._places[key] for key in sent if key in self._places},
        )

    async def seq_at(self, room: int, time: str) -> int:
        """Where a time stands; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        log = self._logs.get(room)
        return 0 if log is None else _seq_at(log, time)

    async def search(self, query: SearchQuery) -> SearchResult:
        """Find lines; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        phrases = phrases_of(query.words)
        if phrases is None or query.limit < 1:
            return SearchResult([], more=False, behind=0)
        found = [kept for kept in self._readable(query) if self._is_hit(kept, phrases, query)]
        found.sort(key=lambda kept: kept.id, reverse=True)
        hits = [Hit(kept.id, kept.line.room, kept.line.seq, kept.line.event) for kept in found[: query.limit]]
        return SearchResult(hits, len(found) > query.limit, 0)

    async def notes(self, limit: int, before: int | None = None) -> list[AuditLine]:
        """The audit log; see :class:`~trio_chat.store.interface.Store`."""
        await trio.lowlevel.checkpoint()
        older = self._notes if before is None else self._notes[: max(0, before - 1)]
        return older[::-1][: max(0, limit)]

    async def find_file(self, file: str) -> records.SaveFile | None:
        """One file; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        return self._files.find(file)

    async def list_files(
        self, *, room: int | None = None, account: int | None = None, limit: int
    ) -> list[records.SaveFile]:
        """The newest files; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        return self._files.newest(room, account, limit)

    async def file_bytes(self, accounts: Collection[int] | None = None) -> dict[int, int]:
        """The bytes of accounts; see :class:`~trio_chat.store.interface.FileRecords`."""
        await trio.lowlevel.checkpoint()
        return self._files.sizes(accounts)

    # ---- steps --------------------------------------------------------------------------------

    def _check_order(self, batch: Sequence[Record]) -> None:
        """Check that all records can be stored, before any is. Raises ``StoreError``."""
        lasts: dict[int, int | None] = {}
        for record in batch:
            if isinstance(record, Line):
                last = self._last(record.room, lasts)
                if last is None or record.seq != last + 1:
                    raise misplaced(record, last)
                lasts[record.room] = record.seq
            elif isinstance(record, records.SaveRoom):
                lasts[record.id] = self._last(record.id, lasts) or 0
            elif isinstance(record, records.DropRoom):
                lasts[record.id] = None

    def _sent(self) -> tuple[records.Sent, ...]:
        kept = sorted((kept for log in self._logs.values() for kept in log.lines.values()), key=lambda kept: kept.id)
        after = kept[-1].id - interface.SENT if kept else 0
        lines = (one.line for one in kept if one.id > after and one.line.cid)
        return tuple(records.Sent(line.sender, line.cid, line.room, line.seq, line.time) for line in lines)

    def _last(self, room: int, lasts: dict[int, int | None]) -> int | None:
        if room in lasts:
            return lasts[room]
        log = self._logs.get(room)
        return None if log is None else log.last

    def _readable(self, query: SearchQuery) -> Iterator[_Numbered]:
        for room, floor in query.rooms:
            log = self._logs.get(room)
            if log is not None:
                yield from (kept for seq, kept in log.lines.items() if seq > floor and kept.line.text)

    def _is_hit(self, kept: _Numbered, phrases: list[Phrase], query: SearchQuery) -> bool:
        line = kept.line
        return (
            (query.before_id is None or kept.id < query.before_id)
            and (query.after is None or line.time >= query.after)
            and (query.before is None or line.time < query.before)
            and (not query.senders or line.sender in query.senders)
            and (not query.has_link or has_link(line.text))
            and (not (query.has_file or query.file) or self._files.carries(line.room, line.seq, query.file or None))
            and matches(phrases, line.text)
        )

    def _number(self, record: _NumberedRecord) -> None:
        self._ends[type(record)] = max(self._ends[type(record)], record.id)

    def _save_clock(self, record: records.SaveClock) -> None:
        self._clock = record

    def _save_account(self, record: records.SaveAccount) -> None:
        self._number(record)
        self._accounts[record.id] = record

    def _drop_account(self, record: records.DropAccount) -> None:
        self._accounts.pop(record.id, None)
        for held in (self._devices, self._members, self._invites, self._reads, self._mentions, self._bans):
            _drop_where(held, lambda value: value.account == record.id)
        self._files.drop_uploads(record.id)

    def _save_device(self, record: records.SaveDevice) -> None:
        self._number(record)
        self._devices[record.id] = record

    def _save_invite_link(self, record: records.SaveInviteLink) -> None:
        self._number(record)
        self._invite_links[record.id] = record

    def _save_room(self, record: records.SaveRoom) -> None:
        self._number(record)
        self._logs.setdefault(record.id, _Log(record)).room = record

    def _drop_room(self, record: records.DropRoom) -> None:
        log = self._logs.pop(record.id, None)
        while log is not None and log.lines:
            self._forget(log)
        for held in (self._members, self._invites, self._reads, self._mentions, self._bans):
            _drop_where(held, lambda value: value.room == record.id)

    def _drop_member(self, record: records.DropMember) -> None:
        for held in (self._members, self._reads, self._mentions):
            _drop_where(held, lambda value: (value.room, value.account) == (record.room, record.account))

    def _save_read(self, record: records.SaveRead) -> None:
        self._reads[record.room, record.account] = record
        place = (record.room, record.account)
        _drop_where(self._mentions, lambda value: (value.room, value.account) == place and value.seq <= record.seq)

    def _save_mention(self, record: records.SaveMention) -> None:
        self._mentions[record.room, record.account, record.seq] = record

    def _save_ban(self, record: records.SaveBan) -> None:
        self._number(record)
        self._bans[record.id] = record

    def _append(self, line: Line) -> None:
        log = self._logs[line.room]
        log.lines[line.seq] = _Numbered(next(self._numbers), line)
        log.last = line.seq
        if line.cid:
            self._places[line.sender, line.cid] = LinePosition(line.room, line.seq, line.time)
        self._lines += 1
        if len(log.lines) > self._backlog:
            self._forget(log)

    def _forget(self, log: _Log) -> None:
        """Remove the oldest line of a room."""
        line = log.lines.pop(log.first).line
        self._files.drop_line(line.room, line.seq)
        place = self._places.get((line.sender, line.cid))
        if place is not None and place[:2] == (line.room, line.seq):
            del self._places[line.sender, line.cid]

    def _amend(self, record: records.Amend) -> None:
        kept = self._find_kept(record.room, record.seq)
        if kept is not None:
            if kept.line.text != record.text:
                self._blank_edits(record.room, record.seq)
            self._put(kept, record.event, record.text)

    def _redact(self, record: records.Redact) -> None:
        kept = self._find_kept(record.room, record.seq)
        if kept is not None:
            self._blank_edits(record.room, record.seq)
            self._put(kept, record.event, "")

    def _find_kept(self, room: int, seq: int) -> _Numbered | None:
        log = self._logs.get(room)
        return None if log is None else log.lines.get(seq)

    def _blank_edits(self, room: int, target: int) -> None:
        for kept in self._logs[room].lines.values():
            if kept.line.target == target and kept.line.kind == EDITED:
                self._put(kept, blanked(kept.line.event), "")

    def _put(self, kept: _Numbered, event: bytes, text: str) -> None:
        line = replace(kept.line, event=event, text=text)
        self._logs[line.room].lines[line.seq] = kept._replace(line=line)


def _sorted(held: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(value for _, value in sorted(held.items()))


def _drop(held: dict[Any, Any], key: object) -> None:
    held.pop(key, None)


def _drop_where(held: dict[Any, Any], gone: Callable[[Any], bool]) -> None:
    for key in [key for key, value in held.items() if gone(value)]:
        del held[key]


def _seq_at(log: _Log, time: str) -> int:
    low, high = log.first - 1, log.last
    while low < high:
        middle = (low + high + 1) // 2
        if log.lines[middle].line.time < time:
            low = middle
        else:
            high = middle - 1
    return low
