"""Arriving, leaving and names: a name has one owner at a time, and a ghost connection keeps nobody out."""

from __future__ import annotations

import pytest

from tests.broker.invariants import summary
from tests.broker.scenario import Crowd
from trio_chat.broker.effects import Disconnect
from trio_chat.errors import FAULTS, Refusal
from trio_chat.protocol.events import (
    AwayChanged,
    Error,
    Left,
    Message,
    Ok,
    People,
    Presence,
    Renamed,
    Room,
    Welcome,
)
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Away, Ban, Hello, Join, Leave, Mute, Nick, Who


def welcome_of(crowd: Crowd, who: str | int) -> Welcome:
    (welcome,) = [event for event in crowd.inboxes[crowd.session(who)] if isinstance(event, Welcome)]
    return welcome


# ---- the welcome ------------------------------------------------------------------------------


def test_a_welcome_has_all_that_a_client_needs() -> None:
    crowd = Crowd(
        "ada", epoch="e1", motd="be kind", max_text=100, max_frame=2000, max_recipients=4, server="trio-chat 9"
    )
    welcome = welcome_of(crowd, "ada")
    assert (welcome.name, welcome.epoch, welcome.motd, welcome.server) == ("ada", "e1", "be kind", "trio-chat 9")
    assert (welcome.limits.text, welcome.limits.frame, welcome.limits.to) == (100, 2000, 4)
    assert welcome.time == "2023-11-14T22:13:20.000Z"
    assert welcome.token
    assert [(room.name, room.count, room.last) for room in welcome.rooms] == [(LOBBY, 1, 0)]


def test_a_person_who_is_alone_is_told_so_and_is_told_of_the_next_arrival() -> None:
    crowd = Crowd("ada")
    assert welcome_of(crowd, "ada").rooms[0].count == 1
    crowd.come("bob")
    assert crowd.news("ada") == [Presence(room=LOBBY, count=2, joined=("bob",), joined_ids=(2,))]


def test_everyone_hears_how_many_are_here_when_someone_comes_or_goes() -> None:
    crowd = Crowd("ada", "bob")
    crowd.come("cyd")
    assert crowd.news("ada") == crowd.news("bob") == [Presence(room=LOBBY, count=3, joined=("cyd",), joined_ids=(3,))]
    crowd.go("cyd")
    assert (
        crowd.news("ada")
        == crowd.news("bob")
        == [Presence(room=LOBBY, count=2, left=("cyd",), left_ids=(3,), left_how=("quit",))]
    )


def test_credentials_in_headers_let_in_as_a_hello_does() -> None:
    crowd = Crowd("ada")
    session = crowd.connect(Hello(id="", name="bob"))
    crowd.step()
    assert (welcome_of(crowd, session).name, welcome_of(crowd, session).id) == ("bob", "")
    assert crowd.news("ada") == [Presence(room=LOBBY, count=2, joined=("bob",), joined_ids=(2,))]


# ---- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "Ada", "ADA", "\uff41\uff44\uff41"])
def test_a_name_that_is_connected_is_refused_however_it_is_spelled(name: str) -> None:
    crowd = Crowd("ada")
    session = crowd.connect()
    refusal = crowd.refused(session, Hello(id="h", name=name))
    assert (refusal.code, refusal.message) == ("name_owned", "The name ada already has an owner.")
    assert FAULTS["name_owned"].http == 409
    assert isinstance(crowd.do(session, Hello(id="h", name="bob")), Welcome)  # asked for another, let in


@pytest.mark.parametrize(("name", "other"), [("\u0430da", "ada"), ("b0b", "bob"), ("lan", "Ian"), ("rnike", "mike")])
def test_a_name_that_looks_like_one_in_use_is_refused(name: str, other: str) -> None:
    crowd = Crowd(other)
    refusal = crowd.refused(crowd.connect(), Hello(id="h", name=name))
    assert refusal.code == "name_lookalike"
    assert f"looks like {other}" in refusal.message


