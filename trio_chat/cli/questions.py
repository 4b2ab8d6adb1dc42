"""Questions at a terminal whose answers are shown while they are typed; ``password_prompt`` asks the others.

All of them raise ``KeyboardInterrupt`` for Ctrl-C and ``click.Abort`` at the end of the input. The cursor is then at
the start of a row.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import textwrap
from collections.abc import Sequence

import click

from trio_chat.cli.faults import terminal_columns
from trio_chat.output import harmless_stream


def tell(text: str, indent: str = "") -> None:
    """Print a text on standard error, broken between words; rows after the first begin with the ``indent``."""
    columns = terminal_columns()
    stream = harmless_stream(sys.stderr)
    with contextlib.suppress(OSError, ValueError):
        for line in text.splitlines() or [""]:
            width = columns or len(line) + 1
            rows = textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            stream.write("\n".join(rows) + "\n")
        sys.stderr.flush()


def ask_line(question: str) -> str:
    """Ask a question on standard error and return the line that the person types, without spaces around it."""
    stream = harmless_stream(sys.stderr)
    line = ""
    try:  # Ctrl-C may come as soon as the question is there to be read
        stream.write(f"{question}: ")
        sys.stderr.flush()
        _wait_for_line()
        line = sys.stdin.readline()
    except UnicodeDecodeError:  # in another encoding than the terminal's
        line = "\N{REPLACEMENT CHARACTER}\n"
    finally:
        if not line:
            stream.write("\n")
            sys.stderr.flush()
    if not line:
        raise click.Abort
    return line.strip()


def _wait_for_line() -> None:
    """Wait until a line can be read, or a signal has come. Python heeds a signal before the next step of the program:
    one that comes just before a blocking read would wait for the line too."""
    if sys.platform == "win32":  # select takes sockets only there
        return
    reader, writer = os.pipe()
    try:
        os.set_blocking(writer, False)
        before = signal.set_wakeup_fd(writer)
        try:
            select.select([sys.stdin, reader], [], [])
        finally:
            signal.set_wakeup_fd(before)
    finally:
        os.close(reader)
        os.close(writer)


def choose(question: str, choices: Sequence[str], *, prompt: str = "Number") -> int:
    """Ask for one of the choices by its number, again until it is one; returns its index. Enter takes the first."""
    tell(question)
    width = len(str(len(choices)))
    for number, choice in enumerate(choices, 1):
        tell(f"  {number:>{width}}  {choice}", " " * (width + 4))
    while True:
        answer = ask_line(f"{prompt} [1]") or "1"
        if answer.isascii() and answer.isdecimal() and 1 <= int(answer) <= len(choices):
            return int(answer) - 1
        tell(f"Type a number from 1 to {len(choices)}, or just press Enter for 1.")


def confirm(question: str) -> bool:
    """Ask a question for yes or no, again until it is one of them. Enter means yes."""
    while True:
        match ask_line(f"{question} [Y/n]").casefold():
            case "" | "y" | "yes":
                return True
            case "n" | "no":
                return False
            case _:
                continue
