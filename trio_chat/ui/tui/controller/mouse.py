"""The mouse: clicks go to rooms and people, select messages and save the file of a selected one, the wheel scrolls,
dragging copies."""

from __future__ import annotations

from typing import Final

from trio_chat.ui.input.decoder import Press
from trio_chat.ui.terminal.escapes import MouseEvent
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.controller.interfaces import ScreenOutput
from trio_chat.ui.tui.controller.messages import MessageActions
from trio_chat.ui.tui.controller.navigation import Navigation
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import ListPane, TextPane

_WHEEL_ROWS: Final = 3
_WHEEL_UP, _WHEEL_DOWN = 64, 65  # xterm's numbers


class Mouse:
    """Runs the mouse's events on the screen as it was drawn last."""

    def __init__(
        self,
        model: ChatModel,
        screen: ScreenOutput,
        feedback: Feedback,
        navigation: Navigation,
        messages: MessageActions,
    ) -> None:
        self._model = model
        self._screen = screen
        self._feedback = feedback
        self._navigation = navigation
        self._messages = messages
        self._drag: tuple[int, int] | None = None  # where the button went down

    def take(self, event: MouseEvent) -> None:
        """Run one event."""
        if self._screen.drawn is None:
            return
        if event.button in (_WHEEL_UP, _WHEEL_DOWN):
            self._scroll(up=event.button == _WHEEL_UP)
        elif event.button == 0:
            at = (event.column, event.row)
            if event.released:
                self._release(at)
            elif event.moved and self._drag is not None:
                self._screen.selection = (self._drag, at)
            else:
                self._drag = at

    def _scroll(self, *, up: bool) -> None:
        pane = self._model.pane
        if isinstance(pane, ListPane | TextPane):
            pane.press(Press("Up"), "up" if up else "down")
        else:
            self._navigation.scroll(_WHEEL_ROWS if up else -_WHEEL_ROWS)

    def _release(self, at: tuple[int, int]) -> None:
        start, self._drag = self._drag, None
        selection, self._screen.selection = self._screen.selection, None
        drawn = self._screen.drawn
        if start is None or drawn is None:
            return
        if selection is not None and start != at:
            text = drawn.text(start, at)
            if text.strip():
                self._feedback.copy(text)
            return
        self._click(*drawn.under(*at))

    def _click(self, kind: str, value: object) -> None:
        pane = self._model.pane
        if kind in {"room", "person"} and isinstance(value, str):
            self._navigation.go(value)
        elif kind == "item" and isinstance(value, int) and isinstance(pane, ListPane):
            self._model.pane = None
            self._navigation.choose(pane.rows[value].value)
        elif kind == "line" and isinstance(value, tuple) and value[1]:
            chosen = self._messages.selected()
            if chosen is not None and chosen.seq == value[0] and chosen.files:  # the second click on it
                self._messages.save()
            else:
                self._model.room.selected = value[0]
