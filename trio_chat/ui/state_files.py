"""What the interfaces keep between two runs: files in the state directory that nobody else can read.

Each file belongs to one server. It is replaced whole, so a crash leaves the old one or the new one. What cannot be read
or written is gone without.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from trio_chat.ui.model.ignored import Ignored

_MOST: Final = 1024 * 1024


def state_directory() -> Path:
    """Where the program keeps what it remembers."""
    import platformdirs  # noqa: PLC0415 - not needed before something is kept

    return platformdirs.user_state_path("trio-chat")


def server_file(directory: Path, kind: str, url: str) -> Path:
    """The file of this kind that belongs to a server."""
    return directory / kind / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"


def write_private(path: Path, data: bytes) -> None:
    """Put data in a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def load_ignored(url: str, directory: Path | None = None) -> Ignored:
    """Whom the person at this machine ignores on a server; changes are kept."""
    path = server_file(state_directory() if directory is None else directory, "ignored", url)
    names: list[str] = []
    with suppress(OSError, msgspec.MsgspecError), path.open("rb") as stream:
        names = msgspec.json.decode(stream.read(_MOST), type=list[str])

    def save(names: list[str]) -> None:
        with suppress(OSError):
            write_private(path, msgspec.json.encode(names))

    return Ignored(names, save)
