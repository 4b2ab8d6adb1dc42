"""The state machine's checks bite: a broker that breaks a promise on purpose is found out, and by the right check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.broker.machine import BrokerMachine
from trio_chat.broker import Broker, arrival, presence, rooms, talk
from trio_chat.broker.commands import COMMANDS
from trio_chat.broker.effects import Reply, Unsubscribe
from trio_chat.broker.state import Person, Room, Session
from trio_chat.protocol import requests

SHORT = settings(
    max_examples=400,  # at the most: the first that fails ends it
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # whether it fails is asked, not how shortly that can be told
    report_multiple_bugs=False,
)

Patch = pytest.MonkeyPatch
TABLE: dict[Any, Any] = COMMANDS  # a patch may put anything in


def let_a_second_holder_in(patch: Patch) -> None:
    patch.setattr(arrival, "_taken", lambda broker, name, by=None: None)


def look_at_keys_only(patch: Patch) -> None:
    """Refuse the same name, not one that looks the same."""
    taken = arrival._taken

    def keys_only(broker: Broker, name: Any, by: Person | None = None) -> Any:
        refusal = taken(broker, name, by)
        return None if refusal is not None and refusal.code == "name_lookalike" else refusal

    patch.setattr(arrival, "_taken", keys_only)


def keep_the_name_of_who_left(patch: Patch) -> None:
    def depart(broker: Broker, session: Session, person: Person, now: float, effects: list[Any]) -> None:
        person.sessions.discard(session.id)

    patch.setattr(arrival, "depart", depart)


def skip_a_number(patch: Patch) -> None:
    number_next = rooms.number_next

    def skipping(broker: Broker, room: Room, *undo: Callable[[], object]) -> int:
        room.last += room.last == 2
        return number_next(broker, room, *undo)

    patch.setattr(rooms, "number_next", skipping)


def let_who_left_hear_on(patch: Patch) -> None:
    unsubscribe = rooms.unsubscribe

    def deaf(person: Person, room: Room, effects: list[Any], but: int | None = None) -> None:
        unsubscribe(person, room, effects, but)
        effects[:] = [effect for effect in effects if not isinstance(effect, Unsubscribe)]

    patch.setattr(rooms, "unsubscribe", deaf)


def show_the_past_to_newcomers(patch: Patch) -> None:
    enter = rooms.enter

    def without_floor(broker: Broker, person: Person, room: Room) -> None:
        enter(broker, person, room)
        person.floors.pop(room.name, None)

    patch.setattr(rooms, "enter", without_floor)


def change_something_and_refuse(patch: Patch) -> None:
    command = COMMANDS[requests.Nick]

    def resentful(broker: Broker, session: Session, request: requests.Nick, now: float, effects: list[Any]) -> Any:
        refusal = command.handler(broker, session, request, now, effects)
        if refusal is not None:
            rooms.person_of(session).away = "hurt"
        return refusal

    patch.setitem(TABLE, requests.Nick, command._replace(handler=resentful))


def answer_twice(patch: Patch) -> None:
    command = COMMANDS[requests.Typing]

    def talkative(broker: Broker, session: Session, request: requests.Typing, now: float, effects: list[Any]) -> Any:
        refusal = command.handler(broker, session, request, now, effects)
        effects.extend([effect for effect in effects if isinstance(effect, Reply)])
        return refusal

    patch.setitem(TABLE, requests.Typing, command._replace(handler=talkative))


def forget_what_was_sent(patch: Patch) -> None:
    patch.setattr(talk, "RECENT", 0)


def take_nothing_back(patch: Patch) -> None:
    take_back = Broker.take_back

    def stubborn(broker: Broker, effects: Any) -> Any:
        broker.undo.clear()
        return take_back(broker, effects)

    patch.setattr(Broker, "take_back", stubborn)


def count_wrongly(patch: Patch) -> None:
    came = presence.came

    def early(broker: Broker, room: Room, name: str, now: float, effects: list[Any]) -> None:
        person = room.members.popitem()
        came(broker, room, name, now, effects)
        room.members.update([person])

    patch.setattr(presence, "came", early)


def answer_the_closed(patch: Patch) -> None:
    close = Broker.close

    def half_closed(broker: Broker, session: int, now: float) -> Any:
        known = broker.sessions.get(session)
        effects = close(broker, session, now)
        if known is not None and known.person is not None:
            broker.sessions[session] = known
        return effects

    patch.setattr(Broker, "close", half_closed)


SABOTAGES: list[tuple[Callable[[Patch], None], str]] = [
    (let_a_second_holder_in, "a name is held twice|two people look alike"),
    (look_at_keys_only, "two people look alike"),
    (keep_the_name_of_who_left, "the broker has other people than it said"),
    (skip_a_number, "line 4 follows 2"),
    (let_who_left_hear_on, "heard by who is not in it|not heard by exactly its members"),
    (show_the_past_to_newcomers, "a newcomer is shown a conversation's past|another's conversation"),
    (change_something_and_refuse, "a refused request changed something"),
    (answer_twice, "2 answers to one request"),
    (forget_what_was_sent, "a message sent twice was stored twice"),
    (take_nothing_back, r"\d+ numbers for \d+ lines"),
    (count_wrongly, "a wrong count of people"),
    (answer_the_closed, "the broker knows other sessions than are open"),
]


@pytest.mark.parametrize(("sabotage", "found"), SABOTAGES, ids=[sabotage.__name__ for sabotage, _ in SABOTAGES])
def test_a_broken_promise_is_found(monkeypatch: Patch, sabotage: Callable[[Patch], None], found: str) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=found):
        run_state_machine_as_test(BrokerMachine, settings=SHORT)


def test_without_sabotage_nothing_is_found() -> None:
    run_state_machine_as_test(BrokerMachine, settings=settings(SHORT, max_examples=20))
