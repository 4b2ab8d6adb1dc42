"""The file with the server's private key, beside the database, and what the database knows about it.

Theory of operation. The key *is* the server: with another one, every device refuses the server. So the database notes
the fingerprint of the key (``identity`` in ``meta``), and a key that is missing, damaged or another one ends the start
with a sentence; only a data directory that never had a key gets a new one. A backup carries the key in its own ``meta``
(``identity_key``). A restore first puts the database with that row in place, then the key's file, and then deletes the
row: :func:`open_key` finishes what a kill interrupted, also for a backup that somebody put in place by hand.

All functions that write are called with the database's lock held.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trio_chat.errors import StoreError
from trio_chat.portable_files import write_folder_through, write_through
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.store.sqlite.faults import explain_system, translated
from trio_chat.store.sqlite.private_files import create_private, give_to_owner, open_private
from trio_chat.store.sqlite.schema import connect, identify

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

IDENTITY_FILE: Final = "identity.pem"
"""The name of the key's file in a data directory."""

_PARTIAL: Final = ".partial"
_REPLACED: Final = ".replaced"

_LARGEST: Final = 65536
"""Bytes of a key's file that are read; a key has some 240."""

_PATIENCE: Final = 10.0
"""Seconds to wait for a lock."""

_RENEW: Final = (
    "To begin with a new identity, which every device has to accept, run 'trio-chat admin identity --renew'."
)
_RESTORE: Final = "Put the file back, or restore a backup with 'trio-chat admin restore FILE'."


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A server's key as PEM (PKCS #8), and whether it was made just now. The key stays out of ``repr``."""

    pem: bytes = field(repr=False)
    is_new: bool


def place_of_key(database: Path) -> Path:
    """Return the path of the key that belongs to a database."""
    return database.with_name(IDENTITY_FILE)


def open_key(database: Path) -> OpenedKey:
    """Return the key of the server with this database, which is open. A server without a key gets one.

    Raises ``StoreError`` when the key is missing, damaged, another one than before, or not this user's to use.
    """
    place = place_of_key(database)
    with translated(database), contextlib.closing(connect(database, write=True, patience=_PATIENCE)) as connection:
        _finish_restore(connection, place)
        known = known_fingerprint(connection)
        pem = read_key(place)
        if pem is None and known is not None:
            raise StoreError(_missing(place, known))
        key = OpenedKey(make_key() if pem is None else pem, pem is None)
        fingerprint = fingerprint_of(key.pem, place)
        if known is not None and known != fingerprint:
            raise StoreError(_another(place, known, fingerprint))
        if pem is None:
            _write_key(place, key.pem)
        if known is None:
            _note(connection, fingerprint)
    _close_to_others(place)
    return key


def renew_key(database: Path) -> tuple[Fingerprint, Path | None]:
    """Give a server a new key, while it does not run. Return its fingerprint, and where the old key is kept, if any.

    The file of the old key may be damaged. Raises ``StoreError``.
    """
    place, pem = place_of_key(database), make_key()
    fingerprint = fingerprint_of(pem, place)
    with translated(database), contextlib.closing(connect(database, write=True, patience=_PATIENCE)) as connection:
        identify(connection, database)
        _finish_restore(connection, place)
        kept = _set_aside(place)
        _forget(connection)  # a kill from here on leaves a server that takes the key that it finds, or makes one
        _write_key(place, pem)
        _note(connection, fingerprint)
    return fingerprint, kept


def read_fingerprint(database: Path) -> Fingerprint:
    """Return the fingerprint of a server's key, while the server is running or not. Changes nothing.

    Raises ``StoreError`` if the key is missing, damaged or another one than the server's, or was not made yet.
    """
    place = place_of_key(database)
    with translated(database), contextlib.closing(connect(database, write=True, patience=_PATIENCE)) as connection:
        identify(connection, database)
        fault = key_fault(place, connection)
        pem = _key_in(connection) or read_key(place) if fault is None else None
    if pem is None:
        raise StoreError(fault or f"There is no {place} yet. The server makes it when it starts.")
    return fingerprint_of(pem, place)


def key_fault(place: Path, connection: sqlite3.Connection) -> str | None:
    """Return a sentence that says what is wrong with the key of a database, and what to do; ``None`` if it is sound or
    the server has none yet. Changes nothing."""
    known = known_fingerprint(connection)
    try:
        pem = read_key(place)
        if pem is None:
            return None if known is None or _key_in(connection) is not None else _missing(place, known)
        fingerprint = fingerprint_of(pem, place)
    except StoreError as error:
        return str(error)
    if known is None or known == fingerprint or _key_in(connection) is not None:
        return None
    return _another(place, known, fingerprint)


