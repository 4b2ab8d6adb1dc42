"""A way to a server that breaks: connections that end after so many bytes, on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

import trio

_PIECE = 16 * 1024


class BreakingWay:
    """Passes bytes on to a server. ``up`` and ``down`` have the number of bytes after which a connection that carries
    more than ``small`` bytes that way is cut; each number counts once, then the way is whole."""

    def __init__(self, port: int, *, up: Iterable[int] = (), down: Iterable[int] = ()) -> None:
        self.server_port = port
        self.port = 0
        self.up = list(up)
        self.down = list(down)
        self.cuts = 0

    async def handle(self, client: trio.SocketStream) -> None:
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self.server_port)
        except OSError:
            await trio.aclose_forcefully(client)
            return
        async with trio.open_nursery() as nursery:
            for source, sink, limits in ((client, server, self.up), (server, client, self.down)):
                nursery.start_soon(self._carry, source, sink, limits, nursery.cancel_scope)
        await trio.aclose_forcefully(client)
        await trio.aclose_forcefully(server)

    async def _carry(
        self, source: trio.SocketStream, sink: trio.SocketStream, limits: list[int], both: trio.CancelScope
    ) -> None:
        carried = 0
        try:
            while data := await source.receive_some(_PIECE):
                carried += len(data)
                if limits and carried >= limits[0]:
                    limits.pop(0)
                    self.cuts += 1
                    break
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        both.cancel()


@asynccontextmanager
async def breaking_way(port: int, *, up: Iterable[int] = (), down: Iterable[int] = ()) -> AsyncIterator[BreakingWay]:
    way = BreakingWay(port, up=up, down=down)
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, host="127.0.0.1"), way.handle, 0
        )
        way.port = listeners[0].socket.getsockname()[1]
        yield way
        nursery.cancel_scope.cancel()
