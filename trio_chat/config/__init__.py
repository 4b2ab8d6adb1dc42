"""Settings: the file, the environment and the flags become one frozen, checked struct."""

from trio_chat.config.loading import (
    Loaded,
    Source,
    check_server,
    load,
    load_client,
    load_server,
    near,
)
from trio_chat.config.settings import MASK, SECTIONS, ClientConfig, ServerConfig, Settings, options
from trio_chat.config.source import default_path
from trio_chat.config.values import Option, Wrong, convert

__all__ = [
    "MASK",
    "SECTIONS",
    "ClientConfig",
    "Loaded",
    "Option",
    "ServerConfig",
    "Settings",
    "Source",
    "Wrong",
    "check_server",
    "convert",
    "default_path",
    "load",
    "load_client",
    "load_server",
    "near",
    "options",
]
