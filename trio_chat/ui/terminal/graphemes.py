"""Grapheme clusters: what a reader takes for one character, where it begins and ends, and how wide it is. Pure.

A position is an index into the text. It is a *boundary* when it is not inside a grapheme cluster (Unicode's UAX 29,
extended grapheme clusters): not before a combining mark, not inside a family of emoji, not between the halves of a
flag. The end of a line is always a boundary.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import wcwidth

from trio_chat.protocol.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator


def clusters(text: str) -> Iterator[str]:
    """The grapheme clusters of a text."""
    if text.isascii():
        return iter(text)
    return wcwidth.iter_graphemes(text)


def width(cluster: str) -> int:
    """The columns of one cluster in a terminal: 0, 1 or 2. Terminals differ for rare characters."""
    if len(cluster) == 1 and " " <= cluster <= "~":
        return 1
    return min(max(wcwidth.wcswidth(cluster), 0), 2)


def shown_cluster(cluster: str) -> str:
    """A cluster of what a person types, as it is shown: a picture in place of a character that does not print."""
    if len(cluster) == 1 and " " <= cluster <= "~":
        return cluster
    shown = clean(cluster).replace("\t", " ")
    return shown if shown.isprintable() or width(shown) else "\N{REPLACEMENT CHARACTER}"


def text_width(text: str) -> int:
    """The columns of a line in a terminal. Terminals differ for rare characters."""
    return len(text) if text.isascii() else sum(width(cluster) for cluster in clusters(text))


def after(text: str, position: int) -> int:
    """The first boundary after a position; the end of the text when there is none."""
    if position >= len(text):
        return len(text)
    if text[max(position - 1, 0) : position + 2].isascii():
        return position + 1
    end = _line_start(text, position)
    for cluster in clusters(text[end : _line_end(text, position) + 1]):
        end += len(cluster)
        if end > position:
            break
    return end


def before(text: str, position: int) -> int:
    """The last boundary before a position; 0 when there is none."""
    if position <= 0:
        return 0
    if text[max(position - 2, 0) : position + 1].isascii():
        return position - 1
    start = begin = _line_start(text, position - 1)
    for cluster in clusters(text[start : _line_end(text, position - 1) + 1]):
        if begin + len(cluster) >= position:
            break
        begin += len(cluster)
    return begin


def snap(text: str, position: int) -> int:
    """The position itself if it is a boundary, otherwise the next boundary."""
    if position <= 0:
        return 0
    if position >= len(text) or text[position - 1 : position + 1].isascii():
        return min(position, len(text))
    return after(text, position - 1)


def is_word(character: str) -> bool:
    """Whether a character is part of a word for word motions."""
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def _line_start(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
