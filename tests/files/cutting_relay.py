"""A relay between clients and a server that breaks connections, and the server, as a plan says.

The plan is a list of breaks. Each comes after some bytes went from clients to the server, counted over all connections
since the last break, wherever that falls: in a head, in a body, or behind the last byte.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import trio


class Break(Enum):
    """How a connection ends."""

    RESET = "resets"  # both ends get a RST
    END = "ends"  # the server sees an orderly end in the middle of a request
    LOST_ANSWER = "lost answers"  # the server gets all there is, and its answer never arrives
    KILL = "kills"  # the server is killed


@dataclass(frozen=True)
class Planned:
    """A break after so many bytes."""

    after: int
    kind: Break


def make_plan(chance: random.Random, cuts: int, kills: int, most: int) -> list[Planned]:
    """Breaks in random order, each after 1 to ``most`` bytes."""
    kinds = [chance.choice([Break.RESET, Break.END, Break.LOST_ANSWER]) for _ in range(cuts)] + [Break.KILL] * kills
    chance.shuffle(kinds)
    return [Planned(chance.randrange(1, most), kind) for kind in kinds]


class CuttingRelay:
    """See the module. ``kill`` kills the server and starts it again; while it does, no connection is let through."""

    def __init__(self, target: tuple[str, int], plan: list[Planned], kill: Callable[[], Awaitable[None]]) -> None:
        self._target = target
        self._plan = plan
        self._kill = kill
        self._passed = 0
        self._serving = trio.Event()
        self._serving.set()
        self._pairs: set[tuple[trio.SocketStream, trio.SocketStream]] = set()
        self.done: Counter[Break] = Counter()
        self.port = 0

    def __repr__(self) -> str:
        return f"<CuttingRelay: {self.done.total()} breaks, {len(self._plan)} to come>"

    @property
    def left(self) -> int:
        """The breaks that are still to come."""
        return len(self._plan)

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Relay until cancelled."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.serve_listeners(self._relay, [listener])

    async def _relay(self, client: trio.SocketStream) -> None:
        await self._serving.wait()
        try:
            server = await trio.open_tcp_stream(*self._target)
        except OSError:
            reset(client)
            return
        pair = (client, server)
        self._pairs.add(pair)
        async with client, server:
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._upstream, client, server, nursery)
                    await self._downstream(server, client)
                    nursery.cancel_scope.cancel()
        self._pairs.discard(pair)

    async def _downstream(self, server: trio.SocketStream, client: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in server:
                if self._due is Break.LOST_ANSWER:
                    self._note()
                    reset(client)
                    return
                await client.send_all(data)

    async def _upstream(self, client: trio.SocketStream, server: trio.SocketStream, nursery: trio.Nursery) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in client:
                if not self._serving.is_set():
                    break  # the server is being killed, and the connection ends with it
                rest = data
                if self._plan and self._due is None and self._passed + len(data) >= self._plan[0].after:
                    keep = self._plan[0].after - self._passed
                    self._passed = self._plan[0].after
                    try:
                        await server.send_all(data[:keep])
                    finally:  # the break is due, also where the connection has ended meanwhile
                        with trio.CancelScope(shield=True):
                            await self._break(client, server)
                    rest = data[keep:]
                elif self._due is None:
                    self._passed += len(data)
                await server.send_all(rest)
        nursery.cancel_scope.cancel()

    @property
    def _due(self) -> Break | None:
        """The break whose bytes have passed, if it has not happened."""
        return self._plan[0].kind if self._plan and self._passed >= self._plan[0].after else None

    def _note(self) -> None:
        self.done[self._plan.pop(0).kind] += 1
        self._passed = 0

    async def _break(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        """Break what is due; a lost answer is lost when it comes."""
        kind = self._due
        if kind is Break.LOST_ANSWER:
            return
        self._note()
        if kind is Break.KILL:
            self._serving = trio.Event()
            self._nursery.start_soon(self._restart)
        elif kind is Break.RESET:
            reset(server)
            reset(client)
        else:
            await server.aclose()
            await client.aclose()

    async def _restart(self) -> None:
        await self._kill()
        for pair in list(self._pairs):
            for stream in pair:
                reset(stream)
        self._serving.set()


def reset(stream: trio.SocketStream) -> None:
    """End a connection with a RST."""
    with contextlib.suppress(OSError):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()
