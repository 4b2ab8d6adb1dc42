"""Limits: how fast, how many, how long; and that memory is bounded."""

from __future__ import annotations

import pytest

from tests.broker.asking import handle
from tests.broker.scenario import Crowd
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.commands import COMMANDS
from trio_chat.broker.effects import Effect, Persist, Reply, Throttle
from trio_chat.broker.state import MENTIONED, SENT_IDS, UNDELIVERED, StoredMessage
from trio_chat.errors import refuse
from trio_chat.protocol.events import Error, Message, Ok, Room
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Delete, Hello, Join, Leave, Ping, Received, Send
from trio_chat.records import DropMention, SaveMention


def test_the_mentions_of_one_message_are_bounded() -> None:
    """Else one message that names everybody there is costs thousands of rows, for which all others wait."""
    names = [f"bob{number}" for number in range(60)]
    broker = Broker(BrokerSettings())
    for session, name in enumerate(["ada", *names], 1):
        broker.open(session, 0.0, token=f"t{session}", number=session)
        assert isinstance(broker.greet(session, Hello(id="", name=name), 0.0), list)
    effects = handle(broker, 1, Send(id="m", room=LOBBY, text=" ".join(f"@{name}" for name in names)), 0.0)
    called = [e.record.account for e in effects if isinstance(e, Persist) and isinstance(e.record, SaveMention)]
    assert sorted(called) == list(range(2, 2 + MENTIONED)), "the first that it names"


def fast_broker(rate: float = 10.0, burst: float = 20.0) -> Broker:
    """One session (1, ada) with a full bucket at time 100."""
    broker = Broker(BrokerSettings(rate=rate, burst=burst))
    broker.open(1, 0.0, token="t", number=1)
    broker.greet(1, Hello(id="", name="ada"), 0.0)
    broker.settle()
    return broker


def outcome(effects: list[Effect]) -> tuple[float, str]:
    """For how many seconds a session is slowed down, rounded, and how it was answered."""
    pause = next((round(effect.seconds, 6) for effect in effects if isinstance(effect, Throttle)), 0.0)
    errors = [e.event.code for e in effects if isinstance(e, Reply) and isinstance(e.event, Error)]
    return pause, errors[0] if errors else "done"


def send(broker: Broker, number: int, now: float = 100.0) -> tuple[float, str]:
    return outcome(handle(broker, 1, Send(id=f"m{number}", room=LOBBY, text="x"), now))


# ---- how fast ---------------------------------------------------------------------------------


def test_a_burst_passes_then_a_session_is_slowed_down_then_refused() -> None:
    broker = fast_broker()
    told = [send(broker, number) for number in range(42)]
    assert told[:20] == [(0.0, "done")] * 20
    assert told[20:40] == [((number + 1) / 10, "done") for number in range(20)]
    assert told[40:] == [(2.0, "too_fast")] * 2


def test_waiting_as_long_as_told_is_enough() -> None:
    broker = fast_broker()
    pause, _ = [send(broker, number) for number in range(40)][-1]
    assert send(broker, 99, 100.0 + pause + 0.1) == (0.0, "done")


def test_no_wait_fills_the_bucket_beyond_its_brim() -> None:
    broker = fast_broker()
    told = [send(broker, number, 1e6) for number in range(21)]
    assert [pause for pause, _ in told] == [0.0] * 20 + [0.1]


def test_a_refusal_for_speed_says_how_long_to_wait_and_changes_nothing() -> None:
    crowd = Crowd("ada", "bob", rate=1.0, burst=5.0)
    for _ in range(7):  # a hello took five
        crowd.ask(crowd.who["ada"], Ping(id="p"))
    for number in range(2):
        crowd.ask(crowd.who["ada"], Send(id=f"m{number}", room=LOBBY, text="x"))
    crowd.step()
    crowd.all_read()
    refusal = crowd.refused("ada", Send(id="m", room=LOBBY, text="too much"))
    assert (refusal.code, refusal.advice) == ("too_fast", "Wait 5.0 seconds, then continue.")


