"""What every store can do. The hub is the only one that appends; anyone may read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Entry(NamedTuple):
    """One line of a room's log: its place, and the very bytes that everyone got."""

    room: str
    seq: int
    event: bytes


class Stretch(NamedTuple):
    """Part of a room's log, in order; ``more`` tells whether it goes on in the direction asked for, and
    ``first`` the oldest sequence number kept at all."""

    events: list[bytes]
    more: bool
    first: int


class Store(Protocol):
    """A store of rooms' logs."""

    @property
    def epoch(self) -> str:
        """Which history this is: another value means that sequence numbers began anew."""

    async def append(self, batch: Sequence[Entry]) -> None:
        """Store all of a batch, durably, or nothing of it. Raises ``StoreError``.

        Each room's entries come in the order of their sequence, without a gap to what is stored. On
        cancellation either all or nothing is stored.
        """

    async def read(self, room: str, after: int | None, before: int | None, limit: int, *, floor: int = 0) -> Stretch:
        """At most ``limit`` events after ``after`` (oldest first), or the last before ``before``, or the
        newest; always in the order of their sequence, and as if there were none up to ``floor``.

        Raises ``StoreError``.
        """
