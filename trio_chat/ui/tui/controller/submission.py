"""Submitting the input: the typed line becomes a message, an action or a command of the full screen."""

from __future__ import annotations

from dataclasses import replace

from trio_chat.errors import NotDone
from trio_chat.protocol.addressing import Command
from trio_chat.protocol.events import Error
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.account import AskPassword
from trio_chat.ui.actions.actions import Quit, Reconnect, SendRoom
from trio_chat.ui.actions.files import CancelTransfer, ListTransfers, PreviewImage, SaveFiles, SendFiles
from trio_chat.ui.actions.messages import ByNumber, EditMessage
from trio_chat.ui.commands.account import keeps_secret
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.typed_line import TypedLine
from trio_chat.ui.input.editor import Submitted
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.interface_actions import ClearScreen, SettingsAction
from trio_chat.ui.model.notes import Note
from trio_chat.ui.tui.controller.commands import ScreenCommands
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.controller.interfaces import SessionControl
from trio_chat.ui.tui.controller.password import PasswordDialogue
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.emoji import with_emoji
from trio_chat.ui.tui.model.room import RoomModel
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.files import ScreenFiles


class Submission:
    """Decides what a submitted line does."""

    def __init__(
        self,
        model: ChatModel,
        queue: ActionQueue,
        requests: BackgroundRequests,
        session: SessionControl,
        feedback: Feedback,
        commands: ScreenCommands,
        password: PasswordDialogue,
        files: ScreenFiles,
    ) -> None:
        self._model = model
        self._queue = queue
        self._requests = requests
        self._session = session
        self._feedback = feedback
        self._commands = commands
        self._password = password
        self._files = files

    def enter(self) -> None:
        """Submit the input, unless it is empty or addressed to nobody."""
        room = self._model.room
        where, refused = self._model.destination(self._model.typed_line)
        if refused and room.intent is None:
            self._feedback.ring()
            self._feedback.tell_error(f"{where[0].upper()}{where[1:]}. Nothing was sent.")
            return
        if not room.editor.text.strip() or self._is_doubtful(room):
            return
        outcome = room.editor.run("submit")
        if isinstance(outcome, Submitted):
            self.hand_in(outcome.text)

    def _is_doubtful(self, room: RoomModel) -> bool:
        """Ask before a text goes to this room that was typed for another one."""
        doubted, room.typed_for = room.typed_for, None
        if doubted is None or not room.editor.text.startswith(doubted.text):
            return False
        meant, here = clean_line(doubted.room), self._model.label(room)
        self._feedback.complain(f"You typed this for {meant}. Enter once more sends it to {here}.")
        return True

    def hand_in(self, text: str) -> None:
        """Submit a line; a line typed while the person changes rooms waits for the new room."""
        line = self._model.lines.read(text)
        if self._queue.is_moving:
            self._queue.after_moving(line, lambda: self._submit(line))
        else:
            self._submit(line)

    def _submit(self, line: TypedLine) -> None:
        room, text, command = self._model.room, line.text, line.command
        if not keeps_secret(text):
            self._session.remember_line(text)
        intent, room.intent = room.intent, None
        if command is not None and command.name in self._commands:
            room.intent = intent
            self._run_command(command, text)
        elif intent is not None and intent.what == "edit":
            self._queue.act(EditMessage(room.name, ByNumber(intent.seq), with_emoji(text)))
            room.editor.put(intent.before)
        elif command is not None and command.name in {"help", "h", "?"} and not command.argument.strip():
            self._commands.run("keys", "")
        else:
            self._do(line, intent.seq if intent is not None else None)

    def _do(self, line: TypedLine, reply_to: int | None) -> None:
        meaning = line.meaning(self._model.place)
        if isinstance(meaning, SendRoom) and meaning.room in self._model.rooms:
            self._queue.say(meaning, reply_to)
        elif isinstance(meaning, SendFiles):
            self._files.start(replace(meaning, reply_to=reply_to))
        elif meaning is not None:
            self._carry_out(meaning, self._model.room, line.text)

    def _reconnect(self) -> None:
        chat = self._requests.chat
        if chat is None:
            self._feedback.complain("There was no connection yet; the status line says when the next try is.")
        else:
            chat.reconnect_nowait()

    def _run_command(self, command: Command, text: str) -> None:
        room = self._model.room
        try:
            self._commands.run(command.name, command.argument.strip())
        except NotDone as error:
            self._feedback.tell_error(str(error))
            _give_back(room, text)

    def _carry_out(self, meaning: Meaning, room: RoomModel, text: str) -> None:
        """Do what a line typed in a room asks for: here, or in its turn by the server."""
        requests = self._requests
        if isinstance(meaning, SettingsAction):
            requests.take(self._model.place.preferences.do(meaning))
            return
        match meaning:
            case Quit():
                self._session.leave_soon()
            case AskPassword():
                self._password.ask()
            case Ignore():
                note = self._model.place.ignored.do(meaning, self._model.place.accounts)
                requests.take(note)
                requests.apply(self._model.count())
            case SaveFiles() | PreviewImage() | ListTransfers() | CancelTransfer():
                self._files.start(meaning)
            case ClearScreen():
                clear(room)
            case Reconnect():
                self._reconnect()
            case Note():
                requests.take(meaning)
            case Error():
                requests.take(meaning)
                _give_back(self._model.room, text)
            case _:
                self._queue.act(meaning, lambda: _give_back(room, text))


def clear(room: RoomModel) -> None:
    """Empty the screen of a room until something is said; scrolling back fetches the log again."""
    room.log.leave_stretch()
    room.bottom = room.selected = room.reveal = None
    room.asked, room.cleared = False, True


def _give_back(room: RoomModel, text: str) -> None:
    """Put a refused line back into the input, unless something else is typed there by now."""
    if not room.editor.text:
        room.editor.put(text)
