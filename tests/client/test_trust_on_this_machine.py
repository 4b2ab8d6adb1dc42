"""Another user of this machine, who takes the port of the server on the loopback address that it does not listen on."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_chat
from tests.client.fronts import Recorder, unmasked
from tests.ipv6 import has_ipv6
from tests.programs import ServerProgram
from trio_chat.client import Identities
from trio_chat.client.credentials import Credentials

pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")

PASSWORD = "letmein-letmein"
V4, V6 = "127.0.0.1", "::1"


class _Resolver(trio.abc.HostnameResolver):
    """Resolves ``localhost`` to both addresses of loopback, IPv6 first, as most machines do."""

    async def getaddrinfo(self, host: bytes | None, port: Any, *_: Any) -> Any:
        hosts = [V6, V4] if host in {b"localhost", b"localhost."} else [(host or b"").decode()]
        found = []
        for one in hosts:
            found += socket.getaddrinfo(one, int(port), type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return found

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


@contextmanager
def serving(host: str, folder: Path) -> Iterator[ServerProgram]:
    with ServerProgram("--data", str(folder / "data"), "--host", host) as server:
        yield server
        server.stop()


@asynccontextmanager
async def squatter(at: str, server: str, port: int) -> AsyncGenerator[list[bytearray]]:
    """Somebody on the other loopback address, who passes all on and reads along. Yields what they read on each
    connection."""
    got: list[bytearray] = []

    async def pass_on(stream: trio.SocketStream) -> None:
        got.append(bytearray())
        theirs = Recorder(stream, got[-1])
        ours = await trio.open_tcp_stream(server, port)
        async with ours, theirs, trio.open_nursery() as both:
            both.start_soon(copy, theirs, ours, both.cancel_scope)
            both.start_soon(copy, ours, theirs, both.cancel_scope)

    async def copy(source: trio.abc.Stream, sink: trio.abc.Stream, end: trio.CancelScope) -> None:
        try:
            while data := await source.receive_some(65536):
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        end.cancel()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(port, host=at)
        nursery.start_soon(trio.serve_listeners, pass_on, listeners)
        yield got
        nursery.cancel_scope.cancel()


async def enter(folder: Path, url: str) -> trio_chat.client.ServerContact:
    trio.socket.set_custom_hostname_resolver(_Resolver())
    given = Credentials("ada", PASSWORD, account_password=PASSWORD)
    with trio.fail_after(30):
        async with trio_chat.connect(url, credentials=given, identities=Identities(folder / "device")) as chat:
            return chat.contact


@pytest.mark.parametrize(("host", "other"), [(V4, V6), (V6, V4)])
async def test_a_squatter_on_the_other_loopback_address_gets_nothing(host: str, other: str, tmp_path: Path) -> None:
    with serving(host, tmp_path) as server:
        name = f"ws://localhost:{server.port}/"
        known = await enter(tmp_path, name)
        assert known.fingerprint is not None
        async with squatter(other, host, server.port) as got:
            for url in (
                name,
                f"localhost:{server.port}",
                f"ws://{f'[{other}]' if ':' in other else other}:{server.port}/",
            ):
                with suppress(trio_chat.IdentityRefused):
                    assert (await enter(tmp_path, url)).fingerprint == known.fingerprint  # it went to the server itself
        said = b"".join(unmasked(bytes(one)) for one in got)
        assert b"Host: " in said  # somebody came by the squatter's address
        assert PASSWORD.encode() not in said
        token = Identities(tmp_path / "device").token(name, "ada")
        assert token is not None
        assert token.encode() not in said


@pytest.mark.parametrize("host", [V4, V6])
async def test_localhost_is_proven_on_either_address(host: str, tmp_path: Path) -> None:
    with serving(host, tmp_path) as server:
        literal = f"ws://{f'[{host}]' if ':' in host else host}:{server.port}/"
        urls = literal, f"ws://localhost:{server.port}/", f"LOCALHOST.:{server.port}"
        known = {(await enter(tmp_path, url)).fingerprint for url in urls}
    assert len(known) == 1
    assert known != {None}
