"""Counters that cost the running server next to nothing; :mod:`trio_chat.server.metrics` shows them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_SECONDS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_REQUESTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0)


class Distribution:
    """A histogram with fixed upper bounds; the last bucket counts the values above them."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class Tally:
    """Counters since the start. A delivery is one message given to one session."""

    messages: int = 0
    deliveries: int = 0
    connections: int = 0
    requests: int = 0  # of HTTP, upgrades not counted
    transfers: int = 0  # now
    received: int = 0  # bytes of bodies
    sent: int = 0  # bytes of files
    refusals: Counter[str] = field(default_factory=Counter)
    batch_requests: Distribution = field(default_factory=lambda: Distribution(_REQUESTS))
    batch_seconds: Distribution = field(default_factory=lambda: Distribution(_SECONDS))
    delay_seconds: Distribution = field(default_factory=lambda: Distribution(_SECONDS))

    def count_received(self, size: int) -> None:
        """Count bytes of the body of a request."""
        self.received += size

    def count_sent(self, size: int) -> None:
        """Count bytes of a file that went out."""
        self.sent += size

    def refuse(self, code: str) -> None:
        """Count one refusal, by its row of the error table."""
        self.refusals[code] += 1
