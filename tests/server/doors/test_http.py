"""The HTTP door: the health check, the metrics, the page for browsers, and all other requests."""

from __future__ import annotations

import re
import ssl

import pytest
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families

from tests.server.live_server import GateStore, LiveServer, Log, Serve
from tests.server.raw_client import Answer, head, request, until, upgrade_head
from trio_chat.errors import Refusal
from trio_chat.server.doors.http import MAX_HEAD, parse_head
from trio_chat.version import __version__

Figures = dict[tuple[str, str], float]


def figures(answer: Answer) -> Figures:
    """Each figure by its name and its first label's value."""
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: Figures = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        assert family.documentation
        for sample in family.samples:
            found[sample.name, next(iter(sample.labels.values()), "")] = sample.value
    return found


# ---- health ---------------------------------------------------------------------------------------


async def test_health_is_green_when_a_probe_comes_through_the_hub(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    answer = await live.get("/healthz")
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.json["hub_ms"] >= 0


async def test_health_is_red_while_the_hub_is_stuck_and_green_when_it_is_not_any_more(
    serve: Serve, mock_clock: trio.testing.MockClock, logged: Log
) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    store.shut()
    await ada.send(request("send", "1", room="#lobby", text="hi"))
    await until(lambda: store.batches)
    client = await live.knock()
    await client.send(head("GET", "/healthz", {"Host": "test"}))
    await until(lambda: live.server.hub.waiting)
    mock_clock.jump(3)
    answer = await client.read_answer()
    assert (answer.status, answer.json) == (503, {"status": "stuck"})  # why is for the log: everybody may ask
    for _ in range(4):
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(3)
    await trio.testing.wait_all_tasks_blocked()
    assert re.fullmatch(
        r"The store has not answered for \d+ seconds: another program keeps the database locked, or its disk is slow.",
        logged.take("the store does not answer")["error"],
    )
    store.release()
    assert (await live.get("/healthz")).status == 200


async def test_health_that_is_red_for_a_hub_that_waits_for_no_store_blames_none(
    serve: Serve, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    asked = trio.Event()

    async def never() -> None:
        asked.set()
        await trio.sleep_forever()

    monkeypatch.setattr(live.server.hub, "probe", never)
    client = await live.knock()
    await client.send(head("GET", "/healthz", {"Host": "test"}))
    await asked.wait()
    mock_clock.jump(3)
    answer = await client.read_answer()
    assert (answer.status, answer.json) == (503, {"status": "stuck"})


async def test_health_of_a_store_that_fails_says_so_and_nothing_of_the_machine(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    live.server.hub.storing.failing = "Cannot write /home/ada/chat.sqlite3: the disk is full."
    answer = await live.get("/healthz")
    assert (answer.status, answer.json) == (503, {"status": "not storing"})
    live.server.hub.storing.failing = None


# ---- figures --------------------------------------------------------------------------------------


async def test_figures_count_what_happened(serve: Serve) -> None:
    live = await serve(max_connections=3)
    ada, bob = await live.join_all("ada", "bob")
    before = figures(await live.get("/metrics"))
    await ada.say("one")
    await ada.say("two")
    await bob.say("three", room="#nowhere")
    await ada.ask("send", to=["bob"], text="psst")
    await ada.ask("join", room="#ops")
    await ada.say("four", room="#ops")
    await bob.ask("ping")
    after = figures(await live.get("/metrics"))
    assert after["trio_chat_info", __version__] == 1
    assert after["trio_chat_connections", ""] == 2
    assert after["trio_chat_people", ""] == 2
    assert after["trio_chat_rooms", ""] == 2
    assert after["trio_chat_conversations", ""] == 1
    assert after["trio_chat_outbox_bytes", ""] == 0
    assert after["trio_chat_messages_total", ""] - before["trio_chat_messages_total", ""] == 4
    # one, two and psst to both, four to ada, and that she is in #ops
    assert after["trio_chat_deliveries_total", ""] - before["trio_chat_deliveries_total", ""] == 8
    assert after["trio_chat_refusals_total", "unknown_room"] == 1
    assert after["trio_chat_hub_delay_seconds_count", ""] == 8
    assert after["trio_chat_hub_batch_requests_sum", ""] == 8
    assert after["trio_chat_accepted_total", ""] == 4


async def test_refusals_at_the_door_are_counted_by_code(serve: Serve) -> None:
    live = await serve(max_connections=1, password="secret")
    await live.refused({"Authorization": "Bearer wrong"})
    await live.refused({"Authorization": "What ever"})
    await live.refused({"Origin": "https://elsewhere.example"})
    await live.enter({"Authorization": "Bearer secret"})
    await live.refused({"Authorization": "Bearer secret"})
    found = figures(await live.get("/metrics"))
    codes = {label: value for (name, label), value in found.items() if name == "trio_chat_refusals_total"}
    assert codes == {"wrong_password": 1, "bad_head": 1, "bad_origin": 1, "server_full": 1}


async def test_each_server_has_figures_of_its_own(serve: Serve) -> None:
    one, other = await serve(), await serve()
    await one.join("ada")
    assert figures(await one.get("/metrics"))["trio_chat_people", ""] == 1
    assert figures(await other.get("/metrics"))["trio_chat_people", ""] == 0


# ---- pages ----------------------------------------------------------------------------------------


async def test_a_person_with_a_browser_is_told_what_this_is_and_how_to_join(serve: Serve) -> None:
    live = await serve()
    answer = await live.get("/", headers={"Host": "chat.example:8765"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert b"trio-chat join ws://chat.example:8765/" in answer.body
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"Host": "chat.example", "X-Forwarded-Proto": "https"}, "wss://chat.example/"),
        ({"Host": "chat.example:8443", "X-Forwarded-Proto": "https"}, "wss://chat.example:8443/"),
        ({"Host": "chat.example", "X-Forwarded-Proto": "http"}, "ws://chat.example/"),
        ({"Host": "[::1]"}, "ws://[::1]/"),
        ({"Host": "[::1]:8765"}, "[::1]:8765"),
    ],
)
async def test_the_page_gives_the_address_by_which_it_was_reached(
    serve: Serve, headers: dict[str, str], address: str
) -> None:
    live = await serve()
    answer = await live.get("/", headers=headers)
    assert f"<pre>trio-chat join {address}</pre>".encode() in answer.body


async def test_nothing_in_the_page_comes_raw_from_the_request(serve: Serve) -> None:
    live = await serve()
    answer = await live.get("/", headers={"Host": "<script>alert(1)</script>"})
    assert b"<script" not in answer.body


@pytest.mark.parametrize("target", ["/nothing", "/healthz/", "//", "/%2e%2e/etc/passwd", "*"])
async def test_other_paths_are_not_found(serve: Serve, target: str) -> None:
    live = await serve()
    assert (await live.get(target)).status == 404


async def test_a_query_changes_nothing(serve: Serve) -> None:
    live = await serve()
    assert (await live.get("/healthz?x=1")).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
async def test_methods_other_than_get_are_refused_with_those_allowed(serve: Serve, method: str) -> None:
    live = await serve()
    answer = await live.get("/", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_big_body_behind_a_refused_head_does_not_cost_the_answer(
    serve: Serve, mock_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    live = await serve()
    client = await live.knock()
    body = b"x" * 300_000
    nursery.start_soon(client.send, head("POST", "/", {"Host": "test", "Content-Length": str(len(body))}) + body)
    assert (await client.read_answer()).status == 405


async def test_head_gets_the_head_of_get(serve: Serve) -> None:
    live = await serve()
    got, headed = await live.get("/"), await live.get("/", method="HEAD")
    assert headed.body == b""
    assert (headed.status, headed.headers) == (got.status, got.headers)


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    ],
)
async def test_garbage_is_answered_with_a_sentence(serve: Serve, garbage: bytes) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(garbage)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (400, "bad_head")
    assert answer.json["message"].startswith("The server does not understand the request: ")
    assert (await live.get("/healthz")).status == 200


async def test_a_head_cut_anywhere_is_a_head(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    for byte in head("GET", "/healthz", {"Host": "test"}):
        await client.send(bytes([byte]))
        await trio.lowlevel.checkpoint()
    assert (await client.read_answer()).status == 200


async def test_a_head_that_ends_with_the_connection_is_told_that_it_is_not_complete(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
    client.socket.shutdown(trio.socket.SHUT_WR)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (400, "bad_head")
    assert "not complete" in answer.json["message"]


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: test\r\n", upgrade_head()[:-1]])
async def test_half_a_head_is_waited_for_up_to_the_deadline_and_holds_nobody_up(
    serve: Serve, mock_clock: trio.testing.MockClock, sent: bytes
) -> None:
    live: LiveServer = await serve(handshake_timeout=10.0)
    client = await live.knock()
    await client.send(sent)
    await until(lambda: live.server._entrance.waits.scopes)
    assert (await live.get("/healthz")).status == 200
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(11)
    answer = await client.read_answer()
    assert (answer.status, answer.json["code"]) == (408, "head_timeout")
    assert live.server.hub.tally.refusals == {"head_timeout": 1}
    await until(lambda: not live.server._sockets)


@pytest.mark.parametrize("extra", [0, 1, 1000, 100_000])
async def test_a_head_of_more_than_16_kib_is_refused(
    serve: Serve, mock_clock: trio.testing.MockClock, nursery: trio.Nursery, extra: int
) -> None:
    live = await serve()
    client = await live.knock()
    bare = head("GET", "/healthz", {"Host": "test", "X": ""})
    data = bare[:-4] + b"x" * (MAX_HEAD - len(bare) + extra) + b"\r\n\r\n"
    nursery.start_soon(client.send, data)
    answer = await client.read_answer()
    assert answer.status == (431 if extra else 200)
    assert extra == 0 or "too long" in answer.json["message"]


async def test_an_endless_head_is_read_no_further_than_needed(
    serve: Serve, mock_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 4000)
    answer = await client.read_answer()
    assert answer.status == 431
    assert "too long" in answer.json["message"]


async def test_a_tls_hello_to_the_plain_port_gets_an_alert_at_once(serve: Serve) -> None:
    live = await serve()
    ada = await live.join("ada")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    client = await live.knock()
    await client.send(outgoing.read())
    incoming.write(await client.read_to_end())
    client.hang_up()
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        tls.do_handshake()
    assert live.server.hub.tally.refusals["no_tls"] == 1
    assert (await ada.say("still here"))["type"] == "ok"


async def test_plain_requests_are_answered_while_the_chat_is_full(serve: Serve) -> None:
    live = await serve(max_connections=1)
    await live.join("ada")
    assert (await live.get("/healthz")).status == 200
    assert (await live.get("/metrics")).status == 200


def test_names_of_headers_are_compared_without_case_and_values_of_one_name_are_a_list() -> None:
    parsed = parse_head(b"GET /a?b HTTP/1.1\r\nHOST: x\r\nX-One: 1\r\nx-one: 2\r\n\r\n")
    assert not isinstance(parsed, Refusal)
    assert (parsed.method, parsed.path, parsed.headers) == ("GET", "/a", {"host": "x", "x-one": "1, 2"})


async def test_a_hundred_headers_are_read(serve: Serve) -> None:
    live = await serve()
    assert (await live.get("/", headers={f"X-{number}": "y" for number in range(98)})).status == 200


async def test_the_request_behind_the_last_one_is_not_answered(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    last = head("GET", "/healthz", {"Host": "localhost", "Connection": "close"})
    await client.send(last + head("GET", "/metrics", {"Host": "localhost"}))
    answer = await client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert answer.body.count(b"\n") == 1


async def test_a_request_of_http_1_0_is_answered(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert (await client.read_answer()).status == 200


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:8765", 200), ("127.0.0.1", 200), ("metrics.example", 200), ("evil.example", 403)]
)
async def test_figures_are_for_requests_to_a_host_of_this_server(serve: Serve, host: str, status: int) -> None:
    live = await serve(public_host=("metrics.example",))
    answer = await live.get("/metrics", headers={"Host": host})
    assert answer.status == status
    if status == 403:
        assert (answer.json["code"], b"trio_chat_info" in answer.body) == ("bad_host", False)
    assert (await live.get("/healthz", headers={"Host": host})).status == 200


async def test_a_page_that_is_read_too_slowly_is_given_up(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    live = await serve(handshake_timeout=10.0)
    client = await live.knock(receive_buffer=1)
    live.server.hub.tally.refusals.update({f"code{number}": 1 for number in range(200_000)})  # a page of megabytes
    await client.send(head("GET", "/metrics", {"Host": "localhost"}))
    assert await client.receive()
    await trio.testing.wait_all_tasks_blocked()
    assert live.server._sockets == 1
    mock_clock.jump(11)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(3)
    await until(lambda: not live.server._sockets)


@pytest.mark.parametrize(
    ("method", "upgrade", "wanted"),
    [("GET", "websocket", True), ("GET", "WebSocket", True), ("GET", "h2c", False), ("POST", "websocket", False)],
)
def test_an_upgrade_is_asked_for_by_get_and_its_header(method: str, upgrade: str, wanted: bool) -> None:  # noqa: FBT001 - a column of the table
    parsed = parse_head(head(method, "/", {"Host": "x", "Upgrade": upgrade}))
    assert not isinstance(parsed, Refusal)
    assert parsed.wants_websocket is wanted
