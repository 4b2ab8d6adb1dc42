"""The server: its nursery tree, its listeners, and its end.

::

    process.run ─ signals
     └─ Server.run
         ├─ hub                              ends last, so that it hears of the end of every connection
         └─ connections
             ├─ listener (one per address)   ends first
             └─ connection ...               one nursery, one exception boundary each
                 ├─ the door's task
                 ├─ trio-websocket's reader
                 └─ a writer, while its outbox keeps something

It ends in three steps: stop accepting, tell everyone why and when to come back, and cut the remaining connections after
a deadline. Then deleted texts are removed from the disk.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import platformdirs
import structlog
import trio
from trio_websocket import ConnectionClosed, HandshakeError
from wsproto.utilities import LocalProtocolError

from trio_chat.addresses import bracketed
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.config import admission
from trio_chat.errors import StoreError
from trio_chat.server.doors.control import serve_control
from trio_chat.server.doors.files.door import FileDoor
from trio_chat.server.doors.http.pages import page_routes
from trio_chat.server.doors.http_door import HttpDoor
from trio_chat.server.doors.own_hosts import OwnHosts
from trio_chat.server.doors.prover import Prover
from trio_chat.server.encryption import Encryption
from trio_chat.server.entrance import Entrance
from trio_chat.server.hub.clock import Clock
from trio_chat.server.hub.hub import Hub
from trio_chat.server.hub.items import Stop
from trio_chat.server.hub.peer import RETRY
from trio_chat.server.identity import ServerIdentity
from trio_chat.server.metrics import exposition, make_metrics
from trio_chat.server.net.attempts import Attempts
from trio_chat.server.net.connection import Connection
from trio_chat.server.net.crowd import Stranger
from trio_chat.server.net.gate import Gate
from trio_chat.server.net.outbox import SHARE
from trio_chat.server.net.outbox_memory import OutboxMemory
from trio_chat.server.net.transport import listen
from trio_chat.server.newcomers import Newcomers
from trio_chat.server.reception import AcceptedSocket, Reception
from trio_chat.server.tally import Tally
from trio_chat.server.trusted_proxies import Proxies
from trio_chat.server.upkeep import Upkeep
from trio_chat.store import DATABASE, MemoryStore, SqliteStore
from trio_chat.store.blobs import FILES, DirectoryBlobs
from trio_chat.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from trio_chat.config import ServerConfig
    from trio_chat.records import SaveClock, Snapshot
    from trio_chat.server.net.transport import TcpListener, TcpTransport
    from trio_chat.store import Store
    from trio_chat.store.blobs import BlobStore

_HUB_GRACE: Final = 1.0
"""Seconds that the hub has, after the connections, to hear that the last of them are gone."""

log = structlog.get_logger()


class Server:
    """One server in one event loop: it lets connections in to a hub, and runs the hub and its upkeep.

    ``sessions`` gives a fresh number to every connection. ``directory`` is where the control socket is made, if
    anywhere, and ``identity`` the server's key. :func:`make_server` makes all of these.
    """

    def __init__(
        self,
        config: ServerConfig,
        hub: Hub,
        upkeep: Upkeep,
        sessions: Iterator[int],
        *,
        identity: ServerIdentity,
        blobs: BlobStore,
        directory: Path | None = None,
    ) -> None:
        self.config = config
        self.blobs = blobs
        self.identity = identity
        self.hub = hub
        self.upkeep = upkeep
        self.sessions = sessions
        self._directory = directory
        self._proxies = Proxies(config.behind_proxy)
        hosts = OwnHosts(config.public_host, config.host)
        prover = Prover(identity, hosts)
        self.gate = Gate(config.max_connections, config.per_address)
        self._encryption = Encryption.of(config, identity)
        self._entrance = Entrance(self._encryption, self._proxies, hub.refusals, config.handshake_timeout)
        self._attempts = Attempts(on=config.per_address > 0)
        self.newcomers = Newcomers(hub.refusals)
        self._memory = OutboxMemory(config.max_outbox_memory)
        figures = make_metrics(self.hub, self.gate, self.newcomers, self._memory, self._encryption)
        self.http = HttpDoor(
            prover,
            hosts,
            config.allow_origin,
            self._entrance.waits,
            hub.refusals,
            hub.tally,
            timeout=config.handshake_timeout,
        )
        self.http.routes.add(page_routes(hub, hosts, partial(exposition, figures)))
        self.files = FileDoor(hub, blobs, max_file=config.max_file, max_transfers=config.max_transfers)
        self.http.routes.add(self.files.routes())
        self._reception = Reception(
            config,
            hub,
            self._entrance,
            self._encryption,
            self._proxies,
            hosts,
            prover,
            self.gate,
            self.newcomers,
            self._attempts,
            self.http,
        )
        self._stopping = trio.Event()
        self._sockets = 0
        self.addresses: list[tuple[str, int]] = []
        self.find_guest_urls: Callable[[], Sequence[str]] = tuple
        """Tells by which URLs people on other machines reach the server; whoever runs it may know that."""

    def __repr__(self) -> str:
        return f"<Server at {self.addresses} {self.gate!r}>"

    @property
    def urls(self) -> list[str]:
        """The addresses on which the server listens, as URLs for a client."""
        scheme = "wss" if self._encryption.on else "ws"
        return [f"{scheme}://{bracketed(host)}:{port}/" for host, port in self.addresses]

    @property
    def stopping(self) -> bool:
        """Whether the server has begun to end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin to end the server; :meth:`run` returns when everyone is gone."""
        self._stopping.set()

    def _guest_urls(self) -> Sequence[str]:
        return self.find_guest_urls()

    async def reload(self) -> str:
        """Read again what may change while the server runs: its certificate. Returns a sentence about it.

        Raises ``TrioChatError`` when a file cannot be used; the server then goes on with what it has.
        """
        return await self._encryption.reload()

    async def run(self, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until :meth:`stop`. It is started when it listens.

        Raises ``TrioChatError`` when it cannot listen, and ``StoreError`` when it had to stop because the store could
        not tell whether a batch is stored. Cancelling ends it at once, telling nobody.
        """
        listeners = await listen(self.config.host, self.config.port)
        self.addresses = [listener.address for listener in listeners]
        with contextlib.ExitStack() as held:
            for listener in listeners:  # they are closed here if the server cannot start
                held.enter_context(listener)
            await self._serve_all(listeners, task_status)

    async def _serve_all(self, listeners: list[TcpListener], task_status: trio.TaskStatus[Server]) -> None:
        """The nurseries of :meth:`run`."""
        async with trio.open_nursery() as root, self.hub.open_inbox() as inbox:
            await root.start(self.hub.run)
            self.upkeep.start(root)
            root.start_soon(self._stop_when_store_lost)
            root.start_soon(self._encryption.watch)
            if self._directory is not None:
                await root.start(serve_control, self._directory, self.hub, self.urls, self._guest_urls)
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as listening:
                    for listener in listeners:
                        listening.start_soon(self._accept, listener, connections)
                    task_status.started(self)
                    await self._stopping.wait()
                    listening.cancel_scope.cancel()
                self._entrance.close()
                self.newcomers.closed = True
                connections.cancel_scope.deadline = trio.current_time() + self.config.shutdown_grace
                root.cancel_scope.deadline = connections.cancel_scope.deadline + _HUB_GRACE
                await inbox.send(Stop(RETRY))
            for _ in range(2):  # when the second returns, all items before the first are stored
                await self.hub.probe()
            root.cancel_scope.cancel()
        if self.hub.storing.unknown is not None:
            raise StoreError(
                f"It is not known whether the last messages are stored: {self.hub.storing.unknown.why} "
                "Start the server again: it goes on with the messages that are stored."
            )
        await self.upkeep.finish()

    async def _stop_when_store_lost(self) -> None:
        """End the server once it is not known whether a batch is stored."""
        await self.hub.storing.lost.wait()
        self.stop()

    # ---- accepting ----------------------------------------------------------------------------

    async def _accept(self, listener: TcpListener, connections: trio.Nursery) -> None:
        with listener:
            while True:
                try:
                    transport, address = await listener.accept(self._may_connect)
                except OSError as error:  # mostly for want of file descriptors, until a connection ends
                    self.hub.refusals.note("cannot accept", "crowded", listener.address[0], error=error.strerror)
                    self.newcomers.send_one_away()
                    await trio.sleep(0.1)
                    continue
                connections.start_soon(self._serve, transport, address)

    def _may_connect(self, address: str) -> bool:
        """Count a connection from an address, and say whether it may go on."""
        if self._proxies.trusts(address) or self._attempts.take(address, trio.current_time()):
            return True
        self.hub.refusals.note("refused", "too_many_attempts", address)
        return False

    async def _serve(self, tcp: TcpTransport, address: str) -> None:
        """Serve one connection, and let none of its errors past."""
        session, scope = next(self.sessions), trio.CancelScope()
        newcomer = Stranger(address, scope.cancel)
        self._sockets += 1
        self.hub.tally.connections += 1
        self.newcomers.add(newcomer)
        try:
            with tcp, scope:
                await self._connect(AcceptedSocket(session, scope, newcomer, tcp))
        except* Exception as group:  # a cancellation may come with it, and goes on
            if group.split(_EXPECTED)[1] is None:
                log.debug("connection broken", session=session, error=repr(group))
            else:
                log.exception("connection failed", session=session, exc_info=group)
        finally:
            self._sockets -= 1
            self.newcomers.remove(newcomer)

    async def _connect(self, socket: AcceptedSocket) -> None:
        config = self.config
        transport = await self._entrance.open(socket.tcp, socket.newcomer.address)
        if transport is None:
            return
        with contextlib.ExitStack() as ended:
            async with trio.open_nursery() as nursery:
                connection = Connection(
                    transport,
                    socket.session,
                    nursery,
                    max_frame=config.max_frame,
                    outbox_bytes=config.outbox_bytes,
                    memory=self._memory,
                )
                ended.callback(connection.detach)
                try:
                    await self._reception.receive(connection, nursery, socket, encrypted=transport is not socket.tcp)
                finally:
                    connection.finish()
                nursery.cancel_scope.cancel()
            await connection.linger()


