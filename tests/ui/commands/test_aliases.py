"""Aliases: what they stand for, which can be defined, and that none of them can loop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.followed import FollowedPlace
from trio_chat.config import ClientConfig
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.ui.actions.actions import SendRoom, SendTo
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.table import check_aliases
from trio_chat.ui.commands.typed_line import LineReader
from trio_chat.ui.model.interface_actions import DefineAlias, ShowAliases
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.preferences import Preferences

ALIASES = {
    "hug": "/me hugs $1",
    "both": "/msg $1,$2 $*",
    "price": "it is $$5",
    "b": "@bob:",
    "tea": "tea? @sis @mom",
    "loop": "/loop",
    "ping": "/pong",
    "pong": "/ping",
}


def place() -> Place:
    one = FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="#lobby")])
    one.preferences = Preferences(ClientConfig(alias={name: (line,) for name, line in ALIASES.items()}))
    return one


def meaning(line: str) -> Meaning | None:
    here = place()
    return LineReader(aliases=here.preferences.aliases).read(line).meaning(here)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/hug eve", SendRoom("#ops", "hugs eve", kind="action")),
        ("/HUG eve bob", SendRoom("#ops", "hugs eve", kind="action")),
        ("/both eve bob", SendTo(("eve", "bob"), "eve bob")),
        ("/price", SendRoom("#ops", "it is $5")),
        ("/price or so", SendRoom("#ops", "it is $5 or so")),
        ("/b lunch\nnow?", SendTo(("bob",), "lunch\nnow?")),
        ("/tea", SendTo(("sis", "mom"), "tea?")),
        ("//hug eve", SendRoom("#ops", "/hug eve")),
        ("/hug $*", SendRoom("#ops", "hugs $*", kind="action")),
    ],
)
def test_an_alias_stands_for_its_line_with_the_words_in_it(line: str, expected: Meaning) -> None:
    assert meaning(line) == expected


def test_words_that_are_missing_are_asked_for() -> None:
    answer = meaning("/hug")
    assert isinstance(answer, Error)
    assert answer.message == "The alias /hug needs 1 word behind it."
    assert meaning("/both eve") == Error(
        code="malformed", message="The alias /both needs 2 words behind it.", advice="It stands for: /msg $1,$2 $*"
    )


@pytest.mark.parametrize("line", ["/loop", "/loop x", "/ping", "/pong"])
def test_an_alias_is_looked_up_once_so_none_can_loop(line: str) -> None:
    answer = meaning(line)
    assert isinstance(answer, Error)
    assert answer.code == "unknown_command"


@given(st.text(max_size=30), st.text(max_size=30))
def test_expanding_never_fails(text: str, line: str) -> None:
    LineReader(aliases={"x": line or " "}).read(f"/x {text}").meaning(place())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/alias", ShowAliases()),
        ("/alias hug", ShowAliases("hug")),
        ("/alias /Wave /me waves at $1", DefineAlias("wave", "/me waves at $1")),
        ("/alias wave /me waves  --save", DefineAlias("wave", "/me waves", save=True)),
        ("/alias hug -", DefineAlias("hug", "")),
        ("/help hug", ShowAliases("hug")),
    ],
)
def test_aliases_are_shown_defined_and_removed(line: str, expected: Meaning) -> None:
    assert meaning(line) == expected


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/alias quit /me leaves", "is a command already"),
        ("/alias w hello", "is a command already"),
        ("/alias a/b hello", "cannot be the name of an alias"),
        ("/alias -x hello", "cannot be the name of an alias"),
        ("/alias x --save", "What does the alias stand for?"),
        (f"/alias x {'y' * 1001}", "more than 1000 characters"),
    ],
)
def test_an_impossible_alias_is_refused(line: str, why: str) -> None:
    answer = meaning(line)
    assert isinstance(answer, Error)
    assert why in answer.message


def test_the_aliases_of_the_settings_are_checked_in_the_same_way() -> None:
    table = {"ok": ("/me waves",), "quit": ("bye",), "two": ("a", "b"), "e": (" ",), "bad name": ("x",)}
    assert check_aliases(table, lambda name: f"c.toml:{len(name)}: ") == [
        "c.toml:4: alias.quit is a command already; choose another name.",
        "c.toml:3: alias.two has several lines; it stands for one.",
        "c.toml:1: alias.e must stand for a line, such as /msg bob $*.",
        "c.toml:8: alias.bad name cannot be the name of an alias: write one word without / @ # $.",
    ]
