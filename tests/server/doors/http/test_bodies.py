"""Bodies that come badly: too slow, too short, too long, in broken chunks, or so that a proxy reads them otherwise."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.server.doors.http.file_routes import FileRoutes, expected
from tests.server.live_server import LiveServer, Log, Serve
from tests.server.raw_client import RawClient, head, until

CHUNKED = {"Host": "x", "Transfer-Encoding": "chunked"}


async def start(serve: Serve, *, limit: int = 1_000_000) -> tuple[LiveServer, FileRoutes, RawClient]:
    live = await serve()
    routes = FileRoutes(limit=limit)
    live.server.http.routes.add(routes.routes)
    return live, routes, await live.knock()


async def still_works(live: LiveServer) -> None:
    assert (await live.get("/healthz")).status == 200
    await until(lambda: live.server._sockets == 0)
    assert live.server.newcomers.size == 0


# ---- the size ------------------------------------------------------------------------------------


async def test_a_body_that_ends_too_early_is_told_so_and_the_handler_keeps_what_came(serve: Serve) -> None:
    live, routes, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "100"}) + b"half")
    client.socket.shutdown(trio.socket.SHUT_WR)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (400, "bad_body")
    assert answer.headers["connection"] == "close"
    assert "ends too early" in answer.json["message"]
    assert [refusal.code for refusal in routes.cut] == ["bad_body"]
    assert routes.pieces == [4]
    await still_works(live)


@pytest.mark.parametrize("leave", ["hang_up", "reset"])
@pytest.mark.parametrize("headers", [{"Host": "x", "Content-Length": "100000"}, CHUNKED])
async def test_an_abandoned_body_is_cut_and_nothing_is_left_of_it(
    serve: Serve, headers: dict[str, str], leave: str
) -> None:
    live, routes, client = await start(serve)
    await client.send(head("PUT", "/take", headers) + b"fff\r\n" + b"x" * 1000)
    await until(lambda: live.server._entrance.waits.scopes)
    getattr(client, leave)()
    await until(lambda: routes.cut)
    assert [refusal.code for refusal in routes.cut] == ["bad_body"]
    await still_works(live)


async def test_what_comes_behind_a_body_is_the_next_request(serve: Serve) -> None:
    live, _, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "4"}) + b"bodyGARBAGE\r\n\r\n")
    assert (await client.next_http_answer()).body == expected(b"body")
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (400, "bad_head", "close")
    await still_works(live)


async def test_a_body_over_the_limit_is_refused_before_it_is_read(serve: Serve) -> None:
    live, routes, client = await start(serve, limit=1000)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "1001"}))
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (413, "body_too_large", "close")
    assert routes.pieces == []
    await still_works(live)


async def test_a_body_in_chunks_is_cut_at_the_limit(serve: Serve, nursery: trio.Nursery) -> None:
    live, routes, client = await start(serve, limit=100_000)
    nursery.start_soon(client.send, head("PUT", "/take", CHUNKED) + (b"3e8\r\n" + b"x" * 1000 + b"\r\n") * 150)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert sum(routes.pieces) <= 100_000
    await still_works(live)


async def test_a_small_body_that_no_handler_reads_does_not_end_the_connection(serve: Serve) -> None:
    live, _, client = await start(serve)
    await client.send(head("POST", "/ignore", {"Host": "x", "Content-Length": "60000"}) + b"x" * 60000)
    assert (await client.next_http_answer()).status == 204
    assert (await client.get("/healthz")).status == 200
    await still_works(live)


@pytest.mark.parametrize("headers", [{"Host": "x", "Content-Length": "900000"}, CHUNKED])
async def test_another_body_that_no_handler_reads_ends_the_connection(serve: Serve, headers: dict[str, str]) -> None:
    live, _, client = await start(serve)
    await client.send(head("POST", "/ignore", headers) + b"5\r\nhello\r\n0\r\n\r\n" + head("GET", "/healthz", headers))
    answer = await client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (204, "close")
    await still_works(live)


# ---- the pace ------------------------------------------------------------------------------------


async def test_a_body_that_does_not_come_is_given_up(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    live, routes, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "100"}))
    await until(lambda: live.server._entrance.waits.scopes)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(31)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (408, "slow_body", "close")
    assert routes.pieces == []
    await still_works(live)


async def test_a_body_that_trickles_is_given_up(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    live, routes, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "100000"}))
    begun = trio.current_time()
    while not routes.cut:
        await client.send(b"x")
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked()
    assert 20 < trio.current_time() - begun < 40
    assert (await client.read_answer()).json["code"] == "slow_body"
    await still_works(live)


async def test_a_slow_body_above_the_floor_comes_whole(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    live, _, client = await start(serve)
    data = b"x" * 2000 * 100
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": str(len(data))}))
    for place in range(0, len(data), 2000):
        await client.send(data[place : place + 2000])
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked()
    assert (await client.read_answer()).body == expected(data)
    await still_works(live)


async def test_bytes_that_come_one_by_one_are_gathered_for_the_handler(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live, routes, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "100"}))
    for _ in range(100):
        await client.send(b"x")
        await trio.testing.wait_all_tasks_blocked()
    assert (await client.read_answer()).body == expected(b"x" * 100)
    assert routes.pieces == [100]
    await still_works(live)


async def test_nothing_is_read_while_the_handler_is_busy(serve: Serve, nursery: trio.Nursery) -> None:
    live, routes, client = await start(serve, limit=100_000_000)
    routes.gate = trio.Event()
    sent = 0

    async def send() -> None:
        nonlocal sent
        await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "50000000"}))
        while sent < 50_000_000:
            sent += await client.socket.send(b"x" * 50_000)

    nursery.start_soon(send)
    await until(lambda: routes.pieces)
    await trio.testing.wait_all_tasks_blocked()
    assert len(routes.pieces) == 1
    assert live.server.hub.tally.received == routes.pieces[0] <= 512 * 1024
    assert sent < 50_000_000  # the rest waits in the client, behind the buffers of the kernel
    routes.gate.set()
    assert (await client.read_answer()).body == expected(b"x" * 50_000_000)


# ---- chunks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"5\r\nhello\r\nx\r\n\r\n", "malformed"),
        (b"-5\r\nhello\r\n0\r\n\r\n", "malformed"),
        (b"0x5\r\nhello\r\n0\r\n\r\n", "malformed"),
        (b" 5\r\nhello\r\n0\r\n\r\n", "malformed"),
        (b"5\nhello\r\n0\r\n\r\n", "malformed"),
        (b"5\r\nhelloXX0\r\n\r\n", "malformed"),
        (b"5\r\nhello!\r\n0\r\n\r\n", "malformed"),
        (b"5\r\nhello\n0\r\n\r\n", "malformed"),
        (b"fffffffffffffffffffff\r\nhello\r\n", "malformed"),
        (b"5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n", "malformed"),
        (b"5\r\nhello\r\n0\r\n" + b"x: " + b"y" * 20_000 + b"\r\n\r\n", "malformed"),
        (b"5\r\nhello\r\n0\r\nbad name: y\r\n\r\n", "malformed"),
        (b"5\r\nhello\r\n0\r\n\n", "CR LF"),
        (b"5\r\nhello\r\n0\r\nX: y\n\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "CR LF"),
        (b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n", "too small"),
    ],
)
async def test_broken_chunks_end_the_connection_with_the_reason(serve: Serve, body: bytes, why: str) -> None:
    live, routes, client = await start(serve)
    await client.send(head("PUT", "/take", CHUNKED) + body)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (400, "bad_body", "close")
    assert why in answer.json["message"]
    assert [refusal.code for refusal in routes.cut] == ["bad_body"]
    await still_works(live)


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", b"0;why=not\r\n\r\n", b"000\r\n\r\n"])
async def test_chunks_with_extensions_and_trailers_come_and_the_next_request_too(serve: Serve, end: bytes) -> None:
    live, _, client = await start(serve)
    body = b"3;name=value\r\nhel\r\n0002\r\nlo\r\n" + end
    await client.send(head("PUT", "/take", CHUNKED) + body + head("GET", "/healthz", {"Host": "x"}))
    assert (await client.next_http_answer()).body == expected(b"hello")
    assert (await client.read_answer()).json["status"] == "ok"
    await still_works(live)


async def test_a_body_in_chunks_cut_anywhere_is_the_same(serve: Serve) -> None:
    live, _, client = await start(serve)
    for byte in head("PUT", "/take", CHUNKED) + b"3\r\nhel\r\n2;x\r\nlo\r\n0\r\nA: b\r\n\r\n":
        await client.send(bytes([byte]))
        await trio.testing.wait_all_tasks_blocked()
    assert (await client.read_answer()).body == expected(b"hello")
    await still_works(live)


# ---- two ways to read a request -------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5 5",
        "Content-Length: 0x5",
        "Content-Length: 5\x0b",
        "Content-Length: \u0665",
        "Content-Length : 5",
        "Content-Length: " + "9" * 5000,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding:\r\n chunked",
        "X: y\nTransfer-Encoding: chunked",
    ],
)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(serve: Serve, headers: str) -> None:
    live, routes, client = await start(serve)
    smuggled = head("GET", "/give", {"Host": "x"})
    await client.send(f"PUT /take HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n0\r\n\r\n".encode() + smuggled)
    answer = await client.read_answer()  # and none to the second request
    assert answer.status in {400, 501}
    assert answer.headers["connection"] == "close"
    assert routes.pieces == []
    await still_works(live)


async def test_chunks_in_http_1_0_are_refused(serve: Serve) -> None:
    live, _, client = await start(serve)
    await client.send(b"PUT /take HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert (await client.read_answer()).json["code"] == "bad_head"
    await still_works(live)


@pytest.mark.parametrize("coding", ["gzip", "identity", "chunked, gzip"])
async def test_another_coding_of_the_body_is_not_implemented(serve: Serve, coding: str) -> None:
    live, _, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Transfer-Encoding": coding}) + b"0\r\n\r\n")
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (501, "bad_coding")
    await still_works(live)


# ---- 100-continue --------------------------------------------------------------------------------


async def test_a_client_that_expects_to_be_asked_for_the_body_is_asked(serve: Serve) -> None:
    live, _, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "4", "Expect": "100-Continue"}))
    assert (await client.read_answer_head()).status == 100
    await client.send(b"body")
    assert (await client.next_http_answer()).body == expected(b"body")
    assert (await client.get("/healthz")).status == 200
    await still_works(live)


@pytest.mark.parametrize(("path", "size", "status"), [("/take", 1_000_001, 413), ("/ignore", 5, 204), ("/no", 5, 404)])
async def test_a_client_whose_body_is_not_wanted_is_not_asked_for_it(
    serve: Serve, path: str, size: int, status: int
) -> None:
    live, _, client = await start(serve)
    method = "POST" if path == "/ignore" else "PUT"
    await client.send(head(method, path, {"Host": "x", "Content-Length": str(size), "Expect": "100-continue"}))
    answer = await client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    await still_works(live)


async def test_another_expectation_is_refused(serve: Serve) -> None:
    live, _, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "4", "Expect": "a miracle"}))
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (417, "bad_expectation")
    await still_works(live)


# ---- bugs and the end ----------------------------------------------------------------------------


async def test_a_bug_in_a_handler_is_logged_and_answered_and_the_connection_goes_on(serve: Serve, logged: Log) -> None:
    _, _, client = await start(serve)
    await client.send(head("GET", "/bug", {"Host": "x"}))
    answer = await client.next_http_answer()
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert logged.take("request failed")["path"] == "/bug"
    assert (await client.get("/healthz")).status == 200


async def test_a_server_that_stops_cuts_bodies_with_the_reason(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live, routes, client = await start(serve)
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "100"}) + b"half")
    await until(lambda: live.server._entrance.waits.scopes)
    idle = await live.knock()
    await idle.send(head("GET", "/healthz", {"Host": "x"}))
    assert (await idle.next_http_answer()).status == 200
    live.server.stop()
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (503, "shutting_down")
    assert [refusal.code for refusal in routes.cut] == ["shutting_down"]
    assert await idle.read_to_end() == b""
    idle.hang_up()
    await live.ended.wait()
