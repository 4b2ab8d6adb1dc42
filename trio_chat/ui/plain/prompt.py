"""Line mode at a terminal: an input line at the bottom that arriving lines never tear.

Theory of operation. A few tasks share one :class:`Prompt`. One reads keys and edits the line; one takes
events and puts their lines into ``_lines``; one carries out what was submitted, in order; one watches the
window and stops; and one, the only one that writes, waits until something changed and then paints the
new lines and the input in one go. So a burst of messages, or of keys, costs one painting, and what is shown
is always a state that was.

The end, whatever it is, comes by cancelling the nursery. A painting that has begun is shielded from that, so
no line is lost in between; from then on all writing has only a moment. In it what is left is written, the
input is taken away, and the terminal is given back.
"""

from __future__ import annotations

import contextlib
import math
import signal
from collections import deque
from typing import Final

import trio

from trio_chat.client.events import Backlog, Disconnected, Reconnected
from trio_chat.errors import ChatError, ConnectionClosed
from trio_chat.protocol.events import Error, Event, RoomEvent
from trio_chat.ui.actions.actions import Action, JoinRoom, LeaveRoom, ListPeople, LookupAction, Quit, SendingAction
from trio_chat.ui.actions.messages import ShowNumbers
from trio_chat.ui.actions.moderation import AskPassword, SetOwnPassword
from trio_chat.ui.commands.completion import complete
from trio_chat.ui.commands.rooms import keeps_secret
from trio_chat.ui.commands.typed_line import TypedLine
from trio_chat.ui.input.decoder import ESCAPE_DELAY, Decoder, Key
from trio_chat.ui.input.editor import Editor, InterfaceCommand, Outcome, Submitted
from trio_chat.ui.input.new_password import NewPassword, PasswordChosen, PasswordUnchanged
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.notes import Context, Hits, Note
from trio_chat.ui.plain.line_mode import LineMode, why_ended
from trio_chat.ui.terminal.painting import Drawing, Painter, fold, is_own, lay_out
from trio_chat.ui.terminal.signals import BY_SIGNAL, INTERRUPTED
from trio_chat.ui.terminal.terminal import Terminal

_LINES: Final = 1000
"""Lines that wait to be painted; beyond that, events wait with the connection, which bounds them."""
_SUBMITTED: Final = 100
"""Lines typed while the connection is away, kept until it is back; more than anybody types meanwhile."""
_LAST_WORDS: Final = 2.0
"""Seconds for what is still to be sent and painted when one leaves."""
_TYPING: Final = 3.0
"""Seconds between two notices that somebody is typing, of which each holds for six."""
_BELL: Final = "\a"
_OF_PEOPLE: Final = (RoomEvent, Backlog, Hits, Context)
"""What is shown as people said or did it; all else is this program's own sentences."""


async def chat_at_terminal(talk: LineMode, terminal: Terminal) -> int:
    """Talk until the person leaves or the server ends it. The terminal is given back in every case.

    Returns the exit status: 0 when the person left, 130 after Ctrl-C, 1 when the server ended it.
    """
    with terminal:
        return await Prompt(talk, terminal).run()


