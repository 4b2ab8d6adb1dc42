"""What SQLite and the file system say, as sentences for whoever runs the server."""

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
"""The part of an error code that tells the kind of failure: https://sqlite.org/rescode.html#extrc."""

_DAMAGED: Final = (
    "{path} is damaged ({why}). Stop the server, look with 'trio-chat admin check', and bring back a backup with "
    "'trio-chat admin restore FILE'."
)

_SENTENCES: Final[dict[int, str]] = {
    sqlite3.SQLITE_FULL: "The disk that holds {path} is full. Make room on it: the server then goes on by itself.",
    sqlite3.SQLITE_IOERR: "{path} could not be read or written ({why}). Is its disk full, over its quota, or failing?",
    sqlite3.SQLITE_BUSY: "Another program keeps {path} locked. Let it finish or stop it: the server then goes on.",
    sqlite3.SQLITE_LOCKED: "Another program keeps {path} locked. Let it finish or stop it: the server then goes on.",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FORMAT: _DAMAGED,
    sqlite3.SQLITE_READONLY: "{path} can only be read. Give the server's user the right to write it and its directory.",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened. Does it exist, and may the server's user read and write it "
    "and its directory?",
    sqlite3.SQLITE_PERM: "The server's user may not open {path}. Change the file's owner or its mode.",
    sqlite3.SQLITE_NOMEM: "There was not enough memory to read or write {path}.",
    sqlite3.SQLITE_CONSTRAINT: "What was to be stored in {path} contradicts what is stored there ({why}).",
}

_OTHER: Final = "{path} could not be used ({why})."

_RUINED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_PASSING: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT}
)
"""Failures that leave a connection as good as it was."""


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The error that says what happened to ``path``; raise it from ``error``."""
    sentence = _SENTENCES.get(code_of(error), _OTHER)
    return StoreError(sentence.format(path=path, why=error))


def damaged(path: Path, why: str) -> StoreError:
    """The ``StoreError`` for a database in which something was found to be wrong."""
    return StoreError(_DAMAGED.format(path=path, why=" ".join(why.split())))


def explain_system(error: OSError, path: Path) -> StoreError:
    """The same for what the file system refused."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreError(f"The disk that holds {path} is full. Make room on it, then try again.")
    return StoreError(f"{path} cannot be used: {error.strerror or error}. Look at its owner, its mode and its disk.")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what SQLite and the file system say meanwhile as what it means for ``path``, or for the file named."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except OSError as error:
        raise explain_system(error, path if error.filename is None else Path(error.filename)) from error


def code_of(error: sqlite3.Error) -> int:
    """The primary result code, 0 where the error is not SQLite's own."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def spoils_connection(error: BaseException) -> bool:
    """Whether a connection that failed so is better opened anew."""
    return isinstance(error, sqlite3.Error) and code_of(error) not in _PASSING


def tells_damage(error: BaseException) -> bool:
    """Whether the database is not as it was written: what it holds cannot be trusted any more."""
    return isinstance(error, sqlite3.Error) and code_of(error) in _RUINED
