"""Errors of SQLite and the file system, translated into sentences for the person who runs the server."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trio_chat.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIMARY: Final = 0xFF
"""Mask for the part of an error code that tells the kind of failure: https://sqlite.org/rescode.html#extrc."""

_DAMAGED: Final = (
    "{path} is damaged ({why}). Stop the server, run 'trio-chat admin check', and restore a backup with "
    "'trio-chat admin restore FILE'."
)

_SENTENCES: Final[dict[int, str]] = {
    sqlite3.SQLITE_FULL: "The disk that holds {path} is full. Free some space: the server then continues by itself.",
    sqlite3.SQLITE_IOERR: "{path} could not be read or written ({why}). Is its disk full, over its quota, or failing?",
    sqlite3.SQLITE_BUSY: "Another program keeps {path} locked. Let it finish or stop it: the server then continues.",
    sqlite3.SQLITE_LOCKED: "Another program keeps {path} locked. Let it finish or stop it: the server then continues.",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FORMAT: _DAMAGED,
    sqlite3.SQLITE_READONLY: "{path} is read-only. Let the server's user write the file and its directory.",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened. Does it exist, and can the server's user read and write it "
    "and its directory?",
    sqlite3.SQLITE_PERM: "The server's user may not open {path}. Change the file's owner or its mode.",
    sqlite3.SQLITE_NOMEM: "There was not enough memory to read or write {path}.",
    sqlite3.SQLITE_CONSTRAINT: "Records for {path} contradict the records that are stored there ({why}).",
}

_OTHER: Final = "{path} could not be used ({why})."

_RUINED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_PASSING: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT}
)
"""Failures after which the connection can still be used."""


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the error that describes the failure for ``path``. Raise it from ``error``."""
    sentence = _SENTENCES.get(code_of(error), _OTHER)
    return StoreError(sentence.format(path=path, why=error))


def damaged(path: Path, why: str) -> StoreError:
    """Return the ``StoreError`` for a database that was found to be damaged."""
    return StoreError(_DAMAGED.format(path=path, why=" ".join(why.split())))


def explain_system(error: OSError, path: Path) -> StoreError:
    """Return the error that describes a failure of the file system."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreError(f"The disk that holds {path} is full. Free some space, then try again.")
    return StoreError(f"{path} cannot be used: {error.strerror or error}. Look at its owner, its mode and its disk.")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate errors of SQLite and the file system into ``StoreError``, about ``path`` or the file that they name."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except OSError as error:
        raise explain_system(error, path if error.filename is None else Path(error.filename)) from error


def code_of(error: sqlite3.Error) -> int:
    """Return the primary result code, or 0 if the error does not come from SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def spoils_connection(error: BaseException) -> bool:
    """Return whether a connection should be replaced after this failure."""
    return isinstance(error, sqlite3.Error) and code_of(error) not in _PASSING


def tells_damage(error: BaseException) -> bool:
    """Return whether the failure means that the database is damaged and its data cannot be trusted."""
    return isinstance(error, sqlite3.Error) and code_of(error) in _RUINED
