"""Drawing with urwid: styles to attributes, rows to runs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

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


def _colour(parts: Sequence[int | None]) -> tuple[int, int, int] | None:
    red, green, blue = parts
    return None if red is None or green is None or blue is None else (red, green, blue)


def _luminance(rgb: tuple[int, int, int]) -> float:
    """The relative luminance (WCAG 2.2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (n / 255 for n in rgb))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", sorted(THEMES.keys() - {"plain"}))
def test_every_colour_of_a_theme_is_readable_on_its_background(name: str) -> None:
    palette = Palette(THEMES[name], 16 if name == "sixteen" else 256)
    ground, text = (0, 0, 0), (229, 229, 229)  # the terminal's own, where a theme for dark backgrounds names none
    contrasts = {}
    for style in THEMES[name]:
        spec = palette.spec(style)
        rgb = spec.get_rgb_values()
        front, back = (_colour(rgb[:3]) or text), (_colour(rgb[3:]) or ground)
        light, dark = sorted((_luminance(front), _luminance(back)), reverse=True)
        contrasts[style] = (light + 0.05) / (dark + 0.05)
    assert {style: contrast for style, contrast in contrasts.items() if contrast < 4.5} == {}
    assert len(contrasts) > 40
