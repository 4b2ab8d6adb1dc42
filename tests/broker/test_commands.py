"""The table of commands: every request has its row, and an illegal one is refused and changes nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.broker.asking import handle
from tests.broker.invariants import summary
from tests.broker.scenario import EXAMPLES, Crowd
from trio_chat.broker.commands import COMMANDS, PASSIVE
from trio_chat.broker.state import Role, State
from trio_chat.errors import refuse
from trio_chat.protocol.events import Error, Ok
from trio_chat.protocol.requests import REQUESTS, Ban, Configure, Hello, Ping, Request, Search, Send, SetPassword, Who

AFTER_HELLO = [kind for kind in REQUESTS if COMMANDS[kind].state is State.PRESENT]
ABOUT_ROOMS = [kind for kind in REQUESTS if hasattr(EXAMPLES[kind], "room")]
OF_MEMBERS = [kind for kind in REQUESTS if COMMANDS[kind].role is not Role.NOBODY]


def crowd_with_ops() -> Crowd:
    crowd = Crowd("ada", "bob", "cyd", invite_key=b"not so random")
    crowd.enter("#ops", "ada", "bob")
    crowd.say("bob", "first", room="#ops")
    crowd.say("ada", "second", room="#ops")
    crowd.do("ada", Ban(id="b", room="#ops", network="192.0.2.7"))
    crowd.news("ada")
    return crowd


def test_each_request_has_one_row() -> None:
    assert set(COMMANDS) == set(REQUESTS) == set(EXAMPLES)
    assert set(COMMANDS) >= PASSIVE


def test_each_request_costs_something() -> None:
    assert all(command.cost > 0 for command in COMMANDS.values())
    assert COMMANDS[Send].cost == 1.0


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
def test_a_request_in_its_place_gets_one_answer_of_its_kind(kind: type[Request]) -> None:
    crowd = crowd_with_ops()
    asker = crowd.connect() if kind is Hello else crowd.session("ada")
    crowd.order("promote", "ada")  # so that ada may make an invite
    crowd.do("ada", EXAMPLES[SetPassword])  # so that even the only device may be revoked
    assert not isinstance(crowd.do(asker, EXAMPLES[kind]), Error)


@pytest.mark.parametrize("spelling", ["#OPS", "ops", "#\uff2f\uff30\uff33"])
@pytest.mark.parametrize("kind", ABOUT_ROOMS, ids=lambda kind: kind.__name__)
def test_a_room_is_understood_however_it_is_spelled(kind: type[Request], spelling: str) -> None:
    answers, heard = [], []
    for room in ("#ops", spelling):
        crowd = crowd_with_ops()
        crowd.order("promote", "ada")
        if kind is Search:
            crowd.say("ada", "hello", room="#ops")
        crowd.all_read()
        answers.append(crowd.do("ada", replace(EXAMPLES[kind], room=room)))
        heard.append([crowd.news(who) for who in ("ada", "bob", "cyd")])
    assert not isinstance(answers[0], Error)
    assert answers[1] == answers[0]
    assert heard[1] == heard[0]


def test_a_hidden_room_is_as_if_it_were_not_there_however_it_is_spelled() -> None:
    crowd = crowd_with_ops()
    crowd.do("ada", Configure(id="c", room="#ops", private=True))
    told = [crowd.refused("cyd", Who(id="w", room=room)).message for room in ("#ops", "#OPS", "#NONE")]
    assert told == [f"There is no room '{room}'." for room in ("#ops", "#ops", "#none")]


@pytest.mark.parametrize("kind", AFTER_HELLO, ids=lambda kind: kind.__name__)
def test_before_hello_nothing_else_is_done(kind: type[Request]) -> None:
    crowd = crowd_with_ops()
    nameless = crowd.connect()
    before = summary(crowd.broker)
    assert crowd.refused(nameless, EXAMPLES[kind]).code == "not_greeted"
    assert summary(crowd.broker) == before
    crowd.do(nameless, Hello(id="h", name="zoe"))
    assert crowd.name_of(nameless) == "zoe"


def test_hello_is_said_once() -> None:
    crowd = crowd_with_ops()
    before = summary(crowd.broker)
    assert crowd.refused("ada", EXAMPLES[Hello]).code == "greeted_already"
    assert summary(crowd.broker) == before


@pytest.mark.parametrize("kind", OF_MEMBERS, ids=lambda kind: kind.__name__)
def test_a_request_for_members_is_refused_to_others(kind: type[Request]) -> None:
    crowd = crowd_with_ops()
    before = summary(crowd.broker)
    refusal = crowd.refused("cyd", EXAMPLES[kind])
    assert (refusal.code, refusal.message) == ("not_a_member", "You are not in #ops.")
    assert summary(crowd.broker) == before


@pytest.mark.parametrize("kind", OF_MEMBERS, ids=lambda kind: kind.__name__)
def test_a_conversation_of_others_is_as_if_it_were_not_there(kind: type[Request]) -> None:
    crowd = Crowd("ada", "bob", "cyd")
    room = crowd.say("ada", "psst", "bob").room
    assert crowd.refused("cyd", replace(EXAMPLES[kind], room=room)).code == "unknown_room"


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
def test_a_closed_session_causes_nothing(kind: type[Request]) -> None:
    crowd = crowd_with_ops()
    gone = crowd.session("ada")
    crowd.go("ada")
    crowd.all_read()
    assert crowd.ask(gone, EXAMPLES[kind]) is None
    crowd.step()
    assert crowd.news("bob") == crowd.news("cyd") == []


def test_a_session_that_never_was_and_one_closed_twice_cause_nothing() -> None:
    crowd = crowd_with_ops()
    assert handle(crowd.broker, 99, Ping(id="p"), crowd.now) == []
    assert crowd.broker.reject(99, "p", refuse("not_an_object"), crowd.now) == []
    assert crowd.broker.close(99, crowd.now) == []


def test_an_unreadable_request_is_answered_and_leaves_the_session_usable() -> None:
    crowd = crowd_with_ops()
    crowd.reject(crowd.session("ada"), "n", refuse("not_json", why="it ends too soon"))
    crowd.step()
    (error,) = crowd.news("ada")
    assert isinstance(error, Error)
    assert (error.id, error.code, error.message) == ("n", "not_json", "The request is not JSON: it ends too soon.")
    assert isinstance(crowd.say("ada", "still here"), Ok)
    assert crowd.news("bob") != []
