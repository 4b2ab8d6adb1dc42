"""How a help page looks: 80 columns, options in groups, examples at the end, headings bold on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

Examples = Sequence[tuple[str, str]]
"""Command lines, each with what it does."""

LAST: Final = "Other options"
"""The group of options that say no other."""


class PageFormatter(click.HelpFormatter):
    """Click's formatter with bold headings. Click takes the codes out again where there is no terminal."""

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        self.write(" " * self.current_indent + click.style(f"{heading}:", bold=True) + "\n")


class PageContext(click.Context):
    """A context whose help pages are ours."""

    formatter_class = PageFormatter


class GroupedOption(click.Option):
    """An option that says under which heading of the help page it stands."""

    def __init__(self, *args: Any, group: str = LAST, **kwargs: Any) -> None:  # noqa: ANN401 - click.Option's own
        super().__init__(*args, **kwargs)
        self.group = group

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Give the row of the help page; long flags stand under each other."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        flags, text = record
        return (flags if not flags.startswith("--") else f"    {flags}"), text


class Verb(click.Command):
    """A command whose help page has its options in groups and examples at the end.

    Use it as ``@click.command(cls=Verb, examples=[("trio-chat serve", "what that does")])``.
    """

    context_class = PageContext

    def __init__(self, *args: Any, examples: Examples = (), **kwargs: Any) -> None:  # noqa: ANN401 - click.Command's own
        kwargs.setdefault("context_settings", {}).setdefault("max_content_width", 80)
        kwargs["context_settings"].setdefault("help_option_names", ["-h", "--help"])
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group under its heading, in the order of their first options, the rest last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                groups.setdefault(getattr(param, "group", LAST), []).append(record)
        groups[LAST] = groups.pop(LAST, [])
        width = max(len(flags) for rows in groups.values() for flags, _ in rows)
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl([(flags.ljust(min(width, 30)), text) for flags, text in rows])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """End with the examples."""
        super().format_epilog(ctx, formatter)
        write_examples(formatter, self.examples)


def write_examples(formatter: click.HelpFormatter, examples: Examples) -> None:
    """Write the examples: each command line as it is typed, and under it what it does."""
    if not examples:
        return
    with formatter.section("Examples"):
        for line, what in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
            with formatter.indentation(), formatter.indentation():
                formatter.write_text(what)
