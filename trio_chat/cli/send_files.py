"""``send --file``: files from the shell, as one message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.cli.faults import say
from trio_chat.cli.transfers import ProgressRow
from trio_chat.errors import UsageError
from trio_chat.protocol.files import size_words

if TYPE_CHECKING:
    from trio_chat.client import Chat, FileSending
    from trio_chat.client.files.sources import NamedSource

STANDARD_INPUT: Final = "-"


def check_files(files: Sequence[str], name: str | None, *, lines: bool) -> None:
    """Check the options of a command line that sends files. Raises ``UsageError``."""
    from trio_chat.protocol.requests import MAX_FILES  # noqa: PLC0415 - the help page does not need it

    if lines:
        raise UsageError("--lines sends lines of the input, and --file sends files. Leave one of them out.")
    if files.count(STANDARD_INPUT) > 1:
        raise UsageError("--file - is the standard input, which can be sent once.")
    if name is not None and len(files) > 1:
        raise UsageError(f"--name names one file, and there are {len(files)}. Leave it out, or send them one by one.")
    if len(files) > MAX_FILES:
        raise UsageError(f"A message carries at most {MAX_FILES} files. Send the others with another one.")


def named_sources(files: Sequence[str], name: str | None) -> list[NamedSource]:
    """The sources of the files to send: paths, and the standard input for ``-``."""
    return [(_input() if file == STANDARD_INPUT else file, name) for file in files]


async def _input() -> AsyncIterator[bytes]:
    from trio_chat.ui.plain.pipes import standard_input  # noqa: PLC0415 - only where it is read

    source = standard_input()
    while piece := await source.read():
        yield piece


async def send_all(
    chat: Chat, room: str | None, people: Sequence[str], sources: Sequence[NamedSource], text: str
) -> None:
    """Send the files and the text, and return when the message is stored.

    Cancelled, it says what a second run goes on with.
    """
    sending = chat.begin_upload(room, sources, text, to=people)
    row = ProgressRow(", ".join(sending.names))
    sending.callback = row
    try:
        await sending.run()
    except trio.Cancelled:
        row.clear()
        _say_resumable(sending)
        raise
    except Exception:
        row.clear()
        raise
    row.clear()


def _say_resumable(sending: FileSending) -> None:
    if not sending.resumable:
        say("Stopped. Nothing was sent.")
        return
    done, size, _ = sending.progress
    part = f"{size_words(done)} of {size_words(size)}" if size else "A part"
    say(f"Stopped. {part} were sent, but no message. The same command goes on there within a day.")
