"""The group of all verbs. A verb's module is imported when it is used, so the rest costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from trio_chat.cli.page import PageGroup
from trio_chat.version import __version__

VERBS: Final[dict[str, str]] = {
    "serve": "Host a chat.",
    "join": "Enter a chat and talk.",
    "send": "Send one message, or each line of the input.",
    "tail": "Show a room's messages as they come.",
    "search": "Find messages.",
    "who": "Show who is there.",
    "admin": "Look after a server: people, rooms, bans, backups.",
    "config": "Check and show the settings.",
    "completion": "Print what makes a shell complete commands and options.",
}
"""Every verb with its short help. The verb is the attribute ``command`` of ``trio_chat.cli.<verb>``."""

EXAMPLES: Final = (
    ("trio-chat serve", "host a chat that only this machine can reach"),
    ("trio-chat join ada 127.0.0.1", "enter it as ada"),
    ("echo done | trio-chat send '#ops'", "say something from a script"),
    ("trio-chat serve --help", "everything that serve can do"),
)


class LazyGroup(PageGroup):
    """A group that imports the module of a verb when that verb is used, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the verbs in the order of the table."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb. ``None`` for one that is not in the table."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command = import_module(f"trio_chat.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"trio_chat.cli.{cmd_name}.command is {command!r}, which is no command")
        return command

    def short_helps(self, ctx: click.Context) -> dict[str, str]:
        """Give the table of the verbs, which needs none of their modules."""
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
            help="Show the version and leave.",
        )
    ],
)
"""The whole program as a click command."""
