"""The words of a text, found in the same way for indexing and for searching.

Theory of operation. This module decides everything that depends on language. SQLite does not: its tokenizers know the
Unicode version of their build. The index gets words that are folded and separated by single spaces.

- Folding: compatible forms become one (NFKD), accents of Latin, Greek and Cyrillic and the vowel points of Hebrew and
  Arabic are removed, and case is folded.
- Letters, digits and marks make up a word. In scripts without spaces (Chinese, Japanese, Thai, ...), and in Korean,
  where endings stick to the word, each character is a word, and so is each emoji and other sign. A search for several
  such characters is a search for that sequence, so parts of a word are found.
- Joiners, variation selectors and the like are ignored. Every other character ends a word.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from trio_chat.protocol.word_borders import UNSPACED_CLASS

MAX_WORD: Final = 64
"""Characters of a word that are indexed. Longer ones are not real words and would fill the index."""

_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_LINK: Final = re.compile(r"(?:https?://|\bwww\.)[^\s/]", re.IGNORECASE)

# Combining marks that people omit when they type: accents, Hebrew points, Arabic vowels; and tatweel.
_POINTS: Final = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]+")

_ALONE: Final = re.compile(f"[{UNSPACED_CLASS}]")  # each such character is a word
_SELECTORS: Final = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

_END, _WORD, _SINGLE, _PASS = range(4)


class Phrase(NamedTuple):
    """Words that must follow each other, separated by single spaces. With ``prefix`` the last word may continue."""

    text: str
    prefix: bool


class _CharacterKinds(dict[str, int]):
    """The role of each character in a word, computed when the character is first met."""

    def __missing__(self, char: str) -> int:
        category = unicodedata.category(char)
        if category == "Cf" or _SELECTORS.match(char):
            kind = _PASS
        elif category[0] in "LNM":
            kind = _SINGLE if _ALONE.match(char) else _WORD
        else:
            kind = _SINGLE if category[0] == "S" and not char.isascii() else _END
        self[char] = kind
        return kind


_kinds: Final = _CharacterKinds()  # bounded by the number of characters in Unicode


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded, in order. Never raises; a text may have no words."""
    if text.isascii():
        return [word[:MAX_WORD] for word in _ASCII_WORD.findall(text.lower())]
    bare = _POINTS.sub("", unicodedata.normalize("NFKD", text))
    words: list[str] = []
    start: list[str] = []
    for char in unicodedata.normalize("NFC", bare.casefold()):
        kind = _kinds[char]
        if kind == _WORD:
            start.append(char)
        elif kind != _PASS:
            if start:
                words.append("".join(start)[:MAX_WORD])
                start = []
            if kind == _SINGLE:
                words.append(char)
    if start:
        words.append("".join(start)[:MAX_WORD])
    return words


def spaced(text: str) -> str:
    """Return the words of a text, separated by single spaces, as they are indexed."""
    return " ".join(words_of(text))


def phrases_of(words: tuple[str, ...]) -> list[Phrase] | None:
    """Return the phrases to search for. Search words without letters, digits or signs are ignored; the result is
    ``None`` if search words were given and all are ignored."""
    phrases = [Phrase(text, word.endswith("*")) for word in words if (text := spaced(word))]
    return phrases if phrases or not words else None


def matches(phrases: list[Phrase], text: str) -> bool:
    """Return whether a text contains all these phrases."""
    line = f" {spaced(text)} "
    return all((f" {phrase.text}" if phrase.prefix else f" {phrase.text} ") in line for phrase in phrases)


def has_link(text: str) -> bool:
    """Return whether a text contains a link that a terminal or browser would open."""
    return _LINK.search(text) is not None