def test_without_a_rate_nothing_is_slowed_down() -> None:
    broker = fast_broker(rate=0.0)
    assert {send(broker, number) for number in range(500)} == {(0.0, "done")}


def test_a_session_that_is_too_fast_slows_nobody_else() -> None:
    broker = fast_broker()
    broker.open(2, 0.0, token="u", number=2)
    broker.greet(2, Hello(id="", name="bob"), 0.0)
    for number in range(60):
        send(broker, number)
    assert outcome(handle(broker, 2, Send(id="m", room=LOBBY, text="x"), 100.0)) == (0.0, "done")


def test_an_unreadable_request_costs_as_much_as_a_message() -> None:
    broker = fast_broker()
    told = [outcome(broker.reject(1, "", refuse("not_an_object"), 100.0)) for _ in range(41)]
    assert told[19:21] == [(0.0, "not_an_object"), (0.1, "not_an_object")]
    assert told[40][1] == "too_fast"


def test_guessing_passwords_is_slowed_down() -> None:
    broker = Broker(BrokerSettings(rate=1.0, burst=10.0))
    broker.open(1, 0.0, token="t", number=1)
    told = [outcome(handle(broker, 1, Hello(id="h", name="server"), 0.0)) for _ in range(5)]
    assert [code for _, code in told] == ["name_reserved"] * 4 + ["too_fast"]
    assert COMMANDS[Hello].cost == 5.0


# ---- how many, how long -----------------------------------------------------------------------


def test_the_rooms_of_a_person_are_limited_and_leaving_one_makes_place_for_another() -> None:
    crowd = Crowd("ada", max_rooms=3)
    crowd.enter("#a", "ada")
    crowd.enter("#b", "ada")
    crowd.all_read()
    refusal = crowd.refused("ada", Join(id="j", room="#c"))
    assert (refusal.code, refusal.message) == ("too_many_rooms", "You are in 3 rooms, the most allowed.")
    assert "#c" not in crowd.broker.rooms
    assert isinstance(crowd.do("ada", Join(id="j", room="#b")), Room)  # one that one is in already
    crowd.do("ada", Leave(id="l", room="#a"))
    assert isinstance(crowd.do("ada", Join(id="j", room="#c")), Room)


def test_conversations_that_others_began_keep_nobody_out_of_rooms() -> None:
    crowd = Crowd("ada", "bob", "cyd", "dan", max_rooms=3)
    for name in ("bob", "cyd", "dan"):
        crowd.say(name, "hello", "ada")
    crowd.enter("#a", "ada")
    crowd.enter("#b", "ada")
    assert len(crowd.broker.people["ada"].rooms) == 6
    assert crowd.refused("ada", Join(id="j", room="#c")).code == "too_many_rooms"


def test_a_person_who_begins_too_many_conversations_waits_and_can_use_those_they_have() -> None:
    crowd = Crowd("ada", "bob", "cyd", "dan", "eve", conversations=2)
    crowd.say("dan", "hello", "ada")
    assert crowd.refused("ada", Send(id="m", to=("bob",), text="x", reply_to=7)).code == "unknown_message"
    crowd.say("ada", "hello", "bob")
    crowd.say("ada", "hello", "cyd")
    refusal = crowd.refused("ada", Send(id="m", to=("eve",), text="x"))
    assert (refusal.code, refusal.message) == ("too_many_conversations", "You started too many direct conversations.")
    assert refusal.advice == "Continue one you have, or try again in 1800 seconds."
    crowd.say("ada", "and you?", "dan")
    crowd.say("ada", "still there?", "bob")
    crowd.say("eve", "hello", "ada")
    crowd.now += 1800
    assert crowd.say("ada", "hello", "bob", "cyd").room == "@ada+bob+cyd"
    assert crowd.refused("ada", Send(id="m", to=("cyd", "dan"), text="x")).code == "too_many_conversations"


