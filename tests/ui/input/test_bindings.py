"""The keys of the input line are told, and told as they are."""

from __future__ import annotations

from pathlib import Path

from tests.ui.typed import interpret
from trio_chat.ui.input.bindings import HELP, overview, reference, shown
from trio_chat.ui.input.editor import BINDINGS
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "line-keys.md"


def test_help_and_reference_have_every_key_and_no_other() -> None:
    assert set(HELP) == set(BINDINGS.values())
    page = reference()
    for key in BINDINGS:
        assert f"`{shown(key)}`" in page


def test_keys_lists_every_command_in_80_columns() -> None:
    meaning = interpret("/keys", Place())
    assert isinstance(meaning, Note)
    assert meaning.lines == overview()
    assert all(len(line) <= 80 for line in meaning.lines)
    for keys, text in (("Alt-Enter", "begin a new line"), ("Ctrl-R", "search the lines"), ("Ctrl-_", "undo")):
        assert any(line.startswith(keys) and text in line for line in meaning.lines)


def test_help_names_the_keys_command() -> None:
    meaning = interpret("/help", Place())
    assert isinstance(meaning, Note)
    assert "/keys lists the keys." in meaning.lines[-1]


def test_the_reference_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference(), (
        "write it anew: python -m trio_chat.ui.input.bindings > docs/reference/line-keys.md"
    )
