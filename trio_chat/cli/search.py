"""``search``: search messages from the shell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trio_chat.cli.connecting import SETTINGS, ConnectionPlan, connect_and_run, given_server, server_options
from trio_chat.cli.faults import FAILED, say
from trio_chat.cli.options import GroupedOption, Verb, WholeNumber, load_settings, settings, whole
from trio_chat.cli.search_pages import find_messages
from trio_chat.config import ClientConfig
from trio_chat.errors import UsageError

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.protocol.query import Query

_GROUP: Final = "What to find"


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat search disk full", "messages with both words, the newest first"),
        ("trio-chat search 'disk full' --from ada --room '#ops'", "this phrase, from ada, in #ops"),
        ("trio-chat search --has-link --after 2026-01-01 -n 100", "the last hundred messages with links since then"),
        ("trio-chat search backup --context 2", "with two messages before and after each"),
        ("trio-chat search backup --json | jq -r .text", "for another program"),
    ],
)
@click.argument("words", nargs=-1)
@settings(ClientConfig, *SETTINGS, "time_format", "color")
@server_options
@click.option(
    "--room",
    cls=GroupedOption,
    group=_GROUP,
    metavar="ROOM",
    help="in this room; @bob for your direct conversation with bob",
)
@click.option("--from", "sender", cls=GroupedOption, group=_GROUP, metavar="NAME", help="from this person")
@click.option("--before", cls=GroupedOption, group=_GROUP, metavar="WHEN", help="before this day or time, or 2h ago")
@click.option("--after", cls=GroupedOption, group=_GROUP, metavar="WHEN", help="since this day or time, or 2h ago")
@click.option("--has-link", cls=GroupedOption, group=_GROUP, is_flag=True, help="with a link")
@click.option("--has-file", cls=GroupedOption, group=_GROUP, is_flag=True, help="with a file")
@click.option("--file", cls=GroupedOption, group=_GROUP, metavar="WORDS", help="with a file that has them in its name")
@click.option(
    "-n",
    "--limit",
    cls=GroupedOption,
    group="How much",
    metavar="N",
    type=WholeNumber(1, 100_000),
    default=20,
    help=f"show at most N messages {whole('[default: 20]')}",
)
@click.option(
    "-C",
    "--context",
    cls=GroupedOption,
    group="How much",
    metavar="N",
    type=WholeNumber(0, 100),
    default=0,
    help=f"show N lines before and after each message {whole('[default: 0]')}",
)
@click.option(
    "--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="one message per line, as JSON"
)
def command(  # noqa: PLR0913 - each is an option of the command
    words: tuple[str, ...],
    *,
    config_path: Path | None,
    host: str | None,
    port: int | None,
    room: str | None,
    sender: str | None,
    before: str | None,
    after: str | None,
    limit: int,
    context: int,
    has_link: bool,
    has_file: bool,
    file: str | None,
    as_json: bool,
    **flags: object,
) -> int:
    """Search all messages that you can read, the newest first. A message must meet all conditions.

    A word may also be a condition, as for /search in the chat: from:ada in:#ops after:2026-01-01 has:file. A time
    is a day, a day and time, or how long ago (2h, 7d). Without a time zone it is in this machine's zone.

    Exit status: 0 when a message was found, 1 when none was found, 2 when the command line or a setting is wrong.
    """
    given = {"from": sender, "in": room, "before": before, "after": after, "file": file}
    things = [f"has:{thing}" for thing, wanted in (("link", has_link), ("file", has_file)) if wanted]
    query = _read_query((*words, *things), given)
    if context and as_json:
        raise UsageError("--context does not work with --json. Leave one of them out.")
    config = load_settings(ClientConfig, flags, config_path)
    server = given_server(config, None, url=flags.get("url"), host=host, port=port)

    async def session(chat: Chat) -> int:
        return await _show(chat, config, query, limit, context, as_json=as_json)

    return connect_and_run(ConnectionPlan(server, config, listen=False, quiet=True), session)


def _read_query(words: tuple[str, ...], given: dict[str, str | None]) -> Query:
    """The search that the words ask for. Raises ``UsageError`` when they ask for nothing, or are no search."""
    from trio_chat.protocol.query import BadQuery, parse_query  # noqa: PLC0415 - the help page does not need it

    parts = [f'"{word}"' if " " in word and '"' not in word else word for word in words]
    parts += [f'{key}:"{value}"' for key, value in given.items() if value is not None]
    query = parse_query(" ".join(parts))
    if isinstance(query, BadQuery):
        raise UsageError(query.why)
    _check_times(query)
    return query


def _check_times(query: Query) -> None:
    """Raise ``UsageError`` when a time of the search is none."""
    from trio_chat.protocol.spans import TIME_FORMS, to_utc  # noqa: PLC0415 - the help page does not need it

    for typed in (query.before, query.after):
        if typed is not None and to_utc(typed, now=datetime.now(UTC)) is None:
            raise UsageError(f"{typed} is not a time. Give {TIME_FORMS}.")


def _with_times(query: Query, now: datetime) -> Query:
    """The search with its times in the protocol's form; ``now`` is the time of the server's clock."""
    from trio_chat.protocol.spans import to_utc  # noqa: PLC0415 - the help page does not need it

    before, after = (None if typed is None else to_utc(typed, now=now) for typed in (query.before, query.after))
    return replace(query, before=before, after=after)


async def _show(chat: Chat, config: ClientConfig, query: Query, limit: int, context: int, *, as_json: bool) -> int:
    from trio_chat.ui.actions.messages import look_around  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.model.notes import Hits  # noqa: PLC0415 - as above
    from trio_chat.ui.plain.line_mode import LineMode, plain_options  # noqa: PLC0415 - as above
    from trio_chat.ui.plain.pipes import ReaderGone, standard_output  # noqa: PLC0415 - as above

    talk = LineMode(chat, plain_options(config, json=as_json))
    query = _with_times(query, datetime.fromisoformat(chat.welcome.time))
    if query.room is not None and query.room.startswith("@"):
        room = talk.place.find_direct(query.room)
        if room is None:
            say(f"You have no conversation {query.room}.")
            return FAILED
        query = replace(query, room=room)
    sink = standard_output(talk.options.encoding)
    count = 0
    try:
        async for message in find_messages(chat, query, limit):
            if context:
                around = await look_around(chat, message.room, message.seq, context)
                lines = ([""] if count else []) + talk.tell(around)
            else:
                lines = talk.tell(message if as_json else Hits(messages=(message,)))
            await sink.write(lines)
            count += 1
    except ReaderGone:
        return 0
    return 0 if count else FAILED
