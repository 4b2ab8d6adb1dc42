"""Pictures among the rows of the conversation: at each width and depth of colour, and what removes them."""

from __future__ import annotations

import random

import pytest

from tests.ui.followed import LOBBY, entered, message
from trio_chat.protocol.events import Deleted
from trio_chat.ui.preview.half_blocks import Cells
from trio_chat.ui.preview.picture import Picture
from trio_chat.ui.terminal.graphemes import text_width
from trio_chat.ui.terminal.layout import Row, Span
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.themes import THEMES
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle
from trio_chat.ui.tui.widgets.frame import Shown, draw
from trio_chat.ui.tui.widgets.pictures import picture_rows, picture_size, pixel_style, read_pixel_style
from trio_chat.ui.tui.widgets.screen import Palette, depth_of

PICTURE = Picture(12, 8, random.Random(1).randbytes(12 * 8 * 3))


def with_picture() -> ChatModel:
    model = entered()
    for seq in (1, 2):
        model.take(message(seq, f"number {seq}"), 0.0, 0.0)
    first = model.room.log.entries[0]
    first.picture = PICTURE
    first.change()
    return model


def blocks(rows: list[Row]) -> list[Row]:
    return [row for row in rows if any(set(span.text) & set("▀▄█") for span in row)]


def test_a_picture_stands_under_its_message() -> None:
    model = with_picture()
    view = ConversationLayout().view(model.room, 80, 20, ConversationStyle(model.place, depth="true"))
    shown = blocks(view.rows)
    assert len(shown) == 4
    at = view.rows.index(shown[0])
    assert {place.seq for place in view.places[at : at + 4] if place} == {1}
    assert "number 1" in "".join(span.text for span in view.rows[at - 1])
    assert "number 2" in "".join(span.text for span in view.rows[at + 4])
    assert shown[0][1].style == pixel_style(Cells("▀", *_colours(0)), "true")


def _colours(column: int) -> tuple[int, int]:
    upper, lower = (PICTURE.rgb[at : at + 3] for at in (column * 3, (PICTURE.width + column) * 3))
    return int.from_bytes(upper, "big"), int.from_bytes(lower, "big")


@pytest.mark.parametrize("columns", [12, 20, 36, 60, 120])
def test_a_picture_is_made_smaller_where_it_does_not_fit(columns: int) -> None:
    model = with_picture()
    view = ConversationLayout().view(model.room, columns, 30, ConversationStyle(model.place))
    assert all(text_width("".join(span.text for span in row)) <= columns for row in view.rows)
    assert blocks(view.rows)
    most = picture_size(columns, 24)
    rows = list(picture_rows(PICTURE, columns - most[0], columns, "mono"))
    assert len(rows) <= most[1] // 2


def test_a_deleted_message_has_no_picture() -> None:
    model = with_picture()
    gone = Deleted(room=LOBBY, seq=3, time="2026-01-31T12:00:00.000Z", sender="bob", sender_id=2, target=1)
    model.take(gone, 0.0, 0.0)
    view = ConversationLayout().view(model.room, 80, 20, ConversationStyle(model.place))
    assert not blocks(view.rows)


def test_a_selected_picture_keeps_its_colours() -> None:
    model = with_picture()
    model.room.selected = 1
    view = ConversationLayout().view(model.room, 80, 20, ConversationStyle(model.place, depth="256"))
    for row in blocks(view.rows):
        assert all("selected" not in span.style for span in row[1:])


@pytest.mark.parametrize(("colours", "depth"), [(1, "mono"), (16, "mono"), (88, "mono"), (256, "256"), (2**24, "true")])
def test_what_is_painted_are_the_colours_of_the_pixels(colours: int, depth: str) -> None:
    assert depth_of(colours) == depth
    model = with_picture()
    palette = Palette(THEMES["dark"], colours)  # type: ignore[arg-type] # one of urwid's numbers
    frame = draw(
        model, ConversationLayout(), ConversationStyle(model.place, depth=depth_of(colours)), Shown(), 80, 24, 0
    )
    spans = [span for row in frame.rows for span in row if set(span.text) & set("▀▄█")]
    specs = [palette.spec(span.style) for span in spans]
    if depth == "mono":
        assert {spec.foreground for spec in specs} == {"default"}
        return
    assert sum(len(span.text) for span in spans) == 12 * 4
    shown = [spec.get_rgb_values() for spec in specs]
    assert None not in shown[0]
    if depth == "true":
        first = [part for colour in _colours(0) for part in colour.to_bytes(3, "big")]
        assert list(shown[0]) == first


def test_only_the_word_of_a_pixel_is_read_as_one() -> None:
    assert read_pixel_style(pixel_style(Cells("▀", 0x123456, None), "true")) == ("#123456", "default")
    assert read_pixel_style(pixel_style(Cells("▀", 0xFF0000, 0), "256")) == ("h196", "h16")
    assert read_pixel_style("bold") is None
    assert Palette(THEMES["dark"], 1).spec("pixel:#123456,#000000").foreground == "default"
    assert Span(pixel_style(Cells("█"), "mono"), "█").style == ""


def test_a_picture_never_takes_the_whole_screen() -> None:
    assert picture_size(200, 50) == (80, 48)
    assert picture_size(63, 24) == (39, 36)
    assert picture_size(20, 5) == (14, 2)
    assert picture_size(3, 1) == (1, 2)
