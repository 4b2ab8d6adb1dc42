"""The transport of one peer: bytes to and from the network, and the listeners that accept peers.

This is the only module that calls a socket for a peer. :class:`Transport` is the interface; a connection and its
outbox know nothing else. :class:`TcpTransport` is plain TCP; :mod:`trio_chat.server.net.tls` adds TLS to one.

The interface is that of a non-blocking stream. ``send`` and ``receive`` never wait; the caller that has to
wait calls ``wait_writable`` or ``wait_readable`` and tries again. With TLS these differ from a socket's:

- ``wait_readable`` returns at once while decrypted bytes are left;
- bytes that ``send`` did not count may be encrypted already, so the next ``send`` has to begin with the same bytes.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import threading
from typing import TYPE_CHECKING, Final, Protocol, Self

import trio

from trio_chat.errors import TrioChatError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

_RECEIVE: Final = 16384
"""Bytes received at a time: some hundred short requests. A flood is noticed after one reading, and is then paused."""

_AT_ONCE: Final = 32
"""Peers that are closed at once before other tasks get a turn: a millisecond."""

_LINGER: Final = 2.0
"""Seconds that a peer has to read an answer that ends its connection, and to hang up."""

_LINGER_READINGS: Final = 64
"""Readings of that time: a peer sends at most one more message, whose bytes are on their way."""

_BACKLOG: Final = 1024
"""Connections that the kernel may hold until they are accepted."""


_ANY_IPV4: Final = "0.0.0.0"  # noqa: S104 - only where the settings ask for all addresses
_NO_IPV4: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

_ATTEMPTS: Final = 10
"""Free ports that are tried: one that is free for IPv6 may be in use for IPv4."""


_sendfile: Final[Callable[[int, int, int, int], int] | None] = getattr(os, "sendfile", None)

_CANNOT_SENDFILE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Errors that mean that the system cannot send from this kind of file."""


class Transport(Protocol):
    """A stream of bytes to one peer."""

    def send(self, data: bytes, /) -> int:
        """Send the beginning of ``data`` without waiting; return the number of bytes taken.

        The next call has to begin with the bytes that were not taken. Raises ``BlockingIOError`` when nothing can be
        taken now, and any other ``OSError`` when the peer is gone.
        """

    def receive(self) -> bytes:
        """Return the bytes that are there without waiting, or ``b""`` when the peer sends no more.

        Raises ``BlockingIOError`` when there are none yet, and any other ``OSError`` when the peer is gone.
        """

    def receive_into(self, place: memoryview, /) -> int:
        """Read the bytes that are there into a place that is not empty, without waiting; return their number, 0 when
        the peer sends no more. Raises as :meth:`receive`."""

    def send_file(self, fd: int, offset: int, count: int, /) -> int:
        """Send the beginning of ``count`` bytes of a file from ``offset`` on, without waiting; return the number of
        bytes taken, 0 if the file has none there.

        The next call has to begin behind them. Raises as :meth:`send`. It reads the file, so the part should be in
        memory.
        """

    def wait_writable(self) -> Awaitable[None]:
        """Wait until ``send`` may take something. A checkpoint."""

    def wait_readable(self) -> Awaitable[None]:
        """Wait until ``receive`` may return something. A checkpoint."""

    def shutdown(self) -> None:
        """Tell the peer that nothing more will be sent. Raises ``OSError`` when the peer is gone."""

    def close(self) -> None:
        """Let go of the connection. Closing twice does nothing."""


