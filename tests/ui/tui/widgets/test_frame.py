"""The division of the screen, and what the widgets import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.launching import unmeasured
from trio_chat.ui.terminal.layout import Span
from trio_chat.ui.tui.widgets.conversation import RowOwner, View
from trio_chat.ui.tui.widgets.frame import Frame, Parts, Shown, cut_cells, cut_spans, divide


def test_the_model_and_the_widgets_import_no_terminal_and_no_connection() -> None:
    code = (
        "import sys, trio_chat.ui.tui.model.chat, trio_chat.ui.tui.model.completing, trio_chat.ui.tui.widgets.frame;"
        "sys.exit(', '.join({'trio', 'urwid', 'socket', 'ssl'} & sys.modules.keys()) or 0)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True, env=unmeasured())
    assert (done.returncode, done.stderr) == (0, "")


def test_cells_are_cut_at_wide_characters() -> None:
    assert cut_cells("a日本b", 1, 5) == "日本"
    assert cut_cells("a日本b", 2, 6) == "本b"
    assert [span.text for span in cut_spans([Span("", "ab"), Span("bold", "cd")], 1, 3)] == ["b", "c"]


@pytest.mark.parametrize("columns", range(1, 220, 7))
def test_a_screen_of_any_width_is_divided_without_a_rest(columns: int) -> None:
    for shown in (Shown(), Shown(rooms=True, people=True), Shown(rooms=False, people=False)):
        parts = divide(columns, 24, shown)
        beside = sum(wide + 1 for wide in (parts.rooms, parts.people) if wide)
        assert parts.middle + beside == columns
        assert parts.middle > 0


def test_the_lists_leave_ten_columns_to_the_conversation_and_no_column_lies_idle() -> None:
    rooms, both = Shown(rooms=True, people=False), Shown(rooms=True, people=True)
    assert [divide(columns, 24, rooms)[:3] for columns in (26, 27)] == [(0, 26, 0), (16, 10, 0)]
    assert [divide(columns, 24, both)[:3] for columns in (43, 44)] == [(16, 26, 0), (16, 10, 16)]


def test_each_place_of_the_screen_belongs_to_what_is_drawn_there() -> None:
    line = RowOwner(7, said=True)
    frame = Frame(
        columns=44,
        rows=[],
        cursor=None,
        parts=Parts(16, 10, 16, topic=True, entry=8),
        top=2,
        height=2,
        view=View(places=[None, line]),
        room_names=[None, "#ops"],
        people_names=[None, "ada"],
    )
    assert [frame.under(column, 3) for column in (0, 15)] == [("room", "#ops")] * 2
    assert [frame.under(column, 3) for column in (16, 27)] == [("line", line)] * 2
    assert [frame.under(column, 3) for column in (28, 43)] == [("person", "ada")] * 2
    assert [frame.under(20, row)[0] for row in (1, 2, 3, 4)] == ["elsewhere", "line", "line", "elsewhere"]
