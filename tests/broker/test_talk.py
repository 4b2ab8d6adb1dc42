"""Talking: who gets a message, once and in order, and the receipts that it arrived and was read."""

from __future__ import annotations

import pytest

from tests.broker.hub_model import START
from tests.broker.invariants import summary
from tests.broker.scenario import Crowd
from trio_chat.broker.effects import Recall
from trio_chat.broker.state import stamp
from trio_chat.protocol.events import (
    Delivered,
    Error,
    Message,
    Ok,
    Pong,
    ReadUpTo,
    Room,
    RoomInfo,
    TopicChanged,
    TypingNotice,
    Welcome,
)
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import (
    Hello,
    History,
    Join,
    Leave,
    Ping,
    Read,
    Received,
    Send,
    Topic,
    Typing,
)

NOW = stamp(START)


def texts(crowd: Crowd, who: str | int) -> list[str]:
    return [event.text for event in crowd.news_of(who, Message) if isinstance(event, Message)]


# ---- to a room --------------------------------------------------------------------------------


def test_a_message_goes_to_the_members_and_its_sender_and_to_nobody_else() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada", "bob")
    crowd.all_read()
    answer = crowd.do("ada", Send(id="m", room="#ops", text="hello", sent="2026-01-01T00:00:00+01:00"))
    assert answer == Ok(id="m", room="#ops", seq=1, time=NOW)
    message = Message(
        room="#ops", seq=1, time=NOW, sender="ada", sender_id=1, text="hello", cid="m", sent="2026-01-01T00:00:00+01:00"
    )
    assert crowd.news("bob") == [message]
    assert crowd.news("ada") == [message, answer]
    assert crowd.news("cyd") == []


def test_every_room_has_its_own_gapless_sequence_which_all_get_in_one_order() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    seqs = [crowd.say(who, "x", room=room).seq for who in ("ada", "bob") for room in (LOBBY, "#ops", LOBBY)]
    assert seqs == [1, 1, 2, 3, 2, 4]
    assert crowd.inboxes[1][-1:] != crowd.inboxes[2][-1:]  # bob's own answer came last
    of_both = [crowd.news_of(who, Message) for who in ("ada", "bob")]
    assert of_both[0] == of_both[1]


def test_an_action_stays_one() -> None:
    crowd = Crowd("ada", "bob")
    crowd.do("ada", Send(id="m", room=LOBBY, text="waves", kind="action"))
    (message,) = crowd.news("bob")
    assert isinstance(message, Message)
    assert message.kind == "action"


def test_terminal_control_characters_are_made_harmless() -> None:
    crowd = Crowd("ada", "bob")
    crowd.do("ada", Send(id="m\x1b", room=LOBBY, text="\x1b[2J\u202eab\r\nc"))
    (message,) = crowd.news("bob")
    assert isinstance(message, Message)
    assert (message.text, message.cid) == ("\u241b[2Jab\nc", "m\u241b")


