"""``who``: show who is online."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_chat.cli.connecting import (
    SETTINGS,
    ConnectionPlan,
    check_given,
    connect_and_run,
    given_server,
    room_name,
    server_options,
)
from trio_chat.cli.options import GroupedOption, Verb, load_settings, settings
from trio_chat.config import ClientConfig

if TYPE_CHECKING:
    from trio_chat.client import Chat


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat who", "everyone who is online"),
        ("trio-chat who '#ops'", "who is in #ops"),
        ("trio-chat who --json | jq -r '.people[].name'", "only the names"),
    ],
)
@click.argument("room", required=False, metavar="['#ROOM']")
@settings(ClientConfig, *SETTINGS, "time_format")
@server_options
@click.option("--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="as one line of JSON")
def command(
    room: str | None, config_path: Path | None, host: str | None, port: int | None, *, as_json: bool, **flags: object
) -> int:
    """Show the people in a room, since when they are there, and who is away. Without a room, show everyone.

    For this, it joins the chat for a moment; nobody is told. If the name in your settings belongs to someone else, the
    server makes one up.
    """
    asked = None if room is None else room_name(room)
    config = load_settings(ClientConfig, flags, config_path)
    check_given(flags.get("name"))
    server = given_server(config, None, url=flags.get("url"), host=host, port=port)

    async def session(chat: Chat) -> int:
        return await _show(chat, config, asked, as_json=as_json)

    return connect_and_run(
        ConnectionPlan(server, config, any_name=flags.get("name") is None, listen=False, quiet=True), session
    )


async def _show(chat: Chat, config: ClientConfig, room: str | None, *, as_json: bool) -> int:
    from trio_chat.protocol.events import People  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.plain.line_mode import LineMode, plain_options  # noqa: PLC0415 - as above
    from trio_chat.ui.plain.pipes import ReaderGone, standard_output  # noqa: PLC0415 - as above

    name = room or chat.welcome.lobby
    people = await chat.who(name)
    talk = LineMode(chat, plain_options(config, json=as_json))
    try:
        await standard_output(talk.options.encoding).write(talk.tell(People(id="", room=name, people=people)))
    except ReaderGone:
        return 0
    return 0
