"""Bugs of ours in what the hub does for all: they are logged, what was acknowledged is stored, and whoever may have
missed something is sent away with a reason, to come back and catch up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from tests.server.live_server import GateStore, House, Log, Serve
from tests.server.raw_client import RawClient, request, until
from tests.server.test_internal_errors import break_handler, bug
from trio_chat.broker import Broker
from trio_chat.broker.effects import Acknowledge, Reply, Subscribe
from trio_chat.protocol import codec
from trio_chat.protocol.events import Closing, Pong, Presence
from trio_chat.protocol.requests import Away
from trio_chat.server.hub.dispatch import Dispatcher
from trio_chat.server.net.connection import Connection


def break_encoding(monkeypatch: pytest.MonkeyPatch, kind: type[Struct]) -> None:
    def encode(event: object) -> bytes:
        return bug() if isinstance(event, kind) else codec.encode(event)

    monkeypatch.setattr("trio_chat.server.doors.native.encode", encode)


def break_writing(monkeypatch: pytest.MonkeyPatch, house: House, client: RawClient, *, times: float = 1) -> None:
    """So many writes to this client fail as nobody expected."""
    peer = house.peer_of(client)
    right = peer.deliver_encoded
    left = times

    def write(data: bytes) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            bug()
        right(data)

    monkeypatch.setattr(peer, "deliver_encoded", write)


async def wait_sent_away(client: RawClient) -> dict[str, Any]:
    """What somebody is told last, who is to come back."""
    events, code, _ = await client.wait_closed()
    assert (events[-1]["type"], events[-1]["code"], code) == ("closing", "internal", 1011)
    assert events[-1]["retry"] > 0
    return dict(events[-1])


async def test_a_bug_in_what_is_due_is_tried_again_later_and_ends_nobodys_chat(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.hub._AFTER_A_BUG", 0.02)
    house = await serve(handshake_timeout=100.0)
    ada = await house.join("ada")
    late = await house.enter()
    await until(lambda: len(house.server.hub.broker.sessions) > 1)
    for session in house.server.hub.broker.sessions.values():
        session.active -= 1000.0
        house.server.hub.broker.watch(session)
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.broker.broker.Broker.note_visits", bug)
        house.server.hub.broker.next_visit = 0.0
        await ada.ask("ping")
        await until(lambda: sum(entry["event"] == "nothing done that was due" for entry in logged.entries) > 1)
        assert (await ada.say("still here"))["seq"] == 1
    assert all(entry["exc_info"] for entry in logged.errors)
    logged.entries.clear()
    events, _, _ = await late.wait_closed()
    assert events[-1]["code"] == "hello_timeout", "it was said in vain, and never again"


async def test_a_bug_in_telling_when_something_is_due_ends_nobodys_chat(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.hub._AFTER_A_BUG", 0.02)
    house = await serve()
    ada = await house.join("ada")
    with monkeypatch.context() as broken:
        broken.setattr(Broker, "due", bug)
        assert (await ada.say("one"))["seq"] == 1
        await until(lambda: bool(logged.errors))
        assert (await ada.say("two"))["seq"] == 2
    logged.entries.clear()


async def test_who_cannot_be_written_to_is_sent_away_and_catches_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob, eve = await house.join_all("ada", "bob", "eve")
    break_writing(monkeypatch, house, bob)
    assert (await ada.say("one"))["seq"] == 1
    assert (await eve.until("message"))["text"] == "one"
    await wait_sent_away(bob)
    assert logged.take("not written")["exc_info"]
    assert (await eve.until("presence"))["left"] == ["bob"]
    bob = await house.join("bob", token=bob.token)
    page = await bob.ask("history", room="#lobby", after=0)
    assert [event["text"] for event in page["events"]] == ["one"]


async def test_who_cannot_even_be_told_so_is_sent_away_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    break_writing(monkeypatch, house, bob, times=float("inf"))
    assert (await ada.say("one"))["seq"] == 1
    assert (await bob.wait_closed())[1] == 1011
    logged.entries.clear()
    assert (await ada.until("presence"))["left"] == ["bob"]


async def test_an_answer_that_cannot_be_given_ends_that_session_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    break_encoding(monkeypatch, Pong)
    await ada.send(request("send", "1", room="#lobby", text="before") + request("ping", "2"))
    await wait_sent_away(ada)
    assert logged.take("effect failed")["effect"] == "Reply"
    assert (await bob.until("message"))["text"] == "before"
    assert (await bob.until("presence"))["left"] == ["ada"]
    assert (await bob.say("still here"))["seq"] == 2


@pytest.mark.parametrize("kind", [Subscribe, Reply])
async def test_who_comes_in_halfway_is_sent_away(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log, kind: type[Any]
) -> None:
    house = await serve()
    ada = await house.join("ada")
    method = f"_{kind.__name__.lower()}"
    right: Callable[..., Any] = getattr(Dispatcher, method)
    sessions = {1}

    async def fail_for_others(dispatcher: Dispatcher, effect: Any) -> None:
        await right(dispatcher, effect) if effect.session in sessions else bug()

    peers = house.server.hub._out
    monkeypatch.setitem(peers._steps, kind, lambda effect: fail_for_others(peers, effect))
    bob = await house.enter({"Username": "bob"})
    await wait_sent_away(bob)
    assert logged.take("effect failed")["exc_info"]
    assert (await ada.say("still here"))["seq"] == 1
    assert house.server.hub.broker.people["bob"].sessions == set()


async def test_a_bug_in_giving_out_what_was_said_sends_its_readers_away(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(Dispatcher, "_gather", bug)
        await ada.send(request("send", "1", room="#lobby", text="one"))
        await wait_sent_away(ada)
        await wait_sent_away(bob)
        await until(lambda: len(logged.errors) > 1)  # the good-byes are notices: they fail too, and hurt nobody
    logged.entries.clear()
    ada = await house.join("ada", token=ada.token)
    answer = await ada.ask("send", id="1", room="#lobby", text="one", again=True)
    assert answer["seq"] == 1, "what was stored is stored once"


async def test_a_bug_in_an_acknowledgement_sends_its_sender_away(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(Dispatcher, "_acknowledge", bug)
        await ada.send(request("send", "1", room="#lobby", text="one"))
        await wait_sent_away(ada)
    assert logged.take("effect failed")["effect"] == Acknowledge.__name__
    assert (await bob.until("message"))["text"] == "one"


async def test_a_notice_that_cannot_be_given_is_lost_and_hurts_nobody(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada = await house.join("ada")
    with monkeypatch.context() as broken:
        break_encoding(broken, Presence)
        await house.look("bob")
        await until(lambda: bool(logged.errors))
    logged.take("effect failed")
    assert (await ada.say("still here"))["seq"] == 1


async def test_a_good_bye_that_cannot_be_said_is_one_all_the_same(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    break_handler(monkeypatch, Away)
    break_encoding(monkeypatch, Closing)
    await ada.send(request("away", "1", text="boom"))
    assert (await ada.wait_closed())[1] == 1011
    logged.entries.clear()
    assert (await bob.until("presence"))["left"] == ["ada"]


async def test_a_line_that_cannot_be_written_down_is_not_stored_and_not_acknowledged(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.server.hub.batch._line", bug)
        assert (await ada.say("lost"))["code"] == "not_stored"
    assert logged.take("not stored")["exc_info"]
    assert (await ada.say("kept"))["seq"] == 1
    assert (await bob.until("message"))["text"] == "kept"


async def test_a_bug_in_taking_back_ends_those_whose_requests_they_were(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    store = GateStore()
    house = await serve(store=store)
    ada, bob = await house.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(Broker, "take_back", bug)
        store.failing = True
        await ada.send(request("send", "1", room="#lobby", text="lost") + request("ping", "2"))
        events, code, _ = await ada.wait_closed()
        assert [event["type"] for event in events] == ["closing"]
        assert code == 1011
        answer = await house.refused({"Username": "eve"})
        assert (answer.status, answer.json["code"]) == (500, "internal")
        store.failing = False
    logged.entries.clear()
    assert (await bob.say("still here"))["seq"] == 1
    assert "eve" not in house.server.hub.broker.people


async def test_a_bug_while_somebody_is_sent_away_hurts_nobody_else(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    break_handler(monkeypatch, Away)
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.broker.arrival.presence.note_departure", bug)
        await ada.send(request("away", "1", text="boom"))
        assert (await ada.wait_closed())[1] == 1011
        await until(lambda: any(entry["event"] == "not seen off" for entry in logged.entries))
    logged.entries.clear()
    assert (await bob.say("still here"))["seq"] == 1
    here = house.server.hub.broker
    assert (here.here, list(here.rooms["#lobby"].here.values())) == (1, [here.people["bob"]])


async def test_who_only_looked_under_a_made_up_name_is_forgotten_on_the_disk_too_when_sent_away(serve: Serve) -> None:
    store = GateStore()
    house = await serve(store=store)
    quiet = await house.enter({"Trio-Chat-Quiet": "1", "Authorization": "Bearer x"})
    await quiet.until("welcome")
    assert [account.name[:5] for account in (await store.load()).accounts] == ["user_"]
    house.server.stop()
    await quiet.wait_closed()
    await house.ended.wait()
    assert (await store.load()).accounts == ()


@pytest.mark.parametrize("last_words", [True, False])
async def test_who_cannot_be_closed_is_gone_for_all_others(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log, *, last_words: bool
) -> None:
    house = await serve()
    ada, bob = await house.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(Connection, "close_soon", bug)
        if last_words:
            break_handler(broken, Away)
            await ada.send(request("away", "1", text="boom"))
        else:
            break_encoding(broken, Pong)
            await ada.send(request("ping", "1"))
        assert (await bob.until("presence"))["left"] == ["ada"]
    logged.entries.clear()
    assert (await bob.say("still here"))["seq"] == 1
    assert house.server.hub.broker.people["ada"].sessions == set()
