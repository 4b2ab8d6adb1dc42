"""The commands for the interface itself: settings, aliases, notifications, colours, screen, connection. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.ui.actions.actions import Reconnect
from trio_chat.ui.commands.command import ChatCommand, Reading
from trio_chat.ui.model.interface_actions import (
    ChangeSetting,
    ClearScreen,
    GoTo,
    NotifyPolicy,
    SaveSetting,
    SetNotify,
    ShowSettings,
    ToggleQuiet,
    UseTheme,
)

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place

_SAVE: Final = "--save"
_DEFAULT: Final = "-"
_POLICIES: Final[dict[str, NotifyPolicy]] = {"all": "all", "mentions": "mentions", "nothing": "nothing"}


def _set(argument: str, place: Place) -> Reading:
    del place
    argument, save = without_save(argument)
    key, value = split_first(argument)
    if value:
        return ChangeSetting(key, None if value == _DEFAULT else value, save)
    if save:
        return SaveSetting(key) if key else "Which setting?"
    return ShowSettings(key)


def split_first(argument: str) -> tuple[str, str]:
    """The first word, and what is behind it."""
    first, *rest = argument.split(maxsplit=1) or [""]
    return first, rest[0] if rest else ""


def without_save(argument: str) -> tuple[str, bool]:
    """An argument without ``--save`` at its end, and whether that was there."""
    if argument.split()[-1:] != [_SAVE]:
        return argument, False
    return argument.rstrip().removesuffix(_SAVE).rstrip(), True


def _notify(argument: str, place: Place) -> Reading:
    if not argument:
        return SetNotify(place.room, None)
    policy = _POLICIES.get(argument.casefold())
    return "Which messages?" if policy is None else SetNotify(place.room, policy)


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "go",
        "NAME",
        "go to a room or conversation that you are in",
        "A few letters of the name suffice.",
        "/go ops",
        lambda argument, _place: GoTo(argument) if argument else "Where to?",
        ("place",),
    ),
    ChatCommand(
        "notify",
        "[MESSAGES]",
        "choose what notifies you in this room",
        "Messages are all, mentions or nothing; without a word it shows the choice. The setting notify is for rooms "
        "without a choice of their own.",
        "/notify all",
        _notify,
        ("policy",),
    ),
    ChatCommand(
        "dnd",
        "",
        "turn do-not-disturb on or off",
        "While it is on, nothing notifies you.",
        "/dnd",
        lambda _argument, _place: ToggleQuiet(),
    ),
    ChatCommand(
        "theme",
        "[NAME]",
        "change the colours, or list the themes",
        "In line mode, plain turns all highlighting off and every other theme turns it on. /set theme NAME --save "
        "keeps the choice.",
        "/theme light",
        lambda argument, _place: UseTheme(argument),
        ("theme",),
    ),
    ChatCommand(
        "set",
        "[KEY [VALUE]]",
        "show or change the settings",
        "A change counts at once, until you leave. With --save at the end it is written to the settings file, whose "
        "comments stay. The value - is the default. Lists are written with commas.",
        "/set highlight deploy, lunch --save",
        _set,
        ("setting", "value", "save"),
    ),
    ChatCommand(
        "clear",
        "",
        "empty the screen",
        "Nothing is deleted: scroll back, or /search.",
        "/clear",
        lambda _argument, _place: ClearScreen(),
        aliases=("cls",),
    ),
    ChatCommand(
        "reconnect",
        "",
        "connect to the server anew, at once",
        "It ends the wait for the next try, or replaces a connection that hangs. Nothing is lost.",
        "/reconnect",
        lambda _argument, _place: Reconnect(),
    ),
)
"""The rows of the table."""
