"""The interface between the hub and the doors: what the hub asks of a session's peer, whatever protocol it speaks.

A door decodes the requests of its peers and puts them on the hub's inbox. The hub hands events and answers back as
structs, and the peer writes them in its own protocol. Events of a room are the hot path: they are encoded once for each
:class:`Encoding` in use in that room, and every member gets the same bytes.

The order in which the hub calls a peer is the order in which the peer has to send. No call waits, and none raises for
what the network does: a peer that is gone or too slow says so by ending its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from trio_chat.protocol.codec import decode_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trio_chat.errors import Refusal
    from trio_chat.protocol.events import AnyEvent, Event, Found, Page

RETRY: Final = 2.0
"""The ``retry`` of :meth:`Peer.close` for a session that may come back: after a shutdown, a bug of the server, or a
connection that was too slow."""


class Delivery(Struct, frozen=True, gc=False):
    """An event on its way to the members of a room.

    ``room`` is the room's number. ``session`` and ``request`` are the session and the id of the request that caused the
    event, 0 and empty where none did. ``stored`` is the event as the log has it, in the JSON of
    :mod:`trio_chat.protocol.codec`; it is empty for a notice, which is not stored.
    """

    room: int
    event: Event
    session: int = 0
    request: str = ""
    stored: bytes = b""


class Encoding(Protocol):
    """How one door writes the events of rooms. The peers of a door share one encoding, and with it the bytes."""

    @property
    def own_share(self) -> bool:
        """Whether the session that caused an event gets other bytes than the other members."""

    def encode(self, delivery: Delivery) -> bytes:
        """Return the bytes for every member, or ``b""`` where this protocol does not tell of such an event."""


class Stream(Protocol):
    """Where bytes go that a peer's encoding made."""

    def write(self, data: bytes, /) -> None:
        """Send bytes, now or as soon as the peer takes them. Never waits."""


class PeerOutput(Protocol):
    """The part of a peer that events and answers go to. While answers wait for a look-up, a queue stands in for it."""

    @property
    def stream(self) -> Stream:
        """Where the bytes go that the peer's encoding made for all members of a room. It stays the same."""

    def deliver(self, event: Event) -> None:
        """Tell this session alone of an event."""

    def deliver_share(self, shared: bytes, deliveries: Sequence[Delivery], answers: Sequence[Event]) -> None:
        """Send what one flush of a room has for a session with a share of its own, if possible in one write.

        ``deliveries`` are all events of the flush, and ``shared`` the bytes that other members get for them. Either the
        session caused some of them, and the encoding has ``own_share``, or ``answers`` to its requests follow them.
        """

    def answer(self, event: Event) -> None:
        """Send the answer to a request; its ``id`` says which. Answers come in the order of their requests.

        The events of a page are JSON as stored: see :func:`page_events`.
        """


class Peer(PeerOutput, Protocol):
    """One session's end of the server."""

    @property
    def session(self) -> int:
        """The number of the session."""

    @property
    def encoding(self) -> Encoding:
        """The encoding of this peer's door; it stays the same for as long as the peer lives."""

    @property
    def waiting(self) -> int:
        """The bytes that wait for the peer to take them."""

    @property
    def page_bytes(self) -> int:
        """The greatest size of the events of one page, in bytes."""

    @property
    def takes_more(self) -> bool:
        """Whether what is sent now reaches the peer, unless its connection breaks."""

    async def wait_ready(self) -> None:
        """Wait until the peer has taken so much that another page may be sent, or is gone."""

    def admit(self) -> None:
        """Let the session in: it arrived, and its credentials are right or still to come."""

    def refuse(self, reason: Refusal) -> None:
        """Tell the peer why its session is not let in, and end its connection."""

    def charged(self, size: int) -> None:
        """Note that requests of so many bytes were charged, and what follows from them was carried out."""

    def throttle(self, seconds: float) -> None:
        """Read nothing from the peer for so many seconds."""

    def close(self, reason: Refusal, retry: float | None = None) -> None:
        """Say the last words in the peer's protocol, and close its connection without waiting for that.

        ``retry`` is the number of seconds after which the peer may come back by itself.
        """


def page_events(page: Page | Found) -> Iterator[AnyEvent]:
    """Decode the events of a page one by one, leaving out those of types that this version does not know."""
    for raw in page.events:
        event = decode_event(bytes(raw))
        if event is not None:
            yield event
