"""A lock that lets only one server use a database: on a file beside it, released when its process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from trio_chat.errors import StoreError
from trio_chat.store.sqlite.faults import explain_system
from trio_chat.store.sqlite.files import give_to_owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class DatabaseLock:
    """A lock that is held from its creation to :meth:`release`, or to the end of the process.

    Creating it raises ``StoreError``, with the process id of the holder, if the lock is held already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            give_to_owner(self._path, path.parent)
        except OSError as error:
            raise explain_system(error, self._path) from error
        try:
            # flock instead of lockf: it also excludes a second store of the same process, and it is not lost
            # when that process opens and closes the file elsewhere.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise StoreError(
                f"{path} is in use by another server, process {holder}. Stop that server, or give this one a data "
                "directory of its own."
            ) from error
        try:
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{os.getpid()}\n".encode())
        except OSError as error:
            os.close(self._file)
            raise explain_system(error, self._path) from error

    def __repr__(self) -> str:
        return f"<DatabaseLock {self._path} {'held' if self._file >= 0 else 'released'}>"

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_held(path: Path) -> bool:
    """Return whether the lock of the database at ``path`` is held, without changing anything. Raises ``OSError``."""
    try:
        file = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the database at ``path`` during the block."""
    lock = DatabaseLock(path)
    try:
        yield
    finally:
        lock.release()