def test_the_recipients_of_one_message_are_limited() -> None:
    crowd = Crowd("ada", "bob", "cyd", "dan", max_recipients=2)
    refusal = crowd.refused("ada", Send(id="m", to=("bob", "cyd", "dan"), text="x"))
    assert (refusal.code, refusal.message) == ("too_many_recipients", "The message has 3 recipients; the limit is 2.")
    assert crowd.say("ada", "x", "bob", "cyd").room == "@ada+bob+cyd"


def test_names_given_many_times_are_counted_before_they_are_looked_up() -> None:
    crowd = Crowd("ada", "bob", max_recipients=2)
    assert crowd.refused("ada", Send(id="m", to=("bob",) * 3, text="x")).code == "too_many_recipients"


# ---- what is remembered -----------------------------------------------------------------------


def test_sent_ids_are_remembered_for_long_but_not_for_ever() -> None:
    broker = fast_broker(rate=0.0)
    for number in range(SENT_IDS * 2):
        send(broker, number)
        broker.settle()
    person = broker.people["ada"]
    assert len(person.sent_ids) == SENT_IDS
    again = handle(broker, 1, Send(id=f"m{SENT_IDS}", room=LOBBY, text="x"), 100.0)
    assert [type(effect).__name__ for effect in again] == ["Acknowledge"]
    assert broker.rooms[LOBBY].last == SENT_IDS * 2


def test_unsigned_direct_messages_are_waited_for_up_to_a_number() -> None:
    crowd = Crowd("ada", "bob")
    for number in range(UNDELIVERED + 10):
        crowd.ask(crowd.who["ada"], Send(id=f"m{number}", to=("bob",), text="x"))
    crowd.step()
    (room,) = crowd.broker.direct.values()
    assert len(room.undelivered) == UNDELIVERED
    assert len(crowd.news_of("bob", Message)) == UNDELIVERED + 10
    assert crowd.do("bob", Received(id="r", room=room.name, seq=1)) == Ok(id="r")  # forgotten, and no harm


def test_the_unread_mentions_of_a_person_who_does_not_come_are_counted_up_to_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("talk", "restore"):
        monkeypatch.setattr(f"trio_chat.broker.{module}.MOST_MENTIONS", 20)
    crowd = Crowd("ada", "bob")
    for number in range(25):
        crowd.ask(crowd.who["ada"], Send(id=f"m{number}", room=LOBBY, text="@bob"))
    crowd.commit()  # the model counts them all
    bob, lobby = crowd.broker.people["bob"], crowd.broker.rooms[LOBBY]
    assert bob.mentions[lobby.id] == list(range(6, 26))
    stored = len(crowd.kept.mentions)
    restarted = crowd.kept.restarted(crowd.settings, crowd.now)
    assert restarted.people["bob"].mentions[lobby.id] == list(range(6, 26))
    assert stored == 25


def test_a_deleted_mention_that_is_not_counted_any_more_is_not_stored_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_chat.broker.talk.MOST_MENTIONS", 3)
    crowd = Crowd("ada", "bob")
    for number in range(5):
        crowd.ask(crowd.who["ada"], Send(id=f"m{number}", room=LOBBY, text="@bob"))
    crowd.commit()
    ada, lobby = crowd.broker.people["ada"], crowd.broker.rooms[LOBBY]
    first = crowd.news_of("bob", Message)[0]
    assert isinstance(first, Message)
    effects = handle(
        crowd.broker, crowd.who["ada"], Delete(id="d", room=LOBBY, target=1), crowd.now, StoredMessage(ada.id, first)
    )
    dropped = [e.record for e in effects if isinstance(e, Persist) and isinstance(e.record, DropMention)]
    assert dropped == [DropMention(lobby.id, 2, 1)]


def test_nothing_is_left_of_people_whose_names_were_reset() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada")
    for name in ("ada", "bob", "cyd"):
        crowd.order("reset-name", name)
        crowd.step()
    statistics = crowd.broker.statistics()
    assert (statistics.sessions, statistics.here, statistics.people, statistics.rooms) == (0, 0, 0, 1)
    assert repr(crowd.broker) == f"<Broker {statistics}>"
    assert (crowd.broker.people, crowd.broker.skeletons) == ({}, {})
