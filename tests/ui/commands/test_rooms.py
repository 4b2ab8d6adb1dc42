"""The commands for messages, rooms and accounts: what each line means, and what is wrong with others."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, Message, RoomInfo
from trio_chat.protocol.query import Query
from trio_chat.ui.actions.actions import Action
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
from trio_chat.ui.actions.moderation import (
    AskPassword,
    BanPerson,
    ConfigureRoom,
    InvitePerson,
    KickPerson,
    LiftBan,
    ListBans,
    ListDevices,
    MutePerson,
    RevokeDevice,
    SetOwnPassword,
    SetPersonRole,
)
from trio_chat.ui.commands.rooms import keeps_secret
from trio_chat.ui.model.place import MOST_SAID, Place


def in_ops() -> Place:
    direct = RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))
    return FollowedPlace(rooms=[RoomInfo(name="#ops"), direct])


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
        ("/password", AskPassword()),
        ("/devices", ListDevices()),
        ("/revoke 3", RevokeDevice(3)),
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
        ("/context DEV 3", ShowContext("#dev", ByNumber(3))),
        ("/search tea in:OPS", SearchMessages(Query(("tea",), room="#ops"))),
        ("/mute bob", MutePerson("#ops", "bob")),
        ("/mute bob 10m", MutePerson("#ops", "bob", 600.0)),
        ("/unmute bob", MutePerson("#ops", "bob", 0.0)),
    ],
)
def test_a_command_means_its_action(line: str, meaning: Action) -> None:
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
        "/revoke",
        "/revoke laptop",
        "/revoke ²",
        "/invite",
        "/private",
        "/announce-only perhaps",
        "/slow",
        "/slow 2d",
        "/keep for ever",
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
        "/password hunter2 hunter2",
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


# ---- which message -----------------------------------------------------------------------------


def message(seq: int, sender: str = "bob", room: str = "#ops") -> Message:
    return Message(room=room, seq=seq, time="", sender=sender, text=f"text {seq}", cid="")


def test_carets_count_from_the_last_message_shown_in_the_room() -> None:
    place = in_ops()
    for event in (message(1, "ada"), message(2), message(3, "ada"), message(9, room="#dev"), message(5)):
        place.take(event)
    assert [place.find_said("#ops", count) for count in (1, 2, 3, 4, 5)] == [5, 3, 2, 1, None]
    assert [place.find_said("#ops", count, own=True) for count in (1, 2, 3)] == [3, 1, None]
    assert place.find_said("#nowhere", 1) is None


def test_an_own_message_counts_once_from_its_acknowledgement() -> None:
    place = in_ops()
    place.take(message(1))
    place.note_said("#ops", 3, "mine")
    assert place.find_said("#ops", 1, own=True) == 3
    place.take(message(2))  # heard after the acknowledgement, said before
    place.take(message(3, "ada"))
    assert [place.find_said("#ops", count) for count in (1, 2, 3, 4)] == [3, 2, 1, None]


def test_the_number_of_remembered_messages_is_bounded() -> None:
    place = in_ops()
    for seq in range(1, MOST_SAID + 50):
        place.take(message(seq))
    assert place.find_said("#ops", MOST_SAID) == 50
    assert place.find_said("#ops", MOST_SAID + 1) is None
