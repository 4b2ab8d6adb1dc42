"""The outbox: it never waits, keeps order, keeps little, and says when a peer is too slow."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from tests.server.raw_client import until
from trio_chat.server.net.frames import text_frame
from trio_chat.server.net.outbox import Outbox
from trio_chat.server.net.outbox_memory import OutboxMemory
from trio_chat.server.net.transport import TcpTransport

Step = Callable[[], Any]


@dataclass
class Peers:
    """Both ends of a connection, and what the outbox told its owner."""

    near: TcpTransport
    far: socket.socket
    spawned: list[Step] = field(default_factory=list)
    too_slow: list[int] = field(default_factory=list)
    broken: int = 0
    memory: OutboxMemory = field(default_factory=OutboxMemory)

    def outbox(self, limit: int, nursery: trio.Nursery | None = None, *, corked: bool = False) -> Outbox:
        def spawn(step: Step) -> None:
            self.spawned.append(step)
            if nursery is not None:
                nursery.start_soon(step)

        def broke() -> None:
            self.broken += 1

        outbox = Outbox(self.near, limit, self.memory, spawn=spawn, too_slow=self.too_slow.append, broken=broke)
        if not corked:
            outbox.uncork()
        return outbox

    def fill(self, outbox: Outbox, data: bytes) -> int:
        """Write the same thing until the kernel takes no more; how often."""
        count = 0
        while not outbox.size:
            outbox.write(data)
            count += 1
        return count

    async def read(self, size: int) -> bytes:
        """Exactly so many bytes, from the far end."""
        found = b""
        while len(found) < size:
            await trio.lowlevel.wait_readable(self.far)
            found += self.far.recv(size - len(found))
        return found

    async def read_until_quiet(self, outbox: Outbox) -> bytes:
        """Everything there is."""
        found = b""
        while True:
            try:
                found += self.far.recv(65536)
            except BlockingIOError:
                if not outbox.size:
                    return found
            await trio.lowlevel.checkpoint()


@pytest.fixture
def peers() -> Iterator[Peers]:
    near, far = socket.socketpair()
    for sock in (near, far):
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with TcpTransport(near) as transport, far:
        yield Peers(transport, far)


def texts_in(data: bytes) -> list[str]:
    """The messages in a server's bytes; they must end with a whole frame."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    found, part = [], ""
    for event in client.events():
        assert isinstance(event, TextMessage)
        part += event.data
        if event.message_finished:
            found.append(part)
            part = ""
    assert not part
    return found


async def test_bytes_that_the_kernel_takes_go_at_once_and_cost_no_task(peers: Peers) -> None:
    outbox = peers.outbox(1000)
    outbox.write(b"one")
    outbox.write(b"two")
    assert peers.far.recv(100) == b"onetwo"
    assert (outbox.size, peers.spawned) == (0, [])
    await outbox.wait_empty()


async def test_bytes_that_the_kernel_does_not_take_are_kept_and_sent_in_order(
    peers: Peers, nursery: trio.Nursery
) -> None:
    outbox = peers.outbox(10**6, nursery)
    frames = [text_frame(str(number).encode() * 500) for number in range(100)]
    for frame in frames:
        outbox.write(frame)
    assert outbox.size > 0
    assert await peers.read(len(b"".join(frames))) == b"".join(frames)
    await outbox.wait_empty()
    assert outbox.size == 0


async def test_there_is_one_writer_and_only_while_something_is_kept(peers: Peers, nursery: trio.Nursery) -> None:
    outbox = peers.outbox(10**6, nursery)
    for turn in (1, 2):
        peers.fill(outbox, b"x" * 1000)
        outbox.write(b"more")
        outbox.write(b"and more")
        await trio.testing.wait_all_tasks_blocked()
        assert len(peers.spawned) == turn
        await peers.read_until_quiet(outbox)
        await until(lambda: not outbox._writing)
    outbox.write(b"direct again")
    assert len(peers.spawned) == 2
    assert await peers.read(12) == b"direct again"


async def test_a_write_does_not_overtake_kept_bytes(peers: Peers, nursery: trio.Nursery) -> None:
    outbox = peers.outbox(10**6, nursery)
    count = peers.fill(outbox, b"x" * 1000)
    peers.far.recv(65536)  # now the kernel has room again, but the kept comes first
    outbox.write(b"END")
    found = await peers.read_until_quiet(outbox)
    assert found.endswith(b"END")
    assert found.count(b"END") == 1
    assert count > 0


async def test_nothing_goes_out_before_it_is_uncorked_and_then_all_in_order(
    peers: Peers, nursery: trio.Nursery
) -> None:
    outbox = peers.outbox(1000, nursery, corked=True)
    outbox.write(b"one")
    outbox.write(b"two")
    with pytest.raises(BlockingIOError):
        peers.far.recv(100)
    assert outbox.size == 6
    outbox.uncork()
    outbox.write(b"three")
    assert await peers.read(11) == b"onetwothree"


async def test_a_peer_that_is_too_slow_is_told_once_and_gets_whole_frames_and_last_words(
    peers: Peers, nursery: trio.Nursery
) -> None:
    outbox = peers.outbox(20_000, nursery)
    frame = text_frame(b"x" * 900)
    peers.fill(outbox, frame)
    while not peers.too_slow:
        outbox.write(frame)
    assert 20_000 < peers.too_slow[0] <= 20_000 + len(frame)
    outbox.write(frame)
    outbox.write_last(text_frame(b"last words"))
    outbox.write(frame)
    assert len(peers.too_slow) == 1
    texts = texts_in(await peers.read_until_quiet(outbox))
    assert set(texts[:-1]) == {"x" * 900}
    assert texts[-1] == "last words"


