"""Bodies that come in and files that go out, over real sockets, plain and with TLS."""

from __future__ import annotations

import contextlib
import os
import random
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.certificates import make_certificate
from tests.server.doors.http.file_routes import FileRoutes, expected
from tests.server.live_server import LiveServer, Log, Serve, run_live_server
from tests.server.raw_client import RawClient, head, until
from tests.server.tls_client import knock_over_tls
from trio_chat.config import ServerConfig

DATA = random.Random(7).randbytes(3_000_001)


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


# ---- downloads that go badly ---------------------------------------------------------------------


def give(live: LiveServer, file: Path, *, transfer: bool = False) -> None:
    live.server.http.routes.add(FileRoutes(file, transfer=transfer).routes)


def big(tmp_path: Path, size: int = 50_000_000) -> Path:
    """A file that no buffer of the kernel takes. It has holes, so it takes no room."""
    file = tmp_path / "big"
    with file.open("wb") as opened:
        opened.write(DATA)
        opened.truncate(size)
    return file


def open_files(file: Path) -> int:
    """How often this process, in which the server runs too, has a file open."""
    found = 0
    for place in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += place.readlink() == file
    return found


async def test_head_gets_the_head_of_a_file_and_the_connection_goes_on(live: LiveServer, tmp_path: Path) -> None:
    file = big(tmp_path)
    give(live, file)
    client = await knock(live)
    await client.send(head("HEAD", "/give", {"Host": "x"}) + head("GET", "/healthz", {"Host": "x"}))
    answer = await client.next_http_answer(whole=False)
    assert (answer.status, answer.headers["content-length"]) == (200, "50000000")
    assert (await client.read_answer()).json["status"] == "ok"
    await until(lambda: not open_files(file))
    assert live.server.hub.tally.sent == 0


async def test_a_receiver_that_stops_reading_is_cut_and_the_file_closed(
    live: LiveServer, tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    file = big(tmp_path)
    give(live, file, transfer=True)
    client = await knock(live)
    await client.send(head("GET", "/give", {"Host": "x"}))
    assert (await client.read_answer_head()).status == 200
    await until(lambda: live.server.hub.tally.sent)
    await settle(live)
    assert (live.server._sockets, open_files(file), live.server.hub.tally.transfers) == (1, 1, 1)
    mock_clock.jump(59)
    await trio.testing.wait_all_tasks_blocked()
    assert live.server._sockets == 1
    mock_clock.jump(2)
    await until(lambda: not live.server.hub.tally.transfers)
    assert open_files(file) == 0
    client.hang_up()
    await until(lambda: not live.server._sockets)


async def settle(live: LiveServer) -> None:
    """Wait until no more goes out."""
    before = -1
    while live.server.hub.tally.sent != before:
        before = live.server.hub.tally.sent
        await trio.testing.wait_all_tasks_blocked(0.05)


@pytest.mark.parametrize("leave", ["hang_up", "reset"])
async def test_a_receiver_that_hangs_up_is_forgotten(live: LiveServer, tmp_path: Path, leave: str) -> None:
    file = big(tmp_path)
    give(live, file, transfer=True)
    client = await knock(live)
    await client.send(head("GET", "/give", {"Host": "x"}))
    await client.receive()
    getattr(client, leave)()
    await until(lambda: not live.server._sockets)
    assert (open_files(file), live.server.hub.tally.transfers, live.server.newcomers.size) == (0, 0, 0)


async def test_a_file_that_shrinks_ends_the_connection_and_is_logged(
    live: LiveServer, tmp_path: Path, logged: Log
) -> None:
    file = big(tmp_path)
    give(live, file)
    client = await knock(live)
    await client.send(head("GET", "/give", {"Host": "x"}))
    answer = await client.read_answer_head()
    await settle(live)
    os.truncate(file, 1_000_000)
    body = await client.read_to_end()
    assert len(body) < int(answer.headers["content-length"])
    assert body[:1_000_000] == DATA[:1_000_000]
    client.hang_up()
    await until(lambda: not live.server._sockets)
    assert logged.take("file is shorter than promised")["path"] == "/give"


async def test_a_transfer_does_not_give_way_to_newcomers(
    serve: Serve, tmp_path: Path, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.newcomers.PLACES", 3)
    live = await serve()
    give(live, big(tmp_path), transfer=True)
    client = await live.knock()
    await client.send(head("GET", "/give", {"Host": "x"}))
    answer = await client.read_answer_head()
    await settle(live)
    crowd = [await live.knock() for _ in range(10)]
    for silent in crowd[:7]:
        assert await silent.read_to_end() == b""
    assert live.server.newcomers.size == 3
    assert b"trio_chat_transfers 1.0" in (await live.get("/metrics")).body
    size = 0
    while size < int(answer.headers["content-length"]):
        size += len(await client.receive())
    await until(lambda: not live.server.hub.tally.transfers)
    assert live.server.newcomers.size == 3  # it is one again, and may make another request
    client.hang_up()


async def test_a_server_that_stops_goes_on_with_downloads_up_to_its_deadline(
    nursery: trio.Nursery, tmp_path: Path, mock_clock: trio.testing.MockClock, logged: Log
) -> None:
    file = big(tmp_path)
    config = ServerConfig(port=0, memory=True, shutdown_grace=5.0)
    live: LiveServer = await nursery.start(partial(run_live_server, config))
    give(live, file)
    clients = [await live.knock() for _ in range(2)]
    for client in clients:
        await client.send(head("GET", "/give", {"Host": "x"}))
        assert (await client.read_answer_head()).headers["content-length"] == "50000000"
    await settle(live)
    live.server.stop()
    assert len(await clients[0].read_to_end()) == 50_000_000
    clients[0].hang_up()
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(5.1)
    await until(lambda: not live.server._sockets)
    mock_clock.jump(2)
    await live.ended.wait()
    assert open_files(file) == 0
    assert len(await clients[1].read_to_end()) < 50_000_000
    clients[1].hang_up()


async def test_a_download_holds_nobody_up(serve: Serve, tmp_path: Path, nursery: trio.Nursery) -> None:
    live = await serve()
    give(live, big(tmp_path))
    ada = await live.join("ada")
    client = await live.knock()
    await client.send(head("GET", "/give", {"Host": "x"}))

    async def read() -> None:
        while await client.receive():
            pass

    nursery.start_soon(read)
    await until(lambda: live.server.hub.tally.sent)
    assert (await ada.say("hello"))["type"] == "ok"
    assert live.server.hub.tally.sent < 50_000_000
    await until(lambda: live.server.hub.tally.sent == 50_000_000)
    client.hang_up()
