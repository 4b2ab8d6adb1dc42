"""Acting on a message, by key or by command: the selected message, or the last one of the room."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from trio_chat.ui.actions.files import PreviewImage, SaveFiles
from trio_chat.ui.actions.messages import (
    ByNumber,
    DeleteMessage,
    EditMessage,
    ReactToMessage,
    WhichMessage,
    no_such,
)
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.model.sentences import not_in
from trio_chat.ui.model.shown_files import file_row
from trio_chat.ui.terminal.layout import clip, links
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.controller.interfaces import ScreenOutput
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.completing import complete_emoji
from trio_chat.ui.tui.model.emoji import mark_of, why_no_emoji, with_emoji
from trio_chat.ui.tui.model.log import Entry, about
from trio_chat.ui.tui.model.panes import Choice, ListPane, Question, TextPane
from trio_chat.ui.tui.model.room import Intent, RoomModel
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.files import ScreenFiles

if TYPE_CHECKING:
    from trio_chat.protocol.parts import FileInfo

_EXCERPT: Final = 200
"""Columns of a message that a question shows."""
_NEAR_TOP: Final = 5
"""When the selection is this close to the oldest loaded entry, older entries are fetched."""


class MessageActions:
    """Selects messages of the current room, and replies to, edits, deletes, reacts to and copies them."""

    def __init__(
        self,
        model: ChatModel,
        queue: ActionQueue,
        requests: BackgroundRequests,
        screen: ScreenOutput,
        feedback: Feedback,
        files: ScreenFiles,
    ) -> None:
        self._model = model
        self._queue = queue
        self._requests = requests
        self._screen = screen
        self._feedback = feedback
        self._files = files
        self._span: int | None = None  # the message at which the copied range begins

    @property
    def _room(self) -> RoomModel:
        return self._model.room

    @property
    def _editor(self) -> Editor:
        return self._model.room.editor

    # ---- which message -------------------------------------------------------------------------

    def selected(self) -> Entry | None:
        """The selected message, if it is loaded."""
        room = self._room
        return room.log.find(room.selected) if room.selected is not None else None

    def target(self, *, mine: bool | None = None) -> Entry | None:
        """The selected message, or else the last one; with ``mine`` the last own one, or the last of somebody else."""
        entry = self.selected()
        if entry is None:
            entry = next((one for one in reversed(self._room.log.entries) if self._counts(one, mine=mine)), None)
        return entry

    def number_of(self, which: WhichMessage) -> int:
        """The number of the message that a command names.

        Raises :class:`~trio_chat.errors.NotDone` when the room has fewer messages than the command counts back.
        """
        if isinstance(which, ByNumber):
            return which.seq
        said = [one.seq for one in self._room.log.entries if self._counts(one, mine=which.own or None)]
        if which.count > len(said):
            raise no_such(self._room.name, which)
        return said[-which.count]

    def find(self, seq: int) -> Entry | None:
        """The message with this number, if it is loaded."""
        return self._room.log.find(seq)

    def _counts(self, entry: Entry, *, mine: bool | None) -> bool:
        """Whether an entry is a message that can be acted on; ``mine`` restricts it to own messages, or to others'."""
        return (
            entry.said
            and not entry.local
            and not entry.deleted
            and not self._model.place.ignored.covers(*entry.author)
            and (mine is None or self._model.place.accounts.is_own(*entry.author) == mine)
        )

    # ---- selecting -----------------------------------------------------------------------------

    def press(self, command: str) -> None:
        """Run a key's command on the selected message, which may be out of sight by now."""
        if command == "message-leave" or self.selected() is not None:
            self._room.reveal = None if command == "message-leave" else self._room.selected
            self.commands[command](self)
        else:  # so far away that it is no longer loaded
            self.unselect()
            self._feedback.complain("That message is no longer loaded; select one again.")

    def select(self) -> None:
        """Select the lowest visible message, or else the last one."""
        visible = self._screen.drawn.messages if self._screen.drawn is not None else ()
        self._span = None
        last = self.target()
        if visible:
            self._room.selected = visible[-1]
        elif last is not None:  # on a small screen the program's own lines may fill all rows
            self._room.selected = self._room.reveal = last.seq
        else:
            self._feedback.complain("There is no message here.")

    def unselect(self) -> None:
        """Return from the selected message to the input."""
        self._room.selected, self._span = None, None

    def _move(self, by: int) -> None:
        """Select the message this many places below; a negative number goes up."""
        room = self._room
        said = room.log.entries
        at = room.log.index(room.selected) if room.selected is not None else len(said)
        step, left = (1 if by > 0 else -1), abs(by)
        best = None
        at += step if room.selected is not None and step > 0 else -1 if step < 0 else 0
        while 0 <= at < len(said) and left:
            one = said[at]
            counts = one.said and not one.local and one.seq != room.selected
            if counts and not self._model.place.ignored.covers(*one.author):
                best, left = said[at].seq, left - 1
            at += step
        if best is not None:
            room.selected = room.reveal = best
        elif by > 0:
            room.selected = None
            room.bottom = None
        if room.selected is not None and not room.log.at_start and room.log.index(room.selected) < _NEAR_TOP:
            self._requests.fetch(room.name, "older")

    # ---- reply, edit, delete, react ------------------------------------------------------------

    def reply(self) -> None:
        """Make the input a reply to the selected message, or to the last one of somebody else."""
        entry = self.target(mine=False)
        if entry is not None:
            self.reply_to(entry.seq)
            self._room.selected = None

    def reply_to(self, seq: int) -> None:
        """Make the input a reply to this message."""
        self._room.intent = Intent("reply", seq)

    def begin_edit(self, entry: Entry) -> None:
        """Put an own message into the input to be edited."""
        self._room.intent = Intent("edit", entry.seq, before=self._room.draft)
        self._editor.clear()
        self._editor.put(entry.text)

    def edit(self, seq: int, text: str) -> None:
        """Queue the edit of an own message."""
        self._queue.act(EditMessage(self._room.name, ByNumber(seq), with_emoji(text)))

    def _edit_selected(self) -> None:
        entry = self.selected()
        if entry is None or entry.deleted or not self._model.place.accounts.is_own(*entry.author):
            self._feedback.complain("You can edit only your own messages.")
            return
        self._room.selected = None
        self.begin_edit(entry)

    def cancel(self) -> bool:
        """Stop replying or editing; an interrupted draft returns to the input. False when there was nothing to stop."""
        room = self._room
        if room.intent is None:
            return False
        if room.intent.what == "edit":
            self._editor.clear()
            self._editor.put(room.intent.before)
        room.intent = None
        return True

    def ask_delete(self, seq: int | None = None) -> None:
        """Ask whether to delete the selected message, or the one with this number."""
        if seq is not None:
            self._room.selected = self._room.reveal = seq
        entry = self.selected()  # none where a command names a message that is not loaded
        what = f"Message {self._room.selected}"
        if entry is not None:
            what = f"{self._model.place.label(*entry.author)}: {entry.excerpt}"
        self._model.pane = Question(
            "delete",
            "Delete message",
            (clip(what, _EXCERPT), "Gone for everybody."),
            (("Enter", "delete it"), ("Esc", "keep it")),
            about=None if self._room.selected is None else (self._room.name, self._room.selected),
        )

    def _room_of(self, about: tuple[str, int] | None) -> RoomModel | None:
        """The room of the message that a question was about, if the person is still in it."""
        if about is None:
            return None
        if about[0] not in self._model.rooms:
            self._feedback.complain(not_in(about[0]))
        return self._model.rooms.get(about[0])

    def delete_asked(self, about: tuple[str, int] | None) -> None:
        """Queue the deletion of the message that was asked about."""
        room = self._room_of(about)
        if room is not None and about is not None:
            self._queue.act(DeleteMessage(room.name, ByNumber(about[1])))
            room.selected = None

    def _ask_reaction(self) -> None:
        entry = self.target()
        self._model.pane = Question(
            "react",
            "React",
            ("An emoji, or its name: +1, heart, tada, eyes ... Tab completes a name.",),
            asks="emoji",
            find=complete_emoji,
            refuse=why_no_emoji,
            about=None if entry is None else (self._room.name, entry.seq),
        )

    def toggle_reaction(self, about: tuple[str, int] | None, word: str) -> None:
        """Add a reaction to the message that was asked about, or remove the own one."""
        room = self._room_of(about)
        if room is not None and about is not None and word.strip():
            self.react(about[1], word, room=room)

    def react(self, seq: int, word: str, *, on: bool | None = None, room: RoomModel | None = None) -> None:
        """Queue adding (``on``) or removing a reaction to a message of a ``room``, or of the one on the screen. Without
        ``on``, an own reaction that is there is removed."""
        room, reaction = room or self._room, mark_of(word.strip())
        if on is None:
            entry = room.log.find(seq)
            people = (entry.reactions or {}).get(reaction, ()) if entry is not None else ()
            on = not any(self._model.place.accounts.is_own(*one) for one in people)
        self._queue.act(ReactToMessage(room.name, ByNumber(seq), reaction, on))
        room.selected = None

    # ---- files ---------------------------------------------------------------------------------

    def save(self, *, opens: bool = False) -> None:
        """Save the files of the selected message, or open its file; of several, the person chooses."""
        entry, room = self.selected(), self._room.name
        if entry is None or not entry.files:
            self._feedback.complain("There is no file in that message.")
            return

        def act(*files: FileInfo) -> None:
            self._files.start(SaveFiles(room, files, entry.seq, opens=opens))

        self.unselect()
        if len(entry.files) == 1:
            act(*entry.files)
            return
        rows = [] if opens else [Choice(f"all {len(entry.files)} files", value=partial(act, *entry.files))]
        rows += [Choice(file_row(file), value=partial(act, file)) for file in entry.files]
        self._model.pane = ListPane("files", "Open a file" if opens else "Save", lambda _text: rows, typing=False)

    def preview(self) -> None:
        """Show the image of the selected message; when it is shown, the next one of the message, or none."""
        entry = self.selected()
        if entry is None or not entry.files:
            self._feedback.complain("There is no file in that message.")
            return
        self._files.start(PreviewImage(self._room.name, entry.files, entry.seq))

    def enter(self) -> None:
        """Save the file of the selected message, or reply to it if it has none."""
        entry = self.selected()
        if entry is not None and entry.files:
            self.save()
        else:
            self.reply()

    # ---- looking and copying -------------------------------------------------------------------

    def _show_origin(self) -> None:
        entry = self.selected()
        if entry is None or entry.reply_to is None:
            self._feedback.complain("That message is not a reply.")
            return
        self._requests.jump(self._room.name, entry.reply_to)

    def copy(self) -> None:
        """Copy the selected messages, or the last one."""
        room, last = self._room, self.target()
        if last is None:
            return
        first = room.log.find(self._span) if self._span is not None else last
        low, high = sorted(((first or last).seq, last.seq))
        said = [
            one
            for one in room.log.entries[room.log.index(low) : room.log.last_index(high) + 1]
            if one.said and not one.local and not self._model.place.ignored.covers(*one.author)
        ]
        label = self._model.place.label
        text = "\n".join(f"{label(*one.author)}: {one.whole_text}" for one in said)
        self._feedback.copy(said[0].whole_text if len(said) == 1 else text)
        self.unselect()

    def _copy_link(self) -> None:
        entry = self.selected()
        found = links(entry.text) if entry is not None else []
        if found:
            self._feedback.copy(found[0])
            self.unselect()
        else:
            self._feedback.complain("There is no link in that message.")

    def _show_info(self) -> None:
        entry = self.selected()
        if entry is not None:
            self._model.pane = TextPane("Message", [("overlay", line) for line in about(entry, self._model.place)])

    def _begin_span(self) -> None:
        self._span = self._room.selected
        self._feedback.notice("select the last message to copy, then press c")

    commands: ClassVar[dict[str, Callable[[MessageActions], None]]] = {
        "message-up": lambda self: self._move(-1),
        "message-down": lambda self: self._move(1),
        "message-page-up": lambda self: self._move(-10),
        "message-page-down": lambda self: self._move(10),
        "message-reply": reply,
        "message-enter": enter,
        "message-save": save,
        "message-open": lambda self: self.save(opens=True),
        "message-preview": preview,
        "message-react": _ask_reaction,
        "message-edit": _edit_selected,
        "message-delete": ask_delete,
        "message-origin": _show_origin,
        "message-copy": copy,
        "message-copy-link": _copy_link,
        "message-span": _begin_span,
        "message-info": _show_info,
        "message-leave": unselect,
    }
