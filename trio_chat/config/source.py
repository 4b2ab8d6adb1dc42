"""The settings file: its place, its values, and the line of each.

``tomllib`` does not tell lines. This module finds them by parsing the text statement by statement. It adds lines until
they parse by themselves: there the statement ends, because no beginning of a TOML statement over several lines is a
valid document. So tables, dotted and quoted keys, inline tables and texts over several lines need no grammar of ours.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from trio_chat.errors import ConfigError


@dataclass(frozen=True)
class SettingsFile:
    """A settings file as read. ``path`` is ``None`` if there is no file; ``shared`` means that others can read it."""

    path: Path | None = None
    text: str = ""
    tables: dict[str, Any] = field(default_factory=dict)
    shared: bool = False

    @cached_property
    def _statements(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        return tuple(statements(self.text))

    def line(self, *keys: str) -> int:
        """Return the number of the line, counted from 1, that sets these nested keys; 1 if no line does."""
        for number, path in self._statements:
            if path[: len(keys)] == keys:
                return number
        return 1

    def place(self, *keys: str) -> str:
        """Return the place that sets these nested keys, as ``path:line``."""
        return f"{self.path}:{self.line(*keys)}"


def default_path() -> Path:
    """Return the path of the settings file that is read if no other is named."""
    import platformdirs  # noqa: PLC0415 - not needed when --config names the file

    return platformdirs.user_config_path("trio-chat") / "config.toml"


def read(path: Path, *, needed: bool) -> SettingsFile:
    """Read a settings file. A missing file counts as empty, unless it is ``needed``.

    Raises :class:`ConfigError` when it cannot be read or is not TOML.
    """
    try:
        data = path.read_bytes()
        shared = sys.platform != "win32" and bool(path.stat().st_mode & 0o044)
    except (FileNotFoundError, NotADirectoryError):
        if not needed:
            return SettingsFile()
        raise ConfigError(f"There is no settings file {path}. Make it, or name another with --config.") from None
    except OSError as error:
        raise ConfigError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}:{data[: error.start].count(10) + 1}: this is not UTF-8 text.") from error
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"The settings file {path} is nested too deeply.") from None
    except ValueError as error:  # TOMLDecodeError is one; a number of thousands of digits raises another
        raise ConfigError(_not_toml(path, text, error)) from error
    return SettingsFile(path, text, tables, shared)


def _not_toml(path: Path, text: str, error: ValueError) -> str:
    """Name the line that is not TOML. The parser tells it only within its message."""
    what, _, where = str(error).rpartition(" (at ")
    found = re.match(r"line (\d+)", where)
    line = int(found[1]) if found else text.count("\n") + 1
    return f"{path}:{line}: this is not TOML: {what or where}."


def statements(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each key that a TOML text sets, with the line, counted from 1, where its statement begins.

    A table header yields its own keys. The text must be valid TOML.
    """
    table: tuple[str, ...] = ()
    begun, gathered = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        begun = begun if gathered else number
        gathered += line + "\n"
        try:
            found = tomllib.loads(gathered)
        except tomllib.TOMLDecodeError:
            continue
        if gathered.lstrip().startswith("["):
            table = next(_paths(found))
            yield begun, table
        else:
            for path in _paths(found):
                yield begun, table + path
        gathered = ""


def _paths(tables: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of every leaf. An empty table is a leaf."""
    for key, value in tables.items():
        inner = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        if isinstance(inner, dict) and inner:
            for path in _paths(inner):
                yield (key, *path)
        else:
            yield (key,)
