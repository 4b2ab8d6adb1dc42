"""Guessing passwords: one guess at a time, and ever slower from one place."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import RawClient, request, until
from trio_chat.server.hub.passwords import Passwords

SECRET = "correct horse"


async def with_password(live: LiveServer, name: str = "ada") -> RawClient:
    client = await live.join(name)
    assert (await client.ask("password", password=SECRET))["type"] == "ok"
    return client


async def test_a_session_has_one_hash_made_at_a_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    live = await serve()
    await with_password(live)
    bob = await with_password(live, "bob")  # a new password of ada's own would make the old one wrong in between
    go_on, made = threading.Event(), 0

    def verify(encoded: str, password: str) -> bool:
        nonlocal made
        made += 1
        go_on.wait(60)
        return password == SECRET

    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", verify)
    monkeypatch.setattr("trio_chat.server.hub.passwords._hash", lambda password: str(verify("", password)))
    client = await live.enter()
    try:
        hellos = [request("hello", f"h{n}", name="ada", account_password=SECRET) for n in range(9)]
        await client.send(b"".join(hellos))
        codes = [(await client.until("error"))["code"] for _ in range(8)]
        assert codes == ["still_checking"] * 8
        await bob.send(b"".join(request("password", f"p{n}", password="another one") for n in range(3)))
        codes = [(await bob.until("error"))["code"] for _ in range(2)]
        assert codes == ["still_checking"] * 2
    finally:
        go_on.set()
    assert (await client.until("welcome"))["id"] == "h0"
    assert (await bob.until("ok"))["id"] == "p0"
    assert (await client.ask("hello", name="ada", account_password=SECRET))["code"] == "greeted_already"
    assert made == 2


async def test_after_some_wrong_guesses_a_name_is_not_guessed_any_more_and_others_get_in(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", lambda encoded, password: password == SECRET)
    live = await serve()
    await with_password(live)
    await with_password(live, "bob")
    guess = {"Username": "ada", "Trio-Chat-Password": "wrong"}
    statuses = [(await live.refused(guess)).json["code"] for _ in range(12)]
    assert statuses == ["wrong_account_password"] * 10 + ["too_many_guesses"] * 2
    refused = await live.refused({"Username": "ADA", "Trio-Chat-Password": SECRET})
    assert (refused.status, refused.json["code"]) == (429, "too_many_guesses")
    assert refused.json["advice"].startswith("Try again in")
    for _ in range(12):
        await live.enter({"Username": "bob", "Trio-Chat-Password": SECRET})
    client = await live.enter()
    assert (await client.ask("hello", name="ada", account_password=SECRET))["code"] == "too_many_guesses"
    await until(lambda: not live.server.hub._hashing.passwords._sessions)


async def test_what_was_guessed_is_forgotten_with_time(autojump_clock: trio.testing.MockClock) -> None:
    passwords = Passwords()

    def guess(session: int) -> str:
        refusal = passwords.begin(session, "here")
        if refusal is not None:
            return refusal.code
        passwords._end(session, "here", wrong=True)
        return ""

    assert [guess(n) for n in range(11)] == [""] * 10 + ["too_many_guesses"]
    await trio.sleep(12)
    assert [guess(n) for n in range(3)] == [""] * 2 + ["too_many_guesses"]
    assert passwords.begin(1, "there") is None
    assert "1 at work" in repr(passwords)