def make_server(
    config: ServerConfig,
    store: Store,
    snapshot: Snapshot,
    *,
    blobs: BlobStore,
    identity: ServerIdentity | None = None,
    directory: Path | None = None,
    clock: Callable[[SaveClock | None], Clock] = Clock,
) -> Server:
    """Make a server over an open store and what it held at the start. ``blobs`` has the bytes of files. ``clock``
    makes the clock that goes on from the stored one. Without an ``identity`` the server gets one for this run only."""
    clocks = clock(snapshot.clock)
    identity = identity or ServerIdentity.for_this_run()
    hub = Hub(Broker(_settings(config, store.epoch, identity), snapshot, *clocks.read()), store, Tally(), clocks)
    return Server(
        config,
        hub,
        Upkeep(hub, store, blobs, config.keep, clocks, config.keep_files),
        itertools.count(1),
        identity=identity,
        blobs=blobs,
        directory=directory,
    )


@contextlib.asynccontextmanager
async def open_server(
    config: ServerConfig, *, clock: Callable[[SaveClock | None], Clock] = Clock
) -> AsyncIterator[Server]:
    """Open a server and its store, which is on disk unless the configuration says otherwise. Call :meth:`Server.run` in
    the block.

    Raises ``StoreError``, which says what is wrong with the store or with the server's key.
    """
    if config.memory:
        store = MemoryStore(secrets.token_hex(8))
        async with DirectoryBlobs.open_temporary() as blobs:
            yield make_server(config, store, await store.load(), blobs=blobs, clock=clock)
        return
    directory = config.data or default_data_directory()
    async with (
        SqliteStore.open(directory / DATABASE) as kept,
        DirectoryBlobs.open_directory(directory / FILES) as blobs,
    ):
        identity = await trio.to_thread.run_sync(ServerIdentity.open, kept.path)
        snapshot = await kept.load()
        yield make_server(config, kept, snapshot, blobs=blobs, identity=identity, directory=directory, clock=clock)


