"""What the hub takes from its inbox: everything that happens is one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trio_chat.broker.admin import Order, Table
    from trio_chat.broker.broker import ChargedRequest
    from trio_chat.errors import Refusal
    from trio_chat.protocol.requests import AnyRequest, Hello, SetPassword
    from trio_chat.server.hub.peer import Peer


class Requests(NamedTuple):
    """Requests that one reading from a session brought, decoded by its door.

    A request that the door could not read stands there as its id and the refusal. ``came`` is when they were read
    (``time.perf_counter``), and ``size`` the number of bytes that were read.
    """

    session: int
    requests: Sequence[AnyRequest | tuple[str, Refusal]]
    came: float
    size: int


class Arrival(NamedTuple):
    """A session from ``address`` begins. ``hello`` holds the credentials that came with its connection, if any.

    The hub calls :meth:`~trio_chat.server.hub.peer.Peer.admit` or ``refuse`` once that is decided and stored.
    """

    peer: Peer
    hello: Hello | None
    address: str


class Departure(NamedTuple):
    """A session is gone."""

    session: int


class Prepared(NamedTuple):
    """A request whose password was hashed, or checked: the hash that is right for it, ``None`` if the password is
    wrong, or a refusal. ``origin`` is the arrival whose hello it is, or the charged request itself."""

    session: int
    request: Hello | SetPassword
    found: str | Refusal | None
    origin: Arrival | ChargedRequest


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


Item: TypeAlias = Requests | Arrival | Departure | Prepared | Probe | Administration | Forgotten | Stop
