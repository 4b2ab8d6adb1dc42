"""Putting a file that is fetched into a folder of this machine, so that nothing but a new file can come of it.

Theory of operation. The bytes go into a hidden partial file of the same folder, named after their SHA-256, so that a
later try goes on there. When all have come and their hash is right, that file gets its name, at once. All this happens
relative to the folder, which is opened first: a link that somebody puts into the way later leads nowhere. The name is a
single part of a path. Nothing that exists is written into: a link, a device and a pipe are refused, a file is replaced
only if that was asked for. The file gets the rights that the umask leaves of 0644, never the right to be run.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trio_chat.errors import ChatError, UsageError
from trio_chat.portable_files import NO_LINK, replace, try_lock, write_through
from trio_chat.protocol.files import clean_file_name, size_words

if TYPE_CHECKING:
    from trio_chat.protocol.parts import FileInfo

_MODE: Final = 0o644
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MOST_NUMBERS: Final = 1000
"""Files of one name in a folder, after which no further number is tried."""
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SaveTarget:
    """Where a file is to go: its folder and its name there. ``free``: if the name is taken, another one may be chosen.
    ``overwrite``: a file of that name may be replaced."""

    folder: Path
    name: str
    free: bool
    overwrite: bool

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder / self.name


def find_target(file: FileInfo, path: str | os.PathLike[str], *, overwrite: bool) -> SaveTarget:
    """Where to save a file: in a folder, under the file's name, or at the path of a file.

    Raises ``UsageError`` if the folder does not exist, or something is there that must stay.
    """
    text = os.fspath(path)
    given = Path(text).absolute()
    is_folder = given.is_dir()
    if not is_folder and text.endswith(("/", os.sep)):
        raise UsageError(f"There is no folder {text}. Make it first: mkdir -p {text}")
    if is_folder:
        target = SaveTarget(given, clean_file_name(file.name), free=not overwrite, overwrite=overwrite)
    else:
        target = SaveTarget(given.parent, given.name, free=False, overwrite=overwrite)
        if not target.folder.is_dir():
            raise UsageError(f"There is no folder {target.folder}. Make it first: mkdir -p {target.folder}")
    if not target.free:
        _check_place(target)
    return target


def _check_place(target: SaveTarget) -> None:
    try:
        mode = os.lstat(target.path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"Cannot save to {target.path}: {error.strerror}.") from None
    if stat.S_ISLNK(mode):
        raise UsageError(f"{target.path} is a link, which is not followed. Give the path of a file.")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{target.path} is no file. Give another path, or - for the standard output.")
    if not target.overwrite:
        raise UsageError(f"{target.path} exists already. Give another path, or say that it is to be overwritten.")


class PartialFile:
    """The bytes of a file that have come so far, in the target's folder. All methods block; call them in a thread.

    ``size`` bytes are there. They raise ``ChatError`` with a sentence for a person.
    """

    def __init__(self, target: SaveTarget, file: FileInfo) -> None:
        self._target = target
        self._file = file
        self._folder = _open_folder(target.folder)
        self._name = f".trio-chat-{file.sha256[:16]}.part"
        self._fd = -1
        try:
            self._fd = self._open()
        except BaseException:
            self.close()
            raise
        self.size = os.fstat(self._fd).st_size

    def __repr__(self) -> str:
        return f"<PartialFile {self.path}, {self.size} bytes>"

    @property
    def path(self) -> Path:
        """The path of the partial file."""
        return self._target.folder / self._name

    def hash_rest(self) -> hashlib._Hash:
        """The hash of the bytes that are there. If there are too many, all are dropped."""
        found = hashlib.sha256()
        if self.size > self._file.size:
            self.restart()
        os.lseek(self._fd, 0, os.SEEK_SET)
        left = self.size
        while left and (piece := os.read(self._fd, min(_PIECE, left))):
            found.update(piece)
            left -= len(piece)
        return found

    def restart(self) -> None:
        """Drop all bytes."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        view = memoryview(data)
        try:
            while view:
                written = os.write(self._fd, view)
                self.size += written
                view = view[written:]
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self) -> Path:
        """Write all through to the disk and give the file its name. Returns its path."""
        try:
            write_through(self._fd)
            name = self._place()
        except OSError as error:
            raise self._unwritable(error) from error
        self.close()
        return self._target.folder / name

    def remove(self) -> None:
        """Remove the partial file."""
        with contextlib.suppress(OSError):
            self._unlink(self._name)
        self.close()

    def close(self) -> None:
        """Leave the bytes for a later try; an empty file is removed."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                if not self.size:
                    self._unlink(self._name)
            os.close(descriptor)
        folder, self._folder = self._folder, None
        if folder is not None:
            os.close(folder)

    # ---- how it is done ------------------------------------------------------------------------

    def _open(self) -> int:
        """Open the partial file of an earlier try, or a new one, if another program is at that."""
        flags = os.O_RDWR | os.O_CREAT | NO_LINK | getattr(os, "O_NONBLOCK", 0)
        for _ in range(2):
            try:
                descriptor = self._open_at(flags)
            except OSError as error:
                if error.errno not in {errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR, errno.EACCES}:
                    raise self._unwritable(error) from error
            else:
                if self._is_ours(descriptor):
                    return descriptor
                os.close(descriptor)
            self._name = f".trio-chat-{self._file.sha256[:16]}-{os.getpid()}-{os.urandom(4).hex()}.part"
            flags |= os.O_EXCL
        raise ChatError(f"Cannot make a file in {self._target.folder}. Choose another folder.")

    def _open_at(self, flags: int) -> int:
        if self._folder is None:
            return os.open(self.path, flags, _MODE)
        return os.open(self._name, flags, _MODE, dir_fd=self._folder)

    def _is_ours(self, descriptor: int) -> bool:
        """Whether it is a regular file of this user's that has this name alone, and that no other program is at."""
        status = os.fstat(descriptor)
        own = sys.platform == "win32" or status.st_uid == os.geteuid()
        if not stat.S_ISREG(status.st_mode) or not own or status.st_nlink > 1 or status.st_mode & 0o111:
            return False
        try:
            locked = try_lock(descriptor)
        except OSError:  # a file system without locks
            locked = True
        return locked and self._has_its_name(descriptor)

    def _has_its_name(self, descriptor: int) -> bool:
        """Whether an open file is still the partial one: a program that was at it may have given it its own name since
        it was opened here, and then it is somebody's whole file."""
        if self._folder is None:
            return True  # Windows: a file that is open here is neither renamed nor removed by others
        try:
            named = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(descriptor))

    def _place(self) -> str:
        """Give the partial file its name, or the first one like it that is free. Returns the name."""
        name = self._target.name
        if self._target.overwrite:
            _check_place(self._target)
            self._rename(name)
            return name
        for number in range(_MOST_NUMBERS):
            if number:
                stem, dot, end = self._target.name.rpartition(".")
                name = f"{stem} ({number}).{end}" if stem and dot else f"{self._target.name} ({number})"
            if self._reserve(name):
                return name
            if not self._target.free:
                break
        raise ChatError(f"{self._target.path} exists by now. The bytes are in {self.path}.")

    def _reserve(self, name: str) -> bool:
        """Give the partial file a name, unless something has it already. Returns whether it has it now."""
        if self._folder is None:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._target.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, _MODE))
                self._rename(name)
                return True
            return False
        try:
            os.link(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
        except FileExistsError:
            return False
        except FileNotFoundError:
            raise  # the partial file was removed: another name would be an empty file
        except OSError:  # a file system without links of this kind
            with contextlib.suppress(FileExistsError):
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK
                os.close(os.open(name, flags, _MODE, dir_fd=self._folder))
                self._rename(name)
                return True
            return False
        self._unlink(self._name)
        return True

    def _rename(self, name: str) -> None:
        if self._folder is None:
            os.close(self._fd)  # Windows renames no file that is open
            self._fd = -1
            replace(self.path, self._target.folder / name)
        else:
            os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _unlink(self, name: str) -> None:
        if self._folder is None:
            (self._target.folder / name).unlink(missing_ok=True)
        else:
            os.unlink(name, dir_fd=self._folder)

    def _unwritable(self, error: OSError) -> ChatError:
        where = self._target.folder
        if error.errno not in _FULL:
            return ChatError(f"Cannot save {self._target.name} in {where}: {error.strerror}. Choose another folder.")
        came = f"{size_words(self.size)} of {size_words(self._file.size)}"
        return ChatError(
            f"{where} has no more space: {came} of {self._target.name} are there, in {self._name}. Free some space and "
            "save it again, then it goes on there; or remove that file."
        )


def _open_folder(folder: Path) -> int | None:
    """Open a folder, so that what is done in it is done in this one; ``None`` on Windows, which cannot."""
    if sys.platform == "win32":
        return None
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ChatError(f"Cannot save in {folder}: {error.strerror}. Choose another folder.") from None