def put_into_backup(connection: sqlite3.Connection, pem: bytes) -> None:
    """Put a key into a copy of the database. Raises ``sqlite3.Error``."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('identity_key', ?)", (pem.decode("ascii"),))


def take_from_backup(database: Path) -> None:
    """Put the key that came with a restored database, if any, into its file.

    Another key that was there is kept under another name. Raises ``StoreError``.
    """
    with translated(database), contextlib.closing(connect(database, write=True, patience=_PATIENCE)) as connection:
        _finish_restore(connection, place_of_key(database))


# ---- the key ----------------------------------------------------------------------------------------


def make_key() -> bytes:
    """Make a private key (EC, P-256), as PEM (PKCS #8)."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - it takes 60 ms, which help need not
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def parse_key(pem: bytes, place: Path) -> EllipticCurvePrivateKey:
    """Read a private key. ``place`` is where it was found, for the sentence.

    Raises ``StoreError`` if it is no key (EC, P-256) without a password.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - it takes 60 ms, which help need not
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

    why = "it has no private key as PEM (PKCS #8)"
    try:
        key = load_pem_private_key(pem, None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            return key
        why = "its key is of another kind than EC, P-256"
    except TypeError:
        why = "its key has a password, which nobody could give at the start"
    except (ValueError, UnsupportedAlgorithm):
        pass
    # without the cause: a parser's message might quote what it read
    raise StoreError(f"{place} is not the server's key: {why}. {_RESTORE} {_RENEW}")


def public_bytes(key: EllipticCurvePrivateKey) -> bytes:
    """Return the public key as SubjectPublicKeyInfo in DER."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - it takes 60 ms, which help need not

    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def fingerprint_of(pem: bytes, place: Path) -> Fingerprint:
    """Return the fingerprint of a private key. Raises as :func:`parse_key`."""
    return Fingerprint.of_key(public_bytes(parse_key(pem, place)))


# ---- its file ---------------------------------------------------------------------------------------


def read_key(place: Path) -> bytes | None:
    """Return the content of the key's file, or ``None`` if there is none.

    Raises ``StoreError`` if it is a link, belongs to a stranger, or cannot be read by this user.
    """
    try:
        descriptor = open_private(place, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain_system(error, place) from error
    with os.fdopen(descriptor, "rb") as opened:
        owner = os.fstat(opened.fileno()).st_uid
        if owner not in {0, os.geteuid(), place.parent.stat().st_uid}:
            raise StoreError(
                f"{place} belongs to another user (number {owner}), who could replace the key. Give it to the server's "
                f"user, if you know where it comes from. {_RESTORE}"
            )
        return opened.read(_LARGEST)


def _write_key(place: Path, pem: bytes) -> None:
    """Write the key's file durably: completely, or not at all. Raises ``OSError``."""
    part = place.with_name(place.name + _PARTIAL)
    part.unlink(missing_ok=True)  # a kill may have left it
    with os.fdopen(create_private(part), "wb") as file:
        file.write(pem)
        file.flush()
        give_to_owner(file.fileno(), place.parent)
        write_through(file.fileno())
    part.replace(place)
    write_folder_through(place.parent)


def _set_aside(place: Path) -> Path | None:
    """Keep the key's file under a name that is free; return that, or ``None`` if there is no file."""
    if not os.path.lexists(place):
        return None
    kept, number = place.with_name(place.name + _REPLACED), 1
    while os.path.lexists(kept):
        number += 1
        kept = place.with_name(f"{place.name}{_REPLACED}-{number}")
    place.rename(kept)
    write_folder_through(place.parent)
    return kept


def _close_to_others(place: Path) -> None:
    """Take the rights of others to the key's file away, as far as the file system has rights."""
    with contextlib.suppress(OSError, StoreError):
        descriptor = open_private(place, os.O_RDONLY)
        try:
            if os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


# ---- what the database knows ------------------------------------------------------------------------


def known_fingerprint(connection: sqlite3.Connection) -> Fingerprint | None:
    """Return the fingerprint of the key that the server with this database had at its last start; ``None`` if it had
    none. Raises ``StoreError`` and ``sqlite3.Error``."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    if row is None:
        return None
    try:
        return Fingerprint.parse(str(row[0]))
    except ValueError as error:
        raise StoreError("The database's note of the server's identity is damaged. Restore a backup.") from error


def _note(connection: sqlite3.Connection, fingerprint: Fingerprint) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('identity', ?)", (fingerprint.text,))


def _forget(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM meta WHERE key = 'identity'")


def _key_in(connection: sqlite3.Connection) -> bytes | None:
    """Return the key that came with a backup and is not in its file yet."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'identity_key'").fetchone()
    return None if row is None else str(row[0]).encode()


def _finish_restore(connection: sqlite3.Connection, place: Path) -> None:
    """Put the key that came with a backup into its file, and take it out of the database."""
    pem = _key_in(connection)
    if pem is None:
        return
    fingerprint = fingerprint_of(pem, place)
    if _readable_key(place) != pem:
        _set_aside(place)
        _write_key(place, pem)
    _note(connection, fingerprint)
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("DELETE FROM meta WHERE key = 'identity_key'")


def _readable_key(place: Path) -> bytes | None:
    try:
        return read_key(place)
    except StoreError:
        return None


def _missing(place: Path, known: Fingerprint) -> str:
    return f"{place}, which has the server's key ({known.words}), is missing. {_RESTORE} {_RENEW}"


def _another(place: Path, known: Fingerprint, found: Fingerprint) -> str:
    return f"{place} has another key ({found.words}) than the one of this server ({known.words}). {_RESTORE} {_RENEW}"
