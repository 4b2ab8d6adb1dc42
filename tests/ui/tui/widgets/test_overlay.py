"""What lies over the conversation, in windows of every size: what is asked and how to answer are both to be seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_chat.ui.terminal.layout import row_width
from trio_chat.ui.tui.model.panes import Question
from trio_chat.ui.tui.widgets.overlay import pane_rows, size

PASTE = Question(
    "paste",
    "A long paste",
    ("40 lines, 309 characters, that begin with:", "  line 0"),
    (("Enter", "put it in the input"), ("s", "send it as it is"), ("Esc", "forget it")),
)
DELETE = Question(
    "delete",
    "Delete message",
    ("Gone for everybody.",),
    (("Enter", "delete it"), ("Esc", "keep it")),
)
NAME = Question("name", "Another name", ("The name system is reserved. Choose another one.",), asks="Name")


def seen(pane: Question, columns: int, rows: int) -> tuple[list[str], tuple[int, int] | None]:
    body, cursor, _ = pane_rows(pane, size(pane, columns, rows))
    return ["".join(span.text for span in row).rstrip() for row in body], cursor


@pytest.mark.parametrize("pane", [PASTE, DELETE, NAME], ids=lambda pane: pane.purpose)
def test_a_question_and_its_answers_fit_a_window_of_any_size(pane: Question) -> None:
    for columns in (9, 12, 20, 40, 80, 200):
        for rows in (2, 3, 4, 5, 7, 8, 12, 24, 50):
            box = size(pane, columns, rows)
            body, cursor, _ = pane_rows(pane, box)
            assert (len(body), {row_width(row) for row in body}) == (box.rows, {box.columns}), (columns, rows)
            assert box.rows <= rows
            assert box.columns <= columns
            text = "\n".join("".join(span.text for span in row) for row in body)
            assert pane.lines[0][:2] in text or pane.title[:4] in text, (columns, rows)
            assert "Enter" in text or (cursor is not None and cursor[0] < len(body)), (columns, rows)


def test_a_small_window_shows_the_beginning_of_the_question_and_every_answer() -> None:
    assert seen(DELETE, 12, 4) == (["Delete mess…", "Gone for ev…", "Enter delet…", "Esc keep it"], None)
    assert seen(PASTE, 12, 4) == (["40 lines, 3…", "Enter put i…", "s send it a…", "Esc forget …"], None)
    assert seen(PASTE, 20, 5)[0] == [
        "A long paste",
        "40 lines, 309 chara…",
        "Enter put it in the…",
        "s send it as it is",
        "Esc forget it",
    ]
    rows, cursor = seen(NAME, 12, 4)
    assert rows == ["Another name", "The name", "system is r…", "Name:"]
    assert cursor == (3, 6)
    assert seen(NAME, 12, 2)[0] == ["The name sy…", "Name:"]
    assert seen(PASTE, 12, 2)[0] == ["40 lines, 3…", "Enter s Esc"]


def test_an_answer_is_not_broken_where_it_has_room_in_a_row_of_its_own() -> None:
    keys = (("Enter", "keep both, under another name"), ("O", "overwrite"), ("Esc", "do not save"))
    three = replace(PASTE, keys=keys)
    beside = [row.strip("│ ") for row in seen(three, 60, 12)[0]]
    assert beside[-3:-1] == ["Enter keep both, under another name   O overwrite", "Esc do not save"]
    assert "Enter keep both, under another name   O overwrite   Esc do not save" in seen(three, 80, 12)[0][-2]


def test_the_reason_of_a_refused_answer_replaces_the_question() -> None:
    NAME.said = "There is no such name."
    assert seen(NAME, 20, 5)[0] == ["Another name", "There is no such", "name.", "Name:"]
    NAME.said = ""


def test_a_long_answer_gets_the_room_of_its_label() -> None:
    asked = Question("react", "Mark it", ("Which?",), asks="emoji")
    assert seen(asked, 12, 4)[0][-1] == "emoji:"
    asked.editor.insert("thumbsup")
    assert seen(asked, 12, 4)[0][-1] == "> thumbsup"
    assert seen(asked, 20, 5)[0][-1] == "emoji: thumbsup"
