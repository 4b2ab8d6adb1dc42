"""A picture among the rows of the conversation: characters with two pixels each. Pure.

The colours of a pixel come from the picture, not from the theme, so its style is a word that names them
(:func:`pixel_style`), which :class:`~trio_chat.ui.tui.widgets.screen.Palette` reads with :func:`read_pixel_style`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trio_chat.ui.preview.half_blocks import Cells, ColourDepth, colour_256, half_blocks
from trio_chat.ui.preview.picture import Picture
from trio_chat.ui.terminal.layout import Row, Span

MOST_COLUMNS: Final = 80
"""Columns of a picture in the conversation; more would make each key wait for the drawing."""
MOST_ROWS: Final = 24
_FREE_ROWS: Final = 6
"""Rows of the screen that a picture leaves: for its message, the bars and the input."""
_WIDE, _WIDE_INDENT, _NARROW_INDENT = 60, 24, 6
"""Columns of a conversation in which names have a column of their own, and those before its messages, at most."""
_PIXEL: Final = "pixel:"
_DEFAULT: Final = "default"


def picture_size(columns: int, height: int) -> tuple[int, int]:
    """The most pixels of a picture in a conversation of this many columns, on a screen of this height."""
    space = columns - (_WIDE_INDENT if columns >= _WIDE else _NARROW_INDENT)
    return max(min(space, MOST_COLUMNS), 1), max(min(height - _FREE_ROWS, MOST_ROWS), 1) * 2


def picture_rows(picture: Picture, indent: int, columns: int, depth: ColourDepth) -> Iterator[Row]:
    """The rows of a picture behind an indent; it is made smaller where it does not fit."""
    fitting = picture.within(max(columns - indent, 1), picture.height)
    for cells in half_blocks(fitting, depth):
        yield [Span("", " " * indent), *(Span(pixel_style(run, depth), run.text) for run in cells)]


def pixel_style(run: Cells, depth: ColourDepth) -> str:
    """The style of a run of characters: its upper and its lower colour, as urwid names colours."""
    if depth == "mono":
        return ""
    return _PIXEL + ",".join(_colour(colour, depth) for colour in (run.upper, run.lower))


def _colour(colour: int | None, depth: ColourDepth) -> str:
    if colour is None:
        return _DEFAULT
    return f"#{colour:06x}" if depth == "true" else f"h{colour_256(colour)}"


def read_pixel_style(word: str) -> tuple[str, str] | None:
    """The foreground and the background that a word of :func:`pixel_style` names; ``None`` for any other word."""
    if not word.startswith(_PIXEL):
        return None
    upper, _, lower = word.removeprefix(_PIXEL).partition(",")
    return upper, lower
