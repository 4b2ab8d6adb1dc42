"""The tutorial works as its page says, with the real programs in pseudo-terminals.

Marks on the page: ``% terminal NAME`` starts the command that follows in a terminal, ``% types NAME`` types lines,
``% sees NAME`` waits until the lines are on the screen in that order, ``% interrupts NAME`` presses Ctrl-C, and
``% ends NAME`` waits until the program has exited with 0. Times and the port may differ from the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tests.docs.terminals import Desk

PAGE: Final = Path(__file__).parents[2] / "docs" / "tutorial" / "first-chat.md"
_STEP: Final = re.compile(
    r"^% (?P<what>terminal|types|sees|interrupts|ends) (?P<who>\w+)\n(?:```\w+\n(?P<body>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


class Step(NamedTuple):
    """One step of the page, in one terminal."""

    what: str
    who: str
    lines: list[str]


def steps() -> list[Step]:
    """The steps of the page."""
    text = PAGE.read_text("utf-8")
    return [Step(m["what"], m["who"], (m["body"] or "").splitlines()) for m in _STEP.finditer(text)]


def go(desk: Desk, step: Step) -> None:
    """Carry out one step."""
    match step:
        case Step("terminal", who, [line]):
            desk.start(who, line.removeprefix("$ "))
        case Step("types", who, lines):
            desk[who].types(lines)
        case Step("sees", who, lines):
            desk.sees(who, lines)
        case Step("interrupts", who):
            desk[who].interrupts()
            desk[who].ends()
        case Step("ends", who):
            desk[who].ends()


def test_the_tutorial_works_as_its_page_says(desk: Desk) -> None:
    for step in steps():
        go(desk, step)


def test_the_tutorial_shows_two_people_a_server_and_its_return() -> None:
    found = steps()
    assert {step.who for step in found} == {"server", "ada", "bob"}
    assert [step.what for step in found if step.who == "server"] == [
        "terminal",
        *["sees", "types"] * 3,
        "sees",
        "interrupts",
        "terminal",
    ]