class _Arrivals(threading.local):
    """The place into which the sockets of one thread receive. ``socket.recv`` would take as much from the heap for each
    arrival and give most of it back: between the holes the heap grew by 3 MiB a minute."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_RECEIVE))


_arrivals: Final = _Arrivals()


class TcpTransport(socket.socket):
    """A :class:`Transport` over a connected socket, whose descriptor it takes over.

    It is a socket, not an object that has one: ``send`` is called for every delivery to every member of a room, and
    with thousands of members each object on the way to the kernel is a miss of the processor's cache.
    """

    __slots__ = ()

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.setblocking(False)

    @property
    def local_address(self) -> tuple[str, int]:
        """The address and port of this end."""
        host, port = self.getsockname()[:2]
        return host, port

    def receive(self) -> bytes:
        """See :meth:`Transport.receive`."""
        view = _arrivals.view
        return view[: self.recv_into(view)].tobytes()

    def receive_into(self, place: memoryview, /) -> int:
        """See :meth:`Transport.receive_into`."""
        return self.recv_into(place)

    def send_file(self, fd: int, offset: int, count: int, /) -> int:
        """See :meth:`Transport.send_file`. The bytes go through the kernel alone, where it can do that."""
        if _sendfile is not None:
            try:
                return _sendfile(self.fileno(), fd, offset, count)
            except OSError as error:
                if error.errno not in _CANNOT_SENDFILE:
                    raise
        data = os.pread(fd, count, offset)
        return self.send(data) if data else 0

    async def peek(self) -> bytes:
        """Wait for the first byte and return it, without taking it; ``b""`` when the peer sends none."""
        while True:
            await self.wait_readable()
            try:
                return self.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    def wait_writable(self) -> Awaitable[None]:
        """See :meth:`Transport.wait_writable`."""
        return trio.lowlevel.wait_writable(self)  # noqa: ASYNC105 - the caller awaits it, see wait_readable

    def wait_readable(self) -> Awaitable[None]:
        """See :meth:`Transport.wait_readable`."""
        # Every reading waits here, and a coroutine around trio's own would be resumed with it.
        return trio.lowlevel.wait_readable(self)  # noqa: ASYNC105 - the caller awaits it

    def shutdown(self, how: int = socket.SHUT_WR, /) -> None:
        """See :meth:`Transport.shutdown`."""
        super().shutdown(how)


async def linger(transport: Transport) -> None:
    """Tell a peer that no more will come, and read until it hangs up, for a short time. A socket that is closed with
    bytes unread is reset, and then the peer may lose its last answer."""
    with trio.move_on_after(_LINGER), contextlib.suppress(OSError):
        transport.shutdown()
        for _ in range(_LINGER_READINGS):
            await transport.wait_readable()
            with contextlib.suppress(BlockingIOError):
                if not transport.receive():
                    break


class TcpListener:
    """A socket that accepts peers. ``address`` is the host and port that it listens on."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]

    def __repr__(self) -> str:
        return f"<TcpListener {self.address}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def accept(self, admits: Callable[[str], bool] = lambda _address: True) -> tuple[TcpTransport, str]:
        """Wait for the next peer; return its transport and its address. The caller closes the transport.

        A peer whose address ``admits`` refuses is closed at once. Raises ``OSError`` when the system cannot give the
        server another socket just now.
        """
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            for _ in range(_AT_ONCE):
                try:
                    sock, address = self._socket.accept()
                except BlockingIOError:
                    break
                except ConnectionError:  # the peer hung up before it was accepted
                    continue
                if admits(address[0]):
                    _set_options(sock)
                    return TcpTransport(sock), address[0]
                sock.close()

    def close(self) -> None:
        """Stop listening. Closing twice does nothing."""
        self._socket.close()


async def listen(host: str, port: int) -> list[TcpListener]:
    """Listen on every address of ``host``; on ``::`` for all addresses of this machine, of both families. Port 0 takes
    a free port.

    Raises ``TrioChatError``, whose sentence says why that cannot be done.
    """
    if not _is_any_ipv6(host):
        return await _listen(host, port)
    attempts = _ATTEMPTS if port == 0 else 1
    while True:
        listeners = await _listen(host, port)
        try:
            return [*listeners, *await _listen(_ANY_IPV4, listeners[0].address[1])]
        except TrioChatError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _NO_IPV4:
                return listeners
            for listener in listeners:
                listener.close()
            attempts -= 1
            if not attempts:
                raise


def _is_any_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).is_unspecified
    except ValueError:
        return False


async def _listen(host: str, port: int) -> list[TcpListener]:
    try:
        listeners = await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)
    except OSError as error:
        message = f"Cannot listen on {host} port {port}: {error.strerror or error}."
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} on {host} is in use already. Choose another with --port, or stop what uses it."
        elif error.errno == errno.EACCES:
            message = f"Port {port} may not be used by you. Choose one above 1023 with --port."
        raise TrioChatError(message) from error
    accepting = []
    for listener in listeners:  # trio's own accept waits a turn of the event loop for every peer
        accepting.append(TcpListener(socket.socket(fileno=os.dup(listener.socket.fileno()))))
        await listener.aclose()
    return accepting


def _set_options(sock: socket.socket) -> None:
    """Send small writes at once, and notice within a minute that a peer vanished without closing."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000)):
        if hasattr(socket, name):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
