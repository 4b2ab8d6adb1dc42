"""The reception of an open connection: its requests are answered one after the other, or it becomes a
session of the chat."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.errors import Refusal, refuse
from trio_chat.server.doors import http, websocket
from trio_chat.server.doors.http_door import HttpVisit
from trio_chat.server.doors.native_peer import NativePeer
from trio_chat.server.doors.origins import check_origin
from trio_chat.server.hub.items import Arrival, Departure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_chat.config import ServerConfig
    from trio_chat.server.doors.http_door import HttpDoor
    from trio_chat.server.doors.own_hosts import OwnHosts
    from trio_chat.server.doors.prover import Prover
    from trio_chat.server.encryption import Encryption
    from trio_chat.server.entrance import Entrance
    from trio_chat.server.hub.hub import Hub
    from trio_chat.server.net.attempts import Attempts
    from trio_chat.server.net.connection import Connection
    from trio_chat.server.net.crowd import Stranger
    from trio_chat.server.net.gate import Gate
    from trio_chat.server.net.transport import TcpTransport
    from trio_chat.server.newcomers import Newcomers
    from trio_chat.server.trusted_proxies import Proxies

_PAUSE: Final = 0.25
"""Seconds between two looks whether a peer that asked too often may ask again."""


@dataclass(frozen=True, slots=True)
class AcceptedSocket:
    """An accepted connection. ``scope`` is that of its tasks, ``newcomer`` its place while it is not inside, and
    ``tcp`` its transport below TLS."""

    session: int
    scope: trio.CancelScope
    newcomer: Stranger
    tcp: TcpTransport


@dataclass(frozen=True, slots=True)
class Reception:
    """See the module. The fields are the parts of a server."""

    config: ServerConfig
    hub: Hub
    entrance: Entrance
    encryption: Encryption
    proxies: Proxies
    hosts: OwnHosts
    prover: Prover
    gate: Gate
    newcomers: Newcomers
    attempts: Attempts
    http_door: HttpDoor

    async def receive(
        self, connection: Connection, nursery: trio.Nursery, socket: AcceptedSocket, *, encrypted: bool
    ) -> None:
        """Do what the requests on a connection ask for, up to the last, or to the end of a session.

        A proxy may let many clients use one connection to the server, for an upgrade as well, so each request may be of
        another one.
        """
        local = self._proves_for(socket, encrypted=encrypted)
        visit = HttpVisit(connection, encrypted=encrypted, local=local, transferring=lambda: self._transferring(socket))
        peer, first = socket.newcomer.address, True
        while True:
            head = await self.entrance.read_head(connection, socket.tcp, peer, encrypted=encrypted, first=first)
            if head is None:
                return
            if isinstance(head, bytes):
                await self._send(connection, head)
                return
            if head.wants_websocket:
                refused = await self._open_session(connection, head, nursery, socket, local)
                if refused is not None:
                    await self._send(connection, http.render(refused))
                return
            visit.address = self.proxies.visitor(head, peer)
            if not ((first and visit.address == peer) or await self._take_turn(visit.address)):
                await self._send(connection, http.render(self._refuse(refuse("too_many_attempts"), visit.address)))
                return
            if not await self.http_door.answer(visit, head):
                return
            first = False

    async def _send(self, connection: Connection, answer: bytes) -> None:
        with trio.move_on_after(self.config.handshake_timeout):
            await connection.send_all(answer)

    async def _take_turn(self, address: str) -> bool:
        """Charge a request that came on a connection with others as if it had one of its own. Waits a while until the
        address may make it; returns whether it may."""
        until = trio.current_time() + self.config.handshake_timeout
        while not self.proxies.trusts(address) and not self.attempts.take(address, trio.current_time()):
            if trio.current_time() > until or self.entrance.waits.closed:
                return False
            await trio.sleep(_PAUSE)
        return True

    @contextlib.contextmanager
    def _transferring(self, socket: AcceptedSocket) -> Iterator[None]:
        """Count a transfer instead of a newcomer while the block runs."""
        tally = self.hub.tally
        tally.transfers += 1
        try:
            with self.newcomers.without(socket.newcomer):
                yield
        finally:
            tally.transfers -= 1

    def _proves_for(self, socket: AcceptedSocket, *, encrypted: bool) -> tuple[str, int] | None:
        """The address and port for which the server may sign on a connection: those of its end here. ``None`` where the
        handshake proved the server's key: somebody in between could show the signature to a client that speaks plain
        with them. A proxy may need it also there, for clients that see another certificate."""
        if encrypted and self.encryption.shows_own_key and not self.proxies.trusts(socket.newcomer.address):
            return None
        return socket.tcp.local_address

    async def _open_session(
        self,
        connection: Connection,
        head: http.Head,
        nursery: trio.Nursery,
        socket: AcceptedSocket,
        local: tuple[str, int] | None,
    ) -> http.HttpResponse | None:
        """Let a WebSocket past the limits of its address and in, or return the response that refuses it."""
        address = self.proxies.visitor(head, socket.newcomer.address)
        if address != socket.newcomer.address and not self.attempts.take(address, trio.current_time()):
            return self._refuse(refuse("too_many_attempts"), address)
        with self._inside(connection, socket, address) as refusal:
            if refusal is not None:
                return self._refuse(refusal, address)
            return await self._admit(connection, head, nursery, address, local)

    @contextlib.contextmanager
    def _inside(self, connection: Connection, socket: AcceptedSocket, address: str) -> Iterator[Refusal | None]:
        """Count a connection at the gate instead of among the newcomers while the block runs."""
        sessions = self.hub.broker.sessions

        def is_known() -> bool:
            session = sessions.get(connection.session)
            return session is not None and session.person is not None

        def give_way() -> None:
            connection.say_why(refuse("crowded"))
            socket.scope.cancel()

        with self.gate.enter(address, is_known, give_way) as refusal:
            if refusal is not None:
                yield refusal
                return
            with self.newcomers.without(socket.newcomer):
                yield None

    def _refuse(self, refusal: Refusal, address: str) -> http.HttpResponse:
        self.hub.refusals.note("refused", refusal.code, address)
        return http.refused(refusal)

    async def _admit(
        self,
        connection: Connection,
        head: http.Head,
        nursery: trio.Nursery,
        address: str,
        local: tuple[str, int] | None,
    ) -> http.HttpResponse | None:
        """Let a WebSocket in and serve it to its end, or return the response that refuses it. ``local`` is the address
        and port of its end here, if the server may sign for them."""
        if head.path != "/":
            return http.HttpResponse(404, "text/plain", b"The chat is at /.\n")
        refusal = websocket.check_upgrade(head) or check_origin(head, self.config.allow_origin, self.hosts)
        hello = refusal or websocket.read_credentials(head)
        statement = self.prover.read_statement(head, local)
        if isinstance(hello, Refusal):
            return self._refuse(hello, address)
        if isinstance(statement, Refusal):
            return self._refuse(statement, address)
        request = await websocket.examine(connection, nursery, self.config.max_frame)
        with self.hub.open_inbox() as inbox:
            peer = NativePeer(connection, inbox, self.hub.refusals, address)
            await inbox.send(Arrival(peer, hello, address))
            try:
                refusal = await peer.wait_settled()
                if refusal is not None:
                    return http.refused(refusal)
                upgraded = await websocket.upgrade(connection, request, self.prover.headers(statement))
                head.headers.clear()  # a session may last for days, and needs the head no more
                del request, hello, statement, peer
                await websocket.serve(connection, upgraded)
                return None
            finally:
                # the hub always takes it: it ends after all connections, or is cancelled with them
                with trio.CancelScope(shield=True), contextlib.suppress(trio.BrokenResourceError):
                    await inbox.send(Departure(connection.session))
