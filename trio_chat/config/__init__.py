"""Settings: the file, the environment and the flags are merged into one frozen, validated struct."""

from trio_chat.config.checks import THEMES
from trio_chat.config.loading import (
    Loaded,
    Source,
    admission,
    check_server,
    load,
    load_client,
    load_server,
    near,
    open_file,
)
from trio_chat.config.settings import MASK, SECTIONS, ClientConfig, ServerConfig, Settings, options
from trio_chat.config.source import default_path
from trio_chat.config.values import InvalidValue, Option, convert

__all__ = [
    "MASK",
    "SECTIONS",
    "THEMES",
    "ClientConfig",
    "InvalidValue",
    "Loaded",
    "Option",
    "ServerConfig",
    "Settings",
    "Source",
    "admission",
    "check_server",
    "convert",
    "default_path",
    "load",
    "load_client",
    "load_server",
    "near",
    "open_file",
    "options",
]
