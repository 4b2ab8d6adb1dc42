"""The client address of a connection that came through a proxy."""

from __future__ import annotations

import pytest

from tests.server.live_server import Log, Serve
from trio_chat.server.doors.http import Head
from trio_chat.server.trusted_proxies import Proxies


@pytest.mark.parametrize(
    ("peer", "header", "visitor"),
    [
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("::1", "198.51.100.7", "198.51.100.7"),
        ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first could be anybody's invention
        ("127.0.0.1", "203.0.113.9, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("127.0.0.1", "2001:DB8::7", "2001:db8::7"),
        ("127.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "fe80::1%any-text", "fe80::1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9" + ", 10.1.2.3" * 40, "10.1.2.3"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # no proxy of ours
    ],
)
def test_a_trusted_proxy_is_believed_what_it_says_itself_and_nothing_more(peer: str, header: str, visitor: str) -> None:
    proxies = Proxies(("127.0.0.1", "::1", "10.0.0.0/8"))
    assert proxies.visitor(Head("GET", "/", {"x-forwarded-for": header}), peer) == visitor
    assert proxies.visitor(Head("GET", "/", {}), peer) == peer


async def test_behind_a_trusted_proxy_people_are_counted_and_banned_by_their_own_address(serve: Serve) -> None:
    live = await serve(open=True, behind_proxy=("127.0.0.1",), per_address=1)
    boss = await live.enter({"Username": "boss", "X-Forwarded-For": "192.0.2.1"})
    await boss.until("welcome")
    ada = await live.enter({"Username": "ada", "X-Forwarded-For": "198.51.100.7"})
    await ada.until("welcome")
    answer = await live.refused({"Username": "bob", "X-Forwarded-For": "198.51.100.7"})
    assert answer.json["code"] == "too_many_from_address"
    await boss.ask("join", room="#ops")
    assert (await boss.ask("ban", room="#ops", network="198.51.100.0/24"))["type"] == "ok"
    assert (await ada.ask("join", room="#ops"))["code"] == "banned_here"
    cyd = await live.enter({"Username": "cyd", "X-Forwarded-For": "203.0.113.9"})
    await cyd.until("welcome")
    assert (await cyd.ask("join", room="#ops"))["type"] == "room"


async def test_a_proxy_that_is_not_trusted_is_told_of_once_and_not_believed(serve: Serve, logged: Log) -> None:
    live = await serve(per_address=1)
    for name in ("ada", "bob"):  # this machine's own address has no limit
        client = await live.enter({"Username": name, "X-Forwarded-For": "198.51.100.7"})
        await client.until("welcome")
    assert "--behind-proxy" in logged.take("a proxy is not trusted")["advice"]


def test_a_trusted_proxy_may_be_written_as_an_address_mapped_into_ipv6() -> None:
    proxies = Proxies(("::ffff:192.0.2.1",))
    assert proxies.visitor(Head("GET", "/", {"x-forwarded-for": "198.51.100.7"}), "192.0.2.1") == "198.51.100.7"
