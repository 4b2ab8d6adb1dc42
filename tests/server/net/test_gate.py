"""The gate: the number of connections, in all and from one address."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from trio_chat.errors import Refusal
from trio_chat.server.net.gate import Gate


def test_as_many_as_the_limit_are_let_in_and_the_next_is_told_so() -> None:
    gate = Gate(2, 0)
    with gate.enter("192.0.2.1") as one, gate.enter("192.0.2.2") as two, gate.enter("192.0.2.3") as three:
        assert (one, two) == (None, None)
        assert isinstance(three, Refusal)
        assert three.code == "server_full"
        assert gate.inside == 2
        assert repr(gate) == "<Gate 2 of 2 inside>"
    assert gate.inside == 0


def test_a_connection_that_ends_makes_room() -> None:
    gate = Gate(1, 0)
    with gate.enter("192.0.2.1") as first:
        assert first is None
    with gate.enter("192.0.2.2") as second:
        assert second is None


def test_one_address_gets_no_more_than_its_share_and_others_are_unharmed() -> None:
    gate = Gate(100, 2)
    with ExitStack() as stack:
        found = [stack.enter_context(gate.enter("192.0.2.1")) for _ in range(3)]
        assert [refusal and refusal.code for refusal in found] == [None, None, "too_many_from_address"]
        assert stack.enter_context(gate.enter("192.0.2.2")) is None
    with gate.enter("192.0.2.1") as again:
        assert again is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::1"])
def test_this_machine_has_no_limit_of_its_own(address: str) -> None:
    gate = Gate(100, 1)
    with ExitStack() as stack:
        assert [stack.enter_context(gate.enter(address)) for _ in range(5)] == [None] * 5


def test_an_error_inside_still_counts_out() -> None:
    gate = Gate(1, 1)
    with pytest.raises(KeyError), gate.enter("192.0.2.1"):
        raise KeyError
    assert gate.inside == 0
    assert gate._inside == {}


# ---- networks -------------------------------------------------------------------------------------


def test_the_addresses_of_a_64_of_ipv6_are_one_holders() -> None:
    gate = Gate(100, 2)
    with ExitStack() as stack:
        found = [stack.enter_context(gate.enter(f"2001:db8::{number}")) for number in range(3)]
        assert [refusal and refusal.code for refusal in found] == [None, None, "too_many_from_address"]
        assert stack.enter_context(gate.enter("2001:db8:0:1::1")) is None


def test_one_network_gets_half_of_all_connections() -> None:
    gate = Gate(10, 2)
    with ExitStack() as stack:
        found = [stack.enter_context(gate.enter(f"192.0.2.{number}")) for number in range(6)]
        assert [refusal and refusal.code for refusal in found] == [None] * 5 + ["too_many_from_network"]
        assert stack.enter_context(gate.enter("203.0.113.1")) is None
    assert gate._inside == {}


def test_a_network_may_have_what_one_of_its_addresses_may() -> None:
    gate = Gate(2, 256)
    with gate.enter("192.0.2.1") as one, gate.enter("192.0.2.2") as two:
        assert (one, two) == (None, None)


# ---- connections that have not logged in ----------------------------------------------------------


def test_a_connection_that_has_not_logged_in_gives_way_to_a_newcomer_from_elsewhere() -> None:
    gate = Gate(2, 0)
    sent_away: list[str] = []
    known: set[str] = set()
    with ExitStack() as stack:

        def enter(name: str, address: str) -> str | None:
            refusal = stack.enter_context(gate.enter(address, lambda: name in known, lambda: sent_away.append(name)))
            return None if refusal is None else refusal.code

        assert [enter("first", "192.0.2.1"), enter("second", "192.0.2.1")] == [None, None]
        assert enter("third", "192.0.2.1") == "server_full"  # it has no better claim to the place
        assert enter("newcomer", "203.0.113.1") is None
        assert (sent_away, gate.inside) == (["first"], 2)
        known.update({"second", "newcomer"})
        assert enter("another", "198.51.100.1") == "server_full"
    assert (sent_away, gate.inside, gate._inside, gate._crowd.size) == (["first"], 0, {}, 0)
