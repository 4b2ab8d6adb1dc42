"""Drawing the full screen: when, in which layout and colours, and what else the terminal is told with it.

Theory of operation. Whatever changes something calls :meth:`ScreenPainter.show`. A key is drawn at once, arriving
messages at most every :data:`BATCH` seconds, and never before the terminal has taken the frame before.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Final, NoReturn

import trio

from trio_chat.config import ClientConfig
from trio_chat.output import Control, Output
from trio_chat.ui.terminal.background import DEADLINE, QUESTION, Colour, is_light
from trio_chat.ui.terminal.escapes import NOTHING, notified, notify_by, titled
from trio_chat.ui.terminal.terminal import Terminal
from trio_chat.ui.tui.model.attention import Notification, window_title
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.themes import THEMES, choose
from trio_chat.ui.tui.session.options import ScreenOptions, chosen_theme, has_links, theme_name
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle
from trio_chat.ui.tui.widgets.frame import Frame, Parts, Shown, divide, draw, mark_selection
from trio_chat.ui.tui.widgets.pictures import picture_size
from trio_chat.ui.tui.widgets.screen import Display, Palette, check_styles, depth_of

BATCH: Final = 0.05
"""Seconds between two drawings of what arrives: twenty a second is all that anybody sees."""


class ScreenPainter:
    """Draws the model on the terminal. ``drawn`` is the frame on the screen, ``selection`` the mouse's region.

    ``before_drawing`` updates the model, ``after_drawing`` gets the frame. Raises
    :class:`~trio_chat.errors.ConfigError` when the configured theme does not exist or cannot be painted.
    """

    def __init__(
        self,
        model: ChatModel,
        terminal: Terminal,
        options: ScreenOptions,
        before_drawing: Callable[[], None],
        after_drawing: Callable[[Frame], None],
    ) -> None:
        self.drawn: Frame | None = None
        self.selection: tuple[tuple[int, int], tuple[int, int]] | None = None
        self.painted = trio.Event()
        self._model = model
        self._terminal = terminal
        self._before_drawing = before_drawing
        self._after_drawing = after_drawing
        config = self._config = options.config
        theme = theme_name(config.theme)
        asks = options.colour and config.theme == "auto" and not os.environ.get("COLORFGBG") and has_links()
        self._answer_until = math.inf if asks else 0.0  # the time until which an answer counts
        self._theme = chosen_theme(theme)
        check_styles(self._theme, theme)
        self._display = Display(None if options.colour else 1, mouse=config.mouse, links=has_links())
        self._palette = self._make_palette(theme)
        self._depth = depth_of(self._display.colors)
        self._layout = ConversationLayout()
        self._shown = Shown()
        self._notify_by = _way_to_notify(config)
        self._to_write = Output()
        self._title = NOTHING
        self._changed, self._hurry, self._counting = trio.Event(), trio.Event(), trio.Event()
        self._away = 1  # how many have left the terminal to another program, or to nobody: drawn when none has

    def __repr__(self) -> str:
        return f"<ScreenPainter{' away' if self._away else ''}>"

    # ---- the terminal --------------------------------------------------------------------------

    async def begin(self) -> None:
        """Take the terminal over, or return to it. After several calls of :meth:`end`, the last return counts."""
        self._away -= 1
        if not self._away:
            await self._terminal.write(self._display.begin())

    async def end(self) -> None:
        """Leave the terminal to other programs; nothing is drawn until :meth:`begin`."""
        self._away += 1
        await self._terminal.write(self._display.end())

    def resized(self) -> None:
        """Take note that the window has another size, or that the program was continued."""
        if not self._away:
            self._terminal.take_if_in_front()
            self.repaint()

    # ---- what the controller asks for ----------------------------------------------------------

    def show(self, *, at_once: bool = False) -> None:
        """Have the screen drawn: at once, or together with what comes within :data:`BATCH`."""
        self._changed.set()
        if at_once:
            self._hurry.set()

    def write(self, sequence: Control) -> None:
        """Send a control sequence to the terminal with the next drawing; while nothing is drawn, only the last."""
        self._to_write = (Output() if self._away else self._to_write).control(sequence)
        self.show(at_once=True)

    def notify(self, call: Notification) -> None:
        """Ring, and show a notification in the way that the terminal understands."""
        self.write(notified(call.title, call.body, self._notify_by))

    def repaint(self) -> None:
        """Draw every row again."""
        self._display.clear()
        self.show(at_once=True)

    def scroll(self, rows: int) -> None:
        """Scroll the conversation back by this many rows; a negative number scrolls forward."""
        columns, height = self._terminal.size()
        parts = divide(columns, height, self._shown)
        self._layout.scroll(self._model.room, rows, parts.middle, self._style())

    def scroll_pages(self, pages: int) -> None:
        """Scroll by pages; one row of the page before stays visible."""
        height = self.drawn.height if self.drawn is not None else 1
        self.scroll(pages * max(height - 1, 1))

    def picture_size(self) -> tuple[int, int]:
        """The most pixels that a picture in the conversation may have."""
        columns, rows = self._terminal.size()
        return picture_size(divide(columns, rows, self._shown).middle, rows)

    def toggle_rooms(self) -> None:
        """Show or hide the list of rooms. Back in its automatic state, it follows the window's size again."""
        now, automatic = self._parts()
        self._shown.rooms = not now.rooms if bool(now.rooms) == bool(automatic.rooms) else None

    def toggle_people(self) -> None:
        """Show or hide the list of people. Back in its automatic state, it follows the window's size again."""
        now, automatic = self._parts()
        self._shown.people = not now.people if bool(now.people) == bool(automatic.people) else None

    def _parts(self) -> tuple[Parts, Parts]:
        """The parts of the screen as they are, and as they would be without the person's choices."""
        size = self._terminal.size()
        return divide(*size, self._shown), divide(*size, Shown())

    def configure(self, config: ClientConfig) -> None:
        """Use other settings. Raises :class:`~trio_chat.errors.ConfigError` when the theme cannot be used."""
        if config.theme != self._config.theme:
            name = theme_name(config.theme)
            theme = chosen_theme(name)
            check_styles(theme, name)
            self._theme = theme
            self._palette = self._make_palette(name)
            self._answer_until = 0.0
        self._config = config
        self._display.use_mouse(on=config.mouse)
        self._notify_by = _way_to_notify(config)
        self._layout = ConversationLayout()  # what is laid out has the earlier times and highlights
        self._display.clear()

    def use_theme(self, name: str) -> None:
        """Change the colours."""
        self._answer_until = 0.0
        self._theme = THEMES[name]
        self._palette = self._make_palette(name)
        self._display.clear()

    def ask_background(self) -> None:
        """Ask the terminal for its background with the first drawing, if the theme depends on it and nothing tells."""
        if self._answer_until:
            self._answer_until = trio.current_time() + DEADLINE
            self.write(QUESTION)

    def fit_background(self, colour: Colour) -> None:
        """Take the theme that fits this background, if the answer is in time and no theme was chosen meanwhile."""
        if trio.current_time() < self._answer_until and is_light(colour):
            self.use_theme("light")
            self.show(at_once=True)

    def _make_palette(self, name: str) -> Palette:
        colours = self._display.colors
        fits = choose(name, colours)
        theme = self._theme if fits == name and name not in THEMES else THEMES.get(fits, self._theme)
        return Palette(theme, colours)

    # ---- drawing -------------------------------------------------------------------------------

    async def run(self) -> NoReturn:
        """Draw changes, until cancelled."""
        while True:
            await self._changed.wait()
            with trio.move_on_after(BATCH):
                await self._hurry.wait()
            self._changed, self._hurry = trio.Event(), trio.Event()
            if self._away:
                continue
            output = self._paint()
            if output:
                await self._terminal.write(output)
            self.painted.set()

    async def run_clock(self) -> NoReturn:
        """Draw once a second while something on the screen counts seconds; otherwise sleep. Runs until cancelled."""
        while True:
            await self._counting.wait()
            self._counting = trio.Event()
            await trio.sleep(1)
            self.show()

    def _style(self) -> ConversationStyle:
        words, depth = self._model.attention.words, self._depth
        return ConversationStyle(self._model.place, self._config.time_format, words=words, depth=depth)

    def _paint(self) -> Output:
        """Draw the model; returns what brings the terminal from its present state to that."""
        model, now = self._model, trio.current_time()
        self._before_drawing()
        columns, rows = self._terminal.size()
        style, room = self._style(), model.room
        if room.reveal is not None and room.log.find(room.reveal) is not None:
            parts = divide(columns, rows, self._shown)
            self._layout.reveal(room, room.reveal, parts.middle, max(rows - 3, 1), style)
            room.reveal = None
        self.drawn = frame = draw(model, self._layout, style, self._shown, columns, rows, now)
        if self.selection is not None:
            mark_selection(frame, self.selection)
        self._after_drawing(frame)
        title = titled(window_title(model.rooms.values(), model.place.room, model.label(model.room)))
        output = self._display.draw(frame, self._palette)
        if title != self._title:
            self._title = title
            output.control(title)
        output, self._to_write = output + self._to_write, Output()
        counts_down = model.notice and now < model.notice_until < math.inf
        counts_down = counts_down or bool(model.transfers.listed(now))
        if counts_down or model.connection.state != "connected" or any(until > now for until in room.typing.values()):
            self._counting.set()
        return output


def _way_to_notify(config: ClientConfig) -> str:
    return notify_by(config.notify_by, os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", ""))
