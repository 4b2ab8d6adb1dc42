"""Requests that run beside the queue of actions: pages of the logs, searches, people, read positions, typing notices.

Each request has a task of its own, so that reading goes on while a submitted line waits for its acknowledgement.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

import trio

from trio_chat.errors import ChatError, ConnectionClosed, NotAcknowledged, Refused
from trio_chat.protocol import events
from trio_chat.protocol.query import Query
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.actions import as_error
from trio_chat.ui.actions.messages import find_messages
from trio_chat.ui.model.sentences import not_in
from trio_chat.ui.tui.model.attention import Notification
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.effects import MOST_AT_ONCE, PAGE, AskPeople, Fetch, Load, ModelEffect, SayRead
from trio_chat.ui.tui.model.log import entry_of
from trio_chat.ui.tui.model.panes import Choice, ListPane, ShowMore
from trio_chat.ui.tui.model.room import RoomModel

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.ui.model.place import Place

_READ_AFTER: Final = 0.5  # seconds: messages read within this time are reported once
_TYPING_EVERY: Final = 4.0  # seconds between two typing notices, each of which holds for six
_RESULTS: Final = 50  # messages of one page of search results

BackgroundJob: TypeAlias = Callable[[], Awaitable[object]]


class BackgroundRequests:
    """Carries out the model's effects over the connection.

    ``chat`` is the connection while there is one, ``results`` the list of the last search. ``show`` has the screen
    drawn, ``notify`` rings and shows a notification.
    """

    def __init__(self, model: ChatModel, show: Callable[[], None], notify: Callable[[Notification], None]) -> None:
        self.model = model
        self.chat: Chat | None = None
        self.results: ListPane | None = None
        self._show = show
        self._notify = notify
        self._nursery: trio.Nursery | None = None
        self._read: dict[str, int] = {}  # read positions to be reported, by room
        self._typing_reported = -math.inf

    def __repr__(self) -> str:
        return f"<BackgroundRequests {'connected' if self.chat is not None else 'without a connection'}>"

    async def run(self) -> NoReturn:
        """Hold the tasks of the requests, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                await trio.sleep_forever()
        finally:
            self._nursery = None  # events that arrive while the program ends start nothing
        raise AssertionError  # not reached: only cancellation ends the nursery

    def connected(self) -> Chat:
        """The connection. Raises :class:`~trio_chat.errors.ConnectionClosed` when there is none."""
        if self.chat is None:
            raise ConnectionClosed("There is no connection.")
        return self.chat

    def take(self, event: events.Event) -> None:
        """Give an event to the model and carry out the effects."""
        self.apply(self.model.take(event, trio.current_time(), time.time()))

    def fail(self, error: ChatError) -> None:
        """Tell the person why a request failed; a lost connection is told elsewhere."""
        if not isinstance(error, ConnectionClosed):
            self.take(as_error(error))

    def start(self, job: BackgroundJob, *, offline: bool = False) -> None:
        """Begin a request at once, in a task of its own; ``offline`` also where there is no connection."""
        if self._nursery is not None and (offline or self.chat is not None):
            self._nursery.start_soon(self._run_job, job)

    async def _run_job(self, job: BackgroundJob) -> None:
        try:
            await job()
        except ChatError as error:
            self.fail(error)
        self._show()

    # ---- the model's effects -------------------------------------------------------------------

    def apply(self, effects: list[ModelEffect]) -> None:
        """Carry out effects of the model."""
        for effect in effects:
            match effect:
                case Notification():
                    self._notify(effect)
                case Fetch():
                    self.start(partial(self._fetch, effect))
                case SayRead():
                    self._report_read_soon(effect)
                case AskPeople():
                    self.start(partial(self._ask_people, effect))
                case Load():
                    self.start(partial(self._load, effect))

    def fetch(self, room: str, which: str) -> None:
        """Fetch an older, newer or the newest page of a room's log, unless a page is on its way."""
        one = self.model.rooms.get(room)
        if one is not None and not one.fetching and self.chat is not None:
            one.fetching = which
            self.apply([Fetch(room, which)])

    async def _fetch(self, page_of: Fetch) -> None:
        room = self.model.rooms.get(page_of.room)
        if room is None:
            return
        try:
            chat, log = self.connected(), room.log
            if page_of.which == "newer":
                page = await chat.history(room.name, after=log.after, limit=PAGE)
                self.model.place.note_past(page.events)
                log.take_newer(page.events, more=page.more)
                log.trim(log.newest)
            else:
                older = page_of.which == "older"
                before = (log.before or None) if older else None
                limit = PAGE if older else min(self.model.backlog or PAGE, MOST_AT_ONCE)
                page = await chat.history(room.name, before=before, limit=limit)
                self.model.place.note_past(page.events)
                log.take_older(page.events, more=page.more)
                room.loaded = True
                log.trim(log.oldest if room.bottom is not None else None)
        finally:
            room.fetching = ""
        if page_of.which != "newer" and not log.at_start and len(log) < self.model.backlog:
            self.fetch(room.name, "older")  # the backlog is longer than one page
        if room is self.model.room:
            self.apply(self.model.saw())

    async def _load(self, unread: Load) -> None:
        for name in unread.rooms:
            room = self.model.rooms.get(name)
            if room is not None and not room.loaded and not room.fetching:
                room.fetching = "newest"
                await self._fetch(Fetch(name, "newest"))

    async def _ask_people(self, question: AskPeople) -> None:
        people = await self.connected().who(question.room)
        self.take(events.People(id="", room=question.room, people=people))

    def ask_rooms(self) -> None:
        """Ask for the rooms that the person could enter, for completion and for the list of rooms."""
        self.start(self._ask_rooms)

    async def _ask_rooms(self) -> None:
        with suppress(Refused, NotAcknowledged):
            self.model.place.take(events.RoomList(id="", rooms=await self.connected().list_rooms()))

    def _report_read_soon(self, read: SayRead) -> None:
        first = read.room not in self._read
        self._read[read.room] = read.seq
        if first:
            self.start(lambda: self._report_read(read.room))

    async def _report_read(self, room: str) -> None:
        await trio.sleep(_READ_AFTER)
        seq = self._read.pop(room)
        if room in self.model.rooms:
            with suppress(Refused):  # the person has left it meanwhile, or removed it
                await self.connected().read(room, seq)

    # ---- typing notices ------------------------------------------------------------------------

    def report_typing(self, room: str) -> None:
        """Tell the room that the person is typing, at most every few seconds."""
        now = trio.current_time()
        if now - self._typing_reported >= _TYPING_EVERY and self.chat is not None and self.chat.connected:
            self._typing_reported = now
            self.start(partial(self._send_typing, room, now))

    def stop_typing(self) -> None:
        """Forget the last typing notice: the line was submitted."""
        self._typing_reported = -math.inf

    async def _send_typing(self, room: str, since: float) -> None:
        if self._typing_reported == since:  # otherwise the line is submitted already
            await self.connected().typing(room)

    # ---- going to a message --------------------------------------------------------------------

    def jump(self, room: str, seq: int) -> None:
        """Show a message in its room, and fetch it if it is not loaded."""
        one = self.model.rooms.get(room)
        if one is None:
            self._tell_error(f"{not_in(room)} Its messages cannot be shown.")
            return
        if room != self.model.place.room:
            self.apply(self.model.look(room))
        one.reveal = seq
        if one.log.find(seq) is not None:
            one.selected = seq
            return
        self._go_and_fetch(one, lambda: self._jump(one, seq))

    def reach(self, room: str, since: int) -> None:
        """Show the first message after this number, and fetch the lines around it."""
        one = self.model.rooms.get(room)
        if one is not None:
            self._go_and_fetch(one, lambda: self._reach(one, since))

    def _go_and_fetch(self, room: RoomModel, job: BackgroundJob) -> None:
        if self.chat is None:
            self._tell_error("That message is not loaded, and there is no connection.")
            return
        room.fetching = "there"
        self.start(job)

    async def _jump(self, one: RoomModel, seq: int) -> None:
        await self._load_around(one, seq)
        if one.log.find(seq) is None:
            self._tell_error("That message is no longer kept.")
            return
        one.bottom = None if one.log.at_end else (one.log.newest, 0)
        one.selected = seq
        self.model.changed += 1

    async def _reach(self, one: RoomModel, since: int) -> None:
        await self._load_around(one, since + 1)
        while (first := one.log.first_said(since)) is None and not one.log.at_end:
            await self._fetch(Fetch(one.name, "newer"))
            if one.name not in self.model.rooms:  # removed from it meanwhile
                return
        one.bottom = None if one.log.at_end else (one.log.newest, 0)
        one.reveal = None if first is None else first.seq
        self.model.changed += 1

    async def _load_around(self, room: RoomModel, seq: int) -> None:
        """Replace the loaded stretch of a log by the one that has a line in its middle."""
        half = PAGE // 2
        try:
            page = await self.connected().history(room.name, after=max(seq - half - 1, 0), limit=PAGE)
        finally:
            room.fetching = ""
        self.model.place.note_past(page.events)
        room.log.replace(page.events, more_before=seq - half - 1 >= page.first, more_after=page.more)
        room.loaded = True

    def _tell_error(self, text: str) -> None:
        self.model.tell(text, time.time(), error=True)

    # ---- search --------------------------------------------------------------------------------

    def search(self, query: Query, pane: ListPane, cursor: int | None = None) -> None:
        """Search messages and add the results to the pane; ``cursor`` continues an earlier page."""
        pane.note = "searching …"
        self.results = pane
        self.start(lambda: self._search(query, pane, cursor))

    async def _search(self, query: Query, pane: ListPane, cursor: int | None) -> None:
        rows = [row for row in pane.rows if not isinstance(row.value, ShowMore)]
        try:
            found = await find_messages(self.connected(), query, cursor=cursor, limit=_RESULTS)
        except Refused as error:
            pane.note = f"{error.message} {error.advice}"
            return
        ignored = self.model.place.ignored
        shown = (event for event in found.messages if not ignored.hides(event))
        rows += [row for event in shown if (row := _choice(event, self.model.place)) is not None]
        count = len(rows)
        if found.cursor is not None:
            rows.append(Choice("show more", "", ShowMore(partial(self.search, query, pane, found.cursor))))
        pane.fill(rows)
        behind = f" {found.behind} of the newest lines are not searched yet." if found.behind else ""
        pane.note = f"{count} found; Enter goes to the message." if count else "Nothing was found."
        pane.note += behind


def _choice(event: events.Message, place: Place) -> Choice | None:
    """A search result as a row of a list."""
    entry = entry_of(event)
    if entry is None:
        return None
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.time))
    where = clean_line(event.room)
    detail = f"{place.label(*entry.author)} in {where}, {when}"
    return Choice(entry.excerpt, detail, (event.room, event.seq))
