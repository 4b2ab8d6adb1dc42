"""The certificate that the server shows over TLS, and its private key: read, and checked before they are used."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trio_chat.errors import ConfigError
from trio_chat.server.net.tls import TlsContext, make_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

_QUICK_RSA: Final = 2048
"""Bits of the greatest RSA key that signs in less than half a millisecond."""

_LARGEST: Final = 1024 * 1024
"""Bytes of a PEM file that are read: a chain has a few thousand."""


@dataclass(frozen=True, slots=True)
class ReadyCertificate:
    """A certificate that is ready to be shown: the ``context`` of its connections, and the end of its validity.

    ``slow``: a handshake with its key takes milliseconds. ``warnings`` are sentences about it.
    """

    context: TlsContext
    expires: dt.datetime
    slow: bool = False
    warnings: tuple[str, ...] = ()

    def expired(self, now: dt.datetime) -> bool:
        """Whether its validity is over."""
        return self.expires <= now


def read_certificate(cert: Path, key: Path) -> ReadyCertificate:
    """Read a certificate with its chain, and its key, from PEM files.

    Raises ``ConfigError``, whose sentence names the file and says what is wrong with it.
    """
    chain, secret = _read(cert, "certificate"), _read(key, "key")
    warnings = []
    if _is_shared(key):
        warnings.append(f"Other users can read the key {key}; chmod 600 it.")
    return _check(chain, secret, str(cert), str(key), tuple(warnings))


def show_certificate(chain: bytes, key: bytes) -> ReadyCertificate:
    """Make a certificate ready that is in memory, with its key, both as PEM. Raises ``ConfigError``."""
    return _check(chain, key, "The certificate of the server's key", "The server's key", ())


def _check(chain: bytes, secret: bytes, cert_name: str, key_name: str, warnings: tuple[str, ...]) -> ReadyCertificate:
    certificates = _parse_chain(chain, cert_name)
    own = certificates[0]
    key = _parse_key(secret, key_name)
    public = _public_bytes(key.public_key())
    if _public_bytes(own.public_key()) != public:
        others = [one for one in certificates[1:] if _public_bytes(one.public_key()) == public]
        advice = (
            f"It is that of a later one in {cert_name}: put the server's own certificate first."
            if others
            else "Give the key with which the certificate was made."
        )
        raise ConfigError(f"{key_name} is not the key of the first certificate in {cert_name}. {advice}")
    return ReadyCertificate(_make_context(chain, secret, cert_name), own.not_valid_after_utc, _is_slow(key), warnings)


# ---- the parts --------------------------------------------------------------------------------


def _read(path: Path, kind: str) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_LARGEST)
    except OSError as error:
        raise ConfigError(f"The {kind} {path} cannot be read: {error.strerror}.") from error


def _is_shared(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o044)


def _parse_chain(pem: bytes, name: str) -> list[x509.Certificate]:
    from cryptography import x509  # noqa: PLC0415 - it takes 40 ms, which a server without TLS need not

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigError(f"{name} has no certificate in PEM: -----BEGIN CERTIFICATE----- and so on.") from None


def _parse_key(pem: bytes, name: str) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

    try:
        return load_pem_private_key(pem, None)
    except TypeError:
        raise ConfigError(
            f"{name} is encrypted, and the server cannot ask for its passphrase. "
            "Write it without one (openssl pkey -in KEY -out NEW), and chmod 600 it."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{name} has no private key in PEM: -----BEGIN PRIVATE KEY----- and so on.") from None


def _public_bytes(key: PublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above

    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _is_slow(key: PrivateKeyTypes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - as above

    if isinstance(key, rsa.RSAPrivateKey):
        return key.key_size > _QUICK_RSA
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return not isinstance(key.curve, ec.SECP256R1)
    return not isinstance(key, ed25519.Ed25519PrivateKey)


def _make_context(chain: bytes, key: bytes, name: str) -> TlsContext:
    """Make the context from bytes that were checked: an SSL context reads files only, and the files of the settings
    may have changed meanwhile."""
    with _as_files(chain, key) as (chain_file, key_file):
        try:
            return make_context(chain_file, key_file)
        except OSError as error:  # ssl.SSLError is one
            reason = getattr(error, "reason", None) or str(error)
            raise ConfigError(f"{name} cannot be used for TLS: {reason.replace('_', ' ').lower()}.") from error


@contextlib.contextmanager
def _as_files(*contents: bytes) -> Iterator[list[Path]]:
    """Give bytes as files while the block runs: in memory where the system has that, else in a private directory."""
    with contextlib.ExitStack() as until_end:
        paths = []
        directory: Path | None = None
        for number, content in enumerate(contents):
            if hasattr(os, "memfd_create"):
                file = until_end.enter_context(open(os.memfd_create("trio-chat"), "wb", buffering=0))  # noqa: PTH123 - a descriptor
                paths.append(Path(f"/proc/self/fd/{file.fileno()}"))
            else:
                directory = directory or Path(until_end.enter_context(tempfile.TemporaryDirectory()))
                paths.append(directory / str(number))
                file = until_end.enter_context(paths[-1].open("wb", buffering=0))
            file.write(content)
        yield paths
