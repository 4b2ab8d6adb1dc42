"""Blobs in a directory: ``ab/abcdef…`` by their digest, and ``partial/NAME`` for uploads.

Theory of operation. Bytes are written and hashed in worker threads, two pieces at a time (:data:`_WRITING`). The hash
of an upload goes on from one writer to the next in memory; after a restart it is computed anew when the upload is
sealed. A sealed upload has a second name, its digest, and loses the first when it is discarded; a file system without
second names moves it. A file or a name counts when it and its directory are synced.

Uploads leave a reserve of the disk alone: the database is usually on the same disk, and messages could not be stored
any more on one that files have filled.

The directory may be in a directory of another user, who can replace names in it while root works there. So directories
are held open, names are looked up in those, and no link is followed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import trio

from trio_chat.errors import StoreError
from trio_chat.store.blobs.interface import FIRST, BlobBusy, BlobMissing, BlobsFull

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

FILES: Final = "files"
"""The name of the directory, in that of the server's data."""

_PARTIAL: Final = "partial"
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe would wait without O_NONBLOCK
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UPLOAD: Final = re.compile("[A-Za-z0-9_-]{1,64}")
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_NO_SECOND_NAME: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No space, over a quota, over the system's limit for one file."""

_PIECE: Final = 1024 * 1024
_UNSYNCED: Final = 2 * 1024 * 1024
"""Bytes of an upload that may wait for the disk. Where uploads and the database share one, a commit waits for all that
waits there: with whole uploads of 100 MiB, a third of a second."""


_WRITING: Final = 2
"""Pieces that are written and hashed at a time, of all uploads: more threads would compete with the one that delivers
messages, for the cores and for the interpreter's lock, and with one, uploads were a quarter slower. Threads of lower
priority were worse: one that held the lock and had no core held up everybody."""

RESERVE: Final = 64 * 1024 * 1024
"""Bytes of the disk that uploads leave free: what the database needs for its WAL and tens of thousands of messages."""

P = ParamSpec("P")
T = TypeVar("T")


