"""The authorities that are a server's own: for those alone it signs."""

from __future__ import annotations

import pytest

from trio_chat.server.doors.own_hosts import OwnHosts

LAN = ("192.0.2.7", 8765)
HERE = ("127.0.0.1", 8765)
HERE_6 = ("::1", 8765)


@pytest.mark.parametrize(
    ("header", "local", "own"),
    [
        ("192.0.2.7:8765", LAN, True),
        ("192.0.2.7", ("192.0.2.7", 443), True),
        ("192.0.2.7", ("192.0.2.7", 80), True),
        ("192.0.2.7", LAN, False),
        ("192.0.2.7:8766", LAN, False),
        ("192.0.2.8:8765", LAN, False),
        ("localhost:8765", LAN, False),
        ("127.0.0.1:8765", LAN, False),
        ("[::1]:8765", LAN, False),
        ("0.0.0.0:8765", LAN, False),
        ("localhost:8765", HERE, True),
        ("LocalHost.:8765", HERE, True),
        ("127.0.0.1:8765", HERE, True),
        ("[::1]:8765", HERE, False),  # somebody else may have the port there
        ("[::]:8765", HERE, False),
        ("[::1]:8765", HERE_6, True),
        ("[::]:8765", HERE_6, True),
        ("localhost:8765", HERE_6, False),
        ("127.0.0.1:8765", HERE_6, False),
        ("localhost:8765", ("::ffff:127.0.0.1", 8765), True),
        ("0.0.0.0:8765", HERE, True),
        ("localhost:9999", HERE, False),
        ("localhost", HERE, False),
        ("evil.localhost:8765", HERE, False),
        ("127.0.0.2:8765", HERE, False),
        ("127.0.0.2:8765", ("127.0.0.2", 8765), True),
        ("127.0.0.1:8765", ("127.0.0.2", 8765), False),
        ("localhost:8765", ("127.0.0.2", 8765), False),
        ("[2001:db8::7]:8765", ("2001:db8::7", 8765), True),
        ("[2001:DB8:0::7]:8765", ("2001:db8::7", 8765), True),
        ("[fe80::1%25eth0]:8765", ("fe80::1%eth0", 8765), True),
        ("192.0.2.7:8765", ("::ffff:192.0.2.7", 8765), True),
        ("chat.example:8765", LAN, False),
        ("chat.example@192.0.2.7:8765", LAN, False),
        ("192.0.2.7:8765:8765", LAN, False),
        ("192.0.2.7:", LAN, False),
        ("192.0.2.7:0", ("192.0.2.7", 0), False),
        ("192.0.2.7:99999", LAN, False),
        ("", LAN, False),
    ],
)
def test_an_address_is_own_where_the_connection_arrived(header: str, local: tuple[str, int], *, own: bool) -> None:
    assert OwnHosts((), "0.0.0.0").owns(header, local) is own


@pytest.mark.parametrize(
    ("entry", "header", "own"),
    [
        ("chat.example", "chat.example", True),
        ("chat.example", "CHAT.example.", True),
        ("chat.example", "chat.example:443", True),
        ("chat.example", "chat.example:80", True),
        ("chat.example", "chat.example:8765", True),
        ("chat.example", "chat.example:9000", False),
        ("chat.example", "example", False),
        ("chat.example", "x.chat.example", False),
        ("chat.example:9000", "chat.example:9000", True),
        ("chat.example:9000", "chat.example", False),
        ("chat.example:9000", "chat.example:8765", False),
        ("chat.example:443", "chat.example", True),
        ("203.0.113.9", "203.0.113.9:443", True),
        ("203.0.113.9:9000", "203.0.113.9:9000", True),
        ("2001:db8::9", "[2001:db8::9]", True),
        ("[2001:db8::9]:9000", "[2001:0db8::9]:9000", True),
        ("[2001:db8::9]:9000", "[2001:db8::9]", False),
    ],
)
def test_a_public_host_is_own_with_its_port_or_a_usual_one(entry: str, header: str, *, own: bool) -> None:
    hosts = OwnHosts((entry,), "0.0.0.0")
    assert hosts.owns(header, LAN) is own
    assert hosts.owns(header, HERE, direct=False) is own


def test_the_host_that_it_listens_on_is_own_with_the_listening_port() -> None:
    hosts = OwnHosts((), "Nas.local")
    assert hosts.owns("nas.local:8765", LAN)
    assert not hosts.owns("nas.local", LAN)
    assert not hosts.owns("nas.local:8765", LAN, direct=False)


def test_who_comes_through_a_proxy_gets_no_signature_for_this_machine() -> None:
    hosts = OwnHosts(("chat.example",), "127.0.0.1")
    for header in ("localhost:8765", "127.0.0.1:8765", "0.0.0.0:8765"):
        assert hosts.owns(header, HERE)
        assert not hosts.owns(header, HERE, direct=False)


def test_localhost_is_one_address_also_for_a_server_that_was_told_to_listen_on_it() -> None:
    hosts = OwnHosts((), "localhost")
    assert hosts.owns("localhost:8765", HERE)
    assert not hosts.owns("localhost:8765", HERE_6)


def test_a_page_may_name_a_public_host_whatever_its_port() -> None:
    hosts = OwnHosts(("chat.example:9000", "203.0.113.9"), "127.0.0.1")
    assert hosts.check("chat.example:1234") is None
    refusal = hosts.check("evil.example")
    assert refusal is not None
    assert refusal.code == "bad_host"
