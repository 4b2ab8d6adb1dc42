"""Line mode at a terminal: an input line at the bottom that arriving lines never tear.

Theory of operation. A few tasks share one :class:`Prompt`. One reads keys and edits the line; one takes events and puts
their lines into ``_lines``; one carries out the submitted actions in order; one watches the window and stops; and one,
the only one that writes, waits for a change and then paints the new lines and the input together. So a burst of
messages or keys costs one painting, and the screen always shows a consistent state.

The program ends by cancelling the nursery. A painting that has begun is shielded, so that no line is lost. After that
all writing together has a moment: the remaining lines are written, the input is removed, the terminal is given back.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
from collections import deque
from typing import Final

import trio

from trio_chat.client.events import Backlog, Disconnected, Reconnected
from trio_chat.errors import ChatError, ConnectionClosed, NotDone
from trio_chat.output import Output
from trio_chat.protocol.events import Error, Event, Message, RoomEvent
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.account import AskPassword, SetOwnPassword
from trio_chat.ui.actions.actions import ListPeople, ListRooms, LookupAction, Quit, Reconnect, SendingAction
from trio_chat.ui.actions.files import FileAction
from trio_chat.ui.actions.messages import ShowNumbers
from trio_chat.ui.actions.moving import room_after
from trio_chat.ui.commands.account import keeps_secret
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.completion import Completion, complete
from trio_chat.ui.commands.path_completion import TypedPath, path_at
from trio_chat.ui.commands.typed_line import TypedLine
from trio_chat.ui.file_jobs.folders import Folders
from trio_chat.ui.file_jobs.jobs import FileJobs
from trio_chat.ui.input.decoder import ESCAPE_DELAY, Decoder, Key
from trio_chat.ui.input.editor import Editor, InterfaceCommand, Outcome, Submitted
from trio_chat.ui.input.new_password import NewPassword, PasswordChosen, PasswordUnchanged
from trio_chat.ui.model.file_questions import FileQuestion
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.interface_actions import ClearScreen, InterfaceAction
from trio_chat.ui.model.notes import Context, Hits, Note
from trio_chat.ui.model.sentences import NO_SHELL
from trio_chat.ui.model.shown_files import ShownFile, file_row
from trio_chat.ui.model.transfers import Transfer
from trio_chat.ui.notify_command import NotifyCommand
from trio_chat.ui.plain.asking import AskedQuestion
from trio_chat.ui.plain.graphics_question import GraphicsQuestion
from trio_chat.ui.plain.line_mode import LineMode, why_ended
from trio_chat.ui.plain.progress_lines import ProgressLines
from trio_chat.ui.preview.drawing import draw_image
from trio_chat.ui.preview.graphics import colour_depth
from trio_chat.ui.terminal.escapes import BELL
from trio_chat.ui.terminal.painting import Drawing, Painter, fold, is_own, lay_out
from trio_chat.ui.terminal.signals import BY_SIGNAL, INTERRUPTED
from trio_chat.ui.terminal.terminal import Terminal

_LINES: Final = 1000
"""Lines that wait to be painted; further events wait in the connection, which bounds them."""
_SUBMITTED: Final = 100
"""Lines kept while there is no connection; more than anybody types meanwhile."""
_LAST_WORDS: Final = 2.0
"""Seconds for sending and painting what is left when the person leaves."""
_TYPING: Final = 3.0
"""Seconds between two typing notices, each of which holds for six."""
_FROM_PEOPLE: Final = (RoomEvent, Backlog, Hits, Context)
"""Events that show what people said or did; all other events are sentences of this program, and are folded."""


async def chat_at_terminal(mode: LineMode, terminal: Terminal) -> int:
    """Run line mode until the person leaves or the server ends the connection. The terminal is given back in any case.

    Returns the exit status: 0 when the person left, 130 after Ctrl-C, 1 when the server ended the connection.
    """
    with terminal:
        return await Prompt(mode, terminal).run()


class Prompt:
    """The input line, the lines to be painted and the submitted actions."""

    def __init__(self, mode: LineMode, terminal: Terminal) -> None:
        self._mode = mode
        self._terminal = terminal
        self._editor = Editor(keeps=lambda line: not keeps_secret(line))
        self._secret: NewPassword | None = None  # while a new password is typed instead of a line
        self._asking: AskedQuestion | None = None  # while a question about a file is asked instead
        self._files = FileJobs(
            mode.transfers, mode.place, lambda: mode.chat, self._tell_progress, self._ask, draw=self._draw_picture
        )
        self._graphics = GraphicsQuestion(self._write)
        self._pictures: list[Output] = []  # rows that are not painted yet
        self._folders = Folders()
        self._progress = ProgressLines()
        self._unsent: tuple[str, ...] = ()  # when the person leaves
        self._nursery: trio.Nursery | None = None
        self._painter = Painter()
        self._notify_command = NotifyCommand(mode.options.notify_command, self._tell_fault)
        self._lines: deque[str] = deque()
        self._rings = False
        self._connected = True
        self._listed: tuple[str, ...] = ()
        self._changed = trio.Event()
        self._typed = trio.Event()
        self._paintings = trio.lowlevel.ParkingLot()  # tasks that wait for the next painting
        self._resized = False
        self._clears = False
        self._send, self._submitted = trio.open_memory_channel[tuple[Meaning | TypedLine, bool]](_SUBMITTED)
        self._moving = 0  # submitted actions that enter or leave a room
        self._moved_while_typing = False  # removed from the room for which the line is being typed
        self._undone: deque[str] = deque()  # the typed lines of the submitted actions that are not done
        self._status = 0
        self._scope = trio.CancelScope()
        self._give_up_at = math.inf
        self._write_scope = trio.CancelScope()

    def __repr__(self) -> str:
        return f"<Prompt with {self._editor.text!r}, {len(self._lines)} lines to paint, {len(self._undone)} to do>"

    async def run(self) -> int:
        """Run until a task ends the program; returns the exit status."""
        columns, _ = self._terminal.size()
        for line in self._mode.opening:
            self._lines.extend(fold(line, columns) if is_own(line) else [line])
        self._change()
        try:
            async with trio.open_nursery() as nursery:
                self._scope, self._nursery = nursery.cancel_scope, nursery
                tasks = [self._paint_changes, self._watch_window, self._ask_people, self._do_submitted, self._listen]
                tasks += [self._mode.keep_reporting_read, self._tell_typing, self._resume_files]
                for task in (*tasks, self._notify_command.run):
                    nursery.start_soon(task)
                try:
                    await self._read_keys()
                finally:
                    self._give_up_at = self._write_scope.deadline = trio.current_time() + _LAST_WORDS
        finally:
            self._tell_undone()
            await self._write(self._take_lines())
            await self._mode.report_last_read()
        return self._status

    def _end(self, status: int) -> None:
        if not self._scope.cancel_called:  # the first end counts
            self._status = status
        self._scope.cancel()

    # ---- keys ----------------------------------------------------------------------------------

    async def _read_keys(self) -> None:
        decoder = Decoder()
        while True:
            data = b""
            with trio.move_on_after(ESCAPE_DELAY if decoder.waiting or self._graphics.waiting else math.inf) as timeout:
                data = await self._terminal.read()
            if timeout.cancelled_caught:
                keys = [*decoder.feed(self._graphics.flush()), *decoder.flush()]
            elif data:
                keys = decoder.feed(self._graphics.split(data))
            else:  # the terminal is gone
                self._end(BY_SIGNAL + signal.SIGHUP)
                return
            for key in keys:
                await self._press(key)
            self._typed.set()
            self._change()

    async def _press(self, key: Key) -> None:
        if self._asking is not None:
            self._asking.press(key)
            return
        if self._secret is not None:
            self._press_unseen(self._secret, key)
            return
        outcome: Outcome = self._editor.press(key)
        if outcome != InterfaceCommand("complete"):
            self._listed = ()
        match outcome:
            case Submitted(text):
                await self._submit(text)
            case InterfaceCommand("leave"):
                await self._leave()
            case InterfaceCommand("interrupt"):
                self._end(INTERRUPTED)
            case InterfaceCommand("suspend"):
                await self._stop()
            case InterfaceCommand("redraw"):
                self._clears = True
            case InterfaceCommand("complete"):
                self._complete()
            case InterfaceCommand("bell"):
                self._rings = True

    async def _submit(self, text: str) -> None:
        if not (self._moving or self._moved_while_typing):
            self._mode.see_where()
        self._moved_while_typing = False
        line = self._mode.parse(text)
        meaning = self._mode.meaning(line)
        if meaning is None:
            return
        if isinstance(meaning, Quit):
            await self._leave()
        elif isinstance(meaning, AskPassword):
            self._secret = NewPassword()
        elif isinstance(meaning, FileAction) and self._nursery is not None:
            self._nursery.start_soon(self._do_file, meaning)
        elif self._moving:  # a line typed after a /join is meant for that room, so its meaning is decided in its turn
            self._hand_over(line, meaning)
        elif isinstance(meaning, Note | Error):
            self._show(meaning)
        elif isinstance(meaning, ClearScreen):
            self._clears = True
        elif isinstance(meaning, ShowNumbers | Ignore | InterfaceAction | Reconnect):  # done here, without an answer
            for event in await self._mode.do(meaning):
                self._show(event)
        else:
            self._hand_over(line, meaning)

    def _press_unseen(self, secret: NewPassword, key: Key) -> None:
        match secret.press(key):
            case PasswordChosen(password):
                self._secret = None
                self._hand_over(self._mode.parse("/password"), SetOwnPassword(password))
            case PasswordUnchanged(why):
                self._secret = None
                self._show(Note(lines=(why,)))

    def _hand_over(self, line: TypedLine, meaning: Meaning) -> None:
        """Queue an action; ``line`` is the typed line."""
        place = self._mode.place
        if not self._connected and isinstance(meaning, LookupAction):
            why = "The server cannot be asked: there is no connection."
            self._show(Error(code="offline", message=why, advice="Try again when the connection is back."))
            return
        goal = room_after(meaning, place)
        moves = goal is not None
        try:
            self._send.send_nowait(
                (line if self._moving and not isinstance(meaning, SetOwnPassword) else meaning, moves)
            )
        except trio.WouldBlock:
            why = f"{_SUBMITTED} lines are waiting for the connection."
            self._show(Error(code="waiting", message=why, advice="This line was not kept."))
            return
        self._undone.append(line.text)
        self._moving += moves
        place.bound_for = goal or place.bound_for
        if not self._connected:
            what = "sent" if isinstance(meaning, SendingAction) else "done"
            self._show(Note(lines=(f"It will be {what} when the connection is back.",)))

    # ---- files ---------------------------------------------------------------------------------

    async def _do_file(self, action: FileAction) -> None:
        for event in await self._files.do(action):
            self._show(event)

    async def _draw_picture(self, shown: ShownFile, data: bytes) -> list[Event]:
        options, graphics = self._mode.options, await self._graphics.ask()
        if graphics.form == "blocks" and not options.symbols:
            raise NotDone("no_pictures", "The encoding of this terminal has no characters for pictures.", "")
        depth = colour_depth(os.environ, colour=options.colour)
        rows = await draw_image(data, clean_line(shown.file.name), self._terminal.size(), graphics, depth)
        self._show(Note(lines=(file_row(shown.file),)))
        self._pictures += rows
        self._change()
        return []

    async def _resume_files(self) -> None:
        await self._files.resume(self._show)

    def _tell_progress(self, transfer: Transfer) -> None:
        if line := self._progress.line(transfer, trio.current_time()):
            self._show(Note(lines=(line,)))

    async def _ask(self, question: FileQuestion) -> str:
        """Ask about a file in place of the input, when no other question is asked."""
        while self._asking is not None or self._secret is not None:
            await self._paintings.park()
        self._asking = asked = AskedQuestion(question)
        self._show(Note(lines=(*question.lines, question.answers)))
        try:
            return await asked.wait()
        finally:
            self._asking = None
            self._change()

    async def _leave(self) -> None:
        """Wait for the submitted actions, at most for a moment, then leave."""
        self._change()
        with trio.move_on_after(_LAST_WORDS):
            while self._undone:
                await self._paintings.park()
        self._unsent = self._files.unsent
        self._end(int(bool(self._undone)))

    def _tell_undone(self) -> None:
        """Tell the person which lines the others may never see, and which files later."""
        for name in self._unsent:
            self._show(Note(lines=(f"{name} is not sent yet; it goes on at the next start.",)))
        if not self._undone:
            return
        lines = "One line was" if len(self._undone) == 1 else f"{len(self._undone)} lines were"
        self._show(Error(code="not_acknowledged", message=f"{lines} not acknowledged:"))
        rows = (("  " + text).replace("\n", "\n    ") for text in self._undone)
        self._show(Note(lines=tuple("\n".join(rows).split("\n"))))

    def _complete(self) -> None:
        buffer = self._editor.buffer
        typed = None if self._mode.place.preferences.guest else path_at(buffer.text, buffer.cursor)
        if typed is None or self._nursery is None:
            self._use_completion(complete(buffer.text, buffer.cursor, self._mode.place))
        else:
            self._nursery.start_soon(self._complete_path, typed)

    async def _complete_path(self, typed: TypedPath) -> None:
        before = self._editor.buffer
        found = await self._folders.complete(typed)
        if self._editor.buffer == before:
            names = found is not None and found.candidates
            self._use_completion(found if names and found else complete(before.text, before.cursor, self._mode.place))
            self._change()

    def _use_completion(self, found: Completion) -> None:
        if not found.candidates:
            self._rings = True
        elif len(found.candidates) == 1:
            self._editor.replace(found.start, found.end, found.candidates[0] + found.after)
        elif len(found.agreed) > found.end - found.start:
            self._editor.replace(found.start, found.end, found.agreed)
        elif self._listed != found.candidates:
            self._listed = found.candidates
            self._show(Note(lines=("  ".join(found.shown or found.candidates),)))

    # ---- events and actions --------------------------------------------------------------------

    async def _listen(self) -> None:
        async for event in self._mode.chat:
            if isinstance(event, Disconnected | Reconnected):
                self._connected = isinstance(event, Reconnected)
            self._show(event)
            while len(self._lines) > _LINES:
                await self._paintings.park()
        for why in why_ended(self._mode.chat):
            self._show(why)
        self._end(1)

    async def _ask_people(self) -> None:
        """Ask for the people who are here and the rooms that there are, for completion."""
        with contextlib.suppress(ChatError):
            for question in (ListPeople(room=self._mode.place.lobby), ListRooms()):
                for answer in await self._mode.do(question):
                    self._mode.place.take(answer)

    async def _do_submitted(self) -> None:
        async for item, moves in self._submitted:
            meaning = self._mode.meaning(item) if isinstance(item, TypedLine) else item
            try:
                told = [] if meaning is None else await self._mode.do(meaning)
            except ConnectionClosed:
                return  # the listening task tells the reason, and ends the program
            self._undone.popleft()
            self._moving -= moves
            if not self._moving:
                self._mode.place.bound_for = ""
            for event in told:
                self._show(event)
            self._change()

    async def _tell_typing(self) -> None:
        """Send typing notices to the room of the line. They also show the server that the person is present."""
        while True:
            await self._typed.wait()
            self._typed = trio.Event()
            room = self._mode.parse(self._editor.text).typing_room(self._mode.place)
            if room is None or not self._mode.place.preferences.config.typing:
                continue
            with contextlib.suppress(ChatError):  # a failed notice does not matter to the person
                await self._mode.chat.typing(room)
            await trio.sleep(_TYPING)

    def _show(self, event: Event) -> None:
        moved = self._mode.moved
        lines = self._mode.tell(event)
        self._moved_while_typing |= self._mode.moved and not moved and bool(self._editor.text)
        if not isinstance(event, _FROM_PEOPLE):
            columns, _ = self._terminal.size()
            lines = [row for line in lines for row in fold(line, columns)]
        self._lines.extend(lines)
        if self._mode.notices.rings(event, self._mode.teller):
            self._rings = True
            if isinstance(event, Message):
                self._notify_command.call(event)
        self._change()

    def _tell_fault(self, sentence: str) -> None:
        self._show(Error(code="notify_command", message=sentence))

    # ---- painting ------------------------------------------------------------------------------

    def _change(self) -> None:
        self._changed.set()

    async def _paint_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await self._write(self._paint())
            self._paintings.unpark_all()

    async def _write(self, output: Output) -> None:
        """Write an output that was taken for writing. It is not cancelled, but after the end it has only a moment."""
        with trio.CancelScope(shield=True, deadline=self._give_up_at) as self._write_scope:
            await self._terminal.write(output)

    def _paint(self) -> Output:
        """The output that changes the terminal to the present state."""
        columns, rows = self._terminal.size()
        drawing = self._draw(columns, rows)
        output = Output()
        if self._clears:
            output = self._painter.clear()
        elif self._resized:
            output = self._painter.repaint(drawing, columns, rows)
        self._resized = self._clears = False
        lines = list(self._lines)
        self._lines.clear()
        output += self._painter.paint(lines, drawing, self._pictures)
        self._pictures = []
        if self._rings:
            output.control(BELL)
        self._rings = False
        return output

    def _draw(self, columns: int, rows: int) -> Drawing:
        buffer, search, place = self._editor.buffer, self._editor.search, self._mode.place
        if self._asking is not None:
            return lay_out(self._asking.prompt, "", 0, columns * 2, rows)  # nothing is typed that needs the other half
        if self._secret is not None:
            return lay_out(self._secret.prompt, "", 0, columns * 2, rows)
        if search is not None:
            prompt = f"{'search' if search.found else 'not found'} '{search.text}': "
        else:
            where = clean_line(self._mode.destination(self._mode.parse(buffer.text)))
            arrow = "→ " if self._mode.options.symbols else "-> "
            prompt = (
                f"{'' if where == clean_line(place.room) else arrow}{where}{'' if self._connected else ' (offline)'}> "
            )
        return lay_out(prompt, buffer.text, buffer.cursor, columns, rows)

    def _take_lines(self) -> Output:
        """The lines that are still to be painted, without the input."""
        lines = list(self._lines)
        self._lines.clear()
        return self._painter.finish(lines)

    # ---- the window, and stopping --------------------------------------------------------------

    async def _watch_window(self) -> None:
        with trio.open_signal_receiver(signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP) as arrivals:
            async for number in arrivals:
                if number == signal.SIGTSTP:
                    await self._stop()
                elif number == signal.SIGCONT:
                    self._terminal.take_if_in_front()
                self._resized = True
                self._change()

    async def _stop(self) -> None:
        """Give the terminal back and stop, as Ctrl-Z does; continue when the shell resumes the program."""
        if self._mode.place.preferences.guest:
            self._show(Note(lines=(NO_SHELL,)))
            return
        await self._write(self._take_lines())
        self._terminal.stop()
        self._change()
