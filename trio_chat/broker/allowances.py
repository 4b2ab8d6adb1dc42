"""Allowances: units that are spent and that time restores, and tables of them in bounded memory."""

from __future__ import annotations

from typing import Final

_SWEPT: Final = 1024
"""Allowances that are kept before the full ones among them are looked for."""

_MOST: Final = 100_000
"""Allowances that are kept at most, some ten MiB. Beyond that the one that was made first is forgotten."""


class Allowance:
    """Units that may be spent: ``rate`` of them come back in a second, up to ``burst``."""

    __slots__ = ("_at", "_credit", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._credit = burst
        self._at = now

    def __repr__(self) -> str:
        return f"<Allowance {self._credit:g} of {self.burst:g}>"

    def take(self, cost: float, now: float) -> float:
        """Spend some units. Returns those that are left; fewer than ``-burst`` means that the cost was too much, and
        that the debt stays at ``-burst``."""
        credit = self._credit + (now - self._at) * self.rate
        credit = (credit if credit < self.burst else self.burst) - cost  # noqa: FURB136 - min() takes three times as long
        self._at = now
        self._credit = credit if credit > -self.burst else -self.burst  # noqa: FURB136 - as above
        return credit

    def spent(self, now: float) -> float:
        """The units that are missing from the burst now."""
        return max(0.0, self.burst - self._credit - (now - self._at) * self.rate)


class Allowances:
    """The allowances of many accounts, places or rooms, by their keys. One that is full again is dropped in time."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._held: dict[str | int, Allowance] = {}
        self._sweep_at = _SWEPT

    def __repr__(self) -> str:
        return f"<Allowances {len(self._held)}>"

    def __len__(self) -> int:
        return len(self._held)

    def of(self, key: str | int, now: float) -> Allowance:
        """The allowance of this key, which is full if nothing was spent lately."""
        held = self._held.get(key)
        if held is None:
            if len(self._held) >= self._sweep_at:
                self._sweep(now)
            held = self._held[key] = Allowance(self._rate, self._burst, now)
        return held

    def _sweep(self, now: float) -> None:
        self._held = {key: one for key, one in self._held.items() if one.spent(now) > 0.0}
        while len(self._held) >= _MOST:
            del self._held[next(iter(self._held))]
        self._sweep_at = min(_MOST, max(_SWEPT, 2 * len(self._held)))
