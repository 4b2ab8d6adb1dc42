"""Themes: the built-in ones, theme files, and terminals with few colours."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_chat.errors import ConfigError
from trio_chat.ui.tui.model.themes import THEMES, by_itself, choose, read_theme


def test_a_theme_that_needs_more_colours_is_replaced() -> None:
    assert [choose("light", n) for n in (1, 16, 256)] == ["plain", "sixteen", "light"]
    assert [by_itself(said) for said in ("15;0", "0;15", "0;default;7", "", "nonsense")] == [
        "dark", "light", "light", "dark", "dark"
    ]  # fmt: skip
    for theme in THEMES.values():
        assert theme.keys() == THEMES["dark"].keys()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = [", "is not TOML"),
        ('based_on = "no"', "there is no theme 'no'"),
        ("[styles]\nlnik = 'red'", "no style 'lnik'"),
        ("[styles]\nlink = 3", "must give each style a text"),
    ],
)
def test_a_faulty_theme_file_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_theme(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
