"""Opening a saved file with the program that the desktop has for it.

Nothing is ever executed: only files whose name and bytes are those of a picture, sound, film, PDF or plain text are
handed to the desktop. A name decides which program opens a file, so the name is looked at too, and every name that is
not known to be harmless is refused.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePath
from typing import Final

import trio

from trio_chat.errors import NotDone
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
_MEDIA: Final = frozenset({".mp3", ".ogg", ".oga", ".opus", ".flac", ".wav", ".m4a", ".mp4", ".webm", ".mkv", ".mov"})
_SECONDS: Final = 20.0
"""Seconds that the opener may take; it starts a program and ends."""
_NOT_PASSED: Final = "TRIO_CHAT_PASSWORD"


def why_not_opened(file: FileInfo) -> str:
    """Why a file is not handed to the desktop, as a sentence; empty for one that is."""
    name = clean_file_name(file.name)
    suffix = PurePath(name).suffix.lower()
    kinds: dict[str, frozenset[str]] = {suffix: frozenset({kind}) for suffix, kind in _IMAGES.items()}
    kinds |= dict.fromkeys(_TEXTS, frozenset({"text/plain"}))
    kinds |= dict.fromkeys(_MEDIA, frozenset({ANY_KIND}))
    kinds[".pdf"] = frozenset({"application/pdf"})
    if suffix not in kinds:
        return f"{quoted(name)} is not opened: its program could carry it out."
    if file.kind not in kinds[suffix]:
        return f"{quoted(name)} is not opened: its bytes are not those of a {suffix} file."
    return ""


def opener(path: Path) -> tuple[str, ...]:
    """The command that hands a file to the desktop."""
    return ("open", str(path)) if sys.platform == "darwin" else ("xdg-open", str(path))


async def open_file(path: Path) -> None:
    """Hand a file to the desktop. Raises ``NotDone`` when that fails. Cancelled, the opener is ended."""
    if sys.platform == "win32":
        raise NotDone("not_opened", f"{path} is saved.", "Open it in the file manager.")
    command = opener(path)
    failed = NotDone("not_opened", f"{path} is saved, but {command[0]} could not open it.", "Open it by hand.")
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
