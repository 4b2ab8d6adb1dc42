"""The commands of moderators and owners, and those for the own account. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, Literal

from trio_chat.protocol.spans import FORMS, has_unit, parse_span
from trio_chat.ui.actions.moderation import (
    AskPassword,
    BanPerson,
    ConfigureRoom,
    InvitePerson,
    KickPerson,
    LiftBan,
    ListBans,
    ListDevices,
    MutePerson,
    RevokeDevice,
    SetPersonRole,
)
from trio_chat.ui.commands.command import ChatCommand, Reading, is_on, named_room

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place

_MOST_SLOW: Final = 86400.0  # seconds, as the protocol bounds it
_MOST_KEEP: Final = 36500.0  # days, as the protocol bounds it
_WHICH_PERSON: Final = "Which person?"


def _name(word: str) -> str:
    return word.removeprefix("@")


def _invite(argument: str, place: Place) -> Reading:
    words = argument.split()
    if len(words) not in {1, 2}:
        return _WHICH_PERSON
    return InvitePerson(named_room(words[1] if len(words) > 1 else "", place), _name(words[0]))


def _private(argument: str, place: Place) -> Reading:
    on = is_on(argument)
    return "On or off?" if on is None else ConfigureRoom(place.room, private=on)


def _announce_only(argument: str, place: Place) -> Reading:
    on = is_on(argument)
    return "On or off?" if on is None else ConfigureRoom(place.room, announce_only=on)


def _slow(argument: str, place: Place) -> Reading:
    seconds = 0.0 if is_on(argument) is False else parse_span(argument)
    if seconds is None or seconds > _MOST_SLOW:
        return "How many seconds? At most a day; 0 turns it off."
    return ConfigureRoom(place.room, slow=seconds)


def _keep(argument: str, place: Place) -> Reading:
    span = 0.0 if is_on(argument) is False else parse_span(argument)
    days = None if span is None else span / 86400 if has_unit(argument) else span
    if days is None or days > _MOST_KEEP:
        return "How many days? 0 means as long as the server keeps messages."
    return ConfigureRoom(place.room, keep=days)


_ROLES: Final[dict[str, Literal["owner", "moderator", "member"]]] = {
    "owner": "owner",
    "moderator": "moderator",
    "mod": "moderator",
    "member": "member",
}


def _op(argument: str, place: Place) -> Reading:
    words = argument.split()
    if len(words) not in {1, 2}:
        return _WHICH_PERSON
    role = _ROLES.get(words[1].casefold()) if len(words) > 1 else "moderator"
    return (
        "The role is owner, moderator or member." if role is None else SetPersonRole(place.room, _name(words[0]), role)
    )


def _deop(argument: str, place: Place) -> Reading:
    words = argument.split()
    return SetPersonRole(place.room, _name(words[0]), "member") if len(words) == 1 else _WHICH_PERSON


def _kick(argument: str, place: Place) -> Reading:
    name, why = _split(argument)
    return KickPerson(place.room, _name(name), why) if name else _WHICH_PERSON


def _ban(argument: str, place: Place) -> Reading:
    whom, rest = _split(argument)
    if not whom:
        return "Which person or network?"
    word, why = _split(rest)
    seconds = parse_span(word) if has_unit(word) else None
    if seconds is None:
        why = rest
    elif not seconds:
        return f"For how long? Write {FORMS}; without a time the ban has no end."
    return BanPerson(place.room, **_person_or_network(whom), seconds=seconds, reason=why)


def _unban(argument: str, place: Place) -> Reading:
    words = argument.split()
    return LiftBan(place.room, **_person_or_network(words[0])) if len(words) == 1 else "Which person or network?"


def _mute(argument: str, place: Place) -> Reading:
    words = argument.split()
    if len(words) not in {1, 2}:
        return _WHICH_PERSON
    seconds = parse_span(words[1]) if len(words) > 1 else None
    if len(words) > 1 and not seconds:
        return f"For how long? Write {FORMS}; without a time it lasts until /unmute."
    return MutePerson(place.room, _name(words[0]), seconds)


def _unmute(argument: str, place: Place) -> Reading:
    words = argument.split()
    return MutePerson(place.room, _name(words[0]), 0.0) if len(words) == 1 else _WHICH_PERSON


def _password(argument: str, place: Place) -> Reading:
    del place
    return "Do not type the password into the line, where others can read it." if argument else AskPassword()


def _revoke(argument: str, place: Place) -> Reading:
    del place
    return (
        RevokeDevice(int(argument))
        if argument.isascii() and argument.isdigit()
        else "Which device? /devices lists the numbers."
    )


def _split(argument: str) -> tuple[str, str]:
    first, _, rest = argument.partition(" ")
    return first, " ".join(rest.split())


def _person_or_network(word: str) -> dict[str, str | None]:
    """Whether a word is a name or a network. A word that could be both is a network, and with an @ a name."""
    if word.startswith("@"):
        return {"name": word[1:], "network": None}
    try:
        ipaddress.ip_network(word, strict=False)
    except ValueError:
        return {"name": word, "network": None}
    return {"name": None, "network": word}


def keeps_secret(line: str) -> bool:
    """Whether a line may contain a secret and so must not be kept in the history."""
    return line.lstrip().casefold().startswith("/password")


_OWNER: Final = "Only the owner of the room can do this."
_MODERATOR: Final = "Only moderators of the room can do this."

COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "invite",
        "NAME [ROOM]",
        "invite a person to a private room",
        "Without a room it is the current one. They enter it with /join.",
        "/invite bob",
        _invite,
        ("people", "room"),
    ),
    ChatCommand(
        "private",
        "on|off",
        "make the room invitation-only, or open again",
        f"The people in the room stay. {_OWNER}",
        "/private on",
        _private,
    ),
    ChatCommand(
        "announce-only",
        "on|off",
        "let only moderators write in the room",
        f"The others can read. {_MODERATOR}",
        "/announce-only on",
        _announce_only,
    ),
    ChatCommand(
        "slow",
        "SECONDS",
        "set the wait between two messages of a person",
        f"0 turns it off. Moderators need not wait. {_MODERATOR}",
        "/slow 10",
        _slow,
    ),
    ChatCommand(
        "keep",
        "DAYS",
        "set how long messages of the room are kept",
        f"Older messages are deleted for good. 0 means as long as the server keeps messages. {_OWNER}",
        "/keep 30",
        _keep,
    ),
    ChatCommand(
        "op",
        "NAME [ROLE]",
        "make a person moderator, owner or member",
        f"The role is owner, moderator or member; without one it is moderator. {_OWNER}",
        "/op bob owner",
        _op,
        ("people", "text"),
    ),
    ChatCommand(
        "deop",
        "NAME",
        "make a person a plain member again",
        _OWNER,
        "/deop bob",
        _deop,
        ("people",),
    ),
    ChatCommand(
        "kick",
        "NAME [WHY]",
        "remove a person from the room",
        f"They can come back; /ban keeps them out. {_MODERATOR}",
        "/kick bob take a walk",
        _kick,
        ("people", "text"),
    ),
    ChatCommand(
        "ban",
        "NAME [TIME] [WHY]",
        "ban a person or a network from the room",
        f"A time is {FORMS}; without one the ban has no end. Instead of a name you can give an IP address or a range "
        f"(192.0.2.0/24). A ban from the lobby is a ban from the server. {_MODERATOR}",
        "/ban bob 2h enough for today",
        _ban,
        ("people", "text"),
    ),
    ChatCommand(
        "unban",
        "NAME",
        "lift a ban",
        f"Give the name or the network; /bans lists them. {_MODERATOR}",
        "/unban bob",
        _unban,
        ("people",),
    ),
    ChatCommand(
        "bans",
        "[ROOM]",
        "list the bans of a room",
        f"Without a room it is the current one. {_MODERATOR}",
        "/bans",
        lambda argument, place: ListBans(named_room(argument, place)),
        ("room",),
    ),
    ChatCommand(
        "mute",
        "NAME [TIME]",
        "let a person read but not write in the room",
        f"A time is {FORMS}; without one it lasts until /unmute. {_MODERATOR}",
        "/mute bob 10m",
        _mute,
        ("people", "text"),
    ),
    ChatCommand(
        "unmute",
        "NAME",
        "let a person write again",
        f"It ends /mute. {_MODERATOR}",
        "/unmute bob",
        _unmute,
        ("people",),
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
