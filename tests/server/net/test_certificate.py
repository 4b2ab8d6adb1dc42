"""Certificates and keys that cannot be used are refused with a sentence that names the file."""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.certificates import Made, key_pem, make_certificate, make_ec_key
from trio_chat.errors import ConfigError
from trio_chat.server.net.certificate import read_certificate, show_certificate


def fault(cert: Path, key: Path) -> str:
    """Why a pair of files cannot be used."""
    with pytest.raises(ConfigError) as error:
        read_certificate(cert, key)
    return str(error.value)


def test_a_certificate_is_read_with_its_chain_and_the_end_of_its_validity(tmp_path: Path) -> None:
    authority = make_certificate("authority", is_authority=True)
    shown = read_certificate(*make_certificate(issuer=authority, days=20).write(tmp_path, issuers=[authority]))
    left = shown.expires - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=19) < left < dt.timedelta(days=21)
    assert not shown.slow
    assert shown.warnings == ()
    assert shown.context.cert_store_stats()["x509"] == 0  # nobody is asked for a certificate


def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    cert, key = make_certificate().write(tmp_path)
    key.chmod(0o644)
    assert read_certificate(cert, key).warnings == (f"Other users can read the key {key}; chmod 600 it.",)


def test_files_that_are_missing_or_no_pem_are_named(tmp_path: Path) -> None:
    cert, key = make_certificate().write(tmp_path)
    nothing, empty = tmp_path / "nothing.pem", tmp_path / "empty.pem"
    empty.write_bytes(b"")
    assert fault(nothing, key) == f"The certificate {nothing} cannot be read: No such file or directory."
    assert fault(cert, nothing) == f"The key {nothing} cannot be read: No such file or directory."
    assert fault(cert, tmp_path) == f"The key {tmp_path} cannot be read: Is a directory."
    assert fault(empty, key).startswith(f"{empty} has no certificate in PEM")
    assert fault(key, key).startswith(f"{key} has no certificate in PEM")
    assert fault(cert, cert).startswith(f"{cert} has no private key in PEM")


def test_the_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    cert, _ = make_certificate().write(tmp_path)
    other = tmp_path / "other.pem"
    other.write_bytes(key_pem(make_ec_key()))
    assert fault(cert, other).startswith(f"{other} is not the key of the first certificate in {cert}. Give the key")


def test_a_chain_in_the_wrong_order_is_told_apart(tmp_path: Path) -> None:
    authority = make_certificate("authority", is_authority=True)
    own = make_certificate(issuer=authority)
    cert, key = Made(authority.certificate, own.key).write(tmp_path, issuers=[own])
    assert "put the server's own certificate first" in fault(cert, key)


def test_an_encrypted_key_is_refused_with_the_command_that_decrypts_it(tmp_path: Path) -> None:
    made = make_certificate()
    cert, key = made.write(tmp_path)
    key.write_bytes(key_pem(made.key, "a passphrase"))
    assert "is encrypted" in fault(cert, key)
    assert re.search(r"openssl pkey -in KEY -out NEW", fault(cert, key))


def test_a_key_too_weak_for_tls_is_refused(tmp_path: Path) -> None:
    weak = make_certificate(key=rsa.generate_private_key(65537, 1024))
    cert, key = weak.write(tmp_path)
    assert fault(cert, key) == f"{cert} cannot be used for TLS: ee key too small."


@pytest.mark.parametrize(
    ("key", "slow"),
    [
        (make_ec_key(), False),
        (ec.generate_private_key(ec.SECP384R1()), True),
        (rsa.generate_private_key(65537, 2048), False),
        (rsa.generate_private_key(65537, 3072), True),
    ],
    ids=["P-256", "P-384", "RSA 2048", "RSA 3072"],
)
def test_keys_that_take_milliseconds_are_known(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, slow: bool) -> None:  # noqa: FBT001
    made = make_certificate(key=key)
    assert show_certificate(made.pem, made.key_pem).slow is slow


def test_where_there_are_no_files_in_memory_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = make_certificate()
    show_certificate(made.pem, made.key_pem)
    assert list(tmp_path.iterdir()) == []
