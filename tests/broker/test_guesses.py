"""Guesses: wrong passwords are counted by the address and by the network that they come from."""

from __future__ import annotations

from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.guesses import Guesses
from trio_chat.errors import Refusal
from trio_chat.protocol.requests import Hello

THERE = "192.0.2.7"


def greet(broker: Broker, session: int, password: str, now: float, address: str = THERE) -> str:
    """Say hello from an address. Returns the code of the refusal, if there is one."""
    broker.open(session, now, token=f"t{session}", number=session, address=address)
    greeted = broker.greet(session, Hello(id="", name=f"ada{session}", password=password), now)
    broker.settle()
    return greeted.code if isinstance(greeted, Refusal) else ""


def test_a_place_that_guesses_the_servers_password_has_to_slow_down_and_others_need_not() -> None:
    broker = Broker(BrokerSettings(password="secret"))
    assert [greet(broker, n, "wrong", 0.0) for n in range(1, 13)] == ["wrong_password"] * 10 + ["too_many_guesses"] * 2
    assert greet(broker, 20, "secret", 0.0) == "too_many_guesses", "it must not learn that this is right"
    assert greet(broker, 21, "secret", 0.0, "198.51.100.1") == ""
    assert greet(broker, 22, "secret", 6.1) == ""
    assert [greet(broker, n, "secret", 6.1, "198.51.100.1") for n in range(30, 60)] == [""] * 30


def test_guesses_are_spent_also_where_a_hello_is_refused_and_its_changes_are_undone() -> None:
    broker = Broker(BrokerSettings(password="secret"))
    for number in range(10):
        greet(broker, number, "wrong", 0.0)
    broker.journal.undo()
    assert greet(broker, 10, "wrong", 0.0) == "too_many_guesses"


def test_an_account_password_is_not_checked_for_a_place_without_guesses_or_with_a_wrong_server_password() -> None:
    broker = Broker(BrokerSettings(password="secret"))
    greet(broker, 1, "secret", 0.0)
    broker.people["ada1"].password = "the hash"
    right = Hello(id="", name="ada1", password="secret", account_password="mine")
    wrong = Hello(id="", name="ada1", password="wrong", account_password="mine")
    assert broker.wants_proof(right, 0.0, THERE) == "the hash"
    assert broker.wants_proof(wrong, 0.0, THERE) is None
    for number in range(2, 12):
        greet(broker, number, "wrong", 0.0)
    assert broker.wants_proof(right, 0.0, THERE) is None


def taken(guesses: Guesses, addresses: list[str], now: float = 0.0, key: str | None = None) -> list[bool]:
    return [guesses.take(address, now, key) is None for address in addresses]


def test_a_network_has_four_times_the_guesses_of_an_address() -> None:
    guesses = Guesses()
    assert taken(guesses, [f"192.0.2.{n}" for n in range(41)]) == [True] * 40 + [False]
    assert taken(guesses, ["192.0.3.1"]) == [True]
    assert guesses.wait("192.0.2.99", 0.0) == 1.5
    v6 = [f"2001:db8:1:{n:x}::1" for n in range(41)]
    assert taken(guesses, v6) == [True] * 40 + [False]
    assert taken(guesses, ["2001:db8:2::1"]) == [True]
    assert taken(guesses, ["not an address"] * 11) == [True] * 10 + [False]


def test_those_behind_a_proxy_on_this_machine_have_the_guesses_of_a_network_or_those_of_a_key() -> None:
    guesses = Guesses()
    assert taken(guesses, ["127.0.0.1", "::1"] * 20 + ["127.0.0.1"]) == [True] * 40 + [False]
    assert taken(guesses, ["127.0.0.1"] * 11, key="name ada") == [True] * 10 + [False]
    assert taken(guesses, ["127.0.0.1"], key="name bob") == [True]
    guesses.give_back("127.0.0.1", 0.0, "name ada")
    assert taken(guesses, ["127.0.0.1"] * 2, key="name ada") == [True, False]
