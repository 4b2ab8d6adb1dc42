"""What the standard streams are, and what a terminal behind them can show."""

from __future__ import annotations

import os
import sys
from typing import Final

from trio_chat.output import understands_sequences

NEEDS_UNIX: Final = (
    "The full screen needs a Unix terminal: Linux, macOS, or WSL on Windows. This is line mode, which --plain chooses "
    "without this sentence."
)
"""The sentence for a person at a terminal that cannot show the full screen."""


def usable(input_fd: int = 0, output_fd: int = 1) -> bool:
    """Whether input and output are a terminal that can move its cursor, and whose keys this program can read."""
    if sys.platform == "win32" or os.environ.get("TERM", "") in {"", "dumb"}:
        return False
    return is_terminal(input_fd) and is_terminal(output_fd)


def lacks_full_screen() -> bool:
    """Whether a person sits at a terminal of a system for which there is no full screen."""
    return sys.platform == "win32" and is_terminal(0) and is_terminal(1)


def is_terminal(fd: int) -> bool:
    """Whether a file descriptor is open and a terminal."""
    try:
        return os.isatty(fd)
    except OSError:
        return False


def coloured(when: str) -> bool:
    """Whether standard output gets colours: ``always``, ``never``, or ``auto`` for a terminal that shows them."""
    shows = is_terminal(1) and not os.environ.get("NO_COLOR") and understands_sequences()
    return shows if when == "auto" else when == "always"
