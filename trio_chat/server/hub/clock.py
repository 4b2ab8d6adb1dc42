"""The two clocks of the server: steady time for durations, and the wall clock for stamps.

Steady time never jumps. It begins as the wall clock's time, in seconds since 1970, and then goes on at the pace of the
system's monotonic clock, which also counts while the system sleeps. Everything that lasts is measured by it. When the
wall clock is set, only the relation between the two changes (``ahead``): new stamps follow the wall clock at once.

Steady time survives a restart of the server, as long as the system was not started again in between: the relation to
the monotonic clock is stored. After a start of the system it begins anew at the wall clock's time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trio_chat.records import SaveClock

if TYPE_CHECKING:
    from collections.abc import Callable

_SET: Final = 0.1
"""Seconds by which the clocks must differ from their last relation before the wall clock counts as set. The two are
read one after the other, and a loaded machine may pause in between."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""Linux's name for the time from one start of the system to the next: see random(4)."""


def seconds_running() -> float:
    """Return the seconds since the system was started, or since any other moment before this process, with the time
    that the system slept."""
    # on Linux CLOCK_MONOTONIC stands still while the system sleeps; elsewhere it goes on, without a CLOCK_BOOTTIME
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def read_boot() -> str:
    """Return the name of the time from the last start of the system to the next; empty where it has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Clock:
    """See the module.

    ``wall`` gives seconds since 1970, and ``steady`` seconds since a moment that stays the same while ``boot`` does.
    ``kept`` is the relation that an earlier run of the server stored.
    """

    def __init__(
        self,
        kept: SaveClock | None = None,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = seconds_running,
        boot: str | None = None,
    ) -> None:
        self._wall = wall
        self._steady = steady
        boot = read_boot() if boot is None else boot
        goes_on = kept is not None and bool(boot) and kept.boot == boot
        self._relation = kept if kept is not None and goes_on else SaveClock(boot, wall() - steady())

    def __repr__(self) -> str:
        return f"<Clock {self():.3f}, wall {self._relation.ahead:+.1f}>"

    def __call__(self) -> float:
        """Return the steady time now."""
        return self._relation.base + self._steady()

    def read(self) -> tuple[float, SaveClock]:
        """Return the steady time now, and how the clocks stand to each other."""
        now = self()
        ahead = self._wall() - now
        if abs(ahead - self._relation.ahead) > _SET:
            self._relation = replace(self._relation, ahead=ahead)
        return now, self._relation

    def earlier(self) -> float:
        """Return the earlier of steady time and the wall clock's. What is removed for its age waits for both."""
        now, relation = self.read()
        return min(now, now + relation.ahead)
