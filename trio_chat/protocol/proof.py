"""The proof of a server's identity within an upgrade: its headers, and the statement that the server signs. Pure.

The client sends :data:`NONCE` with 32 fresh bytes. The response that accepts the upgrade carries :data:`IDENTITY`, the
server's public key, and :data:`PROOF`, a signature (ECDSA, P-256, SHA-256) over the nonce and the authority that the
client dialled, its ``Host`` header. Values are Base64 (RFC 4648, 4). A server whose key is for one run says so with
:data:`TEMPORARY`.

A server signs only for authorities of its own. So a stranger's server cannot pass the nonce on to ours and show the
signature as its own: the authority that the client dialled is the stranger's. Where the server does not sign, the
response has :data:`IDENTITY` alone.
"""

from __future__ import annotations

from typing import Final

NONCE: Final = "Trio-Chat-Nonce"
"""Request header: 32 random bytes."""

IDENTITY: Final = "Trio-Chat-Identity"
"""Response header: the public key as SubjectPublicKeyInfo in DER."""

PROOF: Final = "Trio-Chat-Proof"
"""Response header: the signature, in DER."""

TEMPORARY: Final = "Trio-Chat-Temporary"
"""Response header: ``1`` where the server forgets its key when it stops."""

NONCE_SIZE: Final = 32
"""Bytes of a nonce."""

CONTEXT_SHOWN: Final = "trio-chat server identity 1"
"""The text that every statement begins with; a zero byte follows it."""

_CONTEXT: Final = CONTEXT_SHOWN.encode() + b"\x00"
"""The beginning of every statement, so that the signature can stand for nothing else (and for no TLS handshake)."""


def make_statement(nonce: bytes, authority: str) -> bytes:
    """Make the bytes that the server signs, from a client's nonce and the ``Host`` header of its request."""
    return _CONTEXT + nonce + authority.lower().encode()
