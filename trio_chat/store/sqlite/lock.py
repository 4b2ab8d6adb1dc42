"""A lock that lets only one server use a database: on a file beside it, released when its process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from trio_chat.errors import StoreError
from trio_chat.store.sqlite.faults import explain_system
from trio_chat.store.sqlite.private_files import create_private, give_to_owner, open_private

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
            self._file = _open_or_create(self._path)
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


def _open_or_create(path: Path) -> int:
    """Open the lock's file. If it is missing, create it for the owner of its directory. Raises ``OSError``."""
    try:
        descriptor = create_private(path)
    except FileExistsError:
        return open_private(path, os.O_RDWR)
    try:
        give_to_owner(descriptor, path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Return whether the lock of the database at ``path`` is held, without changing anything. Raises ``OSError``."""
    try:
        file = open_private(path.with_name(path.name + ".lock"), os.O_RDONLY)
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
