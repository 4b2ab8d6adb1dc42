"""``tail``: follow rooms from a script, or beside other work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trio_chat.cli.entering import SETTINGS, Entry, check_given, enter, room_name, server_options, server_url
from trio_chat.cli.faults import FAILED, say
from trio_chat.cli.options import GroupedOption, Verb, load_settings, settings
from trio_chat.config import ClientConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.client import Chat
    from trio_chat.protocol.events import Event, RoomEvent
    from trio_chat.ui.pipes import Output
    from trio_chat.ui.plain import Talk

_PAGE: Final = 500
"""Events in one page of history, at the most (the protocol's bound)."""


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat tail '#ops'", "what is said in #ops from now on"),
        ("trio-chat tail -n 20 '#ops' '#dev'", "with the last 20 of each before that"),
        ("trio-chat tail '#ops' --json | jq -r .text", "for another program"),
        ("trio-chat tail -n 1 '#ops' | head -1", "the last thing said"),
    ],
)
@click.argument("rooms", nargs=-1, metavar="['#ROOM'...]")
@settings(ClientConfig, *SETTINGS, "time_format", "color")
@server_options
@click.option(
    "-n",
    "--backlog",
    cls=GroupedOption,
    group="How it behaves",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="begin with the last N of each room",
)
@click.option("--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="one event a line, JSON")
def command(
    rooms: tuple[str, ...],
    config_path: Path | None,
    host: str | None,
    port: int | None,
    backlog: int,
    *,
    as_json: bool,
    **flags: object,
) -> int:
    """Show what is said in rooms, from now on; without a room, in the lobby.

    A lost connection is made again, and what was missed meanwhile is shown. With --json, that is told by
    events of their own (disconnected, reconnected, missed).

    It goes on until it is stopped: by Ctrl-C (status 130), by SIGTERM (143), or, with status 0, when whoever
    reads its output has seen enough. When the server ends it for good, the status is 1. A configured name that is
    in use gives way to one that the server makes up.
    """
    names = tuple(room_name(room) for room in rooms)
    config = load_settings(ClientConfig, flags, config_path)
    check_given(config, flags.get("name"))
    url = server_url(config, None, url=flags.get("url"), host=host, port=port)

    async def session(chat: Chat) -> int:
        return await _follow(chat, config, names, backlog, as_json=as_json)

    return enter(Entry(url, config, any_name=flags.get("name") is None), session)


async def _follow(chat: Chat, config: ClientConfig, rooms: Sequence[str], backlog: int, *, as_json: bool) -> int:
    """Show rooms until the conversation ends or nobody reads any more."""
    import trio  # noqa: PLC0415 - the help page needs none of it

    from trio_chat.ui.pipes import ReaderGone, standard_output  # noqa: PLC0415 - as above
    from trio_chat.ui.plain import Talk, look_of  # noqa: PLC0415 - as above

    talk = Talk(chat, look_of(config, json=as_json))
    sink = standard_output(talk.look.encoding)
    status = FAILED
    try:
        async with trio.open_nursery() as nursery:

            async def watch_reader() -> None:
                nonlocal status
                await sink.wait_reader_gone()
                status = 0
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch_reader)
            shown = await _show_backlog(talk, sink, rooms, backlog)
            await _show_events(talk, sink, shown)
            nursery.cancel_scope.cancel()
    except* ReaderGone:
        status = 0
    return status


async def _show_backlog(talk: Talk, sink: Output, rooms: Sequence[str], backlog: int) -> dict[str, int]:
    """Enter the rooms and show the last of each, oldest first. Returns up to where each was shown."""
    shown: dict[str, int] = {}
    for word in rooms or [talk.chat.welcome.lobby]:
        view = await talk.chat.join(word) if word not in talk.chat.rooms else talk.chat.rooms[word]
        past = await _read_back(talk.chat, view.name, backlog)
        shown[view.name] = past[-1].seq if past else 0
        talk.follow()
        await sink.write([line for event in past for line in talk.tell(event)])
    return shown


async def _read_back(chat: Chat, room: str, wanted: int) -> list[RoomEvent]:
    """The last events of a room, oldest first, as many as wanted or as are kept."""
    events: list[RoomEvent] = []
    while len(events) < wanted:
        before = events[0].seq if events else None
        page = await chat.history(room, before=before, limit=min(wanted - len(events), _PAGE))
        events[:0] = page.events
        if not page.more or not page.events:
            break
    return events


async def _show_events(talk: Talk, sink: Output, shown: dict[str, int]) -> None:
    """Show what these rooms hear, each event once, until the conversation ends."""
    from trio_chat.client.events import Disconnected, Missed, Reconnected, RejoinRefused  # noqa: PLC0415 - as above
    from trio_chat.protocol.events import Closing, RoomEvent  # noqa: PLC0415 - as above
    from trio_chat.ui.plain import why_ended  # noqa: PLC0415 - as above

    async for event in talk.chat:
        if isinstance(event, RoomEvent):
            if event.seq > shown.get(event.room, event.seq):
                await sink.write(talk.tell(event))
                shown[event.room] = event.seq
        elif isinstance(event, Missed | RejoinRefused):
            if event.room in shown:
                await _remark(talk, sink, event)
        elif isinstance(event, Disconnected | Reconnected | Closing):
            if isinstance(event, Reconnected) and event.anew:
                shown.update(dict.fromkeys(shown, 0))  # numbers seen before mean nothing now
            await _remark(talk, sink, event)
        else:
            talk.place.take(event)
    for why in why_ended(talk.chat):
        await _remark(talk, sink, why)


async def _remark(talk: Talk, sink: Output, event: Event) -> None:
    """Show what is no part of a room: as an event in JSON, else to the person, on standard error."""
    lines = talk.tell(event)
    if talk.look.json:
        await sink.write(lines)
    else:
        for line in lines:
            say(line.removeprefix("-- ").removeprefix("! "))
