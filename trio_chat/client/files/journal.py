"""The uploads that this device began and did not finish, kept over a restart of program, machine or server.

Each sending is a JSON file in the folder ``uploads`` of the state directory, below a folder for the server, by its
fingerprint. It names the paths, how the files were (a file that was changed meanwhile is another one), the uploads that
the server has for them, and the request id of the message. So the message that carries them is stored once, even if
this program was killed between sending it and reading its acknowledgement.

A lock on a file beside it says that a program is at it. Streams are not kept: nobody can read them a second time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.client.server_records import key_of
from trio_chat.client.state_files import write_private
from trio_chat.portable_files import NO_LINK, try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT: Final = 48 * 3600.0
"""Seconds for which a sending that is not finished is kept. A server keeps an upload for a day from its beginning."""

MOST: Final = 200
"""Sendings that are kept for one server; beyond that, new ones are not."""

_KIND: Final = "uploads"
_LARGEST: Final = 1024 * 1024
"""Bytes of a file of the journal that are read: ten paths and the longest text have far fewer. A longer one was not
written by this program."""


class SavedFile(msgspec.Struct, kw_only=True):
    """A file of a sending: its absolute path, its name in the chat, its size in bytes, the time of its last change in
    nanoseconds, and the id of its upload, if there is one."""

    path: str
    name: str
    size: int
    changed: int
    upload: str = ""

    def is_same(self, other: SavedFile) -> bool:
        """Whether both are one file, unchanged."""
        mine = self.path, self.name, self.size, self.changed
        return mine == (other.path, other.name, other.size, other.changed)


class SavedSending(msgspec.Struct, kw_only=True):
    """One message with files that is not acknowledged yet.

    ``account`` and ``epoch`` say whose it is. ``message`` is the request id of the message; ``asked`` says that it may
    have been sent already. ``begun`` is in seconds since 1970.
    """

    account: int
    epoch: str
    room: str | None
    to: tuple[str, ...]
    text: str
    message: str
    begun: float
    files: list[SavedFile]
    reply_to: int | None = None
    asked: bool = False

    def is_same(self, other: SavedSending) -> bool:
        """Whether both send the same files with the same text to the same people, as the same account."""
        whose = self.account, self.epoch, self.room, self.to, self.text, self.reply_to
        return (
            whose == (other.account, other.epoch, other.room, other.to, other.text, other.reply_to)
            and len(self.files) == len(other.files)
            and all(mine.is_same(yours) for mine, yours in zip(self.files, other.files, strict=True))
        )


class JournalEntry:
    """A sending that this program is at. Without a ``path`` it is kept in memory only."""

    def __init__(self, saved: SavedSending, path: Path | None = None, lock: int | None = None) -> None:
        self.saved = saved
        self._path = path
        self._lock = lock

    def __repr__(self) -> str:
        return f"<JournalEntry {self._path}>"

    @property
    def kept(self) -> bool:
        """Whether it outlives this program."""
        return self._path is not None

    @property
    def held(self) -> bool:
        """Whether this program is at it, so that no other one takes it."""
        return self._lock is not None or self._path is None

    def save(self) -> None:
        """Write it. Without room on the disk, the earlier state stays."""
        if self._path is not None and self.held:
            with suppress(OSError):
                write_private(self._path, msgspec.json.encode(self.saved))

    def remove(self) -> None:
        """Forget it: it is sent, or is not to be sent any more."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
                self._path.with_suffix(".lock").unlink(missing_ok=True)
        self._path = None
        self.close()

    def close(self) -> None:
        """Let another program, or a later one, take it."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


class UploadJournal:
    """The sendings of this device to one server that are not finished. All methods are quick and raise nothing: where
    the files cannot be used, sendings are kept in memory only."""

    def __init__(self, directory: Path, url: str) -> None:
        self._folder = directory / _KIND / key_of(directory, url).file_stem

    def __repr__(self) -> str:
        return f"<UploadJournal in {self._folder}>"

    def take(self, wanted: SavedSending) -> JournalEntry:
        """The entry of an earlier sending of the same, if no program is at it; else a new one."""
        for entry in self._entries():
            if entry.saved.is_same(wanted):
                return entry
            entry.close()
        return self._add(wanted)

    def take_all(self, account: int, epoch: str) -> list[JournalEntry]:
        """The entries of an account that no program is at, the oldest first."""
        found: list[JournalEntry] = []
        for entry in self._entries():
            if (entry.saved.account, entry.saved.epoch) == (account, epoch):
                found.append(entry)
            else:
                entry.close()
        return sorted(found, key=lambda entry: entry.saved.begun)

    def _add(self, saved: SavedSending) -> JournalEntry:
        if any(not file.path for file in saved.files):
            return JournalEntry(saved)
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if len(list(self._folder.glob("*.json"))) < MOST:
                path = self._folder / f"{secrets.token_hex(8)}.json"
                entry = JournalEntry(saved, path, _lock(path))
                entry.save()
                return entry
        return JournalEntry(saved)

    def _entries(self) -> Iterator[JournalEntry]:
        """All that no program is at. Whoever does not use one closes it."""
        with suppress(OSError):
            for path in sorted(self._folder.glob("*.json")):
                entry = _open_entry(path)
                if entry is not None:
                    yield entry


def _open_entry(path: Path) -> JournalEntry | None:
    lock = _lock(path)
    if lock is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | NO_LINK)
        with os.fdopen(descriptor, "rb") as stream:
            saved = msgspec.json.decode(stream.read(_LARGEST), type=SavedSending)
    except (OSError, msgspec.MsgspecError):
        _remove_old(path)
        os.close(lock)
        return None
    entry = JournalEntry(saved, path, lock)
    if not 0 <= time.time() - saved.begun < KEPT:
        entry.remove()
        return None
    return entry


def _remove_old(path: Path) -> None:
    """Remove an entry that cannot be read, once its time is over: it would count as one of :data:`MOST` for good."""
    with suppress(OSError):
        if time.time() - path.lstat().st_mtime >= KEPT:
            path.unlink()
            path.with_suffix(".lock").unlink(missing_ok=True)


def _lock(path: Path) -> int | None:
    """Lock the entry at a path; ``None`` if a program is at it. Raises ``OSError``."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, descriptor)
        if try_lock(descriptor):
            stack.pop_all()
            return descriptor
    return None
