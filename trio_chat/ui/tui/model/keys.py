"""Keys and commands of the full screen, as data: one table each. Pure.

The ``?`` overlay, ``/help`` and the reference page are made from these tables. ``[client.keys]`` in the settings
replaces the keys of a command; :func:`bind` reads that table and refuses clashes.

Keys are written ``C-x`` (control), ``M-x`` (Alt), ``S-x`` (shift), ``PageUp``, ``F1``; two in a row as ``C-x C-e``.
The prefixes ``Ctrl-``, ``Alt-`` and ``Shift-`` are understood too. A context is where a key is pressed: ``input`` while
the person types, ``message`` while a message is selected, ``list`` in an open list, text or question.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from trio_chat.errors import ConfigError
from trio_chat.ui.commands import table as shared
from trio_chat.ui.input.bindings import HELP, keys_of
from trio_chat.ui.input.bindings import shown as shown  # noqa: PLC0414 - re-exported
from trio_chat.ui.input.editor import Editor

KeyContext: TypeAlias = Literal["input", "message", "list"]


@dataclass(frozen=True, slots=True)
class Binding:
    """One row: a command, its keys, its help, and the context of the keys."""

    command: str
    keys: tuple[str, ...]
    help: str
    section: str
    context: KeyContext = "input"


@dataclass(frozen=True, slots=True)
class ScreenCommand:
    """A typed command that only the full screen has, or that does more there."""

    name: str
    form: str
    help: str
    example: str

    @property
    def usage(self) -> str:
        """The name and the arguments."""
        return f"/{self.name} {self.form}".rstrip()


COMMANDS: Final[tuple[ScreenCommand, ...]] = (
    ScreenCommand(
        "search",
        "WORDS [from:NAME] [in:ROOM] [before:WHEN] [after:WHEN] [has:link] [has:file] [file:NAME]",
        "search messages; Enter on a result goes to it",
        "/search release from:bob",
    ),
    ScreenCommand("reply", "[WHICH] [TEXT]", "reply to a message, or to the last one of somebody else", "/reply yes"),
    ScreenCommand("edit", "[WHICH] [TEXT]", "edit a message, or your last one", "/edit I meant Friday"),
    ScreenCommand("delete", "[WHICH]", "delete a message, or your last one", "/delete"),
    ScreenCommand("react", "[WHICH] EMOJI", "react to a message, or to the last one", "/react :+1:"),
    ScreenCommand(
        "unreact", "[WHICH] EMOJI", "remove your reaction from a message, or from the last one", "/unreact :+1:"
    ),
    ScreenCommand("context", "[ROOM] WHICH", "go to a message", "/context 12"),
    ScreenCommand(
        "notify", "[all|mentions|nothing]", "choose the messages of this room that notify you", "/notify all"
    ),
    ScreenCommand("dnd", "", "turn do-not-disturb on or off", "/dnd"),
    ScreenCommand("theme", "[NAME]", "change the colours, or list the themes", "/theme light"),
    ScreenCommand("go", "ROOM", "go to a room, or write to a person, by a few letters of the name", "/go ops"),
    ScreenCommand("copy", "", "copy the selected message, or the last one", "/copy"),
    ScreenCommand("keys", "", "list the keys", "/keys"),
)
"""The commands that only the full screen has, and those that replace a shared command of the same name."""

_HERE: Final = {"complete": "complete a command, name, room or :emoji:", "redraw": "redraw the screen"}
"""The help of editor commands that do something else, or more, in the full screen."""
_MOVED: Final = {"C-k"}
"""Keys of line mode that have another command here, which includes their command of line mode."""


def _editing() -> tuple[Binding, ...]:
    return tuple(
        Binding(command, tuple(key for key in keys_of(command) if key not in _MOVED), _HERE.get(command, text), section)
        for command, (text, section) in HELP.items()
    )


KEYS: Final[tuple[Binding, ...]] = (
    Binding("help", ("F1", "M-?"), "list the keys and commands; ? does too while the input is empty", "The program"),
    Binding(
        "switcher-or-kill",
        ("C-k",),
        "at the end of the line: go to a room; elsewhere: cut the rest of the line",
        "Finding your way",
    ),
    Binding("switcher", ("C-x b", "M-k"), "go to a room or person by a few letters", "Finding your way"),
    Binding("next-attention", ("M-a",), "to the next room that needs attention, then back", "Finding your way"),
    *(Binding(f"room-{n}", (f"M-{n}",), f"to room {n} of the list", "Finding your way") for n in range(1, 10)),
    Binding("room-before", ("M-Up", "C-PageUp"), "to the room above", "Finding your way"),
    Binding("room-after", ("M-Down", "C-PageDown"), "to the room below", "Finding your way"),
    Binding("page-up", ("PageUp", "M-v"), "one page back", "Reading"),
    Binding("page-down", ("PageDown", "C-v"), "one page forward", "Reading"),
    Binding("line-up", ("S-Up",), "one line back", "Reading"),
    Binding("line-down", ("S-Down",), "one line forward", "Reading"),
    Binding("newest", ("M-End", "M-G"), "to the newest message", "Reading"),
    Binding("first-unread", ("M-u", "M-Home"), "to the first unread message", "Reading"),
    Binding("all-read", ("M-h",), "mark all messages of all rooms as read", "Reading"),
    Binding("select", ("M-s", "C-x s"), "select a message: to reply, react, edit, delete or copy", "Reading"),
    Binding("search-messages", ("C-x /", "M-/"), "search messages", "Reading"),
    Binding("reply-last", ("M-r",), "reply to the last message", "Typing"),
    Binding("external-editor", ("C-x C-e",), "write in $EDITOR", "Typing"),
    Binding("cancel", ("Escape", "C-g"), "stop replying or editing; then go to the newest message", "Typing"),
    Binding("people", ("M-p", "F3"), "show or hide the list of people", "The program"),
    Binding("rooms", ("M-l", "F2"), "show or hide the list of rooms", "The program"),
    Binding("do-not-disturb", ("M-n",), "turn do-not-disturb on or off", "The program"),
    *_editing(),
    Binding("message-up", ("Up", "k", "C-p", "M-s"), "the message above", "With a message selected", "message"),
    Binding("message-down", ("Down", "j", "C-n"), "the message below", "With a message selected", "message"),
    Binding("message-page-up", ("PageUp",), "ten messages up", "With a message selected", "message"),
    Binding("message-page-down", ("PageDown",), "ten messages down", "With a message selected", "message"),
    Binding("message-reply", ("r",), "reply to it", "With a message selected", "message"),
    Binding("message-enter", ("Enter",), "save its file, else reply to it", "With a message selected", "message"),
    Binding("message-save", ("s",), "save its file", "With a message selected", "message"),
    Binding("message-open", ("O",), "save its file and open it", "With a message selected", "message"),
    Binding("message-preview", ("p",), "show its image here, or hide it", "With a message selected", "message"),
    Binding("message-react", ("+",), "react with an emoji", "With a message selected", "message"),
    Binding("message-edit", ("e",), "edit it, if it is yours", "With a message selected", "message"),
    Binding("message-delete", ("d",), "delete it, if it is yours", "With a message selected", "message"),
    Binding("message-origin", ("o",), "go to the message that it replies to", "With a message selected", "message"),
    Binding("message-copy", ("c", "y"), "copy it", "With a message selected", "message"),
    Binding("message-copy-link", ("l",), "copy its link", "With a message selected", "message"),
    Binding(
        "message-span", ("v", "C-Space"), "begin a range here: move, then copy", "With a message selected", "message"
    ),
    Binding("message-info", ("i",), "show its time, number and reactions", "With a message selected", "message"),
    Binding("message-leave", ("Escape", "q", "C-g"), "back to the input", "With a message selected", "message"),
    Binding("up", ("Up", "C-p"), "up", "In lists and questions", "list"),
    Binding("down", ("Down", "C-n"), "down", "In lists and questions", "list"),
    Binding("page-up", ("PageUp",), "ten rows up", "In lists and questions", "list"),
    Binding("page-down", ("PageDown",), "ten rows down", "In lists and questions", "list"),
    Binding("choose", ("Enter",), "choose", "In lists and questions", "list"),
    Binding("shut", ("Escape", "C-g", "C-c"), "close", "In lists and questions", "list"),
)
"""All keys. The settings use the name of a command; in lists it is ``list.NAME``, as in ``list.up``."""

SECTIONS: Final = tuple(dict.fromkeys(binding.section for binding in KEYS))


def setting(binding: Binding) -> str:
    """The name of a row in the settings."""
    return binding.command if binding.context != "list" else f"list.{binding.command}"


class Bindings:
    """The command of each key in each context; a key may be the second of two."""

    def __init__(self, rows: Iterable[Binding]) -> None:
        self.rows = tuple(rows)
        self._commands = {(row.context, key): row.command for row in self.rows for key in row.keys}
        self._firsts = {(context, key.split()[0]) for context, key in self._commands if " " in key}

    def __repr__(self) -> str:
        return f"<Bindings of {len(self._commands)} keys>"

    def command(self, context: KeyContext, key: str) -> str | None:
        """The command of a key, or of two keys with a space between; ``None`` when it has none."""
        return self._commands.get((context, key))

    def begins(self, context: KeyContext, key: str) -> bool:
        """Whether a key is the first of two."""
        return (context, key) in self._firsts

    def keys(self, command: str, context: KeyContext = "input") -> tuple[str, ...]:
        """The keys of a command."""
        return next((row.keys for row in self.rows if (row.command, row.context) == (command, context)), ())


_KEY: Final = re.compile(
    r"(?:C-)?(?:M-)?(?:S-)?(?:[!-~]|Enter|Tab|Backspace|Escape|Space|Up|Down|Left|Right|Home|End|Insert|Delete|PageUp"
    r"|PageDown|Begin|F(?:[1-9]|1[0-2]))"
)
_LONG: Final = (("ctrl-", "C-"), ("control-", "C-"), ("alt-", "M-"), ("meta-", "M-"), ("shift-", "S-"))


def read_key(text: str) -> str | None:
    """A key of the settings in the spelling of the table; ``None`` when it is not a key."""
    parts = []
    for word in text.split():
        rest, modifiers = word, ""
        while found := next((pair for pair in _LONG if rest.lower().startswith(pair[0])), None):
            modifiers += found[1]
            rest = rest[len(found[0]) :]
        if "C-" in modifiers and len(rest) == 1:
            rest = rest.lower()
        key = "".join(sorted(set(re.findall("..", modifiers)))) + rest
        if not _KEY.fullmatch(key):
            return None
        parts.append(key)
    return " ".join(parts) if 1 <= len(parts) <= 2 else None  # noqa: PLR2004 - a key, or two in a row


def bind(
    changes: Mapping[str, Iterable[str]], where: Callable[[str], str] = lambda _command: "[client.keys]"
) -> Bindings:
    """The table with the keys of the settings. ``where`` gives the place in the settings that gives a command its keys.

    A key that the table had for another command is removed there. Raises :class:`~trio_chat.errors.ConfigError`, with a
    line for each fault, when the settings give a key to two commands, or name an unknown command or key.
    """
    names = {setting(row): row for row in KEYS}
    faults: list[str] = []
    given: dict[tuple[KeyContext, str], str] = {}
    wanted: dict[str, tuple[str, ...]] = {}
    for name, keys in changes.items():
        if name not in names:
            near = get_close_matches(name, names, n=1)
            faults.append(f"{where(name)}: there is no command {name}." + (f" Did you mean {near[0]}?" if near else ""))
            continue
        read = {text: read_key(text) for text in keys}
        faults += [
            f"{where(name)}: {name}: {text!r} is not a key; write it as C-x, M-x, F5 or C-x C-e."
            for text, key in read.items()
            if key is None
        ]
        wanted[name] = tuple(dict.fromkeys(key for key in read.values() if key is not None))
        for key in wanted[name]:
            other = given.setdefault((names[name].context, key), name)
            if other != name:
                faults.append(f"{where(name)}: {key} is given to both {other} and {name}; keep one of them.")
    if faults:
        raise ConfigError("\n".join(faults))
    rows = [_with_keys(row, wanted.get(setting(row)), given) for row in KEYS]
    _refuse_prefixes(rows, changes, where)
    return Bindings(rows)


def _with_keys(row: Binding, wanted: tuple[str, ...] | None, given: Mapping[tuple[KeyContext, str], str]) -> Binding:
    keys = wanted if wanted is not None else tuple(key for key in row.keys if (row.context, key) not in given)
    return Binding(row.command, keys, row.help, row.section, row.context)


def _refuse_prefixes(rows: Iterable[Binding], changes: Mapping[str, object], where: Callable[[str], str]) -> None:
    """Refuse a key that has a command and is also the first of two."""
    used = {(row.context, key): setting(row) for row in rows for key in row.keys}
    for (context, key), name in used.items():
        first = key.split()[0]
        if " " in key and (context, first) in used:
            changed = name if name in changes else used[context, first]
            raise ConfigError(
                f"{where(changed)}: {first} runs {used[context, first]}, so {key} ({name}) could never be pressed."
            )


def overview(bindings: Bindings) -> list[tuple[str, str]]:
    """The lines of the ``?`` overlay: pairs of a style and a text."""
    lines: list[tuple[str, str]] = []
    for section in SECTIONS:
        lines += [("overlay", "")] if lines else []
        lines.append(("overlay.title", section))
        for row in _merged(bindings, section):
            lines.append(("overlay", f"  {row[0]:<26} {row[1]}"))
    lines += [("overlay", ""), ("overlay.title", "Commands")]
    for usage, text in command_rows():
        lines.append(("overlay", f"  {usage:<26} {text}"))
    return lines


def command_rows() -> list[tuple[str, str]]:
    """Every typed command and every form of a line, with its help."""
    mine = {one.name for one in COMMANDS}
    rows = [(one.usage, one.help) for one in shared.COMMANDS if one.name not in mine]
    return [*shared.FORMS, *rows, *((one.usage, one.help) for one in COMMANDS)]


def _merged(bindings: Bindings, section: str) -> list[tuple[str, str]]:
    """The rows of one section; the nine rows for rooms as one."""
    rows = []
    for row in bindings.rows:
        if row.section != section or not row.keys or re.fullmatch("room-[2-9]", row.command):
            continue
        keys, text = ", ".join(map(shown, row.keys)), row.help
        if row.command == "room-1":
            keys, text = "Alt-1 … Alt-9", "to a room by its number"
        rows.append((keys, text))
    return rows


def reference() -> str:
    """The reference page of the keys, as Markdown."""
    bindings = Bindings(KEYS)
    parts = [
        "# Keys and commands of the full screen",
        (
            "F1 shows the same, and `?` while the input is empty. The commands that `trio-chat join --plain` has too "
            "are in [Commands in the chat](chat-commands.md)."
        ),
        "## Changing keys",
        (
            "The table `[client.keys]` of the settings gives a command other keys: one key or a list. Keys are written "
            "`C-x`, `M-x`, `F5`, `PageUp`, or two in a row, `C-x C-e`. It is an error to give one key to two commands, "
            "or to name an unknown command. A key that belonged to another command is removed there."
        ),
        '```toml\n[client.keys]\nswitcher = "C-o"\nnext-attention = ["M-a", "F8"]\n```',
    ]
    for section in SECTIONS:
        parts.append(f"## {section}")
        rows = [
            (", ".join(f"`{key}`" for key in row.keys).replace("|", "\\|"), row.help, setting(row))
            for row in bindings.rows
            if row.section == section and row.keys
        ]
        parts.append(
            "| Keys | Effect | Name in the settings |\n|---|---|---|\n"
            + "\n".join(f"| {keys} | {text} | `{name}` |" for keys, text, name in rows)
        )
    parts.append("## Commands that only the full screen has")
    parts.append(
        "| Command | Effect |\n|---|---|\n"
        + "\n".join(f"| `{one.usage.replace('|', chr(92) + '|')}` | {one.help} |" for one in COMMANDS)
    )
    return "\n\n".join(parts) + "\n"


EDITOR_COMMANDS: Final = Editor.commands

if __name__ == "__main__":
    sys.stdout.write(reference())
