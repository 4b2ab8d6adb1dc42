"""Rooms: entering and leaving them, their topics, the people in them, and the list of rooms."""

from __future__ import annotations

import pytest

from tests.broker.scenario import Crowd
from trio_chat.protocol.events import Message, Moderated, Ok, People, Presence, Room, RoomInfo, RoomList, TopicChanged
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Ban, Configure, Invite, Join, Leave, Rooms, Send, Topic, Who


def people_in(crowd: Crowd, who: str, room: str | None = None) -> list[str]:
    answer = crowd.do(who, Who(id="w", room=room))
    assert isinstance(answer, People)
    return [person.name for person in answer.people]


# ---- entering ---------------------------------------------------------------------------------


def test_entering_makes_a_room_that_others_can_enter() -> None:
    crowd = Crowd("ada", "bob")
    made = Room(id="j", room=RoomInfo(name="#ops", count=1, role="owner"), made=True)
    assert crowd.do("ada", Join(id="j", room="#ops")) == made
    crowd.news("ada")
    assert crowd.do("bob", Join(id="k", room="#ops")) == Room(id="k", room=RoomInfo(name="#ops", count=2))
    assert crowd.news("ada") == [Presence(room="#ops", count=2, joined=("bob",), joined_ids=(2,))]


@pytest.mark.parametrize("spelling", ["#ops", "ops", "#OPS", "Ops", "#\uff4f\uff50\uff53"])
def test_a_room_is_one_however_it_is_spelled(spelling: str) -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada")
    crowd.do("bob", Join(id="j", room=spelling))
    assert people_in(crowd, "ada", "#ops") == ["ada", "bob"]


@pytest.mark.parametrize("name", ["", "#", "##", "#a b", "@ada", "#" + "x" * 33, "#\u202e", "#a\x1b"])
def test_an_invalid_room_name_is_refused_with_the_rule(name: str) -> None:
    crowd = Crowd("ada")
    refusal = crowd.refused("ada", Join(id="j", room=name))
    assert refusal.code == "room_invalid"
    assert refusal.advice.startswith("A room's name is #")


def test_a_room_is_not_made_where_that_is_not_wanted() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "bob")
    refusal = crowd.refused("ada", Join(id="j", room="#obs", create=False))
    assert (refusal.code, refusal.message) == ("unknown_room", "There is no room '#obs'. Did you mean #ops?")
    assert "#obs" not in crowd.broker.rooms
    answer = crowd.do("ada", Join(id="k", room="#ops", create=False))
    assert isinstance(answer, Room)
    assert not answer.made


def test_entering_twice_is_entering_once() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    crowd.all_read()
    again = crowd.do("ada", Join(id="again", room="#OPS"))
    assert again == Room(id="again", room=RoomInfo(name="#ops", count=2, role="owner"))
    assert crowd.news("bob") == []
    crowd.say("bob", "hello", room="#ops")
    assert len(crowd.news_of("ada", Message)) == 1


def test_a_person_who_enters_is_told_where_the_log_is() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada")
    crowd.say("ada", "one", room="#ops")
    crowd.do("ada", Topic(id="t", room="#ops", text="tea"))
    answer = crowd.do("bob", Join(id="j", room="#ops"))
    assert answer == Room(id="j", room=RoomInfo(name="#ops", topic="tea", count=2, first=1, last=2, read=2))


# ---- leaving ----------------------------------------------------------------------------------


def test_a_person_who_leaves_hears_nothing_more_and_the_others_are_told() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    crowd.all_read()
    assert crowd.do("ada", Leave(id="l", room="#ops")) == Ok(id="l", room="#ops")
    assert crowd.news("ada") == [Ok(id="l", room="#ops")]
    made, left = crowd.news("bob")
    assert isinstance(made, Moderated)
    assert (made.sender, made.action, made.target, made.value) == ("ada", "role", "bob", "owner")
    assert left == Presence(room="#ops", count=1, left=("ada",), left_ids=(1,), left_how=("left",))
    crowd.say("bob", "gone?", room="#ops")
    assert crowd.news("ada") == []
    assert crowd.refused("ada", Send(id="s", room="#ops", text="no")).code == "not_a_member"


def test_nobody_leaves_the_lobby() -> None:
    crowd = Crowd("ada")
    refusal = crowd.refused("ada", Leave(id="l", room=LOBBY))
    assert (refusal.code, refusal.message) == ("stays_in_lobby", "Everyone is always in #lobby.")


def test_a_room_that_empties_keeps_its_log_and_topic() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada")
    crowd.do("ada", Topic(id="t", room="#ops", text="tea"))
    crowd.do("ada", Leave(id="l", room="#ops"))
    answer = crowd.do("bob", Join(id="j", room="#ops"))
    assert answer == Room(id="j", room=RoomInfo(name="#ops", topic="tea", count=1, last=1, read=1, role="owner"))
    assert crowd.say("bob", "next", room="#ops").seq == 2


def test_an_owner_who_is_alone_in_a_room_can_remove_it_with_its_log() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    crowd.say("ada", "a slip", room="#ops")
    assert crowd.refused("bob", Leave(id="a", room="#ops", remove=True)).message == (
        "#ops cannot be removed: it is not yours."
    )
    assert crowd.refused("ada", Leave(id="b", room="#ops", remove=True)).message == (
        "#ops cannot be removed: others are in it."
    )
    crowd.do("bob", Leave(id="c", room="#ops"))
    assert isinstance(crowd.do("ada", Leave(id="d", room="#ops", remove=True)), Ok)
    assert "#ops" not in crowd.broker.rooms
    answer = crowd.do("bob", Join(id="e", room="#ops"))
    assert answer == Room(id="e", room=RoomInfo(name="#ops", count=1, role="owner"), made=True)


