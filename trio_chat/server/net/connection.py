"""One peer's WebSocket connection, as the stream that trio-websocket works on.

Theory of operation. The connection works over a transport, which never waits. Up to the answer to the upgrade it is
*corked*, and an ordinary stream: the connection reads the head of the request and gives it to trio-websocket again,
whose answer goes straight out. Then it is uncorked, and two things go past trio-websocket:

- Out: the session's owner writes frames into the :class:`~trio_chat.server.net.outbox.Outbox`. A server's frames are
  not masked, so a message's bytes are the same for all. The frames of trio-websocket itself (pongs, the close frame) go
  through the same outbox, whole, so frames never interleave; nothing follows a close.
- In: trio-websocket's reader task asks for bytes. The connection takes ordinary text frames out of them and hands their
  messages to the session's owner; the reader gets the rest. While the owner cannot take a message, reading waits: that
  is the back-pressure on senders.
"""

from __future__ import annotations

import contextlib
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Protocol

import trio

from trio_chat.errors import Refusal, refuse
from trio_chat.server.net.file_sending import send_file
from trio_chat.server.net.frames import SMALL, FrameReader, close_frame, short_reason
from trio_chat.server.net.outbox import Outbox
from trio_chat.server.net.outbox_memory import OutboxMemory
from trio_chat.server.net.transport import linger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_websocket import WebSocketConnection

    from trio_chat.server.net.transport import Transport

_FAREWELL: Final = 5.0
"""Seconds that a peer has to take the rest of its outbox and to answer the close frame."""

_FEW_FRAGMENTS: Final = 1024
"""Fragments that any message may have, however short."""

_FRAME_RATE: Final = 100.0
"""Control frames and small fragments that a peer may send in a second, on average: a thousandth of the processor. A
client sends a ping every few seconds. A peer that sends more is read later."""

_FRAME_BURST: Final = 256.0
"""Control frames and small fragments that a peer may send at once: three milliseconds."""

_CLOSE: Final = b"\x88"  # FIN and opcode 8
_TOO_BIG: Final = (1009).to_bytes(2, "big")  # how trio-websocket closes over a message that is too big
_NOT_UTF8: Final = 1007
_ABNORMAL: Final = 1006  # the peer is gone without a close; never sent (RFC 6455, 7.4.1)
_FRAME_PARSER: Final = attrgetter("_wsproto.handshake.connection._proto")


class Owner(Protocol):
    """The session that a connection is for, as the connection needs it."""

    def take_nowait(self, messages: Sequence[bytes | None], size: int, /) -> bool:
        """Do what :meth:`take` does if that needs no waiting, and return whether it did."""

    async def take(self, messages: Sequence[bytes | None], size: int, /) -> None:
        """Take whole messages (``None`` for a binary one, which no session understands) out of ``size`` bytes that
        were read. The connection reads no more until the call returns."""

    def last_words(self, reason: Refusal, /) -> bytes:
        """Return the frames that tell the peer why the connection ends, by a fault of the peer's."""


