"""Line mode: events are written as lines, and each typed line is one action. For pipes, terminals, screen readers.

Two shells share one :class:`LineMode`. :func:`chat_through_pipes` reads and writes lines, without escape sequences.
:func:`trio_chat.ui.plain.prompt.chat_at_terminal` adds an input line at the bottom that arriving lines do not tear.
"""

from __future__ import annotations

import contextlib
import locale
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import trio
from msgspec import structs

from trio_chat.client.events import Backlog, Missed, Reconnected
from trio_chat.config import THEMES
from trio_chat.errors import ChatError, ConnectionClosed, NotAcknowledged, Refused
from trio_chat.protocol.events import Error, Event, Room, RoomEvent, Welcome
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.actions import Action, JoinRoom, OpenConversation, Quit, as_error, carry_out, do
from trio_chat.ui.actions.files import FileAction
from trio_chat.ui.actions.moving import room_after
from trio_chat.ui.actions.retry import patiently
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.typed_line import LineReader, TypedLine, describe_destination
from trio_chat.ui.file_jobs.jobs import FileJobs
from trio_chat.ui.model.fuzzy import fuzzy
from trio_chat.ui.model.ignored import Ignored
from trio_chat.ui.model.interface_actions import (
    ClearScreen,
    GoTo,
    InterfaceAction,
    SetNotify,
    SettingsAction,
    ToggleQuiet,
    UseTheme,
)
from trio_chat.ui.model.lines import Teller, as_json
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.model.transfers import Transfers
from trio_chat.ui.plain.notices import Notices
from trio_chat.ui.plain.pipes import Input, LineOutput, ReaderGone
from trio_chat.ui.room_logs import RoomLogs
from trio_chat.ui.terminal.capabilities import coloured, is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio_chat.client import Chat
    from trio_chat.config import ClientConfig


_READ_PAUSE: Final = 1.0
"""Seconds between two reports of the read position, and the limit for the last one."""


@dataclass(frozen=True, slots=True)
class PlainOptions:
    """How events are written. ``json`` writes one JSON object a line, ``encoding`` is that of standard output.
    ``is_read`` means that a person sees the output, so that shown messages count as read. ``log_directory`` is where
    what is shown of rooms is also kept."""

    json: bool = False
    colour: bool = False
    encoding: str = "utf-8"
    is_read: bool = False
    log_directory: Path | None = None
    notify_command: tuple[str, ...] = ()

    @property
    def symbols(self) -> bool:
        """Whether arrows and check marks can be shown."""
        try:
            "→✓".encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


def plain_options(config: ClientConfig, *, json: bool = False) -> PlainOptions:
    """The options from the settings and from standard output."""
    return PlainOptions(
        json=json,
        colour=not json and coloured(config.color),
        encoding=getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding(do_setlocale=False),
        is_read=is_terminal(1),
        log_directory=config.log_directory,
        notify_command=config.notify_command,
    )


