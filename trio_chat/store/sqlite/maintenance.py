"""Maintenance of a database from outside a server: backup, restore, export, the audit log. Not async.

All functions except :func:`restore` and :func:`renew_identity` work while a server runs: they see the state that was
committed when they began, and block nobody. All raise ``StoreError``.
:func:`~trio_chat.store.sqlite.integrity.check` and
:func:`~trio_chat.store.sqlite.identity_file.read_fingerprint` are exported here too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import asdict

from trio_chat.errors import StoreError
from trio_chat.protocol.text import escape_json
from trio_chat.store.sqlite import file_table, queries, schema
from trio_chat.store.sqlite.faults import code_of, damaged, explain_system, translated
from trio_chat.store.sqlite.files import HEADER, PARTIAL, RESTORED, remove, rename, set_aside
from trio_chat.store.sqlite.identity_file import (
    key_fault,
    place_of_key,
    put_into_backup,
    read_fingerprint,
    read_key,
    renew_key,
    take_from_backup,
)
from trio_chat.store.sqlite.integrity import check
from trio_chat.store.sqlite.line_accounts import is_complete
from trio_chat.store.sqlite.lock import is_held, locked
from trio_chat.store.sqlite.private_files import give_to_owner, open_private
from trio_chat.store.sqlite.schema import (
    APPLICATION,
    DATABASE,
    connect,
    identify,
    make_directory,
    make_file,
    meta,
    refuse_other_form,
    renew_epoch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio_chat.protocol.fingerprint import Fingerprint
    from trio_chat.records import AuditNote

__all__ = ["backup", "check", "export_json", "read_fingerprint", "read_notes", "renew_identity", "restore"]

_PAGES: Final = 1024
"""Pages copied between two calls of a progress callback: 4 MiB."""

_PATIENCE: Final = 10.0
"""Seconds to wait for a lock."""

_EXPORT: Final = b'{"type":"export"'
"""The first bytes of every export."""

_APPLICATION_AT: Final = 68
"""The offset of the ``application_id`` in a database file: https://sqlite.org/fileformat2.html#database_header."""


def backup(source: Path, target: Path, progress: Callable[[int, int], None] | None = None) -> str | None:
    """Copy the database at ``source`` and the server's key into one file, from which :func:`restore` restores both.

    An earlier backup at ``target`` is replaced when the new one is complete. Any other file is refused and left
    alone, and so is a server's own database, or its name. Only the owner can read the copy. ``progress`` is called
    with the number of pages copied and the number of all pages.

    If the key is missing or damaged, the backup is made without it, and the sentence about that is returned. It does
    not replace an earlier one, which may have the key.
    """
    if target.exists():
        refuse_no_backup(target)
    if target.exists() and target.samefile(source):
        raise StoreError(f"{target} is the database itself. Name another file for the backup.")
    with translated(target):
        refuse_in_use(target)
    with translated(source), _open(source) as connection, _one_state(connection):
        fault = key_fault(place_of_key(source), connection)
        key = read_key(place_of_key(source)) if fault is None else None
        if fault is not None and target.exists():
            raise StoreError(f"{fault} {target} stays as it is, because it may have the key. Name another file.")
        _copy(connection, source, target, progress, key=key)
    return fault


