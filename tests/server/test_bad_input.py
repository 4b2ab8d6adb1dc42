"""Bad input: a peer that sends it is told so or closed, and other sessions notice nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from tests.server.live_server import LiveServer, Log, Serve
from tests.server.raw_client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    Closed,
    RawClient,
    close_frame,
    frame,
    request,
    until,
    upgrade_head,
)
from trio_chat.errors import FAULTS


def raw(**fields: Any) -> bytes:
    return frame(json.dumps(fields).encode())


async def unharmed(witness: RawClient, *, heard: tuple[str, ...] = ()) -> None:
    """A bystander can go on, and heard nothing but these kinds of events."""
    witness.passed.clear()
    assert (await witness.ask("ping"))["type"] == "pong"
    assert tuple(event["type"] for event in witness.passed) == heard


# ---- requests that are none -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "code", "request_id"),
    [
        (b"", "not_json", ""),
        (b"hello", "not_json", ""),
        (b'{"type":"ping","id":"1"', "not_json", ""),
        (b'{"type":"ping","id":"1"} x', "not_json", ""),
        (b"{'type':'ping'}", "not_json", ""),
        (b'{"type":"ping","id":"\\ud800"}', "not_json", ""),
        (b"[" * 5000, "not_an_object", ""),
        (b"NaN", "not_json", ""),
        (b"[]", "not_an_object", ""),
        (b'"ping"', "not_an_object", ""),
        (b"null", "not_an_object", ""),
        (b"17", "not_an_object", ""),
        (b"{}", "bad_field", ""),
        (b'{"id":"1"}', "bad_field", "1"),
        (b'{"type":"fly","id":"1"}', "unknown_type", "1"),
        (b'{"type":"welcome","id":"1"}', "unknown_type", "1"),  # the server's to say
        (b'{"type":"","id":"1"}', "unknown_type", "1"),
        (b'{"type":7,"id":"1"}', "bad_field", "1"),
        (b'{"type":"ping"}', "bad_field", ""),
        (b'{"type":"ping","id":""}', "bad_field", ""),
        (b'{"type":"ping","id":5}', "bad_field", ""),
        (b'{"type":"ping","id":"' + b"x" * 65 + b'"}', "bad_field", ""),
        (b'{"type":"send","id":"1","room":"#lobby"}', "bad_field", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":null}', "bad_field", "1"),
        (b'{"type":"send","id":"1","room":["#lobby"],"text":"x"}', "bad_field", "1"),
        (b'{"type":"send","id":"1","to":"bob","text":"x"}', "bad_field", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":"x","kind":"shout"}', "bad_field", "1"),
        (b'{"type":"history","id":"1","room":"#lobby","limit":0}', "bad_field", "1"),
        (b'{"type":"history","id":"1","room":"#lobby","limit":501}', "bad_field", "1"),
        (b'{"type":"history","id":"1","room":"#lobby","after":-1}', "bad_field", "1"),
        (b'{"type":"history","id":"1","room":"#lobby","after":1.5}', "bad_field", "1"),
        (b'{"type":"history","id":"1","room":"#lobby","after":1,"before":2}', "bad_field", "1"),
        (b'{"type":"read","id":"1","room":"#lobby","seq":99999999999999999999999}', "bad_field", "1"),
        (b'{"type":"search","id":"1","words":["x"],"cursor":9223372036854775808}', "bad_field", "1"),
        (b'{"type":"revoke","id":"1","device":1208925819614629174706176}', "bad_field", "1"),
        (b'{"type":"edit","id":"1","room":"#lobby","target":9223372036854775808,"text":"x"}', "bad_field", "1"),
        (b'{"type":"send","id":"1","text":"x"}', "no_recipient", "1"),
        (b'{"type":"send","id":"1","to":[],"text":"x"}', "no_recipient", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","to":["bob"],"text":"x"}', "two_recipients", "1"),
        (b'{"type":"send","id":"1","to":["ada"],"text":"x"}', "only_yourself", "1"),
        (b'{"type":"send","id":"1","to":["bobb"],"text":"x"}', "unknown_person", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":""}', "empty", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":" \\n\\t "}', "empty", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":"\\u200b\\u202e"}', "empty", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":"' + b"x" * 8001 + b'"}', "too_long", "1"),
        (b'{"type":"leave","id":"1","room":"#lobby"}', "stays_in_lobby", "1"),
        (b'{"type":"topic","id":"1","room":"#lobby","text":"' + b"x" * 301 + b'"}', "topic_too_long", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":"x","sent":"yesterday"}', "bad_field", "1"),
        (b'{"type":"send","id":"1","room":"#lobby","text":"x","sent":"2026-01-31T12:00:00"}', "bad_field", "1"),
        (b"[[[[", "not_an_object", ""),
        (b" [1, 2", "not_an_object", ""),
        (b'{"a":' * 5000, "not_json", ""),
        (b'{"type":"hello","id":"1","name":"eve"}', "greeted_already", "1"),
        (b'{"type":"nick","id":"1","name":"bob"}', "name_taken", "1"),
        (b'{"type":"nick","id":"1","name":"ALL"}', "name_reserved", "1"),
        (b'{"type":"nick","id":"1","name":""}', "name_invalid", "1"),
        (b'{"type":"nick","id":"1","name":"\\u001b[31m"}', "name_invalid", "1"),
        (b'{"type":"nick","id":"1","name":"a\\u202eb"}', "name_invalid", "1"),
    ],
)
async def test_each_fault_has_its_code_and_the_session_goes_on(
    serve: Serve, payload: bytes, code: str, request_id: str
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(frame(payload))
    error = await ada.next()
    assert (error["type"], error["code"], error.get("id", "")) == ("error", code, request_id)
    assert error["message"]
    assert error["message"].isprintable()
    assert len(error["message"]) < 500
    assert code in FAULTS
    await unharmed(bob)
    assert (await ada.say("still here"))["seq"] == 1


async def test_a_field_that_is_not_known_is_passed_over(serve: Serve) -> None:
    live = await serve()
    ada = await live.join("ada")
    await ada.send(raw(type="ping", id="1", colour="red", nested={"a": [1, 2]}))
    assert (await ada.next())["type"] == "pong"


@pytest.mark.parametrize("name", ["", "#", "#" + "x" * 200, "a b", "#a b", "#\x1b[2J", "#a\u202e", "@bob+eve", "\x00"])
@pytest.mark.parametrize("kind", ["join", "leave", "who", "send", "typing", "read", "received", "topic", "history"])
async def test_rooms_of_every_odd_kind_are_refused_in_words_that_print(serve: Serve, kind: str, name: str) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    fields: dict[str, Any] = {"send": {"text": "x"}, "read": {"seq": 1}, "received": {"seq": 1}, "topic": {"text": "x"}}
    error = await ada.ask(kind, room=name, **fields.get(kind, {}))
    assert (error["type"], error["code"]) == ("error", "room_invalid" if kind == "join" else "unknown_room")
    assert error["message"].isprintable()
    await unharmed(bob)


@pytest.mark.parametrize("kind", ["send", "leave", "typing", "history", "topic"])
async def test_a_room_one_is_not_in_is_told_from_one_that_is_not_there(serve: Serve, kind: str) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await bob.ask("join", room="#ops")
    fields = {"text": "x"} if kind in {"send", "topic"} else {}
    assert (await ada.ask(kind, room="#ops", **fields))["code"] == "not_a_member"
    error = await ada.ask(kind, room="#opps", **fields)
    assert (error["code"], "#ops" in error["message"]) == ("unknown_room", True)


@pytest.mark.parametrize("kind", ["send", "join", "who", "ping", "rooms", "nick", "away"])
async def test_nothing_is_done_before_hello(serve: Serve, kind: str) -> None:
    live = await serve()
    bob = await live.join("bob")
    client = await live.enter()
    fields = {"send": {"room": "#lobby", "text": "x"}, "join": {"room": "#a"}, "nick": {"name": "eve"}}.get(kind, {})
    assert (await client.ask(kind, **fields))["code"] == "not_greeted"
    await unharmed(bob)
    assert (await client.ask("hello", name="eve"))["type"] == "welcome"


# ---- frames that are none of ours -----------------------------------------------------------------


async def test_a_binary_message_is_refused_and_the_session_goes_on(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(request("ping", "1") + frame(b'{"type":"ping","id":"x"}', BINARY) + request("ping", "2"))
    assert [(event["type"], event.get("code", "")) for event in [await ada.next() for _ in range(3)]] == [
        ("pong", ""),
        ("error", "not_text"),
        ("pong", ""),
    ]
    await unharmed(bob)
    assert (await ada.say("still here"))["seq"] == 1


async def test_a_message_in_fragments_is_a_message(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    text = json.dumps(
        {"type": "send", "id": "1", "room": "#lobby", "text": "\u65e5\u672c"}, ensure_ascii=False
    ).encode()
    await ada.send(frame(text[:1], fin=False))
    for byte in text[1:-1]:
        await ada.send(frame(bytes([byte]), CONTINUATION, fin=False) + frame(b"?", PING))
    await ada.send(frame(text[-1:], CONTINUATION))
    assert (await bob.until("message"))["text"] == "日本"
    assert (await ada.until("ok"))["id"] == "1"
    assert (await ada.say("and whole ones go on"))["seq"] == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"\xff\xfe"), 1007),
        (frame(b'{"type":"ping","id":"\xed\xa0\x80"}'), 1007),
        (frame(b"\xe2\x82", fin=False) + frame(b"", CONTINUATION), 1007),
        (frame(b"x", mask=None), 1002),
        (frame(b"x", bits=4), 1002),
        (frame(b"x", 3), 1002),
        (frame(b"x", 15), 1002),
        (frame(b"x", CONTINUATION), 1002),
        (frame(b"x", fin=False) + frame(b"y"), 1002),
        (frame(b"x" * 126, PING), 1002),
        (frame(b"x", PING, fin=False), 1002),
        (frame(b"x", CLOSE), 1002),
        (frame(b"\x03\xe8\xff", CLOSE), 1007),
        (frame(b"\x00\x01", CLOSE), 1002),
        (b"\x81\xfe\x00\x05\x01\x02\x03\x04hello", 1002),
    ],
)
async def test_a_broken_frame_closes_that_connection_with_its_code(serve: Serve, data: bytes, code: int) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(data)
    closing = await ada.next()
    row = "not_utf8" if code == 1007 else "bad_frame"
    assert (closing["type"], closing["code"], closing.get("retry")) == ("closing", row, None)
    assert closing["message"].isprintable()
    with pytest.raises(Closed) as closed:
        await ada.next()
    assert closed.value.code == code
    assert await ada.read_to_end() == b""
    assert live.server.hub.tally.refusals == {row: 1}
    assert (await bob.until("presence"))["left"] == ["ada"]
    await unharmed(bob)


async def test_pings_are_answered_and_pongs_need_no_answer(serve: Serve) -> None:
    live = await serve()
    ada = await live.join("ada")
    await ada.send(frame(b"one", PING) + frame(b"unasked", PONG) + request("ping", "1") + frame(b"two", PING))
    await ada.send(request("ping", "2"))
    assert (await ada.until("pong", id="2"))["type"] == "pong"
    while len(ada.pongs) < 2:
        ada._frames.receive_data(await ada.receive())
        ada._sort()
    assert ada.pongs == [b"one", b"two"]


async def test_a_message_of_endless_fragments_closes_that_connection(
    serve: Serve, nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    nursery.start_soon(ada.send, frame(b"{", fin=False) + frame(b"", CONTINUATION, fin=False) * 2048)

    async def hurry() -> None:  # they are read slowly
        while True:
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(1)

    async with trio.open_nursery() as clock:
        clock.start_soon(hurry)
        closing = await ada.until("closing")
        clock.cancel_scope.cancel()
    assert (closing["code"], closing.get("retry")) == ("too_many_fragments", None)
    with pytest.raises(Closed) as closed:
        await ada.next()
    assert closed.value.code == 1009
    assert live.server.hub.tally.refusals == {"too_many_fragments": 1}
    assert (await bob.until("presence"))["left"] == ["ada"]
    await unharmed(bob)


# ---- connections that end oddly -------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_a_client_that_closes_is_answered_in_kind_and_its_leaving_is_told(serve: Serve, code: int) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(close_frame(code))
    closed = await ada.next_frame()
    assert isinstance(closed, Closed)
    assert closed.code == code
    assert await ada.read_to_end() == b""
    assert (await bob.until("presence"))["left"] == ["ada"]


async def test_a_ping_after_the_servers_close_ends_that_connection_alone(serve: Serve) -> None:
    live = await serve(password="secret")
    bob = await live.enter({"Authorization": "Bearer secret", "Username": "bob"})
    await bob.until("presence")
    stranger = await live.enter()
    await stranger.send(request("hello", "1", password="wrong"))
    while not isinstance(await stranger.next_frame(), Closed):
        pass
    await stranger.send(frame(b"are you there?", PING) + frame(b"hello?") + frame(b"", PONG))
    assert await stranger.read_to_end() == b""
    await until(lambda: live.server._sockets == 1)
    await unharmed(bob)


async def test_data_and_more_closes_after_a_close_end_that_connection_alone(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(close_frame() + request("send", "1", room="#lobby", text="late") + close_frame() + frame(b"", PING))
    await ada.read_to_end()
    await bob.until("presence", left=["ada"])
    assert bob.passed == []  # the message behind the close was not read
    await unharmed(bob)


async def test_messages_before_a_close_in_the_same_reading_are_carried_out(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(
        request("send", "1", room="#lobby", text="in time")
        + frame(b"", BINARY)  # from here on wsproto reads all
        + close_frame()
        + request("send", "2", room="#lobby", text="late")
    )
    await ada.read_to_end()
    await bob.until("presence", left=["ada"])
    assert [event["text"] for event in bob.passed] == ["in time"]
    await unharmed(bob)


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHo", upgrade_head()[:-2]])
@pytest.mark.parametrize("leave", ["hang_up", "reset"])
async def test_a_connection_that_ends_in_mid_head_is_forgotten(serve: Serve, sent: bytes, leave: str) -> None:
    live = await serve()
    bob = await live.join("bob")
    for _ in range(5):
        client = await live.knock()
        await client.send(sent)
        getattr(client, leave)()
    await live.get("/healthz")
    await until(lambda: live.server._sockets == 1)
    await unharmed(bob)


@pytest.mark.parametrize("leave", ["hang_up", "reset"])
@pytest.mark.parametrize("wait", [False, True])
async def test_a_connection_that_ends_right_behind_its_upgrade_leaves_no_name_behind(
    serve: Serve,
    leave: str,
    wait: bool,  # noqa: FBT001 - both orders of events
) -> None:
    live = await serve(names="guest")
    bob = await live.join("bob")
    for _ in range(10):
        client = await live.knock()
        await client.send(upgrade_head({"Username": "ada"}))
        if wait:
            await bob.until("presence")
        getattr(client, leave)()
        await until(lambda: live.server._sockets == 1)
    assert live.server.hub.broker.here == 1
    here = await bob.ask("who")
    assert [person["name"] for person in here["people"]] == ["bob"]


@pytest.mark.parametrize("leave", ["hang_up", "reset"])
async def test_a_connection_that_ends_in_mid_message_is_gone_and_nothing_of_it_is_said(
    serve: Serve, leave: str
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(request("send", "1", room="#lobby", text="half")[:-5])
    getattr(ada, leave)()
    assert (await bob.until("presence"))["left"] == ["ada"]
    assert bob.passed == []
    await unharmed(bob)


async def test_a_client_that_shuts_its_sending_side_is_gone(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    ada.socket.shutdown(trio.socket.SHUT_WR)
    assert (await bob.until("presence"))["left"] == ["ada"]
    await ada.read_to_end()
    await unharmed(bob)


async def test_a_hundred_connections_that_come_and_go_leave_nothing_behind(serve: Serve) -> None:
    live = await serve()
    bob = await live.join("bob")
    for number in range(100):
        client = await live.enter({"Username": f"guest{number}"})
        (client.reset if number % 2 else client.hang_up)()
    await until(lambda: live.server._sockets == 1)
    await bob.ask("ping")
    hub = live.server.hub
    assert len(hub.broker.sessions) == hub.broker.here == len(hub._out._recipients) == 1
    assert list(hub._out._channels) == ["#lobby"]
    assert (live.server.gate.inside, hub.waiting) == (1, 0)


async def test_a_bug_in_the_door_ends_one_connection_and_is_logged(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live: LiveServer = await serve()
    bob = await live.join("bob")
    with monkeypatch.context() as broken:
        broken.setattr("trio_chat.server.doors.websocket.read_credentials", None)
        client = await live.knock()
        await client.send(upgrade_head())
        assert await client.read_to_end() == b""
    assert logged.take("connection failed")["session"] == 2
    await unharmed(bob)
