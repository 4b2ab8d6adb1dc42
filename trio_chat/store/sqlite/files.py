"""The database's files: what SQLite has beside it, putting a database aside, and what is found without one.

Theory of operation. What stands in a WAL belongs to the database that it was written for, but SQLite takes it into
whichever stands beside it under the right name. So before a restored database is put in another's place, nothing may
be left beside that one, and what is left of one that is gone is never met by a new one. A sound database is first made
one file, then given a second name, and only then replaced, by one rename: a kill at any moment leaves the old one or
the new one in its place, whole. One that is damaged is put aside with all that is beside it; a kill in the middle of
that leaves no database in its place, which :func:`clear_up` refuses, for a server must not begin anew there.

All here is called with the database's lock held.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trio_chat.errors import StoreError
from trio_chat.store.sqlite.faults import code_of, tells_damage
from trio_chat.store.sqlite.schema import connect, make_file

if TYPE_CHECKING:
    from collections.abc import Iterator

RESTORED: Final = ".restored"
"""What the name of a database ends in that is on its way to replace another."""

PARTIAL: Final = ".partial"
"""What the name of a copy ends in that is not whole yet."""

HEADER: Final = b"SQLite format 3\0"
"""How each database file begins: https://sqlite.org/fileformat2.html#database_header."""

_REPLACED: Final = ".replaced"
_WAL: Final = "-wal"
_HOLDING: Final = (_WAL, "-journal")
"""What SQLite has beside a database that holds part of what was stored."""

_BESIDE: Final = (*_HOLDING, "-shm")
"""And what it makes anew from that."""

_PATIENCE: Final = 10.0
"""Seconds to wait for a lock."""


def beside(path: Path, suffix: str = _WAL) -> Path:
    """Where SQLite has this file of a database: beside the file itself, should ``path`` be a link to it."""
    return Path(os.path.realpath(path) + suffix)


def clear_up(path: Path) -> None:
    """Before a database is opened: remove what a restore that was killed left, while the old one is whole.

    Raises ``StoreError`` where the database is gone and what was beside it is not: to begin anew there would end it.
    """
    path = Path(os.path.realpath(path))
    if not path.exists():
        left = [found for found in _around(path) if not found.name.endswith((RESTORED, PARTIAL)) and _holds(found)]
        if left:
            raise StoreError(
                f"{path} is missing, but {left[0]} is there, which belonged to it. Put it back, or bring back a backup "
                "with 'trio-chat admin restore FILE'. To begin with an empty one, move what is left of it elsewhere."
            )
        return
    for found in [*_around(path)]:
        if found.name.endswith((RESTORED, PARTIAL)):
            remove(found)
    twin = _twin(path)
    if twin is not None:
        twin.unlink()


def set_aside(path: Path) -> Path | None:
    """Keep a database under a name of its own, and make its place one where another can be put with one rename.

    Returns where it is kept, and ``None`` where there was nothing. Raises ``StoreError``, ``sqlite3.Error`` and
    ``OSError``; then nothing was changed.
    """
    if not path.exists():
        return _set_rest_aside(path)
    if _make_one_file(path):
        return _twin(path) or _keep(path, _free_name(path))
    kept = _keep(path, _free_name(path))
    for suffix in _HOLDING:
        if beside(path, suffix).exists():
            _keep(beside(path, suffix), kept.with_name(kept.name + suffix))
    path.unlink()
    for suffix in _BESIDE:
        beside(path, suffix).unlink(missing_ok=True)
    sync(path.parent)
    return kept


def rename(source: Path, target: Path) -> None:
    """Rename a file so that after a power cut there is the old one or the new one, whole."""
    sync(source)
    source.replace(target)
    sync(target.parent)


def hand_over(path: Path, like: Path) -> None:
    """Give a file that root made to whose ``like`` is: else root's restore leaves one that the server cannot open."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def remove(path: Path) -> None:
    """Remove a database that is not needed, and what SQLite left beside it; there need not be any."""
    for suffix in ("", *_BESIDE):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def sync(place: Path) -> None:
    """Have a file or directory written to the disk."""
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- steps ------------------------------------------------------------------------------------------


def _make_one_file(path: Path) -> bool:
    """Have SQLite put all that is beside a database into it. Whether it could: not with one that is damaged."""
    with path.open("rb") as opened:
        head = opened.read(len(HEADER))
    if head != HEADER:  # SQLite might remove what is beside it
        return not head and not any(beside(path, suffix).exists() for suffix in _HOLDING)
    try:
        with contextlib.closing(connect(path, write=True, patience=_PATIENCE)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        if tells_damage(error) or code_of(error) == sqlite3.SQLITE_IOERR:
            return False
        raise
    if any(beside(path, suffix).exists() for suffix in _HOLDING):
        raise StoreError(f"Another program uses {path}. Let it finish or stop it, then do this again.")
    beside(path, "-shm").unlink(missing_ok=True)
    return True


def _set_rest_aside(path: Path) -> Path | None:
    """The same for what is left of a database that is gone."""
    kept = _free_name(path)
    first = None
    for suffix in _HOLDING:
        if beside(path, suffix).exists():
            target = kept.with_name(kept.name + suffix)
            beside(path, suffix).replace(target)
            first = first or target
    beside(path, "-shm").unlink(missing_ok=True)
    return first


def _keep(path: Path, kept: Path) -> Path:
    """Give a file a second name; where a file can have only one, make a copy."""
    try:
        os.link(path, kept)
    except OSError:
        part = kept.with_name(kept.name + PARTIAL)
        try:
            make_file(part)
            shutil.copyfile(path, part)
            rename(part, kept)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    else:
        sync(kept.parent)
    return kept


def _free_name(path: Path) -> Path:
    """A name for what is put aside that nothing has yet."""
    kept, number = path.with_name(path.name + _REPLACED), 1
    while any(kept.with_name(kept.name + suffix).exists() for suffix in ("", *_BESIDE)):
        number += 1
        kept = path.with_name(f"{path.name}{_REPLACED}-{number}")
    return kept


def _holds(found: Path) -> bool:
    """Whether anything is in a file: SQLite leaves empty ones behind."""
    return found.stat().st_size > 0


def _twin(path: Path) -> Path | None:
    """The second name that a restore which was killed gave a database."""
    if path.stat().st_nlink > 1:
        for found in _around(path):
            if found.name.startswith(path.name + _REPLACED) and found.samefile(path):
                return found
    return None


def _around(path: Path) -> Iterator[Path]:
    """What there is of a database beside itself: what SQLite keeps there, and what restores put aside or left."""
    names = tuple(path.name + each for each in (*_HOLDING, _REPLACED, RESTORED))
    yield from (found for found in sorted(path.parent.iterdir()) if found.name.startswith(names))
