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


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
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
