"""Files, where Unix and Windows differ: flags for opening, a lock between programs, replacing a file, and writing it
through to the disk.

Windows has no modes such as 0600: a file there belongs to the folder's access list, and that of a person's profile
lets in this person, the system and its administrators.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags for opening a file: a link is not followed where the system can tell, and Windows changes no line ends."""

_LOCKED_BYTE: Final = 1 << 30
"""The byte that is locked on Windows: beyond the end, for there other programs cannot read a locked byte."""
_RETRY: Final = 0.02
"""Seconds between two tries where Windows cannot wait."""
_REPLACING: Final = 50
"""How often replacing a file is tried on Windows: for a second, far longer than a program takes to read such a file."""


def wait_for_lock(descriptor: int) -> None:
    """Lock an open file against other programs that do the same, until it is closed. Waits while another has it.

    Raises ``OSError``.
    """
    if sys.platform == "win32":
        while True:
            try:
                os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:  # EACCES: another program has it
                time.sleep(_RETRY)
            else:
                os.lseek(descriptor, 0, os.SEEK_SET)
                return
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def try_lock(descriptor: int) -> bool:
    """As :func:`wait_for_lock`, without waiting: return whether the lock was free, and is held now. Raises ``OSError``
    where the file system has no locks."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def replace(new: Path, path: Path) -> None:
    """Give a file the name of another, which it replaces at once and whole. Raises ``OSError``."""
    for _ in range(_REPLACING if sys.platform == "win32" else 0):
        try:
            new.replace(path)
        except PermissionError:  # Windows replaces no file that a program has open
            time.sleep(_RETRY)
        else:
            return
    new.replace(path)


def write_through(descriptor: int) -> None:
    """Return once what was written to a file would survive a power cut. Raises ``OSError``."""
    if sys.platform == "darwin":
        try:  # fsync leaves the data in the drive's own memory there (fsync(2) of macOS)
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:  # a file system that cannot, such as one of the network
            pass
        else:
            return
    os.fsync(descriptor)


def write_folder_through(folder: Path) -> None:
    """Return once the entries of a folder would survive a power cut. Raises ``OSError``."""
    if sys.platform == "win32":  # a folder cannot be opened, and NTFS keeps a journal of its entries
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        write_through(descriptor)
    finally:
        os.close(descriptor)
