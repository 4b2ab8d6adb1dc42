"""``get``: fetch the files of a message, or one file."""

from __future__ import annotations

import os
import re
import shutil
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
from trio_chat.cli.faults import FAILED, say, sentence
from trio_chat.cli.options import GroupedOption, Verb, load_settings, settings
from trio_chat.config import ClientConfig
from trio_chat.errors import ChatError, OutputError, UsageError
from trio_chat.ui.terminal.capabilities import coloured, is_terminal

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.protocol.parts import FileInfo
    from trio_chat.ui.preview.graphics import Graphics

_GROUP: Final = "Where it goes"
_STANDARD_OUTPUT: Final = "-"
_HERE: Final = "."
_FILE: Final = re.compile("[A-Za-z0-9_-]{16,64}")  # those of a server have 22 characters
_MESSAGE: Final = re.compile(r"(?P<room>.+?)(?:/|\s+#?)(?P<seq>[0-9]{1,15})")


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat get '#ops/12'", "the files of message 12 in #ops, into this folder"),
        ("trio-chat get '#ops' 12 -o logs/", "the same, into the folder logs"),
        ("trio-chat get '#ops/12' --preview", "its images, here in the terminal"),
        ("trio-chat get '#ops/12' -o - | less", "its file, for another program"),
        ("trio-chat get Zk3rNc0mpL3x1dQwErTyUi -o build.log", "a file by its id, which `trio-chat files` shows"),
    ],
)
@click.argument("what", nargs=-1, metavar="'#ROOM/N'|@NAME/N|FILE")
@settings(ClientConfig, *SETTINGS)
@server_options
@click.option(
    "-o",
    "--output",
    cls=GroupedOption,
    group=_GROUP,
    metavar="PATH|-",
    type=click.Path(allow_dash=True),
    default=_HERE,
    help="save it there: in a folder, or as this file; - is the standard output",
)
@click.option(
    "--preview",
    cls=GroupedOption,
    group=_GROUP,
    is_flag=True,
    help="show images here, in the terminal, and save nothing",
)
@click.option("--overwrite", cls=GroupedOption, group=_GROUP, is_flag=True, help="replace a file of that name")
def command(
    what: tuple[str, ...],
    config_path: Path | None,
    host: str | None,
    port: int | None,
    output: str,
    *,
    overwrite: bool,
    preview: bool,
    **flags: object,
) -> int:
    """Fetch the files of a message, given by its room and its number, or one file, given by its id.

    Each file is saved under its name; if that is taken, a number is added to it. Its hash is checked. If it is
    interrupted, the same command goes on where it ended. The paths are printed.

    Exit status: 0 when all is there and its hash is right, 1 when a file could not be fetched or saved, 2 when the
    command line or a setting is wrong.
    """
    if preview and (output != _HERE or overwrite):
        raise UsageError("--preview saves nothing. Leave out --output and --overwrite, or --preview.")
    if preview and not is_terminal(1):
        raise UsageError("--preview shows images on a terminal, and the output is none. Save the file instead.")
    room, key = _read(what)
    config = load_settings(ClientConfig, flags, config_path)
    check_given(flags.get("name"))
    server = given_server(config, None, url=flags.get("url"), host=host, port=port)

    async def session(chat: Chat) -> int:
        try:
            files = [await chat.find_file(key)] if room is None else await _files_of(chat, room, int(key))
            if preview:
                return await _show(chat, files, colour=config.color)
            if output == _STANDARD_OUTPUT:
                return await _write(chat, files)
            return await _save(chat, files, output, overwrite=overwrite)
        except (ChatError, OutputError) as error:
            say(sentence(error))
            return FAILED

    return connect_and_run(ConnectionPlan(server, config, listen=False, quiet=True), session)


def _read(words: tuple[str, ...]) -> tuple[str | None, str]:
    """The room and the number of a message, or ``None`` and the id of a file. Raises ``UsageError``."""
    if not words:
        raise UsageError("Give a message, such as '#ops/12', or the id of a file. `trio-chat files '#ops'` lists both.")
    text = " ".join(words).strip()
    message = _MESSAGE.fullmatch(text)
    if message is not None:
        room = message["room"].rstrip("/ ")
        return conversation_name(room), message["seq"]
    if text.startswith(("#", "@")) or len(words) > 1:
        raise UsageError(f"{text} is not a message: its number is missing, as in '#ops/12'.")
    if not _FILE.fullmatch(text):
        raise UsageError(
            f"{text} is neither a message, such as '#ops/12', nor the id of a file. "
            "`trio-chat files '#ops'` lists both."
        )
    return None, text


