"""Where people come from, and how often from there something was done that may not be done too often."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from trio_chat.addresses import is_loopback

if TYPE_CHECKING:
    from trio_chat.broker.journal import Journal

_MOST: Final = 10_000
"""Places remembered; the one that was quiet longest is forgotten beyond that."""


class Places:
    """What each place has spent. Each ``every`` seconds one of it is forgiven."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._spent: dict[str, tuple[float, float]] = {}

    def __repr__(self) -> str:
        return f"<Places {len(self._spent)}>"

    def spent(self, place: str, now: float) -> float:
        """What counts against a place at this time, in seconds as those of every call."""
        spent, at = self._spent.get(place, (0.0, 0.0))
        return max(0.0, spent - (now - at) / self._every)

    def spend(self, place: str, now: float, amount: float = 1.0) -> None:
        """Let a place spend something; less than nothing gives it back."""
        spent = self.spent(place, now) + amount
        self._spent.pop(place, None)
        if spent > 0:
            self._spent[place] = spent, now  # the quiet ones come to stand first
            if len(self._spent) > _MOST:
                del self._spent[next(iter(self._spent))]

    def take(self, place: str, now: float, most: float, journal: Journal) -> float:
        """Let a place spend one, if that makes no more than ``most``; should the batch be undone, it did not.

        Returns 0, or in how many seconds it may.
        """
        over = self.spent(place, now) + 1 - most
        if over > 0:
            return over * self._every
        self.spend(place, now)
        journal.then(lambda: self.spend(place, now, -1))
        return 0.0


def place_of(address: str) -> str | None:
    """The place that an address is in: an IPv6 network of 64 bits is one, for everybody has one; ``None`` for
    this machine itself, from where a proxy may connect everybody."""
    if is_loopback(address):
        return None
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:  # noqa: PLR2004 - the version of IP
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