def restore(file: Path, data: Path) -> Path | None:
    """Make the backup ``file`` the database in the data directory ``data``, while no server runs there.

    Its history gets a new epoch, so that clients do not continue from their place in the old history. Returns the
    path under which the old database is kept, or ``None`` if there was none. A kill at any moment leaves either the
    old or the restored database in place. Databases that were set aside before are never replaced.

    The server gets the key that the backup has, which may be another one than before; that is kept beside it. A backup
    of a server that had none leaves a key as it is.
    """
    path = data / DATABASE
    with translated(file):
        _refuse_other(file)
    make_directory(path)
    with locked(path), translated(file), _open(file) as connection:
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            why = " ".join(problem.split())
            raise StoreError(f"{file} is damaged ({why}). Nothing was changed; try an older backup.")
        refuse_other_form(connection, file)
        place = Path(os.path.realpath(path))  # if it is a link, the database stays at the link's target
        fresh = place.with_name(place.name + RESTORED)
        try:
            _copy(connection, file, fresh, None, new_history=True)
            with translated(path):
                _give_to_owner(fresh, place if place.exists() else place.parent)
                kept = set_aside(place)
                rename(fresh, place)
            take_from_backup(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        return kept


def renew_identity(path: Path) -> tuple[Fingerprint, Path | None]:
    """Give the server with the database at ``path`` a new key, while it does not run. Returns the fingerprint, and the
    path under which the old key is kept, if there was one."""
    with locked(path):
        return renew_key(path)


def export_json(path: Path, out: IO[bytes]) -> int:
    """Write the content of the database as JSON, one object on each line. Returns the number of lines.

    Each object has a ``type``: first ``export``, then ``account`` (without password and devices), ``room``,
    ``member``, ``file`` (of a message; without its bytes), and ``event``, in the order in which the events were stored.
    Deleted texts are not included.
    """
    with translated(path), _open(path) as connection, _one_state(connection):
        refuse_other_form(connection, path)
        if identify(connection, path) < len(schema.MIGRATIONS) or not is_complete(connection):
            raise StoreError(f"{path} was last used by an earlier trio-chat. Start the server on it once, then export.")
        lines = 0
        for lines, exported in enumerate(_exported(connection), 1):  # noqa: B007 - the count is the result
            out.write(escape_json(msgspec.json.encode(exported).decode()).encode() + b"\n")
        return lines


def read_notes(path: Path, limit: int) -> list[AuditNote]:
    """The last ``limit`` lines of the audit log, oldest first."""
    with translated(path), _open(path) as connection:
        return [line.note for line in reversed(queries.notes(connection, limit, None))]


def _exported(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    yield {"type": "export", "epoch": meta(connection, "epoch")}
    snapshot = queries.snapshot(connection)
    for account in snapshot.accounts:
        fields = asdict(account)
        yield {"type": "account", **{key: fields[key] for key in ("id", "name", "created", "seen", "admin")}}
    for state in snapshot.rooms:
        yield {"type": "room", **asdict(state.room), "first": state.first, "last": state.last}
    for member in snapshot.members:
        if member.role:  # a former member has no role, and is kept only to be muted again
            yield {"type": "member", **asdict(member)}
    for file in file_table.carried(connection):
        yield {"type": "file", **asdict(file)}
    rows = connection.execute(
        """SELECT room, seq, time, sender, kind, target, event FROM events WHERE room IN (SELECT id FROM rooms)
        ORDER BY id"""
    )
    for room, seq, time, sender, kind, target, event in rows:
        place = {"room": room, "seq": seq, "time": time, "sender": sender, "kind": kind, "target": target}
        yield {"type": "event", **place, "event": msgspec.Raw(event)}


# ---- steps ------------------------------------------------------------------------------------------


def _copy(
    connection: sqlite3.Connection,
    source: Path,
    target: Path,
    progress: Callable[[int, int], None] | None,
    *,
    new_history: bool = False,
    key: bytes | None = None,
) -> None:
    """Copy a database into ``target``, and ``key`` with it: completely and durably, or not at all."""
    part = target.with_name(target.name + PARTIAL)
    remove(part)  # SQLite would apply files that a kill left to this copy
    make_file(part)
    try:
        with contextlib.closing(connect(part, write=True, patience=_PATIENCE)) as copy:

            def report(_status: int, remaining: int, total: int) -> None:
                if progress is not None:
                    progress(total - remaining, total)

            try:
                connection.backup(copy, pages=_PAGES, progress=report)
            except sqlite3.OperationalError as error:
                if code_of(error) != sqlite3.SQLITE_FULL:
                    raise
                # The disk of the target is full, not that of the source.
                raise explain_system(OSError(errno.ENOSPC, ""), target) from error
            _check_whole(copy, source)  # a damaged copy must not replace a good backup
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a WAL beside it
            if new_history:
                renew_epoch(copy)
            if key is not None:
                put_into_backup(copy, key)
        rename(part, target)
    except BaseException:
        remove(part)
        raise


def _give_to_owner(file: Path, like: Path) -> None:
    """Give a file that root made to the owner of ``like``, so that the server can open it."""
    descriptor = open_private(file, os.O_RDONLY)
    try:
        give_to_owner(descriptor, like)
    finally:
        os.close(descriptor)


def _check_whole(copy: sqlite3.Connection, source: Path) -> None:
    problem = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(source, problem)


def refuse_in_use(target: Path) -> None:
    """Raise ``StoreError`` if a server has its database at ``target``, or had it there when it was killed."""
    if target.name == DATABASE:
        raise StoreError(f"{target} is the name of a server's own database. Give the backup another name.")
    if is_held(target):
        raise StoreError(f"{target} is the database of a server that runs. Name another file for the backup.")
    beside = [target.with_name(target.name + suffix) for suffix in ("-wal", "-journal")]
    left = next((file for file in beside if file.exists()), None)
    if left is not None:
        raise StoreError(f"{left} exists, and SQLite would apply it to the backup. Name another file.")


def refuse_no_backup(target: Path) -> None:
    """Raise ``StoreError`` if an existing file is not a backup of ours."""
    if not (target.is_file() and _is_ours(target)):  # opening a pipe would wait for its other end
        raise StoreError(f"{target} exists and is not a backup. Name a file that does not exist yet.")


def _refuse_other(file: Path) -> None:
    """Raise ``StoreError`` if the file is not a database. Databases of other programs are recognized later."""
    if not file.is_file():
        if file.exists():
            raise StoreError(f"{file} is not a file. Give a backup, which trio-chat admin backup makes.")
        return
    with file.open("rb") as opened:
        head = opened.read(max(len(HEADER), len(_EXPORT)))
    if head and not head.startswith(HEADER):
        kind = "an export, which cannot be restored" if head.startswith(_EXPORT) else "not a backup"
        raise StoreError(f"{file} is {kind}. Give a backup, which trio-chat admin backup makes.")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_APPLICATION_AT + 4)
    return head[_APPLICATION_AT:] == APPLICATION.to_bytes(4, "big")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a connection to a database of ours. It is writable: only such a connection can recover from a crash."""
    if not path.is_file():
        raise StoreError(f"{path} does not exist.")
    with contextlib.closing(connect(path, write=True, patience=_PATIENCE)) as connection:
        if identify(connection, path) == 0:
            raise StoreError(f"{path} is empty: nothing has been stored in it yet.")
        yield connection


@contextlib.contextmanager
def _one_state(connection: sqlite3.Connection) -> Iterator[None]:
    """Let the connection see one state of the database during the block, although others may write."""
    connection.execute("BEGIN")
    connection.execute("SELECT 1 FROM meta").fetchone()  # the state is that of the first read
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
