"""The queue of submitted actions. One task carries them out in order, so that two lines never overtake each other."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

from trio_chat.errors import ChatError, ConnectionClosed, Refused
from trio_chat.protocol import events
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.actions import Action, JoinRoom, SendRoom, SendTo, carry_out
from trio_chat.ui.model.lines import Teller
from trio_chat.ui.model.notes import Context, Hits
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.session.background import BackgroundRequests

_MOST_WAITING: Final = 100
"""Lines submitted and not acknowledged; more than anybody types while a connection is away."""

_TABLES: Final = (events.People, events.RoomList, events.DeviceList, events.BanList, Context, Hits)
"""Answers that are shown as line mode shows them."""

QueuedAction: TypeAlias = Callable[[], Awaitable[object]]


class ActionQueue:
    """Carries out the person's actions. ``show`` has the screen drawn after each.

    ``waiting`` counts the actions that are not done, ``entering`` those among them that enter a room.
    """

    def __init__(self, model: ChatModel, requests: BackgroundRequests, show: Callable[[], None]) -> None:
        self.waiting = 0
        self.entering = 0
        self._model = model
        self._requests = requests
        self._not_entered = ""  # the room that the last /join could not enter
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
        if not isinstance(action, JoinRoom):
            self._queue(lambda: self._act(action, give_back))
        elif self._queue(lambda: self._enter(action, give_back)):
            self.entering += 1

    async def _enter(self, action: JoinRoom, give_back: Callable[[], None]) -> None:
        self._not_entered = action.room
        try:
            if await self._act(action, give_back):
                self._not_entered = ""
        finally:
            self.entering -= 1

    def after_entering(self, text: str, submit: Callable[[], None]) -> None:
        """Submit a line typed after a /join, once the room is entered. It is not sent to the room before."""

        async def job() -> None:
            await trio.lowlevel.checkpoint()
            if self._not_entered:
                here = self._model.place.room
                self._tell_error(f'Not sent: "{text}". You are not in {self._not_entered}; you are in {here}.')
            else:
                submit()

        self._queue(job)

    async def _act(self, action: Action, give_back: Callable[[], None]) -> bool:
        """Carry out one action and show the result; tell whether it was done."""
        place, here = self._model.place, self._model.place.room
        done = True
        for event in await carry_out(action, self._requests.connected(), place):
            if isinstance(event, events.Room):
                place.room = here  # `look` below changes the room, and remembers this one
            self._requests.take(event)
            if isinstance(event, events.Room):
                self._requests.apply(self._model.look(event.room.name))
            elif isinstance(event, _TABLES):
                self._model.tell("\n".join(Teller(place).tell(event)), time.time())
            elif isinstance(event, events.Error):
                done = False
                if isinstance(action, SendTo):
                    give_back()
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
