"""The uploads that no message carries, and the bytes of the files of each account.

Theory of operation. An upload is known here from its beginning until a message carries it, its sender cancels it, or
its time is over. Files that messages carry are not held in memory: the store is asked for them.

The bytes of an account are those of its uploads and of the files that its messages carry. An upload adds its whole size
when it begins, so that a promised file has its place. Each change that adds or removes an upload changes the sum here,
by the journal. Where files of messages are removed (with a deleted message, with a room, because of their age), only
the store knows which of them were still there. So the sums of these accounts are *stale* then, and are read from the
store once that is stored, before anybody is told of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trio_chat.broker.state import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio_chat.broker.journal import Journal
    from trio_chat.records import SaveFile, Snapshot

UPLOAD_TIME: Final = 24 * 3600.0
"""Seconds from the beginning of an upload until it ends, if no message carries it then."""

_DOUBT: Final = 10.0
"""Seconds between two doubts of the sums: to sum up a hundred thousand files takes some ten milliseconds."""

_NEVER: Final = float("inf")


class Upload(Struct, frozen=True, gc=False):
    """An upload as stored, and its end in steady time."""

    record: SaveFile
    until: float


class Uploads:
    """See the module.

    ``next_end`` is when the first upload ends. ``stale`` are the accounts whose bytes must be read from the store;
    ``all_stale`` means every account.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._uploads: dict[str, Upload] = {}
        self._of: dict[int, dict[str, None]] = {}
        self._bytes: dict[int, int] = {}
        self.total_bytes = 0
        self.next_end = _NEVER
        self.stale: set[int] = set()
        self.all_stale = False
        self._doubted = -_NEVER

    def __repr__(self) -> str:
        return f"<Uploads {len(self._uploads)}, {self.total_bytes} bytes in all files>"

    def __contains__(self, file: str) -> bool:
        return file in self._uploads

    @property
    def is_stale(self) -> bool:
        """Whether the bytes of some accounts must be read from the store."""
        return self.all_stale or bool(self.stale)

    def restore(self, snapshot: Snapshot, now: float, ahead: float) -> None:
        """Know what is stored. The wall clock is ``ahead`` of steady time, which is ``now``."""
        for record in snapshot.files:
            until = min(seconds(record.time) - ahead, now) + UPLOAD_TIME
            self._uploads[record.id] = Upload(record, until)
            self._of.setdefault(record.account, {})[record.id] = None
            self.next_end = min(self.next_end, until)
        self.set_bytes(snapshot.file_bytes)

    def get(self, file: str) -> SaveFile | None:
        """The upload with this id."""
        upload = self._uploads.get(file)
        return None if upload is None else upload.record

    def of(self, account: int) -> tuple[str, ...]:
        """The ids of an account's uploads, the oldest first."""
        return tuple(self._of.get(account, ()))

    def ended(self, now: float) -> list[SaveFile]:
        """The uploads whose time is over."""
        return [upload.record for upload in self._uploads.values() if upload.until <= now]

    def used_by(self, account: int) -> int:
        """The bytes of all files and uploads of an account."""
        return self._bytes.get(account, 0)

    # ---- changes --------------------------------------------------------------------------------

    def begin(self, record: SaveFile, now: float) -> None:
        """Add an upload."""
        until = now + UPLOAD_TIME
        self._journal.put(self._uploads, record.id, Upload(record, until))
        self._put_of(record.account, {**self._of.get(record.account, {}), record.id: None})
        self._add(record.account, record.size)
        self.next_end = min(self.next_end, until)

    def change(self, record: SaveFile) -> None:
        """Know more of an upload: its digest and kind."""
        self._journal.put(self._uploads, record.id, Upload(record, self._uploads[record.id].until))

    def drop(self, record: SaveFile) -> None:
        """Remove an upload with its bytes."""
        self.hand_over(record)
        self._add(record.account, -record.size)

    def hand_over(self, record: SaveFile) -> None:
        """Remove an upload that a message carries from now on: its bytes still count."""
        self._journal.pop(self._uploads, record.id)
        self._put_of(record.account, {file: None for file in self._of[record.account] if file != record.id})

    def wait_for_next(self, retry: float) -> None:
        """Note when the next upload ends, after those that have ended were dropped. If that is undone, it is tried
        again at the time ``retry``."""
        self.next_end = min((upload.until for upload in self._uploads.values()), default=_NEVER)
        self._journal.then(setattr, self, "next_end", retry)

    def _put_of(self, account: int, files: dict[str, None]) -> None:
        if files:
            self._journal.put(self._of, account, files)
        else:
            self._journal.pop(self._of, account)

    def _add(self, account: int, size: int) -> None:
        self._journal.put(self._bytes, account, self._bytes.get(account, 0) + size)
        self._journal.set(self, "total_bytes", self.total_bytes + size)

    # ---- sums from the store --------------------------------------------------------------------

    def note_removed(self, account: int | None = None) -> None:
        """Files of messages are removed: those of an account, or ``None`` of several."""
        if account is not None:
            self.stale.add(account)
        elif self._bytes:
            self.all_stale = True

    def doubt(self, account: int | None, now: float) -> None:
        """Have sums read from the store, because a limit is reached: files may have gone that nobody told of.

        This is done now and then only: whoever has reached a limit can ask again at once.
        """
        if now >= self._doubted + _DOUBT:
            self._doubted = now
            self.note_removed(account)

    def set_bytes(self, sums: Mapping[int, int]) -> None:
        """Take over the bytes of the accounts that are stale, as the store has them now; without any stale one, of all.

        Call it only when all decisions are settled.
        """
        if not self.stale or self.all_stale:
            self._bytes = {account: size for account, size in sums.items() if size}
        else:
            self._bytes |= sums
        self.total_bytes = sum(self._bytes.values())
        self.stale, self.all_stale = set(), False
