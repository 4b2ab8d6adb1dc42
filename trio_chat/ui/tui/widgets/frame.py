"""The whole screen: its parts at a given size, their rows side by side, and the part under the mouse. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from trio_chat.ui.terminal.layout import Row, Span, fit
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.widgets.bars import Entered, lay_out_input, prompt, status_row, topic_row
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle, View
from trio_chat.ui.tui.widgets.lists import people_rows, room_rows
from trio_chat.ui.tui.widgets.overlay import pane_rows, size

_ROOMS_FROM, _PEOPLE_FROM = 64, 92  # columns from which the lists are shown beside the conversation
_TOPIC_FROM, _ROOMY = 8, 12  # rows from which the topic is shown, and from which the input may take a third
_LEAST: Final = 10  # columns of conversation that the lists must leave


class Parts(NamedTuple):
    """The division of a screen: the columns of rooms, conversation and people (0: hidden), whether the topic is shown,
    and the most rows of the input."""

    rooms: int
    middle: int
    people: int
    topic: bool
    entry: int


@dataclass(slots=True)
class Shown:
    """The lists that the person has shown or hidden; ``None`` lets the width decide."""

    rooms: bool | None = None
    people: bool | None = None


def divide(columns: int, rows: int, shown: Shown) -> Parts:
    """Divide a screen. On a small one the people are hidden first, then the rooms, then the topic."""
    wide = 22 if columns >= 120 else 16  # noqa: PLR2004 - a wide screen has room for longer names
    rooms = wide if (columns >= _ROOMS_FROM if shown.rooms is None else shown.rooms) else 0
    people = wide if (columns >= _PEOPLE_FROM if shown.people is None else shown.people) else 0
    if columns - people - rooms < _LEAST + 2:
        people = 0
    if columns - rooms < _LEAST + 1:
        rooms = 0
    middle = columns - (rooms + 1 if rooms else 0) - (people + 1 if people else 0)
    return Parts(rooms, middle, people, rows >= _TOPIC_FROM, rows // 3 if rows >= _ROOMY else max(1, rows // 4))


@dataclass(slots=True)
class Frame:
    """A screen as rows of an exact width, with the cursor (column, row) and the meaning of each place."""

    columns: int
    rows: list[Row]
    cursor: tuple[int, int] | None
    parts: Parts
    top: int
    height: int
    view: View
    room_names: list[str | None] = field(default_factory=list)
    people_names: list[str | None] = field(default_factory=list)
    pane_at: tuple[int, int, int, int] = (0, 0, 0, 0)
    pane_items: list[int | None] = field(default_factory=list)

    @property
    def messages(self) -> list[int]:
        """The numbers of the visible messages, from the top."""
        return [owner.seq for owner in self.view.places if owner is not None and owner.said]

    def under(self, column: int, row: int) -> tuple[str, object]:
        """The part at a place: ``("room", name)``, ``("person", name)``, ``("line", RowOwner)`` or ``("item", n)``."""
        top, left, high, wide = self.pane_at
        if high:
            inside = top <= row < top + high and left <= column < left + wide
            item = self.pane_items[row - top] if inside and row - top < len(self.pane_items) else None
            return ("item", item) if item is not None else ("pane", inside)
        at = row - self.top
        if not 0 <= at < self.height:
            return ("elsewhere", None)
        if column < self.parts.rooms:
            return ("room", self.room_names[at])
        if self.parts.people and column >= self.columns - self.parts.people:
            return ("person", self.people_names[at])
        return ("line", self.view.places[at])

    def text(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        """The text of the conversation between two places on the screen (column, row), in reading order."""
        (c1, r1), (c2, r2) = sorted((start, end), key=lambda place: (place[1], place[0]))
        left = self.parts.rooms + 1 if self.parts.rooms else 0
        lines = []
        for row in range(max(r1, self.top), min(r2, self.top + self.height - 1) + 1):
            cells = cut_cells(
                "".join(span.text for span in self.rows[row]),
                max(left, c1 if row == r1 else left),
                min(left + self.parts.middle, c2 + 1 if row == r2 else self.columns),
            )
            lines.append(cells.rstrip())
        return "\n".join(lines)


def cut_cells(text: str, start: int, end: int) -> str:
    """The part of a text between two columns."""
    from trio_chat.ui.terminal.graphemes import clusters, width  # noqa: PLC0415 - only for the mouse

    kept, column = "", 0
    for cluster in clusters(text):
        if start <= column < end:
            kept += cluster
        column += width(cluster)
    return kept


def draw(
    model: ChatModel,
    conversation: ConversationLayout,
    look: ConversationStyle,
    shown: Shown,
    columns: int,
    rows: int,
    now: float,
) -> Frame:
    """Draw the model for a screen of this size. ``now`` is the clock of :meth:`ChatModel.take`."""
    parts = divide(columns, rows, shown)
    head, _ = prompt(model)
    editor = model.room.editor
    entry: Entered = lay_out_input(head, editor.text, editor.buffer.cursor, columns, max(parts.entry, 1))
    height = max(rows - len(entry.rows) - 1 - parts.topic, 0)
    view = conversation.view(model.room, parts.middle, height, look) if height else View()
    frame = Frame(columns, [], None, parts, int(parts.topic), height, view)
    sides: list[list[Row]] = []
    if parts.rooms:
        side, frame.room_names = room_rows(model, parts.rooms, height)
        sides.append(side)
    sides.append([fit(row, parts.middle) for row in view.rows])
    if parts.people:
        side, frame.people_names = people_rows(model, parts.people, height)
        sides.append(side)
    if parts.topic:
        frame.rows.append(topic_row(model, columns))
    frame.rows += map(_beside, zip(*sides, strict=True))
    frame.rows.append(status_row(model, columns, now, view.below))
    frame.rows += entry.rows
    frame.cursor = (min(entry.column, columns - 1), rows - len(entry.rows) + entry.row)
    if model.room.selected is not None:
        frame.cursor = None
    if model.pane is not None:
        _lay_pane(frame, model, columns, rows)
    frame.rows = frame.rows[:rows]
    return frame


def _beside(rows: tuple[Row, ...]) -> Row:
    joined = list(rows[0])
    for row in rows[1:]:
        joined.append(_DIVIDER)
        joined += row
    return joined


_DIVIDER: Final = Span("divider", "│")


def _lay_pane(frame: Frame, model: ChatModel, columns: int, rows: int) -> None:
    assert model.pane is not None  # noqa: S101 - the caller looked
    box = size(model.pane, columns, rows)
    wide = box.columns
    left, top = (columns - wide) // 2, max((rows - box.rows) // 2, 0)
    body, cursor, items = pane_rows(model.pane, box)
    for at, row in enumerate(body[: rows - top]):
        under = frame.rows[top + at]
        before, behind = list(cut_spans(under, 0, left)), list(cut_spans(under, left + wide, columns))
        frame.rows[top + at] = [*fit(before, left), *row, *fit(behind, columns - left - wide)] if left else row
    frame.cursor = None if cursor is None else (left + cursor[1], top + cursor[0])
    frame.pane_at, frame.pane_items = (top, left, len(body), wide), items


def cut_spans(row: Row, start: int, end: int) -> Iterator[Span]:
    """The spans of a row between two columns."""
    from trio_chat.ui.terminal.graphemes import text_width  # noqa: PLC0415 - as above

    column = 0
    for span in row:
        wide = text_width(span.text)
        if column + wide > start and column < end:
            text = cut_cells(span.text, start - column, end - column)
            if text:
                yield Span(span.style, text, span.link)
        column += wide


def mark_selection(frame: Frame, selection: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Highlight the region that the mouse is selecting."""
    (c1, r1), (c2, r2) = sorted(selection, key=lambda place: (place[1], place[0]))
    left = frame.parts.rooms + 1 if frame.parts.rooms else 0
    right = left + frame.parts.middle
    for at in range(max(r1, frame.top), min(r2, frame.top + frame.height - 1) + 1):
        start, end = max(left, c1 if at == r1 else left), min(right, c2 + 1 if at == r2 else right)
        row = frame.rows[at]
        marked: Row = [Span(f"{span.style} selected".strip(), span.text) for span in cut_spans(row, start, end)]
        frame.rows[at] = fit([*cut_spans(row, 0, start), *marked, *cut_spans(row, end, frame.columns)], frame.columns)
