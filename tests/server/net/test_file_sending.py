"""A part of a file to a peer, over a pair of real sockets and with a transport that takes what the test says."""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from trio_chat.server.net import file_sending, transport
from trio_chat.server.net.file_sending import PORTION, FileShrank, send_file
from trio_chat.server.net.rate_floor import RateFloor
from trio_chat.server.net.transport import TcpTransport

DATA = random.Random(3).randbytes(5 * PORTION + 777)


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(DATA)
    opened = os.open(tmp_path / "file", os.O_RDWR)
    yield opened
    os.close(opened)


class FakeTransport:
    """Takes at most ``most`` bytes at a time, and nothing while ``full``."""

    def __init__(self, most: int = 10**9) -> None:
        self.most = most
        self.full = False
        self.got = b""
        self.asked: list[int] = []

    def send(self, data: bytes, /) -> int:
        raise NotImplementedError

    def receive(self) -> bytes:
        raise NotImplementedError

    def receive_into(self, place: memoryview, /) -> int:
        raise NotImplementedError

    def send_file(self, fd: int, offset: int, count: int, /) -> int:
        if self.full:
            raise BlockingIOError
        self.asked.append(count)
        data = os.pread(fd, min(count, self.most), offset)
        self.got += data
        return len(data)

    def wait_writable(self) -> Awaitable[None]:
        wait = trio.sleep_forever if self.full else trio.lowlevel.checkpoint
        return wait()

    def wait_readable(self) -> Awaitable[None]:
        raise NotImplementedError

    def shutdown(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


Sendfile = Callable[[int, int, int, int], int]


def no_sendfile(out: int, fd: int, offset: int, count: int) -> int:
    raise OSError(errno.EINVAL, "not from this kind of file")


@pytest.mark.parametrize("sendfile", [transport._sendfile, None, no_sendfile])
async def test_the_bytes_come_over_a_socket_with_the_systems_call_and_without(
    fd: int, sendfile: Sendfile | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_sendfile", sendfile)
    near, far = socket.socketpair()
    told: list[int] = []
    got = b""
    with TcpTransport(near) as tcp, far:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                await send_file(tcp, fd, 1000, len(DATA) - 1500, told.append)
                tcp.shutdown()

            nursery.start_soon(send)
            reader = trio.socket.from_stdlib_socket(far)
            while data := await reader.recv(100_000):
                got += data
    assert got == DATA[1000:-500]
    assert sum(told) == len(got)


async def test_a_broken_peer_is_told_apart_from_a_file_that_cannot_be_sent(fd: int) -> None:
    near, far = socket.socketpair()
    far.close()
    with TcpTransport(near) as tcp, pytest.raises(trio.BrokenResourceError):
        await send_file(tcp, fd, 0, len(DATA), lambda size: None)


async def test_portions_are_bounded_and_others_run_between_them(fd: int) -> None:
    peer, turns = FakeTransport(), 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await send_file(peer, fd, 0, len(DATA), lambda size: None)
        nursery.cancel_scope.cancel()
    assert peer.got == DATA
    assert peer.asked == [PORTION] * 5 + [777]
    assert turns >= 2


@pytest.mark.parametrize("told_by_system", [True, False])
async def test_a_portion_that_is_not_in_memory_is_read_in_a_thread_first(
    fd: int,
    monkeypatch: pytest.MonkeyPatch,
    told_by_system: bool,  # noqa: FBT001 - both kinds of system
) -> None:
    read: list[tuple[int, int]] = []
    genuine = file_sending._read_in

    def note(fd: int, offset: int, count: int) -> None:
        with pytest.raises(RuntimeError):
            trio.lowlevel.current_task()  # it is another thread
        read.append((offset, count))
        genuine(fd, offset, count)

    monkeypatch.setattr(file_sending, "_read_in", note)
    if told_by_system:

        def cold(fd: int, places: list[bytearray], offset: int, flags: int) -> int:
            raise BlockingIOError

        monkeypatch.setattr(os, "preadv", cold)
    else:
        monkeypatch.setattr(file_sending, "_NO_WAIT", None)
    peer = FakeTransport(most=100_000)
    await send_file(peer, fd, 0, len(DATA), lambda size: None)
    assert peer.got == DATA
    assert read[0][0] == 0
    covered = sum(count for _, count in read)
    assert covered >= len(DATA)
    assert len(read) < len(peer.asked)  # not again for what was read in and not taken yet


async def test_what_is_in_memory_needs_no_thread(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if file_sending._NO_WAIT is None:
        pytest.skip("this system cannot tell")
    os.pread(fd, len(DATA), 0)
    if not file_sending._is_in_memory(fd, 0, len(DATA)):
        pytest.skip("this file system cannot tell")
    monkeypatch.setattr(file_sending, "_read_in", None)
    peer = FakeTransport()
    await send_file(peer, fd, 0, len(DATA), lambda size: None)
    assert peer.got == DATA


async def test_a_file_that_ends_too_early_is_noticed(fd: int) -> None:
    os.truncate(fd, 100)
    peer = FakeTransport()
    with pytest.raises(FileShrank, match=f"{len(DATA) - 100} of {len(DATA)} bytes are missing"):
        await send_file(peer, fd, 0, len(DATA), lambda size: None)
    assert peer.got == DATA[:100]


async def test_a_peer_that_takes_nothing_is_given_up(fd: int, autojump_clock: trio.testing.MockClock) -> None:
    peer = FakeTransport()
    peer.full = True
    with pytest.raises(trio.BrokenResourceError, match="takes too little"):
        await send_file(peer, fd, 0, len(DATA), lambda size: None)
    assert trio.current_time() == 60


async def test_a_peer_that_takes_enough_is_waited_for_again_and_again(
    fd: int, autojump_clock: trio.testing.MockClock
) -> None:
    class Slow(FakeTransport):
        """Is full before each portion, for 40 seconds."""

        def send_file(self, fd: int, offset: int, count: int, /) -> int:
            self.full = not self.full
            return super().send_file(fd, offset, count)

        async def wait_writable(self) -> None:
            await trio.sleep(40.0)

    peer = Slow()
    await send_file(peer, fd, 0, len(DATA), lambda size: None)
    assert peer.got == DATA
    assert trio.current_time() == 240.0


class Passes(trio.abc.Instrument):
    """Counts the turns of the event loop."""

    count = 0

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


async def test_all_transfers_together_send_one_portion_in_a_turn_of_the_event_loop(fd: int) -> None:
    passes, portions = Passes(), list[int]()
    trio.lowlevel.add_instrument(passes)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(send_file, FakeTransport(), fd, 0, len(DATA), lambda _: portions.append(passes.count))
    trio.lowlevel.remove_instrument(passes)
    assert len(portions) == 5 * 6
    assert len(set(portions)) == len(portions)


async def test_a_cancelled_sending_ends_at_once(fd: int, autojump_clock: trio.testing.MockClock) -> None:
    peer = FakeTransport()
    peer.full = True
    with trio.move_on_after(5) as scope:
        await send_file(peer, fd, 0, len(DATA), lambda size: None)
    assert scope.cancelled_caught


def test_the_floor_counts_waits_for_each_portion_that_is_due() -> None:
    floor = RateFloor(1024, 30.0)
    floor.waited(29.0)
    assert floor.patience == 1.0
    floor.moved(20_000)
    floor.waited(0.5)
    assert floor.patience == 0.5
    floor.moved(10_720)  # 30 KiB together
    assert floor.patience == 30.0
    floor.waited(31.0)
    assert floor.patience < 0
    assert repr(floor) == "<RateFloor: 0 bytes in 31.0 s>"
