"""The way of a connection up to the head of its request: TLS if the peer speaks it, then the head, both in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from trio_chat.addresses import is_loopback
from trio_chat.errors import Refusal, refuse
from trio_chat.server.doors import http
from trio_chat.server.doors.http.pages import join_url, show_tls_page
from trio_chat.server.encryption import ALERT, HANDSHAKE, Encryption
from trio_chat.server.net.transport import linger
from trio_chat.server.net.waits import Waits

if TYPE_CHECKING:
    from trio_chat.server.net.connection import Connection
    from trio_chat.server.net.transport import TcpTransport, Transport
    from trio_chat.server.refusals import Refusals
    from trio_chat.server.trusted_proxies import Proxies

_PLAIN: Final = frozenset({"/healthz", "/metrics"})
"""Pages that a server with TLS also gives a peer of this machine that speaks none."""


KEEP_ALIVE: Final = 30.0
"""Seconds that a connection may wait for its next request."""


class Entrance:
    """See the module. Each step may take ``timeout`` seconds. ``refusals`` hears of those that do not come through."""

    def __init__(self, encryption: Encryption, proxies: Proxies, refusals: Refusals, timeout: float) -> None:
        self._encryption = encryption
        self._proxies = proxies
        self._refusals = refusals
        self._timeout = timeout
        self.waits = Waits()
        """Waits that end when the server stops."""

    def __repr__(self) -> str:
        return f"<Entrance with {len(self.waits.scopes)} on their way>"

    def close(self) -> None:
        """End the waiting for peers that are on their way in: the server stops."""
        self.waits.close()

    async def open(self, tcp: TcpTransport, address: str) -> Transport | None:
        """Do the handshake of TLS, if the peer begins one and the server speaks TLS. Returns the transport of the
        connection; ``None`` if there is none, because the handshake failed or the server stops.

        Raises ``trio.BrokenResourceError`` when the peer hangs up.
        """
        if not self._encryption.on:
            return tcp
        found: Transport | Refusal | None = None
        with self.waits.until(trio.current_time() + self._timeout) as scope:
            found = await self._encryption.open(tcp)
        if scope.cancelled_caught:
            found = self._late()
        if isinstance(found, Refusal):
            self._refusals.note("refused", found.code, address, **found.params)
            await linger(tcp)  # the peer reads the alert
            return None
        return found

    async def read_head(
        self, connection: Connection, tcp: TcpTransport, address: str, *, encrypted: bool, first: bool = True
    ) -> http.Head | bytes | None:
        """Read a head on a connection over ``tcp``, with TLS or without. ``first``: it is the first of the connection;
        the next ones may begin later.

        Returns the answer that ends the connection if nothing else is to be done for it; ``None`` if the peer hangs up,
        or the server stops, or no next request comes.
        """
        if not first and not await self._wait_for_next(connection):
            return None
        found: http.Head | Refusal | None = None
        with self.waits.until(trio.current_time() + self._timeout) as scope:
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
        return http.render(_refused(found, head), body=head is None or head.method != "HEAD")

    async def _wait_for_next(self, connection: Connection) -> bool:
        """Wait until the next request begins. Returns whether it does."""
        if self.waits.closed:
            return False
        if connection.has_early:
            await trio.lowlevel.checkpoint()  # others get their turn between two requests
            return True
        with self.waits.until(trio.current_time() + KEEP_ALIVE) as scope:
            await connection.wait_readable()
        return not scope.cancelled_caught

    def _check_plain(self, head: http.Head, tcp: TcpTransport, address: str) -> Refusal | None:
        """Refuse a request that came without TLS to a server that speaks TLS. Proxies that were named may make any,
        and peers of this machine may ask for the health and the figures."""
        if not self._encryption.on or self._proxies.trusts(address):
            return None
        if head.path in _PLAIN and (is_loopback(address) or address == tcp.getsockname()[0]):
            return None
        return refuse("tls_needed", url=join_url(head, encrypted=True))

    def _late(self) -> Refusal | None:
        return None if self.waits.closed else refuse("head_timeout", seconds=self._timeout)


def _refused(refusal: Refusal, head: http.Head | None) -> http.HttpResponse:
    """Return the response for a refusal; for a browser that should use TLS, a page."""
    if refusal.code == "tls_needed" and head is not None and "text/html" in head.headers.get("accept", ""):
        return show_tls_page(refusal.params["url"])
    return http.refused(refusal, head)


async def _read_head(connection: Connection) -> http.Head | Refusal | None:
    data = await connection.read_head(http.MAX_HEAD)
    if data is None:
        return None
    if data.startswith(HANDSHAKE):
        return refuse("no_tls")
    head = http.parse_head(data)
    if isinstance(head, http.Head):
        if head.wants_websocket:
            connection.unread(data)
        else:
            connection.put_back(data[data.index(b"\r\n\r\n") + 4 :])
    return head
