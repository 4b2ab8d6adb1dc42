"""Opening a saved file with the program that the desktop has for it.

Nothing is ever executed: only files whose name and bytes are those of a picture, sound, film, PDF or plain text are
handed to the desktop. On some desktops the name decides which program opens a file, on others the bytes do: there a
program called ``song.mp3`` is run, by Wine or Java. So both must be known to be harmless, and everything else is
refused. The server's word for a file's kind spares a question; the saved bytes decide.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path, PurePath
from typing import Final

import trio

from trio_chat.errors import NotDone
from trio_chat.portable_files import NO_LINK
from trio_chat.protocol.file_kinds import LOOKED_AT, kind_of
from trio_chat.protocol.files import ANY_KIND, clean_file_name
from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.text import quoted

_IMAGES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
_TEXTS: Final = frozenset({".txt", ".log", ".md", ".csv", ".json", ".toml", ".yaml", ".yml", ".diff", ".patch"})
_OGG: Final = rb"OggS\0"
_MP4: Final = rb".{4}ftyp"
_MATROSKA: Final = rb"\x1aE\xdf\xa3"
_MEDIA: Final = {
    ".mp3": rb"ID3[\x02-\x04]|\xff[\xe2-\xe7\xf2-\xff]",
    ".ogg": _OGG,
    ".oga": _OGG,
    ".opus": _OGG,
    ".flac": rb"fLaC|ID3[\x02-\x04]",
    ".wav": rb"RIFF.{4}WAVE",
    ".m4a": _MP4,
    ".mp4": _MP4,
    ".webm": _MATROSKA,
    ".mkv": _MATROSKA,
    ".mov": rb".{4}(?:ftyp|moov|mdat|wide|free|skip)",
}
"""The first bytes of sound and films, by their suffixes."""
_SECONDS: Final = 20.0
"""Seconds that the opener may take; it starts a program and ends."""
_NOT_PASSED: Final = "TRIO_CHAT_PASSWORD"


def why_not_opened(file: FileInfo) -> str:
    """Why a file is not handed to the desktop, as a sentence; empty for one that is."""
    return _why_not(clean_file_name(file.name), file.kind)


def _why_not(name: str, kind: str) -> str:
    suffix = PurePath(name).suffix.lower()
    kinds: dict[str, frozenset[str]] = {suffix: frozenset({kind}) for suffix, kind in _IMAGES.items()}
    kinds |= dict.fromkeys(_TEXTS, frozenset({"text/plain"}))
    kinds |= dict.fromkeys(_MEDIA, frozenset({ANY_KIND}))
    kinds[".pdf"] = frozenset({"application/pdf"})
    if suffix not in kinds:
        return f"{quoted(name)} is not opened: its program could carry it out."
    if kind not in kinds[suffix]:
        return f"{quoted(name)} is not opened: its bytes are not those of a {suffix} file."
    return ""


def opener(path: Path) -> tuple[str, ...]:
    """The command that hands a file to the desktop."""
    return ("open", str(path)) if sys.platform == "darwin" else ("xdg-open", str(path))


def _look_into(path: Path) -> str:
    """Why a saved file is not handed to the desktop, by its own name and bytes; empty for one that is."""
    descriptor = os.open(path, os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as opened:
        first, size = opened.read(LOOKED_AT), os.fstat(descriptor).st_size
    why = _why_not(path.name, kind_of(first, size).kind)
    beginning = _MEDIA.get(path.suffix.lower())
    if not why and beginning is not None and not re.match(beginning, first, re.DOTALL):
        return f"{quoted(path.name)} is not opened: it does not begin as a {path.suffix.lower()} file does."
    return why


async def open_file(path: Path) -> None:
    """Hand a saved file to the desktop, if its bytes are as harmless as its name.

    Raises ``NotDone`` when they are not, and when it cannot be opened. Cancelled, the opener is ended.
    """
    if sys.platform == "win32":
        raise NotDone("not_opened", f"{path} is saved.", "Open it in the file manager.")
    command = opener(path)
    failed = NotDone("not_opened", f"{path} is saved, but {command[0]} could not open it.", "Open it by hand.")
    try:
        why = await trio.to_thread.run_sync(_look_into, path)
    except OSError:
        raise failed from None
    if why:
        raise NotDone("not_opened", why, f"It is saved as {path}.")
    try:
        with trio.fail_after(_SECONDS):
            done = await trio.run_process(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                env={name: value for name, value in os.environ.items() if name != _NOT_PASSED},
                start_new_session=True,
            )
    except trio.TooSlowError:
        raise failed from None
    except FileNotFoundError:
        raise NotDone("not_opened", f"{path} is saved; {command[0]} is not installed.", "Open it by hand.") from None
    except OSError:
        raise failed from None
    if done.returncode:
        raise failed