@pytest.mark.parametrize(
    "sent", ["yesterday", "", "12:00", "2026-01-31T12:00:00", "\x1b2026-01-31T12:00:00Z", "\uff12026-01-31T12:00:00Z"]
)
def test_a_senders_clock_is_a_time_with_its_offset(sent: str) -> None:
    crowd = Crowd("ada", "bob")
    assert crowd.refused("ada", Send(id="m", room=LOBBY, text="x", sent=sent)).code == "bad_field"
    for good in ("2026-01-31T12:00:00Z", "2026-01-31T13:00:00.004+01:00"):
        crowd.do("ada", Send(id=good, room=LOBBY, text="x", sent=good))
    assert [e.sent for e in crowd.news("bob") if isinstance(e, Message)] == [
        "2026-01-31T12:00:00Z",
        "2026-01-31T13:00:00.004+01:00",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u200b", "\u202e"])
def test_nothing_is_no_message(text: str) -> None:
    crowd = Crowd("ada", "bob")
    assert crowd.refused("ada", Send(id="m", room=LOBBY, text=text)).code == "empty"


def test_a_text_that_is_too_long_is_refused_with_both_numbers() -> None:
    crowd = Crowd("ada", "bob", max_text=10)
    refusal = crowd.refused("ada", Send(id="m", room=LOBBY, text="x" * 11))
    assert (refusal.code, refusal.message) == ("too_long", "The message has 11 characters; the limit is 10.")
    assert isinstance(crowd.do("ada", Send(id="m", room=LOBBY, text="x" * 10)), Ok)


def test_characters_removed_from_a_text_do_not_count() -> None:
    crowd = Crowd("ada", max_text=10)
    assert isinstance(crowd.do("ada", Send(id="m", room=LOBBY, text="x" * 10 + "\u202e" * 50)), Ok)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Send(id="m", text="x"), "no_recipient"),
        (Send(id="m", text="x", to=()), "no_recipient"),
        (Send(id="m", text="x", to=("bob",), room=LOBBY), "two_recipients"),
        (Send(id="m", text="x", room="#nowhere"), "unknown_room"),
        (Send(id="m", text="x", room="@ada+bob"), "unknown_room"),
        (Send(id="m", text="x", room="#theirs"), "not_a_member"),
        (Send(id="m", text="x", to=("ada",)), "only_yourself"),
        (Send(id="m", text="x", to=("ada", "ADA")), "only_yourself"),
    ],
)
def test_a_message_without_a_right_place_is_refused(request_: Send, code: str) -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#theirs", "bob")
    crowd.news("ada")
    assert crowd.refused("ada", request_).code == code


# ---- again ------------------------------------------------------------------------------------


def test_a_message_sent_again_is_acknowledged_again_and_stored_once() -> None:
    crowd = Crowd("ada", "bob")
    send = Send(id="m", room=LOBBY, text="once")
    first = crowd.do("ada", send)
    crowd.say("bob", "between")
    crowd.now += 5
    assert crowd.do("ada", send) == first == Ok(id="m", room=LOBBY, seq=1, time=NOW)
    assert texts(crowd, "bob") == ["once", "between"]


def test_a_message_sent_again_before_it_was_stored_is_stored_once() -> None:
    crowd = Crowd("ada", "bob")
    for _ in range(2):
        crowd.ask(crowd.who["ada"], Send(id="m", room=LOBBY, text="once"))
    crowd.step()
    assert texts(crowd, "bob") == ["once"]
    assert len(crowd.news_of("ada", Ok)) == 2


def test_a_message_sent_again_after_its_room_was_left_is_acknowledged() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    send = Send(id="m", room="#ops", text="bye")
    first = crowd.do("ada", send)
    crowd.do("ada", Leave(id="l", room="#ops"))
    assert crowd.do("ada", send) == first


def test_a_refused_message_does_not_count_as_sent() -> None:
    crowd = Crowd("ada", "bob")
    crowd.refused("ada", Send(id="m", room=LOBBY, text=""))
    crowd.do("ada", Send(id="m", room=LOBBY, text="now"))
    assert texts(crowd, "bob") == ["now"]


def test_ids_are_each_persons_own() -> None:
    crowd = Crowd("ada", "bob")
    crowd.do("ada", Send(id="1", room=LOBBY, text="hers"))
    crowd.do("bob", Send(id="1", room=LOBBY, text="his"))
    assert texts(crowd, "ada") == ["hers", "his"]


# ---- to people --------------------------------------------------------------------------------


def test_only_those_people_get_it() -> None:
    crowd = Crowd("ada", "sis", "mom", "eve")
    answer = crowd.say("ada", "psst", "sis", "mom")
    assert (answer.room, answer.seq) == ("@ada+mom+sis", 1)
    info = RoomInfo(name="@ada+mom+sis", direct=True, count=3, members=("ada", "sis", "mom"), member_ids=(1, 2, 3))
    for reader in ("sis", "mom"):
        began, message = crowd.news(reader)
        assert began == Room(room=info)
        assert isinstance(message, Message)
        assert (message.room, message.sender, message.text) == ("@ada+mom+sis", "ada", "psst")
    assert crowd.news("eve") == []


