"""A running server and its clients, and a store that can be made to wait or to fail."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import trio

from tests.server.raw_client import Answer, RawClient
from trio_chat.config import ServerConfig
from trio_chat.errors import StoreError
from trio_chat.records import Line, Record, SaveClock
from trio_chat.server.app import Server, make_server, open_server
from trio_chat.server.doors.native_peer import NativePeer
from trio_chat.server.hub.clock import Clock
from trio_chat.server.net.connection import Connection
from trio_chat.server.net.tls import TlsTransport
from trio_chat.server.net.transport import TcpTransport
from trio_chat.store import CommitOutcome, CommitRefused, LogSlice, MemoryStore, SqliteStore, Store
from trio_chat.store.blobs import DirectoryBlobs


@dataclass
class LiveServer:
    """See the module."""

    server: Server
    clients: list[RawClient] = field(default_factory=list)
    ended: trio.Event = field(default_factory=trio.Event)

    @property
    def store(self) -> Store:
        """The server's store."""
        store = self.server.upkeep.store
        assert isinstance(store, MemoryStore | SqliteStore)
        return store

    async def knock(self, *, receive_buffer: int | None = None, source: str | None = None) -> RawClient:
        """Connect, and send nothing yet."""
        client = await RawClient.open(self.server.addresses[0], receive_buffer=receive_buffer, source=source)
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
        """Get upgraded, and send nothing yet."""
        client = await self.knock(receive_buffer=receive_buffer)
        answer = await client.upgrade(headers)
        assert answer.status == 101
        return client

    async def join(self, name: str, *, token: str = "", receive_buffer: int | None = None) -> RawClient:
        """Come in under a name, with the token that proves it, and wait for the presence that tells of it."""
        client = await self.enter({"Username": name, "Trio-Chat-Token": token}, receive_buffer=receive_buffer)
        client.take_welcome(await client.until("welcome"))
        while client.name not in (await client.until("presence")).get("joined", ()):
            pass
        client.passed.clear()
        return client

    async def look(self, name: str, token: str = "", **headers: str) -> RawClient:
        """Come in, and read no further than the welcome: for sessions whose arrival is not announced."""
        client = await self.enter({"Username": name, "Trio-Chat-Token": token, **headers})
        client.take_welcome(await client.until("welcome"))
        return client

    async def end(self) -> None:
        """Have the server end, as SIGTERM would, and wait for it: its store is closed then."""
        self.server.stop()
        self.send_everyone_away()
        await self.ended.wait()

    async def join_all(self, *names: str) -> list[RawClient]:
        """Let several people in, each of whom has heard of all of them."""
        clients = [await self.join(name) for name in names]
        for client in clients[:-1]:
            await client.ask("ping")
            client.passed.clear()
        return clients

    def connection_of(self, client: RawClient) -> Connection:
        """The server's side of a connection."""
        return self.peer_of(client)._connection

    def peer_of(self, client: RawClient) -> NativePeer:
        """The hub's peer of a client."""
        here = client.socket.getsockname()
        for recipient in self.server.hub._out._recipients.values():
            assert isinstance(recipient.peer, NativePeer)
            near = socket_of(recipient.peer._connection)
            if near.fileno() >= 0 and near.getpeername() == here:
                return recipient.peer
        raise LookupError(here)

    def squeeze(self, client: RawClient) -> None:
        """Let the kernel keep as little as it can for this client."""
        socket_of(self.connection_of(client)).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    def send_everyone_away(self) -> None:
        """Close all clients' sockets."""
        for client in self.clients:
            client.hang_up()


def socket_of(connection: Connection) -> socket.socket:
    """The server's socket of a connection."""
    transport = connection._transport
    if isinstance(transport, TlsTransport):
        transport = transport._tcp
    assert isinstance(transport, TcpTransport)
    return transport


class Log:
    """The server's log. A test takes out the errors that it caused on purpose."""

    def __init__(self, entries: list[MutableMapping[str, Any]]) -> None:
        self.entries = entries

    def take(self, event: str) -> MutableMapping[str, Any]:
        """The one entry of this name, which is then taken out."""
        (entry,) = [entry for entry in self.entries if entry["event"] == event]
        self.entries.remove(entry)
        return entry

    @property
    def errors(self) -> list[MutableMapping[str, Any]]:
        """The errors that no test took out."""
        return [entry for entry in self.entries if entry["log_level"] in {"error", "critical"}]


Serve: TypeAlias = Callable[..., Awaitable[LiveServer]]
"""What the fixture ``serve`` gives: ``await serve(max_connections=2)``."""


class GateStore(MemoryStore):
    """Notes every commit. Commits wait while the gate is shut, and fail while the store is ``failing`` or ``spoiled``.
    ``batches`` has the lines of each commit that had any."""

    def __init__(self) -> None:
        super().__init__("gate")
        self.commits: list[list[Record]] = []
        self.failing = self.spoiled = False
        self._gate: trio.Event | None = None

    @property
    def batches(self) -> list[list[Line]]:
        """The lines of each commit that had any."""
        batches = ([record for record in commit if isinstance(record, Line)] for commit in self.commits)
        return [batch for batch in batches if batch]

    @property
    def damage(self) -> str | None:
        return "The disk is damaged." if self.spoiled else None

    def shut(self) -> None:
        """From now on commits wait."""
        self._gate = trio.Event()

    def release(self, *, shut_again: bool = False) -> None:
        """Let the waiting commits go on."""
        assert self._gate is not None
        self._gate.set()
        self._gate = trio.Event() if shut_again else None

    async def commit(self, records: Sequence[Record]) -> CommitOutcome:
        self.commits.append(list(records))
        if self._gate is not None:
            await self._gate.wait()
        try:
            self._check()
        except StoreError as error:
            return CommitRefused(str(error))
        return await super().commit(records)

    async def check_writable(self) -> None:
        self._check()
        await super().check_writable()

    async def fail_to_read(self, *_: object, **__: object) -> LogSlice:
        """A ``read`` that fails."""
        raise StoreError("The disk is gone.")

    def _check(self) -> None:
        if self.damage:
            raise StoreError(self.damage)
        if self.failing:
            raise StoreError("The disk is full.")


async def run_live_server(
    config: ServerConfig,
    *,
    store: Store | None = None,
    clock: Callable[[SaveClock | None], Clock] = Clock,
    task_status: trio.TaskStatus[LiveServer],
) -> None:
    """Run a server until it ends, over ``store`` if one is given, else over the store of the configuration."""
    async with _opened(config, store, clock) as server, trio.open_nursery() as nursery:
        await nursery.start(server.run)
        live = LiveServer(server)
        task_status.started(live)
    live.ended.set()


@contextlib.asynccontextmanager
async def _opened(
    config: ServerConfig, store: Store | None, clock: Callable[[SaveClock | None], Clock]
) -> AsyncIterator[Server]:
    if store is not None:
        async with DirectoryBlobs.open_temporary() as blobs:
            yield make_server(config, store, await store.load(), blobs=blobs, clock=clock)
        return
    async with open_server(config, clock=clock) as server:
        yield server
