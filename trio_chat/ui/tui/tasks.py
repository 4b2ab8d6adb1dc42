"""What the full screen asks of the connection, and what becomes of the answers.

One task carries out what was submitted, in order, so that two lines never overtake each other; pages, searches and
reports of what was read have tasks of their own, so that reading goes on while a line waits for its acknowledgement.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from trio_chat.errors import ChatError, ConnectionClosed, Refused
from trio_chat.protocol import events
from trio_chat.protocol.query import Query
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.actions import Action, JoinRoom, SendRoom, SendTo, as_error, carry_out
from trio_chat.ui.actions.messages import moment
from trio_chat.ui.model.notes import Context, Hits
from trio_chat.ui.model.sentences import marked_already
from trio_chat.ui.tui.model.attention import Notify
from trio_chat.ui.tui.model.chat import MOST_AT_ONCE, PAGE, AskPeople, ChatModel, Effect, Fetch, Load, SayRead
from trio_chat.ui.tui.model.panes import Choice, ListPane
from trio_chat.ui.tui.model.room import RoomModel

if TYPE_CHECKING:
    from trio_chat.client import Chat

_WAITING: Final = 100
"""Lines submitted and not acknowledged; more than anybody types while a connection is away."""
_READ_AFTER: Final = 0.5  # seconds: what is read in one go is reported once
_TYPING_EVERY: Final = 4.0  # seconds between two reports that one is writing; they hold for six
_FOUND: Final = 50

_TABLES: Final = (events.People, events.RoomList, events.DeviceList, events.BanList, Context, Hits)
"""Answers that are shown as line mode shows them."""

Job: TypeAlias = Callable[[], Awaitable[object]]


class ActionQueue:
    """Carries out what a person asks for. ``show`` has the screen drawn, ``call`` rings."""

    def __init__(self, model: ChatModel, show: Callable[[], None], call: Callable[[Notify], None]) -> None:
        self.model = model
        self.chat: Chat | None = None
        self.waiting = 0
        self.found: ListPane | None = None  # what was searched for last
        self.entering = 0  # rooms that one is about to go to
        self._not_entered = ""
        self._show = show
        self._call = call
        self._jobs_in, self._jobs = trio.open_memory_channel[Job](_WAITING)
        self._nursery: trio.Nursery | None = None
        self._read: dict[str, int] = {}
        self._typed = -math.inf
        self._settled = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<ActionQueue, {self.waiting} waiting>"

    async def run(self) -> None:
        """Carry out what is submitted, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            async for job in self._jobs:
                try:
                    await job()
                except ChatError as error:
                    self._fail(error)
                finally:
                    self.waiting -= 1
                    self._settled.unpark_all()
                self._show()

    async def settle(self, seconds: float) -> bool:
        """Wait until all that was submitted is done, at most so long; tell whether it is."""
        with trio.move_on_after(seconds):
            while self.waiting:
                await self._settled.park()
        return not self.waiting

    def queue(self, job: Job) -> bool:
        """Carry this out after what was submitted before; whether there is room for it."""
        try:
            self._jobs_in.send_nowait(job)
        except trio.WouldBlock:
            self.model.tell(
                f"{_WAITING} lines are waiting for the connection. That one was not kept.", time.time(), error=True
            )
            return False
        self.waiting += 1
        return True

    def _beside(self, job: Job) -> None:
        """Carry this out at once, beside everything else."""
        if self._nursery is not None and self.chat is not None:
            self._nursery.start_soon(self._try, job)

    async def _try(self, job: Job) -> None:
        try:
            await job()
        except ChatError as error:
            self._fail(error)
        self._show()

    def _fail(self, error: ChatError) -> None:
        if not isinstance(error, ConnectionClosed):
            self.apply(self.model.take(as_error(error), trio.current_time(), time.time()))

    def connected(self) -> Chat:
        """The conversation. Raises :class:`~trio_chat.errors.ConnectionClosed` when there is none."""
        if self.chat is None:
            raise ConnectionClosed("There is no connection.")
        return self.chat

    # ---- what the model asks for ---------------------------------------------------------------

    def apply(self, effects: list[Effect]) -> None:
        """Do what the model says has to be done."""
        for effect in effects:
            match effect:
                case Notify():
                    self._call(effect)
                case Fetch():
                    self._beside(partial(self._fetch, effect))
                case SayRead():
                    self._say_read(effect)
                case AskPeople():
                    self._beside(partial(self._ask_people, effect))
                case Load():
                    self._beside(partial(self._load, effect))

    def fetch(self, room: str, which: str) -> None:
        """Get an older or a newer page, unless one is on its way."""
        one = self.model.rooms.get(room)
        if one is not None and not one.fetching and self.chat is not None:
            one.fetching = which
            self.apply([Fetch(room, which)])

    async def _fetch(self, wanted: Fetch) -> None:
        room = self.model.rooms.get(wanted.room)
        if room is None:
            return
        try:
            chat, log = self.connected(), room.log
            if wanted.which == "newer":
                page = await chat.history(room.name, after=log.after, limit=PAGE)
                log.take_newer(page.events, more=page.more)
                log.trim(log.newest)
            else:
                older = wanted.which == "older"
                before = (log.before or None) if older else None
                limit = PAGE if older else min(self.model.backlog or PAGE, MOST_AT_ONCE)
                page = await chat.history(room.name, before=before, limit=limit)
                log.take_older(page.events, more=page.more)
                room.loaded = True
                self.model.recount(room)
                log.trim(log.oldest if room.bottom is not None else None)
        finally:
            room.fetching = ""
        if wanted.which != "newer" and not log.at_start and len(log) < self.model.backlog:
            self.fetch(room.name, "older")  # more is wanted at first than comes at once
        if room is self.model.room:
            self.apply(self.model.saw())

    async def _load(self, wanted: Load) -> None:
        for name in wanted.rooms:
            room = self.model.rooms.get(name)
            if room is not None and not room.loaded and not room.fetching:
                room.fetching = "newest"
                await self._fetch(Fetch(name, "newest"))

    async def _ask_people(self, wanted: AskPeople) -> None:
        people = await self.connected().who(wanted.room)
        now = trio.current_time()
        self.apply(self.model.take(events.People(id="", room=wanted.room, people=people), now, time.time()))

    def _say_read(self, read: SayRead) -> None:
        first = read.room not in self._read
        self._read[read.room] = read.seq
        if first:
            self._beside(lambda: self._report_read(read.room))

    async def _report_read(self, room: str) -> None:
        await trio.sleep(_READ_AFTER)
        seq = self._read.pop(room)
        if room in self.model.rooms:  # one may have left it meanwhile
            await self.connected().read(room, seq)

    # ---- what the person asks for --------------------------------------------------------------

    def typing(self, room: str) -> None:
        """Tell the room that one is writing, now and then."""
        now = trio.current_time()
        if now - self._typed >= _TYPING_EVERY and self.chat is not None and self.chat.connected:
            self._typed = now
            self._beside(partial(self._tell_typing, room, now))

    async def _tell_typing(self, room: str, since: float) -> None:
        if self._typed == since:  # else what was being written is said already
            await self.connected().typing(room)

    def say(self, action: SendRoom, reply_to: int | None) -> None:
        """Say something in a room, shown at once as not acknowledged yet."""
        self._typed = -math.inf
        local = self.model.send(action.room, action.text, action.kind, time.time(), reply_to)
        self.queue(lambda: self._say(action, local, reply_to))

    async def _say(self, action: SendRoom, local: int, reply_to: int | None) -> None:
        more = {} if reply_to is None else {"reply_to": reply_to}
        try:
            receipt = await self.connected().send(action.room, action.text, action=action.kind == "action", **more)
        except ConnectionClosed:
            raise
        except ChatError as error:
            why = f"{error.message} {error.advice}" if isinstance(error, Refused) else str(error)
            self.model.failed(action.room, local, why, time.time())
        else:
            self.model.acknowledged(receipt.room, local, receipt.seq)

    def act(self, action: Action, give_back: Callable[[], None]) -> None:
        """Carry out an action that every interface has. ``give_back`` is called when a message was refused."""
        if not isinstance(action, JoinRoom):
            self.queue(lambda: self._act(action, give_back))
        elif self.queue(lambda: self._go_to(action, give_back)):
            self.entering += 1

    async def _go_to(self, action: JoinRoom, give_back: Callable[[], None]) -> None:
        self._not_entered = action.room
        try:
            if await self._act(action, give_back):
                self._not_entered = ""
        finally:
            self.entering -= 1

    def after_entering(self, text: str, submit: Callable[[str], None]) -> None:
        """Submit a line that was typed before one was in the room that it is for; not where one was before."""

        async def job() -> None:
            await trio.lowlevel.checkpoint()
            if self._not_entered:
                why = f"You are not in {self._not_entered}, so that was not done: {text}"
                self.model.tell(why, time.time(), error=True)
            else:
                submit(text)

        self.queue(job)

    async def _act(self, action: Action, give_back: Callable[[], None]) -> bool:
        """Whether it was done."""
        place, here = self.model.place, self.model.place.room
        done = True
        for event in await carry_out(action, self.connected(), place):
            went = place.room
            if isinstance(event, events.Room) and went != here:
                place.room = here
            self.apply(self.model.take(event, trio.current_time(), time.time()))
            if isinstance(event, events.Room):
                self.apply(self.model.look(event.room.name))
            elif isinstance(event, _TABLES):
                self._show_table(event)
            elif isinstance(event, events.Error):
                done = False
                if isinstance(action, SendTo):
                    give_back()
        return done

    def _show_table(self, event: events.Event) -> None:
        from trio_chat.ui.model.lines import Teller  # noqa: PLC0415 - rarely needed

        self.model.tell("\n".join(Teller(self.model.place).tell(event)), time.time())

    def edit(self, room: str, seq: int, text: str) -> None:
        """Change a message of one's own."""
        self.queue(lambda: self.connected().edit(room, seq, text))

    def delete(self, room: str, seq: int) -> None:
        """Take back a message."""
        self.queue(lambda: self.connected().delete(room, seq))

    def react(self, room: str, seq: int, mark: str, *, on: bool | None = None) -> None:
        """Put a mark on a message or take it off; where that is not said, one that is there already is taken off."""
        entry = self.model.rooms[room].log.find(seq)
        mine = entry is not None and self.model.me in (entry.reactions or {}).get(mark, ())
        self.queue(lambda: self._react(room, seq, mark, on=not mine if on is None else on))

    async def _react(self, room: str, seq: int, mark: str, *, on: bool) -> None:
        if not await self.connected().react(room, seq, mark, on=on):
            self.model.tell(marked_already(mark, on=on), time.time())

    def jump(self, room: str, seq: int) -> None:
        """Show a line where it was said, fetching it if it is not there."""
        if room != self.model.place.room:
            self.apply(self.model.look(room))
        one = self.model.room
        one.reveal = seq
        if one.log.find(seq) is not None:
            one.selected = seq
            return
        self._go_and_get(one, lambda: self._jump(room, seq))

    def _go_and_get(self, room: RoomModel, job: Job) -> None:
        if self.chat is None:
            self.model.tell("That is not loaded, and there is no connection.", time.time(), error=True)
            return
        room.fetching = "there"
        self._beside(job)

    async def _jump(self, room: str, seq: int) -> None:
        one = self.model.rooms[room]
        await self._load_around(one, seq)
        if one.log.find(seq) is None:
            self.model.tell("That message is no longer kept.", time.time(), error=True)
            return
        one.bottom = None if one.log.at_end else (one.log.newest, 0)
        one.selected = seq
        self.model.changed += 1

    def reach(self, room: str, since: int) -> None:
        """Show the first message behind this number, fetching what is around it."""
        self._go_and_get(self.model.rooms[room], lambda: self._reach(room, since))

    async def _reach(self, room: str, since: int) -> None:
        one = self.model.rooms[room]
        await self._load_around(one, since + 1)
        while (first := one.log.first_said(since)) is None and not one.log.at_end:
            await self._fetch(Fetch(room, "newer"))
        one.bottom = None if one.log.at_end else (one.log.newest, 0)
        one.reveal = None if first is None else first.seq
        self.model.changed += 1

    async def _load_around(self, room: RoomModel, seq: int) -> None:
        """Get the stretch of a log in whose middle a line stands, in place of what is there."""
        half = PAGE // 2
        try:
            page = await self.connected().history(room.name, after=max(seq - half - 1, 0), limit=PAGE)
        finally:
            room.fetching = ""
        room.log.replace(page.events, more_before=seq - half - 1 >= page.first, more_after=page.more)
        room.loaded = True

    def search(self, query: Query, pane: ListPane, cursor: int | None = None) -> None:
        """Find messages, or with a cursor more of them; what is found is added to the pane."""
        pane.note = "searching …"
        self.found = pane
        self._beside(lambda: self._search(query, pane, cursor))

    async def _search(self, query: Query, pane: ListPane, cursor: int | None) -> None:
        rows = [row for row in pane.rows if not callable(row.value)]
        try:
            found = await self.connected().search(
                *query.words,
                room=query.room,
                sender=query.sender,
                before=moment(query.before),
                after=moment(query.after),
                has_link=query.has_link,
                limit=_FOUND,
                cursor=cursor,
            )
        except Refused as error:
            pane.note = f"{error.message} {error.advice}"
            return
        ignored = self.model.place.ignored
        shown = (event for event in found.messages if not ignored.hides(event))
        rows += [row for event in shown if (row := _choice(event)) is not None]
        count = len(rows)
        if found.cursor is not None:
            rows.append(Choice("show more", "", partial(self.search, query, pane, found.cursor)))
        pane.fill(rows)
        behind = f" {found.behind} of the newest lines are not searched yet." if found.behind else ""
        pane.note = f"{count} found; Enter shows one where it was said." if count else "Nothing was found."
        pane.note += behind


def _choice(event: events.Message) -> Choice | None:
    """A message that was found, as a row to choose."""
    from trio_chat.ui.tui.model.log import entry_of  # noqa: PLC0415 - only for searches

    entry = entry_of(event)
    if entry is None:
        return None
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.time))
    where = clean_line(event.room)
    return Choice(" ".join(entry.text.split()), f"{entry.sender} in {where}, {when}", (event.room, event.seq))
