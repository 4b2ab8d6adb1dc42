"""The database's files: the files that SQLite keeps beside it, setting a database aside, and leftovers without one.

Theory of operation. A WAL belongs to the database that it was written for, but SQLite applies it to any database that
has the matching name. So no WAL of the old database may be left when a restored database takes its place, and a new
database must never meet the WAL of one that is gone. A sound database is first merged into one file, then gets a
second name, and is only then replaced by one rename: a kill at any moment leaves the old or the new database in place,
whole. A damaged database is set aside together with the files beside it. A kill in the middle of that leaves no
database in place; :func:`clean_up` refuses this state, because a server must not begin with an empty database there.

All functions are called with the database's lock held.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trio_chat.errors import StoreError
from trio_chat.portable_files import write_through
from trio_chat.store.sqlite.faults import code_of, tells_damage
from trio_chat.store.sqlite.private_files import create_private
from trio_chat.store.sqlite.schema import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

RESTORED: Final = ".restored"
"""Suffix of a restored database that has not replaced the old one yet."""

PARTIAL: Final = ".partial"
"""Suffix of a copy that is not complete yet."""

HEADER: Final = b"SQLite format 3\0"
"""The first bytes of every database file: https://sqlite.org/fileformat2.html#database_header."""

_REPLACED: Final = ".replaced"
_WAL: Final = "-wal"
_DATA_SUFFIXES: Final = (_WAL, "-journal")
"""Suffixes of the files beside a database that contain part of the stored data."""

_ALL_SUFFIXES: Final = (*_DATA_SUFFIXES, "-shm")
"""Those, and the suffix of the file that SQLite makes anew from them."""

_PATIENCE: Final = 10.0
"""Seconds to wait for a lock."""


def companion(path: Path, suffix: str = _WAL) -> Path:
    """Return the path of a file that SQLite keeps beside a database: beside the file itself if ``path`` is a link."""
    return Path(os.path.realpath(path) + suffix)


def clean_up(path: Path) -> None:
    """Remove the leftovers of a restore that was killed, before the database is opened.

    Raises ``StoreError`` if the database is gone but files that belong to it are left: a new database would destroy
    their data.
    """
    path = Path(os.path.realpath(path))
    if not path.exists():
        left = [
            found
            for found in _files_beside(path)
            if not found.name.endswith((RESTORED, PARTIAL)) and _has_content(found)
        ]
        if left:
            raise StoreError(
                f"{path} is missing, but {left[0]}, which belongs to it, is still there. Put the database back, or "
                "restore a backup with 'trio-chat admin restore FILE'. To begin with an empty database, move the old "
                "files elsewhere."
            )
        return
    for found in [*_files_beside(path)]:
        if found.name.endswith((RESTORED, PARTIAL)):
            remove(found)
    twin = _second_name(path)
    if twin is not None:
        twin.unlink()


def set_aside(path: Path) -> Path | None:
    """Keep a database under another name, so that a new one can take its place with one rename.

    Returns the path under which it is kept, or ``None`` if there was no database. Raises ``StoreError``,
    ``sqlite3.Error`` and ``OSError``; then nothing was changed.
    """
    if not path.exists():
        return _set_leftovers_aside(path)
    if _make_one_file(path):
        return _second_name(path) or _link_or_copy(path, _free_name(path))
    kept = _link_or_copy(path, _free_name(path))
    for suffix in _DATA_SUFFIXES:
        if companion(path, suffix).exists():
            _link_or_copy(companion(path, suffix), kept.with_name(kept.name + suffix))
    path.unlink()
    for suffix in _ALL_SUFFIXES:
        companion(path, suffix).unlink(missing_ok=True)
    sync(path.parent)
    return kept


def rename(source: Path, target: Path) -> None:
    """Rename a file so that after a power cut either the old or the new file is there, whole."""
    sync(source)
    source.replace(target)
    sync(target.parent)


def remove(path: Path) -> None:
    """Remove a database and the files that SQLite left beside it, if there are any."""
    for suffix in ("", *_ALL_SUFFIXES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def sync(place: Path) -> None:
    """Flush a file or directory to the disk."""
    handle = os.open(place, os.O_RDONLY)
    try:
        write_through(handle)
    finally:
        os.close(handle)


# ---- steps ------------------------------------------------------------------------------------------


def _make_one_file(path: Path) -> bool:
    """Have SQLite merge the files beside a database into it. Returns whether that worked: not if it is damaged."""
    with path.open("rb") as opened:
        head = opened.read(len(HEADER))
    if head != HEADER:  # SQLite might remove the files beside it
        return not head and not any(companion(path, suffix).exists() for suffix in _DATA_SUFFIXES)
    try:
        with contextlib.closing(connect(path, write=True, patience=_PATIENCE)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        if tells_damage(error) or code_of(error) == sqlite3.SQLITE_IOERR:
            return False
        raise
    if any(companion(path, suffix).exists() for suffix in _DATA_SUFFIXES):
        raise StoreError(f"Another program uses {path}. Let it finish or stop it, then do this again.")
    companion(path, "-shm").unlink(missing_ok=True)
    return True


def _set_leftovers_aside(path: Path) -> Path | None:
    """Set aside the files that are left of a database that is gone."""
    kept = _free_name(path)
    first = None
    for suffix in _DATA_SUFFIXES:
        if companion(path, suffix).exists():
            target = kept.with_name(kept.name + suffix)
            companion(path, suffix).replace(target)
            first = first or target
    companion(path, "-shm").unlink(missing_ok=True)
    return first


def _link_or_copy(path: Path, kept: Path) -> Path:
    """Give a file a second name. On file systems without hard links, make a copy."""
    try:
        os.link(path, kept)
    except OSError:
        part = kept.with_name(kept.name + PARTIAL)
        try:
            with path.open("rb") as source, os.fdopen(create_private(part), "wb") as copy:
                shutil.copyfileobj(source, copy)
            rename(part, kept)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    else:
        sync(kept.parent)
    return kept


def _free_name(path: Path) -> Path:
    """Return a name for the old database that is not in use yet."""
    kept, number = path.with_name(path.name + _REPLACED), 1
    while any(kept.with_name(kept.name + suffix).exists() for suffix in ("", *_ALL_SUFFIXES)):
        number += 1
        kept = path.with_name(f"{path.name}{_REPLACED}-{number}")
    return kept


def _has_content(found: Path) -> bool:
    """Return whether a file has any content. SQLite leaves empty files behind."""
    return found.stat().st_size > 0


def _second_name(path: Path) -> Path | None:
    """Return the second name that a killed restore gave the database, if there is one."""
    if path.stat().st_nlink > 1:
        for found in _files_beside(path):
            if found.name.startswith(path.name + _REPLACED) and found.samefile(path):
                return found
    return None


def _files_beside(path: Path) -> Iterator[Path]:
    """Yield the files beside a database: files of SQLite, and files that restores set aside or left."""
    names = tuple(path.name + each for each in (*_DATA_SUFFIXES, _REPLACED, RESTORED))
    yield from (found for found in sorted(path.parent.iterdir()) if found.name.startswith(names))