def default_data_directory() -> Path:
    """Return the directory of a server's data, unless the settings name another."""
    return platformdirs.user_data_path("trio-chat")


_EXPECTED: Final = (
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    ConnectionClosed,
    HandshakeError,
    LocalProtocolError,  # a ping that came after our close frame: wsproto may not answer it any more
)
"""Exceptions that only mean that the peer is gone."""


_ADMIT: Final[dict[str, Literal["everyone", "invites", "accounts"]]] = {
    "password": "invites",
    "everyone": "everyone",
    "invites": "invites",
    "accounts": "accounts",
}
"""The broker's setting for each kind of admission."""


def _settings(config: ServerConfig, epoch: str, identity: ServerIdentity) -> BrokerSettings:
    return BrokerSettings(
        password=config.password,
        admit=_ADMIT[admission(config)],
        invite_key=secrets.token_bytes(32),
        identity=identity.fingerprint.text,
        server=f"trio-chat {__version__}",
        epoch=epoch,
        motd=config.motd,
        max_text=config.max_text,
        max_frame=config.max_frame,
        max_recipients=config.max_recipients,
        max_rooms=config.max_rooms,
        page_bytes=config.outbox_bytes // SHARE,
        rate=config.rate,
        burst=config.burst,
        address_rate=config.address_rate,
        address_burst=config.address_burst,
        room_bytes=config.outbox_bytes // 4,  # an outbox has place for far more than a room may get at once
        idle_timeout=config.idle_timeout,
        handshake_timeout=config.handshake_timeout,
        names=config.names,
        name_expiry=config.name_expiry * 86400,
        new_names=config.new_names,
        room_creation=config.room_creation,
        max_file=config.max_file,
        file_quota=config.file_quota,
        files_total=config.files_total,
        max_uploads=config.max_uploads,
    )
