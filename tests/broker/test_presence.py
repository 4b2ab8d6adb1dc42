"""Presence: told at once in a small room, gathered in a big one."""

from __future__ import annotations

import pytest

from tests.broker.scenario import Crowd
from trio_chat.broker.state import BIG_ROOM, GATHERING
from trio_chat.protocol.events import Event, Ok, Presence, Renamed, TypingNotice
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Hello, Leave, Nick, Typing


def big_crowd(more: int = 1, **settings: object) -> Crowd:
    """Ada and so many others that the lobby is big by ``more``, a while after the last of them came."""
    crowd = Crowd("ada", *(f"g{number}" for number in range(BIG_ROOM - 1 + more)), **settings)
    for _ in range(2):  # what was gathered is told, and that is a while ago too
        crowd.advance(1.0)
        crowd.step()
    crowd.all_read()
    return crowd


def presences(events: list[Event]) -> list[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    return [(event.count, event.joined, event.left) for event in events if isinstance(event, Presence)]


def test_a_small_room_hears_of_each_at_once() -> None:
    crowd = Crowd("ada")
    crowd.come("bob")
    crowd.come("cyd")
    crowd.go("bob")
    assert presences(crowd.news("ada")) == [(2, ("bob",), ()), (3, ("cyd",), ()), (2, (), ("bob",))]


def test_a_big_room_hears_at_once_of_the_first_and_of_the_others_together() -> None:
    crowd = big_crowd()
    for name in ("u", "v", "w"):
        crowd.come(name)
    crowd.go("g0")
    assert presences(crowd.news("ada")) == [(66, ("u",), ())]
    assert crowd.broker.due() == crowd.now + GATHERING
    crowd.advance(GATHERING / 2)
    assert crowd.news("ada") == []
    crowd.advance(GATHERING / 2)
    crowd.step()
    assert presences(crowd.news("ada")) == [(67, ("v", "w"), ("g0",))]


def test_hundreds_of_arrivals_at_once_cost_few_notices() -> None:
    crowd = Crowd("ada")
    for number in range(400):
        crowd.connect(Hello(id="", name=f"g{number}"))
    crowd.commit()
    crowd.advance(1.0)
    crowd.step()
    told = presences(crowd.news("ada"))
    assert len(told) <= BIG_ROOM + 2
    assert told[-1][0] == 401
    assert sum(len(joined) for _, joined, _ in told) == 400  # everybody was named once


def test_a_person_who_came_and_went_in_between_is_not_mentioned() -> None:
    crowd = big_crowd()
    crowd.come("first")
    crowd.come("fleeting")
    crowd.go("fleeting")
    crowd.advance(1.0)
    crowd.step()
    assert presences(crowd.news("ada")) == [(66, ("first",), ())]


def test_a_person_who_went_and_came_back_in_between_is_not_mentioned() -> None:
    crowd = big_crowd()
    crowd.come("first")
    crowd.go("g3")
    crowd.back("g3")
    crowd.advance(1.0)
    crowd.step()
    assert presences(crowd.news("ada")) == [(66, ("first",), ())]


def test_a_room_that_becomes_small_hears_at_once_again() -> None:
    crowd = big_crowd()
    crowd.come("first")
    for name in ("g0", "g1", "g2"):
        crowd.go(name)
    told = presences(crowd.news("ada"))
    assert told == [(66, ("first",), ()), (64, (), ("g0", "g1")), (63, (), ("g2",))]


def test_a_rename_is_told_at_once_and_gathered_presence_comes_before_it() -> None:
    crowd = big_crowd(2, names="guest")
    crowd.come("first")
    crowd.come("second")
    crowd.go("g0")
    crowd.all_read()
    crowd.do("ada", Nick(id="n", name="g0"))  # a guest's name is free
    gathered, renamed = crowd.news("g1")
    assert presences([gathered]) == [(67, ("second",), ("g0",))]
    assert renamed == Renamed(old="ada", new="g0", id=1)
    crowd.advance(1.0)
    crowd.step()
    assert crowd.news("g1") == []


def test_nobody_is_left_to_tell_in_an_empty_room() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada")
    crowd.all_read()
    crowd.go("ada")
    assert crowd.news("bob") == [Presence(room=LOBBY, count=1, left=("ada",), left_ids=(1,), left_how=("quit",))]


@pytest.mark.parametrize(("more", "told"), [(0, True), (1, False)])
def test_typing_is_spared_in_a_big_room(more: int, told: bool) -> None:  # noqa: FBT001 - a table's column
    crowd = big_crowd(more)
    assert crowd.do("ada", Typing(id="t", room=LOBBY)) == Ok(id="t")
    assert crowd.news("g0") == ([TypingNotice(room=LOBBY, name="ada", id=1)] if told else [])


def test_a_big_room_does_not_hear_of_a_departure_that_was_undone() -> None:
    crowd = big_crowd(5)
    crowd.enter("#big", *crowd.who)
    for _ in range(2):  # as in big_crowd
        crowd.advance(1.0)
        crowd.step()
    crowd.do("g0", Leave(id="l", room="#big"))  # is told at once, so what follows is gathered
    crowd.all_read()
    crowd.ask(crowd.who["g1"], Leave(id="l", room="#big"))
    crowd.fail()
    crowd.do("g2", Leave(id="l", room="#big"))
    crowd.advance(1.0)
    crowd.step()
    assert [left for _, _, left in presences(crowd.news_of("ada", Presence))] == [("g2",)]
