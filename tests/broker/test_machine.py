"""The broker keeps its promises whatever a crowd does to it, in whatever order."""

from __future__ import annotations

import os

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.broker.hub_model import HubModel
from tests.broker.machine import BrokerMachine
from trio_chat.broker import BrokerSettings
from trio_chat.protocol.events import Error, Ok, Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Hello, Join, Leave, Send, SetPassword

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
"""Whether to look for longer, at examples that follow from ``--hypothesis-seed``, as ``nox -s fuzz`` does."""

SHORT_RUN = settings(max_examples=60, stateful_step_count=50, derandomize=True, database=None, deadline=None)
LONG_RUN = settings(SHORT_RUN, max_examples=250, stateful_step_count=80, derandomize=False, print_blob=True)


@pytest.mark.search
@pytest.mark.parametrize("part", range(16 if LONG else 1))  # parts, for no test may take long
def test_promises_hold_in_any_order(part: int, pytestconfig: pytest.Config) -> None:
    if not LONG:
        run_state_machine_as_test(BrokerMachine, settings=SHORT_RUN)
        return
    run_seed = pytestconfig.getoption("hypothesis_seed")
    machine = type(BrokerMachine.__name__, (BrokerMachine,), {})  # each part has a seed of its own, kept by its class
    run_state_machine_as_test(seed(f"{run_seed}, part {part}")(machine), settings=LONG_RUN)


def test_a_message_is_acknowledged_whose_room_its_owner_removes_in_the_same_batch() -> None:
    """A found example: the message is stored, and goes with the room."""
    hub = HubModel(BrokerSettings())
    ada = hub.connect(Hello(id="", name="ada"))
    hub.ask(ada, Join(id="j", room="#b"))
    hub.commit()
    hub.ask(ada, Send(id="s", room="#b", text="may I?"))
    hub.ask(ada, Leave(id="l", room="#b", remove=True))
    hub.commit()
    hub.check()
    told = [event for event in hub.inboxes[ada] if isinstance(event, Ok)]
    assert [(event.id, event.room, event.seq) for event in told] == [("s", "#b", 1), ("l", "#b", None)]
    assert hub.kept.room("#b") is None


def test_a_message_sent_again_after_its_room_was_removed_is_refused() -> None:
    """A found example: it was acknowledged once more, for a room that is not there."""
    hub = HubModel(BrokerSettings())
    ada = hub.connect(Hello(id="", name="ada"))
    hub.ask(ada, Join(id="j", room="#b"))
    for request in (Send(id="s", room="#b", text="hello"), Leave(id="l", room="#b", remove=True)):
        hub.ask(ada, request)
        hub.commit()
    hub.ask(ada, Send(id="s", room="#b", text="hello"))
    hub.commit()
    hub.check()
    answers = [event for event in hub.inboxes[ada] if isinstance(event, Ok | Error) and event.id == "s"]
    assert [answer.code if isinstance(answer, Error) else answer.seq for answer in answers] == [1, "unknown_room"]
    assert hub.kept.room("#b") is None


def test_a_session_that_came_by_a_password_that_was_not_stored_is_sent_away() -> None:
    """A found example: the session went on, though no password was right for the account."""
    hub = HubModel(BrokerSettings())
    ada = hub.connect(Hello(id="", name="ada"))
    hub.commit()
    hub.ask(ada, SetPassword(id="p", password="my own secret"))
    other = hub.connect()
    assert isinstance(hub.ask(other, Hello(id="h", name="ada", account_password="my own secret")), Welcome)
    by_header = hub.connect(Hello(id="", name="ada", account_password="my own secret"))
    hub.fail()
    hub.check()
    assert hub.open == {ada}
    for session, request in ((other, "h"), (by_header, "")):
        (told,) = hub.inboxes[session]
        assert isinstance(told, Error)
        assert (told.id, told.code) == (request, "not_stored")


def test_a_session_that_came_by_the_stored_password_stays_when_another_password_is_not_stored() -> None:
    hub = HubModel(BrokerSettings())
    ada = hub.connect(Hello(id="", name="ada"))
    hub.ask(ada, SetPassword(id="p", password="the first"))
    hub.commit()
    first = hub.connect(Hello(id="", name="ada", account_password="the first"))
    hub.commit()
    second = hub.connect(Hello(id="", name="ada", account_password="the first"))
    hub.ask(second, SetPassword(id="q", password="the second"))
    third = hub.connect(Hello(id="", name="ada", account_password="the second"))
    hub.fail()
    hub.check()
    assert hub.open == {ada, first, second}
    assert third not in hub.open
    hub.ask(first, SetPassword(id="r", password="the third"))
    hub.commit()
    hub.ask(ada, SetPassword(id="s", password="the fourth"))
    hub.fail()
    hub.check()
    assert hub.open == {ada, first, second}, "they came by a password that was changed since"


def test_a_person_whose_name_was_to_be_freed_in_a_lost_batch_hears_who_is_sent_away_with_it() -> None:
    """A found example."""
    hub = HubModel(BrokerSettings(idle_timeout=30.0))
    ada, bob = (hub.connect(Hello(id="", name=name)) for name in ("ada", "bob"))
    hub.commit()
    hub.order("reset-name", "bob")
    newcomer = hub.connect()
    hub.ask(newcomer, Hello(id="h", name="cyd"))
    hub.ask(ada, SetPassword(id="p", password="my own secret"))
    by_password = hub.connect()
    hub.ask(by_password, Hello(id="h", name="ada", account_password="my own secret"))
    hub.close(ada)
    hub.fail()
    hub.check()
    assert hub.open == {bob}
    assert hub.names_in(LOBBY) == {"bob"}


def test_a_person_who_hangs_up_when_sent_away_by_a_lost_batch_is_gone() -> None:
    """A found example."""
    hub = HubModel(BrokerSettings())
    ada, bob = (hub.connect(Hello(id="", name=name)) for name in ("ada", "bob"))
    hub.commit()
    hub.order("reset-name", "bob")
    hub.close(bob)
    hub.fail()
    hub.check()
    assert hub.open == {ada}
    assert hub.names_in(LOBBY) == {"ada"}


def test_a_person_whose_entering_was_undone_hears_nothing_of_people_who_leave_with_the_batch() -> None:
    """A batch in which one comes and a silent one is sent away, and which cannot be stored."""
    hub = HubModel(BrokerSettings(idle_timeout=30.0))
    for name in ("ada", "bob"):
        hub.connect(Hello(id="", name=name))
    hub.advance(31.0)
    newcomer = hub.connect()
    hub.ask(newcomer, Hello(id="h", name="cyd"))
    hub.fail()
    hub.check()
    assert [event.code for event in hub.inboxes[newcomer] if isinstance(event, Error)] == ["not_stored"]
    assert len(hub.inboxes[newcomer]) == 1, "an outsider heard more than the refusal"
