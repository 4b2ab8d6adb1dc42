"""The pauses between attempts to connect. Pure: the random number is an argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter, so that thousands of clients that lost one server do not all reconnect at
    the same moment.

    ``first`` and ``longest`` are seconds: the bound of the first pause, and of every pause.
    """

    first: float = 0.5
    longest: float = 30.0

    def bound(self, attempt: int) -> float:
        """The longest pause before this attempt (1 is the first), in seconds."""
        doublings = min(attempt - 1, 64)  # every bound is reached before that, and a float would overflow later
        return min(self.longest, self.first * 2.0**doublings)

    def delay(self, attempt: int, draw: float, asked: float | None = None) -> float:
        """Seconds to wait before this attempt (1 is the first).

        ``draw`` is a random number from [0, 1). ``asked`` is after how many seconds the server asked clients to
        reconnect: the pause is at least that long, and at most twice as long.
        """
        if asked is None:
            return self.bound(attempt) * draw
        return asked + max(asked, self.first) * draw
