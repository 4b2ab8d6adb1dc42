r"""Where the line being typed stands on a terminal, and how others are written above it. Pure.

Theory of operation. The input (prompt and text) stands below all output, over as many rows as it needs.
Before a line is written the input's rows are erased, from the row the cursor is in up to the first; then
the line, then the input again. All of that is one string, so that a terminal shows no half of it and
what is being typed is never torn.

:func:`lay_out` breaks the input into rows itself and leaves the last column free: then every row ends
where we say, and no terminal's own idea of wrapping comes in. When the window grows narrower than a row
that stands there, terminals differ (some wrap it again, some cut it off), and nobody can tell which rows
are the input's. Then :class:`Painter` clears the screen and writes again what fits of the last lines.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trio_chat.ui.terminal.graphemes import clusters, text_width, width

KEPT: Final = 200
"""Lines written last that are kept for a cleared screen: more than one has rows."""
_INDENT: Final = "  "
_PAINTED: Final = re.compile(r"(\x1b\[[0-9;]*m)(.*)(\x1b\[0m)")
_OWN: Final = re.compile(r"(?:\x1b\[[0-9;]*m)?(?:-- |! )")
_SECOND: Final = re.compile(r" *\S.*?  +(?=\S)")
_MARK: Final = re.compile(r"-- |! | *")
_PIECE: Final = re.compile(r" *[^ ]+")
_MORE: Final = "..."  # behind the prompt, where the text's begin has no place


@dataclass(frozen=True, slots=True)
class Drawing:
    """The input as rows, and where the cursor is in them: its row and column, from 0."""

    rows: tuple[str, ...]
    row: int
    column: int


def lay_out(prompt: str, text: str, cursor: int, columns: int, height: int) -> Drawing:
    """Break prompt and text into rows for a window of so many columns and rows.

    At most ``height - 1`` rows come back, those around the cursor: one stays for the conversation. Where the first
    rows have no place, the prompt stands above the others all the same: it says where the text will go.
    """
    limit = max(columns - 1, 1)
    rows = [_shorten(prompt, max(limit // 2, 1))]
    column = text_width(rows[0])
    row_of_cursor = column_of_cursor = -1
    place = 0
    for cluster in clusters(text):
        wide = width(cluster)
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
            rows[-1] += cluster if cluster.isprintable() or wide else "\N{REPLACEMENT CHARACTER}"
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
    """Whether a line is told by the program itself, or an error, not said by somebody."""
    return _OWN.match(line) is not None


def fold(line: str, columns: int) -> list[str]:
    """Break a line of the program's own into rows of at most so many columns, between words where it can be.

    The other rows are indented: under the second column of a row of a table, else behind the mark that a remark or an
    error begins with. What is said by people stays in one piece, so that it is copied as one.
    """
    painted = _PAINTED.fullmatch(line)
    before, text, behind = painted.groups() if painted else ("", line, "")
    if "\x1b" in text or text_width(text) <= columns:
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
    """Knows what of the input stands on the terminal now, and makes what changes that."""

    def __init__(self) -> None:
        self._drawn = Drawing(("",), 0, 0)
        self._lines: deque[str] = deque(maxlen=KEPT)

    def __repr__(self) -> str:
        return f"<Painter with {len(self._drawn.rows)} rows, cursor in row {self._drawn.row}>"

    def paint(self, lines: Sequence[str], drawing: Drawing) -> str:
        """Write lines above the input, and the input as it is now."""
        self._lines.extend(lines)
        return self._erase() + "".join(line + "\r\n" for line in lines) + self._draw(drawing)

    def repaint(self, drawing: Drawing, columns: int, height: int) -> str:
        """Write the input again after the window changed to so many columns and rows."""
        fits = all(text_width(row) <= columns for row in self._drawn.rows) and len(self._drawn.rows) <= height
        if fits:
            return self._erase() + self._draw(drawing)
        room, shown = height - len(drawing.rows), list[str]()
        for line in reversed(self._lines):
            room -= max(-(-_visible_width(line) // max(columns, 1)), 1)  # rows it takes: divided, rounded up
            if room < 0:
                break
            shown.append(line)
        above = "".join(line + "\r\n" for line in reversed(shown))
        return "\x1b[H\x1b[2J" + above + self._draw(drawing)

    def clear(self) -> str:
        """Empty the screen, and forget the lines that were on it."""
        self._lines.clear()
        self._drawn = Drawing(("",), 0, 0)
        return "\x1b[H\x1b[2J"

    def finish(self) -> str:
        """Take the input away; the cursor is at the begin of the row where it stood."""
        text = self._erase()
        self._drawn = Drawing(("",), 0, 0)
        return text

    def _erase(self) -> str:
        return (f"\x1b[{self._drawn.row}A" if self._drawn.row else "") + "\r\x1b[J"

    def _draw(self, drawing: Drawing) -> str:
        self._drawn = drawing
        below = len(drawing.rows) - 1 - drawing.row
        up = f"\x1b[{below}A" if below else ""
        right = f"\x1b[{drawing.column}C" if drawing.column else ""
        return "\r\n".join(drawing.rows) + up + "\r" + right


def _visible_width(line: str) -> int:
    """Columns of a line without the colours in it."""
    if "\x1b" not in line:
        return text_width(line)
    first, *parts = line.split("\x1b[")
    return text_width(first) + sum(text_width(part.partition("m")[2]) for part in parts)
