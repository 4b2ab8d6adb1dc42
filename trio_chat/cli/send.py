"""``send``: say something from a script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trio_chat.cli.connecting import (
    SETTINGS,
    ConnectionPlan,
    check_given,
    connect_and_run,
    given_server,
    person_name,
    person_present,
    room_name,
    server_options,
)
from trio_chat.cli.faults import FAILED, say, sentence
from trio_chat.cli.options import GroupedOption, Verb, load_settings, settings
from trio_chat.config import ClientConfig
from trio_chat.errors import ChatError, ConnectionClosed, Refused, UsageError

if TYPE_CHECKING:
    from trio_chat.client import Chat

_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of input read for one message: more than the longest that a server can be set to take."""

_HINT: Final = " If you want a new room of that name, add --create."
"""The advice to a person whose message went to a room that does not exist."""


@click.command(
    cls=Verb,
    examples=[
        ("echo done | trio-chat send '#ops'", "the input, as one message"),
        ("trio-chat send '#ops' backup is done", "the words of the command line"),
        ("trio-chat send @bob,@eve lunch?", "to these people only"),
        ("tail -f app.log | trio-chat send --lines '#log'", "each line as it arrives"),
    ],
)
@click.argument("target", required=False, metavar="'#ROOM'|@NAME[,@NAME]")
@click.argument("text", nargs=-1)
@settings(ClientConfig, *SETTINGS)
@server_options
@click.option(
    "--lines", cls=GroupedOption, group="How it behaves", is_flag=True, help="send each line of the input as a message"
)
@click.option(
    "--create", cls=GroupedOption, group="How it behaves", is_flag=True, help="make the room if it does not exist"
)
def command(
    target: str | None,
    text: tuple[str, ...],
    config_path: Path | None,
    host: str | None,
    port: int | None,
    *,
    lines: bool,
    create: bool,
    **flags: object,
) -> int:
    """Send a message to a room or to people.

    The message is the text of the command line, or else the whole input. The room is joined if need be; it must exist,
    unless --create makes it. In a shell, # begins a comment: quote the room's name, or leave out the #.

    Exit status: 0 when the server has acknowledged everything, 1 when a message was not delivered, 2 when the command
    line or a setting is wrong.
    """
    if target is None:
        raise UsageError("The destination is missing. Give a room (in quotes: '#ops') or people (@bob).")
    if lines and text:
        raise UsageError("--lines sends the input, and there is a text too. Leave one of them out.")
    room, people = _read_target(target)
    config = load_settings(ClientConfig, flags, config_path)
    check_given(flags.get("name"))
    server = given_server(config, None, url=flags.get("url"), host=host, port=port)

    async def session(chat: Chat) -> int:
        destination = _Destination(chat, room, people, create=create)
        return await _say_all(destination, _messages(" ".join(text), lines=lines))

    return connect_and_run(ConnectionPlan(server, config, listen=False, quiet=True), session)


def _read_target(target: str) -> tuple[str | None, tuple[str, ...]]:
    """The room, or the people; the other one is empty. The room "" is the lobby."""
    if not target.startswith("@"):
        if not target.removeprefix("#"):
            raise UsageError("# is not a room. Give its name as well: '#ops'.")
        return room_name(target), ()
    people = tuple(dict.fromkeys(name for word in target.split(",") if (name := word.strip().removeprefix("@"))))
    if not people:
        raise UsageError("@ is not a person. Give a name as well: @bob.")
    if any(name.casefold() == "all" for name in people):
        if len(people) > 1:
            raise UsageError("@ALL means everyone. Leave out the other names.")
        return "", ()
    return None, tuple(person_name(name) for name in people)


async def _messages(text: str, *, lines: bool) -> AsyncIterator[str]:
    """Give the messages to send, one after the other."""
    from trio_chat.ui.plain.pipes import standard_input  # noqa: PLC0415 - the help page does not need it

    if text:
        yield text
        return
    source = standard_input()
    if lines:
        async for line in source.lines():
            if line.strip():
                yield line
        return
    if person_present():
        say("Type the message; Ctrl-D on a new line sends it.")
    whole = await source.read_all(_LONGEST)
    if whole is None:
        raise ChatError(f"The input has more than {_LONGEST} bytes, too many for one message. --lines sends each line.")
    yield whole.rstrip("\r\n")


class _Destination:
    """Where messages go: people, or a room (empty: the lobby), which is joined before the first message."""

    def __init__(self, chat: Chat, room: str | None, people: tuple[str, ...], *, create: bool) -> None:
        self._chat = chat
        self._create = create
        self._room = chat.welcome.lobby if room == "" else room
        self._people = people

    async def send(self, text: str) -> None:
        """Send one message and wait until it is acknowledged."""
        if self._room is None:
            await self._chat.send_to(self._people, text)
            return
        if self._room not in self._chat.rooms:
            self._room = (await self._chat.join(self._room, create=self._create)).name
        await self._chat.send(self._room, text)


async def _say_all(destination: _Destination, messages: AsyncIterator[str]) -> int:
    """Send all messages and print why a message was not delivered. Returns the exit status."""
    from trio_chat.ui.actions.retry import patiently  # noqa: PLC0415 - the help page does not need it

    status = 0
    async for text in messages:
        if not text.strip():
            say("The message is empty. Nothing was sent.")
            status = FAILED
            continue
        try:
            await patiently(partial(destination.send, text))
        except ConnectionClosed:
            raise
        except ChatError as error:
            say(sentence(error) + (_HINT if isinstance(error, Refused) and error.code == "unknown_room" else ""))
            status = FAILED
    return status
