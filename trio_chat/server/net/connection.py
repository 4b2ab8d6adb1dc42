"""One peer's connection, as the stream that trio-websocket works on.

Theory of operation. The connection works over a transport, which never waits. While it is *corked* (up to the answer
to the upgrade) it is an ordinary stream: the head of the request is read here and given to
trio-websocket again, whose answer goes straight out. Then it is uncorked, and two things go past
trio-websocket:

- Out: the hub writes frames into the :class:`~trio_chat.server.net.outbox.Outbox`; a server's frames are
  not masked, so a message's bytes are the same for all. What trio-websocket itself sends (pongs, the
  close frame) goes through the same outbox, whole, so frames never interleave; nothing follows a close.
- In: trio-websocket's reader task asks for bytes; ordinary text frames are taken out of them and put on
  the hub's inbox, and the reader gets only the rest. When the inbox is full, reading waits: that is the
  back-pressure on senders.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from trio_chat.errors import Refusal, refuse
from trio_chat.server.net.frames import FrameReader, close_frame, short_reason
from trio_chat.server.net.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_websocket import WebSocketConnection

    from trio_chat.server.net.transport import Transport

_FAREWELL: Final = 5.0
"""Seconds that a peer has to take what is left for it and to answer the close frame."""

_LINGER: Final = 2.0
"""Seconds that a peer has to read an answer that ends its connection, and to hang up."""

_CLOSE: Final = b"\x88"  # FIN and opcode 8
_TOO_BIG: Final = (1009).to_bytes(2, "big")  # how trio-websocket closes over a message that is too big
_NOT_UTF8: Final = 1007
_ABNORMAL: Final = 1006  # the peer is gone without a close; never sent (RFC 6455, 7.4.1)


class Payloads(NamedTuple):
    """What one reading from a session's socket brought: whole messages (``None`` for a binary one, which
    nobody understands), when they came (``time.perf_counter``), and how many bytes were read."""

    session: int
    messages: Sequence[bytes | None]
    came: float
    size: int


class Connection(trio.abc.Stream):
    """See the module. Raises ``trio.BrokenResourceError`` when the peer is gone in mid-word."""

    def __init__(
        self,
        transport: Transport,
        session: int,
        nursery: trio.Nursery,
        inbox: trio.MemorySendChannel[Payloads],
        *,
        max_frame: int,
        outbox_bytes: int,
        last_words: Callable[[Refusal], bytes],
    ) -> None:
        self.session = session
        self._last_words = last_words
        self._transport = transport
        self._inbox = inbox
        self._nursery = nursery
        self._websocket: WebSocketConnection | None = None
        self._max_frame = max_frame
        self._frames = FrameReader(max_frame)
        self._head = self._early = b""
        self._opened = trio.Event()
        self._pause_until = 0.0
        self._closing = self._said_bye = self._given_up = self._over = False
        self.outbox = Outbox(
            transport,
            outbox_bytes,
            spawn=nursery.start_soon,  # type: ignore[arg-type] # the writer is a coroutine function without arguments
            too_slow=self._too_slow,
            broken=nursery.cancel_scope.cancel,
        )

    def __repr__(self) -> str:
        return f"<Connection {self.session} {self.outbox!r}>"

    def pause(self, seconds: float) -> None:
        """Read nothing for so long."""
        self._pause_until = trio.current_time() + seconds

    def close_soon(self, reason: Refusal) -> None:
        """Close the connection, which has been told why, without waiting for it."""
        self.outbox.refuse_more()
        if not self._over:
            self._closing = True
            self._nursery.start_soon(self._close, reason)

    async def wait_closed(self) -> None:
        """Once the WebSocket is closed: wait for the good-byes, if it was this side that closed it."""
        if self._closing:
            await trio.sleep_forever()  # until the closing task has done and ends all of the connection's

    def finish(self) -> None:
        """The connection's nursery is about to close: nothing may be started in it any more, though the hub
        may not have heard of it yet."""
        self._over = True
        self.outbox.abandon()

    async def linger(self) -> None:
        """Say that no more will come, and read until the peer hangs up, for a short time: a socket that is
        closed with bytes unread is reset, and then the peer may lose the answer it was given."""
        if self._given_up:
            return
        with trio.move_on_after(_LINGER), contextlib.suppress(OSError, trio.BrokenResourceError):
            self._transport.shutdown()
            while await self._receive():
                pass

    async def post(self, message: str | bytes) -> None:
        """Put on the inbox a message that trio-websocket had to put together."""
        text = message.encode() if isinstance(message, str) else None
        await self._inbox.send(Payloads(self.session, [text], time.perf_counter(), len(message)))

    # ---- before the upgrade -------------------------------------------------------------------

    async def read_head(self, limit: int) -> bytes | None:
        """Read up to the empty line that ends an HTTP head, at most ``limit`` bytes.

        Returns what came so far, which lacks the empty line where the limit was reached, the peer stopped
        sending, or it begins as no HTTP request does (RFC 9112, 3: a method, in capitals); ``None`` where it
        sent nothing.
        """
        head = b""
        while b"\r\n\r\n" not in head and len(head) < limit:
            data = await self._receive()
            if not data:
                return head or None
            head += data
            if not head[:1].isupper() or (head[:4] == b"SSH-"):
                return head
        return head

    def unread(self, head: bytes) -> None:
        """Give an upgrade's head, and whatever came behind it, to the next reader."""
        end = head.index(b"\r\n\r\n") + 4
        self._head, self._early = head[:end], head[end:]

    def open_up(self, websocket: WebSocketConnection) -> None:
        """The upgrade is answered: let frames out, and ordinary ones in past trio-websocket."""
        self._websocket = websocket
        self._opened.set()
        self.outbox.uncork()

    # ---- the stream ---------------------------------------------------------------------------

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - trio's signature; less is allowed
        """What trio-websocket gets to read: the head again, then what is no ordinary message."""
        if self._head:
            head, self._head = self._head, b""
            await trio.lowlevel.checkpoint()
            return head
        await self._opened.wait()  # frames sent before the answer to the upgrade are read after it
        while True:
            if self._early:
                data, self._early = self._early, b""
            else:
                data = await self._receive()
            if not data:
                return data
            messages, rest = self._frames.feed(data)
            if messages:
                item = Payloads(self.session, messages, time.perf_counter(), len(data))
                try:
                    self._inbox.send_nowait(item)
                except trio.WouldBlock:
                    await self._inbox.send(item)
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
        """End the connection's tasks; the socket is closed by whoever opened it, after :meth:`linger`.

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
        reason = refuse("too_slow", size=waiting)
        self.outbox.write_last(self._last_words(reason))
        self.close_soon(reason)

    async def _close(self, reason: Refusal) -> None:
        """Say good-bye as WebSocket wants it; a peer that does not answer gets a few seconds."""
        with trio.move_on_after(_FAREWELL) as scope:
            try:
                await self._opened.wait()  # what is said follows the answer to the upgrade
                if self._websocket is not None:
                    await self._websocket.aclose(reason.fault.close or 1000, short_reason(reason.message))
            finally:
                self._given_up = scope.cancel_called
        self._nursery.cancel_scope.cancel()

    # ---- steps --------------------------------------------------------------------------------

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
