"""The panes that lie over the conversation: a list to choose from, a text to read, a question. Pure.

A pane takes keys before the input does. The person's decision comes back from :meth:`press` as a value, which the
controller carries out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from trio_chat.ui.commands.completion import Completion
from trio_chat.ui.input.decoder import Key, Pasted, Press, Typed
from trio_chat.ui.input.editor import Editor, InterfaceCommand, Submitted
from trio_chat.ui.tui.model.completing import Completing


@dataclass(frozen=True, slots=True)
class Choice:
    """A row of a list: its text, a second line, and the value that choosing it gives."""

    label: str
    detail: str = ""
    value: object = None


@dataclass(frozen=True, slots=True)
class ShowMore:
    """The row of a list that fetches more rows."""

    fetch: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """This row was chosen."""

    value: object


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a question."""

    text: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key that answers a question."""

    key: str


class Shut:
    """The pane was closed without a choice."""

    def __repr__(self) -> str:
        return "SHUT"


SHUT: Final = Shut()
Result: TypeAlias = Chosen | Answered | Pressed | Shut | None

_MOVES: Final = {"up": -1, "down": 1, "page-up": -10, "page-down": 10}


@dataclass(slots=True)
class ListPane:
    """A list that gets shorter with each letter typed. ``find`` gives the rows for a text."""

    kind: Literal["switcher", "search", "files"]
    title: str
    find: Callable[[str], Sequence[Choice]]
    rows: Sequence[Choice] = ()
    at: int = 0
    editor: Editor = field(default_factory=Editor)
    typing: bool = True
    note: str = ""

    def __post_init__(self) -> None:
        self.rows = self.find("")

    def fill(self, rows: Sequence[Choice]) -> None:
        """Show other rows; the position in the list stays where it can."""
        self.rows = rows
        self.at = min(self.at, max(len(rows) - 1, 0))

    def press(self, key: Key, command: str | None) -> Result:
        """Take a key; ``command`` is its meaning in lists."""
        if command == "shut":
            return SHUT
        if command in _MOVES:
            self.at = min(max(self.at + _MOVES[command], 0), max(len(self.rows) - 1, 0))
        elif command == "choose":
            return Chosen(self.rows[self.at].value) if self.rows else None
        elif self.typing:
            before = self.editor.text
            self.editor.press(key)
            if self.editor.text != before:
                self.at = 0
                self.fill(self.find(self.editor.text))
        return None


@dataclass(slots=True)
class TextPane:
    """A text to read. ``lines`` are pairs of a style and a text."""

    title: str
    lines: Sequence[tuple[str, str]]
    top: int = 0

    def press(self, key: Key, command: str | None) -> Result:
        """Take a key: the moves scroll, all others close the pane."""
        if command in _MOVES:
            self.top = max(0, min(self.top + _MOVES[command], len(self.lines) - 1))
            return None
        if command in {"shut", "choose"} or isinstance(key, Press):
            return SHUT
        return Pressed(key.text) if isinstance(key, Typed) else SHUT


@dataclass(slots=True)
class Question:
    """A question, answered with a typed text (``asks`` is its label; a ``secret`` one is not shown) or one of the
    ``keys``.

    ``purpose`` tells the controller what to do with the answer. ``about`` is the message that the question is about:
    its room and number, for the person may be elsewhere when they answer. ``find`` gives the candidates for Tab,
    ``refuse`` says why an answer will not do (nothing for one that does). Their results, ``said``, replace the
    ``lines`` until the next key.
    """

    purpose: str
    title: str
    lines: Sequence[str]
    keys: tuple[tuple[str, str], ...] = ()
    asks: str = ""
    secret: bool = False
    about: tuple[str, int] | None = None
    editor: Editor = field(default_factory=Editor)
    find: Callable[[str, int], Completion] | None = None
    refuse: Callable[[str], str] = field(default=lambda _answer: "")
    said: str = ""
    completing: Completing = field(default_factory=Completing)

    def press(self, key: Key, command: str | None) -> Result:
        """Take a key: for the input, or one that answers."""
        self.said = ""
        if command == "shut":
            return SHUT
        if not self.asks:
            text = "Enter" if command == "choose" else key.text if isinstance(key, Typed) else ""
            names = {name for name, _ in self.keys}
            if text == "n" and "n" not in names:  # as everywhere for no
                return SHUT
            return Pressed(text) if text in names else None
        if isinstance(key, Pasted):
            key = Pasted(key.text.partition("\n")[0])
        before = self.editor.buffer
        outcome = self.editor.press(key)
        if outcome == InterfaceCommand("complete") and self.find is not None:
            shown = self.completing.press(self.editor, self.find)
            self.said = "Nothing begins like that." if shown is None else shown
            return None
        self.completing.forget()
        if not isinstance(outcome, Submitted):
            return None
        self.said = self.refuse(outcome.text)
        if not self.said:
            return Answered(outcome.text)
        self.editor.put(before.text)
        return None


Pane: TypeAlias = ListPane | TextPane | Question
