"""Completion of the path before the cursor, for ``/send`` and ``/save``. Pure.

:func:`path_at` finds the path that is being typed; :mod:`trio_chat.ui.file_jobs.folders` reads the folder, and
:func:`as_completion` makes the names to what the input can put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trio_chat.ui.commands.completion import Completion
from trio_chat.ui.input.path_words import PathWord, quoted_path, split_words

_COMMANDS: Final = frozenset({"send", "save"})


@dataclass(frozen=True, slots=True)
class TypedPath:
    """A path that is being typed, in the text from ``start`` to ``end``: the ``folder`` as it was typed (empty for the
    current one), the begin of a name in it, and the quote that the word begins with."""

    start: int
    end: int
    folder: str
    name: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class FoundName:
    """A name in a folder."""

    name: str
    is_folder: bool


def path_at(text: str, cursor: int) -> TypedPath | None:
    """The path before the cursor in a line with ``/send`` or ``/save``; ``None`` where the line has none there."""
    line = text[:cursor]
    command, space, argument = line.partition(" ")
    takes = command.lower().removeprefix("/") if line.startswith("/") and space else ""
    if takes not in _COMMANDS or "\n" in line:
        return None
    begin = len(command) + 1
    words = split_words(argument)
    word = words[-1] if words and words[-1].end == len(argument) and _reaches(words[-1], argument) else None
    before = words[:-1] if word is not None else words
    if not _wanted(takes, before, word):
        return None
    if word is None:
        return TypedPath(cursor, cursor, "", "")
    if word.value == "~":
        return TypedPath(begin + word.start, cursor, "~/", "", word.quote)
    folder, slash, name = word.value.rpartition("/")
    return TypedPath(begin + word.start, cursor, folder + slash, name, word.quote)


def _reaches(word: PathWord, argument: str) -> bool:
    """Whether the last word is still being typed: not where its quote is closed, or a space follows."""
    return word.open or not (word.quote and argument.endswith(word.quote) and word.end - word.start > 1)


def _wanted(takes: str, before: list[PathWord], word: PathWord | None) -> bool:
    """Whether the word after those is a path."""
    if takes == "save":
        return not before or (len(before) == 1 and before[0].value.lstrip("#^").replace(".", "").isdigit())
    if any(one.value == "--" and not one.quoted for one in before):
        return False
    return not before or word is None or not word.value.startswith(("@", "#"))


def as_completion(typed: TypedPath, names: list[FoundName]) -> Completion:
    """The names as what can replace the typed word; a folder ends with ``/``, and its quote stays open."""
    plain = all(quoted_path(typed.folder + one.name) == typed.folder + one.name for one in names)
    quote = typed.quote or ("" if plain else '"')
    words = tuple(
        quoted_path(f"{typed.folder}{one.name}/", quote, close=False)
        if one.is_folder
        else quoted_path(typed.folder + one.name, quote)
        for one in names
    )
    shown = tuple(f"{one.name}/" if one.is_folder else one.name for one in names)
    return Completion(typed.start, typed.end, words, " " if len(names) == 1 and not names[0].is_folder else "", shown)
