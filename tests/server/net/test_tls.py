"""TLS over memory BIOs: the same stream of bytes as TCP, whatever the peer's client, buffers and manners are."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import make_certificate
from trio_chat.server.net.certificate import show_certificate
from trio_chat.server.net.outbox import Outbox
from trio_chat.server.net.outbox_memory import OutboxMemory
from trio_chat.server.net.tls import Handshakes, TlsContext, TlsTransport
from trio_chat.server.net.transport import TcpTransport


@functools.cache
def context() -> TlsContext:
    """The server's settings of TLS, for all tests here."""
    made = make_certificate()
    return show_certificate(made.pem, made.key_pem).context


def client_context(**changes: Any) -> ssl.SSLContext:
    """A client that looks at no certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def sockets(*, tiny: bool = False) -> tuple[TcpTransport, socket.socket]:
    """Both ends of a connection. With ``tiny``, the kernel keeps as little of it as it can."""
    near, far = socket.socketpair()
    for one in (near, far) if tiny else ():
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    return TcpTransport(near), far


@contextlib.asynccontextmanager
async def connected(
    client: ssl.SSLContext | None = None, *, tiny: bool = False
) -> AsyncIterator[tuple[TlsTransport, trio.SSLStream[Any]]]:
    """A transport and the peer's end of it, after the handshake."""
    near, far = sockets(tiny=tiny)
    transport = TlsTransport(near, context(), Handshakes())
    stream = trio.SSLStream(trio.SocketStream(trio.socket.from_stdlib_socket(far)), client or client_context())
    with transport, far:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.do_handshake)
            assert await transport.handshake() is None
        yield transport, stream


async def receive(transport: TlsTransport) -> bytes:
    """The next bytes, as a connection asks for them."""
    while True:
        await transport.wait_readable()
        with contextlib.suppress(BlockingIOError):
            return transport.receive()


async def receive_exactly(transport: TlsTransport, size: int) -> bytes:
    """So many bytes."""
    got = b""
    while len(got) < size:
        data = await receive(transport)
        assert data
        got += data
    return got


async def send(transport: TlsTransport, data: bytes) -> None:
    """Send all, as a connection does before the upgrade."""
    while data:
        await transport.wait_writable()
        with contextlib.suppress(BlockingIOError):
            data = data[transport.send(data) :]


async def greet(transport: TlsTransport, stream: trio.SSLStream[Any]) -> None:
    """Have the peer read all that was sent so far: a socket that is closed with bytes unread is reset."""
    await send(transport, b"hello")
    assert await read_exactly(stream, 5) == b"hello"


async def read_exactly(stream: trio.abc.ReceiveStream, size: int, most: int = 65536) -> bytes:
    """So many bytes that the peer gets."""
    got = b""
    while len(got) < size:
        data = await stream.receive_some(most)
        assert data
        got += data
    return got


def numbered(sizes: list[int], start: int) -> list[bytes]:
    """Texts of these sizes that are all different."""
    return [bytes((start + number + at) % 251 for at in range(size)) for number, size in enumerate(sizes)]


SIZES = st.lists(st.one_of(st.integers(1, 300), st.integers(1, 70_000)), min_size=1, max_size=6)


@given(out=SIZES, back=SIZES, version=st.sampled_from([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]))
def test_both_directions_carry_their_bytes_through_an_outbox(
    out: list[int], back: list[int], version: ssl.TLSVersion
) -> None:
    written, returned = numbered(out, 1), numbered(back, 7)

    async def main() -> None:
        async with (
            connected(client_context(maximum_version=version), tiny=True) as (transport, stream),
            trio.open_nursery() as nursery,
        ):
            broken: Callable[[], None] = nursery.cancel_scope.cancel
            outbox = Outbox(
                transport,
                1_000_000,
                OutboxMemory(),
                spawn=nursery.start_soon,  # type: ignore[arg-type] # as the connection gives it
                too_slow=lambda _size: broken(),
                broken=broken,
            )
            outbox.uncork()

            async def peer_writes() -> None:
                for text in returned:
                    await stream.send_all(text)

            async def peer_reads() -> None:
                expected = b"".join(written)
                assert await read_exactly(stream, len(expected), 1000) == expected

            nursery.start_soon(peer_writes)
            nursery.start_soon(peer_reads)
            for text in written:
                outbox.write(text)
                await trio.lowlevel.checkpoint()
            expected = b"".join(returned)
            assert await receive_exactly(transport, len(expected)) == expected
            await outbox.wait_empty()

    trio.run(main)


