"""The commands for rooms and the people in them: who is there, joining and leaving, invitations, settings. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.protocol.spans import has_unit, parse_span
from trio_chat.ui.actions.actions import JoinRoom, LeaveRoom, ListPeople, ListRooms, SetTopic, ShowPerson
from trio_chat.ui.actions.moderation import ConfigureRoom, InvitePerson
from trio_chat.ui.commands.command import (
    ONLY_MODERATORS,
    ONLY_OWNER,
    WHICH_PERSON,
    ChatCommand,
    Reading,
    is_on,
    named_room,
    person_name,
)
from trio_chat.ui.model.notes import Note

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place

_MOST_SLOW: Final = 86400.0  # seconds, as the protocol bounds it
_MOST_KEEP: Final = 36500.0  # days, as the protocol bounds it


def _who(argument: str, place: Place) -> Reading:
    return ListPeople(room=argument or place.room)


def _rooms(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return ListRooms()


def _join(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    if not argument or " " in argument:
        return "Which room?" if not argument else "The name of a room is one word."
    return JoinRoom(room=argument)


def _leave(argument: str, place: Place) -> Reading:
    return LeaveRoom(room=named_room(argument, place))


def _remove(argument: str, place: Place) -> Reading:
    if len(argument.split()) != 1:
        return "Which room?"
    return LeaveRoom(room=named_room(argument, place), remove=True)


def _topic(argument: str, place: Place) -> Reading:
    if argument:
        return SetTopic(room=place.room, text="" if argument == "-" else argument)
    info = place.rooms.get(place.room)
    topic = info.topic if info is not None else ""
    return Note(lines=(f"The topic of {place.room} is: {topic}" if topic else f"{place.room} has no topic.",))


def _invite(argument: str, place: Place) -> Reading:
    words = argument.split()
    if len(words) not in {1, 2}:
        return WHICH_PERSON
    return InvitePerson(named_room(words[1] if len(words) > 1 else "", place), person_name(words[0]))


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


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "list",
        "",
        "list the people in this room",
        "It also shows who is away.",
        "/list",
        lambda _, place: ListPeople(room=place.room),
        aliases=("names",),
    ),
    ChatCommand(
        "who",
        "[ROOM]",
        "list the people in a room",
        "Without a room it lists the current one. Everyone is in the lobby.",
        "/who #ops",
        lambda argument, place: _who(named_room(argument, place), place),
        ("room",),
    ),
    ChatCommand(
        "whois",
        "NAME",
        "show what is known of a person who is here",
        "It shows since when they are here, whether they are away, and the rooms that you share, with their roles.",
        "/whois bob",
        lambda argument, _place: ShowPerson(person_name(argument)) if len(argument.split()) == 1 else WHICH_PERSON,
        ("people",),
    ),
    ChatCommand(
        "rooms",
        "",
        "list the rooms",
        "A star marks the rooms that you are in. Direct conversations are private and not listed.",
        "/rooms",
        _rooms,
    ),
    ChatCommand(
        "join",
        "ROOM",
        "enter a room",
        "A room that does not exist is made, and you are told. If you are in it already, it becomes the current room.",
        "/join #ops",
        _join,
        ("enterable",),
        ("j",),
    ),
    ChatCommand(
        "leave",
        "[ROOM]",
        "leave a room",
        "Without a room it leaves the current one. You leave the lobby only with /quit.",
        "/leave #ops",
        _leave,
        ("room",),
        ("part",),
    ),
    ChatCommand(
        "remove",
        "ROOM",
        "delete a room of yours that nobody else is in",
        f"Its messages are deleted too. {ONLY_OWNER}",
        "/remove #opss",
        _remove,
        ("room",),
    ),
    ChatCommand(
        "topic",
        "[TEXT]",
        "show or set the topic of the room",
        "Without a text it shows the topic. “/topic -” removes it.",
        "/topic release on Friday",
        _topic,
        ("text",),
    ),
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
        f"The people in the room stay. {ONLY_OWNER}",
        "/private on",
        _private,
    ),
    ChatCommand(
        "announce-only",
        "on|off",
        "let only moderators write in the room",
        f"The others can read. {ONLY_MODERATORS}",
        "/announce-only on",
        _announce_only,
    ),
    ChatCommand(
        "slow",
        "SECONDS",
        "set the wait between two messages of a person",
        f"0 turns it off. Moderators need not wait. {ONLY_MODERATORS}",
        "/slow 10",
        _slow,
    ),
    ChatCommand(
        "keep",
        "DAYS",
        "set how long messages of the room are kept",
        f"Older messages are deleted for good. 0 means as long as the server keeps messages. {ONLY_OWNER}",
        "/keep 30",
        _keep,
    ),
)
"""The rows of the table."""
