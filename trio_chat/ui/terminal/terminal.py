"""A terminal taken over key by key, and given back as it was found on every way out.

Theory of operation. While it is taken over, the terminal echoes nothing, cuts no lines and makes no
signals of keys: Ctrl-C, Ctrl-Z and Ctrl-D arrive as keys, and whoever reads decides. What it writes goes
through the terminal's usual output processing. Bracketed paste is switched on.

It is given back in three cases: at the end of the ``with``, whatever ends it; around a stop (Ctrl-Z,
SIGTSTP), and taken again when the program goes on; and when the terminal itself is gone (SIGHUP), where
giving back fails and that is no matter. Settings are changed at once (``TCSANOW``): waiting for output to
drain could wait for ever on a line that is held up.

Reads wait for the terminal to be readable and writes happen in a thread, so a terminal that is held up
holds up nothing else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import termios
from types import TracebackType
from typing import Final, Self

import trio

_ON: Final = b"\x1b[?2004h"
_OFF: Final = b"\x1b[?2004l"
_READ: Final = 64 * 1024  # bytes read at once: a large paste in few steps
_IFLAG, _LFLAG, _CC = 0, 3, 6  # places in what termios.tcgetattr returns
_FALLBACK: Final = (80, 24)


def usable(input_fd: int = 0, output_fd: int = 1) -> bool:
    """Whether there is a person at a terminal who can type below what is written."""
    if os.environ.get("TERM", "") in {"", "dumb"}:
        return False
    return is_terminal(input_fd) and is_terminal(output_fd)


def is_terminal(fd: int) -> bool:
    """Whether a file descriptor is open and a terminal."""
    try:
        return os.isatty(fd)
    except OSError:
        return False


def coloured(when: str) -> bool:
    """Whether standard output gets colours: ``always``, ``never``, or ``auto``, where a terminal shows them."""
    shows = is_terminal(1) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return shows if when == "auto" else when == "always"


class Terminal:
    """The terminal behind two file descriptors; a context manager that takes it and gives it back."""

    def __init__(self, input_fd: int = 0, output_fd: int = 1) -> None:
        self._input = input_fd
        self._output = output_fd
        self._found: list[int | list[bytes | int]] | None = None
        self._writing = trio.Lock()

    def __repr__(self) -> str:
        return f"<Terminal {'taken' if self._found is not None else 'given back'}>"

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def take(self) -> None:
        """Take it over; nothing happens when it is taken already, or is no longer there."""
        if self._found is not None:
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
            os.write(self._output, _ON)

    def give_back(self) -> None:
        """Give it back as it was found; nothing happens when it was given back already."""
        found, self._found = self._found, None
        if found is None:
            return
        with contextlib.suppress(termios.error, OSError):  # a terminal that is gone needs nothing back
            termios.tcsetattr(self._input, termios.TCSANOW, found)
        with contextlib.suppress(OSError):
            os.write(self._output, _OFF)

    def stop(self) -> None:
        """Give it back and stop this program's group, as Ctrl-Z does; returns when the program goes on.

        What has no shell above it to go on again is not stopped: the system sees to that.
        """
        self.give_back()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        try:
            os.killpg(os.getpgrp(), signal.SIGTSTP)
        finally:
            signal.signal(signal.SIGTSTP, handler)
            self.take_if_in_front()

    def take_if_in_front(self) -> None:
        """Take it over again after a stop, unless the program goes on in the background."""
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(self._input) == os.getpgrp():
                self.take()

    def size(self) -> tuple[int, int]:
        """Columns and rows now."""
        try:
            columns, rows = os.get_terminal_size(self._output)
        except OSError:
            return _FALLBACK
        return (columns or _FALLBACK[0], rows or _FALLBACK[1])  # a new pseudo-terminal has 0 by 0

    async def read(self) -> bytes:
        """Wait for bytes; none means that the terminal is gone."""
        await trio.lowlevel.wait_readable(self._input)
        try:
            return os.read(self._input, _READ)
        except OSError:  # EIO: the other side hung up
            return b""

    async def write(self, data: bytes) -> None:
        """Write all of it. On cancellation some of it may be written, now or later."""
        async with self._writing:  # what two tasks write must not run into each other
            await trio.to_thread.run_sync(_write_all, self._output, data, abandon_on_cancel=True)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    with contextlib.suppress(OSError):  # EIO: the other side hung up; reading finds that out
        while view:
            view = view[os.write(fd, view) :]
