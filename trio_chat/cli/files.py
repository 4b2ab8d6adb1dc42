"""``files``: list the files of a room."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trio_chat.cli.connecting import (
    SETTINGS,
    ConnectionPlan,
    check_given,
    connect_and_run,
    given_server,
    server_options,
)
from trio_chat.cli.conversations import conversation_name, enter_conversation
from trio_chat.cli.faults import FAILED, say
from trio_chat.cli.options import GroupedOption, Verb, WholeNumber, load_settings, settings, whole
from trio_chat.cli.search_pages import find_messages
from trio_chat.config import ClientConfig

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.protocol.events import Message
    from trio_chat.protocol.parts import FileInfo

_HEADINGS: Final = ("MESSAGE", "TIME", "FROM", "SIZE", "FILE", "NAME")


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat files '#ops'", "the newest files of #ops"),
        ("trio-chat files '#ops' -n 1000 | cut -f 6", "only the names"),
        ("trio-chat files '#ops' --json | jq -r .id", "for another program"),
    ],
)
@click.argument("room", required=False, metavar="['#ROOM'|@NAME]")
@settings(ClientConfig, *SETTINGS)
@server_options
@click.option(
    "-n",
    "--limit",
    cls=GroupedOption,
    group="How much",
    metavar="N",
    type=WholeNumber(1, 100_000),
    default=50,
    help=f"list the files of at most N messages {whole('[default: 50]')}",
)
@click.option(
    "--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="one file per line, as JSON"
)
def command(
    room: str | None,
    config_path: Path | None,
    host: str | None,
    port: int | None,
    limit: int,
    *,
    as_json: bool,
    **flags: object,
) -> int:
    """List the files of a room, the newest first; without a room, those of the lobby.

    On a terminal it is a table. Elsewhere the columns are separated by tabs: the message (as for `trio-chat get`), its
    time, its sender, the size in bytes, the file's id, its name.

    Exit status: 0 when a file was found, 1 when none was found, 2 when the command line or a setting is wrong.
    """
    asked = None if room is None else conversation_name(room)
    config = load_settings(ClientConfig, flags, config_path)
    check_given(flags.get("name"))
    server = given_server(config, None, url=flags.get("url"), host=host, port=port)

    async def session(chat: Chat) -> int:
        return await _list(chat, asked, limit, as_json=as_json)

    return connect_and_run(ConnectionPlan(server, config, listen=False, quiet=True), session)


async def _list(chat: Chat, room: str | None, limit: int, *, as_json: bool) -> int:
    from trio_chat.protocol.query import Query  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.plain.pipes import ReaderGone, standard_output  # noqa: PLC0415 - as above

    name = await enter_conversation(chat, room or chat.welcome.lobby)
    table = not as_json and sys.stdout is not None and sys.stdout.isatty()
    query = Query(room=name, has_file=True)
    rows = [(message, file) async for message in find_messages(chat, query, limit) for file in message.files]
    if not rows:
        say(f"No message of {name} carries a file.")
        return FAILED
    lines = [_as_json(*row) for row in rows] if as_json else _as_table(rows) if table else list(map(_as_fields, rows))
    try:
        await standard_output(getattr(sys.stdout, "encoding", None) or "utf-8").write(lines)
    except ReaderGone:
        return 0
    return 0


def _as_json(message: Message, file: FileInfo) -> str:
    import msgspec  # noqa: PLC0415 - the help page does not need it

    from trio_chat.protocol.text import escape_json  # noqa: PLC0415 - as above

    where = {"room": message.room, "seq": message.seq, "time": message.time}
    who = {"from": message.sender, "from_id": message.sender_id}
    return escape_json(msgspec.json.encode({**where, **who, **msgspec.to_builtins(file)}).decode())


def _fields(message: Message, file: FileInfo, size: str) -> tuple[str, ...]:
    from trio_chat.protocol.text import clean_line  # noqa: PLC0415 - the help page does not need it

    one = (f"{message.room}/{message.seq}", message.time, message.sender, size, file.id, file.name)
    return tuple(clean_line(text).replace("\t", " ") for text in one)


def _as_fields(row: tuple[Message, FileInfo]) -> str:
    return "\t".join(_fields(*row, str(row[1].size)))


def _as_table(rows: list[tuple[Message, FileInfo]]) -> list[str]:
    from trio_chat.protocol.files import size_words  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.model.lines import table  # noqa: PLC0415 - as above

    return table(_HEADINGS, [_fields(message, file, size_words(file.size)) for message, file in rows])
