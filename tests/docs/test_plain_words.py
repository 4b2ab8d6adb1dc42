"""The pages, the help and the errors say things as a reader expects them: whoever does something is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from trio_chat.errors import FAULTS
from trio_chat.ui.commands.table import COMMANDS

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
]

_VERB: Final = r"(?:is|was|are|were|has|had|asks?|comes?|came|joins?|makes?|runs?|takes?|took|does|did|wants?|speaks?)"
UNNAMED: Final = re.compile(
    rf"\b(?:to|than|from|of|for|by|but|only|hides?|lets?|told|against|with)\s+whom?\s+{_VERB}\b"
    rf"|(?:^|[.:;]\s+)(?:Who|Whom)\s+(?:\w+\s+)?{_VERB}\b(?=[^?]*?(?:\.\s|\.$))(?![^.]*\?)"
    r"|\b(?:is|are|was|were) told so\b|\bso that was not done\b|\bgives way to one that\b",
    re.MULTILINE,
)
"""A person who is only called "who" ("told to who asks", "Who is banned may not join."), and what came with it."""


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^(`{3,}).*?^\1$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def found(text: str) -> list[str]:
    return [" ".join(text[max(0, m.start() - 40) : m.end() + 40].split()) for m in UNNAMED.finditer(text)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_names_the_people_that_it_speaks_of(path: Path) -> None:
    assert found(prose(path.read_text("utf-8"))) == []


def test_errors_and_the_help_in_the_chat_name_them_too() -> None:
    texts = [f"{fault.sentence} {fault.advice}" for fault in FAULTS.values()]
    texts += [f"{command.help} {command.more}" for command in COMMANDS]
    assert [one for text in texts for one in found(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "what is so already is told to who asks, and nobody else.",
        "Who is banned from the lobby is kept out of the server.",
        "Who was put out while they were away is told so, by whom and why, when they come back.",
        "let nobody enter the room but who is invited",
        "Who took another name since the backup is let in under the one that they had.",
        "so that was not done: seen",
    ],
)
def test_sentences_that_need_a_second_reading_are_found(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    ["Who is here? Nobody.", "Whoever makes a room owns it.", "/who shows who has.", "what is allowed and who gets it"],
)
def test_plain_sentences_pass(text: str) -> None:
    assert not found(text)
