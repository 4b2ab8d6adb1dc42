"""A server that sends every message back, on the product's own wire.

The transport, the reading of heads and frames, the outbox and the closing handshake are the product's. Only the chat is
missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection
from wsproto.utilities import LocalProtocolError

from trio_chat.errors import Refusal
from trio_chat.server.doors import http, websocket
from trio_chat.server.net.connection import Connection
from trio_chat.server.net.frames import text_frame
from trio_chat.server.net.transport import TcpListener, TcpTransport, listen

MOST = 16 * 1024 * 1024
"""The greatest message of the suite, and the greatest that the setting ``max_frame`` allows."""

_BINARY = 0x82  # FIN and opcode 2


class Echo:
    """The owner of a connection. It reads no further while the peer takes nothing back."""

    def __init__(self, connection: Connection) -> None:
        self._outbox = connection.outbox
        connection.attach(self)

    def take_nowait(self, messages: Sequence[bytes | None], size: int) -> bool:
        if self._outbox.size:
            return False
        for message in messages:
            if message is not None:
                self._outbox.write(text_frame(message))
        return True

    async def take(self, messages: Sequence[bytes | None], size: int) -> None:
        while not self.take_nowait(messages, size):
            await self._outbox.wait_empty()

    def last_words(self, reason: Refusal) -> bytes:
        return b""


async def serve_echo(*, task_status: trio.TaskStatus[tuple[str, int]]) -> None:
    """Serve on a free port of loopback, which is what it is started with, until it is cancelled."""
    (listener,) = await listen("127.0.0.1", 0)
    with listener:
        async with trio.open_nursery() as nursery:
            task_status.started(listener.address)
            await _accept(listener, nursery)


async def _accept(listener: TcpListener, nursery: trio.Nursery) -> None:
    while True:
        transport, _ = await listener.accept()
        nursery.start_soon(_serve, transport)


async def _serve(transport: TcpTransport) -> None:
    with transport:
        try:
            async with trio.open_nursery() as nursery:
                connection = Connection(transport, 1, nursery, max_frame=MOST, outbox_bytes=4 * MOST)
                try:
                    await _answer(connection, nursery)
                finally:
                    connection.finish()
                nursery.cancel_scope.cancel()
            await connection.linger()
        except* (trio.BrokenResourceError, ConnectionClosed, HandshakeError, LocalProtocolError):
            pass  # the peer is gone


async def _answer(connection: Connection, nursery: trio.Nursery) -> None:
    data = await connection.read_head(http.MAX_HEAD)
    assert data is not None
    head = http.parse_head(data)
    refusal = head if isinstance(head, Refusal) else websocket.check_upgrade(head)
    if refusal is not None:
        await connection.send_all(http.render(http.refused(refusal)))
        return
    connection.unread(data)
    Echo(connection)
    upgraded = await websocket.upgrade(connection, await websocket.examine(connection, nursery, MOST))
    with contextlib.suppress(ConnectionClosed):
        await _send_back(connection, upgraded)


async def _send_back(connection: Connection, upgraded: WebSocketConnection) -> None:
    """Send back the messages that trio-websocket put together."""
    while True:
        message = await upgraded.get_message()
        if isinstance(message, str):
            connection.outbox.write(text_frame(message.encode()))
        else:
            frame = text_frame(message)
            connection.outbox.write(bytes([_BINARY]) + frame[1:])
        await connection.outbox.wait_empty()