@pytest.mark.parametrize("name", ["ALL", "all", "server", "System"])
def test_reserved_words_are_nobodys_name(name: str) -> None:
    crowd = Crowd("ada")
    assert crowd.refused(crowd.connect(), Hello(id="h", name=name)).code == "name_reserved"
    assert crowd.refused("ada", Nick(id="n", name=name)).code == "name_reserved"


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "\u202eada", "ada\n", "-ada"])
def test_an_invalid_name_is_refused_with_the_rule(name: str) -> None:
    crowd = Crowd("ada")
    refusal = crowd.refused(crowd.connect(), Hello(id="h", name=name))
    assert refusal.code == "name_invalid"
    assert "1 to 32 letters" in refusal.advice


@pytest.mark.parametrize("name", ["zo\u00eb", "\u0430\u043d\u043d\u0430", "\u5c0f\u660e", "\u0633\u0627\u0631\u0629"])
def test_a_name_may_have_letters_of_any_script(name: str) -> None:
    crowd = Crowd("ada")
    crowd.come(name)
    assert welcome_of(crowd, name).name == name


def test_a_guests_name_is_free_again_when_its_holder_leaves() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    assert crowd.refused(crowd.connect(), Hello(id="h", name="bob")).code == "name_taken"
    crowd.go("bob")
    crowd.come("BOB")
    assert welcome_of(crowd, "BOB").name == "BOB"


def test_a_guests_name_is_held_until_the_last_device_leaves() -> None:
    crowd = Crowd("ada", names="guest")
    crowd.come("ada", "phone", token=welcome_of(crowd, "ada").token)
    crowd.go("ada")
    assert crowd.refused(crowd.connect(), Hello(id="h", name="ada")).code == "name_taken"
    crowd.go("phone")
    assert isinstance(crowd.do(crowd.connect(), Hello(id="h", name="ada")), Welcome)


@pytest.mark.parametrize(
    "restraint",
    [Mute(id="m", room=LOBBY, name="bob", seconds=60.0), Ban(id="b", room=LOBBY, name="bob", seconds=60.0)],
)
def test_the_name_of_a_guest_who_is_muted_or_banned_is_free_when_that_ends_and_not_before(
    restraint: Mute | Ban,
) -> None:
    crowd = Crowd("ada", "bob", names="guest")
    crowd.order("promote", "ada")
    crowd.step()
    crowd.do("ada", restraint)
    if "bob" in crowd.who:
        crowd.go("bob")
    for passed, code in ((0.0, "name_taken"), (59.9, "name_taken"), (0.1, "")):
        crowd.now += passed
        answer = crowd.do(crowd.connect(), Hello(id="h", name="bob"))
        assert (answer.code if isinstance(answer, Error) else "") == code


@pytest.mark.parametrize(("number", "name"), [(234, "user_1234"), (0, "user_1000"), (8999, "user_9999")])
def test_a_name_is_made_up_when_none_is_given(number: int, name: str) -> None:
    crowd = Crowd("ada")
    session = crowd.connect(number=number)
    crowd.do(session, Hello(id="h"))
    assert welcome_of(crowd, session).name == name


def test_a_made_up_name_is_one_that_is_free() -> None:
    crowd = Crowd("user_9998", "USER_9999", "user_l0000")
    names = []
    for _ in range(2):
        session = crowd.connect(number=8998)
        crowd.do(session, Hello(id="h"))
        names.append(welcome_of(crowd, session).name)
    assert names == ["user_10001", "user_10002"]  # past user_9998, user_9999 and what looks like user_10000


