"""The proof of the server's identity, in the answer to an upgrade: see :mod:`trio_chat.protocol.proof`."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypeAlias

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol import proof

if TYPE_CHECKING:
    from trio_chat.server.doors.http import Head
    from trio_chat.server.doors.own_hosts import OwnHosts
    from trio_chat.server.identity import ServerIdentity

Headers: TypeAlias = list[tuple[bytes, bytes]]


class Prover:
    """Tells clients which server this is, and proves it to those that ask under an authority of its own."""

    def __init__(self, identity: ServerIdentity, hosts: OwnHosts) -> None:
        self._identity = identity
        self._hosts = hosts

    def __repr__(self) -> str:
        return f"<Prover of {self._identity!r}>"

    def read_statement(self, head: Head, local: tuple[str, int] | None) -> bytes | Refusal | None:
        """Read what an upgrade asks to be signed; ``None`` if it asks for nothing, or under an authority that is not
        the server's own. ``local`` is the address and port at which the server has the connection; ``None``
        where TLS has proved the key, and nothing is to be signed.

        It signs nothing: that is work for :meth:`headers`, once the client is past all limits.
        """
        value = head.headers.get(proof.NONCE.lower())
        if value is None:
            return None
        try:
            nonce = base64.b64decode(value, validate=True)
        except ValueError:
            nonce = b""
        if len(nonce) != proof.NONCE_SIZE:
            return refuse("bad_head", why=f"its {proof.NONCE} is not {proof.NONCE_SIZE} bytes in Base64")
        host, direct = head.headers.get("host", ""), "x-forwarded-for" not in head.headers
        if local is None:
            return None
        return proof.make_statement(nonce, host) if self._hosts.owns(host, local, direct=direct) else None

    def headers(self, statement: bytes | None) -> Headers:
        """Make the headers that tell the identity, and prove it by a signature if there is a statement to sign."""
        identity = self._identity
        headers = [(proof.IDENTITY.encode(), base64.b64encode(identity.public_key))]
        if identity.temporary:
            headers.append((proof.TEMPORARY.encode(), b"1"))
        if statement is not None:
            headers.append((proof.PROOF.encode(), base64.b64encode(identity.sign(statement))))
        return headers
