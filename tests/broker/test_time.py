"""Time: sessions that are silent for too long are disconnected, once."""

from __future__ import annotations

import pytest

from tests.broker.scenario import EXAMPLES, Crowd
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.commands import PASSIVE
from trio_chat.broker.effects import Disconnect
from trio_chat.broker.state import Session, later, seconds, stamp
from trio_chat.protocol.events import Presence
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import REQUESTS, Hello, Join, Ping, Read, Request


@pytest.mark.parametrize("now", [1700000000.1999998, 1700000000.1996, 1700000000.0])
def test_an_end_in_the_future_is_the_one_that_is_stored(now: float) -> None:
    end = later(now, 20.0)
    assert seconds(stamp(end)) == end
    assert end == pytest.approx(now + 20, abs=0.001)


def farewells(crowd: Crowd, seconds: float) -> list[tuple[int, str, str]]:
    """Let time pass. Returns the sessions that this disconnected, each with its code and words."""
    crowd.advance(seconds)
    goodbyes = [effect for effect in crowd.waiting() if isinstance(effect, Disconnect)]
    crowd.step()
    return [(effect.session, effect.reason.code, effect.reason.message) for effect in goodbyes]


def test_an_idle_session_is_told_good_bye_once() -> None:
    crowd = Crowd("ada", "bob", idle_timeout=60.0)
    crowd.advance(30.0)
    crowd.say("bob", "still here")
    crowd.all_read()
    assert farewells(crowd, 29.9) == []
    assert farewells(crowd, 0.1) == [(1, "idle", "Bye! You sent nothing for 60 seconds.")]
    assert crowd.news("bob") == [Presence(room=LOBBY, count=1, left=("ada",), left_ids=(1,), left_how=("quit",))]
    assert farewells(crowd, 29.9) == []
    assert [session for session, *_ in farewells(crowd, 0.1)] == [2]


def test_bye_is_said_once_even_before_the_connection_is_gone() -> None:
    crowd = Crowd("ada", idle_timeout=60.0)
    now = crowd.now + 60.0
    (bye,) = crowd.broker.tick(now)
    assert isinstance(bye, Disconnect)
    assert bye.reason.fault.close == 1000
    assert crowd.broker.tick(now) == crowd.broker.tick(now + 600.0) == []
    assert crowd.broker.due() is None


@pytest.mark.parametrize("kind", [kind for kind in REQUESTS if kind is not Hello], ids=lambda kind: kind.__name__)
def test_a_request_that_a_client_sends_by_itself_is_no_activity(kind: type[Request]) -> None:
    crowd = Crowd("ada", idle_timeout=60.0)
    crowd.enter("#ops", "ada")
    crowd.advance(30.0)
    crowd.ask(crowd.who["ada"], EXAMPLES[kind])
    assert bool(farewells(crowd, 30.0)) is (kind in PASSIVE)


def test_ping_read_received_history_and_who_are_requests_that_a_client_sends_by_itself() -> None:
    assert {kind.__name__ for kind in PASSIVE} == {"Ping", "Read", "Received", "History", "Who"}


def test_each_device_is_idle_by_itself() -> None:
    crowd = Crowd("ada", "bob", idle_timeout=60.0)
    crowd.come("ada", "phone", token=crowd.tokens[crowd.who["ada"]])
    crowd.advance(30.0)
    crowd.say("phone", "here")
    crowd.say("bob", "here")
    crowd.all_read()
    assert [session for session, *_ in farewells(crowd, 30.0)] == [crowd.who["ada"]]
    assert crowd.news("bob") == []  # ada is still here, on her phone


def test_by_default_nobody_is_ever_idle() -> None:
    crowd = Crowd("ada")
    assert crowd.broker.due() is None or crowd.broker.due() == crowd.now + 10.0
    assert farewells(crowd, 1e6) == []
    assert crowd.broker.due() is None


def test_a_connection_that_never_says_hello_is_closed_with_the_reason() -> None:
    crowd = Crowd("ada")
    nameless = crowd.connect()
    assert crowd.broker.due() == crowd.now + 10.0
    assert farewells(crowd, 9.9) == []
    assert farewells(crowd, 0.1) == [(nameless, "hello_timeout", "Your client sent no hello within 10 seconds.")]
    assert crowd.news("ada") == []


def test_babbling_does_not_put_off_the_hello() -> None:
    crowd = Crowd("ada")
    nameless = crowd.connect()
    crowd.advance(9.0)
    crowd.refused(nameless, Ping(id="p"))
    crowd.refused(nameless, Hello(id="h", name="ada"))
    assert [session for session, *_ in farewells(crowd, 1.0)] == [nameless]


def test_after_a_hello_the_idle_time_counts_from_it() -> None:
    crowd = Crowd(idle_timeout=60.0)
    session = crowd.connect()
    crowd.advance(9.0)
    crowd.do(session, Hello(id="h", name="ada"))
    assert farewells(crowd, 59.9) == []
    assert [code for _, code, _ in farewells(crowd, 0.1)] == ["idle"]


def test_without_timeouts_nothing_is_ever_due() -> None:
    crowd = Crowd("ada", handshake_timeout=0.0)
    crowd.connect()
    assert crowd.broker.due() is None
    assert crowd.broker.tick(crowd.now + 1e9) == []


