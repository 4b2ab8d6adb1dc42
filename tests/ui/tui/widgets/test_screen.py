"""Drawing with urwid: styles to attributes, rows to runs."""

from __future__ import annotations

from trio_chat.ui.terminal.layout import Row, Span
from trio_chat.ui.tui.model.themes import THEMES
from trio_chat.ui.tui.widgets.screen import Palette, runs


def test_every_style_of_every_theme_can_be_drawn() -> None:
    for name, colours in (
        ("dark", 256),
        ("light", 256),
        ("dusk", 256),
        ("contrast", 256),
        ("sixteen", 16),
        ("plain", 1),
    ):
        palette = Palette(THEMES[name], colours)  # type: ignore[arg-type] # one of urwid's numbers
        for style in THEMES[name]:
            palette.spec(style)
        assert palette.spec("quote bold").bold


def test_a_row_is_anchored_after_characters_of_uncertain_width() -> None:
    palette = Palette(THEMES["dark"], 256)
    row: Row = [Span("", "a🇯🇵b"), Span("bold", "c")]
    made = [(charset, text) for _, charset, text in runs(row, palette, anchor=True)]
    flag = [(None, b"  "), ("U", b"\x1b[2G"), (None, "🇯🇵".encode()), ("U", b"\x1b[4G")]
    assert made == [(None, b"a"), *flag, (None, b"b"), (None, b"c")]
    made = [(charset, text) for _, charset, text in runs([Span("", "aשb")], palette, anchor=True)]
    assert made == [(None, b"a"), (None, "ש".encode()), ("U", b"\x1b[3G"), (None, b"b")]
