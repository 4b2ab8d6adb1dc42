"""Where one is follows from what happened."""

from __future__ import annotations

from tests.ui.followed import FollowedPlace, views
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.protocol.events import Left, Message, Presence, Renamed, Room, RoomInfo, TopicChanged
from trio_chat.ui.model.place import Place


def place() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#lobby", count=3), RoomInfo(name="#ops", count=2)])


def said(sender: str) -> Message:
    return Message(room="#ops", seq=1, time="t", sender=sender, text="x", cid="c")


def test_a_room_that_one_left_is_not_talked_in() -> None:
    one = place()
    one.take(Left(room="#ops"))
    assert one.room == "#lobby"
    assert "#ops" not in one.rooms


def test_a_room_that_is_gone_after_a_reconnect_is_not_talked_in() -> None:
    one = place()
    one.enter(KnownAccounts("ada"), "#lobby", views(RoomInfo(name="#lobby")))
    assert one.room == "#lobby"


def test_who_spoke_last_is_completed_first_and_oneself_never() -> None:
    one = place()
    for event in (said("eve"), said("bob"), said("ada"), Presence(room="#lobby", count=4, joined=("zoe", "eve"))):
        one.take(event)
    assert one.people == ("zoe", "bob", "eve")


def test_who_left_or_was_renamed_is_no_longer_there() -> None:
    one = place()
    gone = Presence(room="#lobby", count=1, left=("eve",))
    for event in (said("eve"), said("bob"), Renamed(old="bob", new="rob"), gone):
        one.take(event)
    assert one.people == ("rob",)


def test_ones_own_new_name_is_known() -> None:
    one = place()
    one.take(Renamed(old="ada", new="grace"))
    assert one.me == "grace"


def test_topic_and_count_are_followed() -> None:
    one = place()
    one.take(TopicChanged(room="#ops", seq=1, time="t", sender="eve", text="plans"))
    one.take(Presence(room="#ops", count=9))
    assert (one.rooms["#ops"].topic, one.rooms["#ops"].count) == ("plans", 9)


def test_the_others_of_a_direct_conversation_are_known_by_name() -> None:
    one = place()
    assert one.members("@ada+bob+eve") == ("bob", "eve")
    one.take(Room(room=RoomInfo(name="@ada+bob", direct=True, members=("Ada", "Bob"))))
    assert one.members("@ada+bob") == ("Bob",)


def test_who_takes_another_name_is_the_same_in_private_and_in_what_was_said() -> None:
    one = place()
    one.take(Room(id="", room=RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))))
    one.take(said("bob"))
    one.take(Renamed(old="bob", new="robert"))
    assert (one.members("@ada+bob"), one.find_direct("@robert")) == (("robert",), "@ada+bob")
    assert one.said("#ops", 1) == ("robert", "x", 0)
    one.note_said("#ops", 2, "mine")
    one.take(Renamed(old="ada", new="grace"))
    assert one.members("@ada+bob") == ("robert",)
    assert one.find_said("#ops", 1, own=True) == 2
