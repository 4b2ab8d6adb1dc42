"""The ignored people of a server, kept between two runs; see :mod:`trio_chat.client.state_files`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from trio_chat.client.state_files import load_state, state_directory, state_file, write_private
from trio_chat.ui.model.ignored import Ignored, IgnoredPeople, IgnoredPerson

_KIND: Final = "ignored"


def load_ignored(url: str, directory: Path | None = None) -> Ignored:
    """The people whom this user ignores on the server at ``url``. Changes are saved."""
    directory = state_directory() if directory is None else directory
    path = state_file(directory, _KIND, url)

    def save(people: IgnoredPeople) -> None:
        with suppress(OSError):
            write_private(path, msgspec.json.encode(people))

    content = load_state(directory, _KIND, url, msgspec.Raw, _merge)
    return Ignored(IgnoredPeople() if content is None else _read(content), save)


def _read(content: msgspec.Raw) -> IgnoredPeople:
    """Read a file, also one of version 0.1, which has the names only."""
    try:
        people = msgspec.json.decode(content, type=IgnoredPeople | list[str])
    except msgspec.MsgspecError:
        return IgnoredPeople()
    return people if isinstance(people, IgnoredPeople) else IgnoredPeople(tuple(map(IgnoredPerson, people)))


def _merge(files: Sequence[msgspec.Raw]) -> msgspec.Raw:
    """Merge files of version 0.1, so of names."""
    people = {one.name.casefold(): one for content in files for one in _read(content).people}
    names = sorted(people.values(), key=lambda one: one.name.casefold())
    return msgspec.Raw(msgspec.json.encode(IgnoredPeople(tuple(names))))