@pytest.mark.parametrize("name", ["siss", "sos", "mo"])
def test_an_unknown_recipient_is_named_with_a_near_one_and_nothing_is_sent(name: str) -> None:
    crowd = Crowd("ada", "sis", "mom")
    before = summary(crowd.broker)
    refusal = crowd.refused("ada", Send(id="m", to=("mom", name), text="psst"))
    assert refusal.code == "unknown_person"
    assert name in refusal.message
    assert refusal.message.endswith(f"Did you mean {'mom' if name == 'mo' else 'sis'}?")
    assert refusal.advice == "Nothing was sent."
    assert summary(crowd.broker) == before


def test_an_unknown_recipient_with_nobody_near_is_named_alone() -> None:
    crowd = Crowd("ada", "bob")
    message = crowd.refused("ada", Send(id="m", to=("zacharias",), text="psst")).message
    assert "zacharias" in message
    assert "Did you mean" not in message


def test_a_refusal_shows_an_odd_recipient_harmlessly() -> None:
    crowd = Crowd("ada")
    message = crowd.refused("ada", Send(id="m", to=("\x1b[2J\u202e" + "x" * 200,), text="psst")).message
    assert message.isprintable()
    assert len(message) < 100


@pytest.mark.parametrize("to", [("BOB",), ("\uff42\uff4f\uff42",), ("bob", "Bob"), ("bob", "ada"), ("ada", "bob")])
def test_a_conversation_is_one_however_its_people_are_named(to: tuple[str, ...]) -> None:
    crowd = Crowd("ada", "bob")
    first = crowd.say("bob", "psst", "ada")
    assert crowd.say("ada", "yes?", *to).room == first.room
    assert texts(crowd, "bob") == ["psst", "yes?"]


def test_a_message_by_a_conversations_name_brings_back_a_person_who_left() -> None:
    crowd = Crowd("ada", "bob")
    room = crowd.say("ada", "psst", "bob").room or ""
    crowd.do("bob", Leave(id="l", room=room))
    crowd.all_read()
    crowd.say("ada", "come back", room=room)
    assert [type(event) for event in crowd.news("bob")] == [Room, Message]


def test_a_conversation_with_somebody_who_is_gone_is_refused() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    room = crowd.say("ada", "psst", "bob").room or ""
    crowd.go("bob")
    crowd.all_read()
    assert crowd.refused("ada", Send(id="m", room=room, text="hello?")).code == "unknown_person"


def test_a_new_guest_under_an_old_name_does_not_see_the_old_ones_conversation() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    room = crowd.say("ada", "for the first bob", "bob").room or ""
    crowd.go("bob")
    crowd.come("bob")
    assert crowd.refused("bob", History(id="h", room=room)).code == "unknown_room"
    crowd.say("ada", "for the second", "bob")
    assert texts(crowd, "bob") == ["for the second"]
    (began,) = (event for event in crowd.inboxes[crowd.who["bob"]] if isinstance(event, Room))
    assert (began.room.name, began.room.last) == (f"{room}~2", 0)
    assert isinstance(crowd.do("ada", History(id="h", room=room)), Recall)  # she was there


# ---- it arrived -------------------------------------------------------------------------------


def test_the_sender_learns_once_that_a_direct_message_reached_its_recipient() -> None:
    crowd = Crowd("ada", "bob")
    token = crowd.tokens[crowd.who["bob"]]
    crowd.come("bob", "phone", token=token)
    room = crowd.say("ada", "psst", "bob").room or ""
    crowd.all_read()
    for device in ("phone", "bob", "phone"):
        assert crowd.do(device, Received(id="r", room=room, seq=1)) == Ok(id="r")
    assert crowd.news("ada") == [Delivered(room=room, seq=1, by="bob", by_id=2)]


