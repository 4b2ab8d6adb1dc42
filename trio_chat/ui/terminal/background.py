r"""The colour of the terminal's background: the question for it (OSC 11), and its answer among the keys. Pure.

A terminal answers between two keys, late, in pieces, or never. So every piece of the answer is taken out of the input
for :data:`PATIENCE` seconds, and none of it can end in the line that is being typed; later, the decoder of the keys
drops an answer that comes in one piece. The use of the answer has a shorter deadline.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from trio_chat.output import Control

QUESTION: Final = Control("\x1b]11;?\x1b\\")
"""Asks for the colour of the background (xterm's control sequences, OSC 11)."""
DEADLINE: Final = 2.0
"""Seconds after which an answer changes nothing any more: by then the person reads."""
PATIENCE: Final = 10.0
"""Seconds for which pieces of an answer are expected; until then, ``]`` right after Escape waits for the next key."""
_ANSWER: Final = re.compile(rb"\x1b?\]11;([^\x07\x1b]{0,64})(?:\x07|\x1b\\)")
_BEGUN: Final = re.compile(rb"\x1b(?:\](?:1(?:1(?:;[^\x07\x1b]{0,64}\x1b?)?)?)?)?\Z")
_COLOUR: Final = re.compile(rb"rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/[0-9a-fA-F]{1,4})?\Z")
_SURE: Final = len(b"\x1b]1")
_MIDDLE: Final = 0.179
"""The relative luminance that has the same contrast to black as to white (WCAG 2.2)."""


class Colour(NamedTuple):
    """A colour by its parts, each from 0 to 1."""

    red: float
    green: float
    blue: float


class BackgroundAnswer:
    """Takes the answer to :data:`QUESTION` out of the bytes of the input."""

    def __init__(self) -> None:
        self._held = b""
        self._passed = b""  # the beginning of an answer, perhaps, that became a key because of a pause

    def __repr__(self) -> str:
        return f"<BackgroundAnswer holding {self._held!r}>"

    @property
    def holds(self) -> bool:
        """Whether bytes are held."""
        return bool(self._held)

    @property
    def waiting(self) -> bool:
        """Whether held bytes may be a key by themselves: call :meth:`flush` when no more come."""
        return 0 < len(self._held) < _SURE and not self._passed

    def split(self, data: bytes) -> tuple[bytes, Colour | None]:
        """Take bytes of the input; returns those that are not of an answer, and the colour of a whole answer."""
        passed, data = self._passed, self._passed + self._held + data
        self._passed = self._held = b""
        begin, end, colour = len(passed), len(data), None
        if (found := _ANSWER.search(data)) is not None:
            data = data[: found.start()] + data[found.end() :]
            begin, end, colour = min(begin, found.start()), len(data), read_colour(found[1])
        if (begun := _BEGUN.search(data)) is not None:
            if begun.start() < begin:
                self._passed = passed
            end = max(begun.start(), begin)
            self._held = data[end:]
        return data[begin:end], colour

    def flush(self) -> bytes:
        """The held bytes, if they may be a key; the beginning of an answer stays."""
        if not self.waiting:
            return b""
        held, self._held = self._held, b""
        self._passed += held
        return held


def read_colour(text: bytes) -> Colour | None:
    """A colour in X11's form, ``rgb:ffff/ffff/ffff`` with one to four digits each; ``None`` for anything else."""
    found = _COLOUR.match(text)
    if found is None:
        return None
    return Colour(*(int(part, 16) / (16 ** len(part) - 1) for part in found.groups()))


def is_light(colour: Colour) -> bool:
    """Whether dark text is read better than light text on this background."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)  # noqa: PLR2004 - sRGB's constants
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > _MIDDLE
