"""From a key or mouse event to the part that runs it.

Theory of operation. The controller is made of parts, each of which gets the model, the queue of actions, the
background requests, the screen and the session by argument, as far as it needs them. A key goes to the open pane
first, then to the selected message, then to the input. The tables of keys are in :mod:`trio_chat.ui.tui.model.keys`;
the parts map the name of each command to a method.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trio_chat.ui.input.decoder import Key, Pasted, Press, Typed
from trio_chat.ui.tui.controller.commands import ScreenCommands
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.controller.input_keys import InputKeys
from trio_chat.ui.tui.controller.interfaces import ScreenOutput, SessionControl
from trio_chat.ui.tui.controller.messages import MessageActions
from trio_chat.ui.tui.controller.mouse import Mouse
from trio_chat.ui.tui.controller.navigation import Navigation
from trio_chat.ui.tui.controller.panes import PaneKeys
from trio_chat.ui.tui.controller.password import PasswordDialogue
from trio_chat.ui.tui.controller.pasting import Pasting
from trio_chat.ui.tui.controller.submission import Submission
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.files import ScreenFiles


class Controller:
    """Runs keys and mouse events."""

    def __init__(
        self,
        model: ChatModel,
        queue: ActionQueue,
        requests: BackgroundRequests,
        screen: ScreenOutput,
        session: SessionControl,
        bindings: keys.Bindings,
        files: ScreenFiles,
    ) -> None:
        self._model = model
        self._requests = requests
        self._session = session
        self._bindings = bindings
        feedback = Feedback(model, screen)
        navigation = Navigation(model, requests, screen, feedback, bindings, queue)
        messages = MessageActions(model, queue, requests, screen, feedback, files)
        commands = ScreenCommands(model, queue, requests, screen, feedback, navigation, messages)
        password = PasswordDialogue(model, queue, feedback)
        submission = Submission(model, queue, requests, session, feedback, commands, password, files)
        pasting = Pasting(model, feedback, submission, files)
        self._messages = messages
        self._panes = PaneKeys(model, session, bindings, navigation, messages, password, pasting, files)
        table = _commands(model, screen, navigation, messages, commands, submission)
        self.input = InputKeys(model, requests, session, bindings, feedback, submission, pasting, table, files=files)
        self.mouse = Mouse(model, screen, feedback, navigation, messages)

    def __repr__(self) -> str:
        return f"<Controller with {self.input!r}>"

    async def press(self, key: Key) -> None:
        """Run a key."""
        model = self._model
        if isinstance(key, Press) and key.name in {"FocusIn", "FocusOut"}:
            model.attention.focused = key.name == "FocusIn"
            self._requests.apply(model.saw())
            return
        model.notice = model.hint = ""
        if model.pane is not None:
            await self._panes.press(model.pane, key)
        elif model.room.selected is not None:
            await self._press_message(key)
        else:
            await self.input.press(key)

    async def _press_message(self, key: Key) -> None:
        """Run a key while a message is selected; a key that means nothing there goes on to the input."""
        if isinstance(key, Pasted):
            self._model.room.selected = None
            await self.input.press(key)
            return
        if isinstance(key, Press) and key.name == "C-z":
            await self._session.suspend()
            return
        names = (key.name,) if isinstance(key, Press) else tuple(key.text)
        for at, name in enumerate(names):
            command = self._bindings.command("message", name) if self._model.room.selected is not None else None
            rest = Typed(key.text[at:]) if isinstance(key, Typed) else key
            if command is None:
                self._messages.unselect()
                await self.input.press(rest)
                return
            self._messages.press(command)
            pane = self._model.pane
            if pane is not None and isinstance(key, Typed) and key.text[at + 1 :]:
                await self._panes.press(pane, Typed(key.text[at + 1 :]))
                return


def _commands(
    model: ChatModel,
    screen: ScreenOutput,
    navigation: Navigation,
    messages: MessageActions,
    commands: ScreenCommands,
    submission: Submission,
) -> dict[str, Callable[[], None]]:
    """The commands of the ``input`` key table that are not the editor's, by name."""

    def switch_or_kill() -> None:
        editor = model.room.editor
        if editor.buffer.cursor < len(editor.text):
            editor.run("kill-rest")
        else:
            navigation.open_switcher()

    def cancel() -> None:
        if not messages.cancel() and model.room.bottom is not None:
            navigation.show_newest()

    return {
        "submit": submission.enter,
        "help": navigation.show_help,
        "switcher": navigation.open_switcher,
        "switcher-or-kill": switch_or_kill,
        "next-attention": navigation.next_attention,
        **{f"room-{number}": partial(navigation.go_number, number) for number in range(1, 10)},
        "room-before": partial(navigation.step, -1),
        "room-after": partial(navigation.step, 1),
        "page-up": partial(navigation.scroll_pages, 1),
        "page-down": partial(navigation.scroll_pages, -1),
        "line-up": partial(navigation.scroll, 1),
        "line-down": partial(navigation.scroll, -1),
        "newest": navigation.show_newest,
        "all-read": navigation.mark_all_read,
        "first-unread": navigation.show_first_unread,
        "select": messages.select,
        "search-messages": partial(commands.search, ""),
        "reply-last": messages.reply,
        "cancel": cancel,
        "people": screen.toggle_people,
        "rooms": screen.toggle_rooms,
        "redraw": screen.repaint,
        "do-not-disturb": navigation.toggle_quiet,
    }
