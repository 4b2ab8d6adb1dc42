"""Finding a room or a person by a few of its letters, and reading what ``/search`` is given. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_FIRST: Final = 8  # a letter at the begin of a word is worth that many in the middle
_NEXT: Final = 4  # ... and one right behind the letter before


def score(wanted: str, name: str) -> int | None:
    """How well a name fits the letters, in their order, of what is wanted: more is better; ``None``: it does not."""
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
    """The names that fit, the best first; where two fit as well, in the order given."""
    scored = [(value, -at, name) for at, name in enumerate(names) if (value := score(wanted, name)) is not None]
    if wanted.strip():
        scored.sort(key=lambda row: row[:2], reverse=True)
    return [name for _, _, name in scored]


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for. ``room`` and ``sender`` narrow it; the days are RFC 3339."""

    words: tuple[str, ...] = ()
    room: str | None = None
    sender: str | None = None
    before: str | None = None
    after: str | None = None
    has_link: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to look for."""
        return self == Query()


def read_query(argument: str, current: str) -> Query:
    """Read ``WORDS from:NAME in:ROOM before:DAY after:DAY has:link``; ``in:here`` is the room one is in."""
    words: list[str] = []
    found: dict[str, str] = {}
    for word in argument.split():
        key, colon, value = word.partition(":")
        if colon and value and key in {"from", "in", "before", "after", "has"}:
            found[key] = value
        else:
            words.append(word)
    room = found.get("in")
    if room is not None:
        room = current if room == "here" else room if room[0] in "#@" else f"#{room}"
    return Query(
        tuple(words),
        room,
        found.get("from", "").removeprefix("@") or None,
        found.get("before"),
        found.get("after"),
        found.get("has") in {"link", "links"},
    )
