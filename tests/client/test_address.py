from __future__ import annotations

import pytest

from trio_chat.client import Address, GivenAddress, parse_given, parse_url
from trio_chat.errors import UsageError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.invite_link import make_link

PIN = Fingerprint(bytes(range(32)))
SECRET = "secret-secret-secret-s"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("chat.example", Address("chat.example", 8765, tls=True, path="/")),
        ("chat.example:80", Address("chat.example", 80, tls=True, path="/")),
        ("chat.example/deep/?a=b", Address("chat.example", 8765, tls=True, path="/deep/?a=b")),
        (" 127.0.0.1:9000\n", Address("127.0.0.1", 9000, tls=False, path="/")),
        ("localhost:", Address("localhost", 8765, tls=False, path="/")),
        ("::1", Address("::1", 8765, tls=False, path="/")),
        ("[::1]", Address("::1", 8765, tls=False, path="/")),
        ("[::1]:99", Address("::1", 99, tls=False, path="/")),
        ("fe80::1%eth0", Address("fe80::1%eth0", 8765, tls=True, path="/")),
        ("fe80::1%25eth0", Address("fe80::1%eth0", 8765, tls=True, path="/")),
        ("[fe80::1%eth0]:99", Address("fe80::1%eth0", 99, tls=True, path="/")),
        ("[fe80::1%25eth0]:99", Address("fe80::1%eth0", 99, tls=True, path="/")),
        ("ws://[fe80::1%25eth0]/", Address("fe80::1%eth0", 80, tls=False, path="/")),
        ("ws://[fe80::1%eth0]:8765/", Address("fe80::1%eth0", 8765, tls=False, path="/")),
        ("ws://[FE80::1%25Eth0.7]/", Address("fe80::1%Eth0.7", 80, tls=False, path="/")),
        ("ws://[fe80::1%2525]/", Address("fe80::1%25", 80, tls=False, path="/")),  # interface 25
        ("ws://[fe80::1%253]/", Address("fe80::1%3", 80, tls=False, path="/")),
        ("fe80::1%253", Address("fe80::1%253", 8765, tls=True, path="/")),  # no URL: interface 253
        ("fe80::1%25", Address("fe80::1%25", 8765, tls=True, path="/")),
        ("ws://[fe80::1%25]/", Address("fe80::1%25", 80, tls=False, path="/")),
        ("BÜCHER.example", Address("xn--bcher-kva.example", 8765, tls=True, path="/")),
        ("ws://chat.example", Address("chat.example", 80, tls=False, path="/")),
        ("wss://chat.example", Address("chat.example", 443, tls=True, path="/")),
        ("WSS://Chat.Example:8765/x", Address("chat.example", 8765, tls=True, path="/x")),
        ("ws://[2001:db8::1]:8765/", Address("2001:db8::1", 8765, tls=False, path="/")),
        ("my_host", Address("my_host", 8765, tls=True, path="/")),
    ],
)
def test_what_people_type_becomes_an_address(text: str, address: Address) -> None:
    assert parse_url(text) == address
    assert parse_url(address.url) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "address is empty"),
        ("  ", "address is empty"),
        ("chat example", "has a space in it"),
        ("chat\x1b[31m", "has a space in it|no valid host name"),
        ("http://chat.example/", r"Did you mean ws://chat.example/\?"),
        ("HTTPS://chat.example", r"Did you mean wss://chat.example\?"),
        ("ftp://chat.example", "must begin with ws:// or wss://"),
        ("://", "must begin with ws://"),
        ("ws://", "no valid host name"),
        (":8765", "no valid host name"),
        ("chat.example:port", "numbers from 1 to 65535"),
        ("chat.example:70000", "numbers from 1 to 65535"),
        ("chat.example:0", "from 1 to 65535"),
        ("ws://ada:secret@chat.example/", "do not belong"),
        ("ws://ada@chat.example/", "do not belong"),
        ("ws://chat.example/#room", "Leave out the # and the text after it"),
        ("ws://chat.example/#pin=x&invite=secret-secret-secret", "pin in the link is damaged"),
        ("ws://chat.example/#invite=secret-secret-secret", "an invite and no pin"),
        (f"ws://chat .example/#pin={PIN.text}&invite=secret-secret-secret", "has a space in it"),
        (f"ws://chat.example:port/#pin={PIN.text}&invite=secret-secret-secret", "numbers from 1 to 65535"),
        (f"http://chat.example/#pin={PIN.text}&invite=secret-secret-secret", "Did you mean"),
        ("[::1", "IPv6 address is written"),
        ("[chat.example]:80", "IPv6"),
        ("1:2:3", "usable port|no IPv6"),
        ("ws://chat.example/grüße", "percent-encoded"),
        ("-" * 80 + ".example", "no valid host name"),
        ("..", "no valid host name"),
        ("ws://[fe80::1%]/", "not an IPv6 address|IPv6 address is written"),
        ("ws://[fe80::1%25%00]/", "IPv6 address is written"),
        ("ws://[fe80::1%25ü]/", "no valid zone"),
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        parse_url(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("chat.example", "chat.example:8765"),
        ("wss://chat.example", "chat.example"),
        ("ws://chat.example:443", "chat.example:443"),
        ("fe80::1%eth0", "[fe80::1]:8765"),
        ("ws://[fe80::1%25eth0]/", "[fe80::1]"),
    ],
)
def test_the_host_header_is_what_http_wants(text: str, host: str) -> None:
    assert parse_url(text).host_header == host


def test_an_invite_link_gives_the_pin_and_the_invite_beside_the_address() -> None:
    given = parse_given(f" {make_link('wss://192.0.2.7:8765/', PIN, SECRET)}\n")
    assert given == GivenAddress(Address("192.0.2.7", 8765, tls=True, path="/"), explicit=True, pin=PIN, invite=SECRET)
    assert parse_given(f"192.0.2.7#pin={PIN.text}") == GivenAddress(given.address, explicit=False, pin=PIN)
    assert given.with_port(9000) == GivenAddress(given.address._replace(port=9000), pin=PIN, invite=SECRET)
    assert parse_url(make_link("wss://192.0.2.7:8765/", PIN, SECRET)) == given.address


def test_the_secret_of_an_invite_is_neither_in_the_url_nor_in_repr() -> None:
    given = parse_given(make_link("wss://192.0.2.7:8765/deep/?a=b", PIN, SECRET))
    assert (given.url, given.address.path) == ("wss://192.0.2.7:8765/deep/?a=b", "/deep/?a=b")
    assert SECRET not in repr(given)


@pytest.mark.parametrize(
    ("text", "explicit", "tls"),
    [
        ("localhost", False, False),
        ("127.0.0.1:9000", False, False),
        ("127.9.9.9", False, False),
        ("::1", False, False),
        ("192.0.2.7", False, True),
        ("chat.example:80", False, True),
        ("ws://192.0.2.7/", True, False),
        ("wss://localhost/", True, True),
    ],
)
def test_without_a_scheme_only_this_machine_is_reached_without_tls(text: str, *, explicit: bool, tls: bool) -> None:
    given = parse_given(text)
    assert (given.explicit, given.address.tls) == (explicit, tls)
