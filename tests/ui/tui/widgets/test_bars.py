"""The input and the status as rows."""

from __future__ import annotations

import math

import pytest

from tests.ui.followed import FollowedModel
from trio_chat.protocol.events import RoomInfo
from trio_chat.ui.terminal.layout import Row, Span
from trio_chat.ui.tui.widgets.bars import lay_out_input, status_row


def test_the_input_is_broken_into_rows_with_its_cursor() -> None:
    entered = lay_out_input([Span("prompt", "> ")], "one two", 7, 6, 3)
    assert (["".join(span.text for span in row).rstrip() for row in entered.rows], entered.row) == (["> one", "two"], 1)
    many = lay_out_input([Span("prompt", "→ #lobby> ")], "\n".join("abcdef"), 11, 20, 3)  # where it goes stays there
    assert ["".join(span.text for span in row).split() for row in many.rows] == [
        ["→", "#lobby>", "a", "…"],
        ["e"],
        ["f"],
    ]
    assert (many.row, many.column) == (2, 3)
    for cursor, shown, column in ((0, "> abcdefghi", 2), (26, "> …stuvwxyz", 11), (13, "> …fghijklm", 11)):
        entered = lay_out_input([Span("prompt", "> ")], "abcdefghijklmnopqrstuvwxyz", cursor, 12, 1)
        assert ("".join(span.text for span in entered.rows[0])[: len(shown)], entered.column) == (shown, column)
    hidden = lay_out_input([Span("prompt", "> ")], "secret", 6, 20, 1, secret=True)
    assert "secret" not in "".join(span.text for span in hidden.rows[0])


def test_a_notice_goes_by_itself_after_some_seconds() -> None:
    model = FollowedModel()
    model.begin(RoomInfo(name="#lobby"))
    model.connection.state = "connected"
    model.notice, model.notice_until = "There is no theme nosuch", 10.0
    assert "no theme nosuch" in text_of(status_row(model, 80, 9.9, 0))
    assert "no theme nosuch" not in text_of(status_row(model, 80, 10.0, 0))


def test_a_text_that_is_too_long_is_said_in_the_colour_of_a_warning() -> None:
    model = FollowedModel()
    model.begin(RoomInfo(name="#lobby"))
    model.connection.state, model.most_text = "connected", 10
    model.room.editor.insert("ten signs.")
    assert {span.style for span in status_row(model, 80, 0.0, 0)} == {"bar"}
    model.room.editor.insert("!!")
    row = status_row(model, 80, 0.0, 0)
    assert "2 over the limit of 10 characters" in text_of(row)
    assert {span.style for span in row} == {"bar.warn"}


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_the_countdown_to_the_next_try_wins_over_a_notice(columns: int) -> None:
    model = FollowedModel()
    model.begin(RoomInfo(name="#lobby"))
    model.connection.state, model.connection.since, model.connection.retry_at = "reconnecting", 0.0, 9.0
    model.notice, model.notice_until = "a notice that is rather long for a narrow window", math.inf
    shown = text_of(status_row(model, columns, 5.0, 0))
    assert "no connection for 5 s, next try in 4 s" in shown
    assert ("a notice" in shown) == (columns > 90)


def text_of(row: Row) -> str:
    return "".join(span.text for span in row)
