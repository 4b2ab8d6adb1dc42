"""How often an address and its network may connect."""

from __future__ import annotations

import pytest

from trio_chat.server.net.attempts import Attempts


def taken(attempts: Attempts, address: str, count: int, now: float = 0.0) -> int:
    """How many of some connections are counted."""
    return sum(attempts.take(address, now) for _ in range(count))


def test_an_address_may_connect_in_a_burst_and_then_at_a_rate() -> None:
    attempts = Attempts(on=True)
    assert taken(attempts, "192.0.2.1", 200) == 64
    assert taken(attempts, "192.0.2.1", 200, now=0.05) == 0
    assert taken(attempts, "192.0.2.1", 200, now=1.0) == 16
    assert taken(attempts, "192.0.2.1", 200, now=5.0) == 64


def test_what_is_refused_is_no_debt_and_does_not_count_against_the_network() -> None:
    attempts = Attempts(on=True)
    assert taken(attempts, "192.0.2.1", 10_000) == 64
    assert taken(attempts, "192.0.2.2", 10) == 10
    assert taken(attempts, "192.0.2.1", 1, now=0.1) == 1


def test_a_network_may_connect_as_often_as_four_addresses() -> None:
    attempts = Attempts(on=True)
    assert sum(taken(attempts, f"192.0.2.{number}", 40) for number in range(10)) == 4 * 64
    assert taken(attempts, "203.0.113.1", 20) == 20


def test_the_addresses_of_an_ipv6_64_are_one() -> None:
    attempts = Attempts(on=True)
    assert sum(taken(attempts, f"2001:db8::{number}", 20) for number in range(4)) == 64
    assert taken(attempts, "2001:db8:0:1::1", 20) == 20


@pytest.mark.parametrize(("on", "address"), [(True, "127.0.0.1"), (True, "::1"), (False, "192.0.2.1")])
def test_this_machine_and_a_server_without_that_limit_have_none(on: bool, address: str) -> None:  # noqa: FBT001 - a column of the table
    assert taken(Attempts(on=on), address, 1000) == 1000