async def test_a_peer_that_is_too_slow_in_the_middle_of_being_written_to_still_gets_whole_frames(
    peers: Peers, nursery: trio.Nursery
) -> None:
    outbox = peers.outbox(50_000, nursery)
    frame = text_frame(b"x" * 900)
    peers.fill(outbox, frame)
    outbox.write(frame)
    await trio.testing.wait_all_tasks_blocked()  # the writer holds a block now, the rest of a frame first
    while not peers.too_slow:
        outbox.write(frame)
    outbox.write_last(text_frame(b"last words"))
    assert texts_in(await peers.read_until_quiet(outbox))[-1] == "last words"


@pytest.mark.parametrize("size", [100, 5000, 300_000])
async def test_the_kept_bytes_are_bounded_whatever_is_written(peers: Peers, nursery: trio.Nursery, size: int) -> None:
    limit = 50_000
    outbox = peers.outbox(limit, nursery)
    for _ in range(limit // size + 400):
        outbox.write(b"x" * size)
        assert outbox.size <= limit + size
        kept = sum(map(len, outbox._queue)) + len(outbox._block)
        assert kept == outbox.size
    assert len(peers.too_slow) <= 1


async def test_a_single_write_greater_than_the_limit_is_too_much_but_stays_readable(
    peers: Peers, nursery: trio.Nursery
) -> None:
    outbox = peers.outbox(1000, nursery)
    outbox.write(text_frame(b"x" * 400_000))
    assert len(peers.too_slow) == 1
    assert texts_in(await peers.read_until_quiet(outbox)) == ["x" * 400_000]


async def test_a_peer_that_is_gone_breaks_it_once_and_nothing_is_kept(peers: Peers) -> None:
    outbox = peers.outbox(1000)
    peers.far.close()
    outbox.write(b"one")
    outbox.write(b"two")
    outbox.write_last(b"three")
    assert (peers.broken, outbox.size) == (1, 0)
    await outbox.wait_empty()


async def test_a_peer_that_goes_while_it_is_written_to_breaks_it_once(peers: Peers, nursery: trio.Nursery) -> None:
    outbox = peers.outbox(10**6, nursery)
    peers.fill(outbox, b"x" * 1000)
    nursery.start_soon(outbox.wait_empty)
    await trio.testing.wait_all_tasks_blocked()
    peers.far.close()
    await outbox.wait_empty()
    assert (peers.broken, outbox.size) == (1, 0)
    outbox.write(b"more")
    assert (peers.broken, outbox.size) == (1, 0)


async def test_waiting_for_it_to_be_empty_ends_when_the_kernel_has_it_all(peers: Peers, nursery: trio.Nursery) -> None:
    outbox = peers.outbox(10**6, nursery)
    peers.fill(outbox, b"x" * 1000)
    done = trio.Event()

    async def wait() -> None:
        await outbox.wait_empty()
        assert outbox.size == 0
        done.set()

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    assert not done.is_set()
    await peers.read_until_quiet(outbox)
    await done.wait()


async def test_waiting_for_room_ends_when_enough_of_it_is_out(peers: Peers, nursery: trio.Nursery) -> None:
    outbox = peers.outbox(10**6, nursery)
    while outbox.size < 600_000:
        outbox.write(b"x" * 1000)
    size: list[int] = []

    async def wait(most: int) -> None:
        await outbox.wait_room(most)
        size.append(outbox.size)

    nursery.start_soon(wait, 100_000)
    nursery.start_soon(wait, 10**6)
    await trio.testing.wait_all_tasks_blocked()
    assert len(size) == 1
    await peers.read(300_000)
    await trio.testing.wait_all_tasks_blocked()
    assert len(size) == 1
    await peers.read(250_000)
    await until(lambda: len(size) == 2)
    assert 0 < size[1] <= 100_000


async def test_waiting_for_room_ends_with_the_connection(peers: Peers, nursery: trio.Nursery) -> None:
    outbox = peers.outbox(10**6, nursery)
    peers.fill(outbox, b"x" * 1000)
    done = trio.Event()

    async def wait() -> None:
        await outbox.wait_room(0)
        done.set()

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    assert outbox.takes_more
    outbox.abandon()
    await done.wait()
    assert not outbox.takes_more


async def test_after_the_last_words_nothing_ordinary_follows(peers: Peers) -> None:
    outbox = peers.outbox(1000)
    outbox.write(b"words")
    outbox.refuse_more()
    outbox.write(b"more")
    outbox.write_last(b" and a close")
    assert peers.far.recv(100) == b"words and a close"
    assert repr(outbox) == "<Outbox 0 bytes waiting, refusing>"


async def test_an_outbox_whose_connection_is_over_keeps_nothing_and_starts_no_writer(peers: Peers) -> None:
    async with trio.open_nursery() as nursery:
        outbox = peers.outbox(10**6, nursery)
        peers.fill(outbox, b"x" * 1000)
        await trio.testing.wait_all_tasks_blocked()
        outbox.abandon()
        nursery.cancel_scope.cancel()
    started = len(peers.spawned)
    outbox.write(b"x")
    outbox.write_last(b"x")
    assert (outbox.size, len(peers.spawned), peers.broken, peers.too_slow) == (0, started, 0, [])
    await outbox.wait_empty()
