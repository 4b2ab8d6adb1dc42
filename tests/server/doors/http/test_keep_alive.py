"""Several requests on one connection: in order, within limits, and an upgrade as the last of them."""

from __future__ import annotations

import contextlib

import pytest
import trio
import trio.testing

from tests.server.doors.http.file_routes import FileRoutes, expected
from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import RawClient, head, until, upgrade_head

GET = head("GET", "/healthz", {"Host": "x"})


async def test_pipelined_requests_are_answered_one_after_the_other(serve: Serve) -> None:
    live = await serve()
    live.server.http.routes.add(FileRoutes().routes)
    client = await live.knock()
    put = head("PUT", "/take", {"Host": "x", "Content-Length": "4"}) + b"body"
    patch = head("PATCH", "/take/b", {"Host": "x", "Transfer-Encoding": "chunked"}) + b"2\r\nhi\r\n0\r\n\r\n"
    await client.send(put + GET + patch + head("HEAD", "/", {"Host": "x"}) + head("GET", "/no", {"Host": "x"}) + GET)
    assert (await client.next_http_answer()).body == expected(b"body")
    assert (await client.next_http_answer()).json["status"] == "ok"
    assert (await client.next_http_answer()).body == b"b" + expected(b"hi")
    front = await client.next_http_answer(whole=False)
    assert (front.status, front.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await client.next_http_answer()).status == 404
    assert (await client.read_answer()).json["status"] == "ok"
    assert live.server.hub.tally.requests == 6


async def test_a_flood_of_pipelined_requests_lets_others_in_between(serve: Serve, nursery: trio.Nursery) -> None:
    live = await serve()
    flooder = await live.knock()
    nursery.start_soon(flooder.send, GET * 500)
    await until(lambda: live.server.hub.tally.requests > 5)
    assert (await live.get("/metrics")).status == 200
    assert live.server.hub.tally.requests < 400


@pytest.mark.parametrize("said", ["close", "Close", "te, close"])
async def test_a_connection_closes_when_the_client_says_so(serve: Serve, said: str) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(head("GET", "/healthz", {"Host": "x", "Connection": said}) + GET)
    assert (await client.read_answer()).headers["connection"] == "close"