@contextlib.contextmanager
def _told(doing: str) -> Iterator[None]:
    """Tell of a failure of the disk in a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissing(f"Cannot {doing}: it is not there.") from error
    except OSError as error:
        message = f"Cannot {doing}: {error.strerror}."
        raise (BlobsFull if error.errno in _FULL else StoreError)(message) from error


async def _in_thread(doing: str, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    with _told(doing):
        return await trio.to_thread.run_sync(lambda: do(*args, **kwargs))


class _RunningHash:
    """The hash of the first ``size`` bytes of an upload."""

    __slots__ = ("first", "sha256", "size")

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0
        self.first = b""

    def update(self, data: memoryview) -> None:
        """Go on with these bytes."""
        if len(self.first) < FIRST:
            self.first += bytes(data[: FIRST - len(self.first)])
        self.sha256.update(data)
        self.size += len(data)

    def copy(self) -> _RunningHash:
        """Return another one, which is at the same place."""
        other = _RunningHash()
        other.sha256, other.size, other.first = self.sha256.copy(), self.size, self.first
        return other


class DirectoryWriter:
    """See :class:`~trio_chat.store.blobs.interface.BlobWriter`."""

    def __init__(
        self, fd: int, offset: int, running: _RunningHash | None, reserve: int, writing: trio.CapacityLimiter
    ) -> None:
        self._fd = fd
        self._writing = writing
        self._reserve = reserve
        self._start = self._at = self._saved = offset
        self._before = running
        self.running = None if running is None else running.copy()

    def __repr__(self) -> str:
        return f"<DirectoryWriter at {self._at}>"

    async def write(self, data: memoryview | bytes) -> None:
        """Write bytes, and hash them."""
        with _told("write to an upload"):
            await trio.to_thread.run_sync(self._write, memoryview(data), limiter=self._writing)

    def _write(self, data: memoryview) -> None:
        _need_space(self._fd, len(data), self._reserve)
        while data:
            done = os.pwrite(self._fd, data, self._at)
            self._at += done
            if self.running is not None:
                self.running.update(data[:done])
            data = data[done:]
        if self._at - self._saved >= _UNSYNCED:
            self._save()

    async def save(self) -> int:
        """Have what was written on the disk."""
        await _in_thread("save an upload", self._save)
        return self._at

    def _save(self) -> None:
        """Sync. If that fails, cut off what may not be on the disk: the next sync would succeed without writing it,
        because the system forgets the failure (https://wiki.postgresql.org/wiki/Fsync_Errors)."""
        try:
            _sync_data(self._fd)
        except OSError:
            self._at, self.running = self._saved, None
            os.ftruncate(self._fd, self._saved)
            raise
        self._saved = self._at

    async def drop(self) -> int:
        """Remove what was written."""
        await _in_thread("shorten an upload", os.ftruncate, self._fd, self._start)
        self._at = self._saved = self._start
        self.running = self._before
        return await self.save()


@dataclass(frozen=True, slots=True)
class DirectorySealedBlob:
    """See :class:`~trio_chat.store.blobs.interface.SealedBlob`."""

    digest: str
    first: bytes
    pins: Counter[str]

    def release(self) -> None:
        """Let it be removed."""
        self.pins[self.digest] -= 1
        if self.pins[self.digest] <= 0:
            del self.pins[self.digest]


@dataclass(frozen=True, slots=True)
class DirectoryReader:
    """See :class:`~trio_chat.store.blobs.interface.BlobReader`."""

    fd: int
    size: int

    def close(self) -> None:
        """Close it."""
        os.close(self.fd)


class DirectoryBlobs:
    """See the module, and :class:`~trio_chat.store.blobs.interface.BlobStore`. :meth:`open_directory` makes one."""

    def __init__(self, root: int, partial: int, place: Path, reserve: int) -> None:
        self._root = root
        self._partial = partial
        self._place = place
        self._reserve = reserve
        self._pins: Counter[str] = Counter()
        self._busy: set[str] = set()
        self._running: dict[str, _RunningHash] = {}
        self._writing = trio.CapacityLimiter(_WRITING)
        self._placing = trio.Lock()  # a blob is not removed while another upload finds it in its place

    def __repr__(self) -> str:
        return f"<DirectoryBlobs in {self._place}>"

    @classmethod
    @contextlib.asynccontextmanager
    async def open_directory(cls, place: Path, reserve: int = RESERVE) -> AsyncIterator[DirectoryBlobs]:
        """Open the blobs in a directory, which is made if it is not there. Uploads leave ``reserve`` bytes of its disk
        free. Raises ``StoreError``."""
        with contextlib.ExitStack() as opened:
            with _told(f"use {place}"):
                root = _open_root(place)
                opened.callback(os.close, root)
                partial = _open_folder(root, _PARTIAL)
                opened.callback(os.close, partial)
            yield cls(root, partial, place, reserve)

    @classmethod
    @contextlib.asynccontextmanager
    async def open_to_read(cls, place: Path) -> AsyncIterator[DirectoryBlobs]:
        """Open the blobs in a directory that a server made, and change nothing there. Raises ``StoreError``."""
        with contextlib.ExitStack() as opened:
            with _told(f"use {place}"):
                root = os.open(place, _FOLDER)
            opened.callback(os.close, root)
            yield cls(root, root, place, RESERVE)

    @classmethod
    @contextlib.asynccontextmanager
    async def open_temporary(cls) -> AsyncIterator[DirectoryBlobs]:
        """Open a directory that is removed at the end: for a server that keeps nothing."""
        with tempfile.TemporaryDirectory(prefix="trio-chat-") as temporary:
            async with cls.open_directory(Path(temporary)) as blobs:
                yield blobs

    # ---- uploads ------------------------------------------------------------------------------

    async def begin(self, upload: str) -> None:
        """Make an upload without bytes."""
        _check(_UPLOAD, upload)
        await _in_thread("begin an upload", self._begin, upload)

    def _begin(self, upload: str) -> None:
        _need_space(self._partial, 0, self._reserve)
        fd = os.open(upload, _FILE | os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=self._partial)
        os.close(fd)
        os.fsync(self._partial)

    async def size(self, upload: str) -> int | None:
        """Return how many bytes of an upload are on the disk."""
        _check(_UPLOAD, upload)
        try:
            return await _in_thread("read an upload", self._size, upload)
        except BlobMissing:
            return None

    def _size(self, upload: str) -> int:
        with self._opened(upload) as fd:
            _sync_data(fd)  # after a crash it may have bytes that were never saved
            return os.fstat(fd).st_size

    @contextlib.contextmanager
    def _opened(self, upload: str) -> Iterator[int]:
        fd = os.open(upload, _FILE | os.O_RDWR, dir_fd=self._partial)
        try:
            _check_file(fd)
            yield fd
        finally:
            os.close(fd)

    @contextlib.asynccontextmanager
    async def append(self, upload: str, offset: int) -> AsyncIterator[DirectoryWriter]:
        """Write to an upload from an offset on."""
        _check(_UPLOAD, upload)
        if upload in self._busy:
            raise BlobBusy("Somebody writes to the upload.")
        self._busy.add(upload)
        try:
            fd = await _in_thread("write to an upload", self._open_at, upload, offset)
            try:
                running = self._running.pop(upload, None)
                if offset == 0:
                    running = _RunningHash()
                elif running is not None and running.size != offset:
                    running = None
                writer = DirectoryWriter(fd, offset, running, self._reserve, self._writing)
                try:
                    yield writer
                finally:
                    if writer.running is not None:
                        self._running[upload] = writer.running
            finally:
                os.close(fd)
        finally:
            self._busy.discard(upload)

    def _open_at(self, upload: str, offset: int) -> int:
        fd = os.open(upload, _FILE | os.O_RDWR, dir_fd=self._partial)
        try:
            _check_file(fd)
            _shorten(fd, offset)
        except BaseException:
            os.close(fd)
            raise
        return fd

    async def seal(self, upload: str, note: Callable[[str], Awaitable[None]] | None = None) -> DirectorySealedBlob:
        """Put the bytes of an upload into their place."""
        _check(_UPLOAD, upload)
        digest, first = await _in_thread("read an upload", self._finish_hash, upload, self._running.get(upload))
        self._pins[digest] += 1  # from before the note on, which would have the blob removed
        sealed = DirectorySealedBlob(digest, first, self._pins)
        try:
            if note is not None:
                await note(digest)
            async with self._placing:
                await _in_thread("store a file", self._put, upload, digest)
        except BaseException:
            sealed.release()
            raise
        self._running.pop(upload, None)
        return sealed

    def _finish_hash(self, upload: str, running: _RunningHash | None) -> tuple[str, bytes]:
        with self._opened(upload) as fd:
            os.fsync(fd)
            size = os.fstat(fd).st_size
            if running is None or running.size != size:
                running = _RunningHash()
                while data := os.pread(fd, _PIECE, running.size):
                    running.update(memoryview(data))
        return running.sha256.hexdigest(), running.first

    def _put(self, upload: str, digest: str) -> None:
        folder = _open_folder(self._root, digest[:2])
        try:
            try:
                os.link(upload, digest, src_dir_fd=self._partial, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                self._put_in_place(upload, folder, digest)
            except OSError as error:
                if error.errno not in _NO_SECOND_NAME:
                    raise
                os.rename(upload, digest, src_dir_fd=self._partial, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)

    def _put_in_place(self, upload: str, folder: int, digest: str) -> None:
        """Put the bytes of an upload, which are on the disk, in place of those of a blob, which the disk may have
        damaged since. The upload keeps its name."""
        there = os.stat(digest, dir_fd=folder, follow_symlinks=False)
        if os.path.samestat(there, os.stat(upload, dir_fd=self._partial, follow_symlinks=False)):
            return
        passing = f".{upload}"  # no name of an upload
        with contextlib.suppress(FileNotFoundError):  # a kill may have left one
            os.unlink(passing, dir_fd=self._partial)
        os.link(upload, passing, src_dir_fd=self._partial, dst_dir_fd=self._partial, follow_symlinks=False)
        os.replace(passing, digest, src_dir_fd=self._partial, dst_dir_fd=folder)

    async def discard(self, upload: str) -> None:
        """Remove an upload."""
        _check(_UPLOAD, upload)
        self._running.pop(upload, None)
        with contextlib.suppress(BlobMissing):
            await _in_thread("remove an upload", os.unlink, upload, dir_fd=self._partial)

    async def uploads(self) -> list[str]:
        """Return the names of the uploads."""
        return list(filter(_UPLOAD.fullmatch, await _in_thread("list the uploads", os.listdir, self._partial)))

    # ---- blobs --------------------------------------------------------------------------------

    def open(self, digest: str) -> DirectoryReader:
        """Open a blob."""
        _check(_DIGEST, digest)
        with _told(f"open the file {digest}"):
            folder = os.open(digest[:2], _FOLDER, dir_fd=self._root)
            try:
                fd = os.open(digest, _FILE | os.O_RDONLY, dir_fd=folder)
            finally:
                os.close(folder)
            try:
                _check_file(fd)
                return DirectoryReader(fd, os.fstat(fd).st_size)
            except BaseException:
                os.close(fd)
                raise

    async def remove(self, digest: str, is_dropped: Callable[[str], Awaitable[bool]]) -> bool:
        """Remove a blob that is not pinned and that no file has; see :class:`BlobStore`."""
        _check(_DIGEST, digest)
        async with self._placing:
            if digest in self._pins or not await is_dropped(digest):
                return False
            with contextlib.suppress(BlobMissing):
                await _in_thread(f"remove the file {digest}", self._remove, digest)
            return True

    def _remove(self, digest: str) -> None:
        folder = os.open(digest[:2], _FOLDER, dir_fd=self._root)
        try:
            os.unlink(digest, dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)

    async def digests(self) -> list[tuple[str, int]]:
        """Return the digest and the size of each blob."""
        return await _in_thread("list the files", self._digests)

    def _digests(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for name in sorted(os.listdir(self._root)):  # noqa: PTH208 - it is an open directory
            if re.fullmatch("[0-9a-f]{2}", name):
                folder = os.open(name, _FOLDER, dir_fd=self._root)
                try:
                    names = filter(_DIGEST.fullmatch, os.listdir(folder))  # noqa: PTH208 - as above
                    found += [(one, os.stat(one, dir_fd=folder, follow_symlinks=False).st_size) for one in names]
                finally:
                    os.close(folder)
        return found


def _open_root(place: Path) -> int:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(place, _FOLDER)
    os.fchmod(fd, 0o700)
    return fd


def _open_folder(parent: int, name: str) -> int:
    """Open a directory, which is made, durably, if it is not there."""
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        os.fsync(parent)
        return os.open(name, _FOLDER, dir_fd=parent)


def _check(pattern: re.Pattern[str], name: str) -> None:
    if not pattern.fullmatch(name):
        raise BlobMissing("There is no such file.")


def _check_file(fd: int) -> None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise StoreError("A name in the directory of the files is not a file. Remove it.")


def _shorten(fd: int, offset: int) -> None:
    size = os.fstat(fd).st_size
    if size < offset:
        raise BlobMissing(f"The upload has {size} bytes, and not the {offset} that it should have.")
    if size > offset:
        os.ftruncate(fd, offset)


def _need_space(fd: int, size: int, reserve: int) -> None:
    """Raise ``OSError`` if ``size`` bytes more would leave less than the reserve on the disk of an open file."""
    disk = os.fstatvfs(fd)
    if disk.f_bavail * disk.f_frsize < reserve + size:
        raise OSError(errno.ENOSPC, f"the disk is full but for {reserve >> 20} MiB, which the chat itself needs")


def _sync_data(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)  # macOS has no fdatasync
