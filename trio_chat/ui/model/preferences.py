"""The settings of an interface while it runs: shown, changed and saved by ``/set`` and ``/alias``. Pure.

A change is tried first: whoever watches may refuse it (:class:`~trio_chat.errors.ConfigError`), and then everything
stays as it was. Saving is a function that the program gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import structs

from trio_chat.config import THEMES, ClientConfig, InvalidValue, Option, convert, near, options
from trio_chat.errors import ConfigError
from trio_chat.protocol.events import Error
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.interface_actions import (
    ChangeSetting,
    DefineAlias,
    SaveSetting,
    SettingsAction,
    ShowAliases,
    ShowSettings,
)
from trio_chat.ui.model.notes import Note

LIVE: Final = frozenset(
    [
        "backlog",
        "highlight",
        "mouse",
        "notify",
        "notify_by",
        "theme",
        "time_format",
        "trailing_names",
        "typing",
        "unknown_recipients",
    ]
)
"""The settings that change at once; the others count from the next start."""

Save: TypeAlias = Callable[[tuple[str, ...], object], str]
"""Stores a value under nested keys, or removes them (``None``); returns a sentence. Raises ``ConfigError``."""


def _save_nowhere(keys: tuple[str, ...], value: object) -> str:
    del keys, value
    raise ConfigError("There is no settings file here.")


class Preferences:
    """See the module. ``config`` has the present values.

    ``guest``: the person uses this program on a machine that is not theirs, over ssh. They see and change what changes
    at once, until they leave; nothing is saved, no file of the machine is read for them, and it starts no program.
    """

    def __init__(self, config: ClientConfig | None = None, save: Save = _save_nowhere, *, guest: bool = False) -> None:
        self.config = config or ClientConfig()
        self.guest = guest
        self._save = save
        self._watchers: list[Callable[[ClientConfig], None]] = []
        self._options = {one.key: one for one in options(ClientConfig)}

    def __repr__(self) -> str:
        return f"<Preferences {self.config!r}>"

    @property
    def keys(self) -> tuple[str, ...]:
        """The settings that ``/set`` knows: all but secrets and tables."""
        keys = (key for key, one in self._options.items() if not one.secret and one.kind != "table")
        return tuple(key for key in keys if key in LIVE or not self.guest)

    @property
    def aliases(self) -> Mapping[str, str]:
        """The aliases, each with the line that it stands for."""
        return {name: text for name, (text, *_) in self.config.alias.items()}

    def values_of(self, key: str) -> tuple[str, ...]:
        """The values that a setting can have, where these are few."""
        option = self._options.get(key)
        if option is None:
            return ()
        return ("on", "off") if option.kind == "flag" else option.choices

    def watch(self, watcher: Callable[[ClientConfig], None]) -> None:
        """Call ``watcher`` with all settings when one of them changes. It may raise ``ConfigError`` to refuse."""
        self._watchers.append(watcher)

    def do(self, action: SettingsAction) -> Note | Error:
        """Show, change or save; returns what to tell the person."""
        try:
            return Note(lines=self._do(action))
        except ConfigError as error:
            return Error(code="setting", message=str(error))

    def _do(self, action: SettingsAction) -> tuple[str, ...]:
        if self.guest and (isinstance(action, SaveSetting) or getattr(action, "save", False)):
            raise ConfigError("Settings are not saved here: over ssh, they count until you leave.")
        match action:
            case ShowSettings(key=""):
                rows = [f"{key} = {shown(getattr(self.config, key))}" for key in self.keys]
                return (*rows, "/set KEY explains one. /set KEY VALUE changes it; with --save it stays so.")
            case ShowSettings(key=key):
                return self._explain(self._find(key))
            case ChangeSetting():
                return self._change(action)
            case SaveSetting(key=key):
                option = self._find(key)
                return (self._save(("client", option.key), _stored(getattr(self.config, option.key))),)
            case ShowAliases(name=""):
                rows = [f"/{name} = {text}" for name, text in self.aliases.items()]
                return tuple(map(clean_line, rows)) or ("There are no aliases. /alias NAME LINE defines one.",)
            case ShowAliases(name=name):
                if name not in self.aliases:
                    raise ConfigError(f"There is no alias {clean_line(name)}.")
                return (clean_line(f"/{name} = {self.aliases[name]}"),)
            case DefineAlias():
                return self._define(action)

    def _find(self, key: str) -> Option:
        option = self._options.get(key.replace("-", "_").casefold())
        if option is None or option.key not in self.keys:
            if option is not None and self.guest:
                raise ConfigError(f"{option.key} cannot be set over ssh.")
            if option is not None:
                raise ConfigError(f"{option.key} cannot be set here; change the settings file.")
            raise ConfigError(f"There is no setting {clean_line(key)}.{near(key, self.keys)}")
        return option

    def _explain(self, option: Option) -> tuple[str, ...]:
        when = "It changes at once." if option.key in LIVE else "A change counts from the next start."
        return (
            f"{option.key} = {shown(getattr(self.config, option.key))}",
            f"  {option.description[0].upper()}{option.description[1:]}.",
            f"  It is {_accepted(option)}; by default {shown(option.default)}. {when}",
        )

    def _change(self, action: ChangeSetting) -> tuple[str, ...]:
        option = self._find(action.key)
        value = option.default
        if action.text is not None:
            try:
                value = convert(option, action.text, lenient=True)
            except InvalidValue as wrong:
                raise ConfigError(f"{option.key} {wrong}.".replace(option.accepts(), _accepted(option))) from None
        if self.guest and option.key == "theme" and str(value) not in THEMES:
            raise ConfigError(f"Over ssh there are no theme files; theme is {', '.join(THEMES)}.")
        live = option.key in LIVE
        if not (live or action.save):
            advice = f"/set {option.key} {action.text or '-'} --save writes it for the next start."
            raise ConfigError(f"{option.key} cannot change while the chat runs. {advice}")
        if live:
            self._apply(structs.replace(self.config, **{option.key: value}))
        told = f"{option.key} = {shown(value)}{'' if live else ', from the next start'}"
        if not action.save:
            return (told,)
        stored = None if action.text is None else _stored(value)
        return (told, self._save(("client", option.key), stored))

    def _define(self, action: DefineAlias) -> tuple[str, ...]:
        name, text = action.name, action.text
        if not text and name not in self.config.alias:
            raise ConfigError(f"There is no alias {clean_line(name)}.")
        kept = {one: line for one, line in self.config.alias.items() if one != name}
        self._apply(structs.replace(self.config, alias={**kept, **({name: (text,)} if text else {})}))
        told = clean_line(f"/{name} = {text}" if text else f"/{name} is no alias any more.")
        if not action.save:
            return (told,)
        return (told, self._save(("client", "alias", name), text or None))

    def _apply(self, config: ClientConfig) -> None:
        """Change the settings, or leave them all as they were when a watcher refuses."""
        before, self.config = self.config, config
        try:
            for watcher in self._watchers:
                watcher(config)
        except ConfigError:
            self.config = before
            for watcher in self._watchers:
                watcher(before)
            raise


def _accepted(option: Option) -> str:
    return "on or off" if option.kind == "flag" else option.accepts()


def _stored(value: object) -> object:
    """A value as the settings file has it."""
    return str(value) if value is not None and not isinstance(value, bool | int | float | str | tuple) else value


def shown(value: object) -> str:
    """A value as a person would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(clean_line, value)) or "(none)"
    return "(none)" if value is None or value == "" else clean_line(str(value))
