"""What the client knows of its rooms: topic, members, rules, counts."""

from __future__ import annotations

from tests.client.test_state import frames, talking
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.client.rooms import RoomView, follow
from trio_chat.protocol import requests
from trio_chat.protocol.events import (
    Left,
    Moderated,
    People,
    PersonInfo,
    Presence,
    ReadUpTo,
    Renamed,
    RoomInfo,
    TopicChanged,
)


def test_a_rename_changes_the_members_of_a_direct_conversation() -> None:
    conversation = talking(RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob")))
    conversation.take(Renamed(old="bob", new="rob"))
    assert conversation.rooms["@ada+bob"].members == ("ada", "rob")


def test_topic_role_rules_count_and_members_follow_the_events() -> None:
    info = RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"), last=9, read=2)
    rooms = {"#ops": RoomView.enter(RoomInfo(name="#ops", last=3)), "@ada+bob": RoomView.enter(info)}
    line = {"room": "#ops", "seq": 4, "time": "", "sender": "bob"}
    for event in (
        TopicChanged(**line, text="plans"),  # type: ignore[arg-type] # its fields
        Moderated(**line, action="role", target="ada", value="moderator"),  # type: ignore[arg-type] # as above
        Moderated(**line, action="slow", value="5"),  # type: ignore[arg-type] # as above
        Moderated(**line, action="files", value="off"),  # type: ignore[arg-type] # as above
        Moderated(**line, action="max_file", value="1048576"),  # type: ignore[arg-type] # as above
        Presence(room="#ops", count=7, joined=("eve",)),
        ReadUpTo(room="@ada+bob", seq=6),
        Renamed(old="bob", new="robert"),
        Presence(room="#unknown", count=1),
    ):
        follow(rooms, event, KnownAccounts("ada"))
    ops, direct = rooms["#ops"], rooms["@ada+bob"]
    assert (ops.topic, ops.role, ops.slow, ops.count) == ("plans", "moderator", 5.0, 7)
    assert (ops.files, ops.max_file) == (False, 1048576)
    assert (ops.info().files, ops.info().max_file) == (False, 1048576)
    for value, size in (("0", 0), ("-1", 0), ("9" * 5000, 0), ("²", 0)):
        follow(rooms, Moderated(**line, action="max_file", value=value), KnownAccounts("ada"))  # type: ignore[arg-type]
        assert ops.max_file == size
    assert (direct.members, direct.read, direct.unread) == (("ada", "robert"), 6, 3)
    assert direct.info() == RoomInfo(name="@ada+bob", direct=True, members=("ada", "robert"), last=9, read=6)
    follow(rooms, Left(room="#ops"), KnownAccounts("ada"))
    assert list(rooms) == ["@ada+bob"]


def test_a_list_of_people_updates_the_count() -> None:
    conversation = talking(RoomInfo(name="#ops", count=1))
    for skip, names, more in ((0, ("ada", "bob"), True), (2, ("eve",), False)):
        conversation.ask(requests.Who(id=f"w{skip}", room="#ops", skip=skip))
        frames(conversation)
        people = tuple(PersonInfo(name=name) for name in names)
        conversation.take(People(id=f"w{skip}", room="#ops", people=people, more=more))
    assert conversation.rooms["#ops"].count == 3
