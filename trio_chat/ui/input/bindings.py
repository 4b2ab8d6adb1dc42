"""What the keys of the input line do, as one table for all interfaces. Pure.

``/keys`` in line mode, the full screen's table and both reference pages are made from :data:`HELP`; which key does
it, :data:`~trio_chat.ui.input.editor.BINDINGS` says.
"""

from __future__ import annotations

import sys
from typing import Final

from trio_chat.ui.input.editor import BINDINGS

TYPING: Final = "Typing"
MOVING: Final = "Moving in the input"
CUTTING: Final = "Deleting and bringing back"
PROGRAM: Final = "The program"

HELP: Final[dict[str, tuple[str, str]]] = {
    "submit": ("send what is typed", TYPING),
    "newline": ("begin a new line", TYPING),
    "complete": ("complete a command, name or room", TYPING),
    "undo": ("undo", TYPING),
    "redo": ("do it again", TYPING),
    "search": ("search in what you typed before; Esc gives up", TYPING),
    "up": ("a line up; on the first one, what you typed before", TYPING),
    "down": ("a line down; on the last one, what you typed after", TYPING),
    "transpose": ("swap two characters", TYPING),
    "left": ("a character to the left", MOVING),
    "right": ("a character to the right", MOVING),
    "word-left": ("a word to the left", MOVING),
    "word-right": ("a word to the right", MOVING),
    "line-start": ("to the line's begin", MOVING),
    "line-end": ("to the line's end", MOVING),
    "text-start": ("to the text's begin", MOVING),
    "text-end": ("to the text's end", MOVING),
    "delete-left": ("delete the character on the left", CUTTING),
    "delete-right": ("delete the character under the cursor", CUTTING),
    "delete-right-or-leave": ("delete a character; with nothing typed, leave", CUTTING),
    "kill-rest": ("cut the rest of the line", CUTTING),
    "kill-line-start": ("cut up to the line's begin", CUTTING),
    "kill-blank-left": ("cut back to a blank", CUTTING),
    "kill-word-left": ("cut the word on the left", CUTTING),
    "kill-word-right": ("cut the word on the right", CUTTING),
    "yank": ("put back what was cut", CUTTING),
    "yank-older": ("after that: what was cut before it", CUTTING),
    "redraw": ("clear the screen", PROGRAM),
    "interrupt": ("leave at once; in a search, leave the search", PROGRAM),
    "suspend": ("stop; the shell's fg goes on", PROGRAM),
}
"""Each command of the input line: what it does, and under which heading that stands."""

_SHOWN: Final = 2
"""Keys of a command that ``/keys`` shows, where rows must be short; the reference page has all."""


def keys_of(command: str) -> tuple[str, ...]:
    """The keys that do something to the input line."""
    return tuple(key for key, does in BINDINGS.items() if does == command)


def shown(key: str) -> str:
    """A key as people write it: ``Ctrl-X Ctrl-E``, ``Alt-A``."""

    def one(part: str) -> str:
        words = []
        while len(part) > 2 and part[:2] in {"C-", "M-", "S-"}:  # noqa: PLR2004 - a modifier, and a key behind it
            words.append({"C-": "Ctrl", "M-": "Alt", "S-": "Shift"}[part[:2]])
            part = part[2:]
        return "-".join([*words, part.upper() if words and len(part) == 1 else part])

    return " ".join(map(one, key.split()))


def overview() -> tuple[str, ...]:
    """What ``/keys`` shows."""
    rows = [(", ".join(map(shown, keys_of(command)[:_SHOWN])), text) for command, (text, _) in HELP.items()]
    wide = max(len(keys) for keys, _ in rows)
    return tuple(f"{keys:<{wide}}  {text}" for keys, text in rows)


def reference() -> str:
    """The reference page of the keys, as Markdown."""
    parts = [
        "# Keys of line mode",
        (
            "What the keys do in the input line of `trio-chat join --plain` on a terminal. `/keys` in the chat shows "
            "them too. The full screen knows the same ones and [many more](keys.md)."
        ),
    ]
    for section in dict.fromkeys(section for _, section in HELP.values()):
        rows = [
            f"| {', '.join(f'`{shown(key)}`' for key in keys_of(command))} | {text} |"
            for command, (text, under) in HELP.items()
            if under == section
        ]
        parts += [f"## {section}", "| Keys | What they do |\n|---|---|\n" + "\n".join(rows)]
    parts += [
        "## In a search",
        (
            "`Ctrl-R` begins it. What you type is looked for in the lines that you sent before, from the newest back; "
            "`Ctrl-R` again goes further back, `Backspace` takes a letter away. `Enter` sends the line that was found, "
            "and any other key takes it to be changed. `Ctrl-G`, `Esc` and `Ctrl-C` leave the search, and what you "
            "were typing is back."
        ),
        "## Pasting",
        ("What is pasted is put into the input as it is, several lines too; nothing is sent before you press `Enter`."),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
