"""The commands for earlier messages: what each line means, and what is wrong with others."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.protocol.query import Query
from trio_chat.ui.actions.messages import (
    ByNumber,
    DeleteMessage,
    EditMessage,
    FromEnd,
    ReactToMessage,
    ReplyToMessage,
    SearchMessages,
    ShowContext,
    ShowNumbers,
)
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.model.place import Place


def in_ops() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))])


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/edit new text", EditMessage("#ops", FromEnd(own=True), "new text")),
        ("/edit 12 new\ntext", EditMessage("#ops", ByNumber(12), "new\ntext")),
        ("/edit #12 new", EditMessage("#ops", ByNumber(12), "new")),
        ("/edit ^^ new", EditMessage("#ops", FromEnd(2, own=True), "new")),
        ("/edit ^ 3 apples", EditMessage("#ops", FromEnd(1, own=True), "3 apples")),
        ("/delete", DeleteMessage("#ops", FromEnd(own=True))),
        ("/delete 12", DeleteMessage("#ops", ByNumber(12))),
        ("/delete ^^^", DeleteMessage("#ops", FromEnd(3))),
        ("/react 👍", ReactToMessage("#ops", FromEnd(), "👍")),
        ("/react #3 done", ReactToMessage("#ops", ByNumber(3), "done")),
        ("/unreact ^^ 👍", ReactToMessage("#ops", FromEnd(2), "👍", on=False)),
        ("/reply 12 so do I", ReplyToMessage("#ops", ByNumber(12), "so do I")),
        ("/reply ^ yes", ReplyToMessage("#ops", FromEnd(), "yes")),
        ("/search disk from:bob", SearchMessages(Query(("disk",), sender="bob"))),
        ("/search tea in:@bob", SearchMessages(Query(("tea",), room="@ada+bob"))),
        ("/search", SearchMessages()),
        ("/context 12", ShowContext("#ops", ByNumber(12))),
        ("/context dev ^", ShowContext("#dev", FromEnd())),
        ("/numbers", ShowNumbers(on=True)),
        ("/numbers off", ShowNumbers(on=False)),
        ("/context DEV 3", ShowContext("#dev", ByNumber(3))),
        ("/search tea in:OPS", SearchMessages(Query(("tea",), room="#ops"))),
    ],
)
def test_a_command_means_its_action(line: str, meaning: Meaning) -> None:
    assert interpret(line, in_ops()) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "/edit",
        "/edit 12",
        "/edit ^^",
        f"/react {'x' * 33}",
        "/delete that",
        "/react",
        "/react 1 2 3",
        "/react that 👍",
        "/reply",
        "/reply yes",
        "/reply 3",
        "/search from:",
        "/search tea in:@eve",
        "/context",
        "/context a b 3",
        "/numbers maybe",
    ],
)
def test_a_wrong_argument_is_answered_with_the_right_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.advice.startswith(f"Write {line.split(maxsplit=1)[0]}")
