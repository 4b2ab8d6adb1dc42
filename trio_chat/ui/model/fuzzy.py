"""Finding a room or a person by a few letters. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_FIRST: Final = 8  # a letter at the beginning of a word is worth so many in the middle
_NEXT: Final = 4  # ... and a letter right after the one before


def score(wanted: str, name: str) -> int | None:
    """How well a name fits the wanted letters, in their order: more is better; ``None``: it does not fit."""
    total, at, last = 0, 0, -2
    folded = name.casefold()
    for letter in wanted.casefold():
        if letter.isspace():
            continue
        found = folded.find(letter, at)
        if found < 0:
            return None
        begins = found == 0 or not folded[found - 1].isalnum()
        total += 1 + (_FIRST if begins else 0) + (_NEXT if found == last + 1 else 0)
        last, at = found, found + 1
    return total * 100 - len(name)


def fuzzy(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that fit, the best first; equally good ones in the order given."""
    scored = [(value, -at, name) for at, name in enumerate(names) if (value := score(wanted, name)) is not None]
    if wanted.strip():
        scored.sort(key=lambda row: row[:2], reverse=True)
    return [name for _, _, name in scored]
