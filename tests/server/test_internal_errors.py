"""Bugs of ours: each is logged, and hurts the session that met it and no other."""

from __future__ import annotations

from typing import Any, Never

import pytest
import trio

from tests.server.live_server import GateStore, Log, Serve
from tests.server.raw_client import request, until
from trio_chat.broker.admin import Order
from trio_chat.broker.commands import COMMANDS
from trio_chat.protocol.requests import Away, Hello, SetPassword
from trio_chat.server.hub.items import Administration
from trio_chat.store import MemoryStore

SECRET = "correct horse"


def bug(*_: object, **__: object) -> Never:
    raise ZeroDivisionError("a bug")


async def slow_bug(*_: object, **__: object) -> Never:
    await trio.lowlevel.checkpoint()
    bug()


def break_handler(monkeypatch: pytest.MonkeyPatch, kind: type[Any]) -> None:
    monkeypatch.setitem(COMMANDS, kind, COMMANDS[kind]._replace(handler=bug))


async def test_a_bug_in_a_handler_ends_one_session_and_no_other(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    break_handler(monkeypatch, Away)
    await ada.send(request("send", "1", room="#lobby", text="before") + request("away", "2", text="boom"))
    events, code, reason = await ada.wait_closed()
    assert [event["type"] for event in events] == ["message", "ok", "closing"]
    assert (events[-1]["code"], code) == ("internal", 1011)
    assert reason == "The server had an internal error; its log has the details."
    assert logged.take("request failed")["session"] == 1
    assert (await bob.until("message"))["text"] == "before"
    assert (await bob.until("presence"))["left"] == ["ada"]
    assert (await bob.say("still here"))["seq"] == 2
    assert (await live.join("ada", token=ada.token)).name == "ada"


async def test_a_bug_in_an_arrival_refuses_that_client_and_no_other(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada = await live.join("ada")
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.broker.arrival.rooms.enter", None)
        answer = await live.refused({"Username": "bob"})
    assert (answer.status, answer.json["code"]) == (500, "internal")
    logged.take("request failed")
    assert (await ada.say("still here"))["seq"] == 1
    break_handler(monkeypatch, Hello)
    client = await live.enter()
    await client.send(request("hello", "1", name="eve"))
    assert (await client.wait_closed())[1] == 1011
    logged.take("request failed")


async def test_a_history_that_cannot_be_read_is_one_refusal(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada = await live.join("ada")
    with monkeypatch.context() as broken:
        broken.setattr(MemoryStore, "read", GateStore.fail_to_read)
        assert (await ada.ask("history", room="#lobby"))["code"] == "internal"
    logged.take("not read")
    assert (await ada.ask("history", room="#lobby"))["type"] == "history"


@pytest.mark.parametrize(
    ("method", "asked"),
    [("read", {"kind": "history", "room": "#lobby"}), ("search", {"kind": "search", "words": ["x"]})],
)
async def test_a_bug_in_reading_is_one_refusal(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log, method: str, asked: dict[str, Any]
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(MemoryStore, method, slow_bug)
        assert (await ada.ask(**asked))["code"] == "internal"
    entry = logged.take("look-up failed")
    assert (entry["session"], entry["exc_info"]) == (1, True)
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.server.hub.lookup.Page", bug)
        broken.setattr("trio_chat.server.hub.lookup.Found", lambda **_: object())  # which cannot be encoded
        assert (await ada.ask(**asked))["code"] == "internal"
    logged.take("look-up failed")
    assert (await ada.ask(**asked))["type"] != "error"
    assert (await bob.say("still here"))["seq"] == 1


async def test_a_bug_in_hashing_ends_that_session_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.server.hub.passwords._hash", bug)
        assert (await ada.ask("password", password=SECRET))["code"] == "internal"
    assert (await ada.wait_closed())[1] == 1011
    logged.take("password not hashed")
    ada = await live.join("ada", token=ada.token)
    assert (await ada.ask("password", password=SECRET))["type"] == "ok"
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.server.hub.passwords._verify", bug)
        answer = await live.refused({"Username": "ada", "Trio-Chat-Password": SECRET})
    assert (answer.status, answer.json["code"]) == (500, "internal")
    logged.take("password not checked")
    assert (await bob.say("still here"))["seq"] == 1


async def test_a_bug_behind_a_hash_ends_that_session_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    break_handler(monkeypatch, SetPassword)
    await ada.send(request("password", "1", password=SECRET))
    assert (await ada.wait_closed())[1] == 1011
    logged.take("item failed")
    assert (await bob.say("still here"))["seq"] == 1


async def test_a_bug_before_a_hash_refuses_that_client_and_no_other(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    bob = await live.join("bob")
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.broker.arrival.wants_proof", bug)
        answer = await live.refused({"Username": "ada"})
    assert (answer.status, answer.json["code"]) == (500, "internal")
    logged.take("item failed")
    assert (await bob.say("still here"))["seq"] == 1
    assert (await live.join("ada")).name == "ada"


async def test_a_bug_in_a_departure_hurts_nobody(serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    monkeypatch.setattr("trio_chat.broker.arrival.depart", bug)
    ada.hang_up()
    await until(lambda: any(entry["event"] == "item failed" for entry in logged.entries))
    logged.take("item failed")
    assert (await bob.say("still here"))["seq"] == 1


async def test_a_bug_in_an_order_is_told_and_changes_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada = await live.join("ada")
    order = Administration(Order(do="promote", name="ada"))
    with monkeypatch.context() as broken, live.server.hub.open_inbox() as inbox:
        broken.setattr("trio_chat.broker.admin.AuditNote", bug)
        await inbox.send(order)
        await order.settled.wait()
    assert order.answer is None  # which the door tells as an internal error
    logged.take("item failed")
    assert not live.server.hub.broker.people["ada"].admin
    assert (await ada.say("still here"))["seq"] == 1


async def test_a_bug_in_storing_counts_as_not_stored(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve(store=GateStore())
    ada, bob = await live.join_all("ada", "bob")
    with monkeypatch.context() as broken:
        broken.setattr(GateStore, "commit", slow_bug)
        assert (await ada.say("lost"))["code"] == "not_stored"
    assert logged.take("not stored")["exc_info"]
    assert (await ada.say("kept"))["seq"] == 1
    assert (await bob.until("message"))["text"] == "kept"


async def test_a_bug_in_upkeep_is_logged_and_it_is_tried_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    monkeypatch.setattr("trio_chat.server.upkeep._AFTER_A_BUG", 0.01)
    live = await serve()
    ada = await live.join("ada")
    with monkeypatch.context() as broken:
        broken.setattr(MemoryStore, "index_some", slow_bug)
        await ada.say("something to index")
        await until(lambda: any(entry["event"] == "upkeep failed" for entry in logged.entries))
    failed = [entry for entry in logged.entries if entry["event"] == "upkeep failed"]
    assert {entry["task"] for entry in failed} == {"fill_index"}
    logged.entries[:] = [entry for entry in logged.entries if entry not in failed]
    indexed = trio.Event()

    async def index_some(*_: object) -> int:
        indexed.set()
        return 0

    monkeypatch.setattr(MemoryStore, "index_some", index_some)
    await indexed.wait()
    assert (await ada.say("still here"))["seq"] == 2
