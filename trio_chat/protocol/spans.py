"""Lengths of time as people write them: ``90``, ``10m``, ``2h``, ``7d``. Pure."""

from __future__ import annotations

import re
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
    return f"{seconds:g}s"
