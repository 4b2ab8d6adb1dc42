"""What a person types to search, and what it asks for. Pure; the chat and the command line both ask here.

==========================  =====================================================
``disk full``               messages with both words
``"disk full"``             with these words in this order
``from:ada``                that ada said
``in:#ops``                 in that room; ``in:@bob`` in the conversation with bob
``before:2026-01-31``       before that day, or time
``after:2026-01-01T08:00Z`` on that day or at that time, or later
``has:link``                with a link in it
==========================  =====================================================

Conditions hold together, in any order. What only looks like one (``http://...``, ``12:30``) is a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trio_chat.protocol.names import fold_room
from trio_chat.protocol.text import quoted

MOST_WORDS: Final = 20
"""Words of one search, as many as a request takes."""

_LONGEST: Final = 256  # characters of a word or name, as many as a request takes
_TOKEN: Final = re.compile(r'(?:(from|in|before|after|has):)?(?:"([^"]*)(?:"|$)|([^\s"]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: all conditions together. Times are as they were typed."""

    words: tuple[str, ...] = ()
    sender: str | None = None
    room: str | None = None
    before: str | None = None
    after: str | None = None
    has_link: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing narrows it down."""
        return not (self.words or self.sender or self.room or self.before or self.after or self.has_link)

    def __str__(self) -> str:
        """As it would be typed."""
        parts = [f"from:{self.sender}"] if self.sender else []
        parts += [f"in:{self.room}"] if self.room else []
        parts += [f"before:{self.before}"] if self.before else []
        parts += [f"after:{self.after}"] if self.after else []
        parts += ["has:link"] if self.has_link else []
        return " ".join([*parts, *(word if _is_plain(word) else f'"{word}"' for word in self.words)])


@dataclass(frozen=True, slots=True)
class BadQuery:
    """What was typed is no search: ``why`` is a sentence."""

    why: str


def parse_query(text: str) -> Query | BadQuery:
    """Read a search. Whether the room, the person and the days are ones is the server's to know."""
    words: list[str] = []
    given: dict[str, str] = {}
    for key, phrase, word in _tokens(text):
        if not key:
            if value := " ".join((phrase or word).split()):
                words.append(value)
            continue
        value = (phrase or word).strip()
        if not value:
            return BadQuery(f"There is nothing after {key}:.")
        if key in given:
            return BadQuery(f"{key}: is there twice.")
        if key == "has" and value.lower() not in {"link", "links"}:
            return BadQuery(f"What messages can have is a link: has:link, not has:{quoted(value)[1:-1]}.")
        given[key] = value
    return _make(tuple(words), given)


def _make(words: tuple[str, ...], given: dict[str, str]) -> Query | BadQuery:
    room = given.get("in")
    query = Query(
        words=words,
        sender=given["from"].removeprefix("@") if "from" in given else None,
        room=None if room is None else fold_room(room if room[0] in "#@" else f"#{room}"),
        before=given.get("before"),
        after=given.get("after"),
        has_link="has" in given,
    )
    if len(words) > MOST_WORDS:
        return BadQuery(f"These are {len(words)} words; {MOST_WORDS} are the most.")
    if any(len(value) > _LONGEST for value in (*words, *given.values())):
        return BadQuery(f"A word of a search has {_LONGEST} characters at the most.")
    if query.sender == "":
        return BadQuery("There is no name after from:.")
    if query.empty:
        return BadQuery("There is nothing to look for.")
    return query


def _tokens(text: str) -> list[tuple[str, str, str]]:
    """The key (if any), and a phrase in quotes or a bare word, of each part of a search."""
    found: list[tuple[str, str, str]] = []
    for match in _TOKEN.finditer(text):
        key, phrase, word = (match[1] or "").lower(), match[2] or "", match[3] or ""
        bare = re.fullmatch(r"(from|in|before|after|has):", word, re.IGNORECASE) if not key else None
        found.append((bare[1].lower(), "", "") if bare else (key, phrase, word))
    return found


def _is_plain(word: str) -> bool:
    return _tokens(word) == [("", "", word)]
