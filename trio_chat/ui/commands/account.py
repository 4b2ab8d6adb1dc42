"""The commands for the own account: its name, whether it is away, whom it ignores, its password and devices. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trio_chat.ui.actions.account import AskPassword, ChooseJoins, ListDevices, RevokeDevice
from trio_chat.ui.actions.actions import Rename, SetAway
from trio_chat.ui.commands.command import WHICH_PERSON, ChatCommand, Reading
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.spoken import SHOW_JOINS

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place

_DEVICE: Final = re.compile(r"[0-9]{1,15}")


def _nick(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    if not argument or " " in argument:
        return "Which name?" if not argument else "A name is one word."
    return Rename(name=argument)


def _away(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return SetAway(text=argument or "away")


def _back(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return SetAway(text=None)


def _ignore(argument: str, *, on: bool) -> Reading:
    words = argument.split()
    if len(words) > 1 or not (words or on):
        return "A name is one word." if words else WHICH_PERSON
    return Ignore("".join(words).removeprefix("@"), on)


def _joins(argument: str, place: Place) -> Reading:
    del place
    which = SHOW_JOINS.get(argument.casefold())
    return f"Write one of {', '.join(SHOW_JOINS)}." if argument and which is None else ChooseJoins(which)


def _password(argument: str, place: Place) -> Reading:
    del place
    return "Do not type the password into the line, where others can read it." if argument else AskPassword()


def _revoke(argument: str, place: Place) -> Reading:
    del place
    if not _DEVICE.fullmatch(argument):
        return "Which device? /devices lists the numbers."
    return RevokeDevice(int(argument))


def keeps_secret(line: str) -> bool:
    """Whether a line may contain a secret and so must not be kept in the history."""
    return line.lstrip().casefold().startswith("/password")


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "nick",
        "NAME",
        "change your name",
        "You keep your rooms, roles and conversations. Your earlier messages show the earlier name.",
        "/nick ada",
        _nick,
        ("text",),
    ),
    ChatCommand(
        "away",
        "[TEXT]",
        "show the others that you are away",
        "The text is the reason. /back ends it.",
        "/away lunch",
        _away,
        ("text",),
    ),
    ChatCommand("back", "", "show the others that you are back", "It ends /away.", "/back", _back),
    ChatCommand(
        "ignore",
        "[NAME]",
        "hide a person's messages, or list the people you ignore",
        "Their messages, reactions and mentions are neither shown nor counted, and they are not told. It applies on "
        "this device and server until /unignore, also when they change their name. The full screen hides their "
        "earlier messages too; --json, tail and search hide nothing.",
        "/ignore mallory",
        lambda argument, _place: _ignore(argument, on=True),
        ("people",),
    ),
    ChatCommand(
        "unignore",
        "NAME",
        "show a person's messages again",
        "It undoes /ignore. /ignore without a name lists the people you ignore.",
        "/unignore mallory",
        lambda argument, _place: _ignore(argument, on=False),
        ("people",),
    ),
    ChatCommand(
        "joins",
        "[all|spoke|none]",
        "choose whose joins and leaves are shown",
        "With spoke they are shown only of people who spoke in the room in the last 15 minutes. It applies until you "
        "leave; the setting show_joins applies from the start.",
        "/joins spoke",
        _joins,
    ),
    ChatCommand(
        "password",
        "",
        "set the password for your other devices",
        "You type it twice, and it is not shown. On this device you keep your name without a password.",
        "/password",
        _password,
    ),
    ChatCommand(
        "devices",
        "",
        "list your devices",
        "The star marks the device that you are using.",
        "/devices",
        lambda _argument, _place: ListDevices(),
    ),
    ChatCommand(
        "revoke",
        "NUMBER",
        "sign out one of your devices",
        "/devices lists the numbers. The device can come back only with your password.",
        "/revoke 3",
        _revoke,
    ),
)
"""The rows of the table."""
