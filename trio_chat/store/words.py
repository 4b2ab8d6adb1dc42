"""How a text becomes words that can be found, the same for what is stored and for what is searched.

Theory of operation. All that is language is decided here and not by SQLite, whose tokenizers know the
Unicode of their build: the index gets words that are folded already and stand between single spaces.

- Folding: compatible forms become one (NFKD), accents of Latin, Greek and Cyrillic and the vowel points
  of Hebrew and Arabic go, case is folded.
- Letters, digits and marks make up a word. In scripts that write no spaces (Chinese, Japanese, Thai, ...),
  and in Korean, where endings stick to the word, each character is a word, and so is each emoji and other
  sign. A search for several such characters is one for that sequence, so parts of a word are found.
- Joiners, variation selectors and the like are passed over; everything else ends a word.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

MAX_WORD: Final = 64
"""Characters of a word that count: longer ones are no words, and must not fill the index."""

_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_LINK: Final = re.compile(r"(?:https?://|\bwww\.)[^\s/]", re.IGNORECASE)

# Combining marks that people leave out when they type: accents, Hebrew points, Arabic vowels; and tatweel.
_POINTS: Final = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]+")

# Blocks of scripts in which each character is found by itself.
_ALONE: Final = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"  # Thai, Lao, Tibetan, Myanmar; Khmer; Tai
    "\u1100-\u11ff\u2e80-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaadf\uac00-\ud7ff"
    "\uf900-\ufaff\U00016fe0-\U0001b2ff\U00020000-\U0003ffff]"
)
_SELECTORS: Final = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

_END, _WORD, _SINGLE, _PASS = range(4)


class Phrase(NamedTuple):
    """Words that must follow each other, between single spaces; with ``prefix`` the last one may go on."""

    text: str
    prefix: bool


class _Kinds(dict[str, int]):
    """What each character does to a word, worked out when it is first met."""

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


_kinds: Final = _Kinds()  # bounded by the number of characters that there are


def words_of(text: str) -> list[str]:
    """The words of a text, folded, in order. Never raises; text that holds none gives none."""
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
    """The words of a text between single spaces, as the index takes them."""
    return " ".join(words_of(text))


def phrases_of(words: tuple[str, ...]) -> list[Phrase] | None:
    """What is searched for. Words that hold nothing to be found by are passed over; ``None`` when words
    were given and all of them are such."""
    phrases = [Phrase(text, word.endswith("*")) for word in words if (text := spaced(word))]
    return phrases if phrases or not words else None


def matches(phrases: list[Phrase], text: str) -> bool:
    """Whether a text has all these phrases."""
    line = f" {spaced(text)} "
    return all((f" {phrase.text}" if phrase.prefix else f" {phrase.text} ") in line for phrase in phrases)


def has_link(text: str) -> bool:
    """Whether a text holds something that a terminal or browser would open."""
    return _LINK.search(text) is not None
