"""Tables that the commands of the operator print, for a person or as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click

from trio_chat.cli.faults import harmless
from trio_chat.cli.orders import local_time

_TIMES: Final = frozenset({"created", "seen", "until", "time", "began"})
"""Columns that hold times."""

Cell = str | int | float | bool | None


def print_line(line: str) -> None:
    """Print a line for a person. Parts of it come from a database or a socket that another user may own, so control
    characters are shown as pictures of themselves."""
    click.echo(harmless(line))


def show(headings: Iterable[str], rows: Iterable[Iterable[Cell]], *, as_json: bool) -> None:
    """Print a table: for a person, or each row as a line of JSON."""
    names = tuple(headings)
    if as_json:
        import msgspec  # noqa: PLC0415 - a help page does not need it

        from trio_chat.protocol.text import escape_json  # noqa: PLC0415 - as above

        keys = [name.replace(" ", "_") for name in names]
        for row in rows:
            click.echo(escape_json(msgspec.json.encode(dict(zip(keys, row, strict=True))).decode()))
        return
    from trio_chat.ui.model.lines import table  # noqa: PLC0415 - as above

    cells = [tuple(_cell(name, value) for name, value in zip(names, row, strict=True)) for row in rows]
    if not cells:
        click.echo("There are none.")
        return
    for line in table(names, cells):
        print_line(line)


def _cell(name: str, value: Cell) -> str:
    from trio_chat.protocol.text import clean_line  # noqa: PLC0415 - a help page does not need it

    match value:
        case None:
            return "for good" if name == "until" else ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case str() if name in _TIMES:
            return local_time(value)
        case _:
            return clean_line(str(value))
