"""``tail``: show rooms as new messages arrive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from trio_chat.cli.connecting import (
    SETTINGS,
    ConnectionPlan,
    check_given,
    check_logs,
    connect_and_run,
    given_server,
    person_name,
    room_name,
    server_options,
)
from trio_chat.cli.faults import FAILED, say
from trio_chat.cli.options import GroupedOption, Verb, WholeNumber, load_settings, settings, whole
from trio_chat.config import ClientConfig
from trio_chat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from trio_chat.client import Chat, Missed, Past, RoomView
    from trio_chat.protocol.events import Event, RoomEvent
    from trio_chat.protocol.parts import Removal
    from trio_chat.ui.plain.line_mode import LineMode
    from trio_chat.ui.plain.pipes import LineOutput

_PAGE: Final = 500
"""The most events in one page of history (the protocol's limit)."""

_MOST_DIGITS: Final = 15  # of a message's number; no room has so many
_FEW: Final = 50
"""The fewest events to ask for, since some of them may not be shown."""

_Told: TypeAlias = "Callable[[RoomEvent], bool]"
"""Whether an event of the past is shown."""


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat tail '#ops'", "new messages in #ops"),
        ("trio-chat tail -n 20 '#ops' '#dev'", "also the last 20 events of each room"),
        ("trio-chat tail --since 2h '#ops'", "also the last two hours"),
        ("trio-chat tail '#ops' --json | jq -r .text", "for another program"),
        ("trio-chat tail -n 1 '#ops' | head -1", "the last message"),
        ("trio-chat tail -n 5 @bob", "your conversation with bob"),
    ],
)
@click.argument("rooms", nargs=-1, metavar="['#ROOM'|@NAME...]")
@settings(ClientConfig, *SETTINGS, "log_directory", "time_format", "color")
@server_options
@click.option(
    "-n",
    "--backlog",
    cls=GroupedOption,
    group="How it behaves",
    metavar="N",
    type=WholeNumber(0),
    default=None,
    help=f"start with the last N events of each room {whole('[default: 0]')}; with --since, at most N",
)
@click.option(
    "--since",
    cls=GroupedOption,
    group="How it behaves",
    metavar="WHEN",
    help="start with the events since then: 2h ago, a day (2026-01-31) or time, or a message's number",
)
@click.option(
    "--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="one event per line, as JSON"
)
def command(
    rooms: tuple[str, ...],
    config_path: Path | None,
    host: str | None,
    port: int | None,
    backlog: int | None,
    since: str | None,
    *,
    as_json: bool,
    **flags: object,
) -> int:
    """Show new messages of rooms as they arrive; without a room, of the lobby. @bob is your direct conversation with
    bob, @bob+eve the one with both.

    After a lost connection it reconnects and shows what it missed. With --json, it writes an event for that
    (disconnected, reconnected, missed).

    It runs until it is stopped: by Ctrl-C (status 130), by SIGTERM (143), or when its output is closed (status 0). When
    the server ends the session for good, the status is 1. If the name in your settings belongs to someone else, the
    server makes one up.
    """
    names = tuple(_name(room) for room in rooms)
    config = load_settings(ClientConfig, flags, config_path)
    check_logs(config)
    check_given(flags.get("name"))
    server = given_server(config, None, url=flags.get("url"), host=host, port=port)

    begin = _read_begin(backlog, since)

    async def session(chat: Chat) -> int:
        return await _follow(chat, config, names, begin, as_json=as_json)

    return connect_and_run(ConnectionPlan(server, config, any_name=flags.get("name") is None, quiet=True), session)


@dataclass(frozen=True, slots=True)
class _Begin:
    """Where to start: ``after`` a message's number, or at a ``time`` as it was typed; else with the last events.
    ``most`` is the most events to show (``None``: all)."""

    most: int | None
    after: int | None = None
    time: str | None = None

    @property
    def at_end(self) -> bool:
        """Whether to start with the last events, however old."""
        return self.after is None and self.time is None


def _name(word: str) -> str:
    """A room, or (after ``@``) the people of a direct conversation. Raises ``UsageError`` when it is neither."""
    if not word.startswith("@"):
        return room_name(word)
    people = [person.removeprefix("@") for person in word.replace(",", "+").split("+")]
    return "@" + "+".join(map(person_name, people))


