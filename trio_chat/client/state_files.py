"""The files that a client keeps between two runs: tokens, ignored people, and what the full screen restores.

The state directory has a folder for each kind of state, and in it a JSON file for each server, named after the server's
key (:mod:`trio_chat.client.server_key`): its fingerprint, once that is known, else its address. Only the owner can read
them (files 0600, folders 0700; on Windows, by the access list of the user's profile). A file is replaced whole, so that
a crash leaves the old content or the new one.

Version 0.1.0 named some of these files after the exact URL. :func:`load_state` finds those files, merges their contents
into one file under the server's key, and removes them. In the same way it carries over the file of the address, which
earlier versions wrote, when the server's fingerprint becomes known.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from trio_chat.addresses import bracketed
from trio_chat.client.server_key import THIS_MACHINE, names_this_machine, server_key
from trio_chat.client.server_records import key_of
from trio_chat.portable_files import NO_LINK, replace, wait_for_lock, write_folder_through, write_through

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

_LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a state file that are read; a longer file was not written by this program."""


_own: Path | None = None


def use_state_directory(directory: Path) -> None:
    """Keep the state of this process in another directory from now on: one user's account serves several people."""
    global _own  # noqa: PLW0603 - as the user's directory, it is one for the whole process
    _own = directory


def state_directory() -> Path:
    """The directory in which this user's programs keep their state."""
    if _own is not None:
        return _own
    from platformdirs import user_state_path  # noqa: PLC0415 - a program with its own folder does not need it

    return user_state_path("trio-chat")


def state_file(directory: Path, kind: str, url: str) -> Path:
    """The file that holds this kind of state for the server at ``url``."""
    return directory / kind / f"{key_of(directory, url).file_stem}.json"


def address_file(directory: Path, kind: str, url: str) -> Path:
    """The file that holds this kind of state while the server at ``url`` is known by its address alone."""
    return directory / kind / f"{server_key(url).file_stem}.json"


def write_private(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Replace a file that only its owner can read, whole or not at all.

    ``durable``: return only once the data would survive a power cut. Raises ``OSError``.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)  # of a process that was killed
    # O_EXCL: root may use the state of another user (sudo -E), who must not lead it to another file by a link.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                write_through(stream.fileno())
        replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    if durable:
        write_folder_through(path.parent)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep this user's other processes out of a folder's files meanwhile; makes the folder. Raises ``OSError``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
    try:
        wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


# ---- loading, and the files of 0.1.0 -----------------------------------------------------------


def load_state(directory: Path, kind: str, url: str, content: type[T], merge: Callable[[Sequence[T]], T]) -> T | None:
    """Load this kind of state for the server at ``url``; ``None`` when there is none, or it cannot be read.

    Where only files of 0.1.0 hold it, ``merge`` makes one state of theirs, ordered from the oldest to the newest.
    """
    path, by_address = state_file(directory, kind, url), address_file(directory, kind, url)
    current: T | None = None
    earlier: list[Path] = []
    try:
        current = _read(path, content)
    except FileNotFoundError:
        earlier = _earlier_files(directory, kind, url)
    except (OSError, msgspec.MsgspecError):
        return None
    if by_address != path and by_address.exists():
        earlier.append(by_address)
    if not earlier:
        return current
    try:
        with locked(path.parent):
            return _carry_over(path, earlier, content, merge)
    except (OSError, msgspec.MsgspecError):
        return current


def _read(path: Path, content: type[T]) -> T:
    with path.open("rb") as stream:
        return msgspec.json.decode(stream.read(_LARGEST), type=content)


def _carry_over(path: Path, earlier: list[Path], content: type[T], merge: Callable[[Sequence[T]], T]) -> T | None:
    """Merge the earlier files into the one under ``path``. Another process may have done that meanwhile."""
    found: list[T] = []
    for file in earlier:
        with suppress(OSError, msgspec.MsgspecError):
            found.append(_read(file, content))
    with suppress(FileNotFoundError):
        current = _read(path, content)
        if not found:
            return current
        found.append(current)
    if not found:
        return None
    merged = merge(found)
    with suppress(OSError):  # without room the earlier files stay, and are merged again the next time
        write_private(path, msgspec.json.encode(merged))
        for file in earlier:
            file.unlink(missing_ok=True)
    return merged


def _earlier_files(directory: Path, kind: str, url: str) -> list[Path]:
    """The files that 0.1.0 kept for this server: one for each URL that led to it, from the oldest to the newest."""
    parts = urlsplit(url)
    hosts = THIS_MACHINE if names_this_machine(parts.hostname) else (parts.hostname or "",)
    port = server_key(url).text.rpartition(":")[2]
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    dated: list[tuple[float, Path]] = []
    for host in hosts:
        authority = f"{bracketed(host)}:{port}"
        for earlier_url in {f"{scheme}://{authority}{end}" for scheme in ("ws", "wss") for end in ("/", path)} | {url}:
            file = directory / kind / f"{hashlib.sha256(earlier_url.encode()).hexdigest()[:16]}.json"
            with suppress(OSError):
                dated.append((file.stat().st_mtime, file))
    return [file for _, file in sorted(set(dated))]
