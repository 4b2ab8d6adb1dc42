"""The key of a server: what the files that a client keeps for that server are named after. Pure.

A server whose fingerprint is known has its fingerprint as its key, whatever its address. Any other is known by the host
and the port. The scheme and the path make no other server, since a server has one port for both.

``localhost``, ``127.0.0.1`` and ``[::1]`` with one port are one server. All three mean this machine, and ``localhost``
connects to either address, so keeping them apart would protect nobody: a user of this machine who takes the port on one
of the addresses gets the token of everybody who types ``localhost``. Other loopback addresses, such as 127.0.0.2, are
only used on purpose, to tell servers apart, so they stay apart.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from trio_chat.addresses import read_address

if TYPE_CHECKING:
    from trio_chat.protocol.fingerprint import Fingerprint

THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")
"""The hosts that are one server; the first one stands in the key."""
_PORTS: Final = {"ws": 80, "wss": 443}  # RFC 6455, section 3


@dataclass(frozen=True, slots=True)
class ServerKey:
    """The key of one server. Equal keys mean the same server."""

    text: str
    identity: Fingerprint | None = None

    @classmethod
    def of_identity(cls, fingerprint: Fingerprint) -> Self:
        """The key of the server with this fingerprint."""
        return cls(f"server {fingerprint.text}", fingerprint)

    @property
    def file_stem(self) -> str:
        """The name of this server's files, without an ending: its fingerprint in hexadecimal digits, which differ also
        where files are found whatever their case. Without one: its address, unique through a part of a hash."""
        if self.identity is not None:
            return f"server-{self.identity.digest.hex()}"
        readable = re.sub(r"[^a-z0-9.-]", "_", self.text)[:60]
        return f"{readable}-{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"


def server_key(url: str) -> ServerKey:
    """The key of the server at a ``ws://`` or ``wss://`` URL by its address alone."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, _PORTS["ws"])
    return ServerKey(f"{_host(parts.hostname)}:{port}")


def names_this_machine(host: str | None) -> bool:
    """Whether a host is one of :data:`THIS_MACHINE`, however it is written."""
    text = (host or "").rstrip(".").lower()
    with suppress(ValueError):
        text = str(read_address(text))
    return text in THIS_MACHINE


def _host(host: str | None) -> str | None:
    if names_this_machine(host):
        return THIS_MACHINE[0]
    with suppress(ValueError):
        address, _, zone = (host or "").partition("%")
        return f"{read_address(address)}%{zone}" if zone else str(read_address(address))
    return host
