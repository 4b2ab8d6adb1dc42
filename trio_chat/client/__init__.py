"""The client library: :func:`connect` and the :class:`Chat` it gives.

Layers, from the pure core outwards: ``rooms`` (each room's events in order, once) and ``state`` (what is
owed) decide; ``wire`` is one connection, ``connection`` keeps one; ``chat`` is what applications use.
"""

from trio_chat.client.address import DEFAULT_PORT, Address, parse_url
from trio_chat.client.backoff import Backoff
from trio_chat.client.chat import Chat, Statistics, connect
from trio_chat.client.events import (
    Backlog,
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
from trio_chat.client.identity import Identities
from trio_chat.client.rooms import RoomView
from trio_chat.client.wire import OpenStream

__all__ = [
    "DEFAULT_PORT",
    "Address",
    "Backlog",
    "Backoff",
    "Chat",
    "ChatEvent",
    "Disconnected",
    "Findings",
    "Identities",
    "LocalEvent",
    "Missed",
    "OpenStream",
    "Past",
    "Receipt",
    "Reconnected",
    "RejoinRefused",
    "RoomView",
    "Statistics",
    "connect",
    "parse_url",
]