# ---- the password -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "code"), [(None, "password_needed"), ("wrong", "wrong_password"), ("", "wrong_password")]
)
def test_without_the_right_password_nobody_gets_in(password: str | None, code: str) -> None:
    crowd = Crowd("ada", password="p\u00e4ss")
    session = crowd.connect()
    before = summary(crowd.broker)
    crowd.ask(session, Hello(id="h", name="bob", password=password))
    assert [e.reason.code for e in crowd.waiting() if isinstance(e, Disconnect)] == [code]
    assert summary(crowd.broker) == before
    crowd.step()
    assert session not in crowd.broker.sessions  # told why, and closed
    assert crowd.news("ada") == []
    assert FAULTS[code].http == 401


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_wrong_password_in_headers_is_refused_before_anybody_notices(password: str | None) -> None:
    crowd = Crowd("ada", password="right")
    crowd.broker.open(50, crowd.now, token="t", number=1)
    refusal = crowd.broker.greet(50, Hello(id="", name="bob", password=password), crowd.now)
    assert isinstance(refusal, Refusal)
    assert refusal.fault.http == 401
    assert crowd.broker.close(50, crowd.now) == []
    crowd.step()
    assert crowd.news("ada") == []


def test_the_password_is_asked_before_the_name_is_looked_at() -> None:
    crowd = Crowd("ada", password="right")
    session = crowd.connect()
    answer = crowd.ask(session, Hello(id="h", name="ada", password="wrong"))
    assert isinstance(answer, Error)
    assert answer.code == "wrong_password"  # who is here is not for strangers to know


def test_the_right_password_lets_in() -> None:
    crowd = Crowd("ada", password="p\u00e4ss")
    assert welcome_of(crowd, "ada").name == "ada"


def test_no_password_is_wanted_where_none_is_set() -> None:
    crowd = Crowd()
    assert isinstance(crowd.do(crowd.connect(), Hello(id="h", name="ada", password="whatever")), Welcome)


def test_a_token_is_no_password() -> None:
    crowd = Crowd("ada", password="right")
    answer = crowd.ask(crowd.connect(), Hello(id="h", name="ada", token=welcome_of(crowd, "ada").token))
    assert isinstance(answer, Error)
    assert answer.code == "password_needed"


# ---- several devices --------------------------------------------------------------------------


def test_ones_own_token_adds_a_device_that_nobody_else_notices() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada")
    crowd.news("bob")
    crowd.come("ADA", "phone", token=welcome_of(crowd, "ada").token)
    welcome = welcome_of(crowd, "phone")
    assert (welcome.name, welcome.token) == ("ada", welcome_of(crowd, "ada").token)
    assert {room.name: room.count for room in welcome.rooms} == {LOBBY: 2, "#ops": 1}
    assert crowd.news("bob") == []
    crowd.news("ada")
    crowd.say("bob", "hello both")
    for device in ("ada", "phone"):
        assert [event.text for event in crowd.news_of(device, Message) if isinstance(event, Message)] == ["hello both"]


@pytest.mark.parametrize("token", ["", "stolen", None])
def test_without_the_token_a_name_in_use_stays_its_owners(token: str | None) -> None:
    crowd = Crowd("ada")
    assert crowd.refused(crowd.connect(), Hello(id="h", name="ada", token=token)).code == "name_owned"


def test_a_token_opens_only_its_own_name() -> None:
    crowd = Crowd("ada", "bob")
    token = welcome_of(crowd, "ada").token
    assert crowd.refused(crowd.connect(), Hello(id="h", name="bob", token=token)).code == "name_owned"


def test_nobody_is_told_when_one_of_two_devices_disconnects() -> None:
    crowd = Crowd("ada", "bob")
    crowd.come("ada", "phone", token=welcome_of(crowd, "ada").token)
    crowd.go("ada")
    assert crowd.news("bob") == []
    crowd.say("bob", "still there?", "ada")
    assert [type(event) for event in crowd.news_of("phone", Room, Message)] == [Room, Message]


def test_a_room_that_one_device_enters_or_leaves_is_entered_or_left_by_the_other_too() -> None:
    crowd = Crowd("ada")
    crowd.come("ada", "phone", token=welcome_of(crowd, "ada").token)
    crowd.news("phone")
    crowd.do("ada", Join(id="j", room="#ops"))
    first, *_ = crowd.news_of("phone", Room)
    assert isinstance(first, Room)
    assert (first.id, first.room.name) == ("", "#ops")
    crowd.do("ada", Leave(id="l", room="#ops"))
    assert crowd.news_of("phone", Left) == [Left(room="#ops")]
    assert crowd.news_of("ada", Left) == []  # its answer says so


