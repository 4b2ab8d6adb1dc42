"""Where a word begins and ends, in every script, and comparison of words however they are typed. Pure.

Theory of operation. In most scripts spaces separate words, so a letter beside a letter continues a word. Chinese,
Japanese, Thai and others write no spaces, and in Korean endings stick to the word: there a word may begin or end
between any two characters. Words are compared in a folded form: compatible and composed characters become one, and
case is folded. Folding changes the length of a text, so :class:`WordFinder` folds it piece by piece and keeps the
place of each piece.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

UNSPACED_CLASS: Final = (
    "\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"  # Thai, Lao, Tibetan, Myanmar; Khmer; Tai
    "\u1100-\u11ff\u2e80-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaadf\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uff9f\U00016fe0-\U0001b2ff\U00020000-\U0003ffff"
)
"""The inside of a character class of :mod:`re`: the blocks of the scripts without spaces, and of Korean."""

_UNSPACED: Final = re.compile(f"[{UNSPACED_CLASS}]")
_JAMO: Final = re.compile("[\u1160-\u11ff]")  # vowels and final consonants, which join the consonant before them
_JOINERS: Final = "\u200c\u200d"


def is_unspaced(char: str) -> bool:
    """Whether a character belongs to a script in which words may end between any two characters."""
    return not char.isascii() and _UNSPACED.match(char) is not None


def continues(char: str) -> bool:
    """Whether a character belongs to the character before it: a combining mark, a joiner, the rest of a syllable."""
    return not char.isascii() and (
        unicodedata.category(char)[0] == "M" or char in _JOINERS or _JAMO.match(char) is not None
    )


def is_border(before: str, after: str) -> bool:
    """Whether a word may end between two neighbouring characters; an empty string is the end of the text."""
    if not before or not after:
        return True
    if continues(after):
        return False
    if not (_in_word(before) and _in_word(after)):
        return True
    return is_unspaced(before) or is_unspaced(after)


def fold_text(text: str) -> str:
    """A text in the form that is compared."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class WordFinder:
    """Finds words in texts, each as a whole, in any case, and whether composed or not."""

    def __init__(self, words: Iterable[str]) -> None:
        listed = {fold_text(word.strip()) for word in words if word.strip()}
        self._words = sorted(listed, key=lambda word: (-len(word), word))  # of two at one place, the longer counts
        self._pattern = re.compile("|".join(map(re.escape, self._words)) or r"(?!)")

    def __repr__(self) -> str:
        return f"<WordFinder of {', '.join(self._words) or 'no words'}>"

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the start and end in the text of each word that is found; they do not overlap."""
        folded, starts = _fold_with_places(text)
        at = 0
        while found := self._pattern.search(folded, at):
            begin = found.start()
            ends = (begin + len(word) for word in self._words if folded.startswith(word, begin))
            end = next((end for end in ends if _stands_alone(text, starts, begin, end)), None)
            at = begin + 1 if end is None else end
            if end is not None:
                yield starts[begin], starts[end]

    def is_in(self, text: str) -> bool:
        """Whether a text has one of the words."""
        return next(self.find(text), None) is not None


def _stands_alone(text: str, starts: list[int], begin: int, end: int) -> bool:
    """Whether a part of a folded text is a whole word of the text. A part that begins or ends within the folded form of
    one character is none."""
    if (begin and starts[begin - 1] == starts[begin]) or starts[end - 1] == starts[end]:
        return False
    first, last = starts[begin], starts[end]
    return is_border(text[first - 1 : first], text[first]) and is_border(text[last - 1], text[last : last + 1])


def _fold_with_places(text: str) -> tuple[str, list[int]]:
    """A folded text and, for each of its characters and its end, where in the text the character's piece begins."""
    if text.isascii():
        return text.lower(), list(range(len(text) + 1))
    parts: list[str] = []
    starts: list[int] = []
    begin = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and continues(text[end]):
            continue
        part = fold_text(text[begin:end])
        parts.append(part)
        starts += [begin] * len(part)
        begin = end
    return "".join(parts), [*starts, len(text)]


def _in_word(char: str) -> bool:
    return char.isalnum() or char == "_" or continues(char)
