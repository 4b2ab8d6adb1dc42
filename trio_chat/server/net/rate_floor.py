"""The least rate at which a peer has to send or take the bytes of a transfer. Pure."""

from __future__ import annotations


class RateFloor:
    """Counts how long the peer of a transfer was waited for. It may be waited for ``window`` seconds for each
    ``window`` times ``rate`` bytes; time that the server itself takes does not count."""

    __slots__ = ("_least", "_moved", "_waited", "_window")

    def __init__(self, rate: int, window: float) -> None:
        self._window = window
        self._least = int(rate * window)
        self._moved = 0
        self._waited = 0.0

    def __repr__(self) -> str:
        return f"<RateFloor: {self._moved} bytes in {self._waited:.1f} s>"

    @property
    def patience(self) -> float:
        """Seconds for which the peer may still be waited for; 0 or less if it is too slow."""
        return self._window - self._waited

    def moved(self, size: int) -> None:
        """Count bytes that came or went."""
        self._moved += size
        if self._moved >= self._least:
            self._moved, self._waited = 0, 0.0

    def waited(self, seconds: float) -> None:
        """Count a wait for the peer."""
        self._waited += seconds
