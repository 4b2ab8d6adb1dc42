"""How an exception ends the program: as a sentence on standard error and an exit status, or as a crash report.

A task's exception may come wrapped in groups, so each exception inside the groups is looked at. If one of them is not
an exception of this package or of click, and no interruption, the whole is a bug.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from trio_chat.cli.program import INTERRUPTED, PROGRAM
from trio_chat.cli.streams import discard_unwritten, is_output_error
from trio_chat.errors import ConfigError, Refused, TrioChatError, UsageError
from trio_chat.output import harmless_stream
from trio_chat.version import __version__

FAILED: Final = 1
MISUSED: Final = 2

_CHAT_COMMAND: Final = re.compile(r"(?:^|\s)/[a-z]")
_CHOICES: Final = re.compile(r"\s*\n\t")
"""How click puts each of several choices on a line of its own; a sentence has them in one line."""
_INDENT: Final = "  "
"""The indent of the further rows of a line that is too long for the terminal."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Give the exceptions inside a group, however deep; an exception that is not a group gives itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def report(error: BaseException) -> int:
    """Print what happened and return the exit status."""
    found = list(leaves(error))
    try:
        if any(_is_bug(leaf) for leaf in found):
            return _crash(error)
        if any(_is_interruption(leaf) for leaf in found):
            return INTERRUPTED
        return max(_say(leaf) for leaf in found)
    except OSError:  # standard error cannot be written either
        return FAILED
    finally:
        discard_unwritten()


def say(text: str) -> None:
    """Print sentences for a person on standard error, each line after the program's name.

    Parts of them may come from the network, so control characters are shown as pictures of themselves. Standard error
    that cannot be written stops nothing: the exit status still tells how the command ended.
    """
    columns = terminal_columns()
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError, ValueError):
        for line in text.splitlines():
            for row in _rows(f"{PROGRAM}: {harmless(line)}", columns):
                harmless_stream(sys.stderr).write(f"{row}\n")
                sys.stderr.flush()


def terminal_columns() -> int:
    """The width of the terminal that standard error writes to; 0 when it is no terminal, or has no width."""
    return _terminal_size()[0]


def terminal_rows() -> int:
    """The height of the terminal that standard error writes to; 0 when it is no terminal, or has no height."""
    return _terminal_size()[1]


def _terminal_size() -> tuple[int, int]:
    try:
        return os.get_terminal_size(sys.stderr.fileno()) if sys.stderr.isatty() else (0, 0)
    except (AttributeError, OSError, ValueError):  # none at all, one that is closed, or no terminal
        return 0, 0


def _rows(line: str, columns: int) -> list[str]:
    """Break a line into rows between words. A word that is wider than a row stays whole, so that it can be copied."""
    if not columns or len(line) <= columns // 2:
        return [line]
    from trio_chat.ui.terminal.graphemes import text_width  # noqa: PLC0415 - only for a terminal

    first, *words = line.split(" ")
    rows = [first]
    for word in words:
        if text_width(f"{rows[-1]} {word}") <= columns:
            rows[-1] += f" {word}"
        else:
            rows.append(f"{_INDENT}{word}")
    return rows


def sentence(error: BaseException) -> str:
    """The error as a sentence for a person at a shell: without advice to use a /command, which works only in chats."""
    if isinstance(error, Refused) and _CHAT_COMMAND.search(error.advice):
        return error.message
    return str(error)


def harmless(text: str) -> str:
    """The text with an escape in place of each character that does not print, such as a control character."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _is_interruption(error: BaseException) -> bool:
    """Whether Ctrl-C caused it; click's prompts turn that into an ``Abort``."""
    return isinstance(error, KeyboardInterrupt) or (
        isinstance(error, click.Abort) and isinstance(error.__context__, KeyboardInterrupt)
    )


def _is_bug(error: BaseException) -> bool:
    known = (
        TrioChatError,
        BrokenPipeError,
        KeyboardInterrupt,
        SystemExit,
        click.ClickException,
        click.Abort,
        click.exceptions.Exit,
    )
    return not isinstance(error, known) and not is_output_error(error)


def _say(error: BaseException) -> int:
    """Print one exception that is not a bug; return its exit status."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else int(error.code is not None)
        case BrokenPipeError():  # whoever read our output has seen enough
            return 0
        case click.Abort():
            say("The input ended before the question was answered.")
            return FAILED
        case click.exceptions.NoArgsIsHelpError():
            with contextlib.suppress(OSError):
                click.echo(error.format_message(), err=True, color=error.ctx.color)
            return MISUSED
        case click.ClickException():
            say(_CHOICES.sub(" ", error.format_message()))
            if isinstance(error, click.UsageError) and error.ctx is not None:
                say(f"Try '{error.ctx.command_path} --help'.")
            return error.exit_code
        case OSError():
            say(f"Cannot write the output: {error.strerror}.")
            return FAILED
        case _:
            say(sentence(error))
            return MISUSED if isinstance(error, ConfigError | UsageError) else FAILED


# ---- bugs -------------------------------------------------------------------------------------


def _crash(error: BaseException) -> int:
    """Write the traceback to a file and print the file's path."""
    kind = type(error).__name__
    try:
        path = _write_crash_report(error)
    except OSError as why:
        say(f"Stopped by a bug ({kind}), and the report about it cannot be written: {why.strerror}.")
    else:
        say(f"Stopped by a bug ({kind}). A report is in {path}.")
    return FAILED


def _write_crash_report(error: BaseException) -> Path:
    """Write a report that only its owner can read, without arguments and settings, which may be private."""
    import platformdirs  # noqa: PLC0415 - only for a crash

    now = datetime.now(UTC)
    folder = platformdirs.user_log_path(PROGRAM, appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"crash-{now:%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    head = (
        f"{PROGRAM} {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"{now:%Y-%m-%dT%H:%M:%SZ}\n\n"
    )
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600), encoding="utf-8") as file:
        file.write(head + "".join(traceback.format_exception(error)))
    return path
