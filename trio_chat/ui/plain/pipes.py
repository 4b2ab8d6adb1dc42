"""Lines from standard input and to standard output without a capable terminal.

The input may be a pipe, a file, a dumb terminal, or closed. Trio waits for a pipe or terminal; a file is read in a
thread, and so is everything on Windows, where Trio can wait for sockets only. Output is always written in a thread,
because a pipe with a slow reader would block everything else. The caller waits for each :meth:`Output.write`, which
bounds the waiting output.

On Windows the standard streams are read and written through Python's raw streams: of a console they make UTF-8, whereas
its descriptor gives and takes bytes in one of Windows's own encodings.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import stat
import sys
from collections.abc import AsyncIterator
from typing import Final, TextIO

import trio

from trio_chat.errors import OutputError
from trio_chat.output import rendered_line

_READ: Final = 64 * 1024  # bytes at once: the size of a pipe
LONGEST_LINE: Final = 1024 * 1024
"""Most characters of one line; a longer line is divided, so that it cannot fill memory."""


class ReaderGone(Exception):
    """The reader of the output is gone."""


class Input:
    """Reads bytes from a file descriptor of any kind. ``raw`` is a raw stream to read it through instead."""

    def __init__(self, fd: int = 0, raw: io.RawIOBase | None = None) -> None:
        self._fd = fd
        self._raw = raw
        try:
            self._is_file = raw is not None or not _can_wait(os.fstat(fd).st_mode)
            self._open = True
        except OSError:  # the program was started with a closed input
            self._is_file = self._open = False

    async def read(self) -> bytes:
        """Wait for bytes; an empty result means the end of the input."""
        if not self._open:
            return b""
        try:
            if not self._is_file:
                await self._wait()
            if self._is_file:
                return await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
            return os.read(self._fd, _READ)
        except BlockingIOError:  # another program that shares the input was faster
            return await self.read()
        except OSError:  # EIO: a terminal that hung up; EISDIR: a folder
            return b""

    def _read(self) -> bytes:
        return os.read(self._fd, _READ) if self._raw is None else self._raw.read(_READ) or b""

    async def _wait(self) -> None:
        try:
            await trio.lowlevel.wait_readable(self._fd)
        except PermissionError:  # Linux's epoll: a device that is always ready, such as /dev/null
            await trio.lowlevel.checkpoint()
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._is_file = True  # macOS: it cannot wait for /dev/tty, nor for devices such as /dev/zero

    async def read_all(self, limit: int) -> str | None:
        """Read the whole input as text; returns ``None`` when it has more than ``limit`` bytes."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.read():
            size += len(piece)
            if size > limit:
                return None
            pieces.append(piece)
        return b"".join(pieces).decode("utf-8", "replace")

    async def lines(self) -> AsyncIterator[str]:
        """Yield the lines without their line ends; the last line needs none."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        while data := await self.read():
            rest += decoder.decode(data)
            *whole, rest = rest.split("\n")
            for line in whole:
                yield line.removesuffix("\r")
            while len(rest) > LONGEST_LINE:
                yield rest[:LONGEST_LINE]
                rest = rest[LONGEST_LINE:]
        rest += decoder.decode(b"", final=True)
        if rest:
            yield rest.removesuffix("\r")


def standard_input() -> Input:
    """The standard input; an empty one when it was closed at the start (its number may be another file by now)."""
    return Input(0 if sys.stdin is not None else -1, _raw(sys.stdin))


def standard_output(encoding: str) -> LineOutput:
    """The standard output; when it was closed at the start, writing raises :class:`ReaderGone`."""
    return LineOutput(1 if sys.stdout is not None else -1, encoding, _raw(sys.__stdout__))


def standard_bytes() -> LineOutput:
    """As :func:`standard_output`, for the bytes of a file."""
    return standard_output("utf-8")


def _raw(stream: TextIO | None) -> io.RawIOBase | None:
    """The raw stream below a stream of text, on Windows."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None) if sys.platform == "win32" else None
    return raw if isinstance(raw, io.RawIOBase) else None


def _can_wait(mode: int) -> bool:
    """Whether the system can wait for input of this kind; not for files and directories."""
    if sys.platform == "win32":
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


class LineOutput:
    """Writes lines to a file descriptor, each rendered by :mod:`trio_chat.output`. Characters that are not in
    ``encoding`` are replaced. ``raw`` is a raw stream to write through instead."""

    def __init__(self, fd: int = 1, encoding: str = "utf-8", raw: io.RawIOBase | None = None) -> None:
        self._fd = fd
        self._raw = raw
        self._encoding = encoding
        self._lock = trio.Lock()

    async def write(self, lines: list[str]) -> None:
        """Write lines with line ends.

        Raises :class:`ReaderGone` when the reader is gone, and :class:`~trio_chat.errors.OutputError` when they cannot
        be written for another reason: only a broken pipe says that the reader is gone.
        """
        if not lines:
            return
        data = "".join(f"{rendered_line(line)}\n" for line in lines).encode(self._encoding, "replace")
        async with self._lock:  # the lines of two tasks must not be mixed
            await trio.to_thread.run_sync(self._write, data, abandon_on_cancel=True)

    async def write_bytes(self, data: bytes) -> None:
        """Write the bytes of a file as they are. The caller makes sure that they do not go to a terminal. Raises as
        :meth:`write`."""
        async with self._lock:
            await trio.to_thread.run_sync(self._write, data, abandon_on_cancel=True)

    async def wait_reader_gone(self) -> None:
        """Wait until the reader is gone; for ever where that cannot be found out."""
        try:
            if sys.platform == "win32" or not stat.S_ISFIFO(os.fstat(self._fd).st_mode):
                await trio.sleep_forever()
            await trio.lowlevel.wait_readable(self._fd)  # the writing end of a pipe is "readable" only on an error
        except OSError:
            await trio.sleep_forever()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[self._write_some(view) :]
                except BlockingIOError:  # the descriptor was inherited as non-blocking
                    select.select([], [self._fd], [])
        except BrokenPipeError as error:
            raise ReaderGone from error
        except OSError as error:
            if sys.platform == "win32" and error.errno == errno.EINVAL:  # so it calls a broken pipe
                raise ReaderGone from error
            raise OutputError(f"Cannot write the output: {error.strerror}.") from error

    def _write_some(self, data: memoryview) -> int:
        return os.write(self._fd, data) if self._raw is None else self._raw.write(data) or 0
