"""Line mode: what is said as lines, what is typed line by line. For pipes, plain terminals, screen readers.

Two shells around one :class:`LineMode`. :func:`chat_through_pipes` reads lines and writes lines and never an escape
sequence of its own. :func:`trio_chat.ui.plain.prompt.chat_at_terminal` adds an input line that arriving lines do not
tear.
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
from trio_chat.errors import ChatError, ConnectionClosed, NotAcknowledged, Refused
from trio_chat.protocol.events import Error, Event, Room, RoomEvent, Welcome
from trio_chat.ui.actions.actions import Action, JoinRoom, Quit, as_error, carry_out, do
from trio_chat.ui.actions.retry import patiently
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.typed_line import LineReader, TypedLine
from trio_chat.ui.model.ignored import Ignored
from trio_chat.ui.model.lines import Teller, as_json
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.plain.pipes import Input, Output, ReaderGone
from trio_chat.ui.terminal.terminal import coloured, is_terminal

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.config import ClientConfig


_READ_PAUSE: Final = 1.0
"""Seconds between two reports of how far has been read, and at the most for the last one."""


@dataclass(frozen=True, slots=True)
class PlainOptions:
    """How things are shown: ``json`` one event a line; ``encoding`` what standard output takes; ``is_read``
    tells that a person sees it, so that what was shown counts as read."""

    json: bool = False
    colour: bool = False
    time_format: str = "%H:%M"
    unknown_recipients: str = "error"
    encoding: str = "utf-8"
    is_read: bool = False

    @property
    def symbols(self) -> bool:
        """Whether arrows and check marks can be shown."""
        try:
            "→✓".encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


def plain_options(config: ClientConfig, *, json: bool = False) -> PlainOptions:
    """How the settings and standard output want things to be shown."""
    return PlainOptions(
        json=json,
        colour=not json and coloured(config.color),
        time_format=config.time_format,
        unknown_recipients=config.unknown_recipients,
        encoding=getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding(do_setlocale=False),
        is_read=is_terminal(1),
    )


class LineMode:
    """One person's conversation over one connection: what lines mean now, what events look like."""

    def __init__(self, chat: Chat, look: PlainOptions, ignored: Ignored | None = None) -> None:
        self.chat = chat
        self.look = look
        self.place = Place()
        self.place.ignored = ignored or self.place.ignored
        self.teller = Teller(
            self.place,
            now=lambda: datetime.now(UTC),
            time_format=look.time_format,
            colour=look.colour,
            symbols=look.symbols,
        )
        # The token proves who one is: it is not for a screen or a log.
        self._opening: list[Event] = [structs.replace(chat.welcome, token="")]
        self._lines = LineReader(look.unknown_recipients)
        self._shown: dict[str, int] = {}
        self._showed = trio.Event()
        self._not_entered = ""
        self.follow()

    def follow(self) -> None:
        """Take over from the connection who one is and in which rooms."""
        self.place.enter(self.chat.accounts, self.chat.welcome.lobby, self.chat.rooms)

    async def go_to(self, room: str) -> None:
        """Go into a room and talk there. Raises :class:`~trio_chat.errors.NotDone` when the server refuses."""
        view = await self.chat.join(room)
        self.follow()
        self.place.room = view.name
        self._opening.append(Room(room=view.info()))

    @property
    def opening(self) -> list[str]:
        """The lines to begin with: the server's welcome, and the room one went to."""
        return [line for event in self._opening for line in self.tell(event)]

    def tell(self, event: Event) -> list[str]:
        """Take note of an event; the lines that show it."""
        here = self.place.room
        if isinstance(event, Reconnected | Welcome):
            self.follow()
        if not isinstance(event, Welcome):
            self.place.take(event)
        if self.place.room != here:
            self._not_entered = here  # put out of it: what was written for it is not for where one is now
        self._note_shown(event)
        if self.look.json:
            return [as_json(event)]
        return self.teller.tell(event)

    def _note_shown(self, event: Event) -> None:
        """What is shown to a person is read."""
        if isinstance(event, Backlog):
            for line in event.events[-1:]:
                self._note_shown(line)
        elif isinstance(event, Missed) and event.room in self.chat.rooms:  # told is told: nobody can read it any more
            gone = self.chat.rooms[event.room].first - 1
            self._shown[event.room] = max(gone, self._shown.get(event.room, 0))
            self._showed.set()
        elif isinstance(event, RoomEvent) and self.look.is_read:
            self._shown[event.room] = max(event.seq, self._shown.get(event.room, 0))
            self._showed.set()

    async def report_read(self) -> None:
        """Tell the server how far has been read. What cannot be told now is told later, or never: it is
        no more than where the next session begins."""
        shown, self._shown = self._shown, {}
        for room, seq in shown.items():
            view = self.chat.rooms.get(room)
            if view is not None and seq > view.read:
                with contextlib.suppress(Refused, NotAcknowledged):
                    await self.chat.read(room, seq)

    async def keep_reporting_read(self) -> None:
        """Tell the server how far has been read, as it goes, until the conversation ends."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._showed.wait()
                self._showed = trio.Event()
                await self.report_read()
                await trio.sleep(_READ_PAUSE)

    async def report_last_read(self) -> None:
        """At the end, tell the server what it has not been told, in a moment or not at all."""
        with trio.move_on_after(_READ_PAUSE, shield=True), contextlib.suppress(ConnectionClosed):
            await self.report_read()

    def parse(self, text: str) -> TypedLine:
        """Parse a typed line."""
        return self._lines.read(text)

    def meaning(self, line: TypedLine) -> Meaning | None:
        """What a line does now. A line typed for a room that could not be entered then is an error: it must not go to
        the room before."""
        meaning = line.meaning(self.place)
        here, missed = self.place.room, self._not_entered
        if not missed or getattr(meaning, "room", "") != here or line.text.startswith("@") or here in line.text:
            return meaning
        message = f'Not sent: "{line.text}".'
        return Error(code="not_entered", message=message, advice=f"You are not in {missed}; you are in {here}.")

    def destination(self, line: TypedLine) -> str:
        """Where Enter would send a line, in words: ``#lobby``, ``bob, eve (private)``, ``everyone``."""
        place = self.place
        room, people, _ = line.destination(place)
        if not people and room.startswith("@"):
            people = place.members(room)
        if people:
            return f"{', '.join(people)} (private)"
        return "everyone" if room == place.lobby != place.room else room

    @property
    def moved(self) -> bool:
        """Whether what comes may be written for another room than the one where one is."""
        return bool(self._not_entered)

    def see_where(self) -> None:
        """The person sees where they are now: what they write from here on is for there."""
        self._not_entered = ""

    async def do(self, meaning: Action | Note | Error) -> list[Event]:
        """Carry out what a line means; what there is to tell about it."""
        if isinstance(meaning, Note | Error):
            return [meaning]
        return self._note_entered(meaning, await carry_out(meaning, self.chat, self.place))

    async def do_patiently(self, meaning: Action | Note | Error) -> list[Event]:
        """As :meth:`do`, for lines that no person types: what comes too fast is tried again a little later."""
        if isinstance(meaning, Note | Error):
            return [meaning]
        try:
            return self._note_entered(meaning, await patiently(lambda: do(meaning, self.chat, self.place)))
        except ConnectionClosed:
            raise
        except ChatError as error:
            return self._note_entered(meaning, [as_error(error)])

    def _note_entered(self, meaning: Action, told: list[Event]) -> list[Event]:
        """Keep in mind which room could not be entered, until another is."""
        if isinstance(meaning, JoinRoom):
            self._not_entered = meaning.room if any(isinstance(event, Error) for event in told) else ""
        return told


