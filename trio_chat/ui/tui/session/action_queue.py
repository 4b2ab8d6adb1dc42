"""The queue of submitted actions. One task carries them out in order, so that two lines never overtake each other."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

from trio_chat.errors import ChatError, ConnectionClosed, Refused
from trio_chat.protocol import events
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.actions import Action, OpenConversation, SendRoom, SendTo, carry_out
from trio_chat.ui.actions.moving import room_after
from trio_chat.ui.commands.typed_line import TypedLine
from trio_chat.ui.model.lines import Teller
from trio_chat.ui.model.notes import Context, Hits
from trio_chat.ui.model.sentences import made_room
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.typed_ahead import doubt_typed, give_typed, take_typed
from trio_chat.ui.tui.session.background import BackgroundRequests

_MOST_WAITING: Final = 100
"""Lines submitted and not acknowledged; more than anybody types while a connection is away."""

_TABLES: Final = (events.People, events.RoomList, events.DeviceList, events.BanList, Context, Hits)
"""Answers that are shown as line mode shows them."""

QueuedAction: TypeAlias = Callable[[], Awaitable[object]]


class ActionQueue:
    """Carries out the person's actions. ``show`` has the screen drawn after each.

    ``waiting`` counts the actions that are not done.
    """

    def __init__(self, model: ChatModel, requests: BackgroundRequests, show: Callable[[], None]) -> None:
        self.waiting = 0
        self._moving = 0  # of those, the actions that change the room
        self._held = 0  # and the lines whose meaning is decided in the new room
        self._typed_in = ""  # the room whose input has the text that is typed for the new one
        self._model = model
        self._requests = requests
        self._not_entered = ""  # the room in which the person would be after the last change, which failed
        self._show = show
        self._jobs_in, self._jobs = trio.open_memory_channel[QueuedAction](_MOST_WAITING)
        self._settled = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<ActionQueue, {self.waiting} waiting>"

    async def run(self) -> None:
        """Carry out the submitted actions, until cancelled."""
        async for job in self._jobs:
            try:
                await job()
            except ChatError as error:
                self._requests.fail(error)
            finally:
                self.waiting -= 1
                self._settled.unpark_all()
            self._show()

    async def settle(self, seconds: float) -> bool:
        """Wait at most this long until the queue is empty; tell whether it is."""
        with trio.move_on_after(seconds):
            while self.waiting:
                await self._settled.park()
        return not self.waiting

    def _queue(self, job: QueuedAction) -> bool:
        """Add a job; False when the queue is full."""
        try:
            self._jobs_in.send_nowait(job)
        except trio.WouldBlock:
            self._tell_error(f"{_MOST_WAITING} lines are waiting for the connection. This line was not kept.")
            return False
        self.waiting += 1
        return True

    def _tell_error(self, text: str) -> None:
        self._model.tell(text, time.time(), error=True)

    # ---- messages to a room --------------------------------------------------------------------

    def say(self, action: SendRoom, reply_to: int | None) -> None:
        """Send a message to a room. It is shown at once, as not acknowledged yet."""
        self._requests.stop_typing()
        local = self._model.send(action.room, action.text, action.kind, time.time(), reply_to)
        if not local:
            return
        self._queue(lambda: self._say(action, local, reply_to))

    async def _say(self, action: SendRoom, local: int, reply_to: int | None) -> None:
        more = {} if reply_to is None else {"reply_to": reply_to}
        chat = self._requests.connected()
        try:
            receipt = await chat.send(action.room, action.text, action=action.kind == "action", **more)
        except ConnectionClosed:
            raise
        except ChatError as error:
            why = f"{error.message} {error.advice}" if isinstance(error, Refused) else str(error)
            self._model.failed(action.room, local, why, time.time())
        else:
            self._model.acknowledged(receipt.room, local, receipt.seq)

    # ---- all other actions ---------------------------------------------------------------------

    def act(self, action: Action, give_back: Callable[[], None] = lambda: None) -> None:
        """Carry out an action. ``give_back`` is called when a private message was refused."""
        place = self._model.place
        goal = room_after(action, place)
        if goal is None:
            self._queue(lambda: self._act(action, give_back))
        elif self._queue(lambda: self._move(action, goal, give_back)):
            if not self.is_moving:  # what is typed from now on is for the new room; a draft that is there is not
                self._typed_in = "" if self._model.room.editor.text else place.room
            self._moving += 1
            place.bound_for = goal

    @property
    def is_moving(self) -> bool:
        """Whether a change of the room is under way, so that lines are typed for the new room."""
        return self._moving + self._held > 0

    async def _move(self, action: Action, goal: str, give_back: Callable[[], None]) -> None:
        """Carry out an action that changes the room. What was typed meanwhile goes to the new room."""
        self._not_entered = goal
        try:
            if await self._act(action, give_back, moves=True):
                self._not_entered = ""
        finally:
            self._moving -= 1
            self._note_arrival()

    def after_moving(self, line: TypedLine, submit: Callable[[], None]) -> None:
        """Submit a line that was typed while the person changes rooms, once they are in the new room. It is not sent to
        the room before."""
        place = self._model.place

        async def job() -> None:
            await trio.lowlevel.checkpoint()
            if self._moving:  # a line before this one changes the room once more
                self._hold(job)
            elif self._not_entered:
                why = f"You are not in {clean_line(self._not_entered)}; you are in {clean_line(place.room)}."
                self._tell_error(f'Not sent: "{line.text}". {why}')
            else:
                submit()
            self._held -= 1
            self._note_arrival()

        if self._hold(job):
            place.bound_for = room_after(line.meaning(place), place) or place.bound_for

    def _hold(self, job: QueuedAction) -> bool:
        kept = self._queue(job)
        self._held += kept
        return kept

    def _note_arrival(self) -> None:
        if not self.is_moving:
            self._model.place.bound_for = ""

    async def _act(self, action: Action, give_back: Callable[[], None], *, moves: bool = False) -> bool:
        """Carry out one action and show the result; tell whether it was done."""
        place, here = self._model.place, self._model.place.room
        done = True
        for event in await carry_out(action, self._requests.connected(), place):
            changes_room = isinstance(event, events.Room | events.Left)
            if changes_room:
                place.room = here  # the model changes the room, and remembers this one
            typed = take_typed(self._model, self._typed_in) if moves and changes_room else ""
            self._requests.take(event)
            if isinstance(event, events.Room):
                self._requests.apply(self._model.look(event.room.name))
                if event.made:
                    self._model.tell(made_room(event.room.name, place.rooms), time.time())
            elif isinstance(event, _TABLES):
                self._model.tell("\n".join(Teller(place).tell(event)), time.time())
            elif isinstance(event, events.Error):
                done = False
                if moves:
                    doubt_typed(self._model, self._typed_in, self._not_entered)
                if isinstance(action, SendTo | OpenConversation):
                    give_back()
            if moves and changes_room:
                give_typed(self._model, typed, time.time())
                self._typed_in = place.room
        if done and isinstance(action, SendTo):
            self._show_sent(action)
        return done

    def _show_sent(self, action: SendTo) -> None:
        """Show a private message where it was typed, if it went to a conversation that is not on the screen."""
        place = self._model.place
        room = place.find_direct("@" + "+".join(action.to))
        if room is not None and room != place.room:
            people = ", ".join(map(clean_line, place.members(room)))
            self._model.tell(f"→ {people} (private): {action.text}", time.time())
