"""What a person can do with a line, as one table for all interfaces, and what a typed line means. Pure.

:func:`interpret` turns a line into an action (:mod:`trio_chat.ui.actions.actions`) or into what to tell the person
instead. ``/help``, completion and the reference page are made from :data:`COMMANDS` too.
"""

from __future__ import annotations

import sys
from typing import Final

from trio_chat.protocol.events import Error
from trio_chat.protocol.names import EVERYONE, nearest
from trio_chat.protocol.text import quoted
from trio_chat.ui.actions.actions import (
    JoinRoom,
    LeaveRoom,
    ListPeople,
    ListRooms,
    Quit,
    Rename,
    SendRoom,
    SendTo,
    SetAway,
    SetTopic,
)
from trio_chat.ui.commands import messages, rooms
from trio_chat.ui.commands.command import ChatCommand, Reading, Unfinished, named_room
from trio_chat.ui.input import bindings
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place


def find(name: str) -> ChatCommand | None:
    """The command of this name or alias, with its slash or without."""
    return _BY_NAME.get(name.removeprefix("/").casefold())


def unknown_command(name: str) -> Error:
    """The answer to a command that does not exist, with the command that may have been meant."""
    near = nearest(name, _BY_NAME)
    hint = f"Did you mean /{near}?" if near else "See which there are with /help."
    return Error(
        code="unknown_command",
        message=f"Unknown command /{quoted(name)[1:-1]}.",
        advice=f"{hint} Nothing was sent. (To say it, begin with two slashes.)",
    )


# ---- what the commands mean --------------------------------------------------------------------


def _msg(argument: str, place: Place) -> Reading:
    whom, _, text = argument.partition(" ") if " " in argument else argument.partition("\n")
    names = tuple(dict.fromkeys(name for word in whom.split(",") if (name := word.strip().removeprefix("@"))))
    if not names:
        return "Whom is that for?"
    if not text.strip():
        return Unfinished(f"There is no text for {', '.join(quoted(name)[1:-1] for name in names)}.", names)
    if names[0].casefold() == EVERYONE and len(names) == 1:
        return SendRoom(room=place.lobby, text=text.strip())
    return SendTo(to=names, text=text.strip())


def _who(argument: str, place: Place) -> Reading:
    return ListPeople(room=argument or place.room)


