"""The table of the typed commands, for both interfaces, and the help that is made from it. Pure.

Completion and the reference page are made from :data:`COMMANDS` too. What a whole line means is decided in
:mod:`trio_chat.ui.commands.typed_line`.
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
    """The command with this name or alias, with or without its slash; ``None`` when there is none."""
    return _BY_NAME.get(name.removeprefix("/").casefold())


def unknown_command(name: str) -> Error:
    """The answer to a command that does not exist, with the command that may have been meant."""
    near = nearest(name, _BY_NAME)
    hint = f"Did you mean /{near}?" if near else "/help lists the commands."
    return Error(
        code="unknown_command",
        message=f"Unknown command /{quoted(name)[1:-1]}.",
        advice=f"{hint} Nothing was sent. (To send it as text, begin with two slashes.)",
    )


# ---- what the commands mean --------------------------------------------------------------------


def _msg(argument: str, place: Place) -> Reading:
    whom, _, text = argument.partition(" ") if " " in argument else argument.partition("\n")
    names = tuple(dict.fromkeys(name for word in whom.split(",") if (name := word.strip().removeprefix("@"))))
    if not names:
        return "Who should get the message?"
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
        return "Which room?" if not argument else "The name of a room is one word."
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
    return SendRoom(room=place.room, text=argument, kind="action") if argument else "What do you do?"


def _say(argument: str, place: Place) -> Reading:
    return SendRoom(room=place.room, text=argument) if argument else "There is no text."


def _away(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return SetAway(text=argument or "away")


def _back(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    return SetAway(text=None)


def _ignore(argument: str, *, on: bool) -> Reading:
    words = argument.split()
    if len(words) > 1 or not (words or on):
        return "A name is one word." if words else "Which person?"
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
        "send a private message to one or more people",
        "Separate several names with commas, without spaces. “@bob: text” and “text @bob @eve” do the same. A check "
        "mark (✓) shows that the message has arrived.",
        "/msg bob lunch?",
        _msg,
        ("people", "text"),
        ("tell", "w"),
    ),
    ChatCommand(
        "me",
        "TEXT",
        "say what you are doing",
        "The others read a sentence about you: * ada waves.",
        "/me waves",
        _me,
        ("text",),
    ),
    ChatCommand(
        "say",
        "TEXT",
        "send a text exactly as typed",
        "For a text that would mean something else: it begins with a slash or @, or ends with an @name.",
        "/say @bob is here",
        _say,
        ("text",),
    ),
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
        "The room is created if it does not exist. If you are in it already, it becomes the current room.",
        "/join #ops",
        _join,
        ("room",),
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
        "topic",
        "[TEXT]",
        "show or set the topic of the room",
        "Without a text it shows the topic. “/topic -” removes it.",
        "/topic release on Friday",
        _topic,
        ("text",),
    ),
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
)

_LAST: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "keys",
        "",
        "list the keys",
        "It lists the keys of the input, such as the one that begins a new line.",
        "/keys",
        lambda _argument, _place: Note(lines=bindings.overview()),
    ),
    ChatCommand(
        "help",
        "[COMMAND]",
        "list the commands, or explain one",
        "With a command it explains that command.",
        "/help msg",
        _help,
        ("command",),
        ("h", "?"),
    ),
    ChatCommand(
        "quit",
        "",
        "leave the chat",
        "It first waits for your messages to be acknowledged. Ctrl-D on an empty line does the same; Ctrl-C leaves at "
        "once.",
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
"""All commands, in the order of the help."""

_BY_NAME: Final[dict[str, ChatCommand]] = {
    name: command for command in COMMANDS for name in (command.name, *command.aliases)
}

FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("text", "to the current room"),
    ("text @sis @mom", "to these people privately: the names are at the end"),
    ("@bob: text", "to bob privately"),
    ("@ALL: text", "to everyone, in the lobby"),
    ("//text", "to the current room, as a text that begins with a slash"),
)
"""The forms of a line that is not a command, for the help."""


def overview() -> tuple[str, ...]:
    """What ``/help`` shows: every form of a line."""
    rows = [*FORMS, *((command.usage, command.help) for command in COMMANDS)]
    wide = max(len(left) for left, _ in rows)
    return (
        *(f"{left:<{wide}}  {right}" for left, right in rows),
        "/help COMMAND explains one command. /keys lists the keys.",
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
            "Everything you can type in the chat. `/help` and `/help COMMAND` show the same. For the keys, see "
            "[Keys of line mode](line-keys.md) and [Keys of the full screen](keys.md)."
        ),
        "## Where a line goes",
        "| You type | It goes |\n|---|---|\n" + "\n".join(f"| `{left}` | {right} |" for left, right in FORMS),
        (
            "Before you press Enter, the prompt shows where the line will go. If nobody has one of the names, nothing "
            'is sent; with `unknown_recipients = "public"` in the settings, a text that ends with such names goes to '
            "the room instead."
        ),
        "## Commands",
        "A mistyped command is never sent as a message; a similar command is suggested.",
    ]
    for command in COMMANDS:
        also = f" Also {', '.join(f'`/{alias}`' for alias in command.aliases)}." if command.aliases else ""
        sentence = f"{command.help[0].upper()}{command.help[1:]}."
        parts += [f"### `{command.usage}`", f"{sentence} {command.more}{also}", f"```text\n{command.example}\n```"]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
