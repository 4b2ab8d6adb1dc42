"""Cursor motions: functions from a buffer to a position. Pure.

Every returned position is a grapheme boundary, if the cursor was on one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from trio_chat.ui.terminal.graphemes import after, before, is_word, snap


@dataclass(frozen=True, slots=True)
class Buffer:
    """A text and the position of the cursor, ``0 <= cursor <= len(text)``."""

    text: str = ""
    cursor: int = 0


def char_left(at: Buffer) -> int:
    """One character to the left."""
    return before(at.text, at.cursor)


def char_right(at: Buffer) -> int:
    """One character to the right."""
    return after(at.text, at.cursor)


def word_left(at: Buffer) -> int:
    """The beginning of this word, or of the word before."""
    place = at.cursor
    while place > 0 and not is_word(at.text[place - 1]):
        place -= 1
    while place > 0 and is_word(at.text[place - 1]):
        place -= 1
    return snap(at.text, place)


def word_right(at: Buffer) -> int:
    """The end of this word, or of the word after."""
    place, end = at.cursor, len(at.text)
    while place < end and not is_word(at.text[place]):
        place += 1
    while place < end and is_word(at.text[place]):
        place += 1
    return snap(at.text, place)


def blank_left(at: Buffer) -> int:
    """The beginning of the text between spaces: a word with its punctuation, or an address."""
    place = at.cursor
    while place > 0 and at.text[place - 1].isspace():
        place -= 1
    while place > 0 and not at.text[place - 1].isspace():
        place -= 1
    return snap(at.text, place)


def line_start(at: Buffer) -> int:
    """The beginning of the cursor's line."""
    return at.text.rfind("\n", 0, at.cursor) + 1


def line_end(at: Buffer) -> int:
    """The end of the cursor's line."""
    end = at.text.find("\n", at.cursor)
    return len(at.text) if end < 0 else end


def text_start(at: Buffer) -> int:  # noqa: ARG001 - a motion's signature
    """The beginning of the text."""
    return 0


def text_end(at: Buffer) -> int:
    """The end of the text."""
    return len(at.text)


def rest_of_line(at: Buffer) -> int:
    """The end of the part that Ctrl-K cuts: the end of the line, or behind the newline when the cursor is there."""
    end = line_end(at)
    return end if end > at.cursor else min(end + 1, len(at.text))


Motion: TypeAlias = Callable[[Buffer], int]

MOVES: Final[dict[str, Motion]] = {
    "left": char_left,
    "right": char_right,
    "word-left": word_left,
    "word-right": word_right,
    "line-start": line_start,
    "line-end": line_end,
    "text-start": text_start,
    "text-end": text_end,
}
DELETIONS: Final[dict[str, Motion]] = {"delete-left": char_left, "delete-right": char_right}
KILLINGS: Final[dict[str, Motion]] = {
    "kill-rest": rest_of_line,
    "kill-line-start": line_start,
    "kill-word-left": word_left,
    "kill-word-right": word_right,
    "kill-blank-left": blank_left,
}
