"""The division of the screen, and what the widgets import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.launching import unmeasured
from trio_chat.ui.terminal.layout import Span
from trio_chat.ui.tui.widgets.frame import Shown, cut_cells, cut_spans, divide


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
