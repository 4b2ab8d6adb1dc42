"""Looking into folders for the interfaces: names for Tab, and whether dropped paths are files.

Theory of operation. A folder may be on a disk that sleeps, or on a server that does not answer, so it is read in a
thread, and only for a moment: typing goes on meanwhile. A folder may have a million names, so at most :data:`MOST_READ`
are looked at and :data:`MOST_FOUND` are offered.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import trio

from trio_chat.ui.commands.completion import Completion
from trio_chat.ui.commands.path_completion import FoundName, TypedPath, as_completion

MOST_READ: Final = 50_000
"""Names of a folder that are looked at: a tenth of a second of reading."""
MOST_FOUND: Final = 200
"""Names that are offered: more than anybody looks through."""
SECONDS: Final = 2.0
"""Seconds that a folder has for its answer; a person who waits longer types the name."""
_THREADS: Final = 4
"""A folder that never answers keeps its thread. These many may, without an end to the threads of this program."""

InThread = Callable[..., Awaitable[Any]]


def find_names(typed: TypedPath) -> list[FoundName]:
    """Read the folder of a typed path for the names that can follow. Blocks. A folder that cannot be read has none.

    Names that begin with a dot are found only when the typed name does. A name that a person cannot type, because it
    has control or invisible characters or is not UTF-8, is left out.
    """
    exact: list[FoundName] = []
    loose: list[FoundName] = []
    wanted = typed.name.casefold()
    try:
        folder = Path(typed.folder).expanduser() if typed.folder else Path()
        with os.scandir(folder) as entries:
            for entry in islice(entries, MOST_READ):
                name = entry.name
                if name.startswith(".") and not typed.name.startswith("."):
                    continue
                if not name.isprintable() or not name.casefold().startswith(wanted):
                    continue
                found = exact if name.startswith(typed.name) else loose
                if len(found) < MOST_FOUND:
                    found.append(FoundName(name, _is_folder(entry)))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: nobody knows the home of ~somebody
        return []
    return sorted(exact or loose, key=lambda one: one.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def existing_files(readings: Sequence[tuple[str, ...]]) -> tuple[Path, ...]:
    """The paths of the first reading in which all are ordinary files; none if there is no such. Blocks."""
    for reading in readings:
        try:
            paths = tuple(Path(path).expanduser() for path in reading)
            if all(stat.S_ISREG(path.stat().st_mode) for path in paths):
                return paths
        except (OSError, ValueError, RuntimeError):
            continue
    return ()


class Folders:
    """Looks into folders without blocking. ``in_thread`` runs a function in a worker thread, and leaves it there when
    it is cancelled."""

    def __init__(self, in_thread: InThread | None = None) -> None:
        limit = trio.CapacityLimiter(_THREADS)
        self._in_thread = in_thread or partial(trio.to_thread.run_sync, abandon_on_cancel=True, limiter=limit)

    def __repr__(self) -> str:
        return "<Folders>"

    async def complete(self, typed: TypedPath) -> Completion | None:
        """The completion of a typed path; ``None`` when the folder does not answer within :data:`SECONDS`."""
        with trio.move_on_after(SECONDS):
            return as_completion(typed, await self._in_thread(find_names, typed))
        return None

    async def find_files(self, readings: Sequence[tuple[str, ...]]) -> tuple[Path, ...]:
        """As :func:`existing_files`; none when the folder does not answer within :data:`SECONDS`."""
        with trio.move_on_after(SECONDS):
            found: tuple[Path, ...] = await self._in_thread(existing_files, readings)
            return found
        return ()

    async def total_size(self, paths: Sequence[Path]) -> int:
        """The bytes of files together; 0 if that cannot be found out."""
        with trio.move_on_after(SECONDS):
            total: int = await self._in_thread(_total_size, paths)
            return total
        return 0


def _total_size(paths: Sequence[Path]) -> int:
    try:
        return sum(path.stat().st_size for path in paths)
    except OSError:
        return 0
