"""Parse and format durations (``90``, ``10m``, ``2h``, ``7d``), days and times as people write them. Pure.

Every place where a person types a time takes the same forms: :func:`to_utc`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,6})?", re.ASCII)
FORMS: Final = "30s, 10m, 2h, 7d or 2w"
"""Examples of durations, for a sentence."""
TIME_FORMS: Final = f"how long ago ({FORMS}), a day (2026-01-31) or a time (2026-01-31T12:00Z)"
"""The forms of a time, for a sentence."""


def parse_span(text: str) -> float | None:
    """Parse a duration such as ``2h`` into seconds; ``None`` if the text is no duration."""
    found = _SPAN.fullmatch(text.strip().lower())
    return None if found is None else float(found[1]) * _UNITS[found[2]]


def read_seconds(text: str) -> float | None:
    """Read a number of seconds as the protocol writes it (``10.0``); ``None`` if the text is no such number."""
    return float(text) if _NUMBER.fullmatch(text) else None


def has_unit(text: str) -> bool:
    """Whether a text is a duration with a unit, not just a number."""
    return parse_span(text) is not None and text.strip()[-1:].isalpha()


def show_span(seconds: float) -> str:
    """Format a duration in its shortest exact form: ``7200`` as ``2h``."""
    for unit in ("w", "d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def to_utc(text: str, zone: tzinfo | None = None, *, now: datetime | None = None) -> str | None:
    """Convert a time that a person typed to the protocol's form, RFC 3339 in UTC; ``None`` if the text is no time.

    A day stands for its start. A time without a zone is in ``zone`` (``None``: this machine's zone). A duration with a
    unit, such as ``2h``, is a time that long before ``now``; without ``now`` it is no time.
    """
    text = text.strip()
    try:
        if now is not None and has_unit(text):
            moment = now - timedelta(seconds=parse_span(text) or 0)
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
