"""``admin files``: which files the server keeps, who sent them and where; and removing one."""

from __future__ import annotations

from pathlib import Path

import click

from trio_chat.cli.data_directory import chosen_directory
from trio_chat.cli.options import GroupedOption, Verb, settings
from trio_chat.cli.orders import carry_out
from trio_chat.cli.tables import print_line, show
from trio_chat.config import ServerConfig
from trio_chat.errors import UsageError


@click.command(
    "files",
    cls=Verb,
    short_help="List files, or remove one.",
    examples=[
        ("trio-chat admin files", "all files, the newest first"),
        ("trio-chat admin files '#ops'", "those of a room"),
        ("trio-chat admin files ada", "those of a person"),
        ("trio-chat admin files --drop pXq2mT0c8yYkUo3sJr5WdA", "remove the file with this id"),
    ],
)
@click.argument("where", metavar="[ROOM|NAME]", required=False, default="")
@settings(ServerConfig, "data")
@click.option(
    "--drop", cls=GroupedOption, metavar="ID", default="", help="remove the file with this id; its message stays"
)
@click.option(
    "--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="one row per line, as JSON"
)
def command(where: str, config_path: Path | None, *, drop: str, as_json: bool, **flags: object) -> None:
    """List the files that the server keeps, the newest first: at most a thousand, of all, of a room or of a person.

    A file without a room is an upload that no message carries yet. With --drop, nobody can fetch the file any more, and
    its bytes are deleted if no other file has the same. Its message stays.
    """
    from trio_chat.broker.admin import Order  # noqa: PLC0415 - a help page does not need it

    if drop and where:
        raise UsageError("Give either a room or a person, to list files, or --drop, to remove one.")
    answer = carry_out(chosen_directory(config_path, flags), Order(do="files", name=where, drop=drop))
    if drop and not as_json:
        print_line(f"The file {answer.rows[0][0]} is removed.")
    else:
        show(answer.headings, answer.rows, as_json=as_json)
