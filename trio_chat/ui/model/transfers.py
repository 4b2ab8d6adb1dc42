"""The files that are being sent and saved: how far each is, how fast, and how long it still takes. Pure.

Theory of operation. Each transfer has a number, by which ``/cancel`` names it. The rate is that of the last
:data:`WINDOW` seconds by a steady clock, which comes in as an argument: a rate since the begin would still show the
speed of before a pause, and that of the last chunk would jump about. A transfer that moves again after a pause begins
its rate anew. A finished transfer stays for a moment, so that the person sees its end, and is then forgotten.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from trio_chat.protocol.files import size_words
from trio_chat.protocol.text import clean_line
from trio_chat.ui.terminal.graphemes import clusters, text_width, width

Direction: TypeAlias = Literal["send", "save"]
ShownState: TypeAlias = Literal["hashing", "waiting", "moving", "paused", "checking", "done", "failed", "cancelled"]

WINDOW: Final = 8.0
"""Seconds over which the rate is taken."""
LINGER: Final = 5.0
"""Seconds for which a finished transfer is still shown."""
_SAMPLES: Final = 64  # of a window: one each eighth of a second is fine enough for a rate
_APART: Final = WINDOW / _SAMPLES
_LEAST: Final = 0.5  # seconds of samples from which there is a rate
_LONGEST: Final = 99 * 3600.0  # a remaining time beyond this says nothing
_NAME, _SHORT_NAME = 28, 12  # columns of a name in the status line
_MINUTE, _HOUR = 60, 3600
_ENDED: Final = frozenset({"done", "failed", "cancelled"})
_ARROWS: Final[dict[Direction, str]] = {"send": "↑", "save": "↓"}
_STATES: Final[dict[ShownState, str]] = {
    "hashing": "reading",
    "waiting": "waiting",
    "paused": "paused: goes on by itself",
    "checking": "checking",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}


@dataclass(slots=True)
class Transfer:
    """One file on its way. ``size`` is ``None`` while it is not known; ``why`` says why it failed, as a sentence;
    ``where`` is the room that it is sent to, or the folder that it is saved in; ``began`` and ``ended`` are by the
    steady clock."""

    number: int
    direction: Direction
    name: str
    size: int | None = None
    where: str = ""
    began: float = 0.0
    done: int = 0
    state: ShownState = "waiting"
    why: str = ""
    ended: float | None = None
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    @property
    def over(self) -> bool:
        """Whether it is done, failed or cancelled."""
        return self.state in _ENDED

    @property
    def percent(self) -> int | None:
        """How much of it is done, 100 only when all is; ``None`` while the size is not known."""
        if self.size is None:
            return None
        return 100 if self.done >= self.size else 100 * self.done // self.size

    def rate(self, now: float) -> float | None:
        """Bytes a second over the last seconds; ``None`` while it does not move, or has only begun to."""
        if self.state != "moving" or not self.samples:
            return None
        since = next((sample for sample in self.samples if now - sample[0] <= WINDOW), None)
        if since is None:
            return 0.0
        return (self.done - since[1]) / (now - since[0]) if now - since[0] >= _LEAST else None

    def remaining(self, now: float) -> float | None:
        """Seconds until it is done at this rate; ``None`` if that cannot be said."""
        rate = self.rate(now)
        if not rate or self.size is None:
            return None
        seconds = max(self.size - self.done, 0) / rate
        return seconds if seconds <= _LONGEST else None


class Transfers:
    """The list of the transfers. ``changed`` grows with each change that may be visible."""

    def __init__(self) -> None:
        self._all: dict[int, Transfer] = {}
        self._last = 0
        self.changed = 0

    def __repr__(self) -> str:
        return f"<Transfers, {len(self.active)} of {len(self._all)} under way>"

    @property
    def active(self) -> tuple[Transfer, ...]:
        """The transfers that are not over, the oldest first."""
        return tuple(one for one in self._all.values() if not one.over)

    def listed(self, now: float) -> tuple[Transfer, ...]:
        """The transfers to show: those under way, and those that ended a moment ago."""
        gone = [one.number for one in self._all.values() if one.ended is not None and now - one.ended > LINGER]
        for number in gone:
            del self._all[number]
        return tuple(self._all.values())

    def find(self, number: int | None) -> Transfer | None:
        """The transfer of this number that is under way; without a number the one that began last."""
        found = self._all.get(number) if number is not None else next(reversed(self.active), None)
        return None if found is None or found.over else found

    def begin(self, direction: Direction, name: str, size: int | None, now: float, where: str = "") -> Transfer:
        """Add a transfer. The name is made harmless."""
        self._last = self._last + 1 if self.active else 1
        self._all.pop(self._last, None)
        transfer = Transfer(self._last, direction, clean_line(name), size, clean_line(where), began=now)
        self._all[self._last] = transfer
        self.changed += 1
        return transfer

    def note(self, transfer: Transfer, done: int, size: int | None, state: ShownState, now: float) -> None:
        """Take a report of how far a transfer is. One that is over stays as it is."""
        if transfer.over:
            return
        if state == "moving" and (transfer.state != "moving" or done < transfer.done):
            transfer.samples.clear()
        transfer.state, transfer.done = state, done
        transfer.size = transfer.size if size is None else size
        if state == "moving" and (not transfer.samples or now - transfer.samples[-1][0] >= _APART):
            transfer.samples.append((now, done))
        self.changed += 1

    def end(self, transfer: Transfer, state: Literal["done", "failed", "cancelled"], now: float, why: str = "") -> None:
        """Note that a transfer is over, and why it failed. The first end counts."""
        if transfer.over:
            return
        transfer.state, transfer.why, transfer.ended = state, clean_line(why), now
        if state == "done" and transfer.size is not None:
            transfer.done = transfer.size
        self.changed += 1


# ---- texts --------------------------------------------------------------------------------------


def span_words(seconds: float) -> str:
    """A remaining time: ``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(round(seconds), 1)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s" if whole % _MINUTE else f"{whole // _MINUTE} min"
    minutes = whole % _HOUR // _MINUTE
    return f"{whole // _HOUR} h {minutes} min" if minutes else f"{whole // _HOUR} h"


def short_name(name: str, columns: int) -> str:
    """A file's name in at most so many columns: the begin and the end stay, with the extension."""
    if text_width(name) <= columns:
        return name
    if columns < 4:  # noqa: PLR2004 - a letter on each side of the dots, and one more
        return _begin_of(name, columns)
    end = min((columns - 1) // 2, 8)
    tail = _end_of(name, end)
    return f"{_begin_of(name, columns - 1 - text_width(tail))}…{tail}"


def _begin_of(text: str, columns: int) -> str:
    kept, used = "", 0
    for cluster in clusters(text):
        used += width(cluster)
        if used > columns:
            break
        kept += cluster
    return kept


def _end_of(text: str, columns: int) -> str:
    kept, used = "", 0
    for cluster in reversed(list(clusters(text))):
        used += width(cluster)
        if used > columns:
            break
        kept = cluster + kept
    return kept


def describe(transfer: Transfer, now: float) -> str:
    """A transfer in a row of its own: ``↑ 2 build.log to #ops: 45% of 12.3 MiB, 3.2 MiB/s, 4 s left``."""
    where = {"send": "to", "save": "into"}[transfer.direction]
    place = f" {where} {transfer.where}" if transfer.where else ""
    return f"{_ARROWS[transfer.direction]} {transfer.number} {transfer.name}{place}: {progress_words(transfer, now)}"


def progress_words(transfer: Transfer, now: float) -> str:
    """How far a transfer is: ``45% of 12.3 MiB, 3.2 MiB/s, 4 s left``."""
    size, percent = transfer.size, transfer.percent
    words = [size_words(transfer.done) if size is None or percent is None else f"{percent}% of {size_words(size)}"]
    if transfer.state == "failed":
        return f"failed: {transfer.why}" if transfer.why else "failed"
    if transfer.state != "moving":
        words.append(_STATES[transfer.state])
        return ", ".join(words)
    if (rate := transfer.rate(now)) is not None:
        words.append(f"{size_words(round(rate))}/s")
    if (seconds := transfer.remaining(now)) is not None:
        words.append(f"{span_words(seconds)} left")
    return ", ".join(words)


def status_forms(transfers: Transfers, now: float) -> tuple[str, ...]:
    """The part of the status line about the transfers, from the longest form to the shortest; none without any."""
    listed = transfers.listed(now)
    if len(listed) == 1:
        return _forms_of_one(listed[0], now)
    active = [one for one in listed if not one.over]
    if len(active) > 1:
        return _forms_of_several(active, now)
    return _forms_of_one((active or listed)[-1], now) if listed else ()


def _forms_of_one(one: Transfer, now: float) -> tuple[str, ...]:
    arrow = _ARROWS[one.direction]
    name, short = short_name(one.name, _NAME), short_name(one.name, _SHORT_NAME)
    if one.state == "moving":
        far = size_words(one.done) if one.percent is None else f"{one.percent}%"
        left = "" if (seconds := one.remaining(now)) is None else span_words(seconds)
        of = "" if one.size is None else f" of {size_words(one.size)}"
        rate = "" if (speed := one.rate(now)) is None else f", {size_words(round(speed))}/s"
        longest = f"{arrow} {name} {far}{of}{rate}{f', {left} left' if left else ''}"
        shorter = f"{arrow} {short} {far}{rate}"
        return tuple(dict.fromkeys((longest, shorter, f"{arrow} {short} {far}", f"{arrow} {far}")))
    state = _STATES[one.state]
    percent = "" if one.percent is None or one.over else f" {one.percent}%"
    word = state.partition(":")[0]
    return tuple(
        dict.fromkeys(
            (f"{arrow} {name}{percent} {state}", f"{arrow} {short}{percent} {word}", f"{arrow}{percent} {word}")
        )
    )


def _forms_of_several(active: list[Transfer], now: float) -> tuple[str, ...]:
    counts = [(_ARROWS[way], sum(one.direction == way for one in active)) for way in ("send", "save")]
    files = " ".join(f"{arrow} {_files(count)}" for arrow, count in counts if count)
    short = " ".join(f"{arrow}{count}" for arrow, count in counts if count)
    sizes = [one.size for one in active if one.size is not None]
    done = sum(one.done for one in active)
    total = sum(sizes) if len(sizes) == len(active) else None
    far = size_words(done) if not total else f"{100 * done // total}%"
    of = f" of {size_words(total)}" if total else ""
    if all(one.state == "paused" for one in active):
        return (f"{files} {far} paused: goes on by itself", f"{short} {far} paused", f"{short} paused")
    rates = [rate for rate in (one.rate(now) for one in active) if rate is not None]
    speed = sum(rates)
    shown_rate = f", {size_words(round(speed))}/s" if rates else ""
    seconds = (total - done) / speed if total and speed else None
    left = f", {span_words(seconds)} left" if seconds is not None and seconds <= _LONGEST else ""
    return tuple(
        dict.fromkeys((f"{files} {far}{of}{shown_rate}{left}", f"{short} {far}{shown_rate}", f"{short} {far}"))
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