def _quit(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature; people add a farewell
    return Quit()


def _join(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    if not argument or " " in argument:
        return "Which room?" if not argument else "A room's name is one word."
    return JoinRoom(room=argument)


def _leave(argument: str, place: Place) -> Reading:
    return LeaveRoom(room=named_room(argument, place))


def _topic(argument: str, place: Place) -> Reading:
    if argument:
        return SetTopic(room=place.room, text="" if argument == "-" else argument)
    info = place.rooms.get(place.room)
    topic = info.topic if info is not None else ""
    return Note(lines=(f"The topic of {place.room} is: {topic}" if topic else f"{place.room} has no topic.",))


def _rooms(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return ListRooms()


def _nick(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    if not argument or " " in argument:
        return "Which name?" if not argument else "A name is one word."
    return Rename(name=argument)


def _me(argument: str, place: Place) -> Reading:
    return SendRoom(room=place.room, text=argument, kind="action") if argument else "You do what?"


def _say(argument: str, place: Place) -> Reading:
    return SendRoom(room=place.room, text=argument) if argument else "There is nothing to say."


def _away(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return SetAway(text=argument or "away")


def _back(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return SetAway(text=None)


def _ignore(argument: str, *, on: bool) -> Reading:
    words = argument.split()
    if len(words) > 1 or not (words or on):
        return "A name is one word." if words else "Whom?"
    return Ignore("".join(words).removeprefix("@"), on)


def _help(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    if not argument:
        return Note(lines=overview())
    name = argument.split(maxsplit=1)[0].removeprefix("/")
    command = find(name)
    return unknown_command(name) if command is None else Note(lines=explain(command))


# ---- the table ---------------------------------------------------------------------------------

_TALKING: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "msg",
        "USER[,USER] TEXT",
        "say something to one person, or several, and nobody else",
        "Several names are joined by commas, without spaces. The same is done by “@bob: text” and by names at a "
        "text's end: “text @bob @eve”. A mark (✓) tells you when it has arrived.",
        "/msg bob lunch?",
        _msg,
        ("people", "text"),
        ("tell", "w"),
    ),
    ChatCommand(
        "me",
        "TEXT",
        "say what you do",
        "The others read it as a line about you: * ada waves.",
        "/me waves",
        _me,
        ("text",),
        needs_room=True,
    ),
    ChatCommand(
        "say",
        "TEXT",
        "say a text just as it stands",
        "For a text that would mean something else: one that begins with a slash or @, or ends with a name.",
        "/say @bob is here",
        _say,
        ("text",),
        needs_room=True,
    ),
    ChatCommand(
        "list",
        "",
        "show who is here",
        "It shows who is in the room you talk in, and who of them is away.",
        "/list",
        lambda _, place: ListPeople(room=place.room),
        aliases=("names",),
    ),
    ChatCommand(
        "who",
        "[ROOM]",
        "show who is in a room",
        "Without a room, it is the one you talk in. Everyone is in the lobby.",
        "/who #ops",
        lambda argument, place: _who(named_room(argument, place), place),
        ("room",),
    ),
    ChatCommand(
        "rooms",
        "",
        "show which rooms there are",
        "A star marks those that you are in. Direct conversations are nobody else's business and not shown.",
        "/rooms",
        _rooms,
    ),
    ChatCommand(
        "join",
        "ROOM",
        "go into a room and talk there",
        "The room is made if there is none of that name. If you are in it already, your lines go there from now on.",
        "/join #ops",
        _join,
        ("room",),
        ("j",),
    ),
    ChatCommand(
        "leave",
        "[ROOM]",
        "go out of a room",
        "Without a room, it is the one you talk in. Nobody leaves the lobby but by /quit.",
        "/leave #ops",
        _leave,
        ("room",),
        ("part",),
        needs_room=True,
    ),
    ChatCommand(
        "topic",
        "[TEXT]",
        "show or set what the room is about",
        "Without a text it is shown; “/topic -” takes it away.",
        "/topic release on Friday",
        _topic,
        ("text",),
        needs_room=True,
    ),
    ChatCommand(
        "nick",
        "NAME",
        "change your name",
        "Rooms, roles and direct conversations stay yours; what you said before stands under the old one.",
        "/nick ada",
        _nick,
        ("text",),
    ),
    ChatCommand(
        "away",
        "[TEXT]",
        "tell the others that you are away",
        "The text says why. Come back with /back.",
        "/away lunch",
        _away,
        ("text",),
    ),
    ChatCommand("back", "", "tell the others that you are back", "It ends what /away began.", "/back", _back),
    ChatCommand(
        "ignore",
        "[NAME]",
        "hide what somebody says, or show whom you ignore",
        "Their messages, marks and calls are neither shown nor counted, and they are not told. It holds on this "
        "device, for this server, until /unignore, and stays with them when they change their name. What they said "
        "before is hidden from the full screen too; --json, tail and search leave nothing out.",
        "/ignore mallory",
        lambda argument, _place: _ignore(argument, on=True),
        ("people",),
    ),
    ChatCommand(
        "unignore",
        "NAME",
        "show again what somebody says",
        "It undoes /ignore; /ignore alone shows who is ignored.",
        "/unignore mallory",
        lambda argument, _place: _ignore(argument, on=False),
        ("people",),
    ),
)

_LAST: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "keys",
        "",
        "show the keys",
        "It shows what the keys do in the line you type, such as the one that begins a new line.",
        "/keys",
        lambda _argument, _place: Note(lines=bindings.overview()),
    ),
    ChatCommand(
        "help",
        "[COMMAND]",
        "show the commands, or one of them",
        "With a command, it shows all about that one.",
        "/help msg",
        _help,
        ("command",),
        ("h", "?"),
    ),
    ChatCommand(
        "quit",
        "",
        "leave the chat",
        "What you sent is waited for first. Ctrl-D on an empty line does the same; Ctrl-C leaves at once.",
        "/quit",
        _quit,
        aliases=("exit", "q"),
    ),
)

COMMANDS: Final[tuple[ChatCommand, ...]] = (
    *_TALKING,
    *messages.COMMANDS,
    *rooms.COMMANDS,
    *_LAST,
)
"""All commands, in the order in which help shows them."""

_BY_NAME: Final[dict[str, ChatCommand]] = {
    name: command for command in COMMANDS for name in (command.name, *command.aliases)
}

FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("text", "to the room you are in"),
    ("text @sis @mom", "to those people only: names at the end"),
    ("@bob: text", "to bob only"),
    ("@ALL: text", "to everyone, in the lobby"),
    ("//text", "a text that begins with a slash"),
)
"""The forms of a line that is no command, for help."""


def overview() -> tuple[str, ...]:
    """What ``/help`` shows: every form of a line."""
    rows = [*FORMS, *((command.usage, command.help) for command in COMMANDS)]
    wide = max(len(left) for left, _ in rows)
    return (
        *(f"{left:<{wide}}  {right}" for left, right in rows),
        "/help COMMAND tells more about one of them. /keys shows the keys.",
    )


def explain(command: ChatCommand) -> tuple[str, ...]:
    """What ``/help COMMAND`` shows."""
    also = f"Also: {', '.join('/' + alias for alias in command.aliases)}." if command.aliases else ""
    sentence = f"{command.help[0].upper()}{command.help[1:]}."
    rows = (sentence, command.more, f"Example: {command.example}", also)
    return (command.usage, *(f"  {row}" for row in rows if row))


def reference() -> str:
    """The reference page of the commands, as Markdown."""
    parts = [
        "# Commands in the chat",
        (
            "What you can type once you have joined. The same page is `/help` and `/help COMMAND` in the chat. What "
            "the keys do is on the pages [Keys of line mode](line-keys.md) and [Keys of the full screen](keys.md)."
        ),
        "## Whom a line is for",
        "| You type | It goes |\n|---|---|\n" + "\n".join(f"| `{left}` | {right} |" for left, right in FORMS),
        (
            "Before you press Enter, the prompt shows where the line will go. A name that nobody has is an error, and "
            'nothing is sent; with `unknown_recipients = "public"` in the settings, a text whose last words are such '
            "names goes to the room."
        ),
        "## Commands",
        "A mistyped command is never sent as a text; you are told which one may have been meant.",
    ]
    for command in COMMANDS:
        also = f" Also {', '.join(f'`/{alias}`' for alias in command.aliases)}." if command.aliases else ""
        sentence = f"{command.help[0].upper()}{command.help[1:]}."
        parts += [f"### `{command.usage}`", f"{sentence} {command.more}{also}", f"```text\n{command.example}\n```"]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
