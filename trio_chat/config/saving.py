"""Writing single settings into the settings file, whose comments and order stay as they are."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from trio_chat.config.loading import VARIABLE
from trio_chat.config.source import default_path
from trio_chat.config.values import PREFIX
from trio_chat.errors import ConfigError
from trio_chat.portable_files import replace, write_through

_PRIVATE: Final = 0o600  # a new file may get a password later


class SettingsWriter:
    """Changes the settings file at ``path``, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<SettingsWriter {self.path}>"

    @classmethod
    def of(cls, path: Path | None, environ: Mapping[str, str] | None = None) -> SettingsWriter:
        """The writer of the file that is read: ``path``, else that of ``TRIO_CHAT_CONFIG``, else the default file."""
        named = (os.environ if environ is None else environ).get(VARIABLE)
        return cls(path or (Path(named).expanduser() if named else default_path()))

    def __call__(self, keys: tuple[str, ...], value: object) -> str:
        """Set the value of nested keys, such as ``("client", "theme")``, or remove the last key (``None``).

        Returns a sentence: where the value is stored, and whether an environment variable overrides it. Raises
        :class:`~trio_chat.errors.ConfigError` when the file cannot be read or written. It is replaced whole or not at
        all, and keeps its mode; a link stays a link.
        """
        path = self.path.resolve()  # people keep such files as links
        try:
            text = path.read_bytes().decode("utf-8") if path.exists() else ""
            _write(path, change(text, keys, value, str(self.path)))
        except OSError as error:
            raise ConfigError(f"The settings file {self.path} cannot be written: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"The settings file {self.path} is not UTF-8 text. It was not changed.") from error
        variable = PREFIX + keys[-1].upper()
        overridden = f" {variable} is set in the environment and overrides it." if os.environ.get(variable) else ""
        return f"Saved in {self.path}.{overridden}"


def change(text: str, keys: tuple[str, ...], value: object, where: str = "The settings file") -> str:
    """A TOML text with another value for nested keys; ``None`` removes the last key. All else stays as it is.

    Raises :class:`~trio_chat.errors.ConfigError`, which begins with ``where``, when the text is not TOML, or one of the
    outer keys is no table.
    """
    import tomlkit  # noqa: PLC0415 - rarely needed, and slower to import than all other settings together
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 - as above

    mark = "\ufeff" if text.startswith("\ufeff") else ""
    try:
        document = tomlkit.parse(text.removeprefix("\ufeff"))
    except TOMLKitError as error:
        raise ConfigError(f"{where} is not TOML: {error}. It was not changed.") from error
    table = document
    for key in keys[:-1]:
        if key not in table:
            if value is None:
                return text
            table[key] = tomlkit.table()
        table = table[key]
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where}: {key} is not a table. It was not changed.")
    if value is None:
        table.pop(keys[-1], None)
    else:
        table[keys[-1]] = list(value) if isinstance(value, tuple) else value
    return mark + str(tomlkit.dumps(document))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else _PRIVATE
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            if sys.platform != "win32":  # which has no modes
                os.fchmod(fd, mode)
            file.write(text.encode("utf-8"))
            file.flush()
            write_through(fd)
        replace(Path(name), path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
