"""Whole programs under a real pseudo-terminal, with a terminal emulator that shows what a person would see.

    with PtyProgram([sys.executable, "-m", "trio_chat", "join"], env=env) as program:
        program.wait_for("#lobby>")
        program.type("hello\\r")
        assert program.wait_exit() == 0

Every wait is bounded and says on failure what the screen showed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import pyte
from wcwidth import wcwidth

from tests.launching import ask_to_end, launch

PATIENCE: Final = 30.0
"""Seconds that anything may take on a busy machine before it counts as hanging."""
_STEP: Final = 0.05
_PRIVATE: Final = 5  # how far pyte shifts the number of a private mode
_BRACKETED_PASTE, _ALTERNATE_SCREENS = 2004, (47, 1047, 1049)


class TerminalScreen(pyte.HistoryScreen):
    """A terminal's screen, and the rows that left it; nobody pages back in it.

    Tests look at it far more often than a program changes it, so a row is put together again only when it changed.
    """

    __getattribute__ = object.__getattribute__  # pyte's makes two calls more of each one, to page back to the end

    def __init__(self, columns: int, rows: int, history: int) -> None:
        self._looked_at: list[str] = []
        super().__init__(columns, rows, history=history)

    @property
    def display(self) -> list[str]:
        """The text of each row, as wide as the screen."""
        if len(self._looked_at) != self.lines:
            self._looked_at = [""] * self.lines
            self.dirty.update(range(self.lines))
        for y in self.dirty:
            if y < self.lines:
                self._looked_at[y] = "".join(self._put_together(y))
        self.dirty.clear()
        return list(self._looked_at)

    def _put_together(self, y: int) -> Iterator[str]:
        row, x = self.buffer[y], 0
        while x < self.columns:
            text = row[x].data
            yield text
            x += 2 if text > "\x7f" and wcwidth(text[0]) == 2 else 1


class PtyProgram:
    """A program that has a terminal of its own, of so many columns and rows."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], columns: int = 80, rows: int = 24) -> None:
        self.screen = TerminalScreen(columns, rows, history=10_000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self.master, self.slave = os.openpty()
        self.resize(columns, rows)
        self.settings_before = termios.tcgetattr(self.slave)
        self.process = launch(argv, env=env, streams=(self.slave, self.slave, self.slave), terminal=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ask_to_end(self.process, self.read)
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended, and its status is on the way
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)

    # ---- what a person does --------------------------------------------------------------------

    def type(self, text: str | bytes) -> None:
        """Send keys."""
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self.master, data) :]

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size; the program gets SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window or a broken ssh does."""
        os.close(self.master)
        self.master = -1

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    # ---- what a person sees --------------------------------------------------------------------

    @property
    def rows(self) -> list[str]:
        """The rows on the screen, without what is empty at its end."""
        rows = [row.rstrip() for row in self.screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def last_row(self) -> str:
        """The last row with something in it; nothing while the screen is empty."""
        return (self.rows or [""])[-1]

    @property
    def everything(self) -> list[str]:
        """The rows that have left the screen, and those on it."""
        columns = self.screen.columns
        return ["".join(row[x].data for x in range(columns)).rstrip() for row in self.screen.history.top] + self.rows

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's row and column, from 0."""
        return self.screen.cursor.y, self.screen.cursor.x

    def wait_for(self, text: str) -> None:
        """Wait until the screen shows a text, however it is broken into rows."""
        self.wait_until(lambda: self.shows(text), f"the screen to show {text!r}")

    def shows(self, text: str) -> bool:
        """Whether the screen shows a text, in one row or broken into several, anywhere or between words."""
        display = self.screen.display
        return text in "".join(display) or text in " ".join(row.strip() for row in display)

    def wait_asked(self, question: str, times: int = 1) -> None:
        """Wait until a question is asked, for the so-maniest time, and the terminal does not show the answer.

        What is typed before that is lost: turning echo off throws away what has come in.
        """
        asked = question.encode()
        self.wait_until(
            lambda: self.raw.count(asked) == times and not self.echoes, f"{question!r} to be asked {times} times unseen"
        )

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so, reading what the program writes meanwhile."""
        deadline = time.monotonic() + PATIENCE
        self.read()
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}; the screen:\n{self.picture()}"
            self.read(_STEP)

    def wait_exit(self) -> int:
        """Wait for the program's end; its exit status."""
        self.wait_until(lambda: self.process.poll() is not None, "the program to end")
        self.read()
        return int(self.process.returncode)

    def read(self, timeout: float = 0.0) -> None:
        """Take in what the program has written; wait at most so many seconds for the first of it."""
        while self.master >= 0 and select.select([self.master], [], [], timeout)[0]:
            data = os.read(self.master, 65536)
            self.raw += data
            self._stream.feed(data)
            timeout = 0.0
        if self.master < 0 and timeout:
            time.sleep(timeout)

    def picture(self) -> str:
        """The screen in a frame, for a failure's message."""
        edge = "+" + "-" * self.screen.columns + "+"
        return "\n".join([edge, *(f"|{row}|" for row in self.screen.display), edge])

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed by itself."""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    # ---- how the terminal is left --------------------------------------------------------------

    def assert_given_back(self) -> None:
        """The terminal is as it was found: its settings, the cursor, no alternate screen, no mode left on."""
        self.read()
        assert termios.tcgetattr(self.slave) == self.settings_before
        assert not self.screen.cursor.hidden
        modes = {mode >> _PRIVATE for mode in self.screen.mode}
        assert not modes & {_BRACKETED_PASTE, *_ALTERNATE_SCREENS}
        assert self.cursor[1] == 0, self.picture()
