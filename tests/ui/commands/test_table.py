"""What a typed line means, and that help, table and reference page agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.ui.actions.actions import Quit, SendRoom, SendTo
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.table import COMMANDS, explain, find, overview, reference
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "chat-commands.md"


def in_ops() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#ops", topic="release"), RoomInfo(name="#lobby")])


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello there", SendRoom("#ops", "hello there")),
        ("  spaced  ", SendRoom("#ops", "spaced")),
        ("one\ntwo", SendRoom("#ops", "one\ntwo")),
        ("//slash", SendRoom("#ops", "/slash")),
        ("@bob: lunch?", SendTo(("bob",), "lunch?")),
        ("lunch? @bob @eve", SendTo(("bob", "eve"), "lunch?")),
        ("@ALL: fire", SendRoom("#lobby", "fire")),
        ("/quit", Quit()),
        ("/quit good night", Quit()),
        ("   ", None),
        ("", None),
    ],
)
def test_a_line_means_its_action(line: str, meaning: Meaning | None) -> None:
    assert interpret(line, in_ops()) == meaning


@pytest.mark.parametrize(
    ("line", "near"), [("/jion #ops", "/join"), ("/quti", "/quit"), ("/hlep", "/help"), ("/topc x", "/topic")]
)
def test_a_mistyped_command_is_not_sent_and_a_similar_one_is_suggested(line: str, near: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.message == f"Unknown command {line.split(maxsplit=1)[0]}."
    assert f"Did you mean {near}?" in meaning.advice
    assert "Nothing was sent" in meaning.advice


def test_an_unknown_command_points_to_help() -> None:
    meaning = interpret("/xyzzyplugh", in_ops())
    assert isinstance(meaning, Error)
    assert "/help" in meaning.advice


@pytest.mark.parametrize(
    "line", ["/msg", "/msg bob", "/msg ,", "/join", "/join a b", "/nick", "/nick a b", "/me", "/say"]
)
def test_a_command_without_its_argument_shows_its_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    command = find(line.split(maxsplit=1)[0])
    assert isinstance(meaning, Error)
    assert command is not None
    assert command.usage in meaning.advice
    assert command.example in meaning.advice


@pytest.mark.parametrize("line", ["@bob:", "@: hi", "@ALL:", "/"])
def test_a_malformed_line_gets_help_for_its_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.message
    assert meaning.advice


def test_unknown_recipients_make_a_line_public_only_with_that_setting() -> None:
    line = "see you @siss"
    assert interpret(line, in_ops()) == SendTo(("siss",), "see you")
    otherwise = SendRoom("#ops", line)
    assert interpret(line, in_ops(), unknown_recipients="public") == SendTo(("siss",), "see you", otherwise)
    assert interpret("@siss: hi", in_ops(), unknown_recipients="public") == SendTo(("siss",), "hi")


def test_help_shows_every_command_and_every_form() -> None:
    meaning = interpret("/help", in_ops())
    assert isinstance(meaning, Note)
    assert meaning.lines == overview()
    for command in COMMANDS:
        assert any(line.startswith(command.usage) and command.help in line for line in meaning.lines)
    assert all(len(line) <= 80 for line in meaning.lines)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_for_one_command_shows_its_form_and_example(command: object) -> None:
    row = next(one for one in COMMANDS if one is command)
    for name in (row.name, f"/{row.name}", row.name.upper(), *row.aliases):
        meaning = interpret(f"/help {name}", in_ops())
        assert isinstance(meaning, Note)
        assert meaning.lines == explain(row)
    assert explain(row)[0] == row.usage
    assert any(row.example in line for line in explain(row))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_is_understood(command: object) -> None:
    row = next(one for one in COMMANDS if one is command)
    assert not isinstance(interpret(row.example, in_ops()), Error | None)


def test_no_name_stands_twice_in_the_table() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))


def test_the_reference_page_is_up_to_date() -> None:
    anew = "write it anew: python -m trio_chat.ui.commands.table > docs/reference/chat-commands.md"
    assert PAGE.read_text("utf-8") == reference(), anew


@given(st.text(max_size=80) | st.from_regex(r"/\w+ .*", fullmatch=True))
def test_no_line_raises(line: str) -> None:
    interpret(line, in_ops())
