"""The items on the inbox of the hub: everything that happens is one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import trio
from msgspec import Struct

from trio_chat.broker.file_orders import FileOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trio_chat.broker.admin import Order, Table
    from trio_chat.broker.broker import ChargedRequest
    from trio_chat.broker.file_orders import FileOrder
    from trio_chat.errors import Refusal
    from trio_chat.protocol.requests import AnyRequest, Hello, SetPassword
    from trio_chat.records import SaveFile
    from trio_chat.server.hub.peer import Peer


class Requests(Struct, frozen=True, gc=False):
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


class HashedRequest(NamedTuple):
    """A request whose password was hashed, or checked: the hash that is right for it, ``None`` if the password is
    wrong, or a refusal. ``origin`` is the arrival whose hello it is, or the charged request itself."""

    session: int
    request: Hello | SetPassword
    found: str | Refusal | None
    origin: Arrival | ChargedRequest


class Probe:
    """Asks the hub for a sign of life: it sets ``answered``."""

    __slots__ = ("answered",)

    def __init__(self) -> None:
        self.answered = trio.Event()


class Administration:
    """An order of the server's operator. The hub sets ``settled`` when there is an ``answer``. ``found`` are the files
    that the order needs from the store."""

    __slots__ = ("answer", "found", "order", "settled")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.found: list[SaveFile] = []
        self.answer: Table | Refusal | None = None
        self.settled = trio.Event()

    def fail(self, reason: Refusal) -> None:
        """Replace the answer, because it could not be stored."""
        self.answer = reason


class PendingFileOrder:
    """An order of the door for files on its way through the hub. ``stored`` is what the store knows of a file to fetch.
    The hub sets ``settled`` when there is an ``outcome``, and what it changes is stored."""

    __slots__ = ("order", "outcome", "settled", "stored")

    def __init__(self, order: FileOrder, stored: SaveFile | None = None) -> None:
        self.order = order
        self.stored = stored
        self.outcome: FileOutcome | None = None
        self.settled = trio.Event()

    def fail(self, reason: Refusal) -> None:
        """Replace the answer, because it could not be stored."""
        self.outcome = FileOutcome(reason)


class LogsTrimmed(NamedTuple):
    """Old events were removed: of each room, by its number, those before a sequence number; or old files, or both."""

    firsts: Mapping[int, int]


class Stop(NamedTuple):
    """The server is about to end: the hub disconnects everyone, to come back after ``retry`` seconds."""

    retry: float | None


Item: TypeAlias = (
    Requests | Arrival | Departure | HashedRequest | Probe | Administration | PendingFileOrder | LogsTrimmed | Stop
)
