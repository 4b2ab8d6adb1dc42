"""The layout of help pages: 80 columns, options in groups, examples at the end, headings in bold on a terminal.

On a narrow terminal an option's description goes below the option, since beside it only a few letters would fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from trio_chat.output import BOLD, styled

Examples = Sequence[tuple[str, str]]
"""Command lines, each with its description."""

LAST: Final = "Other options"
"""The group of options that name no other group."""


_WHOLE: Final = {ord(" "): "\xa0", ord("-"): "\u2011"}
"""Characters at which a row may break, and their look-alikes at which it may not."""
_SHOWN: Final = {0xA0: " ", 0x2011: "-"}

_NARROW: Final = 66
"""Below this many columns, long options and their descriptions are not side by side."""
_SHORT: Final = 14
"""Terms up to this many columns, such as command names, stay beside their description anyway."""

_CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


def whole(text: str) -> str:
    """A part of a help text that must not be broken into two rows, such as ``[default: 30]``."""
    return text.translate(_WHOLE)


class PageFormatter(click.HelpFormatter):
    """Click's formatter with bold headings, where a terminal shows them."""

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        self.write(" " * self.current_indent + styled(f"{heading}:", BOLD) + "\n")

    def write(self, string: str) -> None:
        """Write a part of the page."""
        super().write(string.translate(_SHOWN))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write terms and descriptions in two columns or, where those would be too narrow, below each other."""
        rows = list(rows)
        if self.width >= _NARROW or all(len(term) <= _SHORT for term, _ in rows):
            super().write_dl(rows, col_max, col_spacing)
            return
        for term, meaning in rows:
            self.write(f"{'':>{self.current_indent}}{term.strip()}\n")
            with self.indentation(), self.indentation():
                self.write_text(meaning)


class PageContext(click.Context):
    """A context that makes help pages with :class:`PageFormatter`."""

    formatter_class: type[click.HelpFormatter] = PageFormatter


class GroupedOption(click.Option):
    """An option with its heading on the help page (``group``), and a sentence on where else its value can be given
    (``elsewhere``)."""

    def __init__(self, *args: Any, group: str = LAST, elsewhere: str = "", **kwargs: Any) -> None:  # noqa: ANN401 - click.Option's own
        super().__init__(*args, **kwargs)
        self.group = group
        self.elsewhere = elsewhere

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Give the row of the help page; long flags are aligned."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        flags, text = record
        return (flags if not flags.startswith("--") else f"    {flags}"), text


class Verb(click.Command):
    """A command whose help page has its options in groups and examples at the end.

    Use it as ``@click.command(cls=Verb, examples=[("trio-chat serve", "what that does")])``. The text of
    :meth:`settings_help` comes between the options and the examples.
    """

    context_class: type[click.Context] = PageContext

    def __init__(self, *args: Any, examples: Examples = (), **kwargs: Any) -> None:  # noqa: ANN401 - click.Command's own
        kwargs["context_settings"] = _CONTEXT | kwargs.get("context_settings", {})
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group under its heading, in the order of their first options; the other options come last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and record[1]:  # an argument without a help text is in the usage line already
                heading = LAST if isinstance(param, click.Option) else "Arguments"
                groups.setdefault(getattr(param, "group", heading), []).append(record)
        groups[LAST] = groups.pop(LAST, [])
        width = max(len(flags) for rows in groups.values() for flags, _ in rows)
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl([(flags.ljust(min(width, 30)), text) for flags, text in rows])

    def settings_help(self) -> str:
        """Where else the command's settings can be given; empty for a command without settings."""
        given = [param for param in self.params if isinstance(param, GroupedOption) and param.elsewhere]
        if not given:
            return ""
        instructive = [param for param in given if "-" in param.opts[-1].removeprefix("--")]  # the key has _ there
        return (instructive or given)[-1].elsewhere

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write where else the options can be given, then the examples."""
        if also := self.settings_help():
            with formatter.section("Settings"):
                formatter.write_text(also)
        super().format_epilog(ctx, formatter)
        write_examples(formatter, self.examples)


class PageGroup(click.Group):
    """A group whose help page has its commands before its options and examples at the end."""

    context_class: type[click.Context] = PageContext

    def __init__(self, *args: Any, examples: Examples = (), **kwargs: Any) -> None:  # noqa: ANN401 - click.Group's own
        kwargs["context_settings"] = _CONTEXT | kwargs.get("context_settings", {})
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def short_helps(self, ctx: click.Context) -> dict[str, str]:
        """Give the commands and their short descriptions, in the order of the help page."""
        del ctx
        return {name: command.get_short_help_str() for name, command in self.commands.items()}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one, raise a usage error that suggests the nearest."""
        names = self.short_helps(ctx)
        if not ctx.resilient_parsing and args[0] not in names and not args[0].startswith("-"):
            from trio_chat.config import near  # noqa: PLC0415 - only for a mistake

            raise click.UsageError(f"There is no command {args[0]!r}.{near(args[0], names)}", ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands before the options, since readers look for them first."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.short_helps(ctx).items()))
        with formatter.section("Options"):
            formatter.write_dl([row for param in self.get_params(ctx) if (row := param.get_help_record(ctx))])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples at the end."""
        super().format_epilog(ctx, formatter)
        write_examples(formatter, self.examples)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name or an option."""
        names = self.short_helps(ctx).items()
        found = [CompletionItem(name, help=text) for name, text in names if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def write_examples(formatter: click.HelpFormatter, examples: Examples) -> None:
    """Write the examples: each command line, and its description below."""
    if not examples:
        return
    with formatter.section("Examples"):
        for line, what in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
            with formatter.indentation(), formatter.indentation():
                formatter.write_text(what)
