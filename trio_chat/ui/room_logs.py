"""The log files of a person's rooms, on their own machine: one file for each room and day, appended to and never read
as a whole.

Theory of operation. Under the directory that the person chose is a folder for each server, named by its key, and in it
``ROOM.DAY.log``; the day is that of this machine when the line is written. Each event is appended under a lock, after a
look at the end of the file if its size is not what this process left: so a restart, a reconnection and a second program
write no event twice. The file is opened for one event and closed, so no number of rooms uses up descriptors.

Below the chosen directory no link is followed: folders and files are opened relative to an open directory, with
``O_NOFOLLOW``, and only a regular file of this user with one name is written. Windows cannot open a file relative to a
directory, and has no owners: there the paths are looked at instead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from trio_chat.client.server_key import server_key
from trio_chat.errors import UsageError
from trio_chat.portable_files import NO_LINK, wait_for_lock
from trio_chat.protocol.events import RoomEvent
from trio_chat.ui.model.log_lines import LogPosition, file_stem, last_position, log_lines, missing_line, position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trio_chat.protocol.events import Event

_TAIL: Final = 128 * 1024
"""Bytes at the end of a file in which its last event is looked for: more than the longest message has."""

_FILE: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | NO_LINK | getattr(os, "O_NONBLOCK", 0)  # a pipe must not block
_Folder: TypeAlias = int | Path
"""An open directory; on Windows its path."""


class _Written(NamedTuple):
    """The last event that this process wrote for a room, and the name and size of the file then."""

    name: str
    size: int
    last: LogPosition | None


def _today() -> str:
    return f"{datetime.now().astimezone():%Y-%m-%d}"


class RoomLogs:
    """The log files for the server at ``url``, under ``directory``. ``today`` gives the day as files are named.

    ``trouble`` is a sentence on why nothing can be written just now, empty while all is well.
    """

    def __init__(self, directory: Path, url: str, *, today: Callable[[], str] = _today) -> None:
        self._directory = directory.expanduser()
        self._server = server_key(url).file_stem
        self._today = today
        self._written: dict[str, _Written] = {}
        self.trouble = ""

    def __repr__(self) -> str:
        return f"<RoomLogs {self._directory / self._server}>"

    def take(self, event: Event, *, hidden: bool = False) -> str:
        """Append an event of a room's log; other events are passed over, and one of an ignored person (``hidden``).

        Returns a sentence when it cannot be written, the first time only, until something is written again.
        """
        if not isinstance(event, RoomEvent):
            return ""
        at, lines = position(event), [] if hidden else log_lines(event)
        if not lines:
            known = self._written.get(event.room)
            if known is not None and known.last is not None and at.seq > known.last.seq:
                self._written[event.room] = known._replace(last=at)  # it is missed by nobody
            return ""
        try:
            self._append(event.room, at, lines)
        except OSError as error:
            self._written.pop(event.room, None)
            before, self.trouble = self.trouble, self._why(error)
            return "" if before else self.trouble
        self.trouble = ""
        return ""

    def last(self, room: str) -> int | None:
        """The number of the last event in a room's log; ``None`` if there is none, or it cannot be read."""
        with contextlib.suppress(OSError), self._folder() as folder:
            found = _last_in_earlier(folder, file_stem(room), f"{file_stem(room)}.A")  # behind all days
            return None if found is None else found.seq
        return None

    def _why(self, error: OSError) -> str:
        return f"The log of the chat cannot be written in {self._directory}: {error.strerror or error}."

    def _append(self, room: str, at: LogPosition, lines: Sequence[str]) -> None:
        with self._folder() as folder:
            stem = file_stem(room)
            name = f"{stem}.{self._today()}.log"
            with _locked_file(name, folder) as file:
                size = os.fstat(file).st_size
                known = self._written.get(room)
                if known is None or (known.name, known.size) != (name, size):
                    end, last = _read_end(file, size)
                    if last is None:
                        last = known.last if known is not None else _last_in_earlier(folder, stem, name)
                else:
                    end, last = b"\n", known.last
                if last is not None and at.seq <= last.seq and at.time <= last.time:
                    self._written[room] = _Written(name, size, last)
                    return
                if last is not None and at.seq > last.seq + 1:
                    lines = [missing_line(at.time, at.seq - last.seq - 1), *lines]
                torn = "" if end in {b"", b"\n"} else "\n"  # the disk was full in the middle of a line
                _write(file, (torn + "".join(f"{line}\n" for line in lines)).encode("utf-8", "replace"))
                self._written[room] = _Written(name, os.fstat(file).st_size, at)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[_Folder]:
        """Open the server's folder; make it, and the directory, if they are not there."""
        if sys.platform == "win32":
            folder = self._directory / self._server
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.is_symlink():
                raise OSError(errno.EPERM, f"{folder} is a link")
            yield folder
            return
        with contextlib.ExitStack() as held:
            flags = os.O_RDONLY | os.O_DIRECTORY
            try:
                top = os.open(self._directory, flags)
            except FileNotFoundError:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                top = os.open(self._directory, flags)
            held.callback(os.close, top)
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._server, 0o700, dir_fd=top)
            folder = os.open(self._server, flags | os.O_NOFOLLOW, dir_fd=top)
            held.callback(os.close, folder)
            yield folder


def check_log_directory(directory: Path) -> None:
    """Raise ``UsageError`` if a directory for logs is there and is none, or cannot be written. Makes nothing."""
    path = directory.expanduser()
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"log_directory {path} is not a directory. Name one, or a place where one can be made.")
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"log_directory {path} is not yours to write in. Name another, or change its mode.")


@contextlib.contextmanager
def _locked_file(name: str, folder: _Folder) -> Iterator[int]:
    """Open a log file that only its owner can read, and keep other programs out of it meanwhile."""
    if isinstance(folder, Path):
        if (folder / name).is_symlink():
            raise OSError(errno.EPERM, f"{name} is a link")
        file = os.open(folder / name, _FILE, 0o600)
    else:
        file = os.open(name, _FILE, 0o600, dir_fd=folder)
    try:
        found = os.fstat(file)
        is_ours = sys.platform == "win32" or found.st_uid == os.geteuid()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or not is_ours:
            raise OSError(errno.EPERM, f"{name} is not an ordinary file of yours")
        wait_for_lock(file)
        yield file
    finally:
        os.close(file)


def _read_end(file: int, size: int) -> tuple[bytes, LogPosition | None]:
    """The last byte of a file, and the last event in it."""
    os.lseek(file, max(0, size - _TAIL), os.SEEK_SET)  # where is read only: what is written is appended
    tail = os.read(file, _TAIL)
    return tail[-1:], last_position(tail)


def _last_in_earlier(folder: _Folder, stem: str, name: str) -> LogPosition | None:
    """The last event in a room's newest file before the one of this name."""
    suffix = len("0000-00-00.log")
    names = os.listdir(folder)  # noqa: PTH208 - it may be an open folder, which has no path
    earlier = [other for other in names if other < name and other[:-suffix] == f"{stem}."]
    if not earlier:
        return None
    with contextlib.suppress(OSError), _locked_file(max(earlier), folder) as file:
        return _read_end(file, os.fstat(file).st_size)[1]
    return None


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
