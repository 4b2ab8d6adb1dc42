"""Lines from standard input and to standard output where no person sits at a terminal.

Input may be a pipe, a file, a terminal without abilities, or nothing at all. What can be waited for is
waited for; a file cannot be and is read in a thread. Output always happens in a thread, because a
pipe whose reader is slow would hold up everything else; what waits to be written is bounded by whoever
calls, who waits for each :meth:`Output.write`.
"""

from __future__ import annotations

import codecs
import os
import select
import stat
import sys
from collections.abc import AsyncIterator
from typing import Final

import trio

_READ: Final = 64 * 1024  # bytes at once: a pipe holds that much
LONGEST_LINE: Final = 1024 * 1024
"""Characters of one line, at the most; a longer one is cut in two rather than fill memory."""


class ReaderGone(Exception):
    """Nobody reads what this program writes."""


class Input:
    """Bytes from a file descriptor, however it can be read."""

    def __init__(self, fd: int = 0) -> None:
        self._fd = fd
        try:
            self._is_file = not _can_wait(os.fstat(fd).st_mode)
            self._open = True
        except OSError:  # started with its input closed
            self._is_file = self._open = False

    async def read(self) -> bytes:
        """Wait for some bytes; none means that the input has ended."""
        if not self._open:
            return b""
        try:
            if self._is_file:
                return await trio.to_thread.run_sync(os.read, self._fd, _READ, abandon_on_cancel=True)
            await self._wait()
            return os.read(self._fd, _READ)
        except BlockingIOError:  # another program that shares it was quicker
            return await self.read()
        except OSError:  # EIO: a terminal that hung up; EISDIR: a folder
            return b""

    async def _wait(self) -> None:
        try:
            await trio.lowlevel.wait_readable(self._fd)
        except PermissionError:  # Linux's epoll: a device that is always ready, such as /dev/null
            await trio.lowlevel.checkpoint()

    async def read_all(self, limit: int) -> str | None:
        """Everything up to the end, as text; ``None`` when there are more than ``limit`` bytes."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.read():
            size += len(piece)
            if size > limit:
                return None
            pieces.append(piece)
        return b"".join(pieces).decode("utf-8", "replace")

    async def lines(self) -> AsyncIterator[str]:
        """Line by line, without their ends; the last needs none."""
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
    """What the program reads; nothing when it was started without (its number may be another file's by now)."""
    return Input(0 if sys.stdin is not None else -1)


def standard_output(encoding: str) -> Output:
    """Where the program writes; nowhere when it was started without."""
    return Output(1 if sys.stdout is not None else -1, encoding)


def _can_wait(mode: int) -> bool:
    """Whether the system can tell when there is something to read: not of files and folders."""
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


class Output:
    """Lines to a file descriptor. ``encoding`` is what its reader expects; what it lacks is replaced."""

    def __init__(self, fd: int = 1, encoding: str = "utf-8") -> None:
        self._fd = fd
        self._encoding = encoding
        self._lock = trio.Lock()

    async def write(self, lines: list[str]) -> None:
        """Write lines, each with its end. Raises :class:`ReaderGone` when nobody reads them."""
        if not lines:
            return
        data = ("\n".join(lines) + "\n").encode(self._encoding, "replace")
        async with self._lock:  # lines of two tasks must not run into each other
            await trio.to_thread.run_sync(self._write, data, abandon_on_cancel=True)

    async def wait_reader_gone(self) -> None:
        """Wait until nobody reads any more; for ever where that cannot be told."""
        try:
            if not stat.S_ISFIFO(os.fstat(self._fd).st_mode):
                await trio.sleep_forever()
            await trio.lowlevel.wait_readable(self._fd)  # a pipe's writing end is "readable" on an error only
        except OSError:
            await trio.sleep_forever()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[os.write(self._fd, view) :]
                except BlockingIOError:  # inherited as non-blocking
                    select.select([], [self._fd], [])
        except OSError as error:
            raise ReaderGone from error
