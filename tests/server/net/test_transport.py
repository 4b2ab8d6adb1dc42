"""TCP transports and listeners: nothing waits in a call, and a peer that is gone is an OSError."""

from __future__ import annotations

import contextlib
import errno
import socket
import tracemalloc
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from tests.ipv6 import has_ipv6
from trio_chat.errors import TrioChatError
from trio_chat.server.net.transport import TcpTransport, Transport, listen


@pytest.fixture
def pair() -> Iterator[tuple[Transport, socket.socket]]:
    """A transport, and the peer's end of it."""
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with TcpTransport(near) as transport, far:
        yield transport, far


async def test_receiving_takes_no_more_memory_than_what_arrived(pair: tuple[Transport, socket.socket]) -> None:
    transport, far = pair
    far.send(b"first")
    assert transport.receive() == b"first"
    far.send(b"x" * 1000)
    tracemalloc.start()
    try:
        received = transport.receive()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received == b"x" * 1000
    assert most < 5000
    far.send(b"last")
    assert transport.receive() == b"last"
    assert received == b"x" * 1000  # it is the receiver's own, and no view of what arrives next


async def test_sending_takes_what_the_kernel_takes_and_never_waits(pair: tuple[Transport, socket.socket]) -> None:
    transport, far = pair
    assert transport.send(b"hello") == 5
    assert far.recv(100) == b"hello"
    taken = transport.send(b"x" * 10**6)
    assert 0 < taken < 10**6
    for _ in range(100):  # some kernels take a little more
        with contextlib.suppress(BlockingIOError):
            transport.send(b"x" * 10**6)
    with pytest.raises(BlockingIOError):
        transport.send(b"x" * 10**6)


async def test_waiting_to_write_ends_when_the_peer_has_read(pair: tuple[Transport, socket.socket]) -> None:
    transport, far = pair
    taken = transport.send(b"x" * 10**6)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.wait_writable)
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        while taken:
            taken -= len(far.recv(65536))
    assert transport.send(b"more") == 4


async def test_receiving_returns_the_waiting_bytes_and_never_waits(pair: tuple[Transport, socket.socket]) -> None:
    transport, far = pair
    with pytest.raises(BlockingIOError):
        transport.receive()
    far.send(b"hello")
    await transport.wait_readable()
    assert transport.receive() == b"hello"
    far.shutdown(socket.SHUT_WR)
    await transport.wait_readable()
    assert transport.receive() == b""


async def test_after_a_shutdown_the_peer_reads_the_end_and_can_still_be_heard(
    pair: tuple[Transport, socket.socket],
) -> None:
    transport, far = pair
    transport.send(b"bye")
    transport.shutdown()
    assert (far.recv(100), far.recv(100)) == (b"bye", b"")
    far.send(b"bye yourself")
    await transport.wait_readable()
    assert transport.receive() == b"bye yourself"


async def test_a_peer_that_is_gone_is_an_os_error(pair: tuple[Transport, socket.socket]) -> None:
    transport, far = pair
    far.close()
    with pytest.raises(BrokenPipeError):
        transport.send(b"x")


async def test_a_closed_transport_is_an_os_error_and_can_be_closed_again(pair: tuple[Transport, socket.socket]) -> None:
    transport, _ = pair
    transport.close()
    transport.close()
    for call in (lambda: transport.send(b"x"), transport.receive, transport.shutdown):
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()


async def test_a_listener_gives_transports_that_send_small_writes_at_once_and_notice_a_vanished_peer() -> None:
    (listener,) = await listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.address) as far:
        transport, address = await listener.accept()
        with transport:
            assert address == "127.0.0.1"
            assert transport.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert transport.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            transport.send(b"hello")
            assert far.recv(100) == b"hello"


async def test_a_listener_passes_over_a_peer_that_hung_up_before_it_was_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (listener,) = await listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.address), socket.create_connection(listener.address) as second:
        listener._socket, real = Aborted(listener._socket), listener._socket  # type: ignore[assignment] # a fake, for this test
        transport, _ = await listener.accept()
        with transport, real:
            assert transport.getpeername() == second.getsockname()


async def test_a_listener_closes_peers_that_are_not_admitted_and_goes_on() -> None:
    (listener,) = await listen("127.0.0.1", 0)
    with listener, contextlib.ExitStack() as held:
        crowd = [
            held.enter_context(socket.create_connection(listener.address, source_address=("127.0.0.2", 0)))
            for _ in range(40)  # more than are closed in one go
        ]
        last = held.enter_context(socket.create_connection(listener.address))
        transport, address = await listener.accept(lambda address: address == "127.0.0.1")
        with transport:
            assert (address, transport.getpeername()) == ("127.0.0.1", last.getsockname())
        assert [far.recv(100) for far in crowd] == [b""] * 40


class Aborted:
    """A listening socket whose first peer has hung up."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._aborted = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> tuple[socket.socket, object]:
        sock, address = self._socket.accept()
        if self._aborted:
            return sock, address
        self._aborted = True
        sock.close()
        raise ConnectionAbortedError(errno.ECONNABORTED, "Software caused connection abort")

    def close(self) -> None:
        self._socket.close()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::", "0:0::0"])
async def test_on_the_ipv6_address_for_all_addresses_both_families_are_heard_on_one_port(host: str) -> None:
    listeners = await listen(host, 0)
    with contextlib.ExitStack() as held:
        for listener in listeners:
            held.enter_context(listener)
        assert [listener.address[0] for listener in listeners] == ["::", "0.0.0.0"]
        (port,) = {listener.address[1] for listener in listeners}
        for listener, near in zip(listeners, ("::1", "127.0.0.1"), strict=True):
            with socket.create_connection((near, port)):
                transport, address = await listener.accept()
                with transport:
                    assert address == near


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_a_port_that_is_in_use_on_ipv4_is_not_taken_on_ipv6_alone() -> None:
    (listener,) = await listen("127.0.0.1", 0)
    with listener, pytest.raises(TrioChatError, match=rf"^Port {listener.address[1]} on 0.0.0.0 is in use already"):
        await listen("::", listener.address[1])
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", listener.address[1]))


async def test_a_free_port_is_one_that_is_free_in_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    async def fake(port: int, host: str, backlog: int) -> list[trio.SocketListener]:
        asked.append((host, port))
        if len(asked) == 2:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        return await real(0, host="127.0.0.1", backlog=backlog)  # any port: another program may have that one here

    real = trio.open_tcp_listeners
    monkeypatch.setattr(trio, "open_tcp_listeners", fake)
    with contextlib.ExitStack() as held:
        first, _ = [held.enter_context(listener) for listener in await listen("::", 0)]
    assert [host for host, _ in asked] == ["::", "0.0.0.0", "::", "0.0.0.0"]
    assert (asked[2][1], asked[3][1]) == (0, first.address[1])


async def test_without_ipv4_the_address_for_all_addresses_is_that_of_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fake(port: int, host: str, backlog: int) -> list[trio.SocketListener]:
        if host == "0.0.0.0":
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return await real(port, host="127.0.0.1", backlog=backlog)

    real = trio.open_tcp_listeners
    monkeypatch.setattr(trio, "open_tcp_listeners", fake)
    (listener,) = await listen("::", 0)
    listener.close()


async def test_a_port_in_use_is_said_with_what_to_do() -> None:
    (listener,) = await listen("127.0.0.1", 0)
    with listener, pytest.raises(TrioChatError, match=rf"^Port {listener.address[1]} on 127.0.0.1 is in use already"):
        await listen("127.0.0.1", listener.address[1])
