"""Limits: a session that passes one is told which, and the others notice nothing."""

from __future__ import annotations

import contextlib

import pytest
import trio
import trio.testing

from tests.server.live_server import LiveServer, Log, Serve
from tests.server.raw_client import CONTINUATION, Closed, RawClient, frame, request, until

virtual = {"clock": lambda: 1e9 + trio.current_time()}
"""The server's clock goes with the test's."""


# ---- connections ----------------------------------------------------------------------------------


async def test_one_more_than_m_connections_is_told_so_and_closed_and_the_others_go_on(serve: Serve) -> None:
    live = await serve(max_connections=2)
    ada, bob = await live.join_all("ada", "bob")
    for _ in range(5):
        answer = await live.refused({"Username": "eve"})
        assert (answer.status, answer.json["code"]) == (503, "server_full")
        assert answer.json["message"] == "The server is full: all 2 connections are in use."
        assert answer.headers["retry-after"] == "2"
    assert (await ada.say("hi"))["type"] == "ok"
    assert (await bob.until("message"))["text"] == "hi"
    assert [event["type"] for event in ada.passed + bob.passed] == ["message"]
    bob.hang_up()
    await ada.until("presence", left=["bob"])
    await until(lambda: live.server.gate.inside == 1)
    assert (await live.join("eve")).name == "eve"


async def test_silent_connections_take_no_place_from_others(serve: Serve) -> None:
    live = await serve(max_connections=1)
    for _ in range(20):
        await live.knock()
    assert (await live.join("ada")).name == "ada"


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc", b"GET /metrics HTTP/1.1\r\n\r\n"])
async def test_the_places_before_the_login_are_shared_out_and_newcomers_get_one(
    serve: Serve, mock_clock: trio.testing.MockClock, logged: Log, sent: bytes
) -> None:
    live = await serve(max_connections=2, handshake_timeout=600.0)
    ada = await live.join("ada")
    crowd = []
    for _ in range(5):
        crowd += [await live.knock(source="127.0.0.2") for _ in range(60)]
        mock_clock.jump(5)  # so that it may connect again
    for client in crowd:
        with contextlib.suppress(OSError):
            await client.send(sent)
    await until(lambda: live.server.newcomers.size <= 256 and live.server._sockets <= 258)
    for client in crowd[:40]:  # the first ones gave way
        await client.read_to_end()
    newcomer = await live.knock(source="127.0.0.3")
    assert (await newcomer.get("/healthz")).status == 200
    assert (await live.join("bob")).name == "bob"
    assert (await ada.say("still here"))["type"] == "ok"
    if not sent.endswith(b"\r\n\r\n"):
        assert live.server.hub.tally.refusals["crowded"] >= 44
        mock_clock.jump(1.1)
        await trio.testing.wait_all_tasks_blocked()
        entries = [entry for entry in logged.entries if entry["event"] == "sent away"]
        assert len(entries) <= 3
        assert {entry.get("most_from", entry.get("address")) for entry in entries} == {"127.0.0.2"}
    for client in crowd:
        client.hang_up()
    await until(lambda: live.server._sockets == 2)


