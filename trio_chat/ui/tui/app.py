"""The full screen as a program: its tasks, its terminal, its files, its end.

Theory of operation. One nursery holds the tasks that run as long as the screen is there: reading keys, drawing,
signals, saving drafts, the queue of actions, the background requests. The connection is kept in the nursery's body:
it takes events until it is over for good, and asks again where the server refused a name or a password. The end of
one task ends all; then, shielded and for a moment only, the terminal is given back. An unforeseen exception comes out
of the nursery and becomes a crash report.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Final

import trio

from trio_chat.client.credentials import Credentials
from trio_chat.config import ClientConfig
from trio_chat.errors import ChatError, ConfigError
from trio_chat.output import harmless_stream
from trio_chat.ui.commands.account import keeps_secret
from trio_chat.ui.input.decoder import ESCAPE_DELAY, Decoder
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.login import Login
from trio_chat.ui.model.sentences import NO_SHELL
from trio_chat.ui.notify_command import NotifyCommand
from trio_chat.ui.terminal.background import PATIENCE, BackgroundAnswer
from trio_chat.ui.terminal.escapes import split_mouse
from trio_chat.ui.terminal.signals import BY_SIGNAL, heeded, outlived
from trio_chat.ui.terminal.terminal import Terminal
from trio_chat.ui.tui.controller.controller import Controller
from trio_chat.ui.tui.model.attention import Attention, Notification
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.keys import bind, shown
from trio_chat.ui.tui.model.room import read_policy
from trio_chat.ui.tui.model.unsent import UnsentTexts
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.files import ScreenFiles
from trio_chat.ui.tui.session.live_settings import set_up
from trio_chat.ui.tui.session.login import ScreenConnection
from trio_chat.ui.tui.session.memory import Memory
from trio_chat.ui.tui.session.options import Dial, ScreenOptions
from trio_chat.ui.tui.widgets.frame import Frame
from trio_chat.ui.tui.widgets.painter import BATCH, ScreenPainter

_LAST_WORDS: Final = 2.0
"""Seconds for sending what is queued when the person leaves, and for giving the terminal back."""
_DRAFTS_AFTER: Final = 1.0
"""Seconds after which typed text survives a crash."""


def open_full_screen(dial: Dial, options: ScreenOptions, url: str) -> int:
    """Run the full screen on this process's terminal; returns the exit status.

    Raises the errors of the first connection (:class:`~trio_chat.errors.Unreachable` and the like) and
    :class:`~trio_chat.errors.ConfigError`. An unforeseen error is written to a file, whose path is printed.
    """
    memory = Memory(url)

    async def run() -> int:
        return await FullScreen(dial, options, memory, Terminal()).run()

    try:
        return trio.run(run)
    except (ChatError, ConfigError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - the last boundary: a person gets a sentence and a file
        path = memory.report_crash(error, datetime.now(UTC))
        where = f"A report is in {path}." if path is not None else "No report could be written."
        _print_last(f"trio-chat: something went wrong in this program ({type(error).__name__}). {where}")
        return 1


def _print_last(text: str) -> None:
    """Print a line on standard error, once the terminal is given back. If it cannot be written, nothing else fails."""
    with contextlib.suppress(OSError):
        harmless_stream(sys.stderr).write(f"{text}\n")
        sys.stderr.flush()


class FullScreen:
    """The full screen of one person. Raises :class:`~trio_chat.errors.ConfigError` when two commands share a key, or
    the theme does not exist."""

    def __init__(self, dial: Dial, options: ScreenOptions, memory: Memory, terminal: Terminal) -> None:
        self._memory = memory
        self._saved = memory.load()
        self._terminal = terminal
        self._model = model = self._make_model(options)
        self._painter = ScreenPainter(model, terminal, options, self._before_drawing, self._after_drawing)
        self._notify_command = NotifyCommand(options.config.notify_command, self._tell_error)
        self._requests = BackgroundRequests(model, self._painter.show, self._notify)
        self._queue = ActionQueue(model, self._requests, self._painter.show)
        self._files = ScreenFiles(model, self._requests, self._painter.show, picture_size=self._painter.picture_size)
        config = options.config
        credentials = Credentials(config.name, config.password, kept=config.remember, made_up=False)
        login = Login(credentials, suggestion=options.suggestion or None, remember=config.remember)
        self._connection = ScreenConnection(
            dial,
            login,
            options.room,
            self._requests,
            self._painter.show,
            logs=options.config.log_directory,
            entered=options.entered,
            met=self._take_up_state,
            begun=self._files.resume,
            notices=options.notices,
        )
        bindings = bind(dict(options.config.keys))
        model.place.preferences.watch(self._use)
        self._controller = Controller(model, self._queue, self._requests, self._painter, self, bindings, self._files)
        if not self._saved.typed and (key := next(iter(bindings.keys("help")), "")):  # a newcomer
            model.hint = f"{shown(key)} shows the keys"
        self._drafts_changed, self._leaving = trio.Event(), trio.Event()
        self._ending = heeded()
        self._scope = trio.CancelScope()
        self._status = 0
        self._farewell = ""

    def __repr__(self) -> str:
        return f"<FullScreen {self._model!r}>"

    def _make_model(self, options: ScreenOptions) -> ChatModel:
        saved = self._saved
        model = ChatModel(Attention())
        model.place.preferences = options.preferences
        model.place.show_joins = options.config.show_joins
        set_up(model, options.config)
        self._restore(model)
        model.make_editor = lambda: Editor(history=saved.typed, keeps=lambda line: not keeps_secret(line))
        model.place.room = options.room or saved.room or model.place.room
        return model

    def _use(self, config: ClientConfig) -> None:
        """Use other settings. Raises :class:`~trio_chat.errors.ConfigError` when one of them cannot be used."""
        self._painter.configure(config)
        set_up(self._model, config)

    # ---- the whole run -------------------------------------------------------------------------

    async def run(self) -> int:
        """Run until a task ends the program; returns the exit status. The terminal is given back in any case."""
        painter = self._painter
        try:
            with outlived(self._ending), self._terminal:
                try:
                    await painter.begin()
                    painter.ask_background()
                    async with trio.open_nursery() as nursery:
                        self._scope = nursery.cancel_scope
                        for task in (
                            painter.run,
                            painter.run_clock,
                            self._read_keys,
                            self._watch_signals,
                            self._save_drafts,
                            self._leave_when_asked,
                            self._requests.run,
                            self._notify_command.run,
                            self._queue.run,
                        ):
                            nursery.start_soon(task)
                        painter.show(at_once=True)
                        with trio.move_on_after(BATCH):
                            await painter.painted.wait()  # a screen is visible before connecting takes its time
                        self.end(1, await self._connection.run())
                finally:
                    self._save()
                    with trio.move_on_after(_LAST_WORDS, shield=True):
                        await painter.end()
        except BaseExceptionGroup as group:
            raise _single(group) from None
        if self._farewell:
            _print_last(self._farewell)
        return self._status

    def _notify(self, call: Notification) -> None:
        self._painter.notify(call)
        if call.message is not None:
            self._notify_command.call(call.message)

    def _tell_error(self, text: str) -> None:
        self._model.tell(text, time.time(), error=True)
        self._painter.show()

    def end(self, status: int, farewell: str = "") -> None:
        """End with this exit status; the farewell is printed once the terminal is given back. The first end counts."""
        if not self._scope.cancel_called:
            self._status, self._farewell = status, farewell
        self._scope.cancel()

    def leave_soon(self) -> None:
        """Leave as soon as the submitted lines are acknowledged."""
        self._leaving.set()

    async def leave(self) -> None:
        """Wait for the submitted lines to be acknowledged, at most for a moment, then leave."""
        done = await self._queue.settle(_LAST_WORDS)
        count = self._queue.waiting
        lines = "One line was" if count == 1 else f"{count} lines were"
        told = [] if done else [f"{lines} not acknowledged."]
        told += [f"{name} is not sent yet; it goes on at the next start." for name in self._files.jobs.unsent]
        self.end(int(not done), "\n".join(f"trio-chat: {sentence}" for sentence in told))

    async def _leave_when_asked(self) -> None:
        await self._leaving.wait()
        await self.leave()

    def answer_login(self, text: str | None) -> None:
        """Pass on the answer to a login question; ``None`` when the question was closed."""
        self._connection.answer(text)

    # ---- what is remembered --------------------------------------------------------------------

    def remember_line(self, text: str) -> None:
        """Add a submitted line to the history that is kept for the next start."""
        self._saved.typed.append(text)

    def _save(self) -> None:
        saved, rooms, unsent = self._saved, self._model.rooms, self._model.unsent
        drafts = {name: room.draft for name, room in rooms.items() if room.draft.strip()} | unsent.texts
        saved.drafts = {name: text for name, text in drafts.items() if not keeps_secret(text)}
        private = {name for name, room in rooms.items() if room.facts.private} | unsent.private
        saved.private = sorted(private & saved.drafts.keys())
        saved.policies |= {name: room.policy for name, room in rooms.items() if room.policy}
        saved.room = self._model.place.room
        saved.numbers = {name: room.number for name, room in rooms.items() if room.number} or saved.numbers
        self._memory.save(saved)

    def _restore(self, model: ChatModel) -> None:
        saved = self._saved
        model.place.ignored = self._memory.ignored
        model.unsent = UnsentTexts(saved.drafts, saved.private)
        model.policies = {room: policy for room, kept in saved.policies.items() if (policy := read_policy(kept))}
        model.numbers = dict(saved.numbers)

    def _take_up_state(self) -> None:
        """Go on with the state of the server that answers, if it was not known at this address when the screen began:
        it may have been met at another one before."""
        if not self._memory.moved():
            return
        self._save()
        typed, self._saved = self._saved.typed, self._memory.reopen()
        typed[:] = self._saved.typed  # the editors hold this list
        self._saved.typed = typed
        self._restore(self._model)

    async def _save_drafts(self) -> None:
        while True:
            await self._drafts_changed.wait()
            await trio.sleep(_DRAFTS_AFTER)
            self._drafts_changed = trio.Event()
            self._save()

    # ---- keys ----------------------------------------------------------------------------------

    async def _read_keys(self) -> None:
        decoder, held, answer = Decoder(), b"", BackgroundAnswer()
        answered_until = trio.current_time() + PATIENCE
        while True:
            data = b""
            is_unsure = decoder.waiting or held or answer.waiting
            with trio.move_on_after(ESCAPE_DELAY if is_unsure else float("inf")) as timeout:
                data = await self._terminal.read()
            if timeout.cancelled_caught:
                keys = [*decoder.feed(held + answer.flush()), *decoder.flush()]
                held = b""
            elif data:
                if answer.holds or trio.current_time() < answered_until:
                    data, background = answer.split(data)
                    if background is not None:
                        self._painter.fit_background(background)
                rest, mouse_events, held = split_mouse(held + data)
                for event in mouse_events:
                    self._controller.mouse.take(event)
                keys = decoder.feed(rest)
            else:
                self.end(BY_SIGNAL + signal.SIGHUP)
                return
            for key in keys:
                await self._controller.press(key)
            self._drafts_changed.set()
            self._painter.show(at_once=True)

    # ---- around each drawing -------------------------------------------------------------------

    def _before_drawing(self) -> None:
        self._connection.look()

    def _after_drawing(self, frame: Frame) -> None:
        """Fetch the pages of the log that are visible soon, and drop the pictures that are visible no longer."""
        room = self._model.room
        self._files.previews.keep(room, frame.messages)
        if frame.view.wants_older and self._model.wants_older(room):
            self._requests.fetch(room.name, "older")
        elif frame.view.wants_newer:
            self._requests.fetch(room.name, "newer")

    # ---- the window, signals, other programs ---------------------------------------------------

    async def _watch_signals(self) -> None:
        ending = self._ending
        with trio.open_signal_receiver(signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP, *ending) as arrivals:
            async for number in arrivals:
                if number in ending:
                    self.end(BY_SIGNAL + number)
                elif number == signal.SIGTSTP:
                    await self.suspend()
                else:
                    self._painter.resized()

    async def suspend(self) -> None:
        """Give the terminal back and stop, as Ctrl-Z does; continue when the shell resumes the program."""
        if self._model.place.preferences.guest:
            self._tell_error(NO_SHELL)
            return
        await self._painter.end()
        self._terminal.stop()
        await self._resume()

    async def _resume(self) -> None:
        await self._painter.begin()
        self._painter.repaint()

    async def edit_outside(self) -> None:
        """Edit the input in $EDITOR."""
        if self._model.place.preferences.guest:
            self._tell_error("There is no editor over ssh.")
            return
        from trio_chat.ui.terminal import external_editor  # noqa: PLC0415 - rarely needed

        editor = self._model.room.editor
        self._model.attention.focused = False  # nobody sees the chat meanwhile
        await self._painter.end()
        try:
            with self._terminal.lent():
                text, why = await external_editor.edit(editor.text, self._memory.directory)
        finally:
            await self._resume()
            self._model.attention.focused = True
            self._requests.apply(self._model.saw())
        if why:
            self._model.tell(f"{why} The input is unchanged.", time.time(), error=True)
        elif text != editor.text:
            editor.clear()
            editor.put(text)
            if over := self._model.excess(self._model.typed_line):
                self._model.tell(f"The text is {over} characters too long for a message.", time.time(), error=True)


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The exception in a group, where the group holds only one."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found
