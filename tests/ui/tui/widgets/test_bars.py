"""The input as rows."""

from __future__ import annotations

from trio_chat.ui.terminal.layout import Span
from trio_chat.ui.tui.widgets.bars import lay_out_input


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
