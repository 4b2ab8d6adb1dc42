"""The commands of moderators: what each line means, and what is wrong with others."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.ui.actions.moderation import (
    BanPerson,
    KickPerson,
    LiftBan,
    ListBans,
    MakeInviteLink,
    MutePerson,
    SetPersonRole,
)
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.model.place import Place


def in_ops() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="#lobby")])


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/op bob", SetPersonRole("#ops", "bob", "moderator")),
        ("/op bob owner", SetPersonRole("#ops", "bob", "owner")),
        ("/deop bob", SetPersonRole("#ops", "bob", "member")),
        ("/kick bob take a  walk", KickPerson("#ops", "bob", "take a walk")),
        ("/ban bob", BanPerson("#ops", "bob")),
        ("/ban bob 2h enough", BanPerson("#ops", "bob", seconds=7200.0, reason="enough")),
        ("/ban bob 30 times told", BanPerson("#ops", "bob", reason="30 times told")),
        ("/ban 192.0.2.0/24 7d", BanPerson("#ops", network="192.0.2.0/24", seconds=604800.0)),
        ("/ban 2001:db8::1", BanPerson("#ops", network="2001:db8::1")),
        ("/ban @192.0.2.1", BanPerson("#ops", "192.0.2.1")),
        ("/unban bob", LiftBan("#ops", "bob")),
        ("/unban 192.0.2.0/24", LiftBan("#ops", network="192.0.2.0/24")),
        ("/bans", ListBans("#ops")),
        ("/bans lobby", ListBans("#lobby")),
        ("/bans #LOBBY", ListBans("#lobby")),
        ("/mute bob", MutePerson("#ops", "bob")),
        ("/mute bob 10m", MutePerson("#ops", "bob", 600.0)),
        ("/unmute bob", MutePerson("#ops", "bob", 0.0)),
        ("/invite-link", MakeInviteLink(None, 1, 604800.0)),
        ("/invite-link 5 2h #Class", MakeInviteLink("#class", 5, 7200.0)),
        ("/invite-link #ops NEVER 10000", MakeInviteLink("#ops", 10_000, None)),
    ],
)
def test_a_command_means_its_action(line: str, meaning: Meaning) -> None:
    assert interpret(line, in_ops()) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "/op",
        "/op bob king",
        "/deop",
        "/kick",
        "/ban",
        "/ban bob 0h",
        "/unban",
        "/mute",
        "/mute bob soon",
        "/mute bob 0",
        "/unmute",
        "/invite-link bob",
        "/invite-link 0",
        "/invite-link 10001",
        "/invite-link " + "9" * 5000,
        "/invite-link 0h",
        "/invite-link 5 ops",
    ],
)
def test_a_wrong_argument_is_answered_with_the_right_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.advice.startswith(f"Write {line.split(maxsplit=1)[0]}")