def test_each_recipient_is_told_of_apart_on_all_the_senders_devices() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.come("ada", "phone", token=crowd.tokens[crowd.who["ada"]])
    room = crowd.say("ada", "psst", "bob", "cyd").room or ""
    crowd.all_read()
    for who in ("cyd", "bob"):
        crowd.do(who, Received(id="r", room=room, seq=1))
    signs = [Delivered(room=room, seq=1, by="cyd", by_id=3), Delivered(room=room, seq=1, by="bob", by_id=2)]
    assert crowd.news("ada") == crowd.news("phone") == signs


def test_only_the_sender_of_a_direct_message_gets_a_receipt() -> None:
    crowd = Crowd("ada", "bob")
    crowd.say("ada", "in the lobby")
    room = crowd.say("ada", "psst", "bob").room or ""
    crowd.all_read()
    crowd.do("bob", Received(id="r", room=LOBBY, seq=1))
    crowd.do("bob", Received(id="r", room=room, seq=99))
    crowd.do("ada", Received(id="r", room=room, seq=1))  # her own
    assert crowd.news_of("ada", Delivered) == crowd.news_of("bob", Delivered) == []


def test_a_new_guest_of_the_same_name_gives_no_receipt_for_the_earlier_guest() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    room = crowd.say("ada", "for the first bob", "bob").room or ""
    crowd.go("bob")
    crowd.come("bob")
    second = crowd.say("ada", "for the second", "bob").room or ""
    crowd.all_read()
    assert crowd.refused("bob", Received(id="r", room=room, seq=1)).code == "unknown_room"
    crowd.do("bob", Received(id="r", room=second, seq=1))
    assert crowd.news("ada") == [Delivered(room=second, seq=1, by="bob", by_id=3)]


def test_a_sender_who_left_the_conversation_gets_no_receipt_from_it() -> None:
    crowd = Crowd("ada", "bob")
    room = crowd.say("ada", "psst", "bob").room or ""
    crowd.do("ada", Leave(id="l", room=room))
    crowd.all_read()
    crowd.do("bob", Received(id="r", room=room, seq=1))
    assert crowd.news("ada") == []


# ---- it was read, it is being written -----------------------------------------------------------


def test_a_reading_position_goes_forward_and_is_told_to_ones_other_devices() -> None:
    crowd = Crowd("ada", "bob")
    crowd.come("ada", "phone", token=crowd.tokens[crowd.who["ada"]])
    for text in ("one", "two", "three"):
        crowd.say("bob", text)
    crowd.all_read()
    for seq in (2, 1, 2, 2**53):
        assert crowd.do("ada", Read(id="r", room=LOBBY, seq=seq)) == Ok(id="r")
    assert crowd.news("phone") == [ReadUpTo(room=LOBBY, seq=2), ReadUpTo(room=LOBBY, seq=3)]
    assert crowd.news("bob") == []
    assert crowd.news_of("ada", ReadUpTo) == []
    again = crowd.do("ada", Join(id="j", room=LOBBY))
    assert isinstance(again, Room)
    assert again.room.read == 3


def test_typing_is_told_to_the_room() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada", "bob")
    crowd.all_read()
    assert crowd.do("ada", Typing(id="t", room="#ops")) == Ok(id="t")
    assert crowd.news("bob") == [TypingNotice(room="#ops", name="ada", id=1)]
    assert crowd.news("cyd") == []


def test_a_ping_is_answered_with_the_servers_time() -> None:
    crowd = Crowd("ada")
    assert crowd.do("ada", Ping(id="p")) == Pong(id="p", time=NOW)


def test_a_history_is_read_from_one_end_only() -> None:
    crowd = Crowd("ada")
    crowd.say("ada", "x")
    assert crowd.refused("ada", History(id="h", room=LOBBY, after=0, before=5)).code == "bad_field"
    request = History(id="h", room=LOBBY, after=0)
    assert crowd.do("ada", request) == Recall(crowd.who["ada"], request, 1, last=1)


# ---- what could not be stored -------------------------------------------------------------------


