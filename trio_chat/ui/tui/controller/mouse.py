"""What the mouse does: it goes to rooms and people, selects messages, scrolls, and copies what it is drawn over."""

from __future__ import annotations

from typing import Final

from trio_chat.ui.input.decoder import Press
from trio_chat.ui.tui.controller.keys import Hands
from trio_chat.ui.tui.controller.window import Window
from trio_chat.ui.tui.escapes import MouseEvent
from trio_chat.ui.tui.model.panes import ListPane, TextPane

_WHEEL: Final = 3
_UP, _DOWN = 64, 65  # xterm's numbers of the wheel


class Mouse:
    """Does what the mouse says."""

    def __init__(self, window: Window, hands: Hands) -> None:
        self._window = window
        self._hands = hands
        self._drag: tuple[int, int] | None = None
        self.selection: tuple[tuple[int, int], tuple[int, int]] | None = None

    def take(self, event: MouseEvent) -> None:
        """Do what the mouse did."""
        window, frame = self._window, self._window.frame
        if frame is None:
            return
        if event.button in (_UP, _DOWN):
            if isinstance(self._window.model.pane, ListPane | TextPane):
                self._window.model.pane.press(Press("Up"), "up" if event.button == _UP else "down")
            else:
                window.scroll(_WHEEL if event.button == _UP else -_WHEEL)
        elif event.button == 0:
            at = (event.column, event.row)
            if event.released:
                self._let_go(at)
            elif event.moved and self._drag is not None:
                self.selection = (self._drag, at)
            else:
                self._drag = at

    def _let_go(self, at: tuple[int, int]) -> None:
        start, self._drag, selection, self.selection = self._drag, None, self.selection, None
        frame = self._window.frame
        if start is None or frame is None:
            return
        if selection is not None and start != at:
            text = frame.text(start, at)
            if text.strip():
                self._hands.copy(text)
            return
        kind, what = frame.under(*at)
        if (kind == "room" and isinstance(what, str)) or (kind == "person" and isinstance(what, str)):
            self._hands.go(what)
        elif kind == "item" and isinstance(what, int) and isinstance(self._window.model.pane, ListPane):
            pane = self._window.model.pane
            self._window.model.pane = None
            self._hands.choose(pane.rows[what].value)
        elif kind == "line" and isinstance(what, tuple) and what[1]:
            self._window.model.room.selected = what[0]