async def test_bytes_that_the_socket_did_not_take_are_not_encrypted_twice() -> None:
    async with connected(tiny=True) as (transport, stream):
        text = bytes(range(256)) * 256
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while True:  # until the socket is full
                taken += transport.send(text[taken:])
        with pytest.raises(BlockingIOError):
            transport.send(text[taken:])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, transport, text[taken:] + b"more")
            assert await read_exactly(stream, len(text) + 4) == text + b"more"


async def test_a_peer_that_reads_nothing_costs_one_portion() -> None:
    async with connected(tiny=True) as (transport, _):
        for _ in range(1000):
            with contextlib.suppress(BlockingIOError):
                transport.send(b"x" * 1_000_000)
        assert len(transport._unsent) < 17_000


async def test_no_bytes_yet_is_no_end() -> None:
    async with connected() as (transport, stream):
        with contextlib.suppress(BlockingIOError):
            assert transport.receive() == b"never"
        await stream.send_all(b"hello")
        assert await receive(transport) == b"hello"
        with pytest.raises(BlockingIOError):
            transport.receive()


async def test_requests_that_came_with_the_end_of_the_handshake_are_there_at_once() -> None:
    near, far = sockets()
    with TlsTransport(near, context(), Handshakes()) as transport, far:
        inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context().wrap_bio(inside, outside)
        async with trio.open_nursery() as nursery:

            async def peer() -> None:
                end = trio.socket.from_stdlib_socket(far)
                while True:
                    with contextlib.suppress(ssl.SSLWantReadError):
                        client.do_handshake()
                        break
                    await end.send(outside.read())
                    inside.write(await end.recv(65536))
                client.write(b"at once")
                await end.send(outside.read())

            nursery.start_soon(peer)
            assert await transport.handshake() is None
        assert await receive(transport) == b"at once"


async def test_a_record_of_the_greatest_size_comes_whole_though_it_is_read_in_pieces() -> None:
    async with connected(tiny=True) as (transport, stream):
        text = bytes(range(256)) * 64
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, text)
            assert await receive_exactly(transport, len(text)) == text


# ---- the end -------------------------------------------------------------------------------------


async def test_the_end_is_said_with_close_notify_and_the_peer_can_still_speak() -> None:
    async with connected() as (transport, stream):
        await send(transport, b"last words")
        transport.shutdown()
        assert await read_exactly(stream, 10) == b"last words"
        assert await stream.receive_some(10) == b""  # SSLStream raises for an end without close_notify
        await stream.send_all(b"bye")
        assert await receive(transport) == b"bye"


async def test_close_notify_of_the_peer_is_the_end_and_stays_it() -> None:
    async with connected() as (transport, stream):
        await greet(transport, stream)
        await stream.send_all(b"bye")
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(0):
            await stream.aclose()
        assert await receive(transport) == b"bye"
        assert await receive(transport) == b""
        assert await receive(transport) == b""


async def test_a_peer_that_vanishes_sends_no_more() -> None:
    async with connected() as (transport, stream):
        await greet(transport, stream)
        await stream.send_all(b"half a se")
        await stream.transport_stream.aclose()
        assert await receive(transport) == b"half a se"
        assert await receive(transport) == b""
        with pytest.raises(BrokenPipeError):
            transport.send(b"is anybody there?")


async def test_garbage_ends_the_connection_and_the_peer_is_sent_an_alert() -> None:
    async with connected() as (transport, stream):
        await greet(transport, stream)
        await stream.send_all(b"fine")
        await stream.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + b"garbage!" * 4)
        assert await receive(transport) == b"fine"
        with pytest.raises(ssl.SSLError):
            await receive(transport)
        with pytest.raises(ssl.SSLError):
            transport.send(b"more")
        transport.close()
        with pytest.raises(trio.BrokenResourceError) as broken:
            await stream.receive_some(10)
        assert "ALERT_BAD_RECORD_MAC" in repr(broken.value.__cause__)


# ---- the handshake -------------------------------------------------------------------------------


async def fail_handshake(client: ssl.SSLContext) -> tuple[str | None, BaseException]:
    """A handshake that the server refuses: the server's reason, and the client's."""
    near, far = sockets()
    stream = trio.SSLStream(trio.SocketStream(trio.socket.from_stdlib_socket(far)), client)
    reasons: list[str | None] = []
    with TlsTransport(near, context(), Handshakes()) as transport, far:
        async with trio.open_nursery() as nursery:

            async def shake() -> None:
                reasons.append(await transport.handshake())

            nursery.start_soon(shake)
            with pytest.raises(trio.BrokenResourceError) as broken:
                await stream.do_handshake()
    cause = broken.value.__cause__
    assert cause is not None
    return reasons[0], cause


