"""Actions on the interface itself: its settings, aliases, notifications, the screen. The server sees none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

NotifyPolicy: TypeAlias = Literal["all", "mentions", "nothing"]


@dataclass(frozen=True, slots=True)
class ShowSettings:
    """Show all settings, or the one with this key."""

    key: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSetting:
    """Give a setting the value that a text says; ``None`` for its default. ``save`` writes it to the settings file."""

    key: str
    text: str | None
    save: bool = False


@dataclass(frozen=True, slots=True)
class SaveSetting:
    """Write the present value of a setting to the settings file."""

    key: str


@dataclass(frozen=True, slots=True)
class ShowAliases:
    """Show all aliases, or the one with this name."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class DefineAlias:
    """Define an alias; an empty text removes it. ``save`` writes it to the settings file."""

    name: str
    text: str
    save: bool = False


SettingsAction: TypeAlias = ShowSettings | ChangeSetting | SaveSetting | ShowAliases | DefineAlias


@dataclass(frozen=True, slots=True)
class ClearScreen:
    """Empty the screen; nothing is deleted."""


@dataclass(frozen=True, slots=True)
class GoTo:
    """Go to the room or person whose name fits these letters best; empty for a list of them."""

    letters: str


@dataclass(frozen=True, slots=True)
class SetNotify:
    """Choose the messages of a room that notify; ``None`` shows the choice."""

    room: str
    policy: NotifyPolicy | None


@dataclass(frozen=True, slots=True)
class ToggleQuiet:
    """Turn do-not-disturb on or off."""


@dataclass(frozen=True, slots=True)
class UseTheme:
    """Change the colours; an empty name lists the themes."""

    name: str


InterfaceAction: TypeAlias = SettingsAction | ClearScreen | GoTo | SetNotify | ToggleQuiet | UseTheme
"""The actions that an interface carries out by itself."""
