"""The commands for keeping a room in order, and for one's own account. Pure."""

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
_WHOM: Final = "Who is it about?"


def _name(word: str) -> str:
    return word.removeprefix("@")


def _invite(argument: str, place: Place) -> Reading:
    words = argument.split()
    if len(words) not in {1, 2}:
        return _WHOM
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
        return "How many seconds? A day is the most, 0 is none."
    return ConfigureRoom(place.room, slow=seconds)


def _keep(argument: str, place: Place) -> Reading:
    span = 0.0 if is_on(argument) is False else parse_span(argument)
    days = None if span is None else span / 86400 if has_unit(argument) else span
    if days is None or days > _MOST_KEEP:
        return "How many days? 0 is for as long as the server says."
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
        return _WHOM
    role = _ROLES.get(words[1].casefold()) if len(words) > 1 else "moderator"
    return "A role is owner, moderator or member." if role is None else SetPersonRole(place.room, _name(words[0]), role)


def _deop(argument: str, place: Place) -> Reading:
    words = argument.split()
    return SetPersonRole(place.room, _name(words[0]), "member") if len(words) == 1 else _WHOM


def _kick(argument: str, place: Place) -> Reading:
    name, why = _split(argument)
    return KickPerson(place.room, _name(name), why) if name else _WHOM


def _ban(argument: str, place: Place) -> Reading:
    whom, rest = _split(argument)
    if not whom:
        return "Whom, or which network?"
    word, why = _split(rest)
    seconds = parse_span(word) if has_unit(word) else None
    if seconds is None:
        why = rest
    elif not seconds:
        return f"For how long? Write it as {FORMS}, or leave it out for good."
    return BanPerson(place.room, **_banned(whom), seconds=seconds, reason=why)


def _unban(argument: str, place: Place) -> Reading:
    words = argument.split()
    return LiftBan(place.room, **_banned(words[0])) if len(words) == 1 else "Whom, or which network?"


def _mute(argument: str, place: Place) -> Reading:
    words = argument.split()
    if len(words) not in {1, 2}:
        return _WHOM
    seconds = parse_span(words[1]) if len(words) > 1 else None
    if len(words) > 1 and not seconds:
        return f"For how long? Write it as {FORMS}, or leave it out until /unmute."
    return MutePerson(place.room, _name(words[0]), seconds)


def _unmute(argument: str, place: Place) -> Reading:
    words = argument.split()
    return MutePerson(place.room, _name(words[0]), 0.0) if len(words) == 1 else _WHOM


def _password(argument: str, place: Place) -> Reading:
    del place
    return "A password does not stand in a line, which everybody near can read." if argument else AskPassword()


def _revoke(argument: str, place: Place) -> Reading:
    del place
    return (
        RevokeDevice(int(argument))
        if argument.isascii() and argument.isdigit()
        else "Which device? /devices shows numbers."
    )


def _split(argument: str) -> tuple[str, str]:
    first, _, rest = argument.partition(" ")
    return first, " ".join(rest.split())


def _banned(word: str) -> dict[str, str | None]:
    """Whether a word is a name or a network; one that could be both is a network, with an @ a name."""
    if word.startswith("@"):
        return {"name": word[1:], "network": None}
    try:
        ipaddress.ip_network(word, strict=False)
    except ValueError:
        return {"name": word, "network": None}
    return {"name": None, "network": word}


def keeps_secret(line: str) -> bool:
    """Whether a line may hold a secret, and so is not kept among those that can be called back."""
    return line.lstrip().casefold().startswith("/password")


_OWNER: Final = "Only the room's owner may."
_MODERATOR: Final = "Only the room's moderators may."

COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "invite",
        "NAME [ROOM]",
        "let somebody into a private room",
        "Without a room, it is the one you talk in. They enter it with /join.",
        "/invite bob",
        _invite,
        ("people", "room"),
        needs_room=True,
    ),
    ChatCommand(
        "private",
        "on|off",
        "let nobody enter the room but who is invited",
        f"Who is in it stays. {_OWNER}",
        "/private on",
        _private,
        needs_room=True,
    ),
    ChatCommand(
        "announce-only",
        "on|off",
        "let only moderators speak in the room",
        f"The others can read. {_MODERATOR}",
        "/announce-only on",
        _announce_only,
        needs_room=True,
    ),
    ChatCommand(
        "slow",
        "SECONDS",
        "have everybody wait between two messages",
        f"0 ends it. Moderators need not wait. {_MODERATOR}",
        "/slow 10",
        _slow,
        needs_room=True,
    ),
    ChatCommand(
        "keep",
        "DAYS",
        "say how long the room's messages are kept",
        f"What is older is removed for good; 0 is for as long as the server says. {_OWNER}",
        "/keep 30",
        _keep,
        needs_room=True,
    ),
    ChatCommand(
        "op",
        "NAME [ROLE]",
        "make somebody a moderator, or owner, or member",
        f"A role is owner, moderator or member; without one it is moderator. {_OWNER}",
        "/op bob owner",
        _op,
        ("people", "text"),
        needs_room=True,
    ),
    ChatCommand(
        "deop",
        "NAME",
        "make somebody a plain member again",
        _OWNER,
        "/deop bob",
        _deop,
        ("people",),
        needs_room=True,
    ),
    ChatCommand(
        "kick",
        "NAME [WHY]",
        "put somebody out of the room",
        f"They may come back; /ban keeps them out. {_MODERATOR}",
        "/kick bob take a walk",
        _kick,
        ("people", "text"),
        needs_room=True,
    ),
    ChatCommand(
        "ban",
        "NAME [TIME] [WHY]",
        "keep somebody, or a network, out of the room",
        f"A time is {FORMS}; without one it is for good. In the place of a name may stand a network: "
        f"an address, or a range, 192.0.2.0/24. Who is banned from the lobby is kept out of the server. {_MODERATOR}",
        "/ban bob 2h enough for today",
        _ban,
        ("people", "text"),
        needs_room=True,
    ),
    ChatCommand(
        "unban",
        "NAME",
        "lift a ban",
        f"Of a name, or of a network; /bans shows them. {_MODERATOR}",
        "/unban bob",
        _unban,
        ("people",),
        needs_room=True,
    ),
    ChatCommand(
        "bans",
        "[ROOM]",
        "show whom a room keeps out",
        f"Without a room, it is the one you talk in. {_MODERATOR}",
        "/bans",
        lambda argument, place: ListBans(named_room(argument, place)),
        ("room",),
        needs_room=True,
    ),
    ChatCommand(
        "mute",
        "NAME [TIME]",
        "let somebody read but not speak in the room",
        f"A time is {FORMS}; without one it is until /unmute. {_MODERATOR}",
        "/mute bob 10m",
        _mute,
        ("people", "text"),
        needs_room=True,
    ),
    ChatCommand(
        "unmute",
        "NAME",
        "let somebody speak again",
        f"It ends /mute. {_MODERATOR}",
        "/unmute bob",
        _unmute,
        ("people",),
        needs_room=True,
    ),
    ChatCommand(
        "password",
        "",
        "set the password for your other devices",
        "It is asked for twice, and nobody sees it. Your name is yours without one, on this device.",
        "/password",
        _password,
    ),
    ChatCommand(
        "devices",
        "",
        "show which devices are yours",
        "The star marks the one you use now.",
        "/devices",
        lambda _argument, _place: ListDevices(),
    ),
    ChatCommand(
        "revoke",
        "NUMBER",
        "let a device of yours in no more",
        "/devices shows the numbers. It can come back with your password only.",
        "/revoke 3",
        _revoke,
    ),
)
"""The commands for rooms and for one's account."""
