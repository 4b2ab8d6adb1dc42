"""``config check`` and ``config show``: is it right, and where does each value come from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click
import msgspec

from trio_chat.cli.faults import say
from trio_chat.cli.options import CONFIG_HELP
from trio_chat.cli.page import GroupedOption, PageGroup, Verb
from trio_chat.config import (
    MASK,
    SECTIONS,
    Loaded,
    Option,
    ServerConfig,
    Settings,
    check_server,
    default_path,
    load,
    options,
)
from trio_chat.errors import ConfigError

_COMMENT_COLUMN: Final = 40
"""Where the comments stand that say where values come from."""


command: Final = PageGroup(
    name="config",
    help="Check and show the settings.\n\nA flag beats the environment (TRIO_CHAT_...), the environment beats "
    "the file, the file beats the default.",
    examples=[
        ("trio-chat config check", "is the file right? Each fault is named with its line"),
        ("trio-chat config show server", "which values serve would go by, and where they come from"),
    ],
)


def _config_option() -> click.Option:
    return GroupedOption(["--config", "config_path"], metavar="FILE", type=click.Path(path_type=Path), help=CONFIG_HELP)


def check(config_path: Path | None) -> None:
    """Look for faults in the settings file and the environment.

    Exits with 2 when there is one; each is named with its file and line, or its variable.
    """
    faults: list[str] = []
    loaded: Loaded[Settings] | None = None
    warnings: list[str] = []
    for section in SECTIONS.values():
        try:
            loaded = load(section, path=config_path)
            warnings += loaded.warnings
            if isinstance(loaded.config, ServerConfig):
                check_server(loaded.config)
        except ConfigError as error:
            faults += str(error).splitlines()
    for warning in dict.fromkeys(warnings):
        say(f"warning: {warning}")
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    where = loaded.path if loaded else None
    click.echo(f"{where}: no faults." if where else f"No faults. There is no settings file {default_path()}.")


def show(table: str | None, config_path: Path | None) -> None:
    """Show every setting and where it comes from; of TABLE (server or client) alone, or of both.

    What is shown is TOML again, fit for a settings file. A password is masked.
    """
    for number, name in enumerate([table] if table else list(SECTIONS)):
        loaded = load(SECTIONS[name], path=config_path)
        for warning in loaded.warnings:
            say(f"warning: {warning}")
        if number == 0:
            click.echo(f"# {loaded.path}" if loaded.path else f"# There is no settings file {default_path()}.")
        click.echo(f"\n[{name}]")
        for option in options(SECTIONS[name]):
            click.echo(_line(option, loaded))


def _line(option: Option, loaded: Loaded[Settings]) -> str:
    """Write one setting as a line of TOML with its source; a secret, or one without a value, as a comment."""
    value = getattr(loaded.config, option.key)
    text = f"{option.key} =" if value is None else f"{option.key} = {toml(MASK if option.secret else value)}"
    if value is None or option.secret:
        text = f"# {text}"
    return f"{text:<{_COMMENT_COLUMN}}  # {loaded.sources[option.key]}"


def toml(value: object) -> str:
    """Write a setting's value as TOML. JSON's texts, numbers, booleans and lists are TOML's as well."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return msgspec.json.format(msgspec.json.encode(value), indent=-1).decode().replace("\x7f", "\\u007f")


command.add_command(
    Verb(
        name="check",
        callback=check,
        help=check.__doc__,
        short_help="Look for faults in the settings.",
        params=[_config_option()],
        examples=[("trio-chat config check --config chat.toml", "before the server is started with it")],
    )
)
command.add_command(
    Verb(
        name="show",
        callback=show,
        help=show.__doc__,
        short_help="Show every setting and where it comes from.",
        params=[
            click.Argument(["table"], required=False, type=click.Choice(list(SECTIONS)), metavar="[server|client]"),
            _config_option(),
        ],
        examples=[
            ("trio-chat config show", "everything"),
            ("trio-chat config show server > chat.toml", "begin a settings file of your own"),
        ],
    )
)
