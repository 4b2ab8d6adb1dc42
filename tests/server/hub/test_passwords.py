"""Guessing passwords: one guess at a time, and ever slower from one place."""

from __future__ import annotations

import os
import sys
import threading

import pytest
import trio
import trio.testing

from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import RawClient, request, until
from trio_chat.broker import admission
from trio_chat.errors import Refusal, refuse
from trio_chat.server.hub.passwords import Passwords, Turn, _hash

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


async def test_what_was_guessed_is_forgotten_with_time(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", lambda encoded, password: password == SECRET)
    passwords = Passwords()

    async def guess(session: int, address: str = "192.0.2.7") -> str:
        turn = passwords.begin(session, address, "name ada", is_login=True)
        if isinstance(turn, Refusal):
            return turn.code
        return "right" if await passwords.verify(turn, "", "wrong") else "wrong"

    assert [await guess(n) for n in range(11)] == ["wrong"] * 10 + ["too_many_guesses"]
    await trio.sleep(12)
    assert [await guess(n) for n in range(3)] == ["wrong"] * 2 + ["too_many_guesses"]
    assert await guess(1, "192.0.2.8") == "wrong"
    assert "0 at work, 0 waiting" in repr(passwords)


def test_a_hash_takes_one_core_and_as_long_as_that_in_place_of_a_missing_one() -> None:
    """Else the hashes take the cores that all others wait for, and a quick answer tells who has no password."""
    parameters = {encoded.rpartition("$")[0].rpartition("$")[0] for encoded in (_hash(SECRET), admission.NO_PASSWORD)}
    assert parameters == {"$argon2id$v=19$m=65536,t=3,p=1"}


# ---- sharing out ----------------------------------------------------------------------------------


class Slow:
    """Hashes that are made only when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.made: list[str] = []
        monkeypatch.setattr("trio_chat.server.hub.passwords._hash", self._hash)
        monkeypatch.setattr("trio_chat.server.hub.passwords._verify", lambda _, given: bool(self._hash(given)))

    def _hash(self, password: str) -> str:
        self.go_on.wait(60)
        self.made.append(password)
        return f"hash of {password}"


async def test_logins_get_in_while_accounts_set_their_passwords_again_and_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    await with_password(live)
    slow = Slow(monkeypatch)
    setters = [await live.join(f"eve{n}") for n in range(24)]
    passwords = live.server.hub._hashing.passwords
    for count, setter in enumerate(setters, 1):
        await setter.send(request("password", "p", password=f"new password {count}"))
    await until(lambda: len(passwords._waiting) == 16)
    client = await live.enter()
    await client.send(request("hello", "h", name="ada", account_password=SECRET))
    try:
        await until(lambda: [turn.is_login for turn in passwords._running] == [False, True])
    finally:
        slow.go_on.set()
    assert (await client.until("welcome"))["name"] == "ada"
    answers = [await setter.next_answer() for setter in setters]
    assert [answer.get("code") for answer in answers].count("busy") == 7


async def test_a_login_takes_the_place_of_a_new_password_that_waits_if_too_many_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    passwords = Passwords()
    turns = [passwords.begin(n, f"192.0.2.{n}", f"account {n}", is_login=False) for n in range(17)]
    assert all(isinstance(turn, Turn) for turn in turns)
    assert passwords.begin(50, "192.0.2.50", "account 50", is_login=False) == refuse("busy")
    first, second = (passwords.begin(n, f"198.51.100.{n}", "name ada", is_login=True) for n in (60, 61))
    assert isinstance(first, Turn)
    assert first in passwords._running
    assert isinstance(second, Turn)
    assert second in passwords._waiting
    last = turns[-1]
    assert isinstance(last, Turn)
    assert await passwords.hash(last, "x") == refuse("busy")


async def test_the_account_that_had_the_most_hashes_lately_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    slow.go_on.set()
    passwords = Passwords()
    for number in range(3):
        turn = passwords.begin(number, "127.0.0.1", "account 1", is_login=False)
        assert isinstance(turn, Turn)
        await passwords.hash(turn, f"eve {number}")
    running = passwords.begin(10, "127.0.0.1", "account 9", is_login=False)
    eve = passwords.begin(11, "127.0.0.1", "account 1", is_login=False)
    bob = passwords.begin(12, "127.0.0.1", "account 2", is_login=False)
    async with trio.open_nursery() as nursery:
        for turn, text in ((eve, "eve again"), (bob, "bob"), (running, "first")):
            assert isinstance(turn, Turn)
            nursery.start_soon(passwords.hash, turn, text)
    assert slow.made[3:] == ["first", "bob", "eve again"]


async def test_an_account_sets_one_password_at_a_time_from_whichever_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    passwords = Passwords()
    assert isinstance(passwords.begin(1, "127.0.0.1", "account 1", is_login=False), Turn)
    assert passwords.begin(2, "127.0.0.1", "account 1", is_login=False) == refuse("still_checking")


async def test_a_turn_that_is_cancelled_leaves_its_place_to_others(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    slow.go_on.set()
    passwords = Passwords()
    first, second = (passwords.begin(n, "127.0.0.1", f"account {n}", is_login=False) for n in (1, 2))
    assert isinstance(first, Turn)
    assert isinstance(second, Turn)
    with trio.CancelScope() as scope:
        scope.cancel()
        await passwords.hash(second, "never")
    assert passwords._waiting == []
    await passwords.hash(first, "one")
    assert passwords._running == []
    assert isinstance(passwords.begin(2, "127.0.0.1", "account 2", is_login=False), Turn)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has threads with a niceness of their own")
async def test_a_hash_gives_way_to_the_thread_that_delivers(monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    nices: list[int] = []

    def note(*_: str) -> bool:
        nices.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return True

    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", note)
    monkeypatch.setattr("trio_chat.server.hub.passwords._hash", lambda password: str(note(password)))
    passwords = Passwords()
    login = passwords.begin(1, "192.0.2.1", "ada", is_login=True)
    new = passwords.begin(2, "192.0.2.1", "bob", is_login=False)
    assert isinstance(login, Turn)
    assert isinstance(new, Turn)
    assert await passwords.verify(login, "hash", SECRET) is True
    assert await passwords.hash(new, SECRET) == "True"
    await trio.to_thread.run_sync(lambda: nices.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
    nice = min(own + 10, 19)
    assert nices == [nice, nice, own]
