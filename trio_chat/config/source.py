"""The settings file: where it is, what is in it, and on which line.

``tomllib`` gives no lines. They are found by giving it the text statement by statement: lines are
gathered until they parse by themselves, which is where a statement ends, because no beginning of a
TOML statement that goes over several lines is a document. So tables, dotted and quoted keys, inline
tables and texts over several lines need no grammar of our own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from trio_chat.errors import ConfigError


@dataclass(frozen=True)
class SettingsFile:
    """A settings file as read. ``path`` is ``None`` when there is none; ``shared`` when others may read it."""

    path: Path | None = None
    text: str = ""
    tables: dict[str, Any] = field(default_factory=dict)
    shared: bool = False

    @cached_property
    def _statements(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        return tuple(statements(self.text))

    def line(self, *keys: str) -> int:
        """The number of the line, counted from 1, on which these nested keys are set; 1 if they are nowhere."""
        for number, path in self._statements:
            if path[: len(keys)] == keys:
                return number
        return 1

    def place(self, *keys: str) -> str:
        """Where these nested keys are set, as ``path:line``."""
        return f"{self.path}:{self.line(*keys)}"


def default_path() -> Path:
    """Where the settings file is looked for unless one is named."""
    import platformdirs  # noqa: PLC0415 - not needed when --config names the file

    return platformdirs.user_config_path("trio-chat") / "config.toml"


def read(path: Path, *, needed: bool) -> SettingsFile:
    """Read a settings file; one that is not there is as good as empty, unless it is ``needed``.

    Raises :class:`ConfigError` when it cannot be read or is no TOML.
    """
    try:
        data = path.read_bytes()
        shared = bool(path.stat().st_mode & 0o044)
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
        raise ConfigError(_no_toml(path, text, error)) from error
    return SettingsFile(path, text, tables, shared)


def _no_toml(path: Path, text: str, error: ValueError) -> str:
    """Say which line is no TOML; the parser only has it in its sentence."""
    what, _, where = str(error).rpartition(" (at ")
    found = re.match(r"line (\d+)", where)
    line = int(found[1]) if found else text.count("\n") + 1
    return f"{path}:{line}: this is not TOML: {what or where}."


def statements(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Give each key that a TOML text sets with the line, counted from 1, where its statement begins.

    A header gives its own keys. The text must be valid TOML.
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
    """Give the keys of every leaf; an empty table is one."""
    for key, value in tables.items():
        inner = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        if isinstance(inner, dict) and inner:
            for path in _paths(inner):
                yield (key, *path)
        else:
            yield (key,)
