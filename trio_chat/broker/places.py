"""Rate limits by place: how often something was done from an address, or by an account, that is limited."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from trio_chat.addresses import is_common, read_address

if TYPE_CHECKING:
    from trio_chat.broker.journal import Journal

_MOST: Final = 10_000
"""PlaceLimits remembered; the one that was quiet longest is forgotten beyond that."""


class PlaceLimits:
    """The spending of each place. Every ``every`` seconds a place gets one back."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._spent: dict[str, tuple[float, float]] = {}

    def __repr__(self) -> str:
        return f"<PlaceLimits {len(self._spent)}>"

    def spent(self, place: str, now: float) -> float:
        """The spending that counts against a place at this time, in seconds of the same clock as in every call."""
        spent, at = self._spent.get(place, (0.0, 0.0))
        return max(0.0, spent - (now - at) / self._every)

    def spend(self, place: str, now: float, amount: float = 1.0) -> None:
        """Let a place spend some; a negative amount gives it back."""
        spent = self.spent(place, now) + amount
        self._spent.pop(place, None)
        if spent > 0:
            self._spent[place] = spent, now  # so the places that were quiet longest stand first
            if len(self._spent) > _MOST:
                del self._spent[next(iter(self._spent))]

    def wait(self, place: str, now: float, most: float) -> float:
        """In how many seconds a place may spend one, if that is to make no more than ``most``; 0 if it may now."""
        return max(0.0, self.spent(place, now) + 1 - most) * self._every

    def take(self, place: str, now: float, most: float, journal: Journal) -> float:
        """Let a place spend one, if that makes no more than ``most``. If the batch is undone, it gets it back.

        Returns 0, or in how many seconds it may spend.
        """
        wait = self.wait(place, now, most)
        if wait > 0:
            return wait
        self.spend(place, now)
        journal.then(self.spend, place, now, -1)
        return 0.0


def place_of(address: str) -> str | None:
    """The place that an address is in: an IPv6 network of 64 bits is one, since everybody has one.

    ``None`` for this machine itself: a proxy may connect everybody from here.
    """
    if is_common(address):
        return None
    try:
        ip = read_address(address)
    except ValueError:
        return address
    if ip.version == 4:  # noqa: PLR2004 - the version of IP
        return str(ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))
