"""What the hub takes from its inbox: everything that happens is one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import trio

from trio_chat.server.net.connection import Payloads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio_chat.broker.admin import Order, Table
    from trio_chat.broker.registry import Found
    from trio_chat.errors import Refusal
    from trio_chat.protocol.requests import AnyRequest, Hello
    from trio_chat.server.hub.dispatch import Peer


class Arrival:
    """A connection from ``address`` is there. ``hello`` holds the credentials its headers gave; wait for
    ``settled``, then ``refusal`` tells whether it is let in."""

    __slots__ = ("address", "hello", "peer", "refusal", "settled")

    def __init__(self, peer: Peer, hello: Hello | None, address: str) -> None:
        self.peer = peer
        self.hello = hello
        self.address = address
        self.refusal: Refusal | None = None
        self.settled = trio.Event()


class Departure(NamedTuple):
    """A connection is gone."""

    session: int


class Prepared(NamedTuple):
    """A request for which something slow had to be found out first, and what was found out; ``arrival``
    where it is the hello of one."""

    session: int
    request: AnyRequest
    found: Found | Refusal
    arrival: Arrival | None


class Probe:
    """A sign of life is wanted: ``answered`` is set when the hub comes to it."""

    __slots__ = ("answered",)

    def __init__(self) -> None:
        self.answered = trio.Event()


class Administration:
    """An order from whoever runs the server; wait for ``settled``, then there is an ``answer``."""

    __slots__ = ("answer", "order", "settled")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.answer: Table | Refusal | None = None
        self.settled = trio.Event()


class Forgotten(NamedTuple):
    """Retention removed what was before these places of these rooms, by their numbers."""

    firsts: Mapping[int, int]


class Stop(NamedTuple):
    """The server is about to end: tell everyone, with ``retry`` seconds after which to come back."""

    retry: float | None


Item: TypeAlias = Payloads | Arrival | Departure | Prepared | Probe | Administration | Forgotten | Stop
