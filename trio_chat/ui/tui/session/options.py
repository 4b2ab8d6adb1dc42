"""The options of the full screen: how to connect, and the settings."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from trio_chat.errors import ChatError, ConfigError
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.tui.model.themes import THEMES, by_itself, read_theme

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.client.credentials import Credentials
    from trio_chat.config import ClientConfig


class Dial(Protocol):
    """Connects with these credentials. ``waiting`` is told of each failed try."""

    def __call__(
        self, credentials: Credentials, waiting: Callable[[ChatError, float], None]
    ) -> AbstractAsyncContextManager[Chat]:
        """Connect."""


@dataclass(slots=True)
class ScreenOptions:
    """How the full screen is run: with which settings, in which ``room`` it begins, which name it suggests to a person
    who has none, and whether it has ``colour``."""

    preferences: Preferences
    room: str | None = None
    suggestion: str = ""
    colour: bool = True
    entered: Callable[[Chat], Awaitable[str]] | None = None
    """Called once, when the person is let in; gives a notice to show."""
    notices: list[str] = field(default_factory=list)
    """Notices to show when the person is let in; more may come while connecting."""

    @property
    def config(self) -> ClientConfig:
        """The settings as they are now."""
        return self.preferences.config


def theme_name(setting: str) -> str:
    """The theme of the setting; for ``auto``, the one that fits the background of the terminal."""
    return by_itself(os.environ.get("COLORFGBG", "")) if setting == "auto" else setting


def chosen_theme(name: str) -> dict[str, str]:
    """The styles of a theme, or of a theme file. Raises :class:`~trio_chat.errors.ConfigError` if there is none."""
    if name.endswith(".toml"):
        return read_theme(Path(name).expanduser())
    if name not in THEMES:
        raise ConfigError(
            f"There is no theme {name!r}. Choose auto, {', '.join(THEMES)}, or a file that ends in .toml."
        )
    return THEMES[name]


def has_links() -> bool:
    """Whether the terminal shows OSC 8 links, or at least ignores them; all but the oldest terminals do."""
    return os.environ.get("TERM", "") not in {"linux", "vt100", "vt220", "ansi", "cons25"}
