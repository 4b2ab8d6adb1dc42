"""The memory of all outboxes of a server together.

A thousand slow readers may each fill an outbox. The bytes of a message that all of them get are counted for each of
them, although they are in memory once while nothing is sent: the count is the most that the outboxes may come to.
"""

from __future__ import annotations

from typing import Final, Protocol

_LEFT: Final = 0.875
"""The part of the limit that stays in use when outboxes are cut, so that one search makes room for many messages."""

UNLIMITED: Final = 1 << 62


class Box(Protocol):
    """An outbox, as its memory knows it. ``size`` is in bytes."""

    size: int

    def cut(self) -> None:
        """Drop what waits behind the block that is being sent, and tell the peer that it is too slow."""

    def drop(self) -> None:
        """Drop everything, and end the connection."""


class OutboxMemory:
    """Counts the bytes in all outboxes (``total``). When they are more than ``limit``, the fullest outboxes are cut.

    Outboxes report what they keep. What goes out at once is not kept, so it costs nothing here. An outbox that is cut
    and still has most of its bytes, all in one block, is dropped.
    """

    def __init__(self, limit: int = UNLIMITED) -> None:
        self.limit = limit
        self.total = 0
        self._boxes: dict[Box, None] = {}
        self._cutting = False

    def __repr__(self) -> str:
        return f"<OutboxMemory {self.total} bytes in {len(self._boxes)} outboxes>"

    def grow(self, box: Box, size: int) -> None:
        """Count bytes that an outbox keeps from now on. They are in its own size already."""
        self.total += size
        self._boxes[box] = None
        if self.total > self.limit and not self._cutting:  # the last words of an outbox that is cut are kept too
            self._cutting = True
            self._make_room()
            self._cutting = False

    def shrink(self, box: Box, size: int) -> None:
        """Count bytes that an outbox keeps no longer. They are not in its own size any more."""
        self.total -= size
        if not box.size:
            self._boxes.pop(box, None)

    def _make_room(self) -> None:
        for box in sorted(self._boxes, key=lambda box: box.size, reverse=True):
            if self.total <= self.limit * _LEFT:
                break
            before = box.size
            box.cut()
            if box.size * 2 > before:
                box.drop()
