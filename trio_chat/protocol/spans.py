"""Parse and format durations (``90``, ``10m``, ``2h``, ``7d``), days and times as people write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", re.ASCII)
FORMS: Final = "30s, 10m, 2h, 7d or 2w"
"""Examples of durations, for a sentence."""


def parse_span(text: str) -> float | None:
    """Parse a duration such as ``2h`` into seconds; ``None`` if the text is no duration."""
    found = _SPAN.fullmatch(text.strip().lower())
    return None if found is None else float(found[1]) * _UNITS[found[2]]


def has_unit(text: str) -> bool:
    """Whether a text is a duration with a unit, not just a number."""
    return parse_span(text) is not None and text.strip()[-1:].isalpha()


def show_span(seconds: float) -> str:
    """Format a duration in its shortest exact form: ``7200`` as ``2h``."""
    for unit in ("w", "d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def to_utc(text: str, zone: tzinfo | None = None) -> str | None:
    """Convert a day or time to the protocol's form, RFC 3339 in UTC; ``None`` if the text is neither.

    A day stands for its start. A time without a zone is in ``zone`` (``None``: this machine's zone).
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
