"""The limits on connections: in all, from one address, and from one network."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from trio_chat.addresses import is_common, network_of
from trio_chat.errors import Refusal, refuse
from trio_chat.server.net.crowd import Crowd, Stranger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Visitor(Stranger):
    """A connection inside. ``is_known`` says whether it has logged in."""

    __slots__ = ("counts", "is_known")

    def __init__(self, address: str, is_known: Callable[[], bool], give_way: Callable[[], None]) -> None:
        super().__init__(address, give_way)
        self.is_known = is_known
        self.counts = True


class Gate:
    """Counts the connections ``inside``. ``per_address`` limits those of one address, unless it is 0 or the address is
    127.0.0.1 or ::1. An IPv6 address counts with its /64, since one holder has all of that. One network has at most
    half of all connections, or those of one address if that is more.

    When all are taken, a connection that has not logged in gives way to a newcomer from elsewhere: see
    :mod:`trio_chat.server.net.crowd`.
    """

    def __init__(self, max_connections: int, per_address: int) -> None:
        self._max_connections = max_connections
        self._per_address = per_address
        self._per_network = max(per_address, max_connections // 2)
        self._inside: Counter[str] = Counter()
        self._crowd: Crowd[Visitor] = Crowd()
        self.inside = 0

    def __repr__(self) -> str:
        return f"<Gate {self.inside} of {self._max_connections} inside>"

    @contextlib.contextmanager
    def enter(
        self, address: str, is_known: Callable[[], bool] = lambda: True, give_way: Callable[[], None] = lambda: None
    ) -> Iterator[Refusal | None]:
        """Count a connection while the block runs. Yields the refusal instead, and counts nothing, past a limit.

        ``give_way`` is called, at most once, when the connection is to end for another; it is not counted from then on.
        """
        refusal = self._check(address) or self._make_room(address)
        if refusal is not None:
            yield refusal
            return
        visitor = Visitor(address, is_known, give_way)
        self._crowd.add(visitor)
        self._inside.update(_holders(address))
        self.inside += 1
        try:
            yield None
        finally:
            self._release(visitor)

    def _check(self, address: str) -> Refusal | None:
        if not self._per_address or is_common(address):
            return None
        holder, network = _holders(address)
        if self._inside[holder] >= self._per_address:
            return refuse("too_many_from_address", limit=self._per_address)
        if self._inside[network] >= self._per_network:
            return refuse("too_many_from_network", limit=self._per_network)
        return None

    def _make_room(self, address: str) -> Refusal | None:
        if self.inside < self._max_connections:
            return None
        for visitor in self._crowd.strangers():
            if visitor.is_known():
                self._crowd.remove(visitor)
        first = self._crowd.first_of_more(address)
        if first is None:
            return refuse("server_full", limit=self._max_connections)
        self._release(first)
        first.give_way()
        return None

    def _release(self, visitor: Visitor) -> None:
        if not visitor.counts:
            return
        visitor.counts = False
        self._crowd.remove(visitor)
        self.inside -= 1
        for holder in _holders(visitor.address):
            self._inside[holder] -= 1
            if not self._inside[holder]:
                del self._inside[holder]


def _holders(address: str) -> tuple[str, str]:
    """Return what an address counts as: itself, or its network if it is of IPv6; and its network as a network."""
    network = network_of(address)
    return (network if ":" in network else address), f"network {network}"