class Connection(trio.abc.Stream):
    """See the module. Raises ``trio.BrokenResourceError`` when the peer is gone in mid-word.

    ``memory`` is shared with the other connections of a server.
    The connection has no owner before :meth:`attach`, and keeps to itself what it would say to the peer.
    """

    def __init__(
        self,
        transport: Transport,
        session: int,
        nursery: trio.Nursery,
        *,
        max_frame: int,
        outbox_bytes: int,
        memory: OutboxMemory | None = None,
    ) -> None:
        self.session = session
        self._transport = transport
        self._owner: Owner | None = None
        self._nursery = nursery
        self._websocket: WebSocketConnection | None = None
        self._max_frame = max_frame
        most_fragments = _FEW_FRAGMENTS + max_frame // SMALL
        self._frames = FrameReader(max_frame, most_fragments)
        self._most_fragments = most_fragments
        self._frame_credit = _FRAME_BURST
        self._credited = trio.current_time()
        self._head = self._early = b""
        self._opened = trio.Event()
        self._pause_until = 0.0
        self._closing = self._said_bye = self._given_up = self._over = False
        self.outbox = Outbox(
            transport,
            outbox_bytes,
            memory or OutboxMemory(),
            spawn=nursery.start_soon,  # type: ignore[arg-type] # the writer is a coroutine function without arguments
            too_slow=self._too_slow,
            broken=nursery.cancel_scope.cancel,
        )

    def __repr__(self) -> str:
        return f"<Connection {self.session} {self.outbox!r}>"

    def attach(self, owner: Owner) -> None:
        """Hand over messages to this owner, and let it say the last words."""
        self._owner = owner

    def pause(self, seconds: float) -> None:
        """Read nothing for so many seconds, or for as long as an earlier call said if that is longer."""
        self._pause_until = max(self._pause_until, trio.current_time() + seconds)

    def close_soon(self, reason: Refusal) -> None:
        """Close the connection without waiting for that. Its peer has been told why."""
        self.outbox.refuse_more()
        if not self._over:
            self._closing = True
            self._nursery.start_soon(self._close, reason)

    def say_why(self, reason: Refusal) -> None:
        """Send what tells the peer why the connection is cut now, as far as the peer takes it without waiting."""
        self.outbox.write_last(self._last_words(reason) + close_frame(reason.fault.close or 1000, reason.message))

    async def wait_closed(self) -> None:
        """Wait for the end of the closing handshake, once the WebSocket is closed, if this side closed it."""
        if self._closing:
            await trio.sleep_forever()  # until the closing task is done and ends all tasks of the connection

    def finish(self) -> None:
        """Start no task any more: the connection's nursery is about to close, though the session's owner may not have
        heard of it yet."""
        self._over = True
        self.outbox.abandon()

    async def linger(self) -> None:
        """Tell the peer that no more will come, and read until it hangs up, for a short time. A socket that is closed
        with bytes unread is reset, and then the peer may lose its last answer."""
        if self._given_up:
            return
        await linger(self._transport)

    def detach(self) -> None:
        """Forget all that refers back to the connection, once its nursery is closed, so that its memory is free at
        once. The garbage collector, which frees circles, comes only after thousands of connections."""
        if self._websocket is not None:
            with contextlib.suppress(AttributeError):  # another version of the libraries leaves it to the collector
                # A generator that refers to the parser, which keeps it. To close it is not enough: since Python 3.12 a
                # closed generator still holds its variables.
                del _FRAME_PARSER(self._websocket)._parse_more  # noqa: SLF001 - nothing public ends it
        self._owner = self._websocket = None
        self.outbox.detach()

    async def post(self, message: str | bytes) -> None:
        """Hand over a message that trio-websocket had to put together."""
        text = message.encode() if isinstance(message, str) else None
        if self._owner is not None:
            await self._owner.take([text], len(message))

    # ---- before the upgrade -------------------------------------------------------------------

    async def read_head(self, limit: int) -> bytes | None:
        """Read up to the empty line that ends an HTTP head, at most ``limit`` bytes.

        Returns the bytes so far, or ``None`` when the peer sent nothing. They lack the empty line when the limit was
        reached, when the peer stopped sending, and when they begin as no HTTP request does (RFC 9112, 3: a method, in
        capitals).
        """
        head, self._early = self._early, b""
        while b"\r\n\r\n" not in head and len(head) < limit:
            data = await self._receive()
            if not data:
                return head or None
            head += data
            if not head[:1].isupper() or (head[:4] == b"SSH-"):
                return head
            if b"\n\n" in head[-len(data) - 3 :].replace(b"\r\n", b"\n"):
                return head  # its lines end otherwise than HTTP's
        return head

    def unread(self, head: bytes) -> None:
        """Give an upgrade's head, and the bytes behind it, to the next reader."""
        end = head.index(b"\r\n\r\n") + 4
        self._head, self._early = head[:end], head[end:]

    def put_back(self, data: bytes) -> None:
        """Have these bytes read again, before others."""
        self._early = data + self._early

    @property
    def has_early(self) -> bool:
        """Whether bytes were read that nobody has taken yet."""
        return bool(self._early)

    def receive_into(self, place: memoryview) -> int:
        """Read what is there into a place that is not empty, without waiting; return the number of bytes, 0 at the
        end. Raises ``BlockingIOError``, and another ``OSError`` when the peer is gone."""
        if self._early:
            size = min(len(place), len(self._early))
            place[:size], self._early = self._early[:size], self._early[size:]
            return size
        return self._transport.receive_into(place)

    async def wait_readable(self) -> None:
        """Wait until :meth:`receive_into` may return something. A checkpoint."""
        await self._transport.wait_readable()

    async def send_file(self, fd: int, offset: int, count: int, told: Callable[[int], None]) -> None:
        """Send ``count`` bytes of a file from ``offset`` on, in portions, each of which is told to ``told``.

        Raises ``trio.BrokenResourceError`` when the peer is gone or takes too little, and ``FileShrank`` when the file
        ends before; the rest is not sent then, and the connection has to end. So it is after a cancellation.
        """
        await send_file(self._transport, fd, offset, count, told)

    def open_up(self, websocket: WebSocketConnection) -> None:
        """Let frames out, and ordinary ones in past trio-websocket: the upgrade is answered."""
        self._websocket = websocket
        self._opened.set()
        self.outbox.uncork()

    # ---- the stream ---------------------------------------------------------------------------

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - trio's signature; less is allowed
        """Give trio-websocket the head again, then all that is no ordinary message."""
        if self._head:
            head, self._head = self._head, b""
            await trio.lowlevel.checkpoint()
            return head
        await self._opened.wait()  # frames sent before the answer to the upgrade are read after it
        frames = self._frames
        size = 0  # the bytes read since messages were handed over: a long one comes in several readings
        while True:
            if frames.more:
                await self._wait_turn()
                data = b""
            elif self._early:
                data, self._early = self._early, b""
            else:
                data = await self._receive()
                if not data:
                    return data
            messages, rest = frames.feed(data)
            size += len(data)
            if frames.extra or frames.too_many:
                self._charge(frames.extra)
            if messages:
                owner = None if self._closing else self._owner
                if owner is not None and not owner.take_nowait(messages, size):
                    await owner.take(messages, size)
                size = 0
            if rest:
                return rest

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send trio-websocket's own bytes, which are whole frames, and wait until they are out."""
        data = bytes(data)
        if not self._opened.is_set():
            await self._send_directly(data)
            return
        if data[:1] == _CLOSE and not self._closing and data[2:4] == _TOO_BIG:
            data = self._last_words(refuse("too_big", limit=self._max_frame)) + data
            self._said_bye = True
        self.outbox.write_last(data)
        if data[:1] == _CLOSE or self._said_bye:
            self._said_bye = True
            self.outbox.refuse_more()
        await self.outbox.wait_empty()
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the transport may take something."""
        await self._transport.wait_writable()

    async def aclose(self) -> None:
        """End the connection's tasks. Its creator closes the transport, after :meth:`linger`.

        A peer that broke the protocol is told so here: trio-websocket says nothing to it.
        """
        reason = self._websocket.closed if self._websocket is not None else None
        if reason is not None and reason.code != _ABNORMAL and not self._said_bye:
            why = "not_utf8" if reason.code == _NOT_UTF8 else "bad_frame"
            words = self._last_words(refuse(why, why=reason.reason or "it is none"))
            self.outbox.write_last(words + close_frame(reason.code, reason.reason or ""))
        self._nursery.cancel_scope.cancel()
        await trio.lowlevel.checkpoint()

    # ---- the end ------------------------------------------------------------------------------

    def _too_slow(self, waiting: int) -> None:
        self._cut_off(refuse("too_slow", size=waiting))

    def _cut_off(self, reason: Refusal) -> None:
        """Tell the peer why its own fault ends the connection, and close it without waiting for that."""
        self.outbox.write_last(self._last_words(reason))
        self.close_soon(reason)

    async def _close(self, reason: Refusal) -> None:
        """Do the closing handshake of WebSocket. A peer that does not answer gets a few seconds."""
        with trio.move_on_after(_FAREWELL) as scope:
            try:
                await self._opened.wait()  # frames follow the answer to the upgrade
                if self._websocket is not None:
                    await self._websocket.aclose(reason.fault.close or 1000, short_reason(reason.message))
            finally:
                self._given_up = scope.cancel_called
        self._nursery.cancel_scope.cancel()

    # ---- steps --------------------------------------------------------------------------------

    def _last_words(self, reason: Refusal) -> bytes:
        return b"" if self._owner is None else self._owner.last_words(reason)

    def _charge(self, extra: int) -> None:
        """Charge frames that are no message of their own, beyond the burst by reading later. Ends a connection whose
        message has too many fragments."""
        now = trio.current_time()
        earned = (now - self._credited) * _FRAME_RATE
        self._frame_credit = min(_FRAME_BURST, self._frame_credit + earned) - extra
        self._credited = now
        if self._frame_credit < 0:
            self.pause(-self._frame_credit / _FRAME_RATE)
        if self._frames.too_many and not self._closing:
            self._cut_off(refuse("too_many_fragments", limit=self._most_fragments))

    async def _wait_turn(self) -> None:
        """Let other connections have their turn, and wait while this one is paused."""
        await trio.lowlevel.checkpoint()
        if self._pause_until > trio.current_time():
            await trio.sleep_until(self._pause_until)

    async def _receive(self) -> bytes:
        while True:
            await self._transport.wait_readable()
            if self._pause_until > trio.current_time():  # it may have come to that while this waited
                await trio.sleep_until(self._pause_until)
            try:
                return self._transport.receive()
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def _send_directly(self, data: bytes) -> None:
        while data:
            await self._transport.wait_writable()
            try:
                data = data[self._transport.send(data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error
