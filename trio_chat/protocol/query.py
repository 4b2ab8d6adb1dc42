"""Parse a typed search. Pure. The chat and the command line both use this module.

==========================  =====================================================
``disk full``               messages with both words
``"disk full"``             messages with these words in this order
``from:ada``                messages by ada
``in:#ops``                 in that room; ``in:@bob`` in the conversation with bob
``before:2026-01-31``       before that day, or time
``after:2026-01-01T08:00Z`` on that day or at that time, or later
``has:link``                with a link in it
``has:file``                with a file
``file:report``             with a file that has this word in its name
==========================  =====================================================

All conditions apply together, in any order. Text that only looks like a condition (``http://...``, ``12:30``) is a
word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trio_chat.protocol.names import fold_room
from trio_chat.protocol.text import quoted

MOST_WORDS: Final = 20
"""The most words in one search; a request takes no more."""

_LONGEST: Final = 256  # characters of a word or a name; a request takes no more
_TOKEN: Final = re.compile(r'(?:(from|in|before|after|has|file):)?(?:"([^"]*)(?:"|$)|([^\s"]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search; all conditions apply together. Times are as they were typed."""

    words: tuple[str, ...] = ()
    sender: str | None = None
    room: str | None = None
    before: str | None = None
    after: str | None = None
    has_link: bool = False
    has_file: bool = False
    file: str | None = None

    @property
    def empty(self) -> bool:
        """Whether the search has no condition at all."""
        texts = (self.words, self.sender, self.room, self.before, self.after, self.file)
        return not (any(texts) or self.has_link or self.has_file)

    def __str__(self) -> str:
        """The search as a person would type it."""
        parts = [f"from:{self.sender}"] if self.sender else []
        parts += [f"in:{self.room}"] if self.room else []
        parts += [f"before:{self.before}"] if self.before else []
        parts += [f"after:{self.after}"] if self.after else []
        parts += ["has:link"] if self.has_link else []
        parts += ["has:file"] if self.has_file else []
        parts += [f"file:{self.file if _is_plain(self.file) else chr(34) + self.file + chr(34)}"] if self.file else []
        return " ".join([*parts, *(word if _is_plain(word) else f'"{word}"' for word in self.words)])


@dataclass(frozen=True, slots=True)
class BadQuery:
    """A text that is not a search; ``why`` is a sentence for a person."""

    why: str


def parse_query(text: str) -> Query | BadQuery:
    """Parse a search. The server checks whether the room, the person and the days exist."""
    words: list[str] = []
    given: dict[str, str] = {}
    has: set[str] = set()
    for key, phrase, word in _tokens(text):
        if not key:
            if value := " ".join((phrase or word).split()):
                words.append(value)
            continue
        value = (phrase or word).strip()
        if not value:
            return BadQuery(f"There is nothing after {key}:.")
        if key == "has":
            what = value.lower().removesuffix("s")
            if what not in {"link", "file"}:
                return BadQuery(f"Use has:link or has:file, not has:{quoted(value)[1:-1]}.")
            if what in has:
                return BadQuery(f"has:{what} is given twice.")
            has.add(what)
        elif key in given:
            return BadQuery(f"{key}: is given twice.")
        else:
            given[key] = value
    return _make(tuple(words), given, has)


def _make(words: tuple[str, ...], given: dict[str, str], has: set[str]) -> Query | BadQuery:
    room = given.get("in")
    query = Query(
        words=words,
        sender=given["from"].removeprefix("@") if "from" in given else None,
        room=None if room is None else fold_room(room if room[0] in "#@" else f"#{room}"),
        before=given.get("before"),
        after=given.get("after"),
        has_link="link" in has,
        has_file="file" in has,
        file=given.get("file"),
    )
    if len(words) > MOST_WORDS:
        return BadQuery(f"The search has {len(words)} words; the limit is {MOST_WORDS}.")
    if any(len(value) > _LONGEST for value in (*words, *given.values())):
        return BadQuery(f"A word or name in a search can have at most {_LONGEST} characters.")
    if query.sender == "":
        return BadQuery("There is no name after from:.")
    if query.empty:
        return BadQuery("There is nothing to search for.")
    return query


def _tokens(text: str) -> list[tuple[str, str, str]]:
    """Split a search into parts: for each its key (or empty), a phrase in quotes, or a bare word."""
    found: list[tuple[str, str, str]] = []
    for match in _TOKEN.finditer(text):
        key, phrase, word = (match[1] or "").lower(), match[2] or "", match[3] or ""
        bare = re.fullmatch(r"(from|in|before|after|has|file):", word, re.IGNORECASE) if not key else None
        found.append((bare[1].lower(), "", "") if bare else (key, phrase, word))
    return found


def _is_plain(word: str) -> bool:
    return _tokens(word) == [("", "", word)]
