r"""The words of a typed argument with paths, and the paths in a pasted or dropped text. Pure.

A word is quoted as in a shell: ``'in single quotes'``, ``"in double quotes"``, ``with\ a\ backslash``. Nothing else has
a meaning: a dollar, a star or a semicolon is an ordinary character, and no shell ever sees the text.

A terminal pastes the paths of files that are dropped on it, each in its own way: in single quotes (GNOME), with
backslashes (macOS, iTerm2), in double quotes (Windows), as ``file://`` URLs, or as they are, one on a line.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
import sys
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

MOST_DROPPED: Final = 10
"""Files that can be dropped at once: as many as a message carries."""
_LONGEST: Final = 16 * 1024  # characters of a paste that may be paths: ten of the longest
_BACKSLASH_ESCAPES: Final = sys.platform != "win32"  # there it separates the parts of a path
_PLAIN: Final = re.compile(r"[^\s'\"\\]+")
_IN_DOUBLE: Final = '"\\'


@dataclass(frozen=True, slots=True)
class PathWord:
    """A word of an argument, from ``start`` to ``end``: what it says (``value``), the quote that it begins with, and
    whether that quote is still open. ``quoted`` tells that some of it was quoted."""

    start: int
    end: int
    value: str
    quote: str = ""
    open: bool = False
    quoted: bool = False


def split_words(text: str) -> list[PathWord]:
    """The words of a text. A quote that is never closed reaches to the end of the text."""
    words: list[PathWord] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word = _read_word(text, at)
        words.append(word)
        at = word.end
    return words


def _read_word(text: str, start: int) -> PathWord:
    value, quote, quoted, at = "", "", False, start
    while at < len(text):
        char = text[at]
        escapes = char == "\\" and _BACKSLASH_ESCAPES and quote != "'" and at + 1 < len(text)
        if escapes and (not quote or text[at + 1] in _IN_DOUBLE):
            value, at, quoted = value + text[at + 1], at + 1, True
        elif quote:
            value, quote = (value, "") if char == quote else (value + char, quote)
        elif char in "'\"" and (at == start or quoted):  # elsewhere in a word it is an apostrophe, as in ada's.txt
            quote, quoted = char, True
        elif char.isspace():
            break
        else:
            value += char
        at += 1
    first = text[start] if text[start] in "'\"" else ""
    return PathWord(start, at, value, first, bool(quote), quoted)


def quoted_path(path: str, quote: str = "", *, close: bool = True) -> str:
    """A path as a word that reads as that path; ``quote`` is the quote that it begins with, if one is there already."""
    if not quote and _PLAIN.fullmatch(path):
        return path
    if quote == "'" and "'" not in path:
        return f"'{path}{chr(39) if close else ''}"
    safe = path.replace("\\", "\\\\").replace('"', '\\"') if _BACKSLASH_ESCAPES else path
    return f'"{safe}{chr(34) if close else ""}'


def read_dropped(text: str) -> list[tuple[str, ...]]:
    """The paths that a pasted text may stand for: several readings, of which the first whose files exist is meant.

    Empty for a text that is no list of whole paths. A reading has at most :data:`MOST_DROPPED` paths.
    """
    text = text.strip("\r\n\t \0")
    if not text or len(text) > _LONGEST or not _may_begin(text):
        return []
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    readings = [tuple(lines), tuple(word.value for word in split_words(text))]
    found = [paths for reading in readings if (paths := _whole_paths(reading))]
    return list(dict.fromkeys(found))


def _may_begin(text: str) -> bool:
    return bool(re.match(r"""['"]?(?:/|~/|\\\\|[A-Za-z]:[\\/]|file:)""", text))


def _whole_paths(words: tuple[str, ...]) -> tuple[str, ...]:
    paths = tuple(_whole_path(word) for word in words)
    return paths if all(paths) and len(paths) <= MOST_DROPPED else ()


def _whole_path(word: str) -> str:
    """The path that a word gives, if it is a whole one; else nothing."""
    if word.lower().startswith("file:"):
        word = _path_of_url(word)
    if "\0" in word or not word.isprintable():
        return ""
    if sys.platform == "win32":
        return word if ntpath.isabs(word) else ""
    return word if posixpath.isabs(word) or word.startswith("~/") else ""


def _path_of_url(url: str) -> str:
    """The path of a ``file:`` URL of this machine (RFC 8089); empty for any other."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    this = {"", "localhost", *((os.uname().nodename.lower(),) if hasattr(os, "uname") else ())}
    if host not in this or parts.query or parts.fragment:
        return ""
    path = unquote(parts.path)
    return path.lstrip("/") if sys.platform == "win32" else path
