"""Bodies that come in and files that go out, over real sockets, plain and with TLS."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.server.doors.http.file_routes import FileRoutes, expected
from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import RawClient, head
from tests.server.tls_client import knock_over_tls

DATA = random.Random(7).randbytes(3_000_001)

Knock = Callable[[LiveServer], Awaitable[RawClient]]


@pytest.fixture(params=["plain", "tls"])
async def live(serve: Serve, request: pytest.FixtureRequest, tmp_path: Path) -> LiveServer:
    if request.param == "plain":
        return await serve()
    make_certificate("127.0.0.1").write(tmp_path)
    return await serve(cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")


async def knock(live: LiveServer) -> RawClient:
    """Connect, with TLS if the server speaks it."""
    return await (knock_over_tls(live) if live.server.urls[0].startswith("wss") else live.knock())


def chunked(data: bytes, size: int = 10_000) -> bytes:
    parts = [data[place : place + size] for place in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [0, 1, 16_384, 262_144, 262_145, len(DATA)])
async def test_a_body_comes_whole_and_the_connection_goes_on(live: LiveServer, size: int) -> None:
    live.server.http.routes.add(FileRoutes().routes)
    client = await knock(live)
    for _ in range(2):
        await client.send(head("PUT", "/take", {"Host": "x", "Content-Length": str(size)}) + DATA[:size])
        answer = await client.next_http_answer()
        assert (answer.status, answer.body) == (200, expected(DATA[:size]))
    assert live.server.hub.tally.received == 2 * size
    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize("size", [0, 1, 16_384, 262_145, len(DATA)])
async def test_a_body_in_chunks_comes_whole_and_the_connection_goes_on(live: LiveServer, size: int) -> None:
    live.server.http.routes.add(FileRoutes().routes)
    client = await knock(live)
    for _ in range(2):
        sent = head("PUT", "/take", {"Host": "x", "Transfer-Encoding": "chunked"}) + chunked(DATA[:size])
        await client.send(sent)
        answer = await client.next_http_answer()
        assert (answer.status, answer.body) == (200, expected(DATA[:size]))
    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize("size", [0, 1, 262_145, len(DATA)])
async def test_a_file_goes_out_whole_and_the_connection_goes_on(live: LiveServer, tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(DATA[:size])
    live.server.http.routes.add(FileRoutes(file).routes)
    client = await knock(live)
    for _ in range(2):
        await client.send(head("GET", "/give", {"Host": "x"}))
        answer = await client.next_http_answer()
        assert (answer.status, answer.headers["content-length"]) == (200, str(size))
        assert answer.body == DATA[:size]
    assert live.server.hub.tally.sent == 2 * size
    assert (await client.get("/healthz")).status == 200
