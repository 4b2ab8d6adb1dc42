"""Short answers to a key or command: a notice in the status line, a bell, a text on the clipboard."""

from __future__ import annotations

import math
import time
from typing import Final

import trio

from trio_chat.ui.terminal.escapes import BELL, copied
from trio_chat.ui.tui.controller.interfaces import ScreenOutput
from trio_chat.ui.tui.model.chat import ChatModel

_NOTICED: Final = 8.0
"""Seconds for which a notice is shown: time to read the longest one twice."""
AS_LONG_AS_IT_TAKES: Final = math.inf
"""For what belongs to the next key, such as the candidates of a completion."""


class Feedback:
    """Tells the person the result of a key or command."""

    def __init__(self, model: ChatModel, screen: ScreenOutput) -> None:
        self._model = model
        self._screen = screen

    def notice(self, text: str, seconds: float = _NOTICED) -> None:
        """Show a sentence in the status line for so many seconds, at most until the next key."""
        self._model.notice, self._model.notice_until = text, trio.current_time() + seconds

    def complain(self, why: str) -> None:
        """Ring and show in the status line why nothing was done."""
        self.ring()
        self.notice(why)

    def ring(self) -> None:
        """Ring the terminal's bell."""
        self._screen.write(BELL)

    def tell(self, text: str) -> None:
        """Add a line to the conversation."""
        self._model.tell(text, time.time())

    def tell_error(self, text: str) -> None:
        """Add an error line to the conversation."""
        self._model.tell(text, time.time(), error=True)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard of the terminal's user."""
        self._screen.write(copied(text))
        self.notice(f"copied {len(text)} characters")