class Prompt:
    """What is being typed at a terminal, and what is still to be painted and to be done."""

    def __init__(self, talk: LineMode, terminal: Terminal) -> None:
        self._talk = talk
        self._terminal = terminal
        self._editor = Editor(keeps=lambda line: not keeps_secret(line))
        self._secret: NewPassword | None = None  # while a password is typed, in place of a line
        self._painter = Painter()
        self._lines: deque[str] = deque()
        self._rings = False
        self._connected = True
        self._listed: tuple[str, ...] = ()
        self._changed = trio.Event()
        self._typed = trio.Event()
        self._paintings = trio.lowlevel.ParkingLot()  # wait here for the next one
        self._resized = False
        self._clears = False
        self._send, self._submitted = trio.open_memory_channel[tuple[Action | TypedLine, bool]](_SUBMITTED)
        self._moving = 0  # of them, into a room or out of one
        self._moved_while_typing = False  # put out of the room that the line being typed is for
        self._undone: deque[str] = deque()  # what was typed for each of these, and for the one being done
        self._status = 0
        self._scope = trio.CancelScope()
        self._give_up_at = math.inf
        self._write_scope = trio.CancelScope()

    def __repr__(self) -> str:
        return f"<Prompt with {self._editor.text!r}, {len(self._lines)} lines to paint, {len(self._undone)} to do>"

    async def run(self) -> int:
        """Serve the terminal until something ends it; return the exit status."""
        columns, _ = self._terminal.size()
        for line in self._talk.opening:
            self._lines.extend(fold(line, columns) if is_own(line) else [line])
        self._change()
        try:
            async with trio.open_nursery() as nursery:
                self._scope = nursery.cancel_scope
                tasks = (self._paint_changes, self._watch_window, self._meet_people, self._do_submitted, self._listen)
                for task in (*tasks, self._talk.keep_reporting_read, self._tell_typing):
                    nursery.start_soon(task)
                try:
                    await self._read_keys()
                finally:
                    self._give_up_at = self._write_scope.deadline = trio.current_time() + _LAST_WORDS
        finally:
            self._say_what_is_undone()
            await self._write(self._take_lines())
            await self._talk.report_last_read()
        return self._status

    def _end(self, status: int) -> None:
        self._status = status
        self._scope.cancel()

    # ---- keys ----------------------------------------------------------------------------------

    async def _read_keys(self) -> None:
        decoder = Decoder()
        while True:
            data = b""
            with trio.move_on_after(ESCAPE_DELAY if decoder.waiting else math.inf) as timeout:
                data = await self._terminal.read()
            if timeout.cancelled_caught:
                keys = decoder.flush()
            elif data:
                keys = decoder.feed(data)
            else:  # the terminal is gone
                self._end(BY_SIGNAL + signal.SIGHUP)
                return
            for key in keys:
                await self._press(key)
            self._typed.set()
            self._change()

    async def _press(self, key: Key) -> None:
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
            self._talk.see_where()
        self._moved_while_typing = False
        line = self._talk.parse(text)
        meaning = self._talk.meaning(line)
        if meaning is None:
            return
        if isinstance(meaning, Quit):
            await self._leave()
        elif isinstance(meaning, AskPassword):
            self._secret = NewPassword()
        elif isinstance(meaning, Note | Error):
            self._show(meaning)
        elif isinstance(meaning, ShowNumbers | Ignore):  # nothing that the server has to do with
            for event in await self._talk.do(meaning):
                self._show(event)
        else:
            self._hand_over(line, meaning)

    def _press_unseen(self, secret: NewPassword, key: Key) -> None:
        match secret.press(key):
            case PasswordChosen(password):
                self._secret = None
                self._hand_over(self._talk.parse("/password"), SetOwnPassword(password))
            case PasswordUnchanged(why):
                self._secret = None
                self._show(Note(lines=(why,)))

    def _hand_over(self, line: TypedLine, meaning: Action) -> None:
        """Have it done, after what was submitted before; ``line`` is what was typed for it."""
        if not self._connected and isinstance(meaning, LookupAction):
            why = "There is no connection, so that cannot be known now."
            self._show(Error(code="offline", message=why, advice="Ask again when it is back."))
            return
        # what is typed behind a /join is for the room that it leads to: what it means is settled when it is done
        moves = isinstance(meaning, JoinRoom | LeaveRoom)
        try:
            self._send.send_nowait(
                (line if self._moving and not isinstance(meaning, SetOwnPassword) else meaning, moves)
            )
        except trio.WouldBlock:
            why = f"{_SUBMITTED} lines are waiting for the connection."
            self._show(Error(code="waiting", message=why, advice="That one was not kept."))
            return
        self._undone.append(line.text)
        self._moving += moves
        if not self._connected:
            what = "sent" if isinstance(meaning, SendingAction) else "done"
            self._show(Note(lines=(f"It will be {what} when the connection is back.",)))

    async def _leave(self) -> None:
        """Leave once what was submitted is done, or after a moment without it."""
        self._change()
        with trio.move_on_after(_LAST_WORDS):
            while self._undone:
                await self._paintings.park()
        self._end(int(bool(self._undone)))

    def _say_what_is_undone(self) -> None:
        """Whoever leaves has to know what the others may never see."""
        if not self._undone:
            return
        lines = "One line was" if len(self._undone) == 1 else f"{len(self._undone)} lines were"
        self._show(Error(code="not_acknowledged", message=f"{lines} not acknowledged:"))
        rows = (("  " + text).replace("\n", "\n    ") for text in self._undone)
        self._show(Note(lines=tuple("\n".join(rows).split("\n"))))

    def _complete(self) -> None:
        buffer = self._editor.buffer
        found = complete(buffer.text, buffer.cursor, self._talk.place)
        if not found.candidates:
            self._rings = True
        elif len(found.candidates) == 1:
            self._editor.replace(found.start, found.end, found.candidates[0] + found.after)
        elif len(found.agreed) > found.end - found.start:
            self._editor.replace(found.start, found.end, found.agreed)
        elif self._listed != found.candidates:
            self._listed = found.candidates
            self._show(Note(lines=("  ".join(found.candidates),)))

    # ---- events and actions --------------------------------------------------------------------

    async def _listen(self) -> None:
        async for event in self._talk.chat:
            if isinstance(event, Disconnected | Reconnected):
                self._connected = isinstance(event, Reconnected)
            self._show(event)
            while len(self._lines) > _LINES:
                await self._paintings.park()
        for why in why_ended(self._talk.chat):
            self._show(why)
        self._end(1)

    async def _meet_people(self) -> None:
        """Learn who is here already, for completion; without an answer it goes on without."""
        with contextlib.suppress(ChatError):
            await self._talk.do(ListPeople(room=self._talk.place.lobby))

    async def _do_submitted(self) -> None:
        async for item, moves in self._submitted:
            meaning = self._talk.meaning(item) if isinstance(item, TypedLine) else item
            try:
                told = [] if meaning is None else await self._talk.do(meaning)
            except ConnectionClosed:
                return  # the listening task says why, and ends it
            self._undone.popleft()
            self._moving -= moves
            for event in told:
                self._show(event)
            self._change()

    async def _tell_typing(self) -> None:
        """Tell those a line is for that it is being typed; it also tells the server that somebody is here."""
        while True:
            await self._typed.wait()
            self._typed = trio.Event()
            room = self._talk.parse(self._editor.text).typing_room(self._talk.place)
            if room is None:
                continue
            with contextlib.suppress(ChatError):  # nothing that a person has to know of
                await self._talk.chat.typing(room)
            await trio.sleep(_TYPING)

    def _show(self, event: Event) -> None:
        moved = self._talk.moved
        lines = self._talk.tell(event)
        self._moved_while_typing |= self._talk.moved and not moved and bool(self._editor.text)
        if not isinstance(event, _OF_PEOPLE):
            columns, _ = self._terminal.size()
            lines = [row for line in lines for row in fold(line, columns)]
        self._lines.extend(lines)
        self._rings = self._rings or self._talk.teller.rings(event)
        self._change()

    # ---- painting ------------------------------------------------------------------------------

    def _change(self) -> None:
        self._changed.set()

    async def _paint_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await self._write(self._paint())
            self._paintings.unpark_all()

    async def _write(self, text: str) -> None:
        """Write what was taken for writing: not cancelled, but after the end given up in a moment."""
        with trio.CancelScope(shield=True, deadline=self._give_up_at) as self._write_scope:
            await self._terminal.write(text.encode("utf-8", "replace"))

    def _paint(self) -> str:
        """What brings the terminal from what it shows to how things are now."""
        columns, rows = self._terminal.size()
        drawing = self._draw(columns, rows)
        text = ""
        if self._clears:
            text = self._painter.clear()
        elif self._resized:
            text = self._painter.repaint(drawing, columns, rows)
        self._resized = self._clears = False
        lines = list(self._lines)
        self._lines.clear()
        bell, self._rings = (_BELL if self._rings else ""), False
        return text + self._painter.paint(lines, drawing) + bell

    def _draw(self, columns: int, rows: int) -> Drawing:
        buffer, search, place = self._editor.buffer, self._editor.search, self._talk.place
        if self._secret is not None:
            return lay_out(self._secret.prompt, "", 0, columns * 2, rows)
        if search is not None:
            prompt = f"{'search' if search.found else 'not found'} '{search.wanted}': "
        else:
            where = self._talk.destination(self._talk.parse(buffer.text))
            arrow = "→ " if self._talk.look.symbols else "-> "
            prompt = f"{'' if where == place.room else arrow}{where}{'' if self._connected else ' (offline)'}> "
        return lay_out(prompt, buffer.text, buffer.cursor, columns, rows)

    def _take_lines(self) -> str:
        """What is still to be painted, and no input below it."""
        lines = list(self._lines)
        self._lines.clear()
        return self._painter.finish() + "".join(line + "\r\n" for line in lines)

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
        """Give the terminal back and stop, as Ctrl-Z does; go on where it was."""
        await self._write(self._take_lines())
        self._terminal.stop()
        self._change()
