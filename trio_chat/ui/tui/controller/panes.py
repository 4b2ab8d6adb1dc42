"""Keys while a list, a text or a question lies over the conversation."""

from __future__ import annotations

from typing import Final

from trio_chat.ui.input.decoder import Key, Pasted, Press
from trio_chat.ui.tui.controller.interfaces import SessionControl
from trio_chat.ui.tui.controller.messages import MessageActions
from trio_chat.ui.tui.controller.navigation import Navigation
from trio_chat.ui.tui.controller.password import PasswordDialogue
from trio_chat.ui.tui.controller.pasting import Pasting
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Answered, Chosen, Pane, Pressed, Question
from trio_chat.ui.tui.session.files import ScreenFiles

_QUESTION_MARK: Final = "?"


class PaneKeys:
    """Passes keys to the open pane, and the person's choice or answer to the part that asked for it."""

    def __init__(
        self,
        model: ChatModel,
        session: SessionControl,
        bindings: keys.Bindings,
        navigation: Navigation,
        messages: MessageActions,
        password: PasswordDialogue,
        pasting: Pasting,
        files: ScreenFiles,
    ) -> None:
        self._model = model
        self._session = session
        self._bindings = bindings
        self._navigation = navigation
        self._messages = messages
        self._password = password
        self._pasting = pasting
        self._files = files

    async def press(self, pane: Pane, key: Key) -> None:
        """Pass a key to the open pane."""
        if isinstance(key, Pasted) and isinstance(pane, Question) and pane.purpose == "paste":
            self._pasting.paste_more(key.text)
            return
        if isinstance(key, Press) and key.name == "C-z":
            await self._session.suspend()
            return
        command = self._bindings.command("list", key.name) if isinstance(key, Press) else None
        if isinstance(pane, Question) and pane.asks and command == "choose":
            command = None  # Enter belongs to the question's input
        result = pane.press(key, command)
        if result is None:
            return
        self._model.pane = None
        if isinstance(pane, Question):
            self._answered(pane, result)
        elif isinstance(result, Chosen):
            self._navigation.choose(result.value)
        elif isinstance(result, Pressed) and result.key == _QUESTION_MARK:
            self._model.room.editor.put(_QUESTION_MARK)

    def _answered(self, pane: Question, result: object) -> None:
        match pane.purpose:
            case "paste":
                self._pasting.take(result)
            case "file":
                self._files.answer(result)
            case "react" if isinstance(result, Answered):
                self._messages.toggle_reaction(pane.about, result.text)
            case "delete" if isinstance(result, Pressed):
                self._messages.delete_asked(pane.about)
            case "new-password":
                self._password.take(result)
            case "name" | "password" | "ended":
                text = result.text if isinstance(result, Answered) else None
                self._session.answer_login(result.key if isinstance(result, Pressed) else text)
