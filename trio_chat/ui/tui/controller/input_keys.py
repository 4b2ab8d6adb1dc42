"""Keys while the person types: editing, completing, submitting, and the commands of the ``input`` key table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from trio_chat.ui.commands.completion import Completion
from trio_chat.ui.commands.path_completion import path_at
from trio_chat.ui.input.decoder import Key, Pasted, Typed
from trio_chat.ui.input.editor import Editor, InterfaceCommand, Submitted
from trio_chat.ui.tui.controller.feedback import AS_LONG_AS_IT_TAKES, Feedback
from trio_chat.ui.tui.controller.interfaces import SessionControl
from trio_chat.ui.tui.controller.pasting import Pasting
from trio_chat.ui.tui.controller.submission import Submission
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.completing import Completing, complete_here
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.files import ScreenFiles

_QUESTION_MARK: Final = "?"
_INTERRUPTED: Final = 130


class InputKeys:
    """Runs the keys of the input; ``commands`` has the commands that are not the editor's.

    A key may be the first of two (``C-x C-e``).
    """

    def __init__(  # noqa: PLR0913 - one place makes it
        self,
        model: ChatModel,
        requests: BackgroundRequests,
        session: SessionControl,
        bindings: keys.Bindings,
        feedback: Feedback,
        submission: Submission,
        pasting: Pasting,
        commands: Mapping[str, Callable[[], None]],
        *,
        files: ScreenFiles,
    ) -> None:
        self._model = model
        self._requests = requests
        self._session = session
        self._bindings = bindings
        self._feedback = feedback
        self._submission = submission
        self._pasting = pasting
        self.commands = commands
        self._files = files
        self._first_key = ""
        self._completing = Completing()

    def __repr__(self) -> str:
        return f"<InputKeys{' after ' + self._first_key if self._first_key else ''}>"

    @property
    def _editor(self) -> Editor:
        return self._model.room.editor

    async def press(self, key: Key) -> None:
        """Run a key."""
        editor = self._editor
        if isinstance(key, Pasted):
            self._pasting.paste(key.text)
        elif editor.search is not None and not self._first_key:
            await self._take_outcome(editor.press(key))
        elif isinstance(key, Typed) and not self._first_key:
            await self._type(key.text)
        else:
            name = key.text if isinstance(key, Typed) else key.name
            await self._press_named(f"{self._first_key} {name}" if self._first_key else name)

    async def _type(self, text: str) -> None:
        if text == _QUESTION_MARK and not self._editor.text:
            self.commands["help"]()
            return
        await self._take_outcome(self._editor.insert(text, typed=True))
        self._report_typing()

    def _report_typing(self) -> None:
        room = self._model.typed_line.typing_room(self._model.place)
        if room is not None and self._model.room.intent is None and self._model.place.preferences.config.typing:
            self._requests.report_typing(room)

    async def _press_named(self, name: str) -> None:
        self._first_key = ""
        if self._bindings.begins("input", name):
            self._first_key = name
            self._feedback.notice(f"{keys.shown(name)} -", AS_LONG_AS_IT_TAKES)
            return
        command = self._bindings.command("input", name)
        if command is None:
            return
        if command != "complete":
            self._completing.forget()
        if command in Editor.commands and command != "submit":
            await self._take_outcome(self._editor.run(command))
        elif command == "external-editor":
            await self._session.edit_outside()
        else:
            self.commands[command]()

    async def _take_outcome(self, outcome: object) -> None:
        """Do what the editor leaves to the interface."""
        match outcome:
            case Submitted(text):
                self._submission.hand_in(text)
            case InterfaceCommand("leave"):
                await self._session.leave()
            case InterfaceCommand("interrupt"):
                self._session.end(_INTERRUPTED)
            case InterfaceCommand("suspend"):
                await self._session.suspend()
            case InterfaceCommand("redraw"):
                self.commands["redraw"]()
            case InterfaceCommand("complete"):
                self._complete()
            case InterfaceCommand("bell"):
                self._feedback.ring()

    def _complete(self) -> None:
        editor = self._editor
        typed = None if self._files.is_guest else path_at(editor.text, editor.buffer.cursor)
        if typed is None or self._completing.goes_on(editor):
            self._use_completion(editor, None)
        else:
            self._files.complete(editor, typed, lambda found: self._use_completion(editor, found))

    def _use_completion(self, editor: Editor, paths: Completion | None) -> None:
        """Complete with the names of files that were found, if there are any."""

        def find(text: str, cursor: int) -> Completion:
            return paths if paths is not None and paths.candidates else complete_here(text, cursor, self._model.place)

        shown = self._completing.press(editor, find)
        if shown is None:
            self._feedback.ring()
        elif shown:
            self._feedback.notice(shown, AS_LONG_AS_IT_TAKES)
