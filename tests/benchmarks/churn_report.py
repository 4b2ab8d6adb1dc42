"""The figures of a churn: samples, their slope, a table, a plot. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

ROWS: Final = 20
"""Rows of the table, at the most."""

_WIDTH, _HEIGHT, _LEFT, _TOP = 760, 220, 90, 40
_TICKS: Final = 4


@dataclass(frozen=True)
class Sample:
    """A process and its work at one time. ``memory`` and ``anonymous`` are resident KiB of the server, all and its own
    without files; ``clients`` the same as ``memory`` for each client beside, ``spare`` the server's descriptors that
    are no member's connection, ``messages`` all acknowledged so far, ``disk`` KiB of the database."""

    seconds: float
    memory: int
    anonymous: int
    spare: int
    connected: int
    messages: int
    disk: int
    clients: tuple[int, ...] = ()


def last_part(samples: Sequence[Sample], part: float = 0.5) -> list[Sample]:
    """The samples of the last part of the time, a half unless told otherwise."""
    begin = samples[-1].seconds - (samples[-1].seconds - samples[0].seconds) * part
    return [sample for sample in samples if sample.seconds >= begin]


def slope(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """The growth of a figure, per minute: the median of the slopes between all pairs of samples (Theil and Sen), which
    a few steps up or down do not change. 0 with fewer than two samples."""
    pairs = [(one, other) for one, other in itertools.combinations(samples, 2) if other.seconds > one.seconds]
    if not pairs:
        return 0.0
    return statistics.median(60 * (of(other) - of(one)) / (other.seconds - one.seconds) for one, other in pairs)


def bytes_a_message(samples: Sequence[Sample]) -> float:
    """The growth of the server's memory for each message, in bytes."""
    messages = slope(samples, lambda one: one.messages)
    return slope(samples, lambda one: one.memory) * 1024 / messages if messages else 0.0


def rise(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """The median of a figure in the last quarter of the time, less the one in the quarter before."""
    half = last_part(samples)
    middle = len(half) // 2
    return statistics.median(map(of, half[middle:])) - statistics.median(map(of, half[:middle] or half))


def table(samples: Sequence[Sample]) -> str:
    """The samples as text, evenly thinned."""
    step = max(1, -(-len(samples) // ROWS))
    heads = ("minutes", "memory KiB", "own KiB", "descriptors", "connected", "messages", "disk KiB", "clients KiB")
    lines = ["".join(f"{head:>13}" for head in heads)]
    for one in [*samples[:-1:step], samples[-1]]:
        cells = (f"{one.seconds / 60:.1f}", one.memory, one.anonymous, one.spare, one.connected, one.messages, one.disk)
        clients = " ".join(map(str, one.clients))
        lines.append("".join(f"{cell:>13}" for cell in cells) + f"{clients:>13}".rjust(len(clients) + 2))
    return "\n".join(lines)


def plot(samples: Sequence[Sample], title: str) -> str:
    """The memory of the server and of the clients beside, and the descriptors, over the time, as an SVG picture."""
    clients = len(samples[0].clients)
    panels: list[tuple[str, list[list[float]]]] = [
        ("server, resident MiB", [[one.memory / 1024 for one in samples]]),
        ("clients beside, resident MiB", [[one.clients[at] / 1024 for one in samples] for at in range(clients)]),
        ("descriptors without those of members", [[float(one.spare) for one in samples]]),
    ]
    panels = [panel for panel in panels if panel[1]]
    times = [one.seconds / 60 for one in samples]
    height = _TOP + len(panels) * (_HEIGHT + _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + _LEFT + 20}" height="{height}" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for number, (name, series) in enumerate(panels):
        parts += _panel(name, times, series, _TOP + number * (_HEIGHT + _TOP))
    return "\n".join([*parts, "</svg>", ""])


def _panel(name: str, times: Sequence[float], series: Sequence[Sequence[float]], top: int) -> list[str]:
    """One chart. Its vertical axis begins at 0, so that a slope looks as steep as it is."""
    most = max(max(values) for values in series) or 1.0
    first, last = times[0], times[-1]
    span = (last - first) or 1.0
    bottom = top + _HEIGHT
    parts = [f'<text x="{_LEFT}" y="{top - 6}">{escape(name)}</text>']
    for tick in range(_TICKS + 1):
        y = bottom - _HEIGHT * tick / _TICKS
        x = _LEFT + _WIDTH * tick / _TICKS
        parts += [
            f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * tick / _TICKS:.1f}</text>',
            f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{first + span * tick / _TICKS:.1f} min</text>',
        ]
    for colour, values in zip(("#1f5fa8", "#b5462a", "#3a7d32"), series, strict=False):
        points = " ".join(
            f"{_LEFT + _WIDTH * (time - first) / span:.1f},{bottom - _HEIGHT * value / most:.1f}"
            for time, value in zip(times, values, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return parts
