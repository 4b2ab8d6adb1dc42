"""One WebSocket connection: opened, watched and closed, with every fault of the libraries below translated.

What trio-websocket 0.12 leaves to its caller, and this module does:

- If the peer hangs up during the handshake, its ``wrap_client_stream`` waits for ever: the stream below
  is watched, and the wait ended, here.
- Its reader lets exceptions out into the nursery it runs in (a rejected upgrade, wsproto's and h11's protocol
  errors): that nursery is one of ours, in a task that turns them into values.
- A cancelled send may have written half a frame: sends here are never cancelled but with the connection.
- ``aclose`` of a connection that the peer closed leaves the stream open: it is always closed here.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import h11
import trio
import trio_websocket
from wsproto.utilities import ProtocolError

from trio_chat.client.admission import NoTls, Setback, hung_up, rejected
from trio_chat.client.dialling import dial
from trio_chat.client.tls import open_tls, system_context
from trio_chat.errors import Unreachable
from trio_chat.protocol.codec import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio_chat.client.address import Address

CONNECT_TIMEOUT: Final = 15.0
"""Seconds for one attempt to connect, from looking up the host to the server's welcome."""

CLOSE_TIMEOUT: Final = 2.0
"""Seconds for a close handshake; after that the connection is cut."""

MOST_FRAME: Final = 16 * 1024 * 1024
"""The most bytes of one message from the server: the longest page of history."""

_QUEUE: Final = 16  # messages read in advance; the rest stays in the kernel's buffers
_READ: Final = 64 * 1024  # bytes asked of the socket at once
_HEAD: Final = 16 * 1024  # bytes of an unexpected reply that are kept to explain it
_ANSWER: Final = b"HTTP/"  # a reply to an upgrade starts so (RFC 9112, 4); an SSH server's greeting does not
_PERHAPS_PLAIN: Final = "If it does not use TLS, replace wss:// by ws://. Otherwise try again, or check the address."

OpenStream: TypeAlias = Callable[["Address"], Awaitable[trio.abc.Stream]]
"""Makes the byte stream to a server, TLS included. May raise ``OSError``, ``trio.BrokenResourceError``,
``ssl.SSLError`` or :class:`~trio_chat.errors.Unreachable`."""


S = TypeVar("S", bound=trio.abc.Stream)


class ConnectionLost(Exception):
    """The connection is gone; ``str()`` is a sentence that says why."""


class WatchedStream(trio.abc.Stream):
    """A stream that records when data last arrived, the first bytes, and the end.

    A stream that does not start with the bytes ``expected`` counts as ended for :meth:`watch_end`.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._on_end: Callable[[], None] | None = None
        self.ended = False
        self.head: bytearray | None = bytearray()
        self.expected = b""
        self.heard_at = trio.current_time()

    def watch_end(self, on_end: Callable[[], None] | None) -> None:
        """Call ``on_end`` when the stream ends; at once, when it has ended already."""
        self._on_end = on_end
        if self.ended and on_end is not None:
            on_end()

    def _end(self) -> None:
        self.ended = True
        if self._on_end is not None:
            self._on_end()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As in every stream; it is recorded."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._end()
            raise
        self.heard_at = trio.current_time()
        if not data:
            self._end()
        elif self.head is not None and len(self.head) < _HEAD:
            self.head += data
            if not self.expected.startswith(bytes(self.head[: len(self.expected)])):
                self._end()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As in every stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As in every stream."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As in every stream; it is recorded."""
        self._end()
        await self._stream.aclose()


