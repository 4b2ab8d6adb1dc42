"""Pasting into the input; a long paste is asked about first, and so are paths of files."""

from __future__ import annotations

from trio_chat.ui.input.editor import printable
from trio_chat.ui.input.path_words import read_dropped
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.controller.submission import Submission
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Pressed
from trio_chat.ui.tui.model.pasting import ask_about, is_long
from trio_chat.ui.tui.session.files import ScreenFiles


class Pasting:
    """Puts pasted text into the input, and keeps a long one until the person has answered."""

    def __init__(self, model: ChatModel, feedback: Feedback, submission: Submission, files: ScreenFiles) -> None:
        self._model = model
        self._feedback = feedback
        self._submission = submission
        self._files = files
        self._held = ""

    def __repr__(self) -> str:
        return f"<Pasting, {len(self._held)} characters held>"

    def paste(self, text: str) -> None:
        """Insert pasted text. Paths of files are offered to be sent; a long text is asked about."""
        is_command = self._model.room.editor.text.startswith("/")  # a path is pasted behind /send
        readings = [] if is_command or self._files.is_guest else read_dropped(text)
        if readings:
            self._files.look_at_dropped(readings, lambda: self._paste_text(text))
        else:
            self._paste_text(text)

    def _paste_text(self, text: str) -> None:
        text = printable(text)
        if is_long(text):
            self._ask(text)
        else:
            self._insert(text)

    def paste_more(self, text: str) -> None:
        """Add another piece to the paste that is being asked about."""
        self._ask(self._held + printable(text))

    def _ask(self, text: str) -> None:
        self._held = text
        model = self._model
        over = model.excess(model.lines.read(model.room.editor.text + text))
        model.pane = ask_about(text, over, model.most_text)

    def take(self, result: object) -> None:
        """Take the answer about the long paste: insert it, send it at once, or forget it."""
        text, self._held = self._held, ""
        if isinstance(result, Pressed) and self._insert(text) and result.key == "s":
            self._submission.enter()

    def _insert(self, text: str) -> bool:
        if self._model.room.editor.insert(text) is None:
            return True
        self._feedback.ring()
        self._feedback.tell_error(
            f"The pasted text has {len(text)} characters, more than a message may have. The input is unchanged."
        )
        return False