async def test_a_connection_of_http_1_0_closes(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (await client.read_answer()).headers["connection"] == "close"


async def test_a_connection_makes_a_thousand_requests_at_the_most(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.doors.http_door.MOST_REQUESTS", 3)
    live = await serve()
    client = await live.knock()
    await client.send(GET * 5)
    answers = [await client.next_http_answer() for _ in range(3)]
    assert ["connection" in answer.headers for answer in answers] == [False, False, True]
    assert await client.read_to_end() == b""
    client.hang_up()


async def test_a_connection_that_makes_no_next_request_is_closed_without_a_word(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(GET)
    await client.next_http_answer()
    await until(lambda: live.server._entrance.waits.scopes)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(29)
    await trio.testing.wait_all_tasks_blocked()
    assert not client.has_something
    mock_clock.jump(2)
    assert await client.read_to_end() == b""
    client.hang_up()
    await until(lambda: not live.server._sockets)
    assert live.server.hub.tally.refusals == {}


async def test_a_next_head_that_is_not_whole_in_time_is_told_so(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(handshake_timeout=10.0)
    client = await live.knock()
    await client.send(GET + GET[:-5])
    await client.next_http_answer()
    await until(lambda: live.server._entrance.waits.scopes)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(11)
    assert (await client.read_answer()).json["code"] == "head_timeout"


async def test_a_client_that_hangs_up_between_two_requests_is_forgotten(serve: Serve) -> None:
    live = await serve()
    for leave in ("hang_up", "reset"):
        client = await live.knock()
        await client.send(GET)
        await client.next_http_answer()
        getattr(client, leave)()
    await until(lambda: not live.server._sockets)
    assert live.server.newcomers.size == 0


async def test_a_connection_that_made_requests_may_become_a_session(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(GET + upgrade_head({"Username": "ada"}))
    assert (await client.next_http_answer()).json["status"] == "ok"
    assert (await client.read_answer_head()).status == 101
    client.take_welcome(await client.until("welcome"))
    assert (await client.say("hello"))["type"] == "ok"
    assert live.server.newcomers.size == 0


async def test_idle_connections_of_one_address_give_way_and_others_come_in(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    ada = await live.join("ada")
    crowd: list[RawClient] = []
    for _ in range(20):  # 1,200 connections
        some = [await live.knock(source="127.0.0.2") for _ in range(60)]
        for client in some:
            with contextlib.suppress(OSError):
                await client.send(GET)
                await client.next_http_answer()
        crowd += some
        mock_clock.jump(5)  # so that it may connect again
        assert live.server.newcomers.size <= 256
    for client in crowd[:900]:
        assert await client.read_to_end() == b""
    assert (await live.get("/healthz")).status == 200
    newcomer = await live.knock(source="127.0.0.3")
    assert (await newcomer.get("/healthz")).status == 200
    assert (await ada.say("still here"))["type"] == "ok"
    for client in crowd:
        client.hang_up()
    await until(lambda: live.server._sockets == 1)


async def test_requests_of_one_address_are_charged_like_connections(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(handshake_timeout=10.0)
    client = await live.knock(source="127.0.0.2")
    await client.send(GET * 100)
    for _ in range(64):
        assert (await client.next_http_answer()).status == 200
    await trio.testing.wait_all_tasks_blocked()
    assert not client.has_something  # the next one waits ...
    mock_clock.jump(1)
    for _ in range(16):  # ... and is answered when its time has come
        assert (await client.next_http_answer()).status == 200
    await trio.testing.wait_all_tasks_blocked()
    assert not client.has_something
    assert live.server.hub.tally.refusals == {}
    client.hang_up()


async def test_requests_through_a_proxy_are_charged_to_its_clients(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(handshake_timeout=1.0, behind_proxy=("127.0.0.2",), open=True)
    proxy = await live.knock(source="127.0.0.2")
    for number in range(70):  # two clients by turns on one connection
        for client in ("192.0.2.1", "198.51.100.1"):
            if client == "192.0.2.1" and number >= 64:
                continue
            await proxy.send(head("GET", "/healthz", {"Host": "x", "X-Forwarded-For": client}))
            if client == "198.51.100.1" and number >= 64:
                await trio.testing.wait_all_tasks_blocked()
                mock_clock.jump(0.5)
            assert (await proxy.next_http_answer()).status == 200
    await proxy.send(head("GET", "/healthz", {"Host": "x"}) * 100)  # its own, for itself
    for _ in range(100):
        assert (await proxy.next_http_answer()).status == 200


async def test_an_address_that_asks_too_often_for_long_is_told_so(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(handshake_timeout=0.5)
    client = await live.knock(source="127.0.0.2")
    await until(lambda: live.server._sockets)
    live.server._attempts.take = lambda address, now: False  # type: ignore[method-assign] # others take all turns
    await client.send(GET * 2)
    assert (await client.next_http_answer()).status == 200
    for _ in range(4):
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(0.3)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (429, "too_many_attempts")
    assert answer.headers["retry-after"] == "2"


async def get_as(live: LiveServer, accept: str) -> tuple[str, bytes]:
    live.server.http.routes.add(FileRoutes(limit=1).routes)
    client = await live.knock()
    await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": "2", "Accept": accept}))
    answer = await client.read_answer()
    return answer.headers["content-type"], answer.body


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/plain;q=0.5", ""])
async def test_errors_are_json(serve: Serve, accept: str) -> None:
    kind, body = await get_as(await serve(), accept)
    assert kind == "application/json"
    assert b'"code":"body_too_large"' in body


@pytest.mark.parametrize("accept", ["text/plain", "text/html,application/xhtml+xml,*/*;q=0.8"])
async def test_errors_are_text_for_a_client_that_asks_for_text(serve: Serve, accept: str) -> None:
    kind, body = await get_as(await serve(), accept)
    assert kind == "text/plain; charset=utf-8"
    assert body == b"The body of the request is over the limit of 1 bytes. Send less in one request.\n"


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [("https://evil.example", "localhost", 403), ("http://evil.example", "evil.example", 403), ("null", "x", 403)],
)
async def test_web_pages_of_other_sites_get_nothing_but_the_pages(
    serve: Serve, origin: str, host: str, status: int
) -> None:
    live = await serve()
    live.server.http.routes.add(FileRoutes().routes)
    client = await live.knock()
    headers = {"Host": host, "Origin": origin}
    await client.send(head("GET", "/give", headers) + head("OPTIONS", "/take", headers) + head("GET", "/", headers))
    refused = await client.next_http_answer()
    assert (refused.status, "access-control-allow-origin" in refused.headers) == (status, False)
    assert (await client.next_http_answer()).status == 405
    assert (await client.next_http_answer()).status == 200
    assert live.server.hub.tally.refusals.total() == 1
    client.hang_up()
