"""Uploads and downloads through a real nginx with the settings of docs/how-to/tls-proxy.md."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.certificates import make_certificate
from tests.nginx import needs_nginx, nginx_before, page_settings
from tests.ports import find_free_port
from tests.server.doors.http.file_routes import FileRoutes, expected
from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import RawClient, head, until
from tests.server.tls_client import TlsSocket

DATA = random.Random(5).randbytes(20_000_000)


class Proxied:
    """A server and the port of the nginx in front of it."""

    def __init__(self, live: LiveServer, port: int, routes: FileRoutes) -> None:
        self.live = live
        self.port = port
        self.routes = routes

    async def knock(self) -> RawClient:
        client = await RawClient.open(("127.0.0.1", self.port), source="127.0.0.9")
        tls = TlsSocket(client.socket)
        await tls.do_handshake()
        client.socket = tls  # type: ignore[assignment] # it is used as one
        return client


@pytest.fixture
async def proxied(serve: Serve, tmp_path: Path) -> AsyncIterator[Proxied]:
    needs_nginx()
    (tmp_path / "file").write_bytes(DATA)
    routes = FileRoutes(tmp_path / "file", under="/files/of")
    live = await serve(behind_proxy=("127.0.0.1",), open=True)
    live.server.http.routes.add(routes.routes)
    cert, key = make_certificate("localhost").write(tmp_path)
    port = find_free_port()
    settings = page_settings(live.server.addresses[0][1], port, str(cert), str(key))
    nginx = nginx_before(settings, port, tmp_path / "nginx")
    await trio.to_thread.run_sync(nginx.__enter__)
    try:
        yield Proxied(live, port, routes)
    finally:
        live.send_everyone_away()
        nginx.__exit__(None, None, None)


async def test_files_go_through_whole_both_ways(proxied: Proxied) -> None:
    client = await proxied.knock()
    await client.send(head("PUT", "/files/of/take", {"Host": "x", "Content-Length": str(len(DATA))}) + DATA)
    assert (await client.next_http_answer()).body == expected(DATA)
    await client.send(head("GET", "/files/of/give", {"Host": "x"}))
    assert (await client.next_http_answer()).body == DATA
    client.hang_up()
    assert proxied.routes.addresses == ["127.0.0.9"] * 2


async def test_an_upload_is_handed_on_while_it_arrives(proxied: Proxied) -> None:
    client = await proxied.knock()
    await client.send(head("PUT", "/files/of/take", {"Host": "x", "Content-Length": str(len(DATA))}) + DATA[:1_000_000])
    await until(lambda: sum(proxied.routes.pieces) == 1_000_000)
    client.hang_up()
    await until(lambda: proxied.routes.cut)
    assert [refusal.code for refusal in proxied.routes.cut] == ["bad_body"]


async def test_a_refusal_of_an_upload_comes_through(proxied: Proxied) -> None:
    client = await proxied.knock()
    await client.send(head("PUT", "/files/of/take", {"Host": "x", "Content-Length": str(10**9)}))
    answer = await client.next_http_answer()
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    client.hang_up()


async def test_the_chat_and_its_page_come_through_and_figures_do_not(proxied: Proxied) -> None:
    client = await proxied.knock()
    await client.send(head("GET", "/", {"Host": "x"}) + head("GET", "/metrics", {"Host": "x"}))
    assert b"trio-chat join wss://x/" in (await client.next_http_answer()).body
    answer = await client.next_http_answer()  # nginx's own: it has no such file
    assert (answer.status in {403, 404}, b"trio_chat" in answer.body) == (True, False)
    client.hang_up()
