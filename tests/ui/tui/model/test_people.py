"""The people in a room and who is away: lists that begin in the middle, renames, roles."""

from __future__ import annotations

from tests.ui.followed import LOBBY, FollowedModel, entered
from trio_chat.protocol import events
from trio_chat.ui.tui.model.effects import AskPeople
from trio_chat.ui.tui.model.people import RoomPeople

ADA, BOB, EVE = 1, 2, 3


def listed(*people: tuple[str, int, str]) -> tuple[events.PersonInfo, ...]:
    return tuple(events.PersonInfo(name=name, id=account, role=role) for name, account, role in people)


def presence(room: str, **change: tuple[object, ...]) -> events.Presence:
    return events.Presence(room=room, count=3, **change)  # type: ignore[arg-type] # its fields


def shown(people: RoomPeople) -> list[tuple[str, int, str]]:
    return sorted((person.name, person.id, person.role) for person in people)


def test_an_arrival_does_not_make_the_list_of_people_complete() -> None:
    model = entered()
    model.take(presence("#ops", joined=("eve",), joined_ids=(EVE,)), 0.0, 0.0)
    assert AskPeople("#ops") in model.look("#ops")
    people = listed(("ada", ADA, "owner"), ("bob", BOB, ""), ("eve", EVE, ""))
    model.take(events.People(id="", room="#ops", people=people), 0.0, 0.0)
    assert len(model.rooms["#ops"].people) == 3
    assert AskPeople("#ops") not in model.look("#ops")


def test_a_room_whose_people_are_known_is_entered_again_without_asking() -> None:
    model = entered()
    model.look("#ops")
    model.take(events.People(id="", room="#ops", people=listed(("ada", ADA, "owner"))), 0.0, 0.0)
    for room in ("@ada+bob", LOBBY, "#ops"):
        assert not [effect for effect in model.look(room) if isinstance(effect, AskPeople)], room


def test_after_a_reconnect_every_list_of_people_is_asked_for_again() -> None:
    model = entered()
    model.look("#ops")
    model.take(events.People(id="", room="#ops", people=listed(("bob", BOB, ""))), 0.0, 0.0)
    effects = model.enter(model.place.accounts, LOBBY, model.known, 0.0, 0.0)
    assert [effect for effect in effects if isinstance(effect, AskPeople)] == [AskPeople(LOBBY), AskPeople("#ops")]


def test_a_name_that_passes_on_takes_nobody_along() -> None:
    people = RoomPeople()
    people.replace(listed(("bobby", BOB, ""), ("bob", EVE, "moderator")))  # as they are after both renames
    people.rename(events.Renamed(old="bob", new="bobby", id=BOB))
    people.rename(events.Renamed(old="eve", new="bob", id=EVE))
    assert shown(people) == [("bob", EVE, "moderator"), ("bobby", BOB, "")]
    people.take(presence("#ops", left=("bob",), left_ids=(EVE,)))
    assert shown(people) == [("bobby", BOB, "")]


def test_a_person_who_comes_back_has_their_role_still() -> None:
    people = RoomPeople()
    people.replace(listed(("bob", BOB, "owner"), ("eve", EVE, "")))
    people.take(presence("#ops", left=("bob", "eve"), left_ids=(BOB, EVE)))
    promoted = events.Moderated(
        room="#ops", seq=1, time="", sender="ada", action="role", target="eve", target_id=EVE, value="moderator"
    )
    people.set_role(promoted)
    people.take(presence("#ops", joined=("bob", "eve"), joined_ids=(BOB, EVE)))
    assert shown(people) == [("bob", BOB, "owner"), ("eve", EVE, "moderator")]
    people.take(presence("#ops", left=("bob",), left_ids=(BOB,)))
    people.take(presence("#ops", joined=("bob", "cyd"), joined_ids=(BOB, 4), joined_roles=("", "owner")))
    assert shown(people) == [("bob", BOB, ""), ("cyd", 4, "owner"), ("eve", EVE, "moderator")]


def test_an_absence_belongs_to_the_account_and_ends_when_the_person_goes() -> None:
    model = FollowedModel()
    model.begin(events.RoomInfo(name=LOBBY), own=ADA)
    model.take(events.AwayChanged(name="bob", text="lunch", id=BOB), 0.0, 0.0)
    model.take(events.Renamed(old="bob", new="bobby", id=BOB), 0.0, 0.0)
    model.take(events.Renamed(old="eve", new="bob", id=EVE), 0.0, 0.0)
    assert (model.away.reason("bobby", BOB), model.away.reason("bob", EVE)) == ("lunch", None)
    model.take(presence(LOBBY, left=("bobby",), left_ids=(BOB,)), 0.0, 0.0)
    assert model.away.reason("bobby", BOB) is None
    model.take(events.AwayChanged(name="eve", text="", id=EVE), 0.0, 0.0)
    model.take(events.People(id="", room=LOBBY, people=listed(("ada", ADA, ""))), 0.0, 0.0)
    assert model.away.reason("eve", EVE) is None  # she went while there was no connection


def test_people_who_went_while_there_was_no_connection_are_not_completed() -> None:
    model = entered()
    for names in (("bob", "eve"), ("eve", "cyd")):
        people = tuple(events.PersonInfo(name=name) for name in ("ada", *names))
        model.take(events.People(id="", room=LOBBY, people=people), 0.0, 0.0)
    assert set(model.place.people) == {"eve", "cyd"}


def test_rooms_keep_their_numbers_until_they_are_left() -> None:
    model = entered()
    numbers = {LOBBY: 1, "#ops": 2, "@ada+bob": 3}
    assert {name: room.number for name, room in model.rooms.items()} == numbers
    model.take(events.Room(room=events.RoomInfo(name="#aaa")), 0.0, 0.0)
    assert {name: room.number for name, room in model.rooms.items()} == {**numbers, "#aaa": 4}
    model.take(events.Left(room="#ops"), 0.0, 0.0)
    model.take(events.Room(room=events.RoomInfo(name="#bbb")), 0.0, 0.0)
    assert model.rooms["#bbb"].number == 2
    again = FollowedModel()
    again.numbers = dict(model.numbers)
    names = (LOBBY, "#aaa", "#bbb", "#new", "@ada+bob")
    again.begin(*(events.RoomInfo(name=name, direct=name.startswith("@")) for name in names))
    assert {name: room.number for name, room in again.rooms.items()} == {
        LOBBY: 1,
        "#bbb": 2,
        "@ada+bob": 3,
        "#aaa": 4,
        "#new": 5,
    }
