"""The server's identity: its key, what it signs with it, and a certificate of it for TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.store.sqlite.identity_file import IDENTITY_FILE, make_key, open_key, parse_key, public_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

_ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
"""Names by which every server is reached on its own machine."""

_VALID: Final = dt.timedelta(days=3652)
"""Ten years: a certificate is made anew at each start, and clients compare the key."""

_BACK: Final = dt.timedelta(days=1)
"""The certificate began to be valid this long ago, for clients whose clock is late."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate (X.509) and its private key, both as PEM, as an SSL context reads them. The key stays out of
    ``repr``."""

    chain: bytes
    key: bytes = field(repr=False)


class ServerIdentity:
    """The key of a server, from its PEM (PKCS #8; EC, P-256). ``temporary``: it is lost when the server stops.
    ``is_new``: it was made at this start.

    Raises ``StoreError`` if the PEM has no such key.
    """

    def __init__(self, pem: bytes, *, temporary: bool = False, is_new: bool = False, place: Path | None = None) -> None:
        self._pem = pem
        self._key = parse_key(pem, place or Path(IDENTITY_FILE))
        self.temporary = temporary
        self.is_new = is_new
        self.public_key = public_bytes(self._key)
        """The public key as SubjectPublicKeyInfo in DER."""
        self.fingerprint = Fingerprint.of_key(self.public_key)

    def __repr__(self) -> str:
        return f"<ServerIdentity {self.fingerprint}{' temporary' if self.temporary else ''}>"

    @property
    def origin(self) -> str:
        """Where the key comes from, for the log."""
        if self.temporary:
            return "for this run"
        return "new" if self.is_new else "kept"

    @classmethod
    def for_this_run(cls) -> Self:
        """Make an identity that nothing on disk remembers."""
        return cls(make_key(), temporary=True, is_new=True)

    @classmethod
    def open(cls, database: Path) -> Self:
        """Open the identity that lies beside a server's database, which is open. A server without one gets one.

        Raises ``StoreError``, which says what is wrong with the key's file and what to do.
        """
        opened = open_key(database)
        return cls(opened.pem, is_new=opened.is_new, place=database.with_name(IDENTITY_FILE))

    def sign(self, statement: bytes) -> bytes:
        """Sign a statement: ECDSA with SHA-256, in DER. It takes some 35 µs of a core."""
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - loaded already, with the key
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above

        return self._key.sign(statement, ec.ECDSA(hashes.SHA256()))

    def certificate(self, names: Iterable[str] = ()) -> Certificate:
        """Make a self-signed certificate of the key, valid from a day ago for ten years.

        ``names`` are host names and addresses for its subjectAltName, beside those of loopback; what is neither is
        left out. Clients compare the key, so the names only help programs that know no fingerprint.
        """
        from cryptography import x509  # noqa: PLC0415 - it takes 40 ms, which a server without TLS need not
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - loaded with the key
        from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415 - as above

        public = self._key.public_key()
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trio-chat")])
        began = dt.datetime.now(dt.UTC) - _BACK
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
            (x509.SubjectAlternativeName(_general_names((*_ALWAYS, *names))), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (usage, True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + _VALID)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        made = builder.sign(self._key, hashes.SHA256())
        return Certificate(made.public_bytes(serialization.Encoding.PEM), self._pem)


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    """Return each name or address once, in order. An address for all addresses, and a name with characters that a
    certificate cannot have, are left out."""
    from cryptography import x509  # noqa: PLC0415 - as in certificate

    found: dict[x509.GeneralName, None] = {}
    for name in names:
        plain = name.partition("%")[0].rstrip(".").lower()
        try:
            address = ipaddress.ip_address(plain)
        except ValueError:
            if plain and plain.isascii() and not set(plain) & set(":/[]* "):
                found[x509.DNSName(plain)] = None
            continue
        if not address.is_unspecified:
            found[x509.IPAddress(address)] = None
    return list(found)
