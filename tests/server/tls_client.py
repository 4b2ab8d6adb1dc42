"""TLS for a raw client, so that tests of sessions can be repeated over it."""

from __future__ import annotations

import ssl
from typing import Any

import trio

from tests.server.live_server import LiveServer
from tests.server.raw_client import RawClient


class TlsSocket:
    """A connected socket with TLS, as far as a raw client uses sockets. It looks at no certificate."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._socket = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._in, self._out)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    async def do_handshake(self) -> None:
        """Do the handshake. Raises ``EOFError`` when the server hangs up."""
        while True:
            try:
                self._ssl.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._read()
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> int:
        """Send all."""
        self._ssl.write(data)
        await self._flush()
        return len(data)

    async def recv(self, size: int) -> bytes:
        """Some bytes, or none at the end."""
        while True:
            try:
                return self._ssl.read(size)
            except ssl.SSLWantReadError:
                try:
                    await self._read()
                except EOFError:
                    return b""

    async def _read(self) -> None:
        data = await self._socket.recv(65536)
        if not data:
            raise EOFError
        self._in.write(data)

    async def _flush(self) -> None:
        data = self._out.read()
        while data:
            data = data[await self._socket.send(data) :]


async def knock_over_tls(live: LiveServer) -> RawClient:
    """Connect and do the handshake, and send nothing yet."""
    client = await live.knock()
    tls = TlsSocket(client.socket)
    await tls.do_handshake()
    client.socket = tls  # type: ignore[assignment] # it is used as one
    return client


async def join_over_tls(live: LiveServer, name: str, *, receive_buffer: int | None = None) -> RawClient:
    """Come in under a name over TLS, and wait for the presence that tells of it."""
    client = await live.knock(receive_buffer=receive_buffer)
    tls = TlsSocket(client.socket)
    await tls.do_handshake()
    client.socket = tls  # type: ignore[assignment] # it is used as one
    assert (await client.upgrade({"Username": name})).status == 101
    client.take_welcome(await client.until("welcome"))
    while client.name not in (await client.until("presence")).get("joined", ()):
        pass
    return client
