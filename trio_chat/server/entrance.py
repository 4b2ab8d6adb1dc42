"""The way of a connection up to the head of its request: TLS if the peer speaks it, then the head, both in time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.addresses import is_loopback
from trio_chat.errors import Refusal, refuse
from trio_chat.server.doors import http
from trio_chat.server.encryption import ALERT, HANDSHAKE, Encryption
from trio_chat.server.net.transport import linger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_chat.server.net.connection import Connection
    from trio_chat.server.net.transport import TcpTransport, Transport
    from trio_chat.server.refusals import Refusals
    from trio_chat.server.trusted_proxies import Proxies

_PLAIN: Final = frozenset({"/healthz", "/metrics"})
"""Pages that a server with TLS also gives a peer of this machine that speaks none."""


class Entrance:
    """See the module. Each step may take ``timeout`` seconds. ``refusals`` hears of those that do not come through."""

    def __init__(self, encryption: Encryption, proxies: Proxies, refusals: Refusals, timeout: float) -> None:
        self._encryption = encryption
        self._proxies = proxies
        self._refusals = refusals
        self._timeout = timeout
        self._scopes: set[trio.CancelScope] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Entrance with {len(self._scopes)} on their way>"

    def close(self) -> None:
        """End the waiting for peers that are on their way in: the server stops."""
        self._closed = True
        for scope in self._scopes:
            scope.cancel()

    async def open(self, tcp: TcpTransport, address: str) -> Transport | None:
        """Do the handshake of TLS, if the peer begins one and the server speaks TLS. Returns the transport of the
        connection; ``None`` if there is none, because the handshake failed or the server stops.

        Raises ``trio.BrokenResourceError`` when the peer hangs up.
        """
        if not self._encryption.on:
            return tcp
        found: Transport | Refusal | None = None
        with self._in_time() as scope:
            found = await self._encryption.open(tcp)
        if scope.cancelled_caught:
            found = self._late()
        if isinstance(found, Refusal):
            self._refusals.note("refused", found.code, address, **found.params)
            await linger(tcp)  # the peer reads the alert
            return None
        return found

    async def read_head(
        self, connection: Connection, tcp: TcpTransport, address: str, *, encrypted: bool
    ) -> http.Head | bytes | None:
        """Read the head of a connection over ``tcp``, with TLS or without.

        Returns the answer that ends the connection if nothing else is to be done for it; ``None`` if the peer hangs up,
        or the server stops.
        """
        found: http.Head | Refusal | None = None
        with self._in_time() as scope:
            found = await _read_head(connection)
        if scope.cancelled_caught:
            found = self._late()
        head = found if isinstance(found, http.Head) else None
        if head is not None and not encrypted:
            found = self._check_plain(head, tcp, address) or head
        if not isinstance(found, Refusal):
            return found
        self._refusals.note("refused", found.code, address)
        if found.code == "no_tls":
            return ALERT
        return http.render(http.refused(found, head), body=head is None or head.method != "HEAD")

    def _check_plain(self, head: http.Head, tcp: TcpTransport, address: str) -> Refusal | None:
        """Refuse a request that came without TLS to a server that speaks TLS. Proxies that were named may make any,
        and peers of this machine may ask for the health and the figures."""
        if not self._encryption.on or self._proxies.trusts(address):
            return None
        if head.path in _PLAIN and (is_loopback(address) or address == tcp.getsockname()[0]):
            return None
        return refuse("tls_needed", url=http.join_url(head, encrypted=True))

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[trio.CancelScope]:
        with trio.move_on_after(self._timeout) as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def _late(self) -> Refusal | None:
        return None if self._closed else refuse("head_timeout", seconds=self._timeout)


async def _read_head(connection: Connection) -> http.Head | Refusal | None:
    data = await connection.read_head(http.MAX_HEAD)
    if data is None:
        return None
    if data.startswith(HANDSHAKE):
        return refuse("no_tls")
    head = http.parse_head(data)
    if isinstance(head, http.Head) and head.wants_websocket:
        connection.unread(data)
    return head
