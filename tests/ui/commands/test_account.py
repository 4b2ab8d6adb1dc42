"""The commands for the own account: what each line means, and what is wrong with others."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.ui.actions.account import AskPassword, ChooseJoins, ListDevices, RevokeDevice, SetOwnPassword
from trio_chat.ui.actions.actions import Rename, SetAway
from trio_chat.ui.commands.account import keeps_secret
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.model.place import Place


def in_ops() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="#lobby")])


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/nick grace", Rename("grace")),
        ("/away lunch", SetAway("lunch")),
        ("/away", SetAway("away")),
        ("/back", SetAway(None)),
        ("/password", AskPassword()),
        ("/devices", ListDevices()),
        ("/revoke 3", RevokeDevice(3)),
        ("/joins", ChooseJoins()),
        ("/joins Spoke", ChooseJoins("spoke")),
        ("/joins all", ChooseJoins("all")),
    ],
)
def test_a_command_means_its_action(line: str, meaning: Meaning) -> None:
    assert interpret(line, in_ops()) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "/revoke",
        "/revoke laptop",
        "/revoke ²",
        "/revoke " + "9" * 5000,
        "/password hunter2 hunter2",
        "/nick",
        "/nick a b",
        "/joins some",
    ],
)
def test_a_wrong_argument_is_answered_with_the_right_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.advice.startswith(f"Write {line.split(maxsplit=1)[0]}")


def test_a_password_in_a_line_is_never_repeated() -> None:
    meaning = interpret("/password hunter2", in_ops())
    assert isinstance(meaning, Error)
    assert "hunter2" not in meaning.message + meaning.advice
    assert "hunter2" not in repr(SetOwnPassword("hunter2"))


@pytest.mark.parametrize(
    ("line", "kept"), [("/password x", True), ("  /PASSWORD x", True), ("/pass", False), ("hi", False)]
)
def test_only_lines_that_may_hold_a_password_stay_out_of_the_history(line: str, *, kept: bool) -> None:
    assert keeps_secret(line) is kept
