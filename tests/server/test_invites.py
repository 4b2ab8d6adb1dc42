"""Invites over real sockets: newcomers come by them, and people with an account come back without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from tests.server.live_server import GateStore, LiveServer, Log, Serve
from tests.server.raw_client import Answer
from trio_chat.broker.admin import Order, Table
from trio_chat.errors import TrioChatError
from trio_chat.server import operator

SECRET = "correct horse"


async def invited(live: LiveServer, **order: Any) -> str:
    """The secret of a new invite."""
    answer = await operator.carry_out(live.server.hub, Order("invite", **order))
    assert isinstance(answer, Table)
    return str(answer.rows[0][1])


def told(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def by(secret: str, name: str = "zoe", **more: str) -> dict[str, str]:
    """The headers of a newcomer with an invite."""
    return {"Username": name, "Trio-Chat-Invite": secret, **more}


async def test_a_newcomer_comes_in_by_an_invite_and_later_by_their_token_alone(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path, admit="invites")
    assert told(await live.refused({"Username": "zoe"})) == (403, "invite_needed")
    secret = await invited(live)
    zoe = await live.enter(by(secret))
    zoe.take_welcome(await zoe.until("welcome"))
    assert told(await live.refused(by(secret, "eve"))) == (403, "invite_used_up")
    await live.end()
    live = await serve(data=tmp_path, admit="invites")
    assert (await live.join("zoe", token=zoe.token)).name == "zoe"
    assert told(await live.refused({"Username": "zoe"})) == (403, "invite_needed")
    assert told(await live.refused(by(secret, "eve"))) == (403, "invite_used_up")
    notes = [(line.note.actor, line.note.action, line.note.detail) for line in await live.store.notes(9)]
    assert notes == [("zoe", "came-by-invite", "invite 1"), ("server", "make-invite", "invite 1 for 1")]


async def test_an_invite_may_also_come_in_the_first_message(serve: Serve) -> None:
    live = await serve(admit="invites")
    secret = await invited(live)
    client = await live.enter()
    assert (await client.ask("hello", name="zoe", invite=secret))["type"] == "welcome"
    guesser = await live.enter()
    assert (await guesser.ask("hello", name="eve", invite="a guess"))["code"] == "invite_unknown"
    events, code, _ = await guesser.wait_closed()
    assert (events[-1]["code"], code) == ("invite_unknown", 1008)


async def test_an_invite_that_was_revoked_has_expired_or_never_was_lets_nobody_in(serve: Serve) -> None:
    now = 1_700_000_000.0
    live = await serve(admit="invites", clock=lambda: now, memory=True)
    revoked, short = await invited(live), await invited(live, seconds=60.0)
    await operator.carry_out(live.server.hub, Order("revoke", "1"))
    assert told(await live.refused(by(revoked))) == (403, "invite_revoked")
    now += 61.0
    assert told(await live.refused(by(short))) == (403, "invite_expired")
    assert told(await live.refused(by(short[:-1]))) == (403, "invite_unknown")


async def test_of_many_who_race_for_the_last_use_one_comes_in(serve: Serve, tmp_path: Path) -> None:
    live = await serve(admit="invites", data=tmp_path)
    secret = await invited(live, uses=2)
    codes: list[str] = []

    async def knock(number: int) -> None:
        client = await live.knock()
        answer = await client.upgrade(by(secret, f"zoe{number}"))
        codes.append("" if answer.status == 101 else answer.json["code"])

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(knock, number)
    assert sorted(codes) == ["", "", *["invite_used_up"] * 6]
    assert len((await live.store.load()).accounts) == 2
    assert [link.uses for link in (await live.store.load()).invite_links] == [0]


async def test_on_a_server_with_a_password_an_invite_takes_its_place_also_on_another_device(serve: Serve) -> None:
    live = await serve(password="the server's")
    secret = await invited(live)
    assert told(await live.refused({"Username": "zoe"})) == (401, "password_needed")
    zoe = await live.enter(by(secret))
    zoe.take_welcome(await zoe.until("welcome"))
    assert (await zoe.ask("password", password=SECRET))["type"] == "ok"
    phone = await live.enter({"Username": "zoe", "Trio-Chat-Password": "correct%20horse"})
    assert (await phone.until("welcome"))["name"] == "zoe"
    wrong = {"Username": "zoe", "Trio-Chat-Password": "wrong"}
    assert told(await live.refused(wrong)) == (401, "password_needed")


async def test_guesses_at_account_passwords_tell_no_names_and_are_charged(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", lambda encoded, password: password == SECRET)
    live = await serve(admit="invites")
    zoe = await live.enter(by(await invited(live)))
    await zoe.until("welcome")
    assert (await zoe.ask("password", password=SECRET))["type"] == "ok"
    for name in ("zoe", "eve"):
        guess = {"Username": name, "Trio-Chat-Password": "a guess"}
        codes = [(await live.refused(guess)).json["code"] for _ in range(11)]
        assert codes == ["wrong_account_password"] * 10 + ["too_many_guesses"]


async def test_a_person_who_is_banned_does_not_come_back_by_the_invite(serve: Serve) -> None:
    live = await serve(admit="invites")
    secret = await invited(live, uses=9)
    ada = await live.enter(by(secret, "ada"))
    await ada.until("welcome")
    await operator.carry_out(live.server.hub, Order("promote", "ada"))
    zoe = await live.enter(by(secret))
    zoe.take_welcome(await zoe.until("welcome"))
    assert (await ada.ask("ban", room="#lobby", name="zoe"))["type"] == "ok"
    assert told(await live.refused({"Username": "zoe", "Trio-Chat-Token": zoe.token})) == (403, "banned")
    assert told(await live.refused(by(secret, "zoe2"))) == (403, "invite_revoked")


async def test_the_servers_own_invite_is_ready_when_it_listens_also_in_memory(serve: Serve) -> None:
    live = await serve(admit="invites")
    secret = await operator.make_invite(live.server.hub, uses=1, seconds=3600.0, note="first")
    client = await live.enter(by(secret))
    assert (await client.until("welcome"))["name"] == "zoe"
    await operator.carry_out(live.server.hub, Order("promote", "zoe"))


async def test_an_invite_that_cannot_be_stored_is_not_given_out(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store, admit="invites")
    store.failing = True
    with pytest.raises(TrioChatError, match="could not store"):
        await operator.make_invite(live.server.hub)
    logged.take("not stored")
    store.failing = False
    assert await operator.make_invite(live.server.hub)


async def test_a_use_that_cannot_be_stored_is_refused_and_counts_not(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store, admit="invites")
    secret = await invited(live)
    store.failing = True
    assert told(await live.refused(by(secret))) == (503, "not_stored")
    logged.take("not stored")
    store.failing = False
    zoe = await live.enter(by(secret))
    assert (await zoe.until("welcome"))["name"] == "zoe"
