"""The commands that send a message: what each line means, and what is wrong with others."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.ui.actions.actions import OpenConversation, SendRoom, SendTo
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.model.place import Place


def in_ops() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="#lobby")])


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/msg bob lunch now?", SendTo(("bob",), "lunch now?")),
        ("/msg @bob,@eve,bob hi", SendTo(("bob", "eve"), "hi")),
        ("/msg bob one\ntwo", SendTo(("bob",), "one\ntwo")),
        ("/msg bob\none", SendTo(("bob",), "one")),
        ("/MSG all hi", SendRoom("#lobby", "hi")),
        ("/query bob", OpenConversation("bob")),
        ("/query @bob tea?\nnow", OpenConversation("bob", "tea?\nnow")),
        ("/me waves", SendRoom("#ops", "waves", kind="action")),
        ("/say /quit @bob", SendRoom("#ops", "/quit @bob")),
    ],
)
def test_a_command_means_its_action(line: str, meaning: Meaning) -> None:
    assert interpret(line, in_ops()) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "/msg",
        "/msg bob",
        "/msg ,",
        "/query",
        "/query bob,eve",
        "/me",
        "/say",
    ],
)
def test_a_wrong_argument_is_answered_with_the_right_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.advice.startswith(f"Write {line.split(maxsplit=1)[0]}")


@pytest.mark.parametrize(("line", "said"), [("/query", "Which person?"), ("/query bob,eve", "One person only;")])
def test_a_conversation_is_with_one_person_who_is_named(line: str, said: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert said in f"{meaning}"