class Wire:
    """An open connection. One task may receive; any may send. See :func:`open_wire`."""

    def __init__(self, websocket: trio_websocket.WebSocketConnection, stream: WatchedStream) -> None:
        self._websocket = websocket
        self._stream = stream
        self._paused = False

    def __repr__(self) -> str:
        return f"<Wire {'closed' if self._websocket.closed else 'open'}>"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the server's response to the upgrade, by their names in lower case."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._websocket.handshake_headers}

    async def send(self, frame: bytes) -> None:
        """Send a text message, given as UTF-8. Raises :class:`ConnectionLost`."""
        try:
            await self._websocket.send_message(frame.decode())
        except trio_websocket.ConnectionClosed as closed:
            raise ConnectionLost(_how(closed.reason)) from None
        except ProtocolError:
            raise ConnectionLost("The connection was closed.") from None

    async def receive(self) -> str | bytes:
        """Receive the next message. Raises :class:`ConnectionLost` after the last one."""
        try:
            return await self._websocket.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise ConnectionLost(_how(closed.reason)) from None

    async def ping(self) -> float:
        """Ping, and return the seconds until the pong. Waits for ever without a pong. Raises
        :class:`ConnectionLost`."""
        began = trio.current_time()
        try:
            await self._websocket.ping()
        except trio_websocket.ConnectionClosed as closed:
            raise ConnectionLost(_how(closed.reason)) from None
        except ProtocolError:
            raise ConnectionLost("The connection was closed.") from None
        return trio.current_time() - began

    def is_silent_since(self, moment: float) -> bool:
        """Whether nothing arrived since ``moment`` (of trio's clock). False while reading is paused."""
        return not self._paused and self._stream.heard_at <= moment

    def pause(self) -> None:
        """Note that reading stops for a while, so that silence means nothing."""
        self._paused = True

    def go_on(self) -> None:
        """Note that reading goes on; silence counts from now."""
        self._paused = False
        self._stream.heard_at = trio.current_time()

    async def aclose(self) -> None:
        """Close the WebSocket, within :data:`CLOSE_TIMEOUT`."""
        with trio.move_on_after(CLOSE_TIMEOUT):
            await self._websocket.aclose()


@asynccontextmanager
async def open_wire(
    address: Address,
    headers: list[tuple[bytes, bytes]],
    opened: trio.abc.Stream,
    *,
    host: str = "",
    has_password: bool = False,
) -> AsyncGenerator[Wire]:
    """Upgrade an open stream to a WebSocket; at the end, cut the connection if it is still open. ``host`` is the
    ``Host`` header, if it is another than that of the address.

    Raises :class:`~trio_chat.client.admission.Setback` when this fails, and never an exception group of its own.
    """
    stream = WatchedStream(opened)
    handshake = _Handshake(address, headers, stream, host=host or address.host_header, has_password=has_password)
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(handshake.run_reader)
            if handshake.wire is not None:
                try:
                    yield handshake.wire
                except BaseException as error:  # noqa: BLE001 - raised again below, outside of the nursery's group
                    failure = error
            nursery.cancel_scope.cancel()
    finally:
        await trio.aclose_forcefully(stream)
    if failure is not None:
        raise failure
    if handshake.setback is not None:
        raise handshake.setback


