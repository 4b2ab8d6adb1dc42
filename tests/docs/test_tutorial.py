"""The tutorial goes as its page says: each terminal is a real one, with the real program in it.

Marks on the page: ``% terminal WHO`` starts the command that follows in a terminal, ``% types WHO`` types
lines, ``% sees WHO`` waits until they stand on the screen in that order, ``% interrupts WHO`` is Ctrl-C, and
``% ends WHO`` waits until the program has ended well. Times and the port are those of the page's author.
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
    """One thing that happens in one terminal."""

    what: str
    who: str
    lines: list[str]


def steps() -> list[Step]:
    """What happens on the page."""
    text = PAGE.read_text("utf-8")
    return [Step(m["what"], m["who"], (m["body"] or "").splitlines()) for m in _STEP.finditer(text)]


def go(desk: Desk, step: Step) -> None:
    """Let one step happen."""
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


def test_the_tutorial_goes_as_its_page_says(desk: Desk) -> None:
    for step in steps():
        go(desk, step)


def test_the_tutorial_shows_two_people_a_server_and_its_return() -> None:
    found = steps()
    assert {step.who for step in found} == {"server", "ada", "bob"}
    assert [step.what for step in found if step.who == "server"] == ["terminal", "sees", "interrupts", "terminal"]