def _find(talk: LineMode, conversation: str) -> RoomView:
    """Find a direct conversation. Raises ``UsageError`` when there is none with these people."""
    found = talk.place.find_direct(conversation)
    if found is None:
        people = conversation[1:].replace("+", " and ")
        raise UsageError(f"You have no conversation with {people} yet. Start one: trio-chat send {conversation} hello")
    return talk.chat.rooms[found]


def _read_begin(backlog: int | None, since: str | None) -> _Begin:
    """Where to start, from ``-n`` and ``--since``. Raises ``UsageError`` for a time that cannot be read."""
    from trio_chat.protocol.spans import TIME_FORMS, to_utc  # noqa: PLC0415 - the help page does not need it

    if since is None:
        return _Begin(backlog or 0)
    text = since.strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return _Begin(backlog, after=max(int(text) - 1, 0))
    if to_utc(text, now=datetime.now(UTC)) is None:
        raise UsageError(f"--since {since} is not a time. Give {TIME_FORMS}, or a message's number.")
    return _Begin(backlog, time=text)


async def _follow(chat: Chat, config: ClientConfig, rooms: Sequence[str], begin: _Begin, *, as_json: bool) -> int:
    """Show rooms until the chat ends or the output is closed."""
    import trio  # noqa: PLC0415 - the help page does not need it

    from trio_chat.ui.plain.line_mode import LineMode, plain_options  # noqa: PLC0415 - as above
    from trio_chat.ui.plain.pipes import ReaderGone, standard_output  # noqa: PLC0415 - as above

    talk = LineMode(chat, plain_options(config, json=as_json))
    talk.complain = None if as_json else say
    sink = standard_output(talk.options.encoding)
    status = FAILED
    try:
        async with trio.open_nursery() as nursery:

            async def watch_reader() -> None:
                nonlocal status
                await sink.wait_reader_gone()
                status = 0
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch_reader)
            for gone in chat.welcome.put_out:
                if gone.room in rooms:
                    await _tell_removal(talk, sink, gone)
            shown = await _show_backlog(talk, sink, rooms, begin)
            await _show_events(talk, sink, shown)
            nursery.cancel_scope.cancel()
    except* ReaderGone:
        status = 0
    return status


async def _show_backlog(talk: LineMode, sink: LineOutput, rooms: Sequence[str], begin: _Begin) -> dict[str, int]:
    """Join the rooms and show the start of each, oldest first. Returns the last number shown in each room."""
    from trio_chat.client.events import Missed  # noqa: PLC0415 - the help page does not need it

    shown: dict[str, int] = {}
    for word in rooms or [talk.chat.welcome.lobby]:
        view = _find(talk, word) if word.startswith("@") else await _enter(talk.chat, word)
        shown[view.name] = 0
        async for past in _read_past(talk.chat, view.name, begin, told=_told(talk)):
            if isinstance(past, Missed):
                await _write_notice(talk, sink, past)
                continue
            shown[view.name] = past[-1].seq
            talk.follow()
            await sink.write(_tell_past(talk, past))
    return shown


async def _enter(chat: Chat, room: str) -> RoomView:
    if room in chat.rooms:
        return chat.rooms[room]
    from trio_chat.ui.model.sentences import made_room  # noqa: PLC0415 - the help page does not need it

    view = await chat.join(room)
    if view.made:
        say(made_room(view.name, chat.rooms))
    return view


async def _read_back(chat: Chat, room: str, wanted: int, told: _Told) -> list[RoomEvent]:
    """The last events of a room, oldest first: enough that ``wanted`` of them are shown, or all that are stored."""
    events: list[RoomEvent] = []
    missing = wanted
    while missing > 0:
        before = events[0].seq if events else None
        page = await chat.history(room, before=before, limit=min(max(missing, _FEW), _PAGE))
        events[:0] = page.events
        missing -= sum(map(told, page.events))
        if not page.more or not page.events:
            break
    return _last(events, wanted, told)


def _last(events: list[RoomEvent], wanted: int, told: _Told) -> list[RoomEvent]:
    """The end of the events, as long as ``wanted`` of them are shown."""
    places = [at for at, event in enumerate(events) if told(event)]
    return events if len(places) <= wanted else events[places[-wanted] :] if wanted else []


def _told(talk: LineMode) -> _Told:
    """Which events of the past are shown. Messages come as they are now, so only programs get the changes to them."""
    from trio_chat.protocol.events import Deleted, Edited, Reacted  # noqa: PLC0415 - the help page does not need it

    changes = () if talk.options.json else (Edited, Deleted, Reacted)
    return lambda event: not isinstance(event, changes)


