"""The native door's peer: what it puts on the inbox, and what it writes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from trio_chat.errors import Refusal
from trio_chat.protocol.requests import Ping
from trio_chat.server.doors.native_peer import NativePeer
from trio_chat.server.hub.items import Item, Requests
from trio_chat.server.net.connection import Connection
from trio_chat.server.net.transport import TcpTransport
from trio_chat.server.refusals import Refusals
from trio_chat.server.tally import Tally


@pytest.fixture
def ends() -> Iterator[tuple[TcpTransport, socket.socket]]:
    near, far = socket.socketpair()
    with TcpTransport(near) as transport, far:
        yield transport, far


async def test_requests_come_decoded_in_portions_between_which_others_get_a_turn(
    ends: tuple[TcpTransport, socket.socket], nursery: trio.Nursery
) -> None:
    inbox, items = trio.open_memory_channel[Item](100)
    peer = NativePeer(
        Connection(ends[0], 7, nursery, max_frame=100, outbox_bytes=100), inbox, Refusals(Tally()), "192.0.2.1"
    )
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    nursery.start_soon(count_turns)
    while not turns:
        await trio.lowlevel.checkpoint()
    turns = 0
    await peer.take([b'{"type":"ping","id":"1"}', b"nonsense", None] * 200, 5000)
    assert turns > 0
    nursery.cancel_scope.cancel()
    found: list[Requests] = []
    while items.statistics().current_buffer_used:
        item = items.receive_nowait()
        assert isinstance(item, Requests)
        found.append(item)
    assert [(item.session, len(item.requests), item.size) for item in found] == [
        (7, 256, 5000),
        (7, 256, 0),
        (7, 88, 0),
    ]
    first, second, third = found[0].requests[:3]
    assert isinstance(first, Ping)
    assert isinstance(second, tuple)
    assert isinstance(third, tuple)
    assert isinstance(second[1], Refusal)
    assert (second[0], second[1].code, third[1].code) == ("", "not_json", "not_text")


async def test_a_full_inbox_makes_the_peer_wait(
    ends: tuple[TcpTransport, socket.socket], nursery: trio.Nursery
) -> None:
    inbox, items = trio.open_memory_channel[Item](0)
    peer = NativePeer(
        Connection(ends[0], 7, nursery, max_frame=100, outbox_bytes=100), inbox, Refusals(Tally()), "192.0.2.1"
    )
    nursery.start_soon(peer.take, [b'{"type":"ping","id":"1"}'], 24)
    await trio.testing.wait_all_tasks_blocked()
    assert isinstance(await items.receive(), Requests)


async def test_no_more_is_read_while_many_requests_wait_to_be_charged(
    ends: tuple[TcpTransport, socket.socket], nursery: trio.Nursery
) -> None:
    inbox, items = trio.open_memory_channel[Item](100)
    peer = NativePeer(
        Connection(ends[0], 7, nursery, max_frame=100, outbox_bytes=100), inbox, Refusals(Tally()), "192.0.2.1"
    )
    ping = [b'{"type":"ping","id":"1"}']
    assert peer.take_nowait(ping, 16_000)
    assert peer.take_nowait(ping, 16_000), "one reading is always taken while few bytes wait"
    assert not peer.take_nowait(ping, 24)
    nursery.start_soon(peer.take, ping, 24)
    await trio.testing.wait_all_tasks_blocked()
    assert items.statistics().current_buffer_used == 2
    peer.charged(16_000)
    await trio.testing.wait_all_tasks_blocked()
    assert items.statistics().current_buffer_used == 3
