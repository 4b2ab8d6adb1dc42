"""The client address of a connection that came through a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from trio_chat.addresses import is_loopback, read_address, read_network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trio_chat.server.doors.http import Head

_MOST: Final = 32
"""Addresses of a header that are read: no client stands behind more proxies."""

log = structlog.get_logger()


class Proxies:
    """The proxies in ``behind_proxy``, each an address or a network as text."""

    def __init__(self, behind_proxy: Iterable[str]) -> None:
        self._trusted = [read_network(one) for one in behind_proxy]
        self._told = False

    def __repr__(self) -> str:
        return f"<Proxies {', '.join(map(str, self._trusted)) or 'none'}>"

    def visitor(self, head: Head, peer: str) -> str:
        """Return the address under which a connection from ``peer`` is counted, logged and banned.

        A trusted proxy puts the address of its client last into ``X-Forwarded-For``. While that client is a trusted
        proxy too, the address before it counts. A client could have written the addresses further left itself.
        https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For
        """
        header = head.headers.get("x-forwarded-for")
        if header is None:
            return peer
        if not self._trusted and is_loopback(peer) and not self._told:
            self._told = True
            advice = "with --behind-proxy, limits, bans and the log use the address of its client instead of its own"
            log.warning("a proxy is not trusted", proxy=peer, advice=advice)
        address, told = peer, header.rsplit(",", _MOST)[-_MOST:]
        while told and self.trusts(address):
            before = _parse(told.pop())
            if before is None:
                break
            address = before
        return address

    def trusts(self, address: str) -> bool:
        """Whether an address is that of a trusted proxy."""
        known = read_address(address)
        return any(known in network for network in self._trusted)


def _parse(text: str) -> str | None:
    """Read an address as proxies write it: bare, or with a port, and then an IPv6 address in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(read_address(text))
    except ValueError:
        return None
