"""Panes over the conversation: lists, texts and questions, as rows in a frame. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from trio_chat.ui.terminal.graphemes import text_width
from trio_chat.ui.terminal.layout import Row, Span, clip, fit, wrap
from trio_chat.ui.tui.model.panes import ListPane, Pane, Question, TextPane
from trio_chat.ui.tui.widgets.bars import lay_out_input

_WIDEST: Final = 100
_EDGES: Final = 2
_BETWEEN: Final = "   "  # answers to a question that are side by side
_FRAMED_FROM: Final = 8
"""Rows of a screen from which a question has a frame; on a smaller one its text needs all rows."""


class PaneBox(NamedTuple):
    """The size of a pane in columns and rows, including its frame if it has one."""

    columns: int
    rows: int
    framed: bool


def pane_rows(pane: Pane, box: PaneBox) -> tuple[list[Row], tuple[int, int] | None, list[int | None]]:
    """The rows of a pane, the place of the cursor in them, and the index in the list of each row."""
    columns, height, framed = box
    if isinstance(pane, Question) and not framed:
        body, cursor = _bare_question(pane, columns, height)
        return [fit(row, columns, _ground(row)) for row in body], cursor, []
    inner = columns - _EDGES
    cursor = None
    items: list[int | None] = []
    if isinstance(pane, ListPane):
        body, cursor, items = _list(pane, inner, height - _EDGES)
    elif isinstance(pane, TextPane):
        body = _text(pane, inner, height - _EDGES)
    else:
        body, cursor = _question(pane, inner, height - _EDGES)
    title = f" {clip(pane.title, max(inner - 4, 1))} "
    edge = "─" * max(inner - 1 - text_width(title), 0)
    rows = [fit([Span("overlay.edge", "┌─"), Span("overlay.title", title), Span("overlay.edge", edge + "┐")], columns)]
    rows += [[Span("overlay.edge", "│"), *fit(row, inner, _ground(row)), Span("overlay.edge", "│")] for row in body]
    rows.append([Span("overlay.edge", "└" + "─" * inner + "┘")])
    where = None if cursor is None else (cursor[0] + 1, cursor[1] + 1)
    return rows, where, [None, *items]


def _ground(row: Row) -> str:
    return row[0].style if row and row[0].style.startswith("overlay") else "overlay"


def _list(pane: ListPane, columns: int, height: int) -> tuple[list[Row], tuple[int, int] | None, list[int | None]]:
    head = lay_out_input([Span("overlay.title", "> ")], pane.editor.text, pane.editor.buffer.cursor, columns, 1)
    rows: list[Row] = [[Span("overlay", span.text) for span in head.rows[0]]] if pane.typing else []
    items: list[int | None] = [None] * len(rows)
    note = [[Span("overlay.dim", f" {pane.note}")]] if pane.note else []
    each = 2 if any(choice.detail for choice in pane.rows) else 1
    room = max((height - len(rows) - len(note)) // each, 1)
    top = max(0, min(pane.at - room // 2, len(pane.rows) - room))
    for at in range(top, min(top + room, len(pane.rows))):
        choice, style = pane.rows[at], "overlay.at" if at == pane.at else "overlay"
        rows.append([Span(style, f" {choice.label}")])
        items.append(at)
        if each > 1:
            rows.append([Span("overlay.at" if at == pane.at else "overlay.dim", f"   {choice.detail}")])
            items.append(at)
    if not pane.rows:
        rows.append([Span("overlay.dim", " no match")] if not pane.note else [])
    rows += note
    return rows[:height], (0, head.column) if pane.typing else None, items


def _text(pane: TextPane, columns: int, height: int) -> list[Row]:
    rows = [row for style, line in pane.lines for row in _hanging(style, line, columns)]
    pane.top = min(pane.top, max(len(rows) - height, 0))
    shown = rows[pane.top : pane.top + height]
    if len(rows) > height > 1:
        more = len(rows) - height - pane.top
        shown[-1] = [Span("overlay.dim", f"-- {more + 1} more: PageDown --" if more > 0 else "-- end --")]
    return shown


def _hanging(style: str, line: str, columns: int) -> list[Row]:
    """A line of a table; a long one continues under its second column."""
    second = re.match(r" +\S.*?  +(?=\S)", line)
    indent = len(second[0]) if second is not None and len(second[0]) < columns // 2 else 4
    if text_width(line) <= columns:
        return [[Span(style, line)]]
    first = wrap([Span(style, line)], columns, words=True)[0]
    used = sum(len(span.text) for span in first)
    rest = wrap([Span(style, line[used:].lstrip())], max(columns - indent, 4))
    return [first, *([Span(style, " " * indent), *row] for row in rest)]


def _bare_question(pane: Question, columns: int, height: int) -> tuple[list[Row], tuple[int, int] | None]:
    """A question without a frame, under its title; the title is left out when there is no row for it."""
    if height < 2 + max(len(pane.keys), bool(pane.asks)):
        return _question(pane, columns, height)
    rows, cursor = _question(pane, columns, height - 1)
    title = [Span("overlay.title", clip(pane.title, columns))]
    return [title, *rows], None if cursor is None else (cursor[0] + 1, cursor[1])


def _question(pane: Question, columns: int, height: int) -> tuple[list[Row], tuple[int, int] | None]:
    """The text of a question and its answers. Both are visible from two rows on: the text is cut first."""
    style = "overlay.title" if pane.said else "overlay"
    lines = (pane.said,) if pane.said else pane.lines
    text = [(at, row) for at, line in enumerate(lines) for row in wrap([Span(style, line)], columns)]
    answers = _answers(pane, columns, max(height - bool(text), 1))
    if answers and not pane.asks and len(text) + 1 + len(answers) <= height:
        answers.insert(0, [Span("overlay", "")])
    room = max(height - len(answers) - bool(pane.asks), 0)
    if len(text) > room > 0:
        last, cut = text[room - 1][0], text[room - 1 :]
        left = " ".join("".join(span.text for span in row).strip() for at, row in cut if at == last)
        text[room - 1] = last, [Span(style, clip(left if len(left) > columns else f"{left} …", columns))]
    rows = [*(row for _, row in text[:room]), *answers]
    if not pane.asks:
        return rows[:height], None
    editor = pane.editor
    asks = f"{pane.asks}: "
    if editor.text and text_width(asks) > columns // 2:
        asks = "> "  # without room for both, the typed text is more important
    entered = lay_out_input(
        [Span("overlay.title", asks)], editor.text, editor.buffer.cursor, columns, 1, secret=pane.secret
    )
    rows.append([Span("overlay.title" if at == 0 else "overlay", span.text) for at, span in enumerate(entered.rows[0])])
    return rows, (len(rows) - 1, entered.column)


def _width_of(row: Row) -> int:
    return sum(text_width(span.text) for span in row)


def _answers(pane: Question, columns: int, most: int) -> list[Row]:
    """The keys that answer a question, in at most ``most`` rows: side by side, or one in a row, or only their names."""
    if not pane.keys:
        return []
    each: list[Row] = [[Span("overlay.title", key), Span("overlay", f" {what}")] for key, what in pane.keys]
    beside: list[Row] = []
    for row in each:
        if beside and _width_of(beside[-1]) + len(_BETWEEN) + _width_of(row) <= columns:
            beside[-1] = [*beside[-1], Span("overlay", _BETWEEN), *row]
        else:
            beside += wrap(row, columns)
    if len(beside) <= most:
        return beside
    if len(each) <= most:
        return [fit(row, columns, "overlay") for row in each]
    return [[Span("overlay.title", clip(" ".join(key for key, _ in pane.keys), columns))]]


def size(pane: Pane, columns: int, rows: int) -> PaneBox:
    """The size of a pane on a screen of this size."""
    wide = min(columns, _WIDEST) if columns < 50 else min(columns - 6, _WIDEST)  # noqa: PLR2004 - from here on there is a margin
    high = rows if rows < 12 else rows - 4  # noqa: PLR2004 - as above
    if isinstance(pane, Question):
        if rows < _FRAMED_FROM:
            return PaneBox(wide, len(_bare_question(pane, wide, high)[0]), framed=False)
        body, _ = _question(pane, wide - _EDGES, high - _EDGES)
        return PaneBox(wide, min(len(body) + _EDGES, high), framed=True)
    if isinstance(pane, TextPane):
        count = sum(len(_hanging(style, line, wide - _EDGES)) for style, line in pane.lines)
        return PaneBox(wide, min(count + _EDGES, high), framed=True)
    return PaneBox(wide, high, framed=True)