async def chat_through_pipes(talk: LineMode, source: Input, sink: Output) -> int:
    """Say what comes in line by line and write what is heard, until the input ends.

    Returns 0 when all of it is acknowledged, or nobody reads the output any more; 1 when something was
    refused or could not be delivered, or the server ended the conversation.
    """
    failed = well_ended = False
    try:
        await sink.write(talk.opening)
        async with trio.open_nursery() as nursery:

            async def say() -> None:
                nonlocal failed, well_ended
                failed = await _say_lines(talk, source, sink)
                well_ended = True
                await talk.report_last_read()
                await talk.chat.aclose()  # what was heard until now can still be read

            async def watch_reader() -> None:
                nonlocal well_ended
                await sink.wait_reader_gone()
                well_ended = True
                nursery.cancel_scope.cancel()

            nursery.start_soon(say)
            nursery.start_soon(watch_reader)
            nursery.start_soon(talk.keep_reporting_read)
            await _show_events(talk, sink)
            nursery.cancel_scope.cancel()
    except* ReaderGone:
        well_ended = True
    return int(failed or not well_ended)


async def _say_lines(talk: LineMode, source: Input, sink: Output) -> bool:
    """Say all lines, one after the other; tell whether something could not be done."""
    failed = False
    async for line in source.lines():
        meaning = talk.meaning(talk.parse(line))
        if meaning is None:
            continue
        if isinstance(meaning, Quit):
            break
        try:
            told = await talk.do_patiently(meaning)
        except ConnectionClosed:
            return True  # why, the listening side says
        failed = failed or any(isinstance(event, Error) for event in told)
        await sink.write([line for event in told for line in talk.tell(event)])
    return failed


async def _show_events(talk: LineMode, sink: Output) -> None:
    """Write what is heard, until the conversation ends."""
    async for event in talk.chat:
        await sink.write(talk.tell(event))
    await sink.write([line for event in why_ended(talk.chat) for line in talk.tell(event)])


def why_ended(chat: Chat) -> list[Error]:
    """What there is to tell about a conversation's end, beyond what the server said of it by itself."""
    return [as_error(chat.ended)] if isinstance(chat.ended, ChatError) else []
