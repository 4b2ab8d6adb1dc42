"""What keys and the mouse may ask of the screen that they belong to."""

from __future__ import annotations

from typing import Protocol

from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.tasks import ActionQueue
from trio_chat.ui.tui.widgets.frame import Frame


class Window(Protocol):
    """A person's screen, for whoever carries out what the person wants. ``frame`` is what was drawn last."""

    model: ChatModel
    doing: ActionQueue
    frame: Frame | None
    unknown_recipients: str

    def now(self) -> float:
        """The steady clock that the model is given."""

    def say(self, text: str) -> None:
        """Say something to the terminal with the next drawing."""

    def repaint(self) -> None:
        """Draw everything anew."""

    def scroll(self, rows: int) -> None:
        """Scroll the conversation back by so many rows (negative: on)."""

    def scroll_pages(self, pages: int) -> None:
        """Scroll back by so many pages."""

    def toggle(self, which: str) -> None:
        """Show or hide a list beside the conversation."""

    def use_theme(self, name: str) -> None:
        """Change the colours."""

    def typed(self, text: str) -> None:
        """Remember a line that was submitted."""

    def answer(self, text: str | None) -> None:
        """What the person said to a question about the connection; ``None`` for nothing."""

    def end(self, status: int, farewell: str = "") -> None:
        """End with this exit status."""

    def leave_soon(self) -> None:
        """Leave when what was submitted is done."""

    async def leave(self) -> None:
        """Leave once what was submitted is done, or after a moment without it."""

    async def suspend(self) -> None:
        """Give the terminal back and stop, as Ctrl-Z does; go on where it was."""

    async def edit_outside(self) -> None:
        """Write in $EDITOR what is in the input."""
