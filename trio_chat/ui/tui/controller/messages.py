"""What can be done with a message: the one selected, or the last one. The keys' and the commands' common ground."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from trio_chat.ui.actions.messages import ByNumber, no_such
from trio_chat.ui.commands.messages import read_which
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.tui import keys
from trio_chat.ui.tui.controller.window import Window
from trio_chat.ui.tui.escapes import BELL, copied
from trio_chat.ui.tui.layout import clip, links
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.completing import complete_emoji
from trio_chat.ui.tui.model.emoji import mark_of, why_no_emoji
from trio_chat.ui.tui.model.log import Entry, about
from trio_chat.ui.tui.model.panes import Question, TextPane
from trio_chat.ui.tui.model.room import Intent, RoomModel

_EXCERPT: Final = 200
"""Columns of a message that a question shows."""


class Picked:
    """Works on the message selected in the room that one looks at."""

    def __init__(self, window: Window, bindings: keys.Bindings) -> None:
        self._window = window
        self._bindings = bindings
        self._span: int | None = None

    @property
    def _model(self) -> ChatModel:
        return self._window.model

    @property
    def _room(self) -> RoomModel:
        return self._window.model.room

    @property
    def _editor(self) -> Editor:
        return self._window.model.room.editor

    def _selected(self) -> Entry | None:
        room = self._room
        return room.log.find(room.selected) if room.selected is not None else None

    def _target(self, *, mine: bool | None = None) -> Entry | None:
        """The message selected, else the last one; ``mine``: the last of one's own, or of somebody else."""
        entry = self._selected()
        if entry is None:
            entry = next((one for one in reversed(self._room.log.entries) if self._counts(one, mine=mine)), None)
        return entry

    def _which(self, argument: str, *, own: bool = False) -> tuple[int | None, str]:
        """The message that an argument's first word names, as in every interface (``12``, ``#12``, ``^``), and the
        rest of it; ``None`` and the whole when it names none.

        Raises :class:`~trio_chat.errors.NotDone` when there are not so many messages.
        """
        first, *rest = argument.split(maxsplit=1) or [""]
        which = read_which(first, own=own)
        if which is None:
            return None, argument
        if isinstance(which, ByNumber):
            return which.seq, "".join(rest)
        said = [one.seq for one in self._room.log.entries if self._counts(one, mine=own or None)]
        if which.count > len(said):
            raise no_such(self._room.name, which)
        return said[-which.count], "".join(rest)

    def _counts(self, entry: Entry, *, mine: bool | None) -> bool:
        """Whether a line is a message that can be worked on: anybody's, one's own, or somebody else's."""
        return (
            entry.said
            and not entry.local
            and not entry.deleted
            and entry.sender not in self._model.place.ignored
            and (mine is None or (entry.sender == self._model.me) == mine)
        )

    def _move(self, by: int) -> None:
        """Select the message so many above (negative) or below."""
        room = self._room
        said = room.log.entries
        at = room.log.index(room.selected) if room.selected is not None else len(said)
        step, left = (1 if by > 0 else -1), abs(by)
        best = None
        at += step if room.selected is not None and step > 0 else -1 if step < 0 else 0
        while 0 <= at < len(said) and left:
            one = said[at]
            if one.said and not one.local and one.seq != room.selected and one.sender not in self._model.place.ignored:
                best, left = said[at].seq, left - 1
            at += step
        if best is not None:
            room.selected = room.reveal = best
        elif by > 0:
            room.selected = None
            room.bottom = None
        if room.selected is not None and not room.log.at_start and room.log.index(room.selected) < 5:  # noqa: PLR2004 - soon at the top
            self._window.doing.fetch(room.name, "older")

    def _do_with_message(self, command: str) -> None:
        """Do something with the message selected, which may be out of sight: scrolled away, or pushed up by others."""
        if command == "message-leave" or self._selected() is not None:
            self._room.reveal = None if command == "message-leave" else self._room.selected
            self._message_commands[command](self)
        else:  # so far away that it is not even loaded
            self._leave_message()
            self._complain("That message is far from here by now; select one again.")

    def _select(self) -> None:
        visible = (
            [place.seq for place in self._window.frame.view.places if place is not None and place.said]
            if self._window.frame
            else []
        )
        self._span = None
        last = self._target()
        if visible:
            self._room.selected = visible[-1]
        elif last is not None:  # what this program tells may fill a small screen
            self._room.selected = self._room.reveal = last.seq
        else:
            self._complain("There is no message here.")

    def _leave_message(self) -> None:
        self._room.selected, self._span = None, None

    def _reply(self) -> None:
        entry = self._target(mine=False)
        if entry is not None:
            self._room.intent = Intent("reply", entry.seq)
            self._room.selected = None

    def _edit_selected(self) -> None:
        entry = self._selected()
        if entry is None or entry.sender != self._model.me or entry.deleted:
            self._complain("That message is not yours to change.")
            return
        self._room.selected = None
        self._begin_edit(entry)

    def _begin_edit(self, entry: Entry) -> None:
        self._room.intent = Intent("edit", entry.seq, before=self._room.draft)
        self._editor.clear()
        self._editor.insert(entry.text)

    def _ask_delete(self) -> None:
        entry = self._selected()  # none, where a command named one that is not loaded
        what = f"Message {self._room.selected}" if entry is None else f"{entry.sender}: {' '.join(entry.text.split())}"
        self._model.pane = Question(
            "delete",
            "Take it back",
            (clip(what, _EXCERPT), "The message's text will be gone for everybody."),
            (("Enter", "take it back"), ("Esc", "leave it")),
        )

    def _delete_selected(self) -> None:
        room = self._room
        if room.selected is not None:
            self._window.doing.delete(room.name, room.selected)
            room.selected = None

    def _ask_mark(self) -> None:
        self._model.pane = Question(
            "react",
            "Mark it",
            ("An emoji by its name, such as +1, heart, tada, eyes. Tab completes it.",),
            asks="emoji",
            find=complete_emoji,
            refuse=why_no_emoji,
        )

    def _react(self, word: str) -> None:
        entry = self._target()
        if entry is None or not word.strip():
            return
        self._mark(entry.seq, word)

    def _mark(self, seq: int, word: str, *, on: bool | None = None) -> None:
        """Put a mark on a message or take it off; where that is not said, the one or the other by how it is."""
        self._window.doing.react(self._room.name, seq, mark_of(word.strip()), on=on)
        self._room.selected = None

    def _origin(self) -> None:
        entry = self._selected()
        if entry is None or entry.reply_to is None:
            self._complain("That message answers no other.")
            return
        self._window.doing.jump(self._room.name, entry.reply_to)

    def _copy_selected(self) -> None:
        room, last = self._room, self._target()
        if last is None:
            return
        first = room.log.find(self._span) if self._span is not None else last
        low, high = sorted(((first or last).seq, last.seq))
        said = [
            one
            for one in room.log.entries[room.log.index(low) : room.log.last_index(high) + 1]
            if one.said and not one.local and one.sender not in self._model.place.ignored
        ]
        text = said[0].text if len(said) == 1 else "\n".join(f"{one.sender}: {one.text}" for one in said)
        self.copy(text)
        self._leave_message()

    def _copy_link(self) -> None:
        entry = self._selected()
        found = links(entry.text) if entry is not None else []
        if found:
            self.copy(found[0])
            self._leave_message()
        else:
            self._complain("There is no link in that message.")

    def _show_info(self) -> None:
        entry = self._selected()
        if entry is not None:
            self._model.pane = TextPane(
                "Message", [("overlay", line) for line in about(entry, self._model.place.ignored)]
            )

    def _begin_span(self) -> None:
        self._span = self._room.selected
        self._model.notice = "move, then c copies from here"

    def copy(self, text: str) -> None:
        """Put a text on the clipboard of whoever sits at the terminal."""
        self._window.say(copied(text))
        self._model.notice = f"copied {len(text)} characters"

    def _complain(self, why: str) -> None:
        self._window.say(BELL)
        self._model.notice = why

    _message_commands: ClassVar[dict[str, Callable[[Picked], None]]] = {
        "message-up": lambda self: self._move(-1),
        "message-down": lambda self: self._move(1),
        "message-page-up": lambda self: self._move(-10),
        "message-page-down": lambda self: self._move(10),
        "message-reply": _reply,
        "message-react": _ask_mark,
        "message-edit": _edit_selected,
        "message-delete": _ask_delete,
        "message-origin": _origin,
        "message-copy": _copy_selected,
        "message-copy-link": _copy_link,
        "message-span": _begin_span,
        "message-info": _show_info,
        "message-leave": _leave_message,
    }
