"""How many uploads and downloads run at once: on the server, of one account, and from one place.

Where accounts cost nothing, one person makes many. So the transfers from one address (or network of IPv6) leave a part
of the server's free for all others. This machine has no such limit.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from trio_chat.broker.places import place_of
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class TransferLimit:
    """Counts transfers. At most ``limit`` run at once, ``each`` of one account, and three quarters of ``limit`` from
    one place: each has a buffer in memory."""

    def __init__(self, limit: int, each: int) -> None:
        self.limit = limit
        self.each = each
        self.from_place = max(1, limit - limit // 4)
        self._running: Counter[int] = Counter()
        self._places: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<TransferLimit: {self.running} of {self.limit} run>"

    @property
    def running(self) -> int:
        """The transfers that run now."""
        return self._running.total()

    def begin(self, account: int, address: str, held: contextlib.ExitStack) -> Refusal | None:
        """Count a transfer of an account, from an address, until ``held`` is closed, or refuse it."""
        place = place_of(address)
        if self._running[account] >= self.each:
            return refuse("too_many_transfers", limit=self.each, whose="yours")
        if self.running >= self.limit:
            return refuse("too_many_transfers", limit=self.limit, whose="this server")
        if place is not None and self._places[place] >= self.from_place:
            return refuse("too_many_transfers", limit=self.from_place, whose="your address")
        held.enter_context(_counted(self._running, account))
        if place is not None:
            held.enter_context(_counted(self._places, place))
        return None


@contextlib.contextmanager
def _counted(counter: Counter[T], key: T) -> Iterator[None]:
    counter[key] += 1
    try:
        yield
    finally:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]
