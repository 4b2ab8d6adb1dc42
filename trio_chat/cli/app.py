"""The group of all verbs. A verb's module is imported when it is used, so the rest costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click
from click.shell_completion import CompletionItem

from trio_chat.cli.page import PageContext, write_examples
from trio_chat.version import __version__

VERBS: Final[dict[str, str]] = {
    "serve": "Host a chat.",
    "join": "Enter a chat and talk.",
    "send": "Send one message, or each line of the input.",
    "tail": "Show a room's messages as they come.",
    "who": "Show who is there.",
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


class LazyGroup(click.Group):
    """A group that imports the module of a verb when that verb is used, not before."""

    context_class = PageContext

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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb that is meant; for a mistyped one raise a usage error that suggests the nearest."""
        if not ctx.resilient_parsing and args[0] not in VERBS and not args[0].startswith("-"):
            from trio_chat.config import near  # noqa: PLC0415 - only for a mistake

            raise click.UsageError(f"There is no command {args[0]!r}.{near(args[0], VERBS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Put the commands before the options: they are what a reader looks for."""
        self.format_commands(ctx, formatter)
        with formatter.section("Options"):
            formatter.write_dl([row for param in self.get_params(ctx) if (row := param.get_help_record(ctx))])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """End with examples."""
        del ctx
        write_examples(formatter, EXAMPLES)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a verb without importing any."""
        verbs = [CompletionItem(name, help=text) for name, text in VERBS.items() if name.startswith(incomplete)]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it so
    del param
    if value and not ctx.resilient_parsing:
        click.echo(f"trio-chat {__version__}")
        ctx.exit()


app: Final = LazyGroup(
    name="trio-chat",
    help="A chat for people who live in the terminal: one command hosts it, one command joins it.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
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
