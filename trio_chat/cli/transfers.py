"""The progress of files in a shell: one row on the terminal that is written over, and nothing anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from trio_chat.cli.faults import terminal_columns
from trio_chat.output import harmless_stream
from trio_chat.protocol.files import size_words

if TYPE_CHECKING:
    from trio_chat.client.files.progress import TransferProgress

_EVERY: Final = 0.1
"""Seconds between two drawings."""
_SETTLED: Final = 1.0
"""Seconds of moving before a rate is shown."""
_WORDS: Final = {"hashing": "reading", "waiting": "waiting for the server", "checking": "checking", "done": "done"}


class ProgressRow:
    """Shows how far a transfer is, if standard error is a terminal. ``name`` is what is moved."""

    def __init__(
        self, name: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic, columns: int = 0
    ) -> None:
        self._name = name
        self._stream = harmless_stream(stream or sys.stderr) if stream or sys.stderr is not None else None
        self._clock = clock
        self._columns = columns or terminal_columns()
        self._drawn_at = -_EVERY
        self._width = 0
        self._began: tuple[float, int] | None = None
        self._shown_state = ""

    def __call__(self, progress: TransferProgress) -> None:
        """Draw the row, at most ten times a second."""
        if self._stream is None or not self._columns:
            return
        now = self._clock()
        if progress.state == "moving" and self._began is None:
            self._began = now, progress.done
        elif progress.state in {"waiting", "hashing"}:
            self._began = None
        if progress.state == self._shown_state and now - self._drawn_at < _EVERY:
            return
        self._drawn_at, self._shown_state = now, progress.state
        self._draw(self._text(progress, now))

    def clear(self) -> None:
        """Remove the row, so that a sentence can stand there."""
        if self._width:
            self._draw("")

    def _text(self, progress: TransferProgress, now: float) -> str:
        done, size = progress.done, progress.size
        parts = []
        if size:
            parts.append(f"{100 * done // size:3}%  {size_words(done)} of {size_words(size)}")
        if progress.state != "moving":
            parts.append(_WORDS[progress.state])
        elif self._began is not None and now - self._began[0] >= _SETTLED and done > self._began[1]:
            rate = (done - self._began[1]) / (now - self._began[0])
            parts.append(f"{size_words(int(rate))}/s")
            if size:
                parts.append(_duration((size - done) / rate))
        tail = "  ".join(parts)
        room = max(self._columns - 1 - len(tail) - 2, 0)
        name = self._name if len(self._name) <= room else self._name[: max(room - 1, 0)] + "…"
        return f"{name}  {tail}"[: self._columns - 1]

    def _draw(self, text: str) -> None:
        if self._stream is None:
            return
        blank = " " * max(self._width - len(text), 0)
        try:
            self._stream.write_over(text + blank)
            if not text:
                self._stream.write_over("")
        except (OSError, ValueError):  # the terminal is gone; the exit status still tells how it ended
            self._stream = None
        self._width = len(text)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
