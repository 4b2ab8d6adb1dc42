"""The table of the typed commands, for both interfaces, and the help that is made from it. Pure.

The rows stand beside their functions: :mod:`~trio_chat.ui.commands.sending`, :mod:`~trio_chat.ui.commands.files`,
:mod:`~trio_chat.ui.commands.rooms`, :mod:`~trio_chat.ui.commands.account`, :mod:`~trio_chat.ui.commands.messages`
(earlier messages), :mod:`~trio_chat.ui.commands.moderation` and :mod:`~trio_chat.ui.commands.interface`; here only the
commands that need the whole table. Completion and the reference page are made from :data:`COMMANDS` too. What a whole
line means is decided in :mod:`trio_chat.ui.commands.typed_line`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from trio_chat.protocol.events import Error
from trio_chat.protocol.names import nearest
from trio_chat.protocol.text import quoted
from trio_chat.ui.actions.actions import Quit
from trio_chat.ui.commands import account, files, interface, messages, moderation, rooms, sending
from trio_chat.ui.commands.aliases import fault
from trio_chat.ui.commands.command import ChatCommand, Reading
from trio_chat.ui.input import bindings
from trio_chat.ui.model.interface_actions import DefineAlias, ShowAliases
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


def _quit(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature; people add a farewell
    return Quit()


def _help(argument: str, place: Place) -> Reading:
    if not argument:
        return Note(lines=overview())
    name = argument.split(maxsplit=1)[0].removeprefix("/")
    if name in place.preferences.aliases:
        return ShowAliases(name)
    command = find(name)
    return unknown_command(name) if command is None else Note(lines=explain(command))


def _alias(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    argument, save = interface.without_save(argument)
    name, line = interface.split_first(argument)
    name = name.removeprefix("/").casefold()
    if not line:
        return "What does the alias stand for?" if save else ShowAliases(name)
    if line == "-":
        return DefineAlias(name, "", save)
    wrong = fault(name, line, _BY_NAME)
    return f"/{quoted(name)[1:-1]} {wrong}." if wrong else DefineAlias(name, line, save)


def check_aliases(table: Mapping[str, tuple[str, ...]], where: Callable[[str], str] = lambda _name: "") -> list[str]:
    """The faults of a table of aliases, as sentences. ``where`` gives the beginning of the sentence about a name."""
    faults = []
    for name, lines in table.items():
        wrong = "has several lines; it stands for one" if len(lines) != 1 else fault(name, lines[0], _BY_NAME)
        if wrong:
            faults.append(f"{where(name)}alias.{name} {wrong}.")
    return faults


# ---- the table ---------------------------------------------------------------------------------

_LAST: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "alias",
        "[NAME [LINE]]",
        "show or define commands of your own",
        "$1 to $9 are the words behind the alias, $* is all of them; without these the words go to the end of the "
        "line. The line - removes the alias. With --save at the end it is kept in the settings file.",
        "/alias hug /me hugs $1",
        _alias,
        ("alias", "text"),
    ),
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
    *sending.COMMANDS,
    *files.COMMANDS,
    *rooms.COMMANDS,
    *account.COMMANDS,
    *messages.COMMANDS,
    *moderation.COMMANDS,
    *interface.COMMANDS,
    *_LAST,
)
"""All commands, in the order of the help."""

_BY_NAME: Final[dict[str, ChatCommand]] = {
    name: command for command in COMMANDS for name in (command.name, *command.aliases)
}

FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("text", "to the current room"),
    ("text @sis @mom", "to these people privately: all names are at the end"),
    ("@bob: text", "to bob privately"),
    ("bob: text", "to the current room, and calls bob, as @bob does"),
    ("@ALL: text", "to everyone, in the lobby"),
    ("//text", "to the current room, as a text that begins with a slash"),
)
"""The forms of a line that is not a command, for the help."""


def overview() -> tuple[str, ...]:
    """The text of ``/help``: every form of a line."""
    rows = [*FORMS, *((command.usage, command.help) for command in COMMANDS)]
    wide = max(len(left) for left, _ in rows)
    return (
        *(f"{left:<{wide}}  {right}" for left, right in rows),
        "/help COMMAND explains one command. /keys lists the keys.",
    )


def explain(command: ChatCommand) -> tuple[str, ...]:
    """The text of ``/help COMMAND``."""
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
            'the room instead. With `trailing_names = "mention"`, names at the end of a text mention people in the '
            "current room, and only `@bob: text` and `/msg` are private."
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
