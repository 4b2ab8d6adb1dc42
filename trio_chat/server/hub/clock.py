"""The time by which the server decides: it never goes back and never stands still."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Seconds since 1970, as ``wall`` has them.

    When ``wall`` is set back, the clock goes on at half the speed of ``steady`` (seconds since any moment), until
    ``wall`` has caught up. Otherwise no allowance would grow and nothing become due for as long as it was set back.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._looked = steady()
        self._now = wall()

    def __repr__(self) -> str:
        return f"<Clock {self._now:.3f}>"

    def __call__(self) -> float:
        """Return the time now."""
        looked = self._steady()
        passed, self._looked = looked - self._looked, looked
        self._now = max(self._wall(), self._now + passed / 2)
        return self._now
