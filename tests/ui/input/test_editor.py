"""Editing a line loses nothing, and the cursor stands where a person would put it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trio_chat
from trio_chat.ui.input.decoder import Key, Pasted, Press, Typed
from trio_chat.ui.input.editor import BELL, BINDINGS, Editor, InterfaceCommand, Submitted
from trio_chat.ui.input.motions import Buffer
from trio_chat.ui.terminal.graphemes import after, before, clusters, snap

FAMILY = "👩‍👩‍👧"
FLAGS = "🇩🇪🇫🇷"
ACCENT = "e\u0301"


def typed(text: str, *names: str, editor: Editor | None = None) -> Editor:
    editor = Editor() if editor is None else editor
    for character in text:
        editor.press(Typed(character))
    for name in names:
        editor.press(Press(name))
    return editor


def at(editor: Editor) -> str:
    text, cursor = editor.buffer.text, editor.buffer.cursor
    return f"{text[:cursor]}|{text[cursor:]}"


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("one two", ["C-a"], "|one two"),
        ("one two", ["C-a", "C-f", "Right"], "on|e two"),
        ("one two", ["M-b"], "one |two"),
        ("one two", ["M-b", "M-b", "M-f"], "one| two"),
        ("one two", ["C-Left", "C-w"], "|two"),
        ("a /usr/bin", ["C-w"], "a |"),
        ("a /usr/bin", ["M-Backspace"], "a /usr/|"),
        ("one two", ["C-a", "M-d"], "| two"),
        ("one two", ["M-b", "C-k"], "one |"),
        ("one two", ["C-u"], "|"),
        ("one\ntwo\nthree", ["Up", "M-c"], "|"),
        ("one\ntwo\nthree", ["M-c", "C-_"], "one\ntwo\nthree|"),
        ("one\ntwo\nthree", ["M-c", "C-y"], "one\ntwo\nthree|"),
        ("one two", ["C-w", "C-w", "C-y"], "one two|"),
        ("one two", ["M-b", "C-k", "C-a", "C-y"], "two|one "),
        ("ab", ["C-t"], "ba|"),
        ("abc", ["Left", "C-t"], "acb|"),
        ("abc", ["Home", "Delete", "C-d"], "|c"),
        ("abc", ["Backspace", "C-h"], "a|"),
        ("one", ["M-Enter"], "one\n|"),
    ],
)
def test_keys_do_the_same_as_in_emacs_and_readline(text: str, names: list[str], expected: str) -> None:
    assert at(typed(text, *names)) == expected


@pytest.mark.parametrize("one", [FAMILY, "🇩🇪", ACCENT, "👍🏽", "❤️", "日", "각", "1️⃣"])
def test_a_grapheme_cluster_moves_and_is_deleted_as_one(one: str) -> None:
    editor = typed(f"a{one}b", "Left", "Left")
    assert at(editor) == f"a|{one}b"
    editor.press(Press("Right"))
    assert at(editor) == f"a{one}|b"
    editor.press(Press("Backspace"))
    assert at(editor) == "a|b"


def test_two_flags_in_a_row_are_two_characters() -> None:
    assert at(typed(FLAGS, "Left")) == "🇩🇪|🇫🇷"
    assert at(typed(FLAGS, "Backspace")) == "🇩🇪|"


def test_enter_submits_the_text_and_empties_the_buffer() -> None:
    editor = typed("hello")
    assert editor.press(Press("Enter")) == Submitted("hello")
    assert editor.buffer == Buffer()


def test_ctrl_d_leaves_on_an_empty_line_only() -> None:
    assert Editor().press(Press("C-d")) == InterfaceCommand("leave")
    assert typed("x").press(Press("C-d")) == BELL


@pytest.mark.parametrize(("key", "what"), [("C-c", "interrupt"), ("C-z", "suspend"), ("C-l", "redraw")])
def test_commands_for_the_interface_are_returned(key: str, what: str) -> None:
    assert typed("half a line").press(Press(key)) == InterfaceCommand(what)


def test_history_comes_back_with_up_and_the_draft_with_down() -> None:
    editor = typed("one", "Enter")
    typed("two", "Enter", editor=editor)
    typed("draft", "Up", editor=editor)
    assert editor.text == "two"
    editor.press(Press("Up"))
    assert editor.text == "one"
    assert editor.press(Press("Up")) == BELL
    for _ in range(2):
        editor.press(Press("C-n"))
    assert editor.text == "draft"


def test_edits_to_a_line_of_the_history_are_kept_until_a_line_is_submitted() -> None:
    editor = typed("one", "Enter")
    typed("", "Up", editor=editor)
    typed("!", "Down", "Up", editor=editor)
    assert editor.text == "one!"
    editor.press(Press("Enter"))
    assert editor.history == ("one", "one!")


def test_the_same_line_twice_is_kept_once() -> None:
    assert typed("a", "Enter", editor=typed("a", "Enter")).history == ("a",)


def test_up_and_down_move_through_the_lines_of_a_text_first() -> None:
    editor = typed("old", "Enter")
    editor.press(Pasted("first\nsecond"))
    typed("", "Up", editor=editor)
    assert at(editor) == "first|\nsecond"
    typed("", "Left", "Down", editor=editor)
    assert at(editor) == "first\nseco|nd"
    typed("", "Up", "Up", editor=editor)
    assert editor.text == "old"


def test_search_finds_the_newest_line_then_older_ones() -> None:
    editor = Editor(history=["make tea", "walk", "make coffee"])
    typed("draft", "C-r", editor=editor)
    assert editor.search is not None
    assert editor.search.found  # nothing is missed before a word is typed
    typed("make", editor=editor)
    assert editor.text == "make coffee"
    editor.press(Press("C-r"))
    assert editor.text == "make tea"
    assert editor.press(Press("C-r")) == BELL
    assert editor.press(Press("Enter")) == Submitted("make tea")


def test_a_cancelled_search_restores_the_draft() -> None:
    editor = Editor(history=["make tea"])
    typed("draft", "C-r", editor=editor)
    typed("tea", "C-g", editor=editor)
    assert editor.search is None
    assert editor.text == "draft"


def test_a_search_without_a_match_rings_and_can_be_shortened() -> None:
    editor = Editor(history=["make tea"])
    editor.press(Press("C-r"))
    typed("te", editor=editor)
    assert editor.press(Typed("x")) == BELL
    editor.press(Press("Backspace"))
    assert editor.search is not None
    assert editor.search.found


@pytest.mark.parametrize("name", ["C-g", "Escape", "C-c"])
def test_leaving_a_search_brings_back_the_typed_text(name: str) -> None:
    editor = typed("half a cup", editor=Editor(history=["make a tea"]))
    editor.press(Press("C-r"))
    typed("a tea", editor=editor)  # the first letters are in both lines
    assert editor.text == "make a tea"
    assert editor.press(Press(name)) is None
    assert editor.search is None
    assert at(editor) == "half a cup|"


def test_a_movement_ends_a_search_on_the_line_found() -> None:
    editor = Editor(history=["make tea"])
    editor.press(Press("C-r"))
    typed("tea", "C-e", editor=editor)
    assert at(editor) == "make tea|"
    assert editor.search is None


def test_undo_removes_words_and_redo_restores_them() -> None:
    editor = typed("one two", "C-_")
    assert editor.text == "one"
    editor.press(Press("M-_"))
    assert editor.text == "one two"


def test_older_kills_come_with_alt_y_after_ctrl_y() -> None:
    editor = typed("one", "C-u")
    typed("two", "C-u", "C-y", "M-y", editor=editor)
    assert editor.text == "one"
    editor.press(Press("M-y"))
    assert editor.text == "two"
    assert typed("x", "M-y", editor=editor).press(Press("M-y")) == BELL


def test_a_paste_is_several_lines_of_one_text_without_controls() -> None:
    editor = Editor()
    editor.press(Pasted("one\r\ntwo\rthree\x1b[31m\x07\tx\x9b"))
    assert editor.text == "one\ntwo\nthree[31m    x"


def test_a_text_that_is_too_long_is_not_inserted_and_rings() -> None:
    editor = Editor(limit=5)
    assert typed("abcd", editor=editor).press(Pasted("ef")) == BELL
    assert editor.text == "abcd"
    assert typed("", "C-u", "C-y", "C-y", editor=editor).text == "abcd"


def test_a_paste_can_be_undone_in_one_step() -> None:
    editor = typed("a")
    editor.press(Pasted("b c d"))
    editor.press(Press("C-_"))
    assert editor.text == "a"


def test_every_binding_names_a_command() -> None:
    assert set(BINDINGS.values()) <= Editor.commands


LETTERS = ["a", "B", " ", "\n", "é", "日", "\u0301", "\u200d", "👩", "🇩", "\ufe0f", "🏽", "."]
TEXTS = st.text(st.sampled_from(LETTERS), max_size=12)
OTHER_LINES = [Press(name) for name in ("Enter", "Up", "Down", "C-p", "C-n", "C-r", "C-_", "M-_")]
STROKES = st.one_of(
    st.sampled_from(sorted(BINDINGS)).map(Press),
    TEXTS.filter(lambda text: "\n" not in text and bool(text)).map(Typed),
    TEXTS.map(Pasted),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STROKES, max_size=40))
def test_the_cursor_is_always_on_a_boundary_within_the_text(strokes: list[Key]) -> None:
    editor = Editor(history=["older", "old\nlines"], limit=200)
    for stroke in strokes:
        editor.press(stroke)
        text, cursor = editor.buffer.text, editor.buffer.cursor
        assert 0 <= cursor <= len(text) <= 200
        assert snap(text, cursor) == cursor


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(st.sampled_from(["C-k", "C-u", "C-w", "M-d", "M-Backspace"]), min_size=1, max_size=6))
def test_kills_in_a_row_are_yanked_together(text: str, kills: list[str]) -> None:
    editor = Editor()
    editor.press(Pasted(text))
    whole, cursor = editor.text, editor.buffer.cursor
    for key in kills:
        editor.press(Press(key))
    killed = len(whole) - len(editor.text)
    editor.press(Press("C-y"))
    assert (editor.text == whole) if killed else (editor.text == whole and editor.buffer.cursor == cursor)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(STROKES.filter(lambda key: key not in OTHER_LINES), max_size=15))
def test_undo_leads_back_to_every_earlier_text(text: str, strokes: list[Key]) -> None:
    editor = Editor()
    editor.press(Pasted(text))
    seen = ["", editor.text]
    for stroke in strokes:
        editor.press(stroke)
        if editor.text != seen[-1]:
            seen.append(editor.text)
    while editor.press(Press("C-_")) != BELL:
        while seen and seen[-1] != editor.text:
            seen.pop()
        assert seen
    assert editor.text == ""


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(0, 6))
def test_looking_through_the_history_loses_no_draft(draft: str, ups: int) -> None:
    editor = Editor(history=["x", "y", "z"])
    editor.press(Pasted(draft))
    mine = editor.text
    moved = [editor._go(editor._at - 1) for _ in range(ups)]
    for _ in moved:
        editor._go(min(editor._at + 1, 3))
    assert editor.text == mine


@settings(deadline=None)
@given(st.text(max_size=30).map(lambda text: text.replace("\r", "")))
def test_stepping_right_and_left_meets_the_same_boundaries(text: str) -> None:
    rightward, place = [0], 0
    while place < len(text):
        place = after(text, place)
        rightward.append(place)
    leftward = [place]
    while place > 0:
        place = before(text, place)
        leftward.append(place)
    assert leftward[::-1] == rightward
    assert len(list(clusters(text))) == len(rightward) - 1


# ---- texts that go back to the person -----------------------------------------------------------


def test_a_text_that_goes_back_to_the_person_is_not_cut_off_by_the_limit_for_typing() -> None:
    editor = Editor(limit=5)
    editor.put("seven..")
    assert editor.text == "seven.."
    assert editor.insert("x") == InterfaceCommand("bell")
    editor.run("undo")
    assert editor.text == ""


def test_no_code_ignores_that_a_text_was_not_inserted() -> None:
    package = Path(trio_chat.__file__).parent / "ui"
    ignored = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func).endswith("editor.insert")
    ]
    assert not ignored
