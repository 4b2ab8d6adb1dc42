"""The place of a person follows the events."""

from __future__ import annotations

from tests.ui import with_files
from tests.ui.followed import FollowedPlace, views
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.protocol.events import (
    Invited,
    Left,
    Message,
    Presence,
    Renamed,
    Room,
    RoomInfo,
    RoomLine,
    RoomList,
    TopicChanged,
)
from trio_chat.ui.model.place import MOST_ROOMS, MOST_SAID, Place


def place() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#lobby", count=3), RoomInfo(name="#ops", count=2)])


def said(sender: str) -> Message:
    return Message(room="#ops", seq=1, time="t", sender=sender, text="x", cid="c")


def test_leaving_the_current_room_returns_to_the_lobby() -> None:
    one = place()
    one.take(Left(room="#ops"))
    assert one.room == "#lobby"
    assert "#ops" not in one.rooms


def test_the_files_of_a_room_that_was_left_have_no_numbers_any_more() -> None:
    one = place()
    one.take(with_files.message(1, with_files.info("plan.pdf")))
    assert one.files.find("#ops", 1) is not None
    one.take(Left(room="#ops"))
    assert one.files.find("#ops", 1) is None


def test_a_room_lost_in_a_reconnect_returns_to_the_lobby() -> None:
    one = place()
    one.enter(KnownAccounts("ada"), "#lobby", views(RoomInfo(name="#lobby")))
    assert one.room == "#lobby"


def test_the_last_speaker_is_completed_first_and_the_person_themselves_never() -> None:
    one = place()
    for event in (said("eve"), said("bob"), said("ada"), Presence(room="#lobby", count=4, joined=("zoe", "eve"))):
        one.take(event)
    assert one.people == ("zoe", "bob", "eve")


def test_people_who_left_or_were_renamed_are_not_completed() -> None:
    one = place()
    gone = Presence(room="#lobby", count=1, left=("eve",))
    for event in (said("eve"), said("bob"), Renamed(old="bob", new="rob"), gone):
        one.take(event)
    assert one.people == ("rob",)


def test_the_persons_own_rename_is_followed() -> None:
    one = place()
    one.take(Renamed(old="ada", new="grace"))
    assert one.me == "grace"


def test_topic_and_count_come_from_the_clients_room() -> None:
    one = place()
    one.take(TopicChanged(room="#ops", seq=1, time="t", sender="eve", text="plans"))
    one.take(Presence(room="#ops", count=9))
    assert (one.rooms["#ops"].topic, one.rooms["#ops"].count) == ("plans", 9)


def test_the_others_of_a_direct_conversation_have_names() -> None:
    one = place()
    assert one.members("@ada+bob+eve") == ("bob", "eve")
    one.take(Room(room=RoomInfo(name="@ada+bob", direct=True, members=("Ada", "Bob"))))
    assert one.members("@ada+bob") == ("Bob",)


def test_a_rename_is_followed_in_conversations_and_in_shown_messages() -> None:
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


def message(seq: int, sender: str = "bob", room: str = "#ops") -> Message:
    return Message(room=room, seq=seq, time="", sender=sender, text=f"text {seq}", cid="")


def test_carets_count_from_the_last_message_shown_in_the_room() -> None:
    one = place()
    for event in (message(1, "ada"), message(2), message(3, "ada"), message(9, room="#dev"), message(5)):
        one.take(event)
    assert [one.find_said("#ops", count) for count in (1, 2, 3, 4, 5)] == [5, 3, 2, 1, None]
    assert [one.find_said("#ops", count, own=True) for count in (1, 2, 3)] == [3, 1, None]
    assert one.find_said("#nowhere", 1) is None


def test_an_own_message_counts_once_from_its_acknowledgement() -> None:
    one = place()
    one.take(message(1))
    one.note_said("#ops", 3, "mine")
    assert one.find_said("#ops", 1, own=True) == 3
    one.take(message(2))  # heard after the acknowledgement, said before
    one.take(message(3, "ada"))
    assert [one.find_said("#ops", count) for count in (1, 2, 3, 4)] == [3, 2, 1, None]


def test_the_number_of_remembered_messages_is_bounded() -> None:
    one = place()
    for seq in range(1, MOST_SAID + 50):
        one.take(message(seq))
    assert one.find_said("#ops", MOST_SAID) == 50
    assert one.find_said("#ops", MOST_SAID + 1) is None


def test_the_rooms_that_could_be_entered_are_those_listed_and_invited_to() -> None:
    place = FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="#lobby")])
    place.take(RoomList(id="", rooms=(RoomLine(name="#ops", joined=True), RoomLine(name="#open"))))
    place.take(Invited(room="#plans", by="bob"))
    assert list(place.enterable) == ["#open", "#plans"]
    place.take(Room(room=RoomInfo(name="#open")))
    assert list(place.enterable) == ["#plans"]
    place.take(Left(room="#ops"))
    place.take(Left(room="#open", reason="bob removed you."))
    place.take(Left(room="@ada+bob"))
    place.take(Room(room=RoomInfo(name="#opss")))
    place.take(Left(room="#opss"))
    assert list(place.enterable) == ["#ops", "#open", "#plans"]
    for number in range(2 * MOST_ROOMS):
        place.take(Invited(room=f"#r{number}", by="bob"))
    assert len(place.enterable) == MOST_ROOMS


def test_a_conversation_is_found_however_the_name_is_typed() -> None:
    known = RoomInfo(name="@ada+jos\u00e9", direct=True, members=("ada", "Jos\u00e9"))
    assert FollowedPlace(rooms=[known]).find_direct("@JOSE\u0301") == known.name
