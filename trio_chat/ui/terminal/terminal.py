"""The terminal in raw mode, restored to its former settings on every way out.

Theory of operation. While the program has the terminal, the terminal does not echo, collect lines or turn keys into
signals: Ctrl-C, Ctrl-Z and Ctrl-D arrive as keys, and the reader decides. Output goes through the usual output
processing of the terminal. Bracketed paste is on.

The terminal is given back at the end of the ``with`` block, in any case; around a stop (Ctrl-Z, SIGTSTP), after which
it is taken again; while it is lent to another program; and when it is gone (SIGHUP), where giving it back fails and
does not matter. Settings are changed at once (``TCSANOW``): waiting for the output to drain could last for ever on a
blocked terminal.

Reading waits for the terminal to be readable (in a thread, if the system cannot wait for it otherwise), and writing is
done in a thread. So a blocked terminal blocks nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import termios
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

import trio

from trio_chat.output import Control, Output
from trio_chat.ui.terminal.signals import outlived

_ON: Final = Control("\x1b[?2004h")
_OFF: Final = Control("\x1b[?2004l")
_READ: Final = 64 * 1024  # bytes read at once: a large paste in few steps
_IFLAG, _LFLAG, _CC = 0, 3, 6  # indexes in the list that termios.tcgetattr returns
_FALLBACK: Final = (80, 24)


class Terminal:
    """The terminal of two file descriptors; a context manager that takes it over and gives it back."""

    def __init__(self, input_fd: int = 0, output_fd: int = 1) -> None:
        self._input = input_fd
        self._output = output_fd
        self._found: list[int | list[bytes | int]] | None = None
        self._writing = trio.Lock()
        self._is_lent = False
        self._cannot_wait = False

    def __repr__(self) -> str:
        state = "lent" if self._is_lent else "taken" if self._found is not None else "given back"
        return f"<Terminal {state}>"

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def take(self) -> None:
        """Take the terminal over; does nothing when it is taken already, is lent to another program, or is gone."""
        if self._found is not None or self._is_lent:
            return
        with contextlib.suppress(termios.error, OSError):
            found = termios.tcgetattr(self._input)
            raw = termios.tcgetattr(self._input)
            raw[_IFLAG] &= ~(termios.IXON | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.BRKINT)
            raw[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN | termios.ISIG)
            raw[_CC][termios.VMIN] = 1
            raw[_CC][termios.VTIME] = 0
            self._found = found
            termios.tcsetattr(self._input, termios.TCSANOW, raw)
            os.write(self._output, _ON.encode())

    def give_back(self) -> None:
        """Restore the former settings; does nothing when the terminal was given back already."""
        found, self._found = self._found, None
        if found is None:
            return
        with contextlib.suppress(termios.error, OSError):  # a terminal that is gone has no settings to restore
            termios.tcsetattr(self._input, termios.TCSANOW, found)
        with contextlib.suppress(OSError):
            os.write(self._output, _OFF.encode())

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Leave the terminal to another program inside the block. Nothing takes it back before the end, not even the
        continuation after a stop. SIGINT and SIGQUIT from the keyboard are for the other program only."""
        self.give_back()
        self._is_lent = True
        try:
            with outlived((signal.SIGINT, signal.SIGQUIT)):
                yield
        finally:
            self._is_lent = False
            self.take()

    def stop(self) -> None:
        """Give the terminal back and stop the process group, as Ctrl-Z does; returns when the program is continued.

        While the terminal is lent, only this process stops: the other program has stopped itself, and the terminal is
        as it wants it. The system does not stop a process group that has no shell to continue it.
        """
        self.give_back()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        try:
            if self._is_lent:
                os.kill(os.getpid(), signal.SIGTSTP)
            else:
                os.killpg(os.getpgrp(), signal.SIGTSTP)
        finally:
            signal.signal(signal.SIGTSTP, handler)
            self.take_if_in_front()

    def take_if_in_front(self) -> None:
        """Take the terminal over again after a stop, unless the program was continued in the background."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._input) == os.getpgrp():
                self.take()

    def size(self) -> tuple[int, int]:
        """The present number of columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._output)
        except OSError:
            return _FALLBACK
        return (columns or _FALLBACK[0], rows or _FALLBACK[1])  # a new pseudo-terminal has 0 by 0

    async def read(self) -> bytes:
        """Wait for bytes; an empty result means that the terminal is gone."""
        try:
            if not self._cannot_wait:
                await self._wait()
            if self._cannot_wait:
                return await trio.to_thread.run_sync(os.read, self._input, _READ, abandon_on_cancel=True)
            return os.read(self._input, _READ)
        except OSError:  # EIO: the other side hung up
            return b""

    async def _wait(self) -> None:
        """Wait for bytes, or find out that the system cannot wait for this terminal: macOS cannot for /dev/tty."""
        try:
            await trio.lowlevel.wait_readable(self._input)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._cannot_wait = True

    async def write(self, output: Output) -> None:
        """Write all of the output. After cancellation a part of it may be written, now or later."""
        data = output.encode()
        async with self._writing:  # the texts of two tasks must not be mixed
            await trio.to_thread.run_sync(_write_all, self._output, data, abandon_on_cancel=True)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    with contextlib.suppress(OSError):  # EIO: the other side hung up; reading notices it too
        while view:
            view = view[os.write(fd, view) :]
