"""The memory of all outboxes: it counts what they keep, and cuts the fullest when it is used up."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import trio.testing

from tests.server.live_server import Serve
from tests.server.raw_client import RawClient
from trio_chat.server.net.outbox_memory import OutboxMemory


@dataclass(eq=False)
class Box:
    """An outbox, with the bytes that are left of it when it is cut."""

    memory: OutboxMemory
    block: int = 0
    size: int = 0
    told: list[str] = field(default_factory=list)

    def keep(self, size: int) -> None:
        self.size += size
        self.memory.grow(self, size)

    def send(self, size: int) -> None:
        self.size -= size
        self.memory.shrink(self, size)

    def cut(self) -> None:
        self.told.append("cut")
        if self.size > self.block:
            self.send(self.size - self.block)
        self.keep(10)  # the last words

    def drop(self) -> None:
        self.told.append("drop")
        self.send(self.size)


def test_it_counts_what_is_kept_and_forgets_outboxes_that_are_empty() -> None:
    memory = OutboxMemory(1000)
    one, other = Box(memory), Box(memory)
    one.keep(300)
    other.keep(200)
    one.send(100)
    assert repr(memory) == "<OutboxMemory 400 bytes in 2 outboxes>"
    one.send(200)
    other.send(200)
    assert repr(memory) == "<OutboxMemory 0 bytes in 0 outboxes>"


def test_the_fullest_are_cut_until_an_eighth_is_free() -> None:
    memory = OutboxMemory(1000)
    boxes = [Box(memory) for _ in range(4)]
    for box, size in zip(boxes, (100, 300, 250, 350), strict=True):
        box.keep(size)
    assert [box.told for box in boxes] == [[], [], [], []]  # the limit itself may be used
    boxes[0].keep(1)
    assert [box.told for box in boxes] == [[], [], [], ["cut"]]
    assert memory.total == 101 + 300 + 250 + 10
    boxes[0].keep(600)
    assert [box.told for box in boxes] == [["cut"], [], [], ["cut"]]


def test_an_outbox_that_keeps_most_of_its_bytes_when_it_is_cut_is_dropped() -> None:
    memory = OutboxMemory(1000)
    stuck, other = Box(memory, block=700), Box(memory)
    stuck.keep(800)
    other.keep(300)
    assert (stuck.told, other.told, memory.total) == (["cut", "drop"], [], 300)


def test_last_words_while_outboxes_are_cut_cut_no_others() -> None:
    memory = OutboxMemory(100)
    boxes = [Box(memory, block=8) for _ in range(10)]
    for box in boxes:
        box.keep(10)
    boxes[0].keep(10)
    assert memory.total <= 100
    assert all(len(box.told) <= 2 for box in boxes)


async def test_slow_readers_together_keep_no_more_than_the_setting_and_the_slowest_is_cut_first(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(outbox_bytes=200_000, max_outbox_memory=250_000)
    ada, fast = await live.join_all("ada", "fast")
    slow: list[RawClient] = []
    for number in range(3):
        client = await live.join(f"slow{number}", receive_buffer=1)
        live.squeeze(client)
        slow.append(client)
        for _ in range(3):
            await ada.say("x" * 7000)
            assert (await fast.until("message"))["text"] == "x" * 7000
    outboxes = [live.connection_of(client).outbox for client in slow]
    memory = live.server._memory
    while all(outbox.takes_more for outbox in outboxes):
        await ada.say("x" * 7000)
        assert (await fast.until("message"))["text"] == "x" * 7000
        assert memory.total == sum(outbox.size for outbox in outboxes) <= 250_000
    assert [outbox.takes_more for outbox in outboxes] == [False, True, True]
    assert live.server.hub.tally.refusals == {"too_slow": 1}
    answer = await live.get("/metrics")
    assert b"trio_chat_max_outbox_bytes 250000.0" in answer.body
    for client in slow:
        client.hang_up()
    await fast.until("presence", count=2)
    assert memory.total == 0


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_that_nothing_fits_into_ends_no_loop(limit: int) -> None:
    memory = OutboxMemory(limit)
    box = Box(memory)
    box.keep(10)
    assert box.told
