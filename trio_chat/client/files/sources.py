"""The source of a file to send: a path, or a stream of bytes, which is written to a temporary file first.

A path is opened once, and the file must stay as it is until all of it is sent: its size and the time of its last change
are compared with those of the beginning. Otherwise the bytes that arrive would be of no version of the file at all.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterable
from pathlib import Path
from types import AsyncGeneratorType
from typing import BinaryIO, Final, TypeAlias, cast

import trio

from trio_chat.errors import ChatError, UsageError
from trio_chat.protocol.files import clean_file_name, size_words

PIECE: Final = 256 * 1024
"""Bytes that are read, hashed and sent at once."""

STREAM_NAME: Final = "file"
"""The name of a stream for which none is given."""

Bytes: TypeAlias = "AsyncIterable[bytes] | trio.abc.ReceiveStream"
"""A stream of bytes whose length is not known before its end."""
Source: TypeAlias = "str | os.PathLike[str] | Bytes"
"""A path or a stream that can be sent as a file."""
NamedSource: TypeAlias = "Source | tuple[Source, str | None]"
"""The same, perhaps with the name that the file has in the chat."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class OpenSource:
    """A file that is open for sending. Made by :func:`open_source`; close it at the end.

    ``path`` is absolute, and ``None`` for a stream. ``changed`` is the time of its last change in nanoseconds.
    """

    def __init__(self, file: BinaryIO, name: str, path: Path | None) -> None:
        self._file = file
        self.name = clean_file_name(name)
        self.path = path
        status = os.fstat(file.fileno())
        self.size = status.st_size
        self.changed = status.st_mtime_ns
        self._hash = hashlib.sha256()
        self._at = 0

    def __repr__(self) -> str:
        return f"<OpenSource {self.name!r}, {self.size} bytes>"

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes that were read so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def is_at(self, offset: int) -> bool:
        """Whether reading goes on at this offset, with all bytes before it in the hash."""
        return offset == self._at

    async def seek(self, offset: int) -> None:
        """Go on at this offset, and take all bytes before it into the hash. Raises ``ChatError`` if the file
        changed."""
        if offset == self._at:
            return
        self._hash, self._at = hashlib.sha256(), 0
        while self._at < offset:
            await self._read(min(PIECE, offset - self._at))

    async def read(self) -> bytes:
        """The next bytes; empty after ``size`` of them. Raises ``ChatError`` if the file changed."""
        left = self.size - self._at
        return await self._read(min(PIECE, left)) if left else b""

    async def check(self) -> None:
        """Raise ``ChatError`` if the file changed since it was opened."""
        if self.path is None:
            return
        status = await trio.to_thread.run_sync(lambda: os.fstat(self._file.fileno()))
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
            raise self._has_changed(status.st_size)

    async def _read(self, size: int) -> bytes:
        await self.check()
        data = await trio.to_thread.run_sync(self._read_now, size)
        if len(data) < size:
            raise self._has_changed(self._at + len(data))
        self._at += size
        return data

    def _read_now(self, size: int) -> bytes:
        try:
            self._file.seek(self._at)
            data = self._file.read(size)
        except OSError as error:
            raise ChatError(f"Cannot read {self.path or self.name}: {error.strerror}. Nothing was sent.") from error
        if len(data) == size:
            self._hash.update(data)
        return data

    def _has_changed(self, size: int) -> ChatError:
        how = "grew" if size > self.size else "became shorter" if size < self.size else "was changed"
        advice = "Send it again when no program writes to it any more, or send a copy of it."
        return ChatError(f"{self.path or self.name} {how} while it was sent. Nothing was sent. {advice}")

    async def aclose(self) -> None:
        """Close the file; a temporary one is gone then."""
        await trio.to_thread.run_sync(self._file.close)


def split_name(source: NamedSource) -> tuple[Source, str]:
    """A source, and the name that it has in the chat, before it is cleaned."""
    source, name = source if isinstance(source, tuple) else (source, None)
    return source, name or (Path(source).name if isinstance(source, str | os.PathLike) else STREAM_NAME)


async def open_source(named: NamedSource, *, most: int) -> OpenSource:
    """Open what is to be sent; a stream is read to its end, at most ``most`` bytes.

    Raises :class:`~trio_chat.errors.UsageError` for a folder, a device or a file that cannot be read, and ``ChatError``
    for one that is too large.
    """
    source, name = split_name(named)
    if not isinstance(source, str | os.PathLike):
        return await _spool(source, name, most)
    opened = await trio.to_thread.run_sync(_open, Path(source), name)
    if opened.size > most:
        await opened.aclose()
        raise too_large(opened.name, opened.size, most)
    return opened


def too_large(name: str, size: int | None, most: int) -> ChatError:
    """The error for a file that is larger than this server takes."""
    what = f"{name} has {size_words(size)}" if size is not None else f"{name} has too many bytes"
    return ChatError(f"{what}; this server takes at most {size_words(most)} in one file. Nothing was sent.")


def _open(given: Path, name: str) -> OpenSource:
    path = given.absolute()
    try:
        # without O_NONBLOCK, to open a pipe waits for a writer
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}. Nothing was sent.") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return OpenSource(cast("BinaryIO", os.fdopen(descriptor, "rb", buffering=0)), name, path)
    os.close(descriptor)
    what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
    advice = "Pack it first: tar -czf" if stat.S_ISDIR(mode) else "Give a file, or - for the standard input"
    end = f" {path.name}.tar.gz {path.name}" if stat.S_ISDIR(mode) else ""
    raise UsageError(f"{path} is {what}, and cannot be sent. {advice}{end}.")


async def _spool(source: Bytes, name: str, most: int) -> OpenSource:
    """Write a stream to a temporary file, which has no name, so that nothing of it stays."""
    spool = await trio.to_thread.run_sync(tempfile.TemporaryFile)
    size = 0
    try:
        async for piece in source:
            size += len(piece)
            if size > most:
                break
            await trio.to_thread.run_sync(spool.write, bytes(piece))
        await trio.to_thread.run_sync(spool.flush)
    except OSError as error:
        spool.close()
        where = tempfile.gettempdir()
        advice = "Free some space there, or set TMPDIR to another folder." if error.errno in _FULL else "Set TMPDIR."
        raise ChatError(f"Cannot keep the bytes in {where}: {error.strerror}. Nothing was sent. {advice}") from error
    except BaseException:
        spool.close()
        raise
    finally:
        if isinstance(source, AsyncGeneratorType):  # it may not be at its end
            await source.aclose()
    if size > most:
        spool.close()
        raise too_large(clean_file_name(name), None, most)
    return OpenSource(cast("BinaryIO", spool), name, None)
