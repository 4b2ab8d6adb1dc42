"""Servers that lie about files: nothing wrong is saved, and the token goes nowhere else."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

import trio_chat
from tests.client.test_against_server import QUICK
from trio_chat.client import KnownServers, parse_given
from trio_chat.client.files import fetching
from trio_chat.client.options import Reconnection, StreamOptions
from trio_chat.client.transfer_access import TransferAccess
from trio_chat.client.trust import Trust
from trio_chat.protocol.parts import FileInfo

DATA = random.Random(3).randbytes(100_000)
FILE = FileInfo(id="abc", name="build.log", size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
TOKEN = "canary-token"
ERROR = rb'{"type":"error","code":"unknown_file","message":"\u001b[2Jgone"}'
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = f"Content-Length: {len(DATA)}\r\n".encode()


class LyingServer:
    """Answers each request but ``OPTIONS`` with bytes of a test's own, and keeps what came."""

    def __init__(self, answer: bytes, *, endless: bool = False) -> None:
        self.answer = answer
        self.endless = endless
        self.got = b""

    async def handle(self, stream: trio.SocketStream) -> None:
        head = b""
        try:
            while True:
                while b"\r\n\r\n" not in head:
                    data = await stream.receive_some()
                    if not data:
                        return
                    head += data
                self.got += head
                first, _, head = head.partition(b"\r\n\r\n")
                if first.startswith(b"OPTIONS"):
                    await stream.send_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                    continue
                await stream.send_all(self.answer)
                while self.endless:
                    await stream.send_all(b"x" * 65536)
                return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        finally:
            await trio.aclose_forcefully(stream)


async def serve(nursery: trio.Nursery, server: LyingServer) -> int:
    listeners: list[trio.SocketListener] = await nursery.start(
        partial(trio.serve_tcp, host="127.0.0.1"), server.handle, 0
    )
    port: int = listeners[0].socket.getsockname()[1]
    return port


def access_to(port: int, folder: Path) -> Callable[[], TransferAccess]:
    trust = Trust(parse_given(f"ws://127.0.0.1:{port}/"), KnownServers(folder), StreamOptions())
    reconnection = Reconnection(backoff=QUICK)
    return lambda: TransferAccess(trust, TOKEN, "test", reconnection, 0.2, trio.sleep_forever)


def visible_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


CASES = {
    "other bytes": (OK + LENGTH + b"\r\n" + b"x" * len(DATA), "SHA-256"),
    "too few, as announced": (OK + b"Content-Length: 5\r\n\r\nabcde", "announces 5 bytes"),
    "too many, as announced": (OK + b"Content-Length: 999999999\r\n\r\n", "announces 999999999 bytes"),
    "fewer than announced": (OK + LENGTH + b"\r\nabc", "has other bytes now"),
    "compressed": (OK + LENGTH + b"Content-Encoding: gzip\r\n\r\n", "a form that nobody asked for"),
    "a part that was not asked for": (
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nabcde",
        "other bytes of the file",
    ),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.0\r\n\r\n", "not answer as a web server"),
    "an endless head": (OK + b"X: y\r\n" * 20_000, "not answer as a web server"),
    "an error with escapes": (b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(ERROR) + ERROR, "gone"),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_a_lying_server_sends_is_not_saved(tmp_path: Path, case: str) -> None:
    answer, said = CASES[case]
    (tmp_path / "saved").mkdir()
    async with trio.open_nursery() as nursery:
        port = await serve(nursery, LyingServer(answer))
        with pytest.raises(trio_chat.ChatError, match=said) as caught:
            await fetching.save_file(access_to(port, tmp_path), FILE, tmp_path / "saved", None, overwrite=False)
        assert "\x1b" not in str(caught.value)
        nursery.cancel_scope.cancel()
    assert visible_in(tmp_path / "saved") == []


async def test_an_endless_body_ends_with_the_size_of_the_file(tmp_path: Path) -> None:
    server = LyingServer(OK + b"Connection: close\r\n\r\n", endless=True)
    async with trio.open_nursery() as nursery:
        port = await serve(nursery, server)
        with pytest.raises(trio_chat.ChatError, match="more than the 100000 bytes"):
            await fetching.save_file(access_to(port, tmp_path), FILE, tmp_path, None, overwrite=False)
        nursery.cancel_scope.cancel()
    assert "build.log" not in visible_in(tmp_path)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_no_other_host_gets_the_token(tmp_path: Path, status: int) -> None:
    other = LyingServer(OK + LENGTH + b"\r\n" + DATA)
    async with trio.open_nursery() as nursery:
        elsewhere = await serve(nursery, other)
        place = f"Location: http://127.0.0.1:{elsewhere}/files/abc\r\nContent-Length: 0\r\n\r\n".encode()
        port = await serve(nursery, LyingServer(f"HTTP/1.1 {status} Moved\r\n".encode() + place))
        with pytest.raises(trio_chat.Unreachable, match="redirect"):
            await fetching.save_file(access_to(port, tmp_path), FILE, tmp_path, None, overwrite=False)
        nursery.cancel_scope.cancel()
    assert other.got == b""


async def test_a_server_that_does_not_prove_its_key_never_sees_the_token(tmp_path: Path) -> None:
    server = LyingServer(OK + LENGTH + b"\r\n" + DATA)
    async with trio.open_nursery() as nursery:
        port = await serve(nursery, server)
        pin = "kHR0ZJ5hJxkhDGxTc9wDd8Xvlh4vLzwxzQ3sLPzrq3Q"
        trust = Trust(parse_given(f"ws://127.0.0.1:{port}/#pin={pin}"), KnownServers(tmp_path), StreamOptions())
        access = TransferAccess(trust, TOKEN, "test", Reconnection(backoff=QUICK), 0.2, trio.sleep_forever)
        with pytest.raises(trio_chat.IdentityRefused):
            await fetching.save_file(lambda: access, FILE, tmp_path, None, overwrite=False)
        nursery.cancel_scope.cancel()
    assert server.got.startswith(b"OPTIONS /files ")
    assert TOKEN.encode() not in server.got


async def test_an_honest_answer_of_such_a_server_is_saved(tmp_path: Path) -> None:
    server = LyingServer(OK + LENGTH + b"\r\n" + DATA)
    async with trio.open_nursery() as nursery:
        port = await serve(nursery, server)
        path = await fetching.save_file(access_to(port, tmp_path), FILE, tmp_path, None, overwrite=False)
        assert path.read_bytes() == DATA
        nursery.cancel_scope.cancel()
    assert server.got.count(TOKEN.encode()) == 1