async def _files_of(chat: Chat, room: str, seq: int) -> list[FileInfo]:
    """The files of a message. Raises ``ChatError`` when there is none."""
    from trio_chat.protocol.events import Message  # noqa: PLC0415 - the help page does not need it

    room = await enter_conversation(chat, room)
    past = await chat.history(room, after=seq - 1, limit=1) if seq > 0 else None
    for event in past.events if past is not None else ():
        if isinstance(event, Message) and event.seq == seq and not event.deleted:
            if event.files:
                return list(event.files)
            raise ChatError(f"Message {seq} of {room} carries no file. `trio-chat files '{room}'` lists those that do.")
    raise ChatError(f"There is no message {seq} in {room}. `trio-chat files '{room}'` lists those with files.")


async def _save(chat: Chat, files: list[FileInfo], output: str, *, overwrite: bool) -> int:
    import trio  # noqa: PLC0415 - the help page does not need it

    from trio_chat.cli.transfers import ProgressRow  # noqa: PLC0415 - as above
    from trio_chat.protocol.text import clean_line  # noqa: PLC0415 - as above

    if len(files) > 1 and not Path(output).is_dir():  # noqa: ASYNC240 - one look at the disk
        raise UsageError(f"The message carries {len(files)} files, and {output} is no folder. Give a folder.")
    for file in files:
        row = ProgressRow(file.name)
        try:
            path = await chat.save_file(file, output, progress=row, overwrite=overwrite)
        except trio.Cancelled:
            row.clear()
            say(f"Stopped. {clean_line(file.name)} is not complete; the same command goes on where it ended.")
            raise
        except BaseException:
            row.clear()
            raise
        row.clear()
        click.echo(_shown(path))
    return 0


async def _show(chat: Chat, files: list[FileInfo], *, colour: str) -> int:
    """Show the images among the files in the terminal."""
    import trio  # noqa: PLC0415 - the help page does not need it

    from trio_chat.cli.transfers import ProgressRow  # noqa: PLC0415 - as above
    from trio_chat.protocol.file_kinds import is_image  # noqa: PLC0415 - as above
    from trio_chat.protocol.text import clean_line  # noqa: PLC0415 - as above
    from trio_chat.ui.model.shown_files import file_row  # noqa: PLC0415 - as above
    from trio_chat.ui.preview.asking import ask_graphics, write_rows  # noqa: PLC0415 - as above
    from trio_chat.ui.preview.drawing import draw_image  # noqa: PLC0415 - as above
    from trio_chat.ui.preview.graphics import colour_depth  # noqa: PLC0415 - as above
    from trio_chat.ui.preview.loading import load_image  # noqa: PLC0415 - as above

    images = [file for file in files if is_image(file.kind)] or files  # why the first cannot be shown is told then
    graphics: Graphics | None = None
    depth = colour_depth(os.environ, colour=coloured(colour))
    for image in images:
        row = ProgressRow(image.name)
        try:
            data = await load_image(chat.open_file(image, progress=row), image)
        finally:
            row.clear()
        if graphics is None:
            graphics = await trio.to_thread.run_sync(ask_graphics)
        rows = await draw_image(data, clean_line(image.name), shutil.get_terminal_size(), graphics, depth)
        click.echo(file_row(image))
        await trio.to_thread.run_sync(write_rows, rows)
    return 0


def _shown(path: Path) -> str:
    """The path as it would be typed in this folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


async def _write(chat: Chat, files: list[FileInfo]) -> int:
    """Write one file to the standard output."""
    from trio_chat.cli.transfers import ProgressRow  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.plain.pipes import ReaderGone, standard_bytes  # noqa: PLC0415 - as above

    if len(files) > 1:
        raise UsageError(f"The message carries {len(files)} files, which would run into each other. Give a folder.")
    (file,) = files
    if sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("A file may hold anything, so it is not written to a terminal. Pipe it: -o - | less")
    row = ProgressRow(file.name)
    sink = standard_bytes()
    try:
        async with chat.open_file(file, progress=row) as chunks:
            async for chunk in chunks:
                await sink.write_bytes(chunk)
    except ReaderGone:
        return 0
    finally:
        row.clear()
    return 0
