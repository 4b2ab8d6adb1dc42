"""Times as people write them: lengths (``90``, ``10m``, ``2h``, ``7d``), days and moments. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", re.ASCII)
FORMS: Final = "30s, 10m, 2h, 7d or 2w"
"""How lengths of time are written, for a sentence."""


def parse_span(text: str) -> float | None:
    """Seconds that a text such as ``2h`` stands for; ``None`` where it is none."""
    found = _SPAN.fullmatch(text.strip().lower())
    return None if found is None else float(found[1]) * _UNITS[found[2]]


def has_unit(text: str) -> bool:
    """Whether a text is a length of time that names its unit, so that it is no mere number."""
    return parse_span(text) is not None and text.strip()[-1:].isalpha()


def show_span(seconds: float) -> str:
    """The shortest exact form: ``7200`` as ``2h``."""
    for unit in ("w", "d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def to_utc(text: str, zone: tzinfo | None = None) -> str | None:
    """A day or time as one of the protocol's, RFC 3339 in UTC; ``None`` where it is none.

    A day stands for its beginning. One without a zone is in ``zone`` (``None``: this machine's).
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
