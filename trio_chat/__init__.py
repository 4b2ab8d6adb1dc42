"""A self-hosted chat for people who live in the terminal.

The client library is here: :func:`connect` gives a :class:`Chat`, and the exceptions say what can go wrong.
It is imported at its first use, so that ``import trio_chat`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from trio_chat.version import __version__

if TYPE_CHECKING:
    from trio_chat.client import (
        Backlog,
        Chat,
        Credentials,
        Disconnected,
        FileSending,
        Identities,
        Missed,
        Receipt,
        Reconnected,
        Reconnection,
        RejoinRefused,
        StreamOptions,
        Timeouts,
        TransferProgress,
        connect,
    )
    from trio_chat.errors import (
        ChatError,
        ConnectionClosed,
        IdentityRefused,
        NameNeeded,
        NotAcknowledged,
        NotAdmitted,
        NotDone,
        Refused,
        TrioChatError,
        Unreachable,
        UsageError,
    )

__all__ = [
    "Backlog",
    "Chat",
    "ChatError",
    "ConnectionClosed",
    "Credentials",
    "Disconnected",
    "FileSending",
    "Identities",
    "IdentityRefused",
    "Missed",
    "NameNeeded",
    "NotAcknowledged",
    "NotAdmitted",
    "NotDone",
    "Receipt",
    "Reconnected",
    "Reconnection",
    "Refused",
    "RejoinRefused",
    "StreamOptions",
    "Timeouts",
    "TransferProgress",
    "TrioChatError",
    "Unreachable",
    "UsageError",
    "__version__",
    "connect",
]

_IN_CLIENT = frozenset(
    {
        "Backlog",
        "Chat",
        "Credentials",
        "Disconnected",
        "FileSending",
        "Identities",
        "Missed",
        "Receipt",
        "Reconnected",
        "Reconnection",
        "RejoinRefused",
        "StreamOptions",
        "Timeouts",
        "TransferProgress",
        "connect",
    }
)


if not TYPE_CHECKING:  # a type checker would take it for a module that has every attribute

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module("trio_chat.client" if name in _IN_CLIENT else "trio_chat.errors")
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    return __all__
