"""The two frozen structs that hold all settings: :class:`ServerConfig` and :class:`ClientConfig`."""

from __future__ import annotations

from typing import Final

from trio_chat.config.client_settings import ClientConfig
from trio_chat.config.server_settings import ServerConfig
from trio_chat.config.setting_fields import MASK, Settings, options

__all__ = ["MASK", "SECTIONS", "ClientConfig", "ServerConfig", "Settings", "options"]

SECTIONS: Final[dict[str, type[Settings]]] = {config.table: config for config in (ServerConfig, ClientConfig)}
"""The tables of the settings file, each with its struct."""
