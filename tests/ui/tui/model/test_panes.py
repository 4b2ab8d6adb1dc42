"""Lists, texts and questions take keys and return the person's choice."""

from __future__ import annotations

from trio_chat.ui.input.decoder import Press, Typed
from trio_chat.ui.tui.model.completing import complete_emoji
from trio_chat.ui.tui.model.emoji import why_no_emoji
from trio_chat.ui.tui.model.panes import SHUT, Answered, Choice, Chosen, ListPane, Pressed, Question, TextPane


def test_a_list_is_narrowed_moved_in_and_chosen_from() -> None:
    pane = ListPane(
        "switcher", "Go to", lambda wanted: [Choice(one, "", one) for one in ("ab", "ac", "b") if wanted in one]
    )
    pane.press(Typed("a"), None)
    assert [row.label for row in pane.rows] == ["ab", "ac"]
    pane.press(Press("Down"), "down")
    assert pane.press(Press("Enter"), "choose") == Chosen("ac")
    pane.press(Typed("x"), None)
    assert pane.press(Press("Enter"), "choose") is None
    assert pane.press(Press("Escape"), "shut") is SHUT


def test_questions_and_texts_are_answered_and_closed() -> None:
    asked = Question("name", "Name", ("Which?",), asks="Name")
    asked.press(Typed("ada"), None)
    assert asked.press(Press("Enter"), None) == Answered("ada")
    keyed = Question("x", "X", (), (("Enter", "yes"), ("s", "send")))
    assert keyed.press(Typed("s"), None) == Pressed("s")
    assert keyed.press(Typed("q"), None) is None
    assert keyed.press(Typed("n"), None) is SHUT
    assert Question("x", "X", (), (("n", "never"),)).press(Typed("n"), None) == Pressed("n")
    assert keyed.press(Press("Enter"), "choose") == Pressed("Enter")
    text = TextPane("T", [("", "a")] * 30)
    text.press(Press("PageDown"), "page-down")
    assert text.top == 10
    assert text.press(Typed("?"), None) == Pressed("?")


def test_tab_in_a_question_says_that_there_is_no_candidate() -> None:
    asked = Question("react", "Mark it", ("Which?",), asks="emoji", find=complete_emoji, refuse=why_no_emoji)
    asked.press(Typed("qqq"), None)
    asked.press(Press("Tab"), None)
    assert asked.said == "Nothing begins like that."
    asked.press(Press("Enter"), None)
    assert (asked.said.startswith("There is no emoji qqq."), asked.editor.text) == (True, "qqq")
    asked.press(Press("Backspace"), None)
    assert asked.said == ""


def test_a_text_scrolls_to_its_last_line_and_back() -> None:
    pane = TextPane("Help", [("", str(number)) for number in range(15)])
    tops = []
    for move in ("page-down", "page-down", "down", "up", "page-up", "page-up"):
        pane.press(Press(move), move)
        tops.append(pane.top)
    assert tops == [10, 14, 14, 13, 3, 0]
