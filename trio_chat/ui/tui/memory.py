"""What the full screen remembers between two runs, and over a crash: drafts, the rooms' rules, what was typed.

One file for each server; see :mod:`trio_chat.ui.state_files`.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from trio_chat.ui.state_files import load_ignored, server_file, state_directory, write_private

_MOST: Final = 4 * 1024 * 1024
_LINES: Final = 500
"""What was typed is kept for that many lines."""


class ScreenState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is remembered: by room what is typed and not sent, and what calls one; of those typed in, which were
    private; the room one was in; lines typed."""

    drafts: dict[str, str] = {}
    private: list[str] = []
    policies: dict[str, str] = {}
    room: str = ""
    typed: list[str] = []


class Memory:
    """One server's file. What cannot be read or written is gone without; the chat goes on. ``ignored`` are those whom
    one does not want to hear there."""

    def __init__(self, url: str, directory: Path | None = None) -> None:
        self.directory = state_directory() if directory is None else directory
        self._path = server_file(self.directory, "screen", url)
        self.ignored = load_ignored(url, self.directory)
        self._written = b""

    def __repr__(self) -> str:
        return f"<Memory {self._path}>"

    def load(self) -> ScreenState:
        """What was remembered."""
        with suppress(OSError, msgspec.MsgspecError), self._path.open("rb") as stream:
            return msgspec.json.decode(stream.read(_MOST), type=ScreenState)
        return ScreenState()

    def save(self, kept: ScreenState) -> None:
        """Remember this; nothing is written that was written before."""
        data = msgspec.json.encode(msgspec.structs.replace(kept, typed=kept.typed[-_LINES:]))
        if data == self._written:
            return
        with suppress(OSError):
            write_private(self._path, data)
            self._written = data

    def report_crash(self, error: BaseException, now: datetime) -> Path | None:
        """Write down what went wrong; the file's path, or ``None`` where nothing can be written."""
        path = self.directory / f"crash-{now:%Y%m%d-%H%M%S}.txt"
        text = "".join(traceback.format_exception(error))
        try:
            write_private(path, text.encode("utf-8", "replace"))
        except OSError:
            return None
        return path
