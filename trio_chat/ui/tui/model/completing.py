"""What Tab makes of the word before the cursor in the full screen. Pure.

Beyond what line mode completes: the full screen's own commands and their arguments, and emoji by ``:name``.
"""

from __future__ import annotations

from collections.abc import Iterable

from trio_chat.ui.completion import Completion, complete
from trio_chat.ui.place import Place
from trio_chat.ui.tui.keys import COMMANDS
from trio_chat.ui.tui.model.emoji import EMOJI


def complete_here(text: str, cursor: int, place: Place, arguments: dict[str, tuple[str, ...]]) -> Completion:
    """What the word before the cursor can become. ``arguments`` lists the fixed words that a command takes."""
    start = cursor
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    word, before = text[start:cursor], text[:start]
    if word.startswith(":") and len(word) > 1:
        return _emoji(word, start, cursor)
    if not before.strip() and word.startswith("/"):
        basic = complete(text, cursor, place)
        mine = (f"/{command.name}" for command in COMMANDS)
        return _matching(start, cursor, (*basic.candidates, *mine), word)
    if before.startswith("/"):
        name = before.split(maxsplit=1)[0].removeprefix("/")
        if name == "react":
            return _emoji(":" + word.removeprefix(":"), start, cursor)
        if name in arguments and len(before.split()) == 1:
            return _matching(start, cursor, arguments[name], word)
        for key, marks in (("from:", place.people), ("in:", tuple(place.rooms)), ("has:", ("link",))):
            if name == "search" and word.startswith(key):
                return _matching(start, cursor, (key + one for one in marks), word)
    return complete(text, cursor, place)


def _emoji(word: str, start: int, end: int) -> Completion:
    wanted = word[1:]
    exact = EMOJI.get(wanted.rstrip(":"))
    names = [name for name in EMOJI if name.startswith(wanted)]
    if exact is not None and (word.endswith(":") or len(names) == 1):
        return Completion(start, end, (exact,))
    if len(names) == 1:
        return Completion(start, end, (EMOJI[names[0]],))
    return Completion(start, end, tuple(f":{name}:" for name in sorted(names)), "")


def _matching(start: int, end: int, known: Iterable[str], word: str) -> Completion:
    wanted = word.casefold()
    found = dict.fromkeys(one for one in known if one.casefold().startswith(wanted))
    return Completion(start, end, tuple(sorted(found)))
