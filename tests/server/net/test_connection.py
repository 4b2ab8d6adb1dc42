"""One connection under trio-websocket, with the frames of its owner beside it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
import trio
import trio.testing

from tests.server.raw_client import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Closed,
    RawClient,
    close_frame,
    frame,
    until,
    upgrade_head,
)
from trio_chat.errors import Refusal, refuse
from trio_chat.server.doors.websocket import examine, serve, upgrade
from trio_chat.server.net.connection import Connection
from trio_chat.server.net.frames import text_frame
from trio_chat.server.net.transport import TcpTransport

Reading: TypeAlias = tuple[Sequence[bytes | None], int]
"""The messages that came with one reading, and the bytes that were read."""


@dataclass
class Owner:
    """Puts what it takes on a channel."""

    channel: trio.MemorySendChannel[Reading]

    def take_nowait(self, messages: Sequence[bytes | None], size: int) -> bool:
        try:
            self.channel.send_nowait((messages, size))
        except trio.WouldBlock:
            return False
        return True

    async def take(self, messages: Sequence[bytes | None], size: int) -> None:
        await self.channel.send((messages, size))

    def last_words(self, reason: Refusal) -> bytes:
        return closing(reason)


def closing(reason: Refusal) -> bytes:
    return text_frame(b'{"code":"%s"}' % reason.code.encode())


@dataclass
class Wired:
    """A connection of session 7, its peer, and what its owner took."""

    connection: Connection
    far: RawClient
    taken: trio.MemoryReceiveChannel[Reading]
    ended: trio.Event = field(default_factory=trio.Event)

    async def messages(self, count: int) -> list[bytes | None]:
        """Take so many messages."""
        found: list[bytes | None] = []
        while len(found) < count:
            found.extend((await self.taken.receive())[0])
        return found


Wire: TypeAlias = Callable[..., Awaitable[Wired]]


@pytest.fixture
async def wire(nursery: trio.Nursery) -> Wire:
    """Connect two ends; the near one is upgraded unless ``upgraded`` is false."""

    async def host(
        near: socket.socket, far: socket.socket, settings: dict[str, Any], task_status: trio.TaskStatus[Wired]
    ) -> None:
        sender, receiver = trio.open_memory_channel[Reading](settings.get("inbox", 100))
        with TcpTransport(near) as transport:
            async with trio.open_nursery() as own:
                connection = Connection(
                    transport, 7, own, max_frame=65536, outbox_bytes=settings.get("outbox_bytes", 10**6)
                )
                connection.attach(Owner(sender))
                wired = Wired(connection, RawClient(trio.socket.from_stdlib_socket(far)), receiver)
                task_status.started(wired)
                if settings.get("upgraded", True):
                    head = await connection.read_head(16384)
                    assert head is not None
                    connection.unread(head)
                    await serve(connection, await upgrade(connection, await examine(connection, own, 65536)))
                else:
                    await trio.sleep_forever()
                own.cancel_scope.cancel()
        wired.ended.set()

    async def start(**settings: Any) -> Wired:
        near, far = socket.socketpair()
        for sock in (near, far):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        wired: Wired = await nursery.start(host, near, far, settings)
        if settings.get("upgraded", True):
            await wired.far.upgrade(behind=settings.get("behind", b""))
        return wired

    return start


async def admit(connection: Connection, nursery: trio.Nursery) -> None:
    await serve(connection, await upgrade(connection, await examine(connection, nursery, 65536)))


# ---- before the upgrade ---------------------------------------------------------------------------


async def test_a_head_is_read_up_to_its_end_with_what_came_behind(wire: Wire) -> None:
    wired = await wire(upgraded=False)
    await wired.far.send(b"GET / HTTP/1.1\r\n")
    await wired.far.send(b"Host: x\r\n\r\nmore")
    assert await wired.connection.read_head(1000) == b"GET / HTTP/1.1\r\nHost: x\r\n\r\nmore"
    wired.far.hang_up()


async def test_a_head_that_does_not_end_is_read_no_further_than_the_limit(wire: Wire) -> None:
    wired = await wire(upgraded=False)
    await wired.far.send(b"x" * 600)
    await wired.far.send(b"x" * 600)
    head = await wired.connection.read_head(1000)
    assert head is not None
    assert 1000 <= len(head) <= 1200
    wired.far.hang_up()


@pytest.mark.parametrize(("sent", "head"), [(b"", None), (b"GET / HT", b"GET / HT")])
async def test_a_peer_that_hangs_up_early_leaves_what_it_said(wire: Wire, sent: bytes, head: bytes | None) -> None:
    wired = await wire(upgraded=False)
    await wired.far.send(sent)
    wired.far.hang_up()
    assert await wired.connection.read_head(1000) == head


async def test_frames_sent_together_with_the_head_are_read_after_the_upgrade(wire: Wire) -> None:
    wired = await wire(behind=frame(b"one") + frame(b"two")[:3])
    await wired.far.send(frame(b"two")[3:])
    assert await wired.messages(2) == [b"one", b"two"]
    wired.far.hang_up()


async def test_frames_written_before_the_answer_to_the_upgrade_follow_it(wire: Wire, nursery: trio.Nursery) -> None:
    wired = await wire(upgraded=False)
    connection = wired.connection
    connection.outbox.write(text_frame(b'{"n":1}'))
    connection.unread(upgrade_head())
    nursery.start_soon(admit, connection, nursery)
    answer = await wired.far.read_answer_head()
    assert answer.status == 101
    connection.outbox.write(text_frame(b'{"n":2}'))
    assert [await wired.far.next(), await wired.far.next()] == [{"n": 1}, {"n": 2}]
    nursery.cancel_scope.cancel()
    wired.far.hang_up()


async def test_a_session_closed_before_its_upgrade_is_answered_hears_why_after_it(
    wire: Wire, nursery: trio.Nursery
) -> None:
    wired = await wire(upgraded=False)
    connection, reason = wired.connection, refuse("shutting_down")
    connection.outbox.write(closing(reason))
    connection.close_soon(reason)
    await trio.testing.wait_all_tasks_blocked()
    connection.unread(upgrade_head())
    nursery.start_soon(admit, connection, connection._nursery)
    assert (await wired.far.read_answer_head()).status == 101
    assert (await wired.far.next())["code"] == "shutting_down"
    with pytest.raises(Closed) as closed:
        await wired.far.next()
    assert closed.value.code == 1001
    await wired.ended.wait()
    wired.far.hang_up()
    nursery.cancel_scope.cancel()


# ---- in -------------------------------------------------------------------------------------------


async def test_ordinary_messages_of_one_reading_come_as_one_item_with_their_session(wire: Wire) -> None:
    wired = await wire()
    await wired.far.send(frame(b"one") + frame(b"two"))
    assert await wired.taken.receive() == ([b"one", b"two"], 18)
    wired.far.hang_up()


async def test_fragments_and_binary_messages_keep_their_place_among_the_others(wire: Wire) -> None:
    wired = await wire()
    await wired.far.send(
        frame(b"one")
        + frame(b"t", fin=False)
        + frame(b"", PING)
        + frame(b"wo", CONTINUATION)
        + frame(b"three")
        + frame(b"\x00", BINARY)
        + frame(b"five")
    )
    assert await wired.messages(5) == [b"one", b"two", b"three", None, b"five"]
    wired.far.hang_up()


async def test_a_full_inbox_stops_the_reading_and_nothing_is_lost(wire: Wire, nursery: trio.Nursery) -> None:
    wired = await wire(inbox=1)
    payloads = [str(number).encode() * 100 for number in range(5000)]
    sent = trio.Event()

    async def send_all() -> None:
        await wired.far.send(b"".join(map(frame, payloads)))
        sent.set()

    nursery.start_soon(send_all)
    await until(lambda: wired.taken.statistics().tasks_waiting_send)  # the connection waits, so it reads no more
    await trio.testing.wait_all_tasks_blocked()
    assert not sent.is_set()
    assert await wired.messages(5000) == payloads
    await sent.wait()
    wired.far.hang_up()


async def test_while_it_is_paused_nothing_is_read(wire: Wire, mock_clock: trio.testing.MockClock) -> None:
    wired = await wire()
    await wired.far.send(frame(b"first"))
    assert await wired.messages(1) == [b"first"]
    await trio.testing.wait_all_tasks_blocked()  # the reader waits for bytes already
    wired.connection.pause(30)
    await wired.far.send(frame(b"second"))
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.WouldBlock):
        wired.taken.receive_nowait()
    mock_clock.jump(31)
    assert await wired.messages(1) == [b"second"]
    wired.far.hang_up()


@pytest.mark.parametrize("extra", [frame(b"", PONG), frame(b"", CONTINUATION, fin=False)])
async def test_a_flood_of_frames_that_say_nothing_is_read_later(
    wire: Wire, nursery: trio.Nursery, mock_clock: trio.testing.MockClock, extra: bytes
) -> None:
    wired = await wire()
    fragments = extra[0] == CONTINUATION
    start, end = (frame(b"", fin=False), frame(b"x", CONTINUATION)) if fragments else (b"", frame(b"x"))
    nursery.start_soon(wired.far.send, start + extra * 1254 + end)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.WouldBlock):
        wired.taken.receive_nowait()
    began = trio.current_time()
    mock_clock.autojump_threshold = 0
    assert await wired.messages(1) == [b"x"]
    assert 9.3 < trio.current_time() - began < 10.1  # some thousand beyond the burst, at a hundred a second
    mock_clock.autojump_threshold = float("inf")
    wired.far.hang_up()


async def test_a_message_in_fragments_that_are_not_small_is_read_at_once(wire: Wire) -> None:
    wired = await wire()
    parts = [frame(b"x" * 64, TEXT if number == 0 else CONTINUATION, fin=number == 999) for number in range(1000)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wired.far.send, b"".join(parts))
        assert await wired.messages(1) == [b"x" * 64_000]
    assert wired.connection._pause_until == 0.0
    wired.far.hang_up()


async def test_others_have_their_turn_between_the_portions_of_a_reading(wire: Wire) -> None:
    wired = await wire(inbox=float("inf"))
    turns = 0
    await wired.far.send(frame(b"x") * 300)
    await trio.testing.wait_all_tasks_blocked()
    while wired.taken.statistics().current_buffer_used < 2:
        turns += 1
        await trio.lowlevel.checkpoint()
    sizes = [len(wired.taken.receive_nowait()[0]) for _ in range(wired.taken.statistics().current_buffer_used)]
    assert sum(sizes) == 300
    assert max(sizes) <= 256
    wired.far.hang_up()


async def test_a_message_of_too_many_fragments_ends_the_connection(
    wire: Wire, nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    wired = await wire()
    mock_clock.autojump_threshold = 0
    endless = frame(b"{", fin=False) + frame(b"", CONTINUATION, fin=False) * 2100
    nursery.start_soon(wired.far.send, endless)
    assert (await wired.far.next())["code"] == "too_many_fragments"
    event = await wired.far.next_frame()
    assert isinstance(event, Closed)
    await wired.far.answer_close(event)
    assert (event.code, event.reason) == (1009, "The message came in more than 2048 fragments.")
    await wired.ended.wait()
    with pytest.raises(trio.WouldBlock):
        wired.taken.receive_nowait()
    mock_clock.autojump_threshold = float("inf")
    wired.far.hang_up()


async def test_messages_to_a_session_that_was_closed_are_not_taken(wire: Wire) -> None:
    wired = await wire()
    wired.connection.close_soon(refuse("idle", seconds=60))
    assert isinstance(await wired.far.next_frame(), Closed)
    await wired.far.send(frame(b"late") + frame(b"later") + close_frame())
    await wired.ended.wait()
    with pytest.raises(trio.WouldBlock):
        wired.taken.receive_nowait()
    wired.far.hang_up()


async def test_a_peer_that_goes_on_sending_is_not_read_for_long_after_the_end(
    wire: Wire, nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    wired = await wire(upgraded=False)
    wired.far.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10**6)
    sent = 0

    async def flood() -> None:
        nonlocal sent
        while True:
            sent += await wired.far.socket.send(b"x" * 65536)

    with trio.move_on_after(1) as scope:
        nursery.start_soon(flood)
        await wired.connection.linger()
    assert not scope.cancelled_caught
    assert sent < 65 * 65536 + 4 * 10**6
    nursery.cancel_scope.cancel()
    wired.far.hang_up()


# ---- out ------------------------------------------------------------------------------------------


async def test_pongs_and_the_hubs_frames_never_cut_each_other(wire: Wire, nursery: trio.Nursery) -> None:
    wired = await wire()
    pings = [str(number).encode() for number in range(50)]

    async def ping() -> None:
        for payload in pings:
            await wired.far.send(frame(payload, PING))
            wired.connection.outbox.write(text_frame(b'{"x":"%s"}' % (b"x" * 3000)))
            await trio.lowlevel.checkpoint()

    nursery.start_soon(ping)
    for _ in pings:
        assert await wired.far.next() == {"x": "x" * 3000}
    wired.connection.outbox.write(text_frame(b'{"end":1}'))
    while len(wired.far.pongs) < len(pings):
        wired.far._frames.receive_data(await wired.far.receive())
        wired.far._sort()
    assert wired.far.pongs == pings
    wired.far.hang_up()


async def test_pings_of_a_peer_that_reads_no_pongs_fill_no_memory(
    wire: Wire, mock_clock: trio.testing.MockClock
) -> None:
    wired = await wire()
    mock_clock.autojump_threshold = 0.01
    with trio.move_on_after(60) as scope:
        for _ in range(2000):
            await wired.far.send(frame(b"x" * 125, PING))
    assert scope.cancelled_caught  # the server reads no further
    assert 0 < wired.connection.outbox.size <= 127
    mock_clock.autojump_threshold = float("inf")
    wired.far.hang_up()


async def test_closing_says_why_and_ends_when_the_peer_answers(wire: Wire, mock_clock: trio.testing.MockClock) -> None:
    wired = await wire()
    wired.connection.close_soon(refuse("idle", seconds=60))
    event = await wired.far.next_frame()
    assert isinstance(event, Closed)
    assert (event.code, event.reason) == (1000, "Bye! You sent nothing for 60 seconds.")
    wired.connection.outbox.write(text_frame(b'{"too":"late"}'))
    await trio.testing.wait_all_tasks_blocked()
    assert not wired.ended.is_set()
    await wired.far.send(close_frame())
    await wired.ended.wait()
    assert await wired.far.read_to_end() == b""
    wired.far.hang_up()


async def test_a_peer_that_does_not_answer_a_close_is_cut_off_in_a_while(
    wire: Wire, mock_clock: trio.testing.MockClock
) -> None:
    wired = await wire()
    wired.connection.close_soon(refuse("idle", seconds=60))
    assert isinstance(await wired.far.next_frame(), Closed)
    await trio.testing.wait_all_tasks_blocked()
    assert not wired.ended.is_set()
    mock_clock.jump(6)
    await wired.ended.wait()
    wired.far.hang_up()


async def test_a_peer_that_reads_nothing_is_told_so_and_closed(wire: Wire, mock_clock: trio.testing.MockClock) -> None:
    wired = await wire(outbox_bytes=50_000)
    data = text_frame(b'{"x":"%s"}' % (b"x" * 3000))
    while not wired.connection.outbox._refusing:
        wired.connection.outbox.write(data)
    events, code, reason = await wired.far.wait_closed()
    assert events[-1]["code"] == "too_slow"
    assert code == 1008
    assert reason.startswith("You were disconnected")
    await wired.ended.wait()
    wired.far.hang_up()


async def test_a_long_reason_of_wide_letters_still_fits_into_a_close_frame(wire: Wire) -> None:
    wired = await wire()
    wired.connection.close_soon(refuse("unknown_type", kind="\u65e5" * 400))
    with pytest.raises(Closed) as closed:
        await wired.far.next()
    assert 120 < len(closed.value.reason.encode()) <= 123
    wired.far.hang_up()


async def test_a_connection_that_is_over_starts_nothing_more(nursery: trio.Nursery) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    with TcpTransport(near) as transport, far:
        async with trio.open_nursery() as own:
            connection = Connection(transport, 7, own, max_frame=100, outbox_bytes=100)
            connection.finish()
        connection.outbox.write(b"x" * 10**6)
        connection.outbox.write_last(b"x")
        connection.close_soon(refuse("internal"))
        assert repr(connection) == "<Connection 7 <Outbox 0 bytes waiting, refusing>>"


async def test_a_reset_is_a_broken_resource_and_ends_the_connection(wire: Wire, nursery: trio.Nursery) -> None:
    near, far = _tcp_pair()
    with TcpTransport(near) as transport:
        connection = Connection(transport, 7, nursery, max_frame=100, outbox_bytes=100)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        with pytest.raises(trio.BrokenResourceError):
            await connection.read_head(100)


def _tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    near.setblocking(False)
    return near, far
