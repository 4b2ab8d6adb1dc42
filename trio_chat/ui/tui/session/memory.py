"""The state that the full screen restores at its next start: drafts, notification settings, the input's history.

A file for each server; see :mod:`trio_chat.client.state_files`. A file that cannot be read or written is done without.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from trio_chat.client.state_files import load_state, state_directory, state_file, write_private
from trio_chat.ui.state_files import load_ignored

_KIND: Final = "screen"
_HISTORY: Final = 500
"""Lines of the input's history that are kept."""


class ScreenState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The state of the full screen on one server.

    - ``drafts``: by room, the text that was typed and not sent. ``private``: the rooms of drafts that were typed while
      the room was private.
    - ``policies``: by room, which messages notify. ``room``: the room that was shown. ``typed``: the input's history.
    - ``numbers``: by room, the number by which the person goes there.
    """

    drafts: dict[str, str] = {}
    private: list[str] = []
    policies: dict[str, str] = {}
    room: str = ""
    typed: list[str] = []
    numbers: dict[str, int] = {}


class Memory:
    """The stored state of the full screen on one server, and the people whom the user ignores there."""

    def __init__(self, url: str, directory: Path | None = None) -> None:
        self.directory = state_directory() if directory is None else directory
        self._url = url
        self._path = state_file(self.directory, _KIND, url)
        self.ignored = load_ignored(url, self.directory)
        self._written = b""

    def __repr__(self) -> str:
        return f"<Memory {self._path}>"

    def moved(self) -> bool:
        """Whether the state of this server is kept elsewhere since it is known which server it is."""
        return state_file(self.directory, _KIND, self._url) != self._path

    def reopen(self) -> ScreenState:
        """Load the state from where it is kept now, joined with that of the address."""
        self._path = state_file(self.directory, _KIND, self._url)
        self.ignored = load_ignored(self._url, self.directory)
        self._written = b""
        return self.load()

    def load(self) -> ScreenState:
        """Load the state; an empty one when there is none."""
        return load_state(self.directory, _KIND, self._url, ScreenState, _merge) or ScreenState()

    def save(self, state: ScreenState) -> None:
        """Save the state, unless it is what was written last."""
        data = msgspec.json.encode(msgspec.structs.replace(state, typed=state.typed[-_HISTORY:]))
        if data == self._written:
            return
        with suppress(OSError):
            write_private(self._path, data)
            self._written = data

    def report_crash(self, error: BaseException, now: datetime) -> Path | None:
        """Write the traceback to a file and return its path; ``None`` when it cannot be written."""
        path = self.directory / f"crash-{now:%Y%m%d-%H%M%S}.txt"
        text = "".join(traceback.format_exception(error))
        try:
            write_private(path, text.encode("utf-8", "replace"))
        except OSError:
            return None
        return path


def _merge(states: Sequence[ScreenState]) -> ScreenState:
    """One state of several, ordered from the oldest to the newest: the newest wins where they differ."""
    merged = ScreenState()
    for state in states:
        merged.drafts = {**merged.drafts, **state.drafts}
        merged.private = sorted({*merged.private, *state.private})
        merged.policies = {**merged.policies, **state.policies}
        merged.numbers = {**merged.numbers, **state.numbers}
        merged.room = state.room or merged.room
        merged.typed = [*merged.typed, *state.typed][-_HISTORY:]
    return merged
