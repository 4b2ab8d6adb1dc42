"""Certificates for tests: self-signed, or of a certificate authority that the test makes."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

DAY = dt.timedelta(days=1)


def make_ec_key() -> ec.EllipticCurvePrivateKey:
    """A key as servers have by default."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, passphrase: str = "") -> bytes:
    """A private key as PEM, encrypted if there is a passphrase."""
    protection = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)

    def write(self, folder: Path, *, issuers: Sequence[Made] = ()) -> tuple[Path, Path]:
        """Write both as files, the certificate with those of its issuers behind it; the files' paths."""
        cert, key = folder / "cert.pem", folder / "key.pem"
        cert.write_bytes(self.pem + b"".join(issuer.pem for issuer in issuers))
        key.touch(mode=0o600)
        key.write_bytes(self.key_pem)
        return cert, key


def make_certificate(
    name: str = "chat.example",
    *,
    key: Key | None = None,
    issuer: Made | None = None,
    days: float = 90,
    is_authority: bool = False,
) -> Made:
    """A certificate for one host name or address, for so many days from now: self-signed, or signed by an issuer."""
    key = key or make_ec_key()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    alternative: x509.GeneralName
    try:
        alternative = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    if is_authority:  # strict clients, as Python's own from 3.13 on, want to read that it may sign certificates
        builder = builder.add_extension(_usage_of_authority(), critical=True)
    return Made(builder.sign(signer, hashes.SHA256()), key)


def _usage_of_authority() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
