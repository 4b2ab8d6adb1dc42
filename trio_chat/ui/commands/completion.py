"""Completion of the word before the cursor. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trio_chat.config import THEMES
from trio_chat.protocol.names import fold_name
from trio_chat.ui.commands.table import COMMANDS, find
from trio_chat.ui.model.place import Place


@dataclass(frozen=True, slots=True)
class Completion:
    """The candidates that can replace ``text[start:end]``; ``after`` is added when there is only one. ``shown`` are the
    candidates as a list shows them, where that differs."""

    start: int
    end: int
    candidates: tuple[str, ...]
    after: str = " "
    shown: tuple[str, ...] = ()

    @property
    def agreed(self) -> str:
        """The beginning that all candidates share."""
        first, last = min(self.candidates), max(self.candidates)  # in order, the others lie between these
        same = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
        return first[: next(same, min(len(first), len(last)))]


def complete(text: str, cursor: int, place: Place) -> Completion:
    """Complete a command, a person or a room."""
    start = cursor
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    word, before = text[start:cursor], text[:start]
    if word.startswith("@"):
        return _people(word, start, place, mark="@", after=": " if not before.strip() else " ")
    if word.startswith("#"):
        return _matching(start, cursor, (*place.rooms, *place.enterable), word)
    if not before.strip() and word.startswith("/"):
        known = [*(command.name for command in COMMANDS), *place.preferences.aliases]
        return _matching(start, cursor, (f"/{name}" for name in known), word)
    if before.startswith("/"):
        return _argument(before, word, start, place)
    return _people(word, start, place, mark="", after=": " if not before.strip() else " ")


def _argument(before: str, word: str, start: int, place: Place) -> Completion:
    name, *others = before.split()
    command = find(name)
    takes = command.takes[len(others)] if command is not None and len(others) < len(command.takes) else "text"
    end = start + len(word)
    if takes in {"room", "enterable"}:
        rooms = [room for room in place.rooms if room.startswith("#")]
        rooms += place.enterable if takes == "enterable" else ()
        return _matching(start, end, rooms, f"#{word.removeprefix('#')}")
    if takes == "command":
        return _matching(start, end, (one.name for one in COMMANDS), word)
    if takes == "place":
        names = [name for room in place.rooms for name in ([room] if room[0] == "#" else place.members(room))]
        return _matching(start, end, names, word)
    if takes in {"setting", "value", "save", "policy", "theme", "alias"}:
        return _matching(start, end, _fixed(takes, others, place), word)
    if takes == "people":
        given = word.rpartition(",")[0]
        begin = start + (len(given) + 1 if "," in word else 0)
        return _people(word[begin - start :], begin, place, mark="", after=" ")
    return _people(word, start, place, mark="", after=" ")


def _fixed(takes: str, others: list[str], place: Place) -> tuple[str, ...]:
    """The words that an argument can be, where these are few. ``others`` are the arguments before it."""
    preferences = place.preferences
    match takes:
        case "setting":
            return preferences.keys
        case "value":
            return (*preferences.values_of(others[0]), "--save")
        case "policy":
            return preferences.values_of("notify")
        case "theme":
            return THEMES
        case "alias":
            return tuple(preferences.aliases)
        case _:
            return ("--save",)


def _people(word: str, start: int, place: Place, *, mark: str, after: str) -> Completion:
    wanted = fold_name(word.removeprefix(mark))
    if not wanted and not mark:
        return Completion(start, start, ())
    names = tuple(mark + name for name in place.people if fold_name(name).startswith(wanted))
    return Completion(start, start + len(word), names, after)


def _matching(start: int, end: int, known: Iterable[str], word: str) -> Completion:
    wanted = word.casefold()
    return Completion(start, end, tuple(sorted(one for one in known if one.casefold().startswith(wanted))))
