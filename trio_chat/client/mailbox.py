"""Events that wait for the application, bounded in number and in bytes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.client.events import ChatEvent

MOST_EVENTS: Final = 10_000
"""Events that may wait: some minutes of a busy room."""

MOST_BYTES: Final = 8 * 1024 * 1024
"""Bytes of frames that may wait: far more than ordinary chat fills, little enough for a small machine."""


class Mailbox:
    """A queue of events with one writer. It always takes all events of a frame. From its bound on it is *full*, and the
    writer waits before it reads the next frame; so it exceeds the bound by the events of one frame at the most."""

    def __init__(self, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[ChatEvent, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._readers = trio.lowlevel.ParkingLot()
        self._writer = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<Mailbox {len(self._waiting)} events, {self._bytes} bytes{', closed' if self._closed else ''}>"

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether the writer must wait."""
        return len(self._waiting) >= self._most_events or self._bytes >= self._most_bytes

    def put(self, events: Sequence[ChatEvent], size: int = 0) -> None:
        """Add the events of a frame of ``size`` bytes. After ``close`` they are dropped."""
        if self._closed or not events:
            return
        share = size // len(events)
        self._waiting.extend((event, share) for event in events)
        self._bytes += share * len(events)
        self._readers.unpark(count=len(events))

    async def wait_room(self) -> None:
        """Wait until the mailbox is no longer full, or is closed."""
        while self.full and not self._closed:
            await self._writer.park()

    async def get(self) -> ChatEvent | None:
        """Wait for an event and take the oldest; ``None`` when the mailbox is closed and empty.

        A cancelled ``get`` has taken nothing.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._waiting:
            if self._closed:
                return None
            await self._readers.park()
        event, share = self._waiting.popleft()
        self._bytes -= share
        if not self.full:
            self._writer.unpark_all()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return event

    def close(self) -> None:
        """Take no more events; readers still get those that wait. Closing twice does no harm."""
        self._closed = True
        self._readers.unpark_all()
        self._writer.unpark_all()
