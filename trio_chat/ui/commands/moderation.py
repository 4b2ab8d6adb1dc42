"""The commands of moderators and owners: roles, /kick, bans and mutes. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, Literal

from trio_chat.protocol.requests import MOST_USES
from trio_chat.protocol.spans import FORMS, has_unit, parse_span
from trio_chat.ui.actions.moderation import (
    BanPerson,
    KickPerson,
    LiftBan,
    ListBans,
    MakeInviteLink,
    MutePerson,
    SetPersonRole,
)
from trio_chat.ui.commands.command import (
    ONLY_MODERATORS,
    ONLY_OWNER,
    WHICH_PERSON,
    ChatCommand,
    Reading,
    named_room,
    person_name,
)

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place

_USES: Final = re.compile(r"[0-9]{1,15}")
_ROLES: Final[dict[str, Literal["owner", "moderator", "member"]]] = {
    "owner": "owner",
    "moderator": "moderator",
    "mod": "moderator",
    "member": "member",
}


def _op(argument: str, place: Place) -> Reading:
    words = argument.split()
    if len(words) not in {1, 2}:
        return WHICH_PERSON
    role = _ROLES.get(words[1].casefold()) if len(words) > 1 else "moderator"
    return (
        "The role is owner, moderator or member."
        if role is None
        else SetPersonRole(place.room, person_name(words[0]), role)
    )


def _deop(argument: str, place: Place) -> Reading:
    words = argument.split()
    return SetPersonRole(place.room, person_name(words[0]), "member") if len(words) == 1 else WHICH_PERSON


def _invite_link(argument: str, place: Place) -> Reading:
    uses, room = 1, ""
    seconds: float | None = 7 * 86400.0
    for word in argument.split():
        span = parse_span(word) if has_unit(word) else None
        if _USES.fullmatch(word) and 0 < int(word) <= MOST_USES:
            uses = int(word)
        elif word.casefold() == "never":
            seconds = None
        elif span:
            seconds = span
        elif word.startswith("#"):
            room = named_room(word, place)
        else:
            return f"A number of people (up to {MOST_USES}), a time ({FORMS}, or never), or a #room."
    return MakeInviteLink(room or None, uses, seconds)


def _kick(argument: str, place: Place) -> Reading:
    name, why = _split(argument)
    return KickPerson(place.room, person_name(name), why) if name else WHICH_PERSON


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
        return WHICH_PERSON
    seconds = parse_span(words[1]) if len(words) > 1 else None
    if len(words) > 1 and not seconds:
        return f"For how long? Write {FORMS}; without a time it lasts until /unmute."
    return MutePerson(place.room, person_name(words[0]), seconds)


def _unmute(argument: str, place: Place) -> Reading:
    words = argument.split()
    return MutePerson(place.room, person_name(words[0]), 0.0) if len(words) == 1 else WHICH_PERSON


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


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "op",
        "NAME [ROLE]",
        "make a person moderator, owner or member",
        f"The role is owner, moderator or member; without one it is moderator. {ONLY_OWNER}",
        "/op bob owner",
        _op,
        ("people", "text"),
    ),
    ChatCommand(
        "deop",
        "NAME",
        "make a person a plain member again",
        ONLY_OWNER,
        "/deop bob",
        _deop,
        ("people",),
    ),
    ChatCommand(
        "invite-link",
        "[OPTIONS]",
        "make a link that lets new people in",
        f"The options are how many people (else 1), a time ({FORMS}, or never; else 7d) and a #room that they enter "
        "too. /invite is for people who are here already. Only moderators of the lobby, and of that room, can do this.",
        "/invite-link 5 2d #class",
        _invite_link,
        ("text", "text", "room"),
    ),
    ChatCommand(
        "kick",
        "NAME [WHY]",
        "remove a person from the room",
        f"They can come back; /ban keeps them out. {ONLY_MODERATORS}",
        "/kick bob take a walk",
        _kick,
        ("people", "text"),
    ),
    ChatCommand(
        "ban",
        "NAME [TIME] [WHY]",
        "ban a person or a network from the room",
        f"A time is {FORMS}; without one the ban has no end. Instead of a name you can give an IP address or a range "
        f"(192.0.2.0/24). A ban from the lobby is a ban from the server. {ONLY_MODERATORS}",
        "/ban bob 2h enough for today",
        _ban,
        ("people", "text"),
    ),
    ChatCommand(
        "unban",
        "NAME",
        "lift a ban",
        f"Give the name or the network; /bans lists them. {ONLY_MODERATORS}",
        "/unban bob",
        _unban,
        ("people",),
    ),
    ChatCommand(
        "bans",
        "[ROOM]",
        "list the bans of a room",
        f"Without a room it is the current one. {ONLY_MODERATORS}",
        "/bans",
        lambda argument, place: ListBans(named_room(argument, place)),
        ("room",),
    ),
    ChatCommand(
        "mute",
        "NAME [TIME]",
        "let a person read but not write in the room",
        f"A time is {FORMS}; without one it lasts until /unmute. {ONLY_MODERATORS}",
        "/mute bob 10m",
        _mute,
        ("people", "text"),
    ),
    ChatCommand(
        "unmute",
        "NAME",
        "let a person write again",
        f"It ends /mute. {ONLY_MODERATORS}",
        "/unmute bob",
        _unmute,
        ("people",),
    ),
)
"""The rows of the table."""
