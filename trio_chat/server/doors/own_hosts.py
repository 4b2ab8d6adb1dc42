"""The hosts under which this server is reached, as requests name them in their ``Host`` header.

A web page of a stranger can have its own name lead to this machine (DNS rebinding). Its requests then come from a
browser that this server lets in, and name the stranger's host. A name that is not known here is not believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.addresses import is_this_machine, read_address
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 270
"""Characters of a host that a refusal shows: a DNS name has 253 at the most, and a port follows it."""


class OwnHosts:
    """The names in ``public_host``, ``localhost``, every IP address, and the host that the server listens on."""

    def __init__(self, public_host: Iterable[str], listens_on: str) -> None:
        self._names = {_normal(name) for name in (*public_host, listens_on)}

    def __repr__(self) -> str:
        return f"<OwnHosts {', '.join(sorted(self._names))}>"

    def check(self, header: str) -> Refusal | None:
        """Refuse a ``Host`` header, with or without a port, that names no host of this server."""
        host = _normal(_without_port(header))
        if host in self._names or is_this_machine(host) or host.endswith(".localhost") or _is_address(host):
            return None
        return refuse("bad_host", host=repr(header[:_LONGEST]))


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
