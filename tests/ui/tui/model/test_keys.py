"""The tables of keys and commands: whole, without clashes, changeable, and shown as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_chat.errors import ConfigError
from trio_chat.ui.commands import table as shared
from trio_chat.ui.input.editor import BINDINGS
from trio_chat.ui.tui.model import keys


def test_no_key_has_two_meanings_in_one_context() -> None:
    seen = [(row.context, key) for row in keys.KEYS for key in row.keys]
    assert len(seen) == len(set(seen))
    assert keys.bind({}).rows == keys.KEYS


def test_every_command_stands_in_the_help_once() -> None:
    rows = [usage.split()[0] for usage, _ in keys.command_rows() if usage.startswith("/") and usage[1] != "/"]
    assert (
        len(rows) == len(set(rows)) == len({one.name for one in keys.COMMANDS} | {one.name for one in shared.COMMANDS})
    )


def test_line_modes_keys_mean_the_same_here() -> None:
    bound = keys.bind({})
    moved = {"C-k"}
    assert {key: bound.command("input", key) for key in BINDINGS if key not in moved} == {
        key: command for key, command in BINDINGS.items() if key not in moved
    }


def test_settings_give_a_command_other_keys_and_take_them_from_others() -> None:
    bound = keys.bind({"switcher": ["Ctrl-O"], "next-attention": ["M-a", "F8"], "list.up": ["k"]})
    assert bound.command("input", "C-o") == "switcher"
    assert bound.command("input", "M-k") is None
    assert bound.command("input", "F8") == "next-attention"
    assert bound.command("list", "k") == "up"
    assert keys.bind({"switcher": ["M-a"]}).command("input", "M-a") == "switcher"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"switcher": ["F5"], "help": ["F5"]}, "F5 is given to both switcher and help; keep one of them."),
        ({"swicher": ["F5"]}, "there is no command swicher. Did you mean switcher?"),
        ({"switcher": ["Hyper-x"]}, "switcher: 'Hyper-x' is not a key"),
        ({"switcher": ["C-x"]}, "C-x runs switcher, so C-x"),
    ],
)
def test_a_fault_in_the_settings_is_named(changes: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        keys.bind(changes)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ctrl-X", "C-x"),
        ("Alt-a", "M-a"),
        ("Meta-G", "M-G"),
        ("ctrl-x ctrl-e", "C-x C-e"),
        ("Shift-Up", "S-Up"),
        ("F12", "F12"),
        ("PageUp", "PageUp"),
        ("", None),
        ("C-x C-e C-f", None),
        ("F13", None),
        ("Foo", None),
        ("ctrl-", None),
        ("ctrl-alt-Ctrl-x", "C-M-x"),
    ],
)
def test_keys_are_read_in_every_spelling(written: str, read: str | None) -> None:
    assert keys.read_key(written) == read


def test_the_overlay_shows_the_keys_as_they_are_bound() -> None:
    text = "\n".join(line for _, line in keys.overview(keys.bind({"switcher": ["F5"]})))
    assert "F5" in text
    assert "Ctrl-X Ctrl-E" in text
    assert "/search" in text
    assert "/msg" in text


def test_the_reference_page_is_up_to_date() -> None:
    page = Path(__file__).parents[4] / "docs" / "reference" / "keys.md"
    assert page.read_text("utf-8") == keys.reference(), (
        "write it anew: python -m trio_chat.ui.tui.model.keys > docs/reference/keys.md"
    )
