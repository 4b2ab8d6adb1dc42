"""Which addresses and hosts only reach this machine."""

from __future__ import annotations

import pytest

from trio_chat.addresses import is_loopback, is_this_machine


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("fe80::1%eth0", False),
        ("::", False),
        ("0.0.0.0", False),
        ("localhost", False),  # a name, not an address: a peer's address is never a name
        ("", False),
    ],
)
def test_loopback_addresses_are_told_from_all_others(address: str, loopback: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_loopback(address) is loopback
    assert is_this_machine(address) is (loopback or address == "localhost")


def test_localhost_is_this_machine_however_it_is_written() -> None:
    for host in ("localhost", "LocalHost", "localhost."):
        assert is_this_machine(host)
    assert not is_this_machine("localhost.example")
