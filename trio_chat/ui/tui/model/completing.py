"""Completion with Tab in the full screen. Pure.

It completes what line mode does, the full screen's own commands, the words of a search, and emoji by ``:name``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from trio_chat.ui.commands.completion import Completion, complete
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.emoji import EMOJI
from trio_chat.ui.tui.model.keys import COMMANDS

_SHOWN: Final = 12
"""Candidates shown at once: as many as the status line holds."""


class Offered(NamedTuple):
    """The candidates that Tab offered for the word at ``start``, the candidates as they are shown, the one in use (-1:
    none), and the text and the cursor as Tab left them: after a change of these, Tab begins anew."""

    candidates: tuple[str, ...]
    shown: tuple[str, ...]
    after: str
    start: int
    at: int
    left: tuple[str, int]


class Completing:
    """Tab in an input: completes the word before the cursor, or offers candidates; pressed again, puts in one after the
    other."""

    def __init__(self) -> None:
        self._offered: Offered | None = None

    def __repr__(self) -> str:
        return f"<Completing {self._offered}>"

    def goes_on(self, editor: Editor) -> bool:
        """Whether Tab puts in the next candidate: the last one that it offered is still as it was."""
        return self._offered is not None and self._offered.left == (editor.text, editor.buffer.cursor)

    def forget(self) -> None:
        """Note that another key was pressed."""
        self._offered = None

    def press(self, editor: Editor, find: Callable[[str, int], Completion]) -> str | None:
        """Complete, with the candidates that ``find`` gives for a text and a cursor. Returns the candidates to show, or
        ``None`` if there are none."""
        offered, there = self._offered, (editor.text, editor.buffer.cursor)
        if offered is not None and offered.left == there:
            at = (offered.at + 1) % len(offered.candidates)
            editor.replace(offered.start, editor.buffer.cursor, offered.candidates[at] + offered.after)
            return self._offer(editor, offered._replace(at=at))
        found = find(*there)
        if not found.candidates:
            return None
        if len(found.candidates) == 1:
            editor.replace(found.start, found.end, found.candidates[0] + found.after)
            return ""
        if len(found.agreed) > found.end - found.start:
            editor.replace(found.start, found.end, found.agreed)
        return self._offer(editor, Offered(found.candidates, found.shown, found.after, found.start, -1, there))

    def _offer(self, editor: Editor, offered: Offered) -> str:
        self._offered = offered._replace(left=(editor.text, editor.buffer.cursor))
        candidates = offered.shown or offered.candidates
        shown = [
            f"{EMOJI[name.strip(':')]} {name}" if name.strip(":") in EMOJI and name[0] == ":" else name
            for name in candidates[:_SHOWN]
        ]
        return "  ".join(shown) + (" …" if len(candidates) > _SHOWN else "")


def complete_here(text: str, cursor: int, place: Place) -> Completion:
    """The candidates for the word before the cursor."""
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
        for key, marks in (("from:", place.people), ("in:", tuple(place.rooms)), ("has:", ("link", "file"))):
            if name == "search" and word.startswith(key):
                return _matching(start, cursor, (key + one for one in marks), word)
    return complete(text, cursor, place)


def complete_emoji(text: str, cursor: int) -> Completion:
    """The candidates where only an emoji is wanted: the colons may be left out."""
    start = max((at + 1 for at in range(cursor) if text[at].isspace()), default=0)
    return _emoji(":" + text[start:cursor].removeprefix(":"), start, cursor)


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
