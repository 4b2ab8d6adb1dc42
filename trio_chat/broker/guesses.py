"""Wrong passwords, counted where they come from: a place that guesses has to slow down, whatever it guesses.

A guess is charged before the password is looked at, and given back if it was right. So a place that has no guesses left
learns nothing, not even that it guessed right.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from trio_chat.addresses import read_address
from trio_chat.broker.places import PlaceLimits, place_of
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

_GUESSES: Final = 10
"""Wrong passwords that one place may send at once: people mistype, and several may share an address."""

_EVERY: Final = 6.0
"""Seconds until the place may send one more: ten a minute find no password that is worth the name."""

_WIDER: Final = 4
"""The network around a place may send so many times as much: whoever has a whole network gains little by it."""

_COMMON: Final = "127.0.0.1"
"""The place of those whom a proxy or a tunnel on this machine connects; it is as wide as a network."""


class Guesses:
    """The guesses of each place and of each network."""

    def __init__(self) -> None:
        self._places = PlaceLimits(_EVERY)
        self._networks = PlaceLimits(_EVERY / _WIDER)

    def __repr__(self) -> str:
        return f"<Guesses {self._places!r} {self._networks!r}>"

    def take(self, address: str, now: float, key: str | None = None) -> Refusal | None:
        """Charge a guess to an address, in place of which ``key`` is charged if the address stands for many people.

        Returns the refusal if there is no guess left; then nothing is charged.
        """
        wait = self.wait(address, now, key)
        if wait > 0:
            return refuse("too_many_guesses", seconds=wait)
        for limits, place, _ in self._charged(address, key):
            limits.spend(place, now)
        return None

    def wait(self, address: str, now: float, key: str | None = None) -> float:
        """In how many seconds there is a guess left; 0 if there is one now. Charges nothing."""
        return max(limits.wait(place, now, most) for limits, place, most in self._charged(address, key))

    def give_back(self, address: str, now: float, key: str | None = None) -> None:
        """The guess was right."""
        for limits, place, _ in self._charged(address, key):
            limits.spend(place, now, -1)

    def _charged(self, address: str, key: str | None) -> Iterable[tuple[PlaceLimits, str, float]]:
        place = place_of(address)
        if place is None:
            if key is None:
                return ((self._networks, _COMMON, _GUESSES * _WIDER),)
            return ((self._places, key, _GUESSES),)
        network = network_of(address)
        own = (self._places, place, _GUESSES)
        return (own,) if network is None else (own, (self._networks, network, _GUESSES * _WIDER))


def network_of(address: str) -> str | None:
    """The network that an address is in, of which one person may have all places: 24 bits of IPv4, 48 bits of IPv6.

    ``None`` for a text that is no address.
    """
    try:
        ip = read_address(address)
    except ValueError:
        return None
    bits = 24 if ip.version == 4 else 48  # noqa: PLR2004 - the version of IP
    return str(ipaddress.ip_network((ip, bits), strict=False))
