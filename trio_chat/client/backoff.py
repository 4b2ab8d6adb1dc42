"""How long to wait before the next attempt to connect. Pure: chance comes in as an argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: thousands of clients that lost one server must not all come
    back at the same moment.

    ``first`` and ``longest`` are seconds: the bound of the first pause, and of any.
    """

    first: float = 0.5
    longest: float = 30.0

    def bound(self, attempt: int) -> float:
        """The longest that the pause before this attempt (1 is the first) may be, in seconds."""
        doublings = min(attempt - 1, 64)  # beyond that any bound is reached, and a float would overflow
        return min(self.longest, self.first * 2.0**doublings)

    def delay(self, attempt: int, draw: float, asked: float | None = None) -> float:
        """Seconds to wait before this attempt (1 is the first).

        ``draw`` is a random number from [0, 1). ``asked`` is in how many seconds the server asked us to
        come back: never earlier than that, and spread over as long again.
        """
        if asked is None:
            return self.bound(attempt) * draw
        return asked + max(asked, self.first) * draw
