"""Questions at a terminal whose answers are shown while they are typed; ``password_prompt`` asks the others."""

from __future__ import annotations

import sys

import click

from trio_chat.output import harmless_stream


def ask_line(question: str) -> str:
    """Ask a question on standard error and return the line that the person types, without spaces around it.

    Raises ``KeyboardInterrupt`` for Ctrl-C and ``click.Abort`` at the end of the input; the cursor is then at the start
    of a row.
    """
    stream = harmless_stream(sys.stderr)
    stream.write(f"{question}: ")
    sys.stderr.flush()
    line = ""
    try:
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
