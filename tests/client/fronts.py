"""Ways to a server on a loopback port, honest and not. Each keeps the bytes that it could read."""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from tests.certificates import Made
from tests.client.scripted import ScriptedServer

Handle = Callable[[trio.abc.Stream], Awaitable[None]]

TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"  # what a TLS server says to plain text: protocol_version (RFC 8446, 6)
_HANDSHAKE = 0x16  # the first byte of a TLS client (RFC 8446, 5.1)


class Recorder(trio.abc.Stream):
    """A stream that keeps all that came."""

    def __init__(self, stream: trio.abc.Stream, kept: bytearray, first: bytes = b"") -> None:
        self._stream, self._kept, self._first = stream, kept, first
        self._kept += first

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._first:
            data, self._first = self._first, b""
            return data
        data_now = await self._stream.receive_some(max_bytes)
        self._kept += data_now
        return data_now

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


class Front:
    """A port on loopback. A test may change between two connections how it answers: ``handle`` gets each connection,
    with TLS if there is a ``made`` certificate."""

    def __init__(self, nursery: trio.Nursery, handle: Handle, made: Made | None = None, *, both: bool = False) -> None:
        self.handle = handle
        self.made = made
        self.both = both  # the first byte tells whether a client speaks TLS
        self._kept: list[bytearray] = []
        self.tried = 0
        self._nursery = nursery

    @property
    def got(self) -> bytes:
        """All that clients said there, one after the other, decrypted and without the masks of WebSocket."""
        return b"".join(unmasked(bytes(one)) for one in self._kept)

    def _keep(self) -> bytearray:
        self._kept.append(bytearray())
        return self._kept[-1]

    async def listen(self, port: int = 0) -> int:
        (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
        await self._nursery.start(trio.serve_listeners, self._meet, [listener])
        return int(listener.socket.getsockname()[1])

    async def _meet(self, stream: trio.SocketStream) -> None:
        self.tried += 1
        try:
            if self.both and await self._peek(stream) != _HANDSHAKE:
                await stream.receive_some(65536)
                await stream.send_all(TLS_ALERT)
                return
            if self.made is None:
                await self.handle(Recorder(stream, self._keep()))
                return
            tls = trio.SSLStream(stream, server_context(self.made), server_side=True, https_compatible=True)
            await tls.do_handshake()
            await self.handle(Recorder(tls, self._keep()))
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    @staticmethod
    async def _peek(stream: trio.SocketStream) -> int:
        return (await stream.socket.recv(1, trio.socket.MSG_PEEK) or b"\0")[0]


def unmasked(said: bytes) -> bytes:
    """What a client said on one connection: the head of its upgrade, then the payloads of its frames (RFC 6455, 5.2),
    which are masked on the wire so that no secret could be found in them."""
    head, end, rest = said.partition(b"\r\n\r\n")
    texts = [head + end]
    while len(rest) > 1:
        size, start = rest[1] & 0x7F, 2
        if size > 125:  # the length follows, in 2 or 8 bytes
            start = 4 if size == 126 else 10
            size = int.from_bytes(rest[2:start])
        mask, masked = rest[start : start + 4], rest[start + 4 : start + 4 + size]
        texts.append(bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked)))
        rest = rest[start + 4 + size :]
    return b"".join(texts)


def server_context(made: Made) -> ssl.SSLContext:
    """A server's TLS with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(*made.write(Path(folder)))
    return context


def serve(server: ScriptedServer) -> Handle:
    """Serve the chat."""
    return server.serve


def relay(port: int, *, host: str | None = None) -> Handle:
    """Pass everything on to the server at another port of loopback, perhaps with another ``Host`` in the upgrade."""

    async def handle(stream: trio.abc.Stream) -> None:
        server = await trio.open_tcp_stream("127.0.0.1", port)
        async with server, trio.open_nursery() as nursery:
            head = bytes(await stream.receive_some(65536))
            if host is not None:
                head = re.sub(rb"(?i)\r\nhost: [^\r]*", b"\r\nHost: " + host.encode(), head)
            await server.send_all(head)
            nursery.start_soon(partial(_pass_on, server, stream, nursery.cancel_scope))
            await _pass_on(stream, server, nursery.cancel_scope)

    return handle


def relay_handshake(port: int, said: bytes) -> Handle:
    """Pass the TLS handshake on to the server at another port, then answer in its place, in plain."""

    async def handle(stream: trio.abc.Stream) -> None:
        server = await trio.open_tcp_stream("127.0.0.1", port)
        async with server:
            await server.send_all(await stream.receive_some(65536))  # ClientHello
            with trio.move_on_after(0.5):  # the server's whole flight comes, and then nothing
                while data := await server.receive_some(65536):
                    await stream.send_all(data)
            await stream.receive_some(65536)  # Finished, perhaps with the upgrade, encrypted
            await stream.send_all(said)
            while await stream.receive_some(65536):
                pass

    return handle


async def pass_on_both_ways(one: trio.abc.Stream, other: trio.abc.Stream) -> None:
    """Pass on what each of two peers says to the other, until one ends."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_pass_on, other, one, nursery.cancel_scope)
        nursery.start_soon(_pass_on, one, other, nursery.cancel_scope)


async def _pass_on(source: trio.abc.Stream, sink: trio.abc.Stream, done: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some(65536):
            await sink.send_all(data)
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    done.cancel()
