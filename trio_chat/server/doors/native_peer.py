"""A session that speaks the native protocol: JSON structs in WebSocket text messages.

The store keeps an event byte for byte as the session gets it, so an event of a room's log is encoded once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.codec import decode_request, encode
from trio_chat.protocol.events import Closing
from trio_chat.server.hub.items import Requests
from trio_chat.server.hub.peer import RETRY
from trio_chat.server.net.frames import text_frame
from trio_chat.server.net.outbox import SHARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.protocol.events import Event
    from trio_chat.protocol.requests import AnyRequest
    from trio_chat.server.hub.items import Item
    from trio_chat.server.hub.peer import Delivery
    from trio_chat.server.net.connection import Connection
    from trio_chat.server.refusals import Refusals

_PORTION: Final = 256
"""Messages decoded at a time: some tenths of a millisecond, or about two where none of them can be read."""

_AHEAD: Final = 16 * 1024
"""Bytes of requests that may wait to be charged before no more is read. Else a flood is in the hub's inbox, and has to
be refused request by request, before its session can be slowed down."""


class NativeEncoding:
    """Writes the events of rooms as text frames, the same for all members."""

    own_share: Final = False

    def encode(self, delivery: Delivery) -> bytes:
        """See :meth:`trio_chat.server.hub.peer.Encoding.encode`."""
        return text_frame(delivery.stored or encode(delivery.event))


NATIVE: Final = NativeEncoding()


class NativePeer:
    """The :class:`~trio_chat.server.hub.peer.Peer` of a WebSocket connection, which puts its requests on ``inbox``."""

    __slots__ = (
        "_address",
        "_ahead",
        "_charged",
        "_connection",
        "_inbox",
        "_refusal",
        "_refusals",
        "_settled",
        "session",
        "stream",
    )

    encoding: Final = NATIVE

    def __init__(
        self, connection: Connection, inbox: trio.MemorySendChannel[Item], refusals: Refusals, address: str
    ) -> None:
        self.session = connection.session
        self._connection = connection
        self._inbox = inbox
        self._refusals = refusals
        self._address = address
        self._ahead = 0
        self._charged: trio.Event | None = None  # set when something was charged, while this waits for it
        self._settled = trio.Event()
        self._refusal: Refusal | None = None
        self.stream: Final = connection.outbox
        connection.attach(self)

    def __repr__(self) -> str:
        return f"<NativePeer {self._connection!r}>"

    # ---- for the hub --------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """See :attr:`trio_chat.server.hub.peer.Peer.waiting`."""
        return self.stream.size

    @property
    def page_bytes(self) -> int:
        """See :attr:`trio_chat.server.hub.peer.Peer.page_bytes`."""
        return self.stream.limit // SHARE

    @property
    def takes_more(self) -> bool:
        """See :attr:`trio_chat.server.hub.peer.Peer.takes_more`."""
        return self.stream.takes_more

    async def wait_ready(self) -> None:
        """Wait until no more than one page waits in the outbox, or the peer is gone."""
        await self.stream.wait_room(self.page_bytes)

    def deliver(self, event: Event) -> None:
        """See :meth:`trio_chat.server.hub.peer.PeerOutput.deliver`."""
        self.stream.write(text_frame(encode(event)))

    def deliver_share(self, shared: bytes, deliveries: Sequence[Delivery], answers: Sequence[Event]) -> None:
        """See :meth:`trio_chat.server.hub.peer.PeerOutput.deliver_share`."""
        del deliveries  # its own are in what it shares with the others
        if len(answers) == 1:
            self.stream.write(shared + text_frame(encode(answers[0])))
        else:  # the shared bytes of a busy room are many, and are copied once
            self.stream.write(b"".join((shared, *[text_frame(encode(event)) for event in answers])))

    def answer(self, event: Event) -> None:
        """See :meth:`trio_chat.server.hub.peer.PeerOutput.answer`."""
        self.stream.write(text_frame(encode(event)))

    def admit(self) -> None:
        """Have the upgrade answered. What the hub sends before that follows the answer."""
        self._settled.set()

    def refuse(self, reason: Refusal) -> None:
        """Have the upgrade refused."""
        self._refusal = reason
        self._settled.set()

    def charged(self, size: int) -> None:
        """See :meth:`trio_chat.server.hub.peer.Peer.charged`."""
        self._ahead -= size
        if self._charged is not None:
            self._charged.set()
            self._charged = None

    def throttle(self, seconds: float) -> None:
        """See :meth:`trio_chat.server.hub.peer.Peer.throttle`."""
        self._connection.pause(seconds)

    def close(self, reason: Refusal, retry: float | None = None) -> None:
        """See :meth:`trio_chat.server.hub.peer.Peer.close`."""
        try:
            self.stream.write(_closing_frame(reason, retry))
        finally:  # if that fails, the close frame has to say it
            self._connection.close_soon(reason)

    # ---- for the connection -------------------------------------------------------------------

    async def wait_settled(self) -> Refusal | None:
        """Wait until the hub has decided about the arrival. Returns the refusal, if it is not let in."""
        await self._settled.wait()
        return self._refusal

    def take_nowait(self, messages: Sequence[bytes | None], size: int) -> bool:
        """Do what :meth:`take` does, if that takes no waiting; return whether it was done. Most readings bring one
        message, and a coroutine for each would cost as much as its decoding."""
        if len(messages) > _PORTION or self._ahead > _AHEAD:
            return False
        try:
            self._inbox.send_nowait(
                Requests(self.session, [_decode(message) for message in messages], time.perf_counter(), size)
            )
        except trio.WouldBlock:
            return False
        self._ahead += size
        return True

    async def take(self, messages: Sequence[bytes | None], size: int) -> None:
        """Decode messages, which ``size`` bytes brought, and put them on the inbox; wait while that is full, or while
        too many of this session's wait to be charged."""
        while self._ahead > _AHEAD:
            if self._charged is None:
                self._charged = trio.Event()
            await self._charged.wait()
        self._ahead += size
        came = time.perf_counter()
        for start in range(0, len(messages), _PORTION):
            if start:
                await trio.lowlevel.checkpoint()
            portion = [_decode(message) for message in messages[start : start + _PORTION]]
            item = Requests(self.session, portion, came, 0 if start else size)
            try:
                self._inbox.send_nowait(item)
            except trio.WouldBlock:
                await self._inbox.send(item)

    def last_words(self, reason: Refusal) -> bytes:
        """Return the frames that tell the peer why its own fault ends the connection."""
        self._refusals.note("cut off", reason.code, self._address, **reason.params)
        return _closing_frame(
            reason, RETRY if reason.code == "too_slow" else None
        )  # a broken peer would break it again


def _decode(message: bytes | None) -> AnyRequest | tuple[str, Refusal]:
    return ("", refuse("not_text")) if message is None else decode_request(message)


def _closing_frame(reason: Refusal, retry: float | None) -> bytes:
    closing = Closing(code=reason.code, message=reason.message, advice=reason.advice, until=reason.until, retry=retry)
    return text_frame(encode(closing))