def test_being_refused_for_speed_is_no_typing() -> None:
    crowd = Crowd("ada", idle_timeout=60.0, rate=0.001, burst=5.0)
    for _ in range(8):
        crowd.ask(crowd.who["ada"], Join(id="j", room="#ops"))
    crowd.advance(30.0)
    crowd.ask(crowd.who["ada"], Join(id="j", room="#ops"))
    assert [code for _, code, _ in farewells(crowd, 30.0)] == ["idle"]


def test_the_clock_is_looked_at_no_earlier_than_the_first_is_due() -> None:
    crowd = Crowd("ada", "bob", idle_timeout=60.0)
    begun = crowd.now
    crowd.advance(15.0)
    crowd.say("ada", "x")
    crowd.advance(45.0)  # bob is due, ada is not
    crowd.step()
    crowd.advance(5.0)  # when bob was here last is stored
    crowd.step()
    assert crowd.broker.due() == begun + 75.0


def read(crowd: Crowd, seq: int) -> None:
    """Ada says up to where she has read."""
    crowd.ask(crowd.who["ada"], Read(id=f"r{seq}", room=LOBBY, seq=seq))


def reading() -> Crowd:
    """Bob has said two things, and ada has read the first."""
    crowd = Crowd("ada", "bob")
    for text in ("one", "two"):
        crowd.say("bob", text)
    read(crowd, 1)
    return crowd


def stored(crowd: Crowd) -> list[int]:
    """Up to where she has read, as it is stored."""
    ada = crowd.broker.people["ada"]
    return [kept.seq for kept in crowd.kept.reads.values() if kept.account == ada.id]


def test_read_positions_are_stored_half_a_second_after_the_first_change() -> None:
    crowd = reading()
    crowd.advance(0.4)
    read(crowd, 2)
    assert crowd.broker.due() == pytest.approx(crowd.now + 0.1)
    crowd.advance(0.1)
    crowd.commit()
    assert stored(crowd) == [2]


def test_read_positions_that_could_not_be_stored_are_stored_five_seconds_later() -> None:
    crowd = reading()
    crowd.advance(0.5)
    crowd.fail()
    again = crowd.now + 5.0
    assert crowd.broker.due() == again
    read(crowd, 2)
    assert crowd.broker.due() == again
    crowd.advance(5.0)
    crowd.commit()
    assert stored(crowd) == [2]


# ---- many sessions ------------------------------------------------------------------------------------


def test_a_session_is_checked_when_its_time_has_come_and_not_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(BrokerSettings(handshake_timeout=10.0, idle_timeout=0.0))
    for number in range(1000):
        broker.open(number, number / 1000, token=f"{number}", number=number)
    checked: list[int] = []
    expiry = broker.expiry

    def counted(session: Session) -> float:
        checked.append(session.id)
        return expiry(session)

    monkeypatch.setattr(broker, "expiry", counted)
    assert broker.due() == 10.0
    gone = broker.tick(10.0105)
    assert [effect.session for effect in gone if isinstance(effect, Disconnect)] == list(range(11))
    assert len(checked) == 11
    assert broker.due() == pytest.approx(10.011)


def test_of_many_sessions_that_expire_at_once_some_are_told_at_a_time_and_the_rest_is_due() -> None:
    broker = Broker(BrokerSettings(handshake_timeout=10.0))
    for number in range(1000):
        broker.open(number, 0.0, token=f"{number}", number=number)
    told: list[int] = []
    while (due := broker.due()) is not None and due <= 20.0:
        told += [effect.session for effect in broker.tick(20.0) if isinstance(effect, Disconnect)]
        broker.settle()
    assert told == list(range(1000))


def test_a_session_that_is_active_is_not_told_and_is_checked_again_later() -> None:
    broker = Broker(BrokerSettings(handshake_timeout=10.0))
    broker.open(1, 0.0, token="1", number=1)
    broker.sessions[1].active = 7.0
    assert broker.tick(10.0) == []
    assert broker.due() == 17.0
    assert [type(effect) for effect in broker.tick(17.0)] == [Disconnect]


def test_sessions_that_come_and_go_leave_nothing_behind() -> None:
    broker = Broker(BrokerSettings(handshake_timeout=1000.0))
    for number in range(20_000):
        broker.open(number, 0.0, token=f"{number}", number=number)
        broker.close(number, 0.0)
    assert len(broker._expiries) < 6000
    broker.open(1, 5.0, token="1", number=1)
    assert [effect.session for effect in broker.tick(1005.0) if isinstance(effect, Disconnect)] in ([1], [])
    while (due := broker.due()) is not None and due <= 1005.0:
        broker.tick(1005.0)
    assert broker.sessions[1].expired


def test_a_session_told_in_a_tick_that_failed_is_told_again() -> None:
    broker = Broker(BrokerSettings(handshake_timeout=10.0))
    broker.open(1, 0.0, token="1", number=1)
    assert len(broker.tick(10.0)) == 1
    assert broker.due() is None
    broker.journal.undo()
    assert broker.due() == 10.0
    assert len(broker.tick(10.0)) == 1


def test_the_last_visit_of_a_person_who_leaves_is_stored_soon() -> None:
    crowd = Crowd("ada", "bob")
    crowd.advance(100.0)
    crowd.go("ada")
    due = crowd.broker.due()
    assert due is not None
    assert due - crowd.now <= 0.5
    crowd.advance(0.5)
    crowd.step()
    crowd.restart(orderly=False)
    assert crowd.broker.people["ada"].seen == "2023-11-14T22:15:00.000Z"
