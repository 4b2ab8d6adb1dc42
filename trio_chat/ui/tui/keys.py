"""Keys and commands of the full screen, as data: one table each. Pure.

The ``?`` overlay, ``/help`` and the reference page are made from these tables. ``[client.keys]`` in the settings
replaces the keys of a command; :func:`bind` reads that and refuses what clashes.

Keys are written ``C-x`` (control), ``M-x`` (Alt), ``S-x`` (shift), ``PageUp``, ``F1``; two in a row as ``C-x C-e``.
``Ctrl-``, ``Alt-`` and ``Shift-`` in front are understood too. A context is where a key counts: ``input`` while one
types, ``message`` while a message is selected, ``list`` in what lies over the conversation.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from trio_chat.errors import ConfigError
from trio_chat.ui.commands import table as shared
from trio_chat.ui.input.bindings import HELP, keys_of
from trio_chat.ui.input.bindings import shown as shown  # noqa: PLC0414 - for whoever shows a key of these tables
from trio_chat.ui.input.editor import Editor

KeyContext: TypeAlias = Literal["input", "message", "list"]


@dataclass(frozen=True, slots=True)
class Binding:
    """One row: what is done, by which keys, where."""

    command: str
    keys: tuple[str, ...]
    help: str
    section: str
    context: KeyContext = "input"


@dataclass(frozen=True, slots=True)
class ScreenCommand:
    """A command that is typed, and that only the full screen has."""

    name: str
    form: str
    help: str
    example: str

    @property
    def usage(self) -> str:
        """The whole form."""
        return f"/{self.name} {self.form}".rstrip()


COMMANDS: Final[tuple[ScreenCommand, ...]] = (
    ScreenCommand(
        "search",
        "WORDS [from:NAME] [in:ROOM] [before:DAY] [after:DAY] [has:link]",
        "find messages; choosing one shows it where it was said",
        "/search release from:bob",
    ),
    ScreenCommand("reply", "[WHICH] [TEXT]", "answer a message; else the last one of somebody else", "/reply yes"),
    ScreenCommand("edit", "[WHICH] [TEXT]", "change a message; else your last one", "/edit I meant Friday"),
    ScreenCommand("delete", "[WHICH]", "take back a message; else your last one", "/delete"),
    ScreenCommand("react", "[WHICH] EMOJI", "mark a message, else the last one; again takes it off", "/react :+1:"),
    ScreenCommand("unreact", "[WHICH] EMOJI", "take your mark off a message, else off the last one", "/unreact :+1:"),
    ScreenCommand("context", "[ROOM] WHICH", "go to a message", "/context 12"),
    ScreenCommand("notify", "[all|mentions|nothing]", "say what of this room calls you", "/notify all"),
    ScreenCommand("dnd", "", "do not disturb, until you say it again", "/dnd"),
    ScreenCommand("theme", "[NAME]", "change the colours, or show which themes there are", "/theme light"),
    ScreenCommand("go", "ROOM", "go to a room, or write to somebody, by some letters of the name", "/go ops"),
    ScreenCommand("copy", "", "copy the message selected, or the last one", "/copy"),
    ScreenCommand("keys", "", "show the keys", "/keys"),
)
"""The commands beyond those that every interface has; one of the same name means this one here."""

_HERE: Final = {"complete": "complete a command, name, room or :emoji:", "redraw": "draw the screen again"}
"""What keys of line mode do here, where that is something else or more."""
_MOVED: Final = {"C-k"}
"""Keys of line mode that get another command here; what they did there is part of that command."""


def _editing() -> tuple[Binding, ...]:
    return tuple(
        Binding(command, tuple(key for key in keys_of(command) if key not in _MOVED), _HERE.get(command, text), section)
        for command, (text, section) in HELP.items()
    )


KEYS: Final[tuple[Binding, ...]] = (
    Binding("help", ("F1", "M-?"), "show the keys and commands; ? does the same while nothing is typed", "The program"),
    Binding(
        "switcher-or-kill",
        ("C-k",),
        "with nothing right of the cursor: go to a room; else cut the rest of the line",
        "Finding your way",
    ),
    Binding("switcher", ("C-x b", "M-k"), "go to a room or person by a few letters", "Finding your way"),
    Binding("next-attention", ("M-a",), "to the next room that needs attention; then back", "Finding your way"),
    *(Binding(f"room-{n}", (f"M-{n}",), f"to room {n} of the list", "Finding your way") for n in range(1, 10)),
    Binding("room-before", ("M-Up", "C-PageUp"), "to the room above", "Finding your way"),
    Binding("room-after", ("M-Down", "C-PageDown"), "to the room below", "Finding your way"),
    Binding("page-up", ("PageUp", "M-v"), "a page back", "Reading"),
    Binding("page-down", ("PageDown", "C-v"), "a page on", "Reading"),
    Binding("line-up", ("S-Up",), "a line back", "Reading"),
    Binding("line-down", ("S-Down",), "a line on", "Reading"),
    Binding("newest", ("M-End", "M-G"), "to the newest message", "Reading"),
    Binding("first-unread", ("M-u", "M-Home"), "to the first unread message", "Reading"),
    Binding("all-read", ("M-h",), "count everything as read, in all rooms", "Reading"),
    Binding("select", ("M-s", "C-x s"), "select a message: to answer, mark, change or copy it", "Reading"),
    Binding("search-messages", ("C-x /", "M-/"), "search in all messages", "Reading"),
    Binding("reply-last", ("M-r",), "answer the last message", "Typing"),
    Binding("external-editor", ("C-x C-e",), "write in $EDITOR", "Typing"),
    Binding("cancel", ("Escape", "C-g"), "give up answering or changing a message; then to the newest", "Typing"),
    Binding("people", ("M-p", "F3"), "show or hide the people", "The program"),
    Binding("rooms", ("M-l", "F2"), "show or hide the rooms", "The program"),
    Binding("do-not-disturb", ("M-n",), "do not disturb, on and off", "The program"),
    *_editing(),
    Binding("message-up", ("Up", "k", "C-p", "M-s"), "the message above", "With a message selected", "message"),
    Binding("message-down", ("Down", "j", "C-n"), "the message below", "With a message selected", "message"),
    Binding("message-page-up", ("PageUp",), "ten messages up", "With a message selected", "message"),
    Binding("message-page-down", ("PageDown",), "ten messages down", "With a message selected", "message"),
    Binding("message-reply", ("r", "Enter"), "answer it", "With a message selected", "message"),
    Binding("message-react", ("+",), "mark it with an emoji", "With a message selected", "message"),
    Binding("message-edit", ("e",), "change it, if it is yours", "With a message selected", "message"),
    Binding("message-delete", ("d",), "take it back, if it is yours", "With a message selected", "message"),
    Binding("message-origin", ("o",), "go to what it answers", "With a message selected", "message"),
    Binding("message-copy", ("c", "y"), "copy it", "With a message selected", "message"),
    Binding("message-copy-link", ("l",), "copy its link", "With a message selected", "message"),
    Binding("message-span", ("v", "C-Space"), "copy from here: move, then copy", "With a message selected", "message"),
    Binding("message-info", ("i",), "show when it was said, and who marked it", "With a message selected", "message"),
    Binding("message-leave", ("Escape", "q", "C-g"), "back to the input", "With a message selected", "message"),
    Binding("up", ("Up", "C-p"), "up", "In lists and overlays", "list"),
    Binding("down", ("Down", "C-n"), "down", "In lists and overlays", "list"),
    Binding("page-up", ("PageUp",), "ten rows up", "In lists and overlays", "list"),
    Binding("page-down", ("PageDown",), "ten rows down", "In lists and overlays", "list"),
    Binding("choose", ("Enter",), "choose", "In lists and overlays", "list"),
    Binding("shut", ("Escape", "C-g", "C-c"), "close it", "In lists and overlays", "list"),
)
"""All keys. A command's name is what the settings call it; in another context than ``input`` it is
``CONTEXT.NAME`` where the bare name is taken (``list.up``)."""

SECTIONS: Final = tuple(dict.fromkeys(binding.section for binding in KEYS))


def setting(binding: Binding) -> str:
    """What the settings call a row of the table."""
    return binding.command if binding.context != "list" else f"list.{binding.command}"


class Bindings:
    """What each key means in each context, single or after a first key."""

    def __init__(self, rows: Iterable[Binding]) -> None:
        self.rows = tuple(rows)
        self._commands = {(row.context, key): row.command for row in self.rows for key in row.keys}
        self._firsts = {(context, key.split()[0]) for context, key in self._commands if " " in key}

    def __repr__(self) -> str:
        return f"<Bindings of {len(self._commands)} keys>"

    def command(self, context: KeyContext, key: str) -> str | None:
        """What a key, or two with a space between, does; ``None`` for nothing."""
        return self._commands.get((context, key))

    def begins(self, context: KeyContext, key: str) -> bool:
        """Whether a key only begins others."""
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
    """A key as the settings have it, in the form of the table; ``None`` for what is none."""
    parts = []
    for word in text.split():
        rest, modifiers = word, ""
        while found := next(
            (pair for pair in _LONG if rest.lower().startswith(pair[0]) and len(rest) > len(pair[0])), None
        ):
            modifiers += found[1]
            rest = rest[len(found[0]) :]
        if "C-" in modifiers and len(rest) == 1:
            rest = rest.lower()
        key = "".join(sorted(set(re.findall("..", modifiers)))) + rest
        if not _KEY.fullmatch(key):
            return None
        parts.append(key)
    return " ".join(parts) if 1 <= len(parts) <= 2 else None  # noqa: PLR2004 - a key, or two in a row


def bind(changes: Mapping[str, Iterable[str]], where: str = "[client.keys]") -> Bindings:
    """The table with the keys that the settings give to some commands.

    A key that the table had for another command is taken from it; two commands to which the settings give the same
    key are a clash. Raises :class:`~trio_chat.errors.ConfigError` for a clash, for a command that there is not and
    for what is no key; each fault is a line.
    """
    names = {setting(row): row for row in KEYS}
    faults: list[str] = []
    given: dict[tuple[KeyContext, str], str] = {}
    wanted: dict[str, tuple[str, ...]] = {}
    for name, keys in changes.items():
        if name not in names:
            near = get_close_matches(name, names, n=1)
            faults.append(f"{where}: there is no command {name}." + (f" Did you mean {near[0]}?" if near else ""))
            continue
        read = {text: read_key(text) for text in keys}
        faults += [
            f"{where}: {name}: {text!r} is no key; write it as C-x, M-x, F5 or C-x C-e."
            for text, key in read.items()
            if key is None
        ]
        wanted[name] = tuple(dict.fromkeys(key for key in read.values() if key is not None))
        for key in wanted[name]:
            other = given.setdefault((names[name].context, key), name)
            if other != name:
                faults.append(f"{where}: {key} is given to both {other} and {name}; keep one of them.")
    if faults:
        raise ConfigError("\n".join(faults))
    rows = [_with_keys(row, wanted.get(setting(row)), given) for row in KEYS]
    _refuse_prefixes(rows, where)
    return Bindings(rows)


def _with_keys(row: Binding, wanted: tuple[str, ...] | None, given: Mapping[tuple[KeyContext, str], str]) -> Binding:
    keys = wanted if wanted is not None else tuple(key for key in row.keys if (row.context, key) not in given)
    return Binding(row.command, keys, row.help, row.section, row.context)


def _refuse_prefixes(rows: Iterable[Binding], where: str) -> None:
    """A key cannot both do something and begin others."""
    used = {(row.context, key): setting(row) for row in rows for key in row.keys}
    for (context, key), name in used.items():
        first = key.split()[0]
        if " " in key and (context, first) in used:
            raise ConfigError(
                f"{where}: {first} does {used[context, first]}, so {key} ({name}) could never be pressed."
            )


def overview(bindings: Bindings) -> list[tuple[str, str]]:
    """What the ``?`` overlay shows: pairs of a style and a line."""
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
    """Every command that can be typed and every form of a line, with what it does."""
    mine = {one.name for one in COMMANDS}
    rows = [(one.usage, one.help) for one in shared.COMMANDS if one.name not in mine]
    return [*shared.FORMS, *rows, *((one.usage, one.help) for one in COMMANDS)]


def _merged(bindings: Bindings, section: str) -> list[tuple[str, str]]:
    """The rows of one section; those of the nine rooms as one."""
    rows = []
    for row in bindings.rows:
        if row.section != section or not row.keys or re.fullmatch("room-[2-9]", row.command):
            continue
        keys, text = ", ".join(map(shown, row.keys)), row.help
        if row.command == "room-1":
            keys, text = "Alt-1 … Alt-9", "to a room by its number in the list"
        rows.append((keys, text))
    return rows


def reference() -> str:
    """The reference page of the keys, as Markdown."""
    bindings = Bindings(KEYS)
    parts = [
        "# Keys and commands of the full screen",
        (
            "The same is shown by F1, or by `?` while nothing is typed. What `trio-chat join --plain` knows too is in "
            "the [commands in the chat](chat-commands.md)."
        ),
        "## Changing keys",
        (
            "The table `[client.keys]` of the settings gives a command other keys, one or a list. Keys are written "
            "`C-x`, `M-x`, `F5`, `PageUp`, or two in a row, `C-x C-e`. A key given to two commands is an error, and "
            "so is a command that there is not. A key that another command had is taken from it."
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
            "| Keys | What they do | Called |\n|---|---|---|\n"
            + "\n".join(f"| {keys} | {text} | `{name}` |" for keys, text, name in rows)
        )
    parts.append("## Commands that only the full screen has")
    parts.append(
        "| You type | It does |\n|---|---|\n"
        + "\n".join(f"| `{one.usage.replace('|', chr(92) + '|')}` | {one.help} |" for one in COMMANDS)
    )
    return "\n\n".join(parts) + "\n"


EDITOR_COMMANDS: Final = Editor.commands

if __name__ == "__main__":
    sys.stdout.write(reference())
