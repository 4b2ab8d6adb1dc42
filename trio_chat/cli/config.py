"""``config check`` and ``config show``: check the settings, and show where each value comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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
    ClientConfig,
    Loaded,
    Option,
    ServerConfig,
    Settings,
    check_server,
    default_path,
    load,
    open_file,
    options,
)
from trio_chat.errors import ConfigError, UsageError

_COMMENT_COLUMN: Final = 40
"""The column of the comments that say where values come from."""


command: Final = PageGroup(
    name="config",
    help="Check and show the settings.\n\nA flag beats the environment (TRIO_CHAT_...), the environment beats "
    "the file, the file beats the default.",
    examples=[
        ("trio-chat config check", "check the file; each fault is named with its line"),
        ("trio-chat config show server", "the values that serve would use, and where they come from"),
    ],
)


def _config_option() -> click.Option:
    return GroupedOption(["--config", "config_path"], metavar="FILE", type=click.Path(path_type=Path), help=CONFIG_HELP)


def check(config_path: Path | None) -> None:
    """Check the settings file and the environment for faults.

    Each fault is named with its file and line, or its variable; with a fault, the exit status is 2.
    """
    faults: list[str] = []
    warnings: list[str] = []
    path: Path | None = None
    for section in SECTIONS.values():
        try:
            loaded = load(section, path=config_path)
        except ConfigError as error:
            faults += str(error).splitlines()
            if section is ClientConfig:
                faults += _faults_of_keys(config_path)
            continue
        path = loaded.path
        warnings += loaded.warnings
        for fault in _faults_in_use(loaded, config_path):
            faults += fault.splitlines()
    for warning in dict.fromkeys(warnings):
        say(f"warning: {warning}")
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    click.echo(f"{path}: no faults." if path else f"No faults. There is no settings file {default_path()}.")


def _faults_in_use(loaded: Loaded[Settings], config_path: Path | None) -> Iterator[str]:
    """Give the faults that only the use of a value shows, such as a theme file that cannot be read."""
    from trio_chat.cli.connecting import check_logs, person_name  # noqa: PLC0415 - as above
    from trio_chat.client.address import parse_url  # noqa: PLC0415 - show and the help page do not need it
    from trio_chat.ui.tui.session.options import chosen_theme, theme_name  # noqa: PLC0415 - as above
    from trio_chat.ui.tui.widgets.screen import check_styles  # noqa: PLC0415 - as above

    config = loaded.config
    if isinstance(config, ServerConfig):
        try:
            check_server(config, loaded.sources)
        except ConfigError as error:
            yield str(error)
        return
    if not isinstance(config, ClientConfig):
        return
    uses: dict[str, Callable[[], object]] = {
        "url": lambda: parse_url(config.url),
        "name": lambda: config.name is None or person_name(config.name),
        "log_directory": lambda: check_logs(config),
        "theme": lambda: check_styles(chosen_theme(theme_name(config.theme)), config.theme),
    }
    for key, use in uses.items():
        try:
            use()
        except (ConfigError, UsageError) as error:
            yield f"{loaded.sources[key]}: {error}"
    yield from _faults_of_keys(config_path)
    yield from _faults_of_aliases(config_path)


def _faults_of_keys(config_path: Path | None) -> list[str]:
    """The faults of the table of keys, also while other settings have faults."""
    from trio_chat.ui.tui.model.keys import bind  # noqa: PLC0415 - show and the help page do not need it

    try:
        file = open_file(os.environ, config_path)
        client = file.tables.get("client")
        keys = client.get("keys") if isinstance(client, dict) else None
        given = {name: [value] if isinstance(value, str) else value for name, value in dict(keys or {}).items()}
        readable = {name: keys for name, keys in given.items() if _is_list_of_texts(keys)}
        bind(readable, lambda command: file.place("client", "keys", command))
    except ConfigError as error:
        return str(error).splitlines()
    except (TypeError, ValueError):  # no table at all, which loading says
        return []
    return []


def _faults_of_aliases(config_path: Path | None) -> list[str]:
    """The faults of the table of aliases, also while other settings have faults."""
    from trio_chat.ui.commands.table import check_aliases  # noqa: PLC0415 - show and the help page do not need it

    try:
        file = open_file(os.environ, config_path)
    except ConfigError:  # which loading says
        return []
    client = file.tables.get("client")
    table = client.get("alias") if isinstance(client, dict) else None
    given = {
        name: tuple([value] if isinstance(value, str) else value)
        for name, value in (table.items() if isinstance(table, dict) else ())
        if isinstance(value, str) or _is_list_of_texts(value)
    }
    return check_aliases(given, lambda name: f"{file.place('client', 'alias', name)}: ")


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def show(table: str | None, config_path: Path | None) -> None:
    """Show every setting and where its value comes from: of the server, of the client, or of both.

    The output is TOML that can be used as a settings file. Passwords are masked.
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
    """One setting as a line of TOML with its source. A secret, or a setting without a value, becomes a comment."""
    value = getattr(loaded.config, option.key)
    text = f"{option.key} =" if value is None else f"{option.key} = {toml(MASK if option.secret else value)}"
    if value is None or option.secret:
        text = f"# {text}"
    return f"{text:<{_COMMENT_COLUMN}}  # {loaded.sources[option.key]}"


def toml(value: object) -> str:
    """A setting's value as TOML. Strings, numbers, booleans and lists are written as in JSON."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    return msgspec.json.format(msgspec.json.encode(value), indent=-1).decode().replace("\x7f", "\\u007f")


command.add_command(
    Verb(
        name="check",
        callback=check,
        help=check.__doc__,
        short_help="Check the settings for faults.",
        params=[_config_option()],
        examples=[("trio-chat config check --config chat.toml", "before starting the server with it")],
    )
)
command.add_command(
    Verb(
        name="show",
        callback=show,
        help=show.__doc__,
        short_help="Show every setting and where its value comes from.",
        params=[
            click.Argument(["table"], required=False, type=click.Choice(list(SECTIONS)), metavar="[server|client]"),
            _config_option(),
        ],
        examples=[
            ("trio-chat config show", "everything"),
            ("trio-chat config show server > chat.toml", "start a settings file of your own"),
        ],
    )
)