class _Handshake:
    """The upgrade, and trio-websocket's reader task while it runs."""

    def __init__(
        self,
        address: Address,
        headers: list[tuple[bytes, bytes]],
        stream: WatchedStream,
        *,
        host: str,
        has_password: bool,
    ) -> None:
        self._address = address
        self._host = host
        self._headers = headers
        self._stream = stream
        self._has_password = has_password
        self.wire: Wire | None = None
        self.setback: Setback | None = None

    async def run_reader(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Upgrade, then run until the connection's reader ends. Started when :attr:`wire` or :attr:`setback` is set."""
        rejection: list[trio_websocket.ConnectionRejected] = []
        try:
            async with trio.open_nursery() as nursery:
                await self._shake_hands(nursery)
                if self.wire is not None:
                    task_status.started()
                else:
                    nursery.cancel_scope.cancel()
        except* trio_websocket.ConnectionRejected as group:
            rejection.extend(_leaves(group))
        except* (ProtocolError, h11.ProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
            # It was not a WebSocket, or a frame was sent or received after a close: the end, either way.
            await trio.aclose_forcefully(self._stream)
        if self.wire is None:
            self.setback = self._explain(rejection)
            task_status.started()

    async def _shake_hands(self, nursery: trio.Nursery) -> None:
        with trio.CancelScope() as upgrading:
            self._stream.expected = _ANSWER
            self._stream.watch_end(upgrading.cancel)
            websocket = await trio_websocket.wrap_client_stream(
                nursery,
                self._stream,  # type: ignore[arg-type] # it says socket or TLS stream, and uses any trio.abc.Stream
                self._host,
                self._address.path,
                subprotocols=[SUBPROTOCOL],
                extra_headers=self._headers,
                message_queue_size=_QUEUE,
                max_message_size=MOST_FRAME,
                receive_buffer_size=_READ,
            )
            if websocket.subprotocol == SUBPROTOCOL:
                self.wire = Wire(websocket, self._stream)
                self._stream.head = None
        self._stream.watch_end(None)

    def _explain(self, rejection: list[trio_websocket.ConnectionRejected]) -> Setback:
        where = self._address.authority
        if rejection:
            status, body = rejection[0].status_code, rejection[0].body or b""
            return rejected(status, body, where, has_password=self._has_password)
        if self._stream.ended:
            head = bytes(self._stream.head or b"")
            return hung_up(head, where, tls=self._address.tls, has_password=self._has_password)
        sentence = f"{where} is a WebSocket server, but not a trio-chat server: it does not speak {SUBPROTOCOL}."
        return Setback(Unreachable(sentence), again=False)


def _leaves(group: BaseExceptionGroup[trio_websocket.ConnectionRejected]) -> list[trio_websocket.ConnectionRejected]:
    found: list[trio_websocket.ConnectionRejected] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def _how(reason: trio_websocket.CloseReason | None) -> str:
    """A close code and its reason (RFC 6455, 7.4) as a sentence."""
    abnormal = 1006
    if reason is None or reason.code == abnormal:
        return "The connection was lost."
    if reason.reason:
        return f"The server closed the connection: {reason.reason.rstrip('.')}."
    return f"The server closed the connection (code {reason.code})."


# ---- the byte stream --------------------------------------------------------------------------


async def open_tcp(address: Address, ssl_context: ssl.SSLContext | None = None) -> trio.abc.Stream:
    """A TCP stream to ``address``; with TLS, when the address says so, and its handshake done: with the system's
    certificate authorities, or with the context that is given."""
    if address.tls:
        return await open_tls(address, ssl_context or system_context())
    return await dial(address)


async def reached(address: Address, opening: Awaitable[S]) -> S:
    """Wait for a stream to open; raises a :class:`Setback` that explains a failure."""
    try:
        return await opening
    except Unreachable as error:
        raise Setback(error, again=False) from None
    except (OSError, trio.BrokenResourceError) as error:
        raise explain_unreachable(address, error) from error


def explain_unreachable(address: Address, error: Exception) -> Setback:
    """The setback for a stream that could not be opened, by the exception."""
    where = address.authority
    fault = error.__cause__ if isinstance(error, trio.BrokenResourceError) else error
    match fault:
        case ssl.SSLCertVerificationError(verify_message=why):
            sentence = f"The certificate of {where} cannot be trusted: {why}."
            return Setback(Unreachable(sentence), again=False)
        case ssl.SSLError(
            reason="WRONG_VERSION_NUMBER" | "HTTP_REQUEST" | "RECORD_LAYER_FAILURE" | "TLSV1_ALERT_PROTOCOL_VERSION"
        ):
            sentence = f"{where} does not use TLS. Replace wss:// by ws:// if you trust the network in between."
            return NoTls(Unreachable(sentence), again=False)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLError(reason="UNEXPECTED_EOF_WHILE_READING"):
            sentence = f"{where} closed the connection during the TLS handshake. {_PERHAPS_PLAIN}"
            return NoTls(Unreachable(sentence), again=True)
        case ssl.SSLError():
            return Setback(Unreachable(f"{where} and this client cannot agree on TLS: {fault.reason}."), again=False)
        case socket.gaierror() if "%" in address.host:
            ip, _, zone = address.host.partition("%")
            sentence = f"This machine has no network interface called {zone} for {ip}. Look them up with `ip address`."
        case socket.gaierror():
            sentence = f"There is no host called {address.host}. Check its spelling, and this machine's network."
        case _ if address.tls and isinstance(error, trio.BrokenResourceError):
            sentence = f"{where} closed the connection during the TLS handshake. {_PERHAPS_PLAIN}"
            return NoTls(Unreachable(sentence), again=True)
        case _:
            sentence = f"No server answers at {where}. Check the address, and that trio-chat serve is running there."
    return Setback(Unreachable(sentence), again=True)


def timed_out(address: Address) -> Setback:
    """The setback for a server that took longer than :data:`CONNECT_TIMEOUT`."""
    sentence = (
        f"{address.authority} did not answer within {CONNECT_TIMEOUT:g} seconds. Check the address, or try later."
    )
    return Setback(Unreachable(sentence), again=True)
