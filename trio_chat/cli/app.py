"""The group of all commands. A command's module is imported when the command is used, so the others cost nothing."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from trio_chat.cli.page import PageGroup
from trio_chat.version import __version__

VERBS: Final[dict[str, str]] = {
    "serve": "Host a chat.",
    "join": "Join a chat.",
    "send": "Send a message, each line of the input, or files.",
    "tail": "Show new messages of rooms as they arrive.",
    "search": "Search messages.",
    "files": "List the files of a room.",
    "get": "Fetch the files of a message.",
    "who": "Show who is online.",
    "trust": "Show and change which servers you know.",
    "admin": "Administer a server: accounts, rooms, bans, backups.",
    "config": "Check and show the settings.",
    "completion": "Print the completion script for a shell.",
}
"""Every command with its short help. A command is the attribute ``command`` of ``trio_chat.cli.<name>``."""

EXAMPLES: Final = (
    ("trio-chat serve", "host a chat that only this machine can reach"),
    ("trio-chat join ada 127.0.0.1", "join it as ada"),
    ("echo done | trio-chat send '#ops'", "send a message from a script"),
    ("trio-chat serve --help", "all options of serve"),
)


class LazyGroup(PageGroup):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the commands in the order of the table."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; ``None`` for a name that is not in the table."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command = import_module(f"trio_chat.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"trio_chat.cli.{cmd_name}.command is {command!r}, not a command")
        return command

    def short_helps(self, ctx: click.Context) -> dict[str, str]:
        """Give the table of the commands, without importing their modules."""
        del ctx
        return VERBS


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it so
    del param
    if value and not ctx.resilient_parsing:
        click.echo(f"trio-chat {__version__}")
        ctx.exit()


app: Final = LazyGroup(
    name="trio-chat",
    help="A chat for people who live in the terminal: one command hosts it, one command joins it.",
    examples=EXAMPLES,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        )
    ],
)
"""The whole program as a click command."""