async def test_tls_before_1_2_is_refused_with_an_alert() -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old = client_context(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    why, said = await fail_handshake(old)
    assert why == "unsupported protocol"
    assert "PROTOCOL_VERSION" in repr(said)


async def test_a_client_without_a_common_cipher_gets_an_alert() -> None:
    client = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # the server's key is of another kind
    why, said = await fail_handshake(client)
    assert why == "no shared cipher"
    assert "ALERT_HANDSHAKE_FAILURE" in repr(said)


@given(garbage=st.binary(min_size=1, max_size=200), starts_as_tls=st.booleans())
def test_garbage_instead_of_a_handshake_is_refused_or_waited_for(garbage: bytes, starts_as_tls: bool) -> None:  # noqa: FBT001
    async def main() -> None:
        near, far = sockets()
        with TlsTransport(near, context(), Handshakes()) as transport, far:
            far.sendall((b"\x16\x03\x01\x00\x50\x01" if starts_as_tls else b"") + garbage)
            far.shutdown(socket.SHUT_WR)
            try:
                why = await transport.handshake()
            except trio.BrokenResourceError:
                return  # it was too short to be wrong
            assert why

    trio.run(main)


async def test_a_handshake_without_end_is_refused() -> None:
    near, far = sockets()
    with TlsTransport(near, context(), Handshakes()) as transport, far:
        async with trio.open_nursery() as nursery:

            async def flood() -> None:
                end = trio.socket.from_stdlib_socket(far)
                hello = b"\x01\x01\xff\xfc" + bytes(0x1FFFC)  # a ClientHello of 131,068 bytes, in full records
                for start in range(0, len(hello), 16384):
                    piece = hello[start : start + 16384]
                    record = b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece
                    while record:
                        record = record[await end.send(record) :]

            nursery.start_soon(flood)
            assert await transport.handshake() == "it takes too many bytes"
            nursery.cancel_scope.cancel()


async def test_a_peer_that_hangs_up_in_the_handshake_is_gone() -> None:
    near, far = sockets()
    with TlsTransport(near, context(), Handshakes()) as transport:
        far.send(b"\x16\x03\x01\x00\x50\x01")
        far.close()
        with pytest.raises(trio.BrokenResourceError):
            await transport.handshake()


async def test_a_session_ticket_saves_the_next_handshake_its_signature() -> None:
    client = client_context()
    async with connected(client) as (transport, stream):
        await send(transport, b"hello")
        await read_exactly(stream, 5)  # the ticket came before it
        assert stream._ssl_object.session is not None
        session = stream._ssl_object.session
    near, far = sockets()
    with TlsTransport(near, context(), Handshakes()) as transport, far:
        stream = trio.SSLStream(trio.SocketStream(trio.socket.from_stdlib_socket(far)), client)
        stream._ssl_object.session = session
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.do_handshake)
            assert await transport.handshake() is None
        assert stream._ssl_object.session_reused


async def test_alpn_names_http_1_1_and_there_is_no_compression() -> None:
    client = client_context()
    client.set_alpn_protocols(["h2", "http/1.1"])
    async with connected(client) as (_, stream):
        assert stream.selected_alpn_protocol() == "http/1.1"
        assert stream.compression() is None


async def test_a_slow_key_does_its_steps_in_a_thread() -> None:
    handshakes = Handshakes(slow_key=True)
    near, far = sockets()
    stream = trio.SSLStream(trio.SocketStream(trio.socket.from_stdlib_socket(far)), client_context())
    with TlsTransport(near, context(), handshakes) as transport, far:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.do_handshake)
            assert await transport.handshake() is None
        await stream.send_all(b"hello")
        assert await receive(transport) == b"hello"


async def test_few_steps_take_place_in_one_turn_of_the_event_loop() -> None:
    handshakes = Handshakes()
    steps = 0
    most = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(handshakes.run, step)
        while steps < 100:
            before = steps
            await trio.lowlevel.checkpoint()
            most = max(most, steps - before)
    assert 0 < most <= 8  # a checkpoint may see the steps of two turns, as trio shuffles the tasks of each