async def test_an_address_that_connects_too_often_is_closed_at_once_and_others_are_not(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(per_address=1)
    many = [await live.knock(source="127.0.0.2") for _ in range(68)]
    assert [await client.receive() for client in many[64:]] == [b""] * 4
    assert (live.server._sockets, live.server.hub.tally.connections) == (64, 64)
    assert live.server.hub.tally.refusals == {"too_many_attempts": 4}
    newcomer = await live.knock(source="127.0.0.3")
    assert (await newcomer.get("/healthz")).status == 200
    mock_clock.jump(1)
    again = await live.knock(source="127.0.0.2")
    assert (await again.get("/healthz")).status == 200
    for client in many:
        client.hang_up()


async def test_behind_a_trusted_proxy_the_connections_of_each_client_are_limited(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(per_address=64, open=True, behind_proxy=("127.0.0.2",))

    async def enter(client: str) -> int:
        knock = await live.knock(source="127.0.0.2")
        answer = await knock.upgrade({"X-Forwarded-For": client})
        if answer.status != 101:
            assert answer.json["code"] == "too_many_attempts"
        knock.hang_up()
        return answer.status

    assert [await enter("192.0.2.1") for _ in range(65)] == [101] * 64 + [429]
    assert await enter("192.0.2.2") == 101


async def test_a_session_that_does_not_log_in_gives_way_when_the_server_is_full(serve: Serve) -> None:
    live = await serve(max_connections=4)
    ada = await live.join("ada")
    silent = []
    for _ in range(3):
        client = await live.knock(source="127.0.0.2")
        assert (await client.upgrade()).status == 101
        silent.append(client)
    bob = await live.join("bob")
    closing = await silent[0].next()
    assert (closing["type"], closing["code"]) == ("closing", "crowded")
    with pytest.raises(Closed) as closed:
        await silent[0].next()
    assert closed.value.code == 1013
    eve = await live.enter()  # its hello comes later, and protects it from then on
    assert (await eve.ask("hello", name="eve"))["type"] == "welcome"
    assert (await silent[1].next())["code"] == "crowded"
    await until(lambda: live.server._sockets == 4)
    answer = await live.refused({"Username": "kim"})
    assert (answer.status, answer.json["code"]) == (503, "server_full")
    for client in (ada, bob, eve):
        assert (await client.say("still here"))["type"] == "ok"
    assert not silent[2].has_something
    assert live.server.gate.inside == 4


# ---- sizes ----------------------------------------------------------------------------------------


async def test_a_frame_of_just_the_limit_is_read(serve: Serve) -> None:
    live = await serve(max_frame=2048)
    ada = await live.join("ada")
    assert (await ada.say("hi"))["type"] == "ok"
    bare = len(request("ping", "", pad="")[6:])
    data = request("ping", "x", pad="x" * (2048 - bare - 1))
    assert len(data) == 2048 + 8
    await ada.send(data)
    assert (await ada.until("pong"))["id"] == "x"


@pytest.mark.parametrize("size", [2049, 4096, 70_000, 1_000_000])
@pytest.mark.parametrize("split", [False, True])
async def test_a_frame_over_the_limit_closes_with_1009_and_others_are_unharmed(
    serve: Serve,
    nursery: trio.Nursery,
    mock_clock: trio.testing.MockClock,
    size: int,
    split: bool,  # noqa: FBT001 - one of the two forms
) -> None:
    live = await serve(max_frame=2048)
    ada, bob = await live.join_all("ada", "bob")
    data = frame(b"x" * size)
    if split:
        half = b"x" * (size // 2)
        data = frame(half, fin=False) + frame(b"x" * (size - len(half)), CONTINUATION)
    await ada.say("before")
    nursery.start_soon(send_what_is_taken, ada, data)
    closing = await ada.until("closing")
    assert (closing["code"], closing["message"]) == ("too_big", "The request is over the limit of 2048 bytes.")
    assert "retry" not in closing
    with pytest.raises(Closed) as closed:
        await ada.next()
    assert closed.value.code == 1009
    assert live.server.hub.tally.refusals == {"too_big": 1}
    assert (await bob.until("message"))["text"] == "before"
    assert (await bob.until("presence"))["left"] == ["ada"]
    assert (await bob.say("still here"))["seq"] == 2


async def send_what_is_taken(client: RawClient, data: bytes) -> None:
    try:
        await client.send(data)
    except OSError:
        return  # the server hung up in the middle


async def test_a_header_that_promises_far_too_much_is_refused_at_once(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    ada = await live.join("ada")
    await ada.send(b"\x81\xff" + (2**40).to_bytes(8) + b"\x00\x00\x00\x00" + b"x" * 70_000)
    assert (await ada.next())["code"] == "too_big"
    with pytest.raises(Closed) as closed:
        await ada.next()
    assert closed.value.code == 1009


async def test_a_text_over_the_limit_of_characters_leaves_the_session_usable(serve: Serve) -> None:
    live = await serve(max_text=10)
    ada = await live.join("ada")
    assert (await ada.say("\u65e5" * 10))["type"] == "ok"
    answer = await ada.say("\u65e5" * 11)
    assert (answer["code"], answer["message"]) == ("too_long", "The message has 11 characters; the limit is 10.")
    assert (await ada.say("fine"))["seq"] == 2


async def test_rooms_and_recipients_have_limits_and_say_so(serve: Serve) -> None:
    live = await serve(max_rooms=3, max_recipients=2)
    ada, *_ = await live.join_all("ada", "bob", "eve", "kim")
    assert (await ada.ask("send", to=["bob", "eve", "kim"], text="x"))["code"] == "too_many_recipients"
    for room, answer in (("#a", "room"), ("#b", "room"), ("#c", "error")):
        assert (await ada.ask("join", room=room))["type"] == answer


# ---- a peer that stops reading --------------------------------------------------------------------


async def flood(live: LiveServer, sender: RawClient, slow: RawClient) -> int:
    """Send until the slow one is given up; how many messages that took."""
    outbox = live.connection_of(slow).outbox
    count = 0
    while not outbox._refusing:
        assert (await sender.say("x" * 7000))["type"] == "ok"
        count += 1
    return count


async def test_a_peer_that_stops_reading_is_disconnected_with_the_reason_while_others_go_on(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(outbox_bytes=100_000)
    ada, bob = await live.join_all("ada", "bob")
    slow = await live.join("slow", receive_buffer=1)
    live.squeeze(slow)
    count = await flood(live, ada, slow)
    assert [event["seq"] for event in [await bob.until("message") for _ in range(count)]] == list(range(1, count + 1))

    events, code, reason = await slow.wait_closed()
    *messages, closing = events
    assert [event["seq"] for event in messages] == list(range(1, len(messages) + 1))  # whole, in order, then the end
    assert len(messages) < count
    assert closing["code"] == "too_slow"
    assert "bytes were waiting" in closing["message"]
    assert code == 1008
    assert reason.startswith("You were disconnected")
    assert (await bob.until("presence", left=["slow"]))["count"] == 2
    again = await live.join("slow", token=slow.token)
    seen, more = len(messages), True
    while more:
        page = await again.ask("history", room="#lobby", after=seen, limit=500)
        seqs, more = [event["seq"] for event in page["events"]], page["more"]
        assert seqs == list(range(seen + 1, seen + 1 + len(seqs)))
        seen = seqs[-1]
    assert seen == count


async def test_a_peer_that_never_reads_again_is_cut_off_in_the_end(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(outbox_bytes=100_000)
    ada = await live.join("ada")
    slow = await live.join("slow", receive_buffer=1)
    live.squeeze(slow)
    await flood(live, ada, slow)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(10)
    assert (await ada.until("presence", left=["slow"]))["count"] == 1
    await until(lambda: live.server._sockets == 1)


async def test_what_waits_for_a_slow_peer_is_never_more_than_the_limit_and_one_write(serve: Serve) -> None:
    live = await serve(outbox_bytes=50_000)
    ada = await live.join("ada")
    slow = await live.join("slow", receive_buffer=1)
    live.squeeze(slow)
    outbox = live.connection_of(slow).outbox
    most = 0
    for _ in range(40):
        await ada.say("x" * 7000)
        most = max(most, outbox.size)
    assert 0 < most <= 50_000 + 8000
    assert live.server.hub.outbox_bytes <= 50_000 + 8000


# ---- a peer that says too much --------------------------------------------------------------------


async def test_a_flood_is_throttled_then_refused_and_then_read_again_and_others_are_not(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(rate=10.0, burst=20.0, **virtual)
    ada, bob = await live.join_all("ada", "bob")
    mock_clock.jump(10)
    texts = [request("send", str(number), room="#lobby", text=str(number)) for number in range(60)]
    await ada.send(b"".join(texts))
    answers = [await ada.next_answer() for _ in range(60)]
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert len(refused) == 20  # a burst of credit, and as much debt
    assert {answer["code"] for answer in refused} == {"too_fast"}
    assert refused[0]["message"] == "You are sending too fast."
    assert refused[0]["advice"].startswith("Wait 2.")

    await trio.testing.wait_all_tasks_blocked()
    await ada.send(request("ping", "later"))
    assert (await bob.say("unthrottled"))["type"] == "ok"
    assert (await ada.until("message", text="unthrottled"))["from"] == "bob"
    await trio.testing.wait_all_tasks_blocked()
    assert not ada.has_something
    mock_clock.jump(5)
    assert (await ada.until("pong"))["id"] == "later"


async def test_what_cannot_be_read_counts_too(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    live = await serve(rate=10.0, burst=20.0, **virtual)
    ada = await live.join("ada")
    mock_clock.jump(10)
    await ada.send(frame(b"nonsense") * 50)
    codes = [(await ada.until("error"))["code"] for _ in range(50)]
    assert codes == ["not_json"] * 40 + ["too_fast"] * 10


# ---- a peer that says nothing ---------------------------------------------------------------------


async def test_a_silent_session_is_disconnected_and_one_that_types_is_not(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(idle_timeout=20.0, **virtual)
    ada, bob = await live.join_all("ada", "bob")
    mock_clock.jump(15)
    await ada.say("I am here")
    await bob.ask("ping")  # what a client does by itself is no sign of a person
    mock_clock.jump(6)
    events, code, reason = await bob.wait_closed()
    assert events[-1]["code"] == "idle"
    assert events[-1]["message"] == "Bye! You sent nothing for 20 seconds."
    assert "retry" not in events[-1]
    assert (code, reason) == (1000, events[-1]["message"])
    assert (await ada.until("presence"))["left"] == ["bob"]
    assert (await ada.say("still here"))["type"] == "ok"


async def test_silent_sessions_stay_unless_the_settings_say_otherwise(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live: LiveServer = await serve(**virtual)
    ada = await live.join("ada")
    mock_clock.jump(50)
    assert (await ada.say("after a while"))["type"] == "ok"
