r"""The input line at the bottom of a terminal, and lines written above it. Pure.

Theory of operation. The input (prompt and text) is below all output, in as many rows as it needs. To write a line, the
rows of the input are erased, from the cursor's row up to the first; then the line is written, then the input again. All
of that is one :class:`~trio_chat.output.Output`, so the terminal never shows half of it and arriving lines never tear
the input.

:func:`lay_out` breaks the input into rows itself and leaves the last column free, so that the terminal never wraps a
row. When the window becomes narrower than a row on the screen, terminals differ (some wrap the row again, some cut it),
and the rows of the input cannot be found. Then :class:`Painter` clears the screen and writes the last lines again.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from trio_chat.output import Control, Output, is_styled, split_style, unstyled
from trio_chat.ui.terminal.graphemes import clusters, shown_cluster, text_width, width

KEPT: Final = 200
"""The last lines that are kept for a cleared screen: more than a screen has rows."""
_INDENT: Final = "  "
_CLEAR: Final = Control("\x1b[H\x1b[2J")
_OWN: Final = re.compile("-- |! ")
_SECOND: Final = re.compile(r" *\S.*?  +(?=\S)")
_MARK: Final = re.compile(r"-- |! | *")
_PIECE: Final = re.compile(r" *[^ ]+")
_MORE: Final = "..."  # after the prompt, where the beginning of the text is hidden


@dataclass(frozen=True, slots=True)
class Drawing:
    """The input as rows, with the row and column of the cursor, counted from 0."""

    rows: tuple[str, ...]
    row: int
    column: int


def lay_out(prompt: str, text: str, cursor: int, columns: int, height: int) -> Drawing:
    """Break the prompt and the text into rows for a window of this size.

    Returns at most ``height - 1`` rows, those around the cursor: one row is for the conversation. When the first
    rows do not fit, the prompt is shown above the others all the same, because it says where the text will go.
    """
    limit = max(columns - 1, 1)
    rows = [_shorten(prompt, max(limit // 2, 1))]
    column = text_width(rows[0])
    row_of_cursor = column_of_cursor = -1
    place = 0
    for cluster in clusters(text):
        seen = shown_cluster(cluster)
        wide = width(seen)
        if cluster != "\n" and column + wide > limit:
            rows.append("")
            column = 0
        if place == cursor:
            row_of_cursor, column_of_cursor = len(rows) - 1, column
        place += len(cluster)
        if cluster == "\n":
            rows.append(_INDENT if limit > len(_INDENT) else "")
            column = len(rows[-1])
        else:
            rows[-1] += seen
            column += wide
    if row_of_cursor < 0:
        row_of_cursor, column_of_cursor = len(rows) - 1, column
    shown = max(height - 1, 1)
    first = min(max(row_of_cursor - shown + 1, 0), max(len(rows) - shown, 0))
    visible = rows[first : first + shown]
    if first > 0 and shown > 1:  # the cursor is in the last of these rows
        where = _shorten(prompt, max(limit // 2, 1))
        visible[0] = where + _MORE[: limit - text_width(where)]
    return Drawing(tuple(visible), row_of_cursor - first, column_of_cursor)


def is_own(line: str) -> bool:
    """Whether a line is a note or an error of the program, not a message."""
    return _OWN.match(unstyled(line)) is not None


def fold(line: str, columns: int) -> list[str]:
    """Break a line of the program into rows of at most ``columns``, between words if possible.

    All rows but the first are indented: under the second column of a table, otherwise after the sign of a note or an
    error. Messages of people are not broken, so that they are copied as one line.
    """
    before, text, behind = split_style(line)
    if is_styled(text) or text_width(text) <= columns:
        return [line]
    second = _SECOND.match(text) or _MARK.match(text)
    indent = text_width(second[0]) if second is not None and text_width(second[0]) <= columns // 2 else 0
    rows, row = list[str](), ""
    for piece in _PIECE.findall(text):
        if row and text_width(row) + text_width(piece) > columns - (indent if rows else 0):
            rows.append(row)
            row = piece.lstrip(" ")
        else:
            row += piece
    rows.append(row)
    return [f"{before}{' ' * indent if at else ''}{row}{behind}" for at, row in enumerate(rows)]


def _shorten(prompt: str, columns: int) -> str:
    if text_width(prompt) <= columns:
        return prompt
    kept, used = "", 0
    for cluster in clusters(prompt):
        used += width(cluster)
        if used > columns - 1:
            break
        kept += cluster
    return kept + ">"


class Painter:
    """Keeps the input that is on the terminal, and makes the text that changes it."""

    def __init__(self) -> None:
        self._drawn = Drawing(("",), 0, 0)
        self._lines: deque[str] = deque(maxlen=KEPT)

    def __repr__(self) -> str:
        return f"<Painter with {len(self._drawn.rows)} rows, cursor in row {self._drawn.row}>"

    def paint(self, lines: Sequence[str], drawing: Drawing, pictures: Sequence[Output] = ()) -> Output:
        """Write lines above the input, then the rows of pictures, and the present input. Pictures are not kept for a
        cleared screen."""
        self._lines.extend(lines)
        output = self._erase() + _above(lines)
        for row in pictures:
            output += row.line("")
        return output + self._draw(drawing)

    def repaint(self, drawing: Drawing, columns: int, height: int) -> Output:
        """Write the input again after the window has changed to this size."""
        fits = all(text_width(row) <= columns for row in self._drawn.rows) and len(self._drawn.rows) <= height
        if fits:
            return self._erase() + self._draw(drawing)
        room, shown = height - len(drawing.rows), list[str]()
        for line in reversed(self._lines):
            room -= max(-(-_visible_width(line) // max(columns, 1)), 1)  # rows it takes: divided, rounded up
            if room < 0:
                break
            shown.append(line)
        return Output().control(_CLEAR) + _above(reversed(shown)) + self._draw(drawing)

    def clear(self) -> Output:
        """Clear the screen, and forget the lines that were on it."""
        self._lines.clear()
        self._drawn = Drawing(("",), 0, 0)
        return Output().control(_CLEAR)

    def finish(self, lines: Sequence[str] = ()) -> Output:
        """Remove the input and write the last lines; the cursor is at the beginning of a row."""
        text = self._erase()
        self._drawn = Drawing(("",), 0, 0)
        return text + _above(lines)

    def _erase(self) -> Output:
        up = f"\x1b[{self._drawn.row}A" if self._drawn.row else ""
        return Output().control(Control(f"{up}\r\x1b[J"))

    def _draw(self, drawing: Drawing) -> Output:
        self._drawn = drawing
        below = len(drawing.rows) - 1 - drawing.row
        up = f"\x1b[{below}A" if below else ""
        right = f"\x1b[{drawing.column}C" if drawing.column else ""
        *rows, last = drawing.rows
        return _above(rows) + Output().text(last).control(Control(f"{up}\r{right}"))


def _above(lines: Iterable[str]) -> Output:
    written = Output()
    for line in lines:
        written.line(line)
    return written


def _visible_width(line: str) -> int:
    """The columns of a line without its colours."""
    return text_width(unstyled(line))
