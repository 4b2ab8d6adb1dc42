"""The records of the servers that a client knows: which server answered at which address. Reading only.

A client keeps them in ``known-servers.json`` of its state directory. :mod:`trio_chat.client.known_servers` writes them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.client.server_key import ServerKey, server_key
from trio_chat.errors import ChatError
from trio_chat.protocol.fingerprint import Fingerprint

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "known-servers.json"
"""The file's name in the state directory."""
_LARGEST: Final = 4 * 1024 * 1024
"""Bytes of the file that are read; a longer file was not written by this program."""


class KnownServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The server that answered at an address.

    - ``address``: the host and the port, as in :class:`~trio_chat.client.server_key.ServerKey`.
    - ``fingerprint``: of its key, as text; empty for a server without an identity that clients keep, which is one of an
      earlier version, or with a certificate of the authorities in front of it.
    - ``verified``: the system's authorities vouched for its certificate there. From then on nothing less is accepted.
    - ``tls``: it was reached over TLS.
    - ``first``, ``last``: when it was met first and last, in seconds since 1970, UTC.
    """

    address: str
    fingerprint: str = ""
    verified: bool = False
    tls: bool = False
    first: float = 0.0
    last: float = 0.0

    @property
    def identity(self) -> Fingerprint | None:
        """The fingerprint of its key."""
        return Fingerprint.parse(self.fingerprint) if self.fingerprint else None


class Records(msgspec.Struct, frozen=True):
    """The content of the file."""

    servers: tuple[KnownServer, ...] = ()

    def find(self, url: str) -> KnownServer | None:
        """The server that is known at the address of a URL."""
        address = server_key(url).text
        return next((server for server in self.servers if server.address == address), None)


def read_records(directory: Path) -> Records:
    """Read the records in a state directory. Raises ``ChatError`` when they cannot be read."""
    path = directory / FILE
    try:
        with path.open("rb") as stream:
            records = msgspec.json.decode(stream.read(_LARGEST), type=Records)
        for server in records.servers:
            _ = server.identity  # a fingerprint that is none must not be found out later
    except FileNotFoundError:
        return Records()
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        message = f"Cannot read {path}, which holds the identities of the servers that you know: {error}."
        raise ChatError(f"{message} Repair it, or remove it to meet every server anew.") from error
    return records


def key_of(directory: Path, url: str) -> ServerKey:
    """The key of the server at a URL: by its fingerprint, when one is known there, else by its address."""
    with suppress(ChatError):
        known = read_records(directory).find(url)
        if known is not None and known.identity is not None:
            return ServerKey.of_identity(known.identity)
    return server_key(url)
