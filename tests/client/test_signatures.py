"""The signature by which a server proves its key."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trio_chat.client.trust import _is_signed

STATEMENT = b"this server, at this address"


@pytest.mark.parametrize(
    ("key", "good"),
    [
        (ec.generate_private_key(ec.SECP256R1()), True),
        (ec.generate_private_key(ec.SECP384R1()), False),
        (ed25519.Ed25519PrivateKey.generate(), False),
    ],
    ids=["P-256", "P-384", "Ed25519"],
)
def test_only_the_kind_of_key_that_servers_have_can_sign(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, *, good: bool
) -> None:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(STATEMENT)
    else:
        signature = key.sign(STATEMENT, ec.ECDSA(SHA256()))
    shown = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert _is_signed(shown, STATEMENT, signature) is good
    assert not _is_signed(shown, STATEMENT + b"!", signature)