def test_a_message_that_could_not_be_stored_reaches_nobody_and_its_sender_is_told() -> None:
    crowd = Crowd("ada", "bob")
    crowd.ask(crowd.who["ada"], Send(id="m", room=LOBBY, text="lost"))
    crowd.fail()
    crowd.check()
    assert crowd.news("bob") == []
    (error,) = crowd.news("ada")
    assert isinstance(error, Error)
    assert (error.id, error.code) == ("m", "not_stored")


def test_numbers_that_were_not_used_are_given_again() -> None:
    crowd = Crowd("ada", "bob")
    crowd.say("ada", "one")
    for number in range(3):
        crowd.ask(crowd.who["ada"], Send(id=f"m{number}", room=LOBBY, text="lost"))
    crowd.fail()
    crowd.check()
    assert crowd.say("bob", "two").seq == 2
    assert crowd.do("ada", Send(id="m0", room=LOBBY, text="again")) == Ok(id="m0", room=LOBBY, seq=3, time=NOW)


def test_a_topic_that_could_not_be_stored_is_the_old_one_again() -> None:
    crowd = Crowd("ada")
    crowd.do("ada", Topic(id="t", room=LOBBY, text="tea"))
    for text in ("coffee", "cocoa"):
        crowd.ask(crowd.who["ada"], Topic(id="u", room=LOBBY, text=text))
    crowd.fail()
    crowd.check()
    assert crowd.broker.rooms[LOBBY].topic == "tea"
    assert crowd.news_of("ada", TopicChanged)[1:] == []


def test_a_person_who_came_meanwhile_is_not_told_of_lines_that_were_lost() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada")
    crowd.go("cyd")
    crowd.all_read()
    crowd.ask(crowd.who["ada"], Send(id="m", room=LOBBY, text="lost"))
    crowd.ask(crowd.who["ada"], Topic(id="t", room=LOBBY, text="lost"))
    token = next(token for token, holder in crowd.holders.items() if holder == crowd.holder("cyd"))
    newcomer = crowd.connect(Hello(id="", name="cyd", token=token))
    crowd.fail()
    crowd.check()
    (welcome,) = crowd.news_of(newcomer, Welcome)
    assert isinstance(welcome, Welcome)
    assert (welcome.rooms[0].first, welcome.rooms[0].last, welcome.rooms[0].topic) == (1, 0, "")
    crowd.say("ada", "found")
    assert texts(crowd, newcomer) == ["found"]


def test_a_lost_message_was_neither_read_nor_received() -> None:
    crowd = Crowd("ada", "bob")
    crowd.come("bob", "phone", token=crowd.tokens[crowd.who["bob"]])
    room = crowd.say("ada", "stored", "bob").room or ""
    crowd.all_read()
    crowd.ask(crowd.who["ada"], Send(id="m", to=("bob",), text="lost"))
    crowd.ask(crowd.who["bob"], Read(id="r", room=room, seq=2))
    crowd.ask(crowd.who["bob"], Received(id="r", room=room, seq=2))
    crowd.fail()
    crowd.check()
    assert crowd.news("phone") == []
    assert crowd.news_of("ada", Delivered) == []
    crowd.say("ada", "found", "bob")
    crowd.do("bob", Received(id="r", room=room, seq=2))
    assert crowd.news_of("ada", Delivered) == [Delivered(room=room, seq=2, by="bob", by_id=2)]


def test_requests_that_need_no_storing_are_carried_out_when_the_store_fails() -> None:
    crowd = Crowd("ada", "bob")
    crowd.ask(crowd.who["ada"], Send(id="m", room=LOBBY, text="lost"))
    crowd.ask(crowd.who["ada"], Ping(id="p"))
    crowd.ask(crowd.who["bob"], Read(id="r", room=LOBBY, seq=1))
    crowd.fail()
    crowd.check()
    assert crowd.news_of("ada", Pong) == [Pong(id="p", time=NOW)]
    assert crowd.news_of("bob", Ok) == [Ok(id="r")]
