"""TLS for one peer, over memory BIOs (https://docs.python.org/3/library/ssl.html#memory-bio-support).

Theory of operation. The SSL object works on two buffers in memory, and the transport moves their bytes from and to the
socket. So ``send`` and ``receive`` never wait, and the hub writes to a peer with TLS as it does to any other.

- Out: ``send`` encrypts a portion and gives it to the socket at once. The bytes that the socket did not take are kept;
  the portion then counts as not taken, though it is encrypted already, and the caller comes again with the same bytes.
  So the outbox keeps what its peer has not got, and this transport at most one portion.
- In: ``receive`` reads a small piece and decrypts what is whole of it.

A memory BIO never gives memory back, so a connection keeps what its greatest write took. That is why both directions
work in pieces of :data:`_PIECE` bytes: bigger ones save little time.

What a peer can make the server do: the handshake is the only costly work, and :class:`Handshakes` shares it out. There
is no renegotiation. A KeyUpdate costs microseconds, and a piece holds a hundred of them.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from trio_chat.server.net.transport import TcpTransport

TlsContext: TypeAlias = ssl.SSLContext
"""The settings of TLS that connections share: versions, certificate, key, the keys of session tickets."""

T = TypeVar("T")

_PIECE: Final = 4096
"""Bytes that are encrypted in one record, and that are read at a time."""

_PORTION: Final = 16 * 1024
"""Bytes that one ``send`` encrypts. The kernel takes a portion of most peers at once. A slow peer costs so much memory
beyond its outbox."""

_LARGEST_RECORD: Final = 16 * 1024
"""Bytes of text in one record, whoever wrote it (RFC 8446, 5.1)."""

_AT_ONCE: Final = 4
"""Steps of handshakes in one turn of the event loop: about a millisecond, with the keys of :data:`_QUICK_KEYS`."""

_MOST_UNSENT: Final = 2 * _PORTION
"""Encrypted bytes that are kept for a peer that reads nothing: a portion, and answers to what the peer sends."""

_HANDSHAKE_LIMIT: Final = 64 * 1024
"""Bytes that a peer may send before its handshake is done. A ClientHello takes some 2,000."""


class _Arrivals(threading.local):
    """Places for what the transports of one thread read and decrypt: see the class of that name for TCP."""

    def __init__(self) -> None:
        self.raw = memoryview(bytearray(_PIECE))
        self.text = memoryview(bytearray(_LARGEST_RECORD + _PIECE))


_arrivals: Final = _Arrivals()


def make_context(chain: Path, key: Path) -> TlsContext:
    """Make the context of a server's connections from PEM files: its certificate with those that lead to its issuer,
    and its private key.

    TLS 1.2 at least, no compression (RFC 7457, 2.6), no renegotiation, the server's order of ciphers, session tickets
    (RFC 5077). Raises ``ssl.SSLError`` and ``OSError``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options &= ~ssl.OP_NO_TICKET
    context.num_tickets = 1  # a client of ours has one connection
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(chain, key, password=_no_password)
    return context


def _no_password() -> str:
    raise ssl.SSLError("The key is encrypted.")


class Handshakes:
    """Runs the steps of handshakes so that they hold up nobody: few in one turn of the event loop, or in a thread.

    A step with a P-256 key takes 0.2 ms, and handing it to a thread takes half of that again, so a thread gains
    nothing. ``slow_key``: a step takes milliseconds (RSA of 4,096 bits: 13), and runs in a thread, one at a time.
    """

    def __init__(self, *, slow_key: bool = False) -> None:
        self.slow_key = slow_key
        self._turns = trio.Semaphore(_AT_ONCE)
        self._threads = trio.CapacityLimiter(1)  # a flood of handshakes gets one core at most

    def __repr__(self) -> str:
        return f"<Handshakes {'in a thread' if self.slow_key else 'in turn'}>"

    async def run(self, step: Callable[[], T], /) -> T:
        """Run a step when its turn has come."""
        if self.slow_key:
            return await trio.to_thread.run_sync(step, limiter=self._threads)
        async with self._turns:  # a turn of the event loop passes in here, so at most so many take place in one
            return step()