class LineMode:
    """The state of line mode on one connection: what a line does now, and how an event is written."""

    def __init__(
        self,
        chat: Chat,
        options: PlainOptions,
        ignored: Ignored | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        self.chat = chat
        self.options = options
        self.place = Place()
        self.place.ignored = ignored or self.place.ignored
        self.place.preferences = preferences or self.place.preferences
        self.place.show_joins = self.place.preferences.config.show_joins
        self.notices = Notices(self.place)
        self.transfers = Transfers()
        self.files = FileJobs(self.transfers, self.place, lambda: self.chat, lambda _transfer: None)
        self.teller = Teller(
            self.place,
            now=lambda: datetime.now(UTC),
            colour=options.colour,
            symbols=options.symbols,
        )
        # The token is a secret: it must not reach a screen or a log.
        self._opening: list[Event] = [structs.replace(chat.welcome, token="")]
        self._logs = None if options.log_directory is None else RoomLogs(options.log_directory, chat.url)
        self.complain: Callable[[str], None] | None = None
        """Tells why the log of the chat cannot be written; without it, that is an event like others."""
        self._lines = LineReader()
        self._shown: dict[str, int] = {}
        self._showed = trio.Event()
        self._not_entered = ""
        self.place.preferences.watch(self._use)
        self._use(self.place.preferences.config)
        self.follow()

    def _use(self, config: ClientConfig) -> None:
        """Use these settings."""
        aliases = self.place.preferences.aliases
        self._lines = LineReader(config.unknown_recipients, trailing_names=config.trailing_names, aliases=aliases)
        self.teller.time_format = config.time_format

    def follow(self) -> None:
        """Copy the own account and the rooms from the connection."""
        self.place.enter(self.chat.accounts, self.chat.welcome.lobby, self.chat.rooms)

    async def go_to(self, room: str) -> None:
        """Enter a room and make it the current one. Raises :class:`~trio_chat.errors.Refused` if the server does."""
        view = await self.chat.join(room)
        self.follow()
        self.place.room = view.name
        self._opening.append(Room(room=view.info(), made=view.made))

    @property
    def opening(self) -> list[str]:
        """The first lines: the welcome of the server, and the room that was entered."""
        return [line for event in self._opening for line in self.tell(event)]

    def tell(self, event: Event) -> list[str]:
        """Update the place with an event; returns the lines that show it."""
        here = self.place.room
        if isinstance(event, Reconnected | Welcome):
            self.follow()
        if not isinstance(event, Welcome):
            self.place.take(event)
        if self.place.room != here:
            self._not_entered = here  # removed from it: lines typed for it must not go to the present room
        self._note_shown(event)
        trouble = [] if self._logs is None else self._log(self._logs, event)
        if self.options.json:
            return [as_json(one) for one in (event, *trouble)]
        return [line for one in (event, *trouble) for line in self.teller.tell(one)]

    def _log(self, logs: RoomLogs, event: Event) -> list[Error]:
        """Put what is shown of rooms into their logs. Returns an error for the reader when that begins to fail."""
        hides = self.place.ignored.hides
        events = event.events if isinstance(event, Backlog) else (event,)
        troubles = [trouble for one in events if (trouble := logs.take(one, hidden=hides(one)))]
        if self.complain is not None:
            for trouble in troubles:
                self.complain(trouble)
            return []
        return [Error(code="not_logged", message=trouble) for trouble in troubles]

    def _note_shown(self, event: Event) -> None:
        """Note that a shown event is read."""
        if isinstance(event, Backlog):
            for line in event.events[-1:]:
                self._note_shown(line)
        elif isinstance(event, Missed) and event.room in self.chat.rooms:  # these messages count as read: they are gone
            gone = self.chat.rooms[event.room].first - 1
            self._shown[event.room] = max(gone, self._shown.get(event.room, 0))
            self._showed.set()
        elif isinstance(event, RoomEvent) and self.options.is_read:
            self._shown[event.room] = max(event.seq, self._shown.get(event.room, 0))
            self._showed.set()

    async def report_read(self) -> None:
        """Report the read positions to the server. A failed report is not repeated: it only makes the next session
        begin earlier."""
        shown, self._shown = self._shown, {}
        for room, seq in shown.items():
            view = self.chat.rooms.get(room)
            if view is not None and seq > view.read:
                with contextlib.suppress(Refused, NotAcknowledged):
                    await self.chat.read(room, seq)

    async def keep_reporting_read(self) -> None:
        """Report the read positions as they change, until the connection ends."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._showed.wait()
                self._showed = trio.Event()
                await self.report_read()
                await trio.sleep(_READ_PAUSE)

    async def report_last_read(self) -> None:
        """At the end, report the remaining read positions, within a moment or not at all."""
        with trio.move_on_after(_READ_PAUSE, shield=True), contextlib.suppress(ConnectionClosed):
            await self.report_read()

    def parse(self, text: str) -> TypedLine:
        """Parse a typed line."""
        return self._lines.read(text)

    def meaning(self, line: TypedLine) -> Meaning | None:
        """The meaning of a line now. A line typed for a room that could not be entered then is an error: it must not go
        to the room before."""
        meaning = line.meaning(self.place)
        here, missed = self.place.room, self._not_entered
        if not missed or getattr(meaning, "room", "") != here or line.text.startswith("@") or here in line.text:
            return meaning
        message = f'Not sent: "{line.text}".'
        return Error(code="not_entered", message=message, advice=f"You are not in {missed}; you are in {here}.")

    def destination(self, line: TypedLine) -> str:
        """Where Enter would send a line, in words. Line mode does not know all people, so it warns of no stranger."""
        return describe_destination(line, self.place)[0]

    @property
    def moved(self) -> bool:
        """Whether the next line may have been typed for another room than the current one."""
        return bool(self._not_entered)

    def see_where(self) -> None:
        """Note that the person sees the current room: later lines are meant for it."""
        self._not_entered = ""

    async def do(self, meaning: Action | Note | Error) -> list[Event]:
        """Carry out what a line means; returns the resulting events."""
        if isinstance(meaning, Note | Error):
            return [meaning]
        if isinstance(meaning, InterfaceAction):
            return self._do_here(meaning)
        if isinstance(meaning, FileAction):
            return await self.files.do(meaning)
        return self._note_entered(meaning, await carry_out(meaning, self.chat, self.place))

    async def do_patiently(self, meaning: Action | Note | Error) -> list[Event]:
        """As :meth:`do`, for lines from a program: a request that comes too fast is repeated a little later."""
        if isinstance(meaning, Note | Error):
            return [meaning]
        if isinstance(meaning, InterfaceAction):
            return self._do_here(meaning)
        if isinstance(meaning, FileAction):
            return await self.files.do(meaning)
        try:
            return self._note_entered(meaning, await patiently(lambda: do(meaning, self.chat, self.place)))
        except ConnectionClosed:
            raise
        except ChatError as error:
            return self._note_entered(meaning, [as_error(error)])

    def _do_here(self, action: InterfaceAction) -> list[Event]:
        """Carry out an action on line mode itself. Clearing the screen is for the terminal."""
        if isinstance(action, SettingsAction):
            return [self.place.preferences.do(action)]
        match action:
            case SetNotify() | ToggleQuiet():
                return [self.notices.do(action)]
            case UseTheme(name=name):
                return [self._use_theme(name)]
            case GoTo(letters=letters):
                return [self._go(letters)]
            case ClearScreen():
                return []

    def _use_theme(self, name: str) -> Note | Error:
        if name not in {"", *THEMES}:
            advice = f"The themes are {', '.join(THEMES)}."
            return Error(code="no_theme", message=f"There is no theme {clean_line(name)}.", advice=advice)
        if name:
            self.teller.colour = name != "plain" and not self.options.json
        state = "on" if self.teller.colour else "off"
        return Note(lines=(f"Highlighting is {state}. In line mode, /theme plain turns it off and /theme auto on.",))

    def _go(self, letters: str) -> Room | Error:
        names = {"+".join(self.place.members(name)) if name[0] == "@" else name: name for name in self.place.rooms}
        found = fuzzy(letters, names)
        if not found:
            message = f"You are in no room called {clean_line(letters)}."
            return Error(code="no_room", message=message, advice="/rooms lists the rooms, /join enters one.")
        self.place.room = names[found[0]]
        self._not_entered = ""
        return Room(room=self.place.rooms[self.place.room].info())

    def _note_entered(self, meaning: Action, told: list[Event]) -> list[Event]:
        """Remember the room that could not be entered, until another one is entered."""
        if isinstance(meaning, JoinRoom | OpenConversation):
            goal = room_after(meaning, self.place) or ""
            self._not_entered = goal if any(isinstance(event, Error) for event in told) else ""
        return told


async def chat_through_pipes(mode: LineMode, source: Input, sink: LineOutput) -> int:
    """Carry out lines of the input and write events to the output, until the input ends.

    Returns 0 when all lines are acknowledged, or the reader of the output is gone; 1 when a line was refused or not
    delivered, or the server ended the connection.
    """
    failed = well_ended = False
    try:
        await sink.write(mode.opening)
        async with trio.open_nursery() as nursery:

            async def say() -> None:
                nonlocal failed, well_ended
                failed = await _say_lines(mode, source, sink)
                well_ended = True
                await mode.report_last_read()
                await mode.chat.aclose()  # events received until now can still be read

            async def watch_reader() -> None:
                nonlocal well_ended
                await sink.wait_reader_gone()
                well_ended = True
                nursery.cancel_scope.cancel()

            nursery.start_soon(say)
            nursery.start_soon(watch_reader)
            nursery.start_soon(mode.keep_reporting_read)
            await _show_events(mode, sink)
            nursery.cancel_scope.cancel()
    except* ReaderGone:
        well_ended = True
    return int(failed or not well_ended)


async def _say_lines(mode: LineMode, source: Input, sink: LineOutput) -> bool:
    """Carry out all lines in order; tell whether one of them failed."""
    failed = False
    async for line in source.lines():
        meaning = mode.meaning(mode.parse(line))
        if meaning is None:
            continue
        if isinstance(meaning, Quit):
            break
        try:
            told = await mode.do_patiently(meaning)
        except ConnectionClosed:
            return True  # the other task writes the reason
        failed = failed or any(isinstance(event, Error) for event in told)
        await sink.write([line for event in told for line in mode.tell(event)])
    return failed


async def _show_events(mode: LineMode, sink: LineOutput) -> None:
    """Write events, until the connection ends."""
    async for event in mode.chat:
        await sink.write(mode.tell(event))
    await sink.write([line for event in why_ended(mode.chat) for line in mode.tell(event)])


def why_ended(chat: Chat) -> list[Error]:
    """The reason why a connection ended, unless the server has told it already."""
    return [as_error(chat.ended)] if isinstance(chat.ended, ChatError) else []
