"""The identity of a server: what it signs, its certificate, and that it stays the same from start to start."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server.live_server import Serve
from tests.server.test_opening import refusal, start_program
from trio_chat.errors import StoreError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.server.identity import ServerIdentity
from trio_chat.store.sqlite.identity_file import IDENTITY_FILE


def test_a_signature_is_checked_with_the_public_key_alone() -> None:
    identity = ServerIdentity.for_this_run()
    public = serialization.load_der_public_key(identity.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signature = identity.sign(b"a statement")
    public.verify(signature, b"a statement", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"another", ec.ECDSA(hashes.SHA256()))
    assert identity.fingerprint == Fingerprint.of_key(identity.public_key)
    assert identity.temporary


def test_the_certificate_has_the_key_and_the_names_that_certificates_can_have() -> None:
    identity = ServerIdentity.for_this_run()
    made = identity.certificate(
        ["chat.example", "192.0.2.7", "CHAT.example.", "0.0.0.0", "::", "fe80::1%eth0", "no name", "ä.example", ""]
    )
    certificate = x509.load_pem_x509_certificate(made.chain)
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert Fingerprint.of_key(public) == identity.fingerprint
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "chat.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address(text) for text in ("127.0.0.1", "::1", "192.0.2.7", "fe80::1")
    ]
    assert "PRIVATE" not in repr(made)
    assert "PRIVATE" not in repr(identity)


def test_a_strict_client_that_trusts_the_certificate_accepts_the_server(tmp_path: Path) -> None:
    made = ServerIdentity.for_this_run().certificate(["chat.example"])
    (tmp_path / "chain.pem").write_bytes(made.chain)
    (tmp_path / "key.pem").write_bytes(made.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    asking = ssl.create_default_context(cafile=tmp_path / "chain.pem")
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(there, back, server_side=True)
    client = asking.wrap_bio(back, there, server_hostname="chat.example")
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.getpeercert() is not None
    assert client.version() == "TLSv1.3"


async def test_a_server_is_the_same_at_its_next_start(serve: Serve, tmp_path: Path) -> None:
    first = await serve(data=tmp_path)
    identity = first.server.identity
    assert (identity.is_new, identity.temporary) == (True, False)
    await first.end()
    second = await serve(data=tmp_path)
    assert second.server.identity.fingerprint == identity.fingerprint
    assert not second.server.identity.is_new


async def test_a_server_in_memory_has_an_identity_for_one_run(serve: Serve) -> None:
    first, second = await serve(), await serve()
    assert first.server.identity.temporary
    assert first.server.identity.fingerprint != second.server.identity.fingerprint


async def test_a_server_does_not_start_over_a_damaged_key(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    await live.end()
    (tmp_path / IDENTITY_FILE).write_bytes(b"damaged")
    sentence = await refusal(tmp_path)
    assert IDENTITY_FILE in sentence
    code, _, said = await start_program(tmp_path)
    assert (code, "Traceback" in said) == (1, False)
    assert sentence in said.replace("\n", " ")
    assert (tmp_path / IDENTITY_FILE).read_bytes() == b"damaged"


def test_what_is_no_key_makes_no_identity() -> None:
    with pytest.raises(StoreError, match="is not the server's key"):
        ServerIdentity(b"no key")