def _tell_past(talk: LineMode, past: list[RoomEvent]) -> list[str]:
    """The lines for events of the past."""
    return [line for event in filter(_told(talk), past) for line in talk.tell(event)]


async def _read_past(chat: Chat, room: str, begin: _Begin, told: _Told) -> AsyncIterator[list[RoomEvent] | Missed]:
    """Give a room's past in parts that are not empty, oldest first, and a ``Missed`` where events are missing."""
    if begin.at_end:
        events = await _read_back(chat, room, begin.most or 0, told)
        if events:
            yield events
        return
    kept: list[RoomEvent] = []
    missed: Missed | None = None
    async for stretch in _read_since(chat, room, begin):
        if begin.most is None:
            yield stretch
        elif isinstance(stretch, list):
            kept = _last([*kept, *stretch], begin.most, told)
        else:
            missed = stretch
    if missed is not None and begin.most is not None and sum(map(told, kept)) < begin.most:  # else enough came after it
        yield missed
    if kept:
        yield kept


async def _read_since(chat: Chat, room: str, begin: _Begin) -> AsyncIterator[list[RoomEvent] | Missed]:
    """Give a room's events since the start, page by page, and a ``Missed`` for those that are no longer stored."""
    from trio_chat.client.events import Missed  # noqa: PLC0415 - the help page does not need it
    from trio_chat.protocol.spans import to_utc  # noqa: PLC0415 - as above

    since = None
    if begin.time is not None:  # by the server's clock, which gave the messages their times
        since = to_utc(begin.time, now=datetime.fromisoformat(chat.welcome.time))
    after = begin.after
    while True:
        page = await chat.history(room, after=after, since=since, limit=_PAGE)
        view = chat.rooms.get(room)  # gone, if somebody has just removed us from it
        lost = 0 if view is None else _count_lost(page, after, view.last)
        if lost > 0:
            yield Missed(room=room, count=lost)
        if page.events:
            yield list(page.events)
        if not (page.more and page.events):
            return
        after, since = page.events[-1].seq, None


def _count_lost(page: Past, after: int | None, last: int) -> int:
    """How many events before a page are no longer stored: those after the number ``after``; or, without a number, all
    earlier events when even the oldest stored event is later than the time. ``last`` is the room's last number."""
    if after is not None:
        return min(page.first - 1, last) - after
    is_whole = page.events[0].seq <= page.first if page.events else page.first > last
    return page.first - 1 if is_whole else 0


async def _show_events(talk: LineMode, sink: LineOutput, shown: dict[str, int]) -> None:
    """Show the events of these rooms, each once, until the chat ends."""
    from trio_chat.client.events import Disconnected, Missed, Reconnected, RejoinRefused  # noqa: PLC0415 - as above
    from trio_chat.protocol.events import Closing, Left, RoomEvent  # noqa: PLC0415 - as above
    from trio_chat.ui.plain.line_mode import why_ended  # noqa: PLC0415 - as above

    async for event in talk.chat:
        if isinstance(event, RoomEvent):
            if event.seq > shown.get(event.room, event.seq):
                await sink.write(talk.tell(event))
                shown[event.room] = event.seq
        elif isinstance(event, Missed | RejoinRefused | Left):
            if event.room in shown:
                await _write_notice(talk, sink, event)
        elif isinstance(event, Disconnected | Reconnected | Closing):
            if isinstance(event, Reconnected) and event.anew:
                shown.update(dict.fromkeys(shown, 0))  # numbers seen before mean nothing now
            await _write_notice(talk, sink, event)
        else:
            talk.place.take(event)
    for why in why_ended(talk.chat):
        await _write_notice(talk, sink, why)


async def _tell_removal(talk: LineMode, sink: LineOutput, gone: Removal) -> None:
    """Say that the user was removed from a room while away; ``tail`` then tries to join it again."""
    from trio_chat.protocol.events import Left  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.model.sentences import put_out  # noqa: PLC0415 - as above

    if talk.options.json:
        await sink.write(talk.tell(Left(room=gone.room, reason=gone.why)))
    else:
        say(put_out(gone))


async def _write_notice(talk: LineMode, sink: LineOutput, event: Event) -> None:
    """Show something that belongs to no room: as an event in JSON, else on standard error."""
    lines = talk.tell(event)
    if talk.options.json:
        await sink.write(lines)
    else:
        for line in lines:
            say(line.removeprefix("-- ").removeprefix("! "))
