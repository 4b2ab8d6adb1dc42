"""The editor of the input line: text, cursor, kill ring, undo, history, search. Pure.

Theory of operation. A ``Buffer`` (text and cursor) is frozen; each edit makes a new one. An :class:`Editor` holds the
present buffer, the buffers before it (undo), the killed texts (the kill ring) and the submitted lines (the history).
Keys are data: :data:`BINDINGS` maps the name of a key to the name of a command. A motion is a function from a buffer to
a position; it becomes a movement, a deletion or a kill by the table that it is in (``MOVES``, ``DELETIONS`` and
``KILLINGS`` of :mod:`trio_chat.ui.input.motions`).

The cursor is always on a grapheme boundary (:mod:`trio_chat.ui.terminal.graphemes`), so that a character of several
code points moves and is deleted as one. Lines of the history can be edited too; the edits stay with their lines until
a line is submitted, so looking through the history loses nothing.

The editor knows no screen: commands for the interface (submit, leave, ...) are returned by :meth:`Editor.press`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeAlias

from trio_chat.ui.input.decoder import Key, Pasted, Press, Typed
from trio_chat.ui.input.motions import DELETIONS, KILLINGS, MOVES, Buffer, Motion, char_right, line_end, line_start
from trio_chat.ui.terminal.graphemes import after, before, snap

LONGEST: Final = 64 * 1024
"""Characters in the buffer: the highest limit of a message that a server can be configured to."""
STEPS: Final = 200
"""Steps that can be undone; each may hold the whole text."""
KILLS: Final = 60
"""Killed texts that are kept, as many as readline keeps."""
LINES: Final = 1000
"""Submitted lines that are kept."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """Enter was pressed on this text; the buffer is empty now."""

    text: str


@dataclass(frozen=True, slots=True)
class InterfaceCommand:
    """A command that only the interface can run: ``leave`` (Ctrl-D on an empty line), ``interrupt``, ``suspend``,
    ``redraw``, ``complete``, ``bell`` (the editor could not run the command)."""

    name: str


@dataclass(frozen=True, slots=True)
class HistorySearch:
    """A search through the history: the typed text, the line that contains it, and the buffer before the search."""

    text: str
    position: int
    found: bool
    origin: int
    before: Buffer


Outcome: TypeAlias = Submitted | InterfaceCommand | None
BELL: Final = InterfaceCommand("bell")

_NEWLINES: Final = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """A pasted text without control characters; line ends become newlines, and a tab four spaces."""
    return _CONTROLS.sub("", _NEWLINES.sub("\n", text)).replace("\t", "    ")


INTERFACE_COMMANDS: Final = frozenset({"redraw", "complete", "interrupt", "suspend"})
"""Commands that only the interface can run."""

BINDINGS: Final[dict[str, str]] = {
    "Enter": "submit",
    "M-Enter": "newline",
    "S-Enter": "newline",
    "C-M-Enter": "newline",
    "Left": "left",
    "C-b": "left",
    "Right": "right",
    "C-f": "right",
    "C-Left": "word-left",
    "M-Left": "word-left",
    "M-b": "word-left",
    "C-Right": "word-right",
    "M-Right": "word-right",
    "M-f": "word-right",
    "Home": "line-start",
    "C-a": "line-start",
    "End": "line-end",
    "C-e": "line-end",
    "C-Home": "text-start",
    "M-<": "text-start",
    "C-End": "text-end",
    "M->": "text-end",
    "Up": "up",
    "C-p": "up",
    "Down": "down",
    "C-n": "down",
    "Backspace": "delete-left",
    "C-h": "delete-left",
    "Delete": "delete-right",
    "C-d": "delete-right-or-leave",
    "C-k": "kill-rest",
    "C-u": "kill-line-start",
    "M-c": "kill-text",
    "C-w": "kill-blank-left",
    "M-Backspace": "kill-word-left",
    "C-M-h": "kill-word-left",
    "M-d": "kill-word-right",
    "C-Delete": "kill-word-right",
    "C-y": "yank",
    "M-y": "yank-older",
    "C-t": "transpose",
    "C-_": "undo",
    "M-_": "redo",
    "C-r": "search",
    "C-l": "redraw",
    "Tab": "complete",
    "C-c": "interrupt",
    "C-z": "suspend",
}
"""The command of each key, as in Emacs and readline. Each name on the right is one of ``Editor.commands``."""

LEAVE_SEARCH: Final = frozenset({"C-g", "Escape", "C-c"})
"""The keys that end a search and bring back the text that was being typed."""


class Editor:
    """Edits the input line. ``bindings`` replaces :data:`BINDINGS`, ``limit`` is in characters, and ``keeps`` tells
    whether a submitted line may be kept in the history."""

    def __init__(
        self,
        *,
        history: Iterable[str] = (),
        bindings: Mapping[str, str] = BINDINGS,
        limit: int = LONGEST,
        keeps: Callable[[str], bool] = lambda _line: True,
    ) -> None:
        self.buffer = Buffer()
        self.search: HistorySearch | None = None
        self._bindings = bindings
        self._limit = limit
        self._keeps = keeps
        self._ring: deque[str] = deque(maxlen=KILLS)
        self._yanked = (0, 0, 0)  # the region of the last yank, and its place in the ring from the end
        self._undo: deque[Buffer] = deque(maxlen=STEPS)
        self._redo: deque[Buffer] = deque(maxlen=STEPS)
        self._history: deque[str] = deque((line for line in history if line), maxlen=LINES)
        self._at = len(self._history)  # len(history) is the line being typed
        self._edited: dict[int, Buffer] = {}
        self._last = ""  # the command before this one: kills in a row are joined, letters are undone together

    def __repr__(self) -> str:
        return f"<Editor {self.buffer.text!r} at {self.buffer.cursor}>"

    @property
    def text(self) -> str:
        """The text in the buffer."""
        return self.buffer.text

    @property
    def history(self) -> tuple[str, ...]:
        """The lines submitted, oldest first."""
        return tuple(self._history)

    @property
    def kills(self) -> tuple[str, ...]:
        """The kill ring, newest last."""
        return tuple(self._ring)

    def press(self, key: Key) -> Outcome:
        """Run a key; a result other than ``None`` is for the interface."""
        if self.search is not None:
            answer = self._press_in_search(key)
            if not isinstance(answer, Press):
                return answer
            key = answer
        if isinstance(key, Typed):
            return self.insert(key.text, typed=True)
        if isinstance(key, Pasted):
            return self.insert(printable(key.text))
        command = self._bindings.get(key.name)
        return None if command is None else self.run(command)

    def run(self, command: str) -> Outcome:
        """Run one of :attr:`commands`."""
        if command in INTERFACE_COMMANDS:
            outcome: Outcome = InterfaceCommand(command)
        elif command in MOVES:
            outcome = self._move(MOVES[command])
        elif command in DELETIONS:
            outcome = self._delete(DELETIONS[command])
        elif command in KILLINGS:
            outcome = self._kill(KILLINGS[command])
        else:
            outcome = self._own[command](self)
        self._last = command if outcome != BELL or command in KILLINGS else ""
        return outcome

    def insert(self, text: str, *, typed: bool = False) -> Outcome:
        """Insert a text at the cursor; returns a bell, and inserts nothing, when the buffer would be too long."""
        if len(self.buffer.text) + len(text) > self._limit:
            return BELL
        together = typed and self._last == "type" and not text.isspace()
        self._change(self._with(text), remember=not together)
        self._last = "type" if typed else "insert"
        return None

    def put(self, text: str) -> None:
        """Insert a text that goes back to the person, such as a draft or a refused message, however long it is.

        The limit is for typing and pasting. What was written once is not lost because of it.
        """
        self._change(self._with(text))
        self._last = "insert"

    def replace(self, start: int, end: int, text: str) -> None:
        """Replace the text from ``start`` to ``end``; the cursor goes behind the new text."""
        before_it = self.buffer.text[:start] + text
        self._change(Buffer(before_it + self.buffer.text[end:], len(before_it)))
        self._last = "insert"

    def clear(self) -> None:
        """Empty the buffer; can be undone."""
        self._change(Buffer())
        self._last = "clear"

    # ---- editing -------------------------------------------------------------------------------

    def _with(self, text: str) -> Buffer:
        whole, cursor = self.buffer.text, self.buffer.cursor
        return Buffer(whole[:cursor] + text + whole[cursor:], cursor + len(text))

    def _change(self, new: Buffer, *, remember: bool = True) -> None:
        """Replace the buffer; the one before can be restored by undo."""
        new = replace(new, cursor=snap(new.text, new.cursor))
        if remember and new.text != self.buffer.text:
            self._undo.append(self.buffer)
        if new.text != self.buffer.text:
            self._redo.clear()
        self.buffer = new

    def _move(self, motion: Motion) -> Outcome:
        self.buffer = replace(self.buffer, cursor=motion(self.buffer))
        return None

    def _take(self, motion: Motion) -> str:
        """Remove the text between the cursor and the end of a motion, and return it."""
        text = self.buffer.text
        start, end = sorted((self.buffer.cursor, motion(self.buffer)))
        self._change(Buffer(text[:start] + text[end:], start))
        return text[start:end]

    def _kill(self, motion: Motion) -> Outcome:
        forward = motion(self.buffer) > self.buffer.cursor
        taken = self._take(motion)
        if not taken:
            return BELL
        if self._last in KILLINGS and self._ring:
            newest = self._ring.pop()
            taken = newest + taken if forward else taken + newest
        self._ring.append(taken)
        return None

    def _kill_text(self) -> Outcome:
        """Cut the whole text, however many lines it has."""
        text = self.buffer.text
        if not text:
            return BELL
        self._change(Buffer())
        self._ring.append(text)
        return None

    def _delete(self, motion: Motion) -> Outcome:
        return None if self._take(motion) else BELL

    def _delete_or_leave(self) -> Outcome:
        return self._delete(char_right) if self.buffer.text else InterfaceCommand("leave")

    def _newline(self) -> Outcome:
        return self.insert("\n")

    def _yank(self) -> Outcome:
        return self._yank_nth(1, self.buffer.cursor, self.buffer.cursor)

    def _yank_older(self) -> Outcome:
        if self._last not in {"yank", "yank-older"} or not self._ring:
            return BELL
        start, end, back = self._yanked
        return self._yank_nth(back % len(self._ring) + 1, start, end)

    def _yank_nth(self, back: int, start: int, end: int) -> Outcome:
        text = self.buffer.text
        if not self._ring or len(text) - (end - start) + len(self._ring[-back]) > self._limit:
            return BELL
        killed = self._ring[-back]
        self._change(Buffer(text[:start] + killed + text[end:], start + len(killed)))
        self._yanked = (start, start + len(killed), back)
        return None

    def _transpose(self) -> Outcome:
        text, cursor = self.buffer.text, self.buffer.cursor
        right = after(text, cursor)
        if right == cursor:  # at the end: the two characters before it
            cursor = before(text, cursor)
        left = before(text, cursor)
        if left == cursor or "\n" in text[left:right]:
            return BELL
        swapped = text[cursor:right] + text[left:cursor]
        self._change(Buffer(text[:left] + swapped + text[right:], right))
        return None

    def _undo_one(self) -> Outcome:
        return self._travel(self._undo, self._redo)

    def _redo_one(self) -> Outcome:
        return self._travel(self._redo, self._undo)

    def _travel(self, back: deque[Buffer], forth: deque[Buffer]) -> Outcome:
        if not back:
            return BELL
        forth.append(self.buffer)
        self.buffer = back.pop()
        return None

    # ---- lines above and below, and the history ------------------------------------------------

    def _up(self) -> Outcome:
        start = line_start(self.buffer)
        if start == 0:
            return self._go(self._at - 1)
        above = line_start(Buffer(self.buffer.text, start - 1))
        return self._to_column(above, start - 1, self.buffer.cursor - start)

    def _down(self) -> Outcome:
        end = line_end(self.buffer)
        if end == len(self.buffer.text):
            return self._go(self._at + 1)
        below_end = line_end(Buffer(self.buffer.text, end + 1))
        return self._to_column(end + 1, below_end, self.buffer.cursor - line_start(self.buffer))

    def _to_column(self, start: int, end: int, column: int) -> Outcome:
        self.buffer = replace(self.buffer, cursor=snap(self.buffer.text, min(start + column, end)))
        return None

    def _go(self, position: int) -> Outcome:
        """Show another line of the history; edits to the present line are kept with it."""
        if not 0 <= position <= len(self._history):
            return BELL
        if position == self._at:
            return None
        self._edited[self._at] = self.buffer
        self._at = position
        self.buffer = self._line(position)
        self._undo.clear()
        self._redo.clear()
        return None

    def _line(self, position: int) -> Buffer:
        if position in self._edited:
            return self._edited[position]
        text = self._history[position] if position < len(self._history) else ""
        return Buffer(text, len(text))

    def _submit(self) -> Outcome:
        text = self.buffer.text
        if text.strip() and self._keeps(text) and (not self._history or self._history[-1] != text):
            self._history.append(text)
        self._at = len(self._history)
        self._edited.clear()
        self._undo.clear()
        self._redo.clear()
        self.buffer = Buffer()
        return Submitted(text)

    # ---- search --------------------------------------------------------------------------------

    def _begin_search(self) -> Outcome:
        self._edited[self._at] = self.buffer
        self.search = HistorySearch("", self._at, found=True, origin=self._at, before=self.buffer)
        return None

    def _press_in_search(self, key: Key) -> Press | Outcome:
        """Run a key in a search; returns the key when it ends the search and is to be run in the line."""
        search = self.search
        if search is None or (isinstance(key, Press) and key.name in LEAVE_SEARCH):
            if search is not None:
                self._go(search.origin)
                self.buffer = search.before
            self.search = None
            return None
        if isinstance(key, (Typed, Pasted)):
            return self._look_for(search, search.text + printable(key.text), search.position)
        if key.name == "C-r":
            return self._look_for(search, search.text, search.position - 1)
        if key.name in {"Backspace", "C-h"}:
            return self._look_for(search, search.text[: before(search.text, len(search.text))], search.origin)
        self.search = None
        self._last = "search"
        return key

    def _look_for(self, search: HistorySearch, text: str, newest: int) -> Outcome:
        for position in range(newest, -1, -1):
            at = self._line(position).text.casefold().find(text.casefold())
            if at >= 0:
                self._go(position)
                self.buffer = replace(self.buffer, cursor=snap(self.buffer.text, min(at, len(self.buffer.text))))
                self.search = replace(search, text=text, position=position, found=True)
                return None
        self.search = replace(search, text=text, found=False)
        return BELL

    _own: ClassVar[dict[str, Callable[[Editor], Outcome]]] = {
        "up": _up,
        "down": _down,
        "submit": _submit,
        "newline": _newline,
        "delete-right-or-leave": _delete_or_leave,
        "kill-text": _kill_text,
        "yank": _yank,
        "yank-older": _yank_older,
        "transpose": _transpose,
        "undo": _undo_one,
        "redo": _redo_one,
        "search": _begin_search,
    }
    commands: ClassVar[frozenset[str]] = frozenset((*MOVES, *DELETIONS, *KILLINGS, *INTERFACE_COMMANDS, *_own))
    """The names that bindings may use."""
