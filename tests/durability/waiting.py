"""Waits of the trials, none of which goes on for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

STANDSTILL: Final = 90.0
"""Seconds without any progress after which a trial has hung. A connection that stalls is given up after 2 seconds, and
a killed server is back within 5, on a machine that does much else too."""


async def wait_until(reached: Callable[[], bool], stand: Callable[[], object], limit: float = STANDSTILL) -> None:
    """Wait until something is reached.

    ``stand`` returns how far everything is. When that has not changed for ``limit`` seconds, AssertionError shows it.
    """
    last, deadline = stand(), trio.current_time() + limit
    while not reached():  # counts of many tasks, looked at now and then
        await trio.sleep(0.01)
        now = stand()
        if now != last:
            last, deadline = now, trio.current_time() + limit
        assert trio.current_time() < deadline, f"no progress for {limit} seconds: {last}"
