"""The two interfaces that the controller works on: the screen, which draws, and the session, which runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trio_chat.output import Control


class DrawnScreen(Protocol):
    """The screen as it was drawn last."""

    @property
    def messages(self) -> Sequence[int]:
        """The numbers of the visible messages, from the top."""

    def under(self, column: int, row: int) -> tuple[str, object]:
        """The kind and the value of the part at this place, such as ``("room", "#ops")``."""

    def text(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        """The conversation's text between two places (column, row)."""


class ScreenOutput(Protocol):
    """The part of the full screen that draws. ``selection`` is the region that the mouse is selecting."""

    selection: tuple[tuple[int, int], tuple[int, int]] | None

    @property
    def drawn(self) -> DrawnScreen | None:
        """The screen as it was drawn last; ``None`` before the first drawing."""

    def write(self, sequence: Control) -> None:
        """Send a control sequence to the terminal with the next drawing."""

    def repaint(self) -> None:
        """Draw every row again."""

    def scroll(self, rows: int) -> None:
        """Scroll the conversation back by this many rows; a negative number scrolls forward."""

    def scroll_pages(self, pages: int) -> None:
        """Scroll the conversation back by this many pages; a negative number scrolls forward."""

    def toggle_rooms(self) -> None:
        """Show or hide the list of rooms."""

    def toggle_people(self) -> None:
        """Show or hide the list of people."""

    def use_theme(self, name: str) -> None:
        """Change the colours."""


class SessionControl(Protocol):
    """The part of the full screen that drives the session: the login, the typed history, the end."""

    def remember_line(self, text: str) -> None:
        """Add a submitted line to the history that is kept for the next start."""

    def answer_login(self, text: str | None) -> None:
        """Pass on the answer to a login question; ``None`` when the question was closed."""

    def end(self, status: int, farewell: str = "") -> None:
        """End the program with this exit status."""

    def leave_soon(self) -> None:
        """Leave as soon as the submitted lines are acknowledged."""

    async def leave(self) -> None:
        """Wait for the submitted lines to be acknowledged, at most for a moment, then leave."""

    async def suspend(self) -> None:
        """Give the terminal back and stop, as Ctrl-Z does; continue when the shell resumes the program."""

    async def edit_outside(self) -> None:
        """Edit the input in $EDITOR."""
