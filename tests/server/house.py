"""A server and those who came to it; and a store that can be made to wait or to fail."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import trio

from tests.server.raw_client import Answer, RawClient
from trio_chat.errors import StoreError
from trio_chat.server.app import Server
from trio_chat.server.wire import Connection
from trio_chat.store import Entry, MemoryStore, Stretch


@dataclass
class House:
    """See the module."""

    server: Server
    clients: list[RawClient] = field(default_factory=list)

    async def knock(self, *, receive_buffer: int | None = None) -> RawClient:
        """Connect, and say nothing yet."""
        client = await RawClient.open(self.server.addresses[0], receive_buffer=receive_buffer)
        self.clients.append(client)
        return client

    async def get(self, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """One plain HTTP request."""
        client = await self.knock()
        return await client.get(target, method=method, headers=headers)

    async def refused(self, headers: Mapping[str, str] | None = None, *, target: str = "/") -> Answer:
        """Ask for an upgrade that is not granted."""
        client = await self.knock()
        answer = await client.upgrade(headers, target=target)
        assert answer.status != 101
        return answer

    async def enter(self, headers: Mapping[str, str] | None = None, *, receive_buffer: int | None = None) -> RawClient:
        """Get upgraded, and say nothing yet."""
        client = await self.knock(receive_buffer=receive_buffer)
        answer = await client.upgrade(headers)
        assert answer.status == 101
        return client

    async def join(self, name: str, *, receive_buffer: int | None = None) -> RawClient:
        """Come in under a name, and hear of it."""
        client = await self.enter({"Username": name}, receive_buffer=receive_buffer)
        client.name = (await client.until("welcome"))["name"]
        while client.name not in (await client.until("presence")).get("joined", ()):
            pass
        client.passed.clear()
        return client

    async def join_all(self, *names: str) -> list[RawClient]:
        """Several people, each of whom has heard of all of them."""
        clients = [await self.join(name) for name in names]
        for client in clients[:-1]:
            await client.ask("ping")
            client.passed.clear()
        return clients

    def connection_of(self, client: RawClient) -> Connection:
        """The server's side of a connection."""
        here = client.socket.getsockname()
        for peer in self.server.hub._out._peers.values():
            assert isinstance(peer, Connection)
            if peer._socket.fileno() >= 0 and peer._socket.getpeername() == here:
                return peer
        raise LookupError(here)

    def squeeze(self, client: RawClient) -> None:
        """Let the kernel keep as little as it can for this client."""
        self.connection_of(client)._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    def send_everyone_away(self) -> None:
        """Close all clients' sockets."""
        for client in self.clients:
            client.hang_up()


class Log:
    """What the server logged. A test takes out the errors that it caused on purpose."""

    def __init__(self, entries: list[MutableMapping[str, Any]]) -> None:
        self.entries = entries

    def take(self, event: str) -> MutableMapping[str, Any]:
        """The one entry of this name, which is then taken out."""
        (entry,) = [entry for entry in self.entries if entry["event"] == event]
        self.entries.remove(entry)
        return entry

    @property
    def errors(self) -> list[MutableMapping[str, Any]]:
        """What is left of errors."""
        return [entry for entry in self.entries if entry["log_level"] in {"error", "critical"}]


Serve: TypeAlias = Callable[..., Awaitable[House]]
"""What the fixture ``serve`` gives: ``await serve(max_connections=2)``."""


class GateStore(MemoryStore):
    """Notes every batch; its appends wait while it is shut, and fail while it is ``failing``."""

    def __init__(self) -> None:
        super().__init__("gate")
        self.batches: list[list[Entry]] = []
        self.failing = False
        self._gate: trio.Event | None = None

    def shut(self) -> None:
        """From now on appends wait."""
        self._gate = trio.Event()

    def release(self, *, shut_again: bool = False) -> None:
        """Let those that wait go on."""
        assert self._gate is not None
        self._gate.set()
        self._gate = trio.Event() if shut_again else None

    async def append(self, batch: Sequence[Entry]) -> None:
        self.batches.append(list(batch))
        if self._gate is not None:
            await self._gate.wait()
        if self.failing:
            raise StoreError("The disk is full.")
        await super().append(batch)

    async def fail_to_read(self, *_: object, **__: object) -> Stretch:
        """A ``read`` that cannot."""
        raise StoreError("The disk is gone.")
