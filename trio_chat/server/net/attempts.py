"""How often an address may connect: a connection costs a quarter of a millisecond before anything is known of it.

An address may connect 64 times at once, for people who share it and all come back after the server was restarted, and
16 times a second from then on. A network may connect four times as often, and what an address was refused does not
count against it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from trio_chat.addresses import network_of
from trio_chat.broker.allowances import Allowance, Allowances
from trio_chat.broker.places import place_of

_BURST: Final = 64.0
_RATE: Final = 16.0

_ADDRESSES: Final = 4
"""Addresses that may use up their allowance before that of their network is used up."""


class Attempts:
    """See the module. 127.0.0.1 and ::1 have no limit, and none has one if this is not ``on``."""

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._places = Allowances(_RATE, _BURST)
        self._networks = Allowances(_ADDRESSES * _RATE, _ADDRESSES * _BURST)

    def __repr__(self) -> str:
        return f"<Attempts from {len(self._places)} places>"

    def take(self, address: str, now: float) -> bool:
        """Count a connection from an address, unless it is one too many. ``now`` is in seconds. Returns whether it was
        counted."""
        place = _place_of(address) if self._on else None
        if place is None:
            return True
        of_place, of_network = self._places.of(place, now), self._networks.of(network_of(address), now)
        if not (_has_one(of_place, now) and _has_one(of_network, now)):
            return False
        of_place.take(1.0, now)
        of_network.take(1.0, now)
        return True


_place_of: Final = lru_cache(maxsize=4096)(place_of)  # a flooder asks thousands of times a second


def _has_one(allowance: Allowance, now: float) -> bool:
    return allowance.spent(now) + 1.0 <= allowance.burst