# ---- another name -----------------------------------------------------------------------------


def test_a_rename_moves_the_name_and_everyone_hears_of_it_once() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada", "bob")
    crowd.all_read()
    assert crowd.do("ada", Nick(id="n", name="eve")) == Ok(id="n")
    assert crowd.news("bob") == [Renamed(old="ada", new="eve", id=1)]
    assert crowd.news("ada") == [Ok(id="n"), Renamed(old="ada", new="eve", id=1)]
    people = crowd.do("bob", Who(id="w", room="#ops"))
    assert isinstance(people, People)
    assert [person.name for person in people.people] == ["bob", "eve"]
    crowd.come("ada")  # the old one is free
    assert crowd.refused(crowd.connect(), Hello(id="h", name="Eve")).code == "name_owned"


@pytest.mark.parametrize(("name", "code"), [("BOB", "name_taken"), ("b0b", "name_lookalike"), ("a b", "name_invalid")])
def test_a_rename_to_a_name_that_is_not_allowed_is_refused_and_changes_nothing(name: str, code: str) -> None:
    crowd = Crowd("ada", "bob")
    assert crowd.refused("ada", Nick(id="n", name=name)).code == code
    assert crowd.name_of(crowd.who["ada"]) == "ada"


@pytest.mark.parametrize("name", ["ADA", "\u0430da", "ada"])
def test_ones_own_name_in_another_spelling_is_no_look_alike(name: str) -> None:
    crowd = Crowd("ada", "bob")
    assert crowd.do("ada", Nick(id="n", name=name)) == Ok(id="n", unchanged=name == "ada")


def test_a_rename_keeps_direct_conversations_and_a_namesake_begins_others() -> None:
    crowd = Crowd("ada", "bob")
    room = crowd.say("ada", "psst", "bob").room
    crowd.do("ada", Nick(id="n", name="eve"))
    crowd.come("ada", "new")
    crowd.all_read()
    assert crowd.say("bob", "are you eve?", "eve").room == room
    assert crowd.say("bob", "are you ada?", "ada").room == f"{room}~2"
    assert [event.text for event in crowd.news_of("ada", Message) if isinstance(event, Message)] == ["are you eve?"]
    assert [event.text for event in crowd.news_of("new", Message) if isinstance(event, Message)] == ["are you ada?"]


def test_a_rename_to_another_spelling_keeps_direct_conversations() -> None:
    crowd = Crowd("ada", "bob")
    room = crowd.say("ada", "psst", "bob").room
    crowd.do("ada", Nick(id="n", name="Ada"))
    assert crowd.news_of("ada", Left) == []
    assert crowd.say("bob", "yes?", "ADA").room == room
    assert len(crowd.news_of("ada", Message)) == 1


# ---- away -------------------------------------------------------------------------------------


def test_away_is_told_and_shown_and_so_is_being_back() -> None:
    crowd = Crowd("ada", "bob")
    assert crowd.do("ada", Away(id="a", text=" at\nlunch ")) == Ok(id="a")
    assert crowd.news("bob") == [AwayChanged(id=1, name="ada", text="at lunch")]
    people = crowd.do("bob", Who(id="w"))
    assert isinstance(people, People)
    assert [(person.name, person.away) for person in people.people] == [("ada", "at lunch"), ("bob", None)]
    crowd.news("bob")
    crowd.do("ada", Away(id="b"))
    assert crowd.news("bob") == [AwayChanged(id=1, name="ada")]


def test_away_without_a_reason_is_away_still() -> None:
    crowd = Crowd("ada", "bob")
    crowd.do("ada", Away(id="a", text=" "))
    assert crowd.news("bob") == [AwayChanged(id=1, name="ada", text="away")]
