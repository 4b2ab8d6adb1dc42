"""Parts of a file and its versions, as requests ask for them (RFC 9110, 13 and 14): pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE: Final = re.compile("([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18})")
_TAG: Final = re.compile(r'(W/)?"([!#-~\x80-\xff]*)"')

_MOST_RANGES: Final = 16
"""Ranges that are looked at. More of them are asked for by nobody but those who want work done."""


class ByteRange(NamedTuple):
    """``length`` bytes of a file from ``start`` on."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Write it as ``Content-Range``, for a file of ``size`` bytes."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def choose_range(headers: Mapping[str, str], size: int, tag: str) -> ByteRange | Refusal | None:
    """Return the part of a file that a GET asks for; ``None`` for the whole file.

    ``size`` is that of the file in bytes, and ``tag`` its entity tag with the quotes. A range of another version
    (``If-Range``) is not that of this file, and then the whole file is due. A range that cannot be read, that is not of
    bytes, or one of several is ignored, as the RFC allows. Refuses what begins behind the end of the file.
    """
    value = headers.get("range")
    if value is None or not _is_of(headers.get("if-range"), tag):
        return None
    unit, equals, text = value.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    found = [_RANGE.fullmatch(part.strip()) for part in text.split(",", _MOST_RANGES) if part.strip()]
    ranges = [_resolve(match, size) for match in found if match]
    if not ranges or len(ranges) != len(found) or "backwards" in ranges:
        return None
    fitting = [part for part in ranges if isinstance(part, ByteRange)]
    if not fitting:
        return None if size == 0 and "suffix" in ranges else refuse("bad_range", size=size)
    return fitting[0] if len(ranges) == 1 and fitting[0].length else None


def _resolve(match: re.Match[str], size: int) -> ByteRange | str:
    """The bytes that one range means in a file of ``size`` bytes, or why it means none."""
    first, last, suffix = match.groups()
    if suffix is not None:
        length = min(int(suffix), size)
        return ByteRange(size - length, length) if length else "suffix" if int(suffix) else "empty"
    start, end = int(first), size - 1 if last is None else int(last)
    if last is not None and end < start:
        return "backwards"
    return ByteRange(start, min(end, size - 1) - start + 1) if start < size else "behind"


def _is_of(condition: str | None, tag: str) -> bool:
    """Whether ``If-Range`` names this version, or there is none. Dates never do: the server gives none out."""
    return condition is None or condition.strip() == tag


def matches(condition: str, tag: str, *, weakly: bool) -> bool:
    """Whether ``If-None-Match`` (compared weakly) or ``If-Match`` (strongly) names the version ``tag``."""
    if condition.strip() == "*":
        return True
    return any(
        f'"{name}"' == tag and (weakly or not weak)
        for weak, name in _TAG.findall(condition[:4096])  # a bound: each tag costs time to read
    )
