"""The dialogue in which the person chooses a new password."""

from __future__ import annotations

from trio_chat.ui.actions.account import SetOwnPassword
from trio_chat.ui.input.new_password import NewPassword, PasswordChosen, PasswordUnchanged
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Answered, Question
from trio_chat.ui.tui.session.action_queue import ActionQueue


class PasswordDialogue:
    """Asks twice for a new password, then queues the change."""

    def __init__(self, model: ChatModel, queue: ActionQueue, feedback: Feedback) -> None:
        self._model = model
        self._queue = queue
        self._feedback = feedback
        self._entry: NewPassword | None = None  # while the dialogue is open

    def __repr__(self) -> str:
        return f"<PasswordDialogue {'open' if self._entry is not None else 'closed'}>"

    def ask(self) -> None:
        """Show the question: the first time, or once more."""
        self._entry = self._entry or NewPassword()
        lines = (self._entry.prompt.rstrip(": "),)
        self._model.pane = Question("new-password", "Your password", lines, asks="Password", secret=True)

    def take(self, result: object) -> None:
        """Take what was typed; a closed question leaves the password unchanged."""
        entry, self._entry = self._entry, None
        if entry is None:
            return
        outcome = entry.take(result.text) if isinstance(result, Answered) else entry.give_up()
        match outcome:
            case None:
                self._entry = entry
                self.ask()
            case PasswordUnchanged(why):
                self._feedback.tell_error(why)
            case PasswordChosen(password):
                self._queue.act(SetOwnPassword(password))
