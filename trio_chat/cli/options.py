"""Options of the command line, made from the fields of the settings.

A command names the settings that it takes and gets their values by key, ``None`` for a value that was not given::

    @click.command(cls=Verb, examples=[("trio-chat who", "who is in the lobby")])
    @settings(ClientConfig, "url", "name", "password_file")
    def command(config_path: Path | None, **flags: object) -> None:
        config = load_settings(ClientConfig, flags, config_path)

An option of the command's own goes under a heading with ``@click.option(..., cls=GroupedOption, group="...")``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from trio_chat.cli.faults import say
from trio_chat.cli.page import GroupedOption, Verb, whole
from trio_chat.config import SECTIONS, InvalidValue, Option, ServerConfig, Settings, convert, load, options
from trio_chat.errors import TrioChatError

__all__ = ["GroupedOption", "SettingOption", "Verb", "WholeNumber", "load_settings", "settings", "whole"]

C = TypeVar("C", bound=Settings)
F = TypeVar("F", bound=Callable[..., object])

_NO_SERVER: Final = (
    "The server does not run on Windows: it needs the files, locks and sockets of Unix. Run it in WSL or Docker, or on "
    "Linux or macOS. The client works here: trio-chat join HOST"
)

CONFIG_HELP: Final = "read this settings file instead of the usual one"


if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # takes no type before click 8.5


class SettingType(_ParamType):
    """Accepts the values that the setting accepts, and explains errors in the setting's words."""

    def __init__(self, setting: Option) -> None:
        self.setting = setting
        self.name = setting.kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own signature
        """Make the setting's value from the text that was typed."""
        del param
        if self.setting.kind == "texts" and isinstance(value, str):
            value = (value,)
        try:
            made = convert(self.setting, value, lenient=True)
        except InvalidValue as wrong:
            raise click.UsageError(f"{self.setting.flag} {wrong}.", ctx) from None
        return made[0] if self.setting.kind == "texts" else made

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete a choice, or let the shell complete a path."""
        del ctx, param
        if self.setting.kind == "path":
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(choice) for choice in self.setting.choices if choice.startswith(incomplete)]


class WholeNumber(_ParamType):
    """Accepts a whole number between two bounds."""

    name = "number"

    def __init__(self, least: int, most: int | None = None) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's own signature
        """Read the number from the text that was typed."""
        try:
            number = int(value)
        except ValueError:
            number = self._least - 1
        if number < self._least or (self._most is not None and number > self._most):
            bounds = f"of {self._least} or more" if self._most is None else f"from {self._least} to {self._most}"
            flag = param.opts[-1] if param is not None else "It"
            raise click.UsageError(f"{flag} must be a whole number {bounds}, not {str(value)!r}.", ctx)
        return number


class SettingOption(GroupedOption):
    """The option for one setting; its help is the setting's description."""

    def __init__(self, flags: list[str], *, setting: Option, table: str, hidden: bool = False) -> None:
        super().__init__(
            flags,
            group=setting.group,
            elsewhere=_elsewhere(setting, table),
            help=described(setting),
            metavar=setting.metavar or None,
            default=None,
            multiple=setting.kind == "texts",
            hidden=hidden,
            **({} if setting.kind == "flag" else {"type": SettingType(setting)}),
        )
        self.setting = setting


def described(setting: Option) -> str:
    """Describe a setting for a help page: its description, choices and default."""
    text = setting.description
    if setting.choices:
        text += f" ({', '.join(setting.choices)})"
    default = shown_default(setting)
    return f"{text} {whole(f'[default: {default}]')}" if default else text


def _elsewhere(setting: Option, table: str) -> str:
    return (
        f"Every option that {whole(f'trio-chat config show {table}')} lists can also be set in the settings file "
        f"or the environment. For example, {setting.flag} is {setting.key} under [{table}] in the file, and "
        f"{setting.variable} in the environment."
    )


def shown_default(setting: Option) -> str:
    """A default as it would be typed; empty when there is none worth showing."""
    if setting.default is None or (setting.default in {"", False} and setting.kind != "number"):
        return ""
    if setting.default is True:
        return setting.flag
    if isinstance(setting.default, float):
        return f"{setting.default:g}"
    return str(setting.default) if setting.default != () else ""


def settings(section: type[Settings], *keys: str) -> Callable[[F], F]:
    """Give a command the options of these settings (by default, all that have a flag) and ``--config``.

    On Windows, a command that takes settings of a server raises ``TrioChatError``: none runs there.
    """
    known = {option.key: option for option in options(section) if option.flags}
    table = next(name for name, struct in SECTIONS.items() if struct is section)

    def decorate(function: F) -> F:
        if section is ServerConfig and sys.platform == "win32":
            function = cast("F", wraps(function)(_refuse_server))
        function = click.option(
            "--config",
            "config_path",
            cls=GroupedOption,
            metavar="FILE",
            type=click.Path(path_type=Path),
            help=CONFIG_HELP,
        )(function)
        for key in reversed(keys or tuple(known)):
            setting = known[key]
            flags = [*setting.flags[:-1], f"{setting.flag}/--no-{setting.flag[2:]}"]
            function = click.option(
                *(flags if setting.kind == "flag" else setting.flags),
                key,
                cls=SettingOption,
                setting=setting,
                table=table,
            )(function)
            for alias in setting.aliases:
                flag = "--" + alias.replace("_", "-")
                old = click.option(flag, alias, cls=SettingOption, setting=setting, table=table, hidden=True)
                function = old(function)
        return function

    return decorate


def _refuse_server(*args: object, **flags: object) -> None:
    """Stand in for a command of the server on Windows. Raises ``TrioChatError``."""
    del args, flags
    raise TrioChatError(_NO_SERVER)


def load_settings(section: type[C], flags: Mapping[str, object], config_path: Path | None = None) -> C:
    """Load a table's settings and print its warnings. Raises :class:`~trio_chat.errors.ConfigError`."""
    loaded = load(section, flags, path=config_path)
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    return loaded.config
