"""The ignored people of a server, kept between two runs; see :mod:`trio_chat.client.state_files`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from trio_chat.client.state_files import load_state, state_directory, state_file, write_private
from trio_chat.ui.model.ignored import Ignored

_KIND: Final = "ignored"


def load_ignored(url: str, directory: Path | None = None) -> Ignored:
    """The people whom this user ignores on the server at ``url``. Changes are saved."""
    directory = state_directory() if directory is None else directory
    path = state_file(directory, _KIND, url)

    def save(names: list[str]) -> None:
        with suppress(OSError):
            write_private(path, msgspec.json.encode(names))

    names: list[str] | None = load_state(directory, _KIND, url, list[str], _merge)
    return Ignored(names or [], save)


def _merge(lists: Sequence[list[str]]) -> list[str]:
    return sorted({name.casefold(): name for names in lists for name in names}.values(), key=str.casefold)