class TlsTransport:
    """A :class:`~trio_chat.server.net.transport.Transport` with TLS, over one without, which it takes over.

    Call :meth:`handshake` first.
    """

    __slots__ = ("_ahead", "_in", "_left", "_out", "_ssl", "_tcp", "_unsent")

    def __init__(self, tcp: TcpTransport, context: TlsContext) -> None:
        self._tcp = tcp
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._in, self._out, server_side=True)
        self._unsent = b""  # encrypted, and not taken by the socket yet
        self._ahead = 0  # bytes of the caller that are encrypted and were not counted
        self._left = False  # decrypted bytes may be left in the SSL object

    def __repr__(self) -> str:
        return f"<TlsTransport {self._ssl.version()} {len(self._unsent)} bytes unsent>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def tcp(self) -> TcpTransport:
        """The transport without TLS below this one."""
        return self._tcp

    async def handshake(self, steps: Handshakes) -> str | None:
        """Do the handshake of a server. Returns ``None``, or why it failed, in words; the peer was sent an alert then.

        Raises ``trio.BrokenResourceError`` when the peer hangs up. Cancellation leaves the connection useless.
        """
        received = 0
        fault: str | None = None
        try:
            while True:
                piece = await self._read_piece()
                received += len(piece)
                if received > _HANDSHAKE_LIMIT:
                    return "it takes too many bytes"
                self._in.write(piece)
                done = False
                try:
                    done = await steps.run(self._step)
                except ssl.SSLError as error:
                    fault = _why(error)
                await self._send_all_unsent()
                if done or fault is not None:
                    self._left = done
                    return fault
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error

    # ---- out --------------------------------------------------------------------------------------

    def send(self, data: bytes, /) -> int:
        """See :meth:`~trio_chat.server.net.transport.Transport.send`."""
        if self._unsent or self._ahead:
            self._flush()
            if self._ahead:
                taken, self._ahead = self._ahead, 0
                return taken
        taken, size = 0, len(data)
        while taken < size:
            end = min(taken + _PORTION, size)
            for start in range(taken, end, _PIECE):
                self._write(data[start : min(start + _PIECE, end)])
            encrypted = self._out.read()
            try:
                sent = self._tcp.send(encrypted)
            except BlockingIOError:
                sent = 0
            if sent != len(encrypted):
                self._unsent = encrypted[sent:]
                self._ahead = end - taken
                break
            taken = end
        if not taken:
            raise BlockingIOError
        return taken

    def _write(self, data: bytes) -> None:
        try:
            self._ssl.write(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:  # only in a handshake, and that is done
            raise ConnectionAbortedError(str(error)) from error

    def _flush(self) -> None:
        """Give the socket all that is encrypted. Raises ``BlockingIOError`` while it does not take all of it."""
        unsent = self._unsent + self._out.read()
        self._unsent = unsent
        if unsent:
            self._unsent = unsent[self._tcp.send(unsent) :]
            if self._unsent:
                raise BlockingIOError

    def wait_writable(self) -> Awaitable[None]:
        """See :meth:`~trio_chat.server.net.transport.Transport.wait_writable`."""
        return trio.lowlevel.wait_writable(self._tcp)  # noqa: ASYNC105 - the caller awaits it

    # ---- in ---------------------------------------------------------------------------------------

    def receive(self) -> bytes:
        """See :meth:`~trio_chat.server.net.transport.Transport.receive`.

        A peer that ends the connection without the alert ``close_notify`` sends no more, and that is all: messages of
        WebSocket and answers of HTTP say themselves whether they are whole.
        """
        if not self._left:
            raw = _arrivals.raw
            size = self._tcp.recv_into(raw)
            if not size:
                return b""
            self._in.write(raw[:size])
        text = self._decrypt()
        if self._out.pending:  # the answer to a KeyUpdate, or an alert
            with contextlib.suppress(BlockingIOError):
                self._flush()
            if len(self._unsent) > _MOST_UNSENT:
                raise ConnectionAbortedError("the peer reads no answers")
        return text

    def _decrypt(self) -> bytes:
        """Return the text of all records that are whole. Raises ``BlockingIOError`` when there is none."""
        place, have = _arrivals.text, 0
        self._left = True  # unless all was read
        try:
            while have < len(place):
                size: int = self._ssl.read(len(place) - have, place[have:])  # type: ignore[assignment] # with a place
                if not size:  # the alert close_notify; the next call comes here again
                    break
                have += size
        except ssl.SSLWantReadError:
            self._left = False
            if not have:
                raise BlockingIOError from None
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._flush()  # the alert that says why
            if not have:
                raise
        return place[:have].tobytes()

    def wait_readable(self) -> Awaitable[None]:
        """See :meth:`~trio_chat.server.net.transport.Transport.wait_readable`."""
        if self._left:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - as below
        return trio.lowlevel.wait_readable(self._tcp)  # noqa: ASYNC105 - the caller awaits it

    # ---- the end ----------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Send the alert ``close_notify``, as far as the peer takes it. See
        :meth:`~trio_chat.server.net.transport.Transport.shutdown`."""
        with contextlib.suppress(ssl.SSLError):  # it would read the peer's close_notify too, and that is not there yet
            self._ssl.unwrap()
        with contextlib.suppress(BlockingIOError):
            self._flush()
            self._tcp.shutdown()

    def close(self) -> None:
        """See :meth:`~trio_chat.server.net.transport.Transport.close`."""
        self._tcp.close()

    # ---- the handshake ----------------------------------------------------------------------------

    def _step(self) -> bool:
        """Go on with the handshake. Returns whether it is done. Raises ``ssl.SSLError`` when it cannot be."""
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    async def _read_piece(self) -> bytes:
        raw = _arrivals.raw
        while True:
            await trio.lowlevel.wait_readable(self._tcp)
            try:
                size = self._tcp.recv_into(raw)
            except BlockingIOError:
                continue
            if not size:
                raise trio.BrokenResourceError("the peer hung up in the handshake")
            return raw[:size].tobytes()

    async def _send_all_unsent(self) -> None:
        while True:
            try:
                self._flush()
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._tcp)
            else:
                return


def _why(error: ssl.SSLError) -> str:
    """Say in words why OpenSSL refuses: its reasons are such as ``UNSUPPORTED_PROTOCOL``."""
    return (error.reason or str(error)).replace("_", " ").lower()
