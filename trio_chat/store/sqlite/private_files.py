"""Private files, opened so that nobody can lead this process to another file.

Theory of operation. Root may administer the data directory of another user, and that user can replace any name in it at
any moment, also by a link to one of root's files. So a file is opened without following a link, everything is checked
and changed on the descriptor, and a file that has a second name elsewhere is refused.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from trio_chat.errors import StoreError

# Without O_NONBLOCK, opening a pipe would wait for its other end.
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_private(path: Path, flags: int) -> int:
    """Open an existing file and return its descriptor. Raises ``StoreError`` when it is a link, has a second name, or
    is not a file, and ``OSError``."""
    if path.is_symlink():
        raise StoreError(f"{path} is a link, which is not followed. Remove it.")
    descriptor = os.open(path, flags | _SAFELY)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise StoreError(f"{path} is not a file. Remove it.")
    if found.st_nlink > 1:
        os.close(descriptor)
        raise StoreError(f"{path} has a second name elsewhere. Remove it.")
    return descriptor


def create_private(path: Path) -> int:
    """Create a file that only its owner can use, whatever the umask, and return its descriptor.

    Raises ``OSError``: ``FileExistsError`` also for a link, wherever it leads.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def give_to_owner(descriptor: int, like: Path) -> None:
    """Give an open file that root made to the owner of ``like``, so that the server can open it."""
    if os.geteuid() == 0:
        owner = like.lstat() if like.is_symlink() else like.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def refuse_stranger(path: Path) -> None:
    """Raise ``StoreError`` if this is root and ``path``, in a directory of another user, may be a file of a third one.

    SQLite opens files by name, so a user could lead root to any database by a link.
    """
    if os.geteuid() != 0:
        return
    try:
        owner, found = path.parent.stat().st_uid, path.lstat()
    except OSError:  # opening it says what is wrong
        return
    if owner == 0 or (found.st_uid == owner and not stat.S_ISLNK(found.st_mode)):
        return
    if stat.S_ISLNK(found.st_mode) or found.st_uid != 0 or found.st_nlink > 1:
        raise StoreError(
            f"{path} is a link or the file of a third user, in a directory of another user than root. Do this as the "
            "owner of the directory."
        )
