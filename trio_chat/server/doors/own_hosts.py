"""The hosts under which this server is reached, as requests name them in their ``Host`` header.

A web page of a stranger can have its own name lead to this machine (DNS rebinding). Its requests then come from a
browser that this server lets in, and name the stranger's host. A name that is not known here is not believed.

A server of a stranger can pass a client's question for a proof of identity on to this one. The signature is over the
authority (host and port) that the client dialled, which is the stranger's. So the server signs only for authorities
that lead to itself: see :meth:`OwnHosts.owns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.addresses import is_this_machine, read_address, read_authority
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 270
"""Characters of a host that a refusal shows: a DNS name has 253 at the most, and a port follows it."""

_WEB: Final = frozenset({80, 443})
"""The ports that a URL need not name: those of ``ws`` and ``wss`` (RFC 6455, 3)."""

_LOOPBACK: Final = {"127.0.0.1": frozenset({"localhost", "0.0.0.0"}), "::1": frozenset({"::"})}  # noqa: S104 - compared with, not bound
"""Hosts that stand for an address of loopback. A client that dials the address for all addresses gets loopback
too. ``localhost`` is the first address alone: somebody else may have the port on the other one."""


class OwnHosts:
    """The names in ``public_host`` (each with a port or without), ``localhost``, every IP address, and the host that
    the server listens on."""

    def __init__(self, public_host: Iterable[str], listens_on: str) -> None:
        self._public = {read_authority(text) for text in public_host}
        self._listens_on = _normal(listens_on)
        self._names = {self._listens_on, *(host for host, _ in self._public)}

    def __repr__(self) -> str:
        return f"<OwnHosts {', '.join(sorted(self._names))}>"

    def check(self, header: str) -> Refusal | None:
        """Refuse a ``Host`` header, with or without a port, that names no host of this server."""
        host = _normal(_without_port(header))
        if host in self._names or is_this_machine(host) or host.endswith(".localhost") or _is_address(host):
            return None
        return refuse("bad_host", host=repr(header[:_LONGEST]))

    def owns(self, header: str, local: tuple[str, int], *, direct: bool = True) -> bool:
        """Whether the authority in a ``Host`` header leads to this server, so that the server may sign for it.

        ``local`` is the address and port at which the server has this connection. An authority is its own that names

        - an entry of ``public_host``: with the entry's port; for an entry without one, the listening port, 80 or 443;
        - the address ``local`` itself, or the host that it was told to listen on, with the listening port;
        - this machine (``localhost``), with the listening port, if the connection came to 127.0.0.1.

        A connection that is not ``direct``, but came through a proxy, has the first alone: everybody whom the proxy
        lets in comes over loopback.
        """
        try:
            host, named = read_authority(header)
        except ValueError:
            return False
        listening = local[1]
        ports = _WEB if named is None else {named}
        if (host, None) in self._public and ports & {listening, *_WEB}:
            return True
        if any((host, port) in self._public for port in ports):
            return True
        if not direct or listening not in ports:
            return False
        address = _normal(str(read_address(local[0])))
        own_name = host == self._listens_on and not (_is_address(host) or is_this_machine(host))
        return host == address or own_name or host in _LOOPBACK.get(address, ())


def _normal(host: str) -> str:
    return host.lower().rstrip(".")


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        read_address(host)
    except ValueError:
        return False
    return True
