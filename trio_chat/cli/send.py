"""``send``: say something, or send files, from a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
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
    from trio_chat.client.files.sources import NamedSource

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
        ("trio-chat send --file build.log '#ops' it failed here", "a file, and a text with it"),
        ("journalctl | trio-chat send --file - --name log.txt '#ops'", "the input, as a file"),
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
    "--file",
    "files",
    cls=GroupedOption,
    group="How it behaves",
    metavar="FILE|-",
    multiple=True,
    type=click.Path(allow_dash=True),
    help="send a file; - is the input, which --name names; may be given several times, for one message",
)
@click.option(
    "--as", "sender", cls=GroupedOption, group="The server and you", metavar="NAME", help="your name, beside --file"
)
@click.option(
    "--create", cls=GroupedOption, group="How it behaves", is_flag=True, help="make the room if it does not exist"
)
def command(  # noqa: PLR0913 - each is an option of the command
    target: str | None,
    text: tuple[str, ...],
    config_path: Path | None,
    host: str | None,
    port: int | None,
    *,
    lines: bool,
    files: tuple[str, ...],
    sender: str | None,
    create: bool,
    **flags: object,
) -> int:
    """Send a message to a room or to people.

    The message is the text of the command line, or else the whole input. The room is joined if need be; it must exist,
    unless --create makes it. In a shell, # begins a comment: quote the room's name, or leave out the #.

    With --file, the text of the command line goes with the files, and --name is the name of the file in the chat; your
    own name is then given by --as, or the settings. If it is interrupted, the same command goes on where it ended.

    Exit status: 0 when the server has acknowledged everything, 1 when a message was not delivered, 2 when the command
    line or a setting is wrong.
    """
    if target is None:
        raise UsageError("The destination is missing. Give a room (in quotes: '#ops') or people (@bob).")
    if lines and text:
        raise UsageError("--lines sends the input, and there is a text too. Leave one of them out.")
    room, people = _read_target(target)
    file_name = _take_names(flags, files, sender, lines=lines)
    config = load_settings(ClientConfig, flags, config_path)
    check_given(flags.get("name"))
    server = given_server(config, None, url=flags.get("url"), host=host, port=port)

    async def session(chat: Chat) -> int:
        destination = _Destination(chat, room, people, create=create)
        if files:
            return await _send_files(destination, files, file_name, " ".join(text))
        return await _say_all(destination, _messages(" ".join(text), lines=lines))

    return connect_and_run(ConnectionPlan(server, config, listen=False, quiet=True), session)


def _take_names(flags: dict[str, object], files: tuple[str, ...], sender: str | None, *, lines: bool) -> str | None:
    """The name of the file, which ``--name`` is beside ``--file``. Leaves the person's name in the flags."""
    from trio_chat.cli.send_files import check_files  # noqa: PLC0415 - the help page does not need it

    given = flags.get("name")
    if not files:
        if sender is not None and given is not None:
            raise UsageError("Your name is given twice, by --name and by --as. Leave one of them out.")
        flags["name"] = sender or given
        return None
    flags["name"] = sender
    name = None if given is None else str(given)
    check_files(files, name, lines=lines)
    return name


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
        await self.enter()
        if self._room is None:
            await self._chat.send_to(self._people, text)
        else:
            await self._chat.send(self._room, text)

    async def enter(self) -> None:
        """Join the room, if need be."""
        if self._room is not None and self._room not in self._chat.rooms:
            self._room = (await self._chat.join(self._room, create=self._create)).name

    async def send_files(self, sources: Sequence[NamedSource], text: str) -> None:
        """Send files with one message and wait until it is acknowledged."""
        from trio_chat.cli.send_files import send_all  # noqa: PLC0415 - the help page does not need it

        await send_all(self._chat, self._room, self._people, sources, text)


async def _send_files(destination: _Destination, files: tuple[str, ...], name: str | None, text: str) -> int:
    """Send files and print why they were not delivered. Returns the exit status."""
    from trio_chat.cli.send_files import named_sources  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.actions.retry import patiently  # noqa: PLC0415 - as above

    try:
        await patiently(destination.enter)
        await destination.send_files(named_sources(files, name), text)
    except ChatError as error:
        say(sentence(error) + _hint(error))
        return FAILED
    return 0


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
            say(sentence(error) + _hint(error))
            status = FAILED
    return status


def _hint(error: ChatError) -> str:
    return _HINT if isinstance(error, Refused) and error.code == "unknown_room" else ""
