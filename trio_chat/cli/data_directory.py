"""The data directory that a command works on: the one that is given, or the usual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.cli.options import load_settings
from trio_chat.config import ServerConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def data_directory(config: ServerConfig) -> Path:
    """Return the data directory of a server with these settings."""
    if config.data is not None:
        return config.data
    from trio_chat.server.app import default_data_directory  # noqa: PLC0415 - a help page does not need it

    return default_data_directory()


def chosen_directory(config_path: Path | None, flags: Mapping[str, object]) -> Path:
    """Return the data directory that a command's options name. Raises ``ConfigError`` for a fault in the settings."""
    return data_directory(load_settings(ServerConfig, flags, config_path))