def test_a_room_with_bans_and_a_conversation_cannot_be_removed() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    crowd.do("ada", Ban(id="b", room="#ops", name="bob"))
    assert "people are banned from it" in crowd.refused("ada", Leave(id="c", room="#ops", remove=True)).message
    direct = crowd.say("ada", "psst", "bob").room or ""
    assert "it is a direct conversation" in crowd.refused("ada", Leave(id="d", room=direct, remove=True)).message
    assert crowd.refused("ada", Leave(id="e", room=LOBBY, remove=True)).code == "stays_in_lobby"


def test_a_person_who_disconnects_is_gone_from_every_room() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    crowd.all_read()
    crowd.go("ada")
    assert crowd.news("bob") == [
        Presence(room=LOBBY, count=1, left=("ada",), left_ids=(1,), left_how=("quit",)),
        Presence(room="#ops", count=1, left=("ada",), left_ids=(1,), left_how=("quit",)),
    ]


# ---- topics -----------------------------------------------------------------------------------


def test_a_topic_is_a_line_of_the_log_that_all_members_get() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada", "bob")
    crowd.all_read()
    answer = crowd.do("ada", Topic(id="t", room="#ops", text=" tea\n\x1b[31m "))
    assert isinstance(answer, Ok)
    assert (answer.room, answer.seq) == ("#ops", 1)
    (event,) = crowd.news("bob")
    assert event == TopicChanged(
        room="#ops", seq=1, time=answer.time or "", sender="ada", sender_id=1, text="tea \u241b[31m"
    )
    assert crowd.news("cyd") == []


def test_an_empty_topic_clears_it() -> None:
    crowd = Crowd("ada")
    crowd.do("ada", Topic(id="t", room=LOBBY, text="tea"))
    crowd.do("ada", Topic(id="u", room=LOBBY, text=""))
    answer = crowd.do("ada", Rooms(id="r"))
    assert isinstance(answer, RoomList)
    assert answer.rooms[0].topic == ""


def test_a_topic_has_an_end() -> None:
    crowd = Crowd("ada")
    assert crowd.refused("ada", Topic(id="t", room=LOBBY, text="x" * 301)).code == "topic_too_long"
    assert isinstance(crowd.do("ada", Topic(id="t", room=LOBBY, text="x" * 300)), Ok)


def test_a_direct_conversation_has_no_topic() -> None:
    crowd = Crowd("ada", "bob")
    room = crowd.say("ada", "psst", "bob").room
    assert crowd.refused("ada", Topic(id="t", room=room or "", text="tea")).code == "no_topic_here"


# ---- which there are, and who is in them --------------------------------------------------------


def test_rooms_are_listed_the_fullest_first_and_conversations_are_not() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#b", "ada")
    crowd.enter("#a", "bob")
    crowd.enter("#ops", "ada", "bob")
    crowd.say("ada", "psst", "bob")
    answer = crowd.do("bob", Rooms(id="r"))
    assert isinstance(answer, RoomList)
    assert [(room.name, room.count, room.joined) for room in answer.rooms] == [
        (LOBBY, 3, True),
        ("#ops", 2, True),
        ("#a", 1, True),
        ("#b", 1, False),
    ]


def test_who_tells_of_a_room_by_name_order_and_of_the_lobby_by_itself() -> None:
    crowd = Crowd("cyd", "Bob", "ada")
    crowd.enter("#ops", "cyd", "ada")
    assert people_in(crowd, "ada") == ["ada", "Bob", "cyd"]
    assert people_in(crowd, "Bob", "#ops") == ["ada", "cyd"]  # a room can be looked at before one enters it


def test_who_tells_since_when_somebody_is_here() -> None:
    crowd = Crowd("ada")
    crowd.now += 1.5
    crowd.come("bob")
    answer = crowd.do("ada", Who(id="w"))
    assert isinstance(answer, People)
    assert [person.since for person in answer.people] == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:21.500Z"]


def test_only_the_people_of_a_conversation_can_list_them() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    room = crowd.say("ada", "psst", "bob").room or ""
    assert people_in(crowd, "ada", room) == ["ada", "bob"]
    refusal = crowd.refused("cyd", Who(id="w", room=room))
    assert refusal.code == "unknown_room"
    assert "Did you mean" not in refusal.message


def test_a_room_that_is_not_there_is_named_with_a_near_one() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#kitchen", "bob")
    refusal = crowd.refused("ada", Who(id="w", room="#kitchn"))
    assert refusal.code == "unknown_room"
    assert "#kitchn" in refusal.message
    assert refusal.message.endswith("Did you mean #kitchen?")


def test_a_refusal_shows_an_odd_room_harmlessly() -> None:
    crowd = Crowd("ada")
    message = crowd.refused("ada", Who(id="w", room="\x1b[2J\u202e" + "x" * 200)).message
    assert message.isprintable()
    assert len(message) < 100


def test_who_may_make_no_rooms_does_not_learn_which_private_rooms_there_are() -> None:
    crowd = Crowd("ada", "bob", room_creation="moderators")
    crowd.order("promote", "ada")
    crowd.step()
    crowd.enter("#secret", "ada")
    crowd.do("ada", Configure(id="c", room="#secret", private=True))
    answers = [crowd.refused("bob", Join(id="j", room=room)) for room in ("#secret", "#none")]
    assert [answer.code for answer in answers] == ["rooms_closed"] * 2
    assert answers[0].message == answers[1].message
    assert answers[0].advice.replace("secret", "none") == answers[1].advice
    crowd.do("ada", Invite(id="i", room="#secret", name="bob"))
    crowd.enter("#secret", "bob")
