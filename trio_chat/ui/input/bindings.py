"""The help for the keys of the input line, as one table for both interfaces. Pure.

``/keys`` in line mode, the full screen's table and both reference pages are made from :data:`HELP`. The keys themselves
are in :data:`~trio_chat.ui.input.editor.BINDINGS`.
"""

from __future__ import annotations

import sys
from typing import Final

from trio_chat.ui.input.editor import BINDINGS

TYPING: Final = "Typing"
MOVING: Final = "Moving in the input"
CUTTING: Final = "Deleting and pasting back"
PROGRAM: Final = "The program"

HELP: Final[dict[str, tuple[str, str]]] = {
    "submit": ("send the input", TYPING),
    "newline": ("begin a new line", TYPING),
    "complete": ("complete a command, name or room", TYPING),
    "undo": ("undo", TYPING),
    "redo": ("redo", TYPING),
    "search": ("search the lines you sent before; Esc ends it", TYPING),
    "up": ("one line up; on the first line, your previous line", TYPING),
    "down": ("one line down; on the last line, your next line", TYPING),
    "transpose": ("swap two characters", TYPING),
    "left": ("one character to the left", MOVING),
    "right": ("one character to the right", MOVING),
    "word-left": ("one word to the left", MOVING),
    "word-right": ("one word to the right", MOVING),
    "line-start": ("to the beginning of the line", MOVING),
    "line-end": ("to the end of the line", MOVING),
    "text-start": ("to the beginning of the text", MOVING),
    "text-end": ("to the end of the text", MOVING),
    "delete-left": ("delete the character on the left", CUTTING),
    "delete-right": ("delete the character under the cursor", CUTTING),
    "delete-right-or-leave": ("delete a character; with nothing typed, leave", CUTTING),
    "kill-rest": ("cut the rest of the line", CUTTING),
    "kill-line-start": ("cut back to the beginning of the line", CUTTING),
    "kill-text": ("cut the whole text; undo brings it back", CUTTING),
    "kill-blank-left": ("cut back to the last space", CUTTING),
    "kill-word-left": ("cut the word on the left", CUTTING),
    "kill-word-right": ("cut the word on the right", CUTTING),
    "yank": ("paste the text that was cut last", CUTTING),
    "yank-older": ("after pasting: replace it by the text cut before", CUTTING),
    "redraw": ("clear the screen", PROGRAM),
    "interrupt": ("leave at once; in a search, end the search", PROGRAM),
    "suspend": ("stop the program; fg in the shell continues it", PROGRAM),
}
"""The help text and the section of each command of the input line."""

_SHOWN: Final = 2
"""Keys of a command that ``/keys`` shows, to keep its rows short; the reference page has all."""


def keys_of(command: str) -> tuple[str, ...]:
    """The keys of a command."""
    return tuple(key for key, does in BINDINGS.items() if does == command)


def shown(key: str) -> str:
    """A key in the usual spelling: ``Ctrl-X Ctrl-E``, ``Alt-A``."""

    def one(part: str) -> str:
        words = []
        while len(part) > 2 and part[:2] in {"C-", "M-", "S-"}:  # noqa: PLR2004 - a modifier, and a key behind it
            words.append({"C-": "Ctrl", "M-": "Alt", "S-": "Shift"}[part[:2]])
            part = part[2:]
        return "-".join([*words, part.upper() if words and len(part) == 1 else part])

    return " ".join(map(one, key.split()))


def overview() -> tuple[str, ...]:
    """The lines of ``/keys``."""
    rows = [(", ".join(map(shown, keys_of(command)[:_SHOWN])), text) for command, (text, _) in HELP.items()]
    wide = max(len(keys) for keys, _ in rows)
    return tuple(f"{keys:<{wide}}  {text}" for keys, text in rows)


def reference() -> str:
    """The reference page of the keys, as Markdown."""
    parts = [
        "# Keys of line mode",
        (
            "The keys of the input line of `trio-chat join --plain` on a terminal. `/keys` in the chat lists them too. "
            "The full screen has the same keys and [many more](keys.md)."
        ),
    ]
    for section in dict.fromkeys(section for _, section in HELP.values()):
        rows = [
            f"| {', '.join(f'`{shown(key)}`' for key in keys_of(command))} | {text} |"
            for command, (text, under) in HELP.items()
            if under == section
        ]
        parts += [f"## {section}", "| Keys | Effect |\n|---|---|\n" + "\n".join(rows)]
    parts += [
        "## In a search",
        (
            "`Ctrl-R` starts a search in the lines that you sent before, from the newest to the oldest. `Ctrl-R` again "
            "finds an older line, `Backspace` removes a letter. `Enter` sends the line that was found; any other key "
            "puts it into the input to be edited. `Ctrl-G`, `Esc` and `Ctrl-C` end the search and bring back the text "
            "that you were typing."
        ),
        "## Pasting",
        ("A pasted text goes into the input, even with several lines. Nothing is sent before you press `Enter`."),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
