"""TLS for one peer, over memory BIOs (https://docs.python.org/3/library/ssl.html#memory-bio-support).

Theory of operation. The SSL object works on two buffers in memory, and the transport moves their bytes from and to the
socket. So ``send`` and ``receive`` never wait, and the hub writes to a peer with TLS as it does to any other.

- Out: ``send`` encrypts a portion and gives it to the socket at once. The bytes that the socket did not take are kept;
  the portion then counts as not taken, though it is encrypted already, and the caller comes again with the same bytes.
  So the outbox keeps what its peer has not got, and this transport at most one portion.
- In: ``receive`` reads a piece and decrypts what is whole of it. The SSL object keeps the beginning of a record.

All connections of a thread share the two BIOs, and each call leaves them empty. For a memory BIO never gives memory
back: with its own, a connection would keep what its greatest record took, some 20 KiB for each direction.

A peer can make the server do two kinds of work that nothing else charges. :class:`Handshakes` shares out handshakes.
Records without text, such as KeyUpdate, cost microseconds each: a peer that sends little else is dropped.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
from functools import partial
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

_PIECE: Final = 8 * 1024
"""Bytes read at a time: a hundred short requests, or 300 records without text."""

_LARGEST_RECORD: Final = 16 * 1024
"""Bytes of text in one record (RFC 8446, 5.1). The server writes records of this size if it has so much to say; a slow
peer costs one of them beyond its outbox."""

_OVERHEAD: Final = 24
"""Bytes that a peer may send for each byte of text: a record of one byte of text has that many."""

_MOST_SILENT: Final = 64 * 1024
"""Bytes that a peer may send beyond that: a record of the greatest size comes in several pieces."""

_FILE_PIECE: Final = 4 * _LARGEST_RECORD
"""Bytes of a file that are read and encrypted in one turn of the event loop: a tenth of a millisecond."""

_AT_ONCE: Final = 4
"""Steps of handshakes in one turn of the event loop: about a millisecond, unless the key is slow."""

_MOST_UNSENT: Final = 2 * _LARGEST_RECORD
"""Encrypted bytes that are kept for a peer that reads nothing: a record, and answers to what the peer sends."""

_HANDSHAKE_LIMIT: Final = 64 * 1024
"""Bytes that a peer may send before its handshake is done. A ClientHello takes some 2,000."""


class _Shared(threading.local):
    """The buffers that the transports of one thread share: the BIOs, and places for what is read and decrypted."""

    def __init__(self) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.raw = memoryview(bytearray(_PIECE))
        self.text = memoryview(bytearray(_LARGEST_RECORD + _PIECE))


_shared: Final = _Shared()


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

    Call :meth:`handshake` first. It takes its turn among ``handshakes``, those of the server.
    """

    __slots__ = ("_ahead", "_handshakes", "_in", "_left", "_out", "_rest", "_silent", "_ssl", "_tcp", "_unsent")

    def __init__(self, tcp: TcpTransport, context: TlsContext, handshakes: Handshakes) -> None:
        self._tcp = tcp
        self._handshakes = handshakes
        own = handshakes.slow_key  # a thread must not touch the buffers of another
        self._in = ssl.MemoryBIO() if own else _shared.incoming
        self._out = ssl.MemoryBIO() if own else _shared.outgoing
        self._ssl = context.wrap_bio(self._in, self._out, server_side=True)
        self._unsent = b""  # encrypted, and not taken by the socket yet
        self._ahead = 0  # bytes of the caller that are encrypted and were not counted
        self._rest = b""  # read, and not given to the SSL object yet
        self._left = False  # there may be text without reading from the socket
        self._silent = 0  # bytes without text

    def __repr__(self) -> str:
        return f"<TlsTransport {self._ssl.version()} {len(self._unsent)} bytes unsent>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def handshake(self) -> str | None:
        """Do the handshake of a server. Returns ``None``, or why it failed, in words; the peer was sent an alert then.

        Raises ``trio.BrokenResourceError`` when the peer hangs up. Cancellation leaves the connection useless.
        """
        received = 0
        fault: str | None = None
        done = False
        try:
            while not done and fault is None:
                piece = await self._read_piece()
                received += len(piece)
                if received > _HANDSHAKE_LIMIT:
                    return "it takes too many bytes"
                try:
                    done = await self._handshakes.run(partial(self._step, piece))
                except ssl.SSLError as error:
                    fault = _why(error)
                await self._send_all_unsent()
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        self._left = True  # the peer's first request may have come with the end of the handshake
        return fault

    # ---- out --------------------------------------------------------------------------------------

    def send(self, data: bytes | memoryview, /) -> int:
        """See :meth:`~trio_chat.server.net.transport.Transport.send`."""
        if self._unsent or self._ahead:
            self._flush()
            if self._ahead:
                taken, self._ahead = self._ahead, 0
                return taken
        taken, size = 0, len(data)
        while taken < size:
            part = data[taken : taken + _LARGEST_RECORD]
            try:
                self._ssl.write(part)
            finally:
                encrypted = self._out.read()
            try:
                sent = self._tcp.send(encrypted)
            except BlockingIOError:
                sent = 0
            if sent != len(encrypted):
                self._unsent = encrypted[sent:]
                self._ahead = len(part)
                break
            taken += len(part)
        if not taken:
            raise BlockingIOError
        return taken

    def send_file(self, fd: int, offset: int, count: int, /) -> int:
        """See :meth:`~trio_chat.server.net.transport.Transport.send_file`. The bytes are read, because this process
        encrypts them."""
        if self._unsent or self._ahead:  # before anything is read
            self._flush()
            if self._ahead:
                taken, self._ahead = self._ahead, 0
                return taken
        data = os.pread(fd, min(count, _FILE_PIECE), offset)
        return self.send(memoryview(data)) if data else 0

    def _flush(self) -> None:
        """Give the socket all that is encrypted. Raises ``BlockingIOError`` while it does not take all of it."""
        if self._unsent:
            self._unsent = self._unsent[self._tcp.send(self._unsent) :]
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
        place = _shared.text
        return place[: self.receive_into(place)].tobytes()

    def receive_into(self, place: memoryview, /) -> int:
        """See :meth:`~trio_chat.server.net.transport.Transport.receive_into`."""
        if self._left:
            raw, self._rest = memoryview(self._rest), b""
        else:
            raw = _shared.raw
            size = self._tcp.recv_into(raw)
            if not size:
                return 0
            raw = raw[:size]
        have = self._decrypt(raw, place)
        self._silent = max(0, self._silent + len(raw) - _OVERHEAD * have)
        if self._silent > _MOST_SILENT:
            raise ConnectionAbortedError("the peer sends records without text")
        if not have and not self._left:
            raise BlockingIOError
        return have

    def _decrypt(self, raw: memoryview, place: memoryview) -> int:
        """Put the text of all records that are whole now into a place, as far as that holds it. Returns its size; it is
        0 at the peer's ``close_notify``, and there may be more at once (``_left``), or where there is none yet. Raises
        ``OSError``."""
        have = 0
        self._left = True  # unless all was read
        self._in.write(raw)
        try:
            while have < len(place):
                size: int = self._ssl.read(len(place) - have, place[have:])  # type: ignore[assignment] # with a place
                if not size:  # the alert close_notify; the next call comes here again
                    break
                have += size
        except ssl.SSLWantReadError:
            self._left = False
        except ssl.SSLError:
            if not have:
                raise
        finally:
            if self._in.pending:
                self._rest = self._in.read()
            if self._out.pending:  # the answer to a KeyUpdate, or an alert
                self._answer()
        return have

    def _answer(self) -> None:
        """Send what the SSL object answers to the peer, as far as the peer takes it."""
        self._unsent += self._out.read()
        if len(self._unsent) > _MOST_UNSENT:
            raise ConnectionAbortedError("the peer reads no answers")
        with contextlib.suppress(OSError):
            self._flush()

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
        self._unsent += self._out.read()
        with contextlib.suppress(BlockingIOError):
            self._flush()
            self._tcp.shutdown()

    def close(self) -> None:
        """See :meth:`~trio_chat.server.net.transport.Transport.close`."""
        self._tcp.close()

    # ---- the handshake ----------------------------------------------------------------------------

    def _step(self, piece: bytes) -> bool:
        """Go on with the handshake. Returns whether it is done. Raises ``ssl.SSLError`` when it cannot be."""
        self._in.write(piece)
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._rest = self._in.read()
            self._unsent += self._out.read()
        return True

    async def _read_piece(self) -> bytes:
        raw = _shared.raw
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
