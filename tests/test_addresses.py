"""Which addresses and hosts only reach this machine."""

from __future__ import annotations

import pytest

from trio_chat.addresses import is_loopback, is_this_machine, read_address, read_authority, read_network


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


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.50", "192.0.2.50"),
        ("::ffff:192.0.2.50", "192.0.2.50"),
        ("::FFFF:c000:0232", "192.0.2.50"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.50%eth0", "192.0.2.50"),
    ],
)
def test_an_address_has_one_form_however_it_is_written(text: str, address: str) -> None:
    assert str(read_address(text)) == address


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.50", "192.0.2.50/32"),
        ("::ffff:192.0.2.50", "192.0.2.50/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:DB8::7/64", "2001:db8::/64"),
    ],
)
def test_a_network_has_one_form_however_it_is_written(text: str, network: str) -> None:
    assert str(read_network(text)) == network


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fe80::1%", "zone"),
        ("fe80::1%eth0", "zone"),
        ("fe80::1%\x1b[2J", "zone"),
        ("fe80::%x/64", "zone"),
        ("nonsense", "does not appear to be"),
        ("", "does not appear to be"),
        ("1.2.3.4/33", "does not appear to be"),
    ],
)
def test_a_zone_or_any_other_text_is_no_network(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_network(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Chat.Example.", "chat.example", None),
        ("chat.example:9000", "chat.example", 9000),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
        ("[::1]", "::1", None),
        ("[::1]:1", "::1", 1),
        ("[::ffff:192.0.2.1]", "192.0.2.1", None),
        ("2001:DB8::1", "2001:db8::1", None),
    ],
)
def test_a_host_is_read_with_its_port_in_the_form_in_which_hosts_are_compared(
    text: str, host: str, port: int | None
) -> None:
    assert read_authority(text) == (host, port)


@pytest.mark.parametrize("text", ["", "a b", "chat.example:0", "chat.example:65536", "[::1]:0", "[::1]:65536", "[::g]"])
def test_what_is_no_host_or_has_no_possible_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no host|no port|not appear|At least"):
        read_authority(text)
