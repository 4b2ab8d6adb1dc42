"""The client library: :func:`connect` and the :class:`Chat` it gives.

Layers, from the pure core outwards: ``rooms`` (each room's events in order, once) and ``state`` (the requests without a
reply) decide; ``wire`` is one connection, ``connection`` keeps the chat connected; ``chat`` and ``connecting`` are what
applications use.

Each name is imported at its first use, so that a program that only needs an event's type does not import the network.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trio_chat.client.address import DEFAULT_PORT, Address, GivenAddress, parse_given, parse_url
    from trio_chat.client.backoff import Backoff
    from trio_chat.client.chat import Chat
    from trio_chat.client.chat_statistics import ChatStatistics
    from trio_chat.client.connecting import connect
    from trio_chat.client.credentials import Credentials
    from trio_chat.client.events import (
        Backlog,
        BadEvent,
        ChatEvent,
        Disconnected,
        Findings,
        LocalEvent,
        Missed,
        Past,
        Receipt,
        Reconnected,
        RejoinRefused,
    )
    from trio_chat.client.files.progress import TransferProgress
    from trio_chat.client.files.sending import FileSending
    from trio_chat.client.identity import Identities
    from trio_chat.client.known_accounts import AccountRef, KnownAccounts
    from trio_chat.client.known_servers import KnownServers
    from trio_chat.client.options import Reconnection, StreamOptions, Timeouts
    from trio_chat.client.rooms import RoomView
    from trio_chat.client.server_contact import ServerContact
    from trio_chat.client.server_records import KnownServer
    from trio_chat.client.wire import OpenStream

_HOMES: Final = {
    "address": ("DEFAULT_PORT", "Address", "GivenAddress", "parse_given", "parse_url"),
    "backoff": ("Backoff",),
    "chat": ("Chat",),
    "chat_statistics": ("ChatStatistics",),
    "connecting": ("connect",),
    "credentials": ("Credentials",),
    "events": (
        "Backlog",
        "BadEvent",
        "ChatEvent",
        "Disconnected",
        "Findings",
        "LocalEvent",
        "Missed",
        "Past",
        "Receipt",
        "Reconnected",
        "RejoinRefused",
    ),
    "files.progress": ("TransferProgress",),
    "files.sending": ("FileSending",),
    "identity": ("Identities",),
    "known_accounts": ("AccountRef", "KnownAccounts"),
    "known_servers": ("KnownServers",),
    "options": ("Reconnection", "StreamOptions", "Timeouts"),
    "rooms": ("RoomView",),
    "server_records": ("KnownServer",),
    "server_contact": ("ServerContact",),
    "wire": ("OpenStream",),
}
_HOME: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "DEFAULT_PORT",
    "AccountRef",
    "Address",
    "Backlog",
    "Backoff",
    "BadEvent",
    "Chat",
    "ChatEvent",
    "ChatStatistics",
    "Credentials",
    "Disconnected",
    "FileSending",
    "Findings",
    "GivenAddress",
    "Identities",
    "KnownAccounts",
    "KnownServer",
    "KnownServers",
    "LocalEvent",
    "Missed",
    "OpenStream",
    "Past",
    "Receipt",
    "Reconnected",
    "Reconnection",
    "RejoinRefused",
    "RoomView",
    "ServerContact",
    "StreamOptions",
    "Timeouts",
    "TransferProgress",
    "connect",
    "parse_given",
    "parse_url",
]


if not TYPE_CHECKING:  # a type checker would take it for a module that has every attribute

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        return value


def __dir__() -> list[str]:
    return __all__
