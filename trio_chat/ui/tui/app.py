"""The full screen as a program: its tasks, the connection it keeps, the terminal it takes and gives back.

Theory of operation. One nursery holds what runs as long as the screen is there: reading keys, drawing, signals, a
clock that ticks only while something on the screen depends on it, keeping drafts, carrying out what was asked. The
conversation itself runs in its body: connect, take events until the connection is over for good, ask again where the
server refused a name or a password. Whatever ends one ends all; then, shielded and for a moment only, the terminal
is given back. What went wrong comes out of the nursery and becomes a crash report.

Drawing: whoever changes something calls :meth:`FullScreen.show`. A key is drawn at once, arriving messages at most
every :data:`BATCH` seconds, and never before the terminal has taken the frame before.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.client.credentials import Credentials
from trio_chat.ui.commands.rooms import keeps_secret
from trio_chat.ui.input.decoder import ESCAPE_DELAY, Decoder
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.login import Login
from trio_chat.ui.terminal.signals import BY_SIGNAL, heeded, outlived
from trio_chat.ui.terminal.terminal import Terminal
from trio_chat.ui.tui.controller.keys import Hands
from trio_chat.ui.tui.controller.mouse import Mouse
from trio_chat.ui.tui.escapes import notified, notify_by, split_mouse, titled
from trio_chat.ui.tui.keys import bind, shown
from trio_chat.ui.tui.login import ScreenConnection
from trio_chat.ui.tui.memory import Memory
from trio_chat.ui.tui.model.attention import Attention, Notify, whole_words, window_title
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.lost import Lost
from trio_chat.ui.tui.model.room import read_policy
from trio_chat.ui.tui.options import Dial, ScreenOptions, chosen_theme, has_links, theme_name
from trio_chat.ui.tui.tasks import ActionQueue
from trio_chat.ui.tui.themes import THEMES, choose
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle
from trio_chat.ui.tui.widgets.frame import Frame, Shown, divide, draw, mark_selection
from trio_chat.ui.tui.widgets.screen import Display, Palette

if TYPE_CHECKING:
    pass

BATCH: Final = 0.05
"""Seconds between two drawings of what arrives: twenty a second is all that anybody sees."""
_LAST_WORDS: Final = 2.0
"""Seconds for what is still to be sent when one leaves, and for giving the terminal back."""
_DRAFTS_AFTER: Final = 1.0
"""Seconds after which what is typed survives a crash."""


class FullScreen:
    """One person's screen. Raises :class:`~trio_chat.errors.ConfigError` when keys clash or a theme is none."""

    def __init__(self, dial: Dial, wishes: ScreenOptions, memory: Memory, terminal: Terminal) -> None:
        self._wishes = wishes
        self._memory = memory
        self._kept = memory.load()
        self._terminal = terminal
        theme = theme_name(wishes.theme)
        self._theme = chosen_theme(theme)
        attention = Attention(read_policy(wishes.notify) or "mentions", words=whole_words(wishes.highlight))
        self.model = ChatModel(attention, backlog=wishes.backlog)
        self.model.place.ignored = memory.ignored
        self.model.lost = Lost(self._kept.drafts, self._kept.private)
        self.model.policies = {room: one for room, kept in self._kept.policies.items() if (one := read_policy(kept))}
        self.model.make_editor = lambda: Editor(history=self._kept.typed, keeps=lambda line: not keeps_secret(line))
        self.model.place.room = wishes.room or self._kept.room or self.model.place.room
        self.doing = ActionQueue(self.model, self.show, self._call)
        login = Login(Credentials(wishes.name, wishes.password))
        self._connection = ScreenConnection(dial, login, wishes.room, self.doing, self.show)
        bindings = bind(wishes.keys)
        self.hands = Hands(self, bindings)
        if not self._kept.typed and (key := next(iter(bindings.keys("help")), "")):  # a newcomer
            self.model.hint = f"{shown(key)} shows the keys"
        self._mouse = Mouse(self, self.hands)
        self.unknown_recipients = wishes.unknown_recipients
        self.frame: Frame | None = None
        self._conversation = ConversationLayout()
        self._shown = Shown()
        self._display = Display(None if wishes.colour else 1, mouse=wishes.mouse, links=has_links())
        self._palette = self._make_palette(theme)
        self._by = notify_by(wishes.notify_by, os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", ""))
        self._look = ConversationStyle(time_format=wishes.time_format)
        self._out: list[str] = []
        self._title = ""
        self._changed, self._hurry, self._painted = trio.Event(), trio.Event(), trio.Event()
        self._ticks, self._drafts_wanted, self._leaving = trio.Event(), trio.Event(), trio.Event()
        self._away = False
        self._ending = heeded()
        self._scope = trio.CancelScope()
        self._status = 0
        self._farewell = ""

    def __repr__(self) -> str:
        return f"<FullScreen {self.model!r}>"

    @staticmethod
    def now() -> float:
        """The steady clock that the model is given."""
        return trio.current_time()

    # ---- the whole run -------------------------------------------------------------------------

    async def run(self) -> int:
        """Be the screen until something ends it; returns the exit status. The terminal is given back in any case."""
        try:
            with outlived(self._ending), self._terminal:
                try:
                    await self._terminal.write(self._display.begin().encode())
                    async with trio.open_nursery() as nursery:
                        self._scope = nursery.cancel_scope
                        for task in (
                            self._paint_changes,
                            self._read_keys,
                            self._watch_signals,
                            self._tick,
                            self._keep_drafts,
                            self.doing.run,
                        ):
                            nursery.start_soon(task)
                        self.show(at_once=True)
                        with trio.move_on_after(BATCH):
                            await self._painted.wait()  # there is something to see before connecting takes its time
                        self.end(1, await self._connection.run())
                finally:
                    self._remember()
                    await self._give_back()
        except BaseExceptionGroup as group:
            raise _single(group) from None
        if self._farewell:
            sys.stderr.write(self._farewell + "\n")
        return self._status

    def end(self, status: int, farewell: str = "") -> None:
        """End with this exit status; a farewell is said once the terminal is given back."""
        self._status, self._farewell = status, farewell
        self._scope.cancel()

    async def _give_back(self) -> None:
        with trio.move_on_after(_LAST_WORDS, shield=True):
            await self._terminal.write(self._display.end().encode())

    def answer(self, text: str | None) -> None:
        """What the person said to a question about the connection."""
        self._connection.answer(text)

    # ---- what is remembered --------------------------------------------------------------------

    def typed(self, text: str) -> None:
        """Remember a line that was submitted."""
        self._kept.typed.append(text)

    def _remember(self) -> None:
        rooms, lost = self.model.rooms, self.model.lost
        drafts = {name: room.draft for name, room in rooms.items() if room.draft.strip()} | lost.texts
        self._kept.drafts = {name: text for name, text in drafts.items() if not keeps_secret(text)}
        private = {name for name, room in rooms.items() if room.facts.private} | lost.private
        self._kept.private = sorted(private & self._kept.drafts.keys())
        self._kept.policies |= {name: room.policy for name, room in rooms.items() if room.policy}
        self._kept.room = self.model.place.room
        self._memory.save(self._kept)

    async def _keep_drafts(self) -> None:
        while True:
            await self._drafts_wanted.wait()
            await trio.sleep(_DRAFTS_AFTER)
            self._drafts_wanted = trio.Event()
            self._remember()

    # ---- keys ----------------------------------------------------------------------------------

    async def _read_keys(self) -> None:
        decoder, held = Decoder(), b""
        while True:
            data = b""
            with trio.move_on_after(ESCAPE_DELAY if decoder.waiting or held else float("inf")) as timeout:
                data = await self._terminal.read()
            if timeout.cancelled_caught:
                keys = [*decoder.feed(held), *decoder.flush()]
                held = b""
            elif data:
                rest, mice, held = split_mouse(held + data)
                for mouse in mice:
                    self._mouse.take(mouse)
                keys = decoder.feed(rest)
            else:
                self.end(BY_SIGNAL + signal.SIGHUP)
                return
            for key in keys:
                await self.hands.press(key)
            self._drafts_wanted.set()
            self.show(at_once=True)

    def leave_soon(self) -> None:
        """Leave when what was submitted is done; see :meth:`leave`."""
        self._leaving.set()

    async def leave(self) -> None:
        """Leave once what was submitted is done, or after a moment without it."""
        done = await self.doing.settle(_LAST_WORDS)
        count = self.doing.waiting
        lines = "One line was" if count == 1 else f"{count} lines were"
        self.end(int(not done), "" if done else f"trio-chat: {lines} not acknowledged.")

    def scroll(self, rows: int) -> None:
        """Scroll the conversation back by so many rows (negative: on)."""
        columns, height = self._terminal.size()
        self._conversation.scroll(self.model.room, rows, divide(columns, height, self._shown).middle, self._look)
        self.model.room.asked = self.model.room.asked or rows > 0
        if self.model.room.following:
            self.doing.apply(self.model.saw())

    def scroll_pages(self, pages: int) -> None:
        """Scroll back by so many pages, less a row that stays to find one's place by."""
        height = self.frame.height if self.frame is not None else 1
        self.scroll(pages * max(height - 1, 1))

    def toggle(self, which: str) -> None:
        """Show or hide a list beside the conversation; back as it would be by itself, the window decides again."""
        size = self._terminal.size()
        now, by_itself = divide(*size, self._shown), divide(*size, Shown())
        if which == "rooms":
            self._shown.rooms = not now.rooms if bool(now.rooms) == bool(by_itself.rooms) else None
        else:
            self._shown.people = not now.people if bool(now.people) == bool(by_itself.people) else None

    def use_theme(self, name: str) -> None:
        """Change the colours."""
        self._theme = THEMES[name]
        self._palette = self._make_palette(name)
        self._display.clear()

    def _make_palette(self, name: str) -> Palette:
        colours = self._display.colors
        fits = choose(name, colours)
        theme = self._theme if fits == name and name not in THEMES else THEMES.get(fits, self._theme)
        return Palette(theme, colours)

    # ---- drawing -------------------------------------------------------------------------------

    def show(self, *, at_once: bool = False) -> None:
        """Have the screen drawn: at once, or together with what comes within :data:`BATCH`."""
        self._changed.set()
        if at_once:
            self._hurry.set()

    def say(self, text: str) -> None:
        """Say something to the terminal with the next drawing."""
        self._out.append(text)
        self.show(at_once=True)

    def repaint(self) -> None:
        """Draw everything anew."""
        self._display.clear()
        self.show(at_once=True)

    def _call(self, call: Notify) -> None:
        self.say(notified(call.title, call.body, self._by))

    async def _paint_changes(self) -> None:
        while True:
            await self._changed.wait()
            with trio.move_on_after(BATCH):
                await self._hurry.wait()
            self._changed, self._hurry = trio.Event(), trio.Event()
            if self._away:
                continue
            text = self._paint()
            if text:
                await self._terminal.write(text.encode("utf-8", "replace"))
            self._painted.set()
            if self._leaving.is_set():
                await self.leave()

    def _paint(self) -> str:
        model, now = self.model, self.now()
        columns, rows = self._terminal.size()
        self._connection.look()
        place = model.place
        self._look = ConversationStyle(
            model.me, self._wishes.time_format, None, place.numbered, model.attention.words, place.ignored
        )
        room = model.room
        if room.reveal is not None and room.log.find(room.reveal) is not None:
            parts = divide(columns, rows, self._shown)
            self._conversation.reveal(room, room.reveal, parts.middle, max(rows - 3, 1), self._look)
            room.reveal = None
        self.frame = frame = draw(model, self._conversation, self._look, self._shown, columns, rows, now)
        if self._mouse.selection is not None:
            mark_selection(frame, self._mouse.selection)
        if frame.view.wants_older and model.wants_older(model.room):
            self.doing.fetch(model.room.name, "older")
        elif frame.view.wants_newer:
            self.doing.fetch(model.room.name, "newer")
        title = titled(window_title(model.rooms.values(), model.place.room, model.label(model.room)))
        out, self._out = "".join(self._out), []
        if title != self._title:
            self._title, out = title, title + out
        if model.connection.state != "connected" or any(until > now for until in model.room.typing.values()):
            self._ticks.set()
        return self._display.draw(frame, self._palette) + out

    async def _tick(self) -> None:
        """Draw once a second while something on the screen counts seconds; otherwise sleep."""
        while True:
            await self._ticks.wait()
            self._ticks = trio.Event()
            await trio.sleep(1)
            self.show()

    # ---- the window, signals, other programs ---------------------------------------------------

    async def _watch_signals(self) -> None:
        ending = self._ending
        with trio.open_signal_receiver(signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP, *ending) as arrivals:
            async for number in arrivals:
                if number in ending:
                    self.end(BY_SIGNAL + number)
                elif number == signal.SIGTSTP:
                    await self.suspend()
                elif not self._away:
                    self._terminal.take_if_in_front()
                    self.repaint()

    async def suspend(self) -> None:
        """Give the terminal back and stop, as Ctrl-Z does; go on where it was."""
        await self._leave_screen()
        self._terminal.stop()
        await self._take_screen()

    async def _leave_screen(self) -> None:
        self._away = True
        await self._terminal.write(self._display.end().encode())

    async def _take_screen(self) -> None:
        self._away = False
        await self._terminal.write(self._display.begin().encode())
        self.repaint()

    async def edit_outside(self) -> None:
        """Write in $EDITOR what is in the input."""
        from trio_chat.ui.tui import external_editor  # noqa: PLC0415 - rarely needed

        editor = self.model.room.editor
        await self._leave_screen()
        self._terminal.give_back()
        try:
            text, why = await external_editor.edit(editor.text)
        finally:
            self._terminal.take()
            await self._take_screen()
        if why:
            self.model.tell(f"{why} The input is as it was.", time.time(), error=True)
        elif text != editor.text:
            editor.clear()
            editor.insert(text)


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found
