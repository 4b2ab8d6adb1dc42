"""The commands for rooms: what each line means, and what is wrong with others."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.ui.actions.actions import JoinRoom, LeaveRoom, ListPeople, ListRooms, SetTopic
from trio_chat.ui.actions.moderation import ConfigureRoom, InvitePerson
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place


def in_ops() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#ops", topic="release"), RoomInfo(name="#lobby")])


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/list", ListPeople("#ops")),
        ("/names", ListPeople("#ops")),
        ("/who", ListPeople("#ops")),
        ("/who lobby", ListPeople("#lobby")),
        ("/who #dev", ListPeople("#dev")),
        ("/rooms", ListRooms()),
        ("/join #dev", JoinRoom("#dev")),
        ("/j dev", JoinRoom("dev")),
        ("/leave", LeaveRoom("#ops")),
        ("/leave lobby", LeaveRoom("#lobby")),
        ("/part #dev", LeaveRoom("#dev")),
        ("/topic new plans", SetTopic("#ops", "new plans")),
        ("/topic -", SetTopic("#ops", "")),
        ("/topic", Note(lines=("The topic of #ops is: release",))),
        ("/invite @bob", InvitePerson("#ops", "bob")),
        ("/invite bob dev", InvitePerson("#dev", "bob")),
        ("/private on", ConfigureRoom("#ops", private=True)),
        ("/private OFF", ConfigureRoom("#ops", private=False)),
        ("/announce-only on", ConfigureRoom("#ops", announce_only=True)),
        ("/slow 10", ConfigureRoom("#ops", slow=10.0)),
        ("/slow 2m", ConfigureRoom("#ops", slow=120.0)),
        ("/slow off", ConfigureRoom("#ops", slow=0.0)),
        ("/keep 30", ConfigureRoom("#ops", keep=30.0)),
        ("/keep 2w", ConfigureRoom("#ops", keep=14.0)),
        ("/keep 0", ConfigureRoom("#ops", keep=0.0)),
    ],
)
def test_a_command_means_its_action(line: str, meaning: Meaning) -> None:
    assert interpret(line, in_ops()) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "/invite",
        "/private",
        "/announce-only perhaps",
        "/slow",
        "/slow 2d",
        "/keep for ever",
        "/join",
        "/join a b",
    ],
)
def test_a_wrong_argument_is_answered_with_the_right_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.advice.startswith(f"Write {line.split(maxsplit=1)[0]}")
