"""Somebody in the network who speaks TLS with the server, and wants a client of it to speak plain with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

import trio_chat
from tests.client.fronts import Front, pass_on_both_ways
from tests.programs import ServerProgram
from trio_chat.client import Address, Identities
from trio_chat.client.credentials import Credentials
from trio_chat.client.options import StreamOptions
from trio_chat.client.tls import key_context, open_tls
from trio_chat.client.wire import open_tcp

PASSWORD = "letmein-letmein"
REFUSALS = b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""


class Middle:
    """In the network between a client and a server with TLS: the client's plain bytes go on over TLS."""

    def __init__(self, nursery: trio.Nursery, server: int) -> None:
        self._server = server
        self.front = Front(nursery, self._pass_on)
        self.port = 0

    async def _pass_on(self, client: trio.abc.Stream) -> None:
        async with await open_tls(Address("127.0.0.1", self._server, True, "/"), key_context()) as server:
            await pass_on_both_ways(client, server)

    async def open(self, address: Address) -> trio.abc.Stream:
        """The stream of a client whose packets come here."""
        return await open_tcp(address._replace(port=self.port, tls=False))


@asynccontextmanager
async def middle(server: int) -> AsyncGenerator[Middle]:
    async with trio.open_nursery() as nursery:
        one = Middle(nursery, server)
        one.port = await one.front.listen()
        yield one
        nursery.cancel_scope.cancel()


async def enter(url: str, folder: Path, stream: StreamOptions | None = None) -> trio_chat.client.ServerContact:
    given = Credentials("ada", PASSWORD)
    with trio.fail_after(30):
        async with trio_chat.connect(url, credentials=given, identities=Identities(folder), stream=stream) as chat:
            return chat.contact


async def test_the_servers_proof_over_tls_is_of_no_use_to_show_in_plain(tmp_path: Path) -> None:
    with ServerProgram("--data", str(tmp_path / "data"), "--host", "0.0.0.0", "--open") as server:
        assert (await enter(f"wss://127.0.0.1:{server.port}/", tmp_path / "device")).fingerprint is not None
        async with middle(server.port) as one:
            with pytest.raises(trio_chat.IdentityRefused):
                await enter(f"ws://127.0.0.1:{server.port}/", tmp_path / "device", StreamOptions(open_stream=one.open))
        assert b"Trio-Chat-Nonce: " in one.front.got
        assert PASSWORD.encode() not in one.front.got
        server.stop()


async def test_tls_of_the_applications_own_stream_proves_the_key_where_nothing_is_signed(tmp_path: Path) -> None:
    async def open_stream(address: Address) -> trio.abc.Stream:
        return await open_tls(address, key_context())

    with ServerProgram("--data", str(tmp_path / "data"), "--host", "0.0.0.0", "--open") as server:
        url, stream = f"wss://127.0.0.1:{server.port}/", StreamOptions(open_stream=open_stream)
        contacts = [await enter(url, tmp_path / "device", stream) for _ in range(2)]
        server.stop()
    assert contacts[0].fingerprint is not None
    assert contacts[1].fingerprint == contacts[0].fingerprint
    assert [contact.first for contact in contacts] == [True, False]


@pytest.mark.parametrize("said", REFUSALS, ids=["an alert", "a web server", "nothing"])
async def test_nobody_is_told_to_leave_tls_out_where_the_server_is_known(said: bytes, tmp_path: Path) -> None:
    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some(65536)
        await stream.send_all(said)

    with ServerProgram("--data", str(tmp_path / "data"), "--host", "0.0.0.0", "--open") as server:
        known = await enter(f"wss://127.0.0.1:{server.port}/", tmp_path / "device")
        server.stop()
    assert known.fingerprint is not None
    async with trio.open_nursery() as nursery:
        front = Front(nursery, refuse)
        port = await front.listen(server.port)
        for folder, url in (
            ("device", f"wss://127.0.0.1:{port}/"),
            ("device", f"127.0.0.1:{port}"),
            ("guest", trio_chat.protocol.invite_link.make_link(f"wss://127.0.0.1:{port}/", known.fingerprint)),
        ):
            with pytest.raises(trio_chat.Unreachable) as caught:
                await enter(url, tmp_path / folder)
            assert "by ws://" not in str(caught.value)
            assert "Somebody may stand between" in str(caught.value)
        with pytest.raises(trio_chat.Unreachable, match="wss:// by ws://"):  # it may well be plain there
            await enter(f"wss://127.0.0.1:{port}/", tmp_path / "stranger")
        nursery.cancel_scope.cancel()
