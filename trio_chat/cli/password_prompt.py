"""A prompt for a password at a terminal, which does not show what is typed."""

from __future__ import annotations

import contextlib
import sys

import click


def ask_unseen(question: str, default: str | None = None) -> str:
    """Ask a question on standard error without showing the answer. Without a default, an empty answer is asked again.

    Raises ``click.Abort`` for Ctrl-C and for the end of the input, ``SystemExit`` for SIGTERM and SIGHUP.
    """
    with _without_echo(f"{question}: "):
        return str(click.prompt(question, hide_input=True, default=default, show_default=False, err=True))


def _without_echo(prompt: str) -> contextlib.AbstractContextManager[None]:
    """Keep echo off, also after a stop. On Windows nothing stops a program, and click reads the keys without echo."""
    if sys.platform == "win32":
        return contextlib.nullcontext()
    from trio_chat.ui.terminal.echo import without_echo  # noqa: PLC0415 - on Unix only

    return without_echo(prompt)
