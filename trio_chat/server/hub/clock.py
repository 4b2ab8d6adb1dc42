"""The time by which the server decides: never earlier than before, and never standing still."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Seconds since 1970, as ``wall`` has them.

    Where that is set back, it goes on at half the speed of ``steady`` (seconds since whenever), until ``wall`` has
    caught up: else nobody's allowance would grow, and nothing become due, for as long as the clock was set back.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._looked = steady()
        self._now = wall()

    def __repr__(self) -> str:
        return f"<Clock {self._now:.3f}>"

    def __call__(self) -> float:
        """The time now."""
        looked = self._steady()
        passed, self._looked = looked - self._looked, looked
        self._now = max(self._wall(), self._now + passed / 2)
        return self._now
