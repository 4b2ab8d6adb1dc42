"""Bugs of ours in the hub's work for everybody: each is logged, acknowledged messages are stored, and sessions that may
have missed an event are disconnected with a reason, to come back and catch up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from tests.server.live_server import GateStore, LiveServer, Log, Serve
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

    monkeypatch.setattr("trio_chat.server.doors.native_peer.encode", encode)


def break_writing(monkeypatch: pytest.MonkeyPatch, live: LiveServer, client: RawClient, *, times: float = 1) -> None:
    """So many writes to this client fail as nobody expected."""
    peer = live.peer_of(client)
    left = times

    class BrokenStream:
        @staticmethod
        def write(data: bytes) -> None:
            nonlocal left
            if left > 0:
                left -= 1
                bug()
            peer._connection.outbox.write(data)

    monkeypatch.setattr(peer, "stream", BrokenStream)
    for channel in live.server.hub._out._recipients[peer.session].channels.values():  # these keep the stream itself
        channel.set_member(peer.session, peer.encoding, peer)


async def wait_sent_away(client: RawClient) -> dict[str, Any]:
    """What somebody is told last, who is to come back."""
    events, code, _ = await client.wait_closed()
    assert (events[-1]["type"], events[-1]["code"], code) == ("closing", "internal", 1011)
    assert events[-1]["retry"] > 0
    return dict(events[-1])


async def test_due_work_that_fails_by_a_bug_is_tried_again_and_ends_no_session(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.hub._AFTER_A_BUG", 0.02)
    live = await serve(handshake_timeout=100.0)
    ada = await live.join("ada")
    late = await live.enter()
    await until(lambda: len(live.server.hub.broker.sessions) > 1)
    for session in live.server.hub.broker.sessions.values():
        session.active -= 1000.0
        live.server.hub.broker.watch(session)
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.broker.broker.Broker.note_visits", bug)
        live.server.hub.broker.next_visit = 0.0
        await ada.ask("ping")
        await until(lambda: sum(entry["event"] == "nothing done that was due" for entry in logged.entries) > 1)
        assert (await ada.say("still here"))["seq"] == 1
    assert all(entry["exc_info"] for entry in logged.errors)
    logged.entries.clear()
    events, _, _ = await late.wait_closed()
    assert events[-1]["code"] == "hello_timeout", "it was said in vain, and never again"


async def test_a_bug_in_the_time_of_due_work_ends_no_session(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.hub._AFTER_A_BUG", 0.02)
    live = await serve()
    ada = await live.join("ada")
    with monkeypatch.context() as broken:
        broken.setattr(Broker, "due", bug)
        assert (await ada.say("one"))["seq"] == 1
        await until(lambda: bool(logged.errors))
        assert (await ada.say("two"))["seq"] == 2
    logged.entries.clear()


async def test_a_session_that_cannot_be_written_to_is_disconnected_and_catches_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob, eve = await live.join_all("ada", "bob", "eve")
    break_writing(monkeypatch, live, bob)
    assert (await ada.say("one"))["seq"] == 1
    assert (await eve.until("message"))["text"] == "one"
    await wait_sent_away(bob)
    assert logged.take("not written")["exc_info"]
    assert (await eve.until("presence"))["left"] == ["bob"]
    bob = await live.join("bob", token=bob.token)
    page = await bob.ask("history", room="#lobby", after=0)
    assert [event["text"] for event in page["events"]] == ["one"]


async def test_a_session_that_gets_no_last_words_is_disconnected_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    break_writing(monkeypatch, live, bob, times=float("inf"))
    assert (await ada.say("one"))["seq"] == 1
    assert (await bob.wait_closed())[1] == 1011
    logged.entries.clear()
    assert (await ada.until("presence"))["left"] == ["bob"]


async def test_an_answer_that_cannot_be_given_ends_that_session_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    break_encoding(monkeypatch, Pong)
    await ada.send(request("send", "1", room="#lobby", text="before") + request("ping", "2"))
    await wait_sent_away(ada)
    assert logged.take("effect failed")["effect"] == "Reply"
    assert (await bob.until("message"))["text"] == "before"
    assert (await bob.until("presence"))["left"] == ["ada"]
    assert (await bob.say("still here"))["seq"] == 2


@pytest.mark.parametrize("kind", [Subscribe, Reply])
async def test_a_session_that_is_half_let_in_is_disconnected(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log, kind: type[Any]
) -> None:
    live = await serve()
    ada = await live.join("ada")
    method = f"_{kind.__name__.lower()}"
    right: Callable[..., Any] = getattr(Dispatcher, method)
    sessions = {1}

    async def fail_for_others(dispatcher: Dispatcher, effect: Any) -> None:
        await right(dispatcher, effect) if effect.session in sessions else bug()

    peers = live.server.hub._out
    monkeypatch.setitem(peers._steps, kind, lambda effect: fail_for_others(peers, effect))
    bob = await live.enter({"Username": "bob"})
    await wait_sent_away(bob)
    assert logged.take("effect failed")["exc_info"]
    assert (await ada.say("still here"))["seq"] == 1
    assert live.server.hub.broker.people["bob"].sessions == set()


async def test_a_bug_in_giving_out_what_was_said_sends_its_readers_away(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(Dispatcher, "_gather", bug)
        await ada.send(request("send", "1", room="#lobby", text="one"))
        await wait_sent_away(ada)
        await wait_sent_away(bob)
        await until(lambda: len(logged.errors) > 1)  # the good-byes are notices: they fail too, and hurt nobody
    logged.entries.clear()
    ada = await live.join("ada", token=ada.token)
    answer = await ada.ask("send", id="1", room="#lobby", text="one", again=True)
    assert answer["seq"] == 1, "what was stored is stored once"


async def test_a_bug_in_an_acknowledgement_sends_its_sender_away(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(Dispatcher, "_acknowledge", bug)
        await ada.send(request("send", "1", room="#lobby", text="one"))
        await wait_sent_away(ada)
    assert logged.take("effect failed")["effect"] == Acknowledge.__name__
    assert (await bob.until("message"))["text"] == "one"


async def test_a_notice_that_cannot_be_encoded_is_lost_and_hurts_nobody(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada = await live.join("ada")
    with monkeypatch.context() as broken:
        break_encoding(broken, Presence)
        await live.look("bob")
        await until(lambda: bool(logged.errors))
    logged.take("effect failed")
    assert (await ada.say("still here"))["seq"] == 1


async def test_a_good_bye_that_cannot_be_said_is_one_all_the_same(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    break_handler(monkeypatch, Away)
    break_encoding(monkeypatch, Closing)
    await ada.send(request("away", "1", text="boom"))
    assert (await ada.wait_closed())[1] == 1011
    logged.entries.clear()
    assert (await bob.until("presence"))["left"] == ["ada"]


async def test_a_line_that_cannot_be_written_down_is_not_stored_and_not_acknowledged(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.server.hub.batch._line", bug)
        assert (await ada.say("lost"))["code"] == "not_stored"
    assert logged.take("not stored")["exc_info"]
    assert (await ada.say("kept"))["seq"] == 1
    assert (await bob.until("message"))["text"] == "kept"


async def test_a_bug_in_undoing_a_batch_ends_the_sessions_whose_requests_were_in_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(Broker, "take_back", bug)
        store.failing = True
        await ada.send(request("send", "1", room="#lobby", text="lost") + request("ping", "2"))
        events, code, _ = await ada.wait_closed()
        assert [event["type"] for event in events] == ["closing"]
        assert code == 1011
        answer = await live.refused({"Username": "eve"})
        assert (answer.status, answer.json["code"]) == (500, "internal")
        store.failing = False
    logged.entries.clear()
    assert (await bob.say("still here"))["seq"] == 1
    assert "eve" not in live.server.hub.broker.people


async def test_a_bug_while_a_session_is_disconnected_hurts_no_other(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    break_handler(monkeypatch, Away)
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.broker.arrival.presence.note_departure", bug)
        await ada.send(request("away", "1", text="boom"))
        assert (await ada.wait_closed())[1] == 1011
        await until(lambda: any(entry["event"] == "not seen off" for entry in logged.entries))
    logged.entries.clear()
    assert (await bob.say("still here"))["seq"] == 1
    here = live.server.hub.broker
    assert (here.here, list(here.rooms["#lobby"].here.values())) == (1, [here.people["bob"]])


async def test_a_quiet_session_with_a_made_up_name_is_removed_from_the_disk_at_its_end(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store)
    quiet = await live.enter({"Trio-Chat-Quiet": "1", "Authorization": "Bearer x"})
    await quiet.until("welcome")
    assert [account.name[:5] for account in (await store.load()).accounts] == ["user_"]
    live.server.stop()
    await quiet.wait_closed()
    await live.ended.wait()
    assert (await store.load()).accounts == ()


@pytest.mark.parametrize("last_words", [True, False])
async def test_a_session_that_cannot_be_closed_is_gone_for_all_others(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log, *, last_words: bool
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
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
    assert live.server.hub.broker.people["ada"].sessions == set()
