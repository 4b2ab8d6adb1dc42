"""How often an address may connect: a connection costs a quarter of a millisecond before anything is known of it.

The limit is that of connections at the same time (``per_address``), but 64 at least: so many may come at once, and a
sixteenth of them a second from then on. A network may have four times as much, and what an address was refused does not
count against it.
"""

from __future__ import annotations

from typing import Final

from trio_chat.addresses import network_of
from trio_chat.broker.allowances import Allowance, Allowances
from trio_chat.broker.places import place_of

_SECONDS: Final = 16.0
"""Seconds in which an address may connect as often as it may at once."""

_LEAST: Final = 64
"""Connections that may come at once in any case, for clients whose connection is lost again and again."""

_ADDRESSES: Final = 4
"""Addresses that may use up their allowance before that of their network is used up."""


class Attempts:
    """See the module. With a ``per_address`` of 0 there is no limit, and none for 127.0.0.1 and ::1."""

    def __init__(self, per_address: int) -> None:
        self._on = per_address > 0
        burst = max(_LEAST, per_address)
        self._places = Allowances(burst / _SECONDS, burst)
        self._networks = Allowances(_ADDRESSES * burst / _SECONDS, _ADDRESSES * burst)

    def __repr__(self) -> str:
        return f"<Attempts from {len(self._places)} places>"

    def take(self, address: str, now: float) -> bool:
        """Count a connection from an address, unless it is one too many. ``now`` is in seconds. Returns whether it was
        counted."""
        place = place_of(address) if self._on else None
        if place is None:
            return True
        of_place, of_network = self._places.of(place, now), self._networks.of(network_of(address), now)
        if not (_has_one(of_place, now) and _has_one(of_network, now)):
            return False
        of_place.take(1.0, now)
        of_network.take(1.0, now)
        return True


def _has_one(allowance: Allowance, now: float) -> bool:
    return allowance.spent(now) + 1.0 <= allowance.burst
