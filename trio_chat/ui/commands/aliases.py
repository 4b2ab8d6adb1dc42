"""Aliases: short commands that a person defines, and what they stand for. Pure.

An alias stands for a line. ``$1`` to ``$9`` are the words behind the alias, ``$*`` is all of them, ``$$`` a dollar. A
text without any of these gets the words at its end. An alias is looked up once: what it stands for is never an alias
again, so that no chain of aliases can be endless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from trio_chat.protocol.addressing import COMMAND_FORM, Command, Malformed, ParsedLine, parse

NAME: Final = re.compile(r"[^\s/@#$-][^\s/@#$]{0,31}")
"""The names that an alias can have."""
MOST_TEXT: Final = 1000
"""Characters of the line that an alias stands for."""
_PLACE: Final = re.compile(r"\$([1-9*$])")


def fault(name: str, text: str, taken: Mapping[str, object]) -> str:
    """The fault of an alias, as words behind its name; empty when nothing is. ``taken`` are the commands."""
    if not NAME.fullmatch(name):
        return "cannot be the name of an alias: write one word without / @ # $"
    if name.casefold() in taken:
        return "is a command already; choose another name"
    if not text.strip():
        return "must stand for a line, such as /msg bob $*"
    if len(text) > MOST_TEXT:
        return f"stands for more than {MOST_TEXT} characters"
    return ""


def expand(command: Command, text: str, trailing_names: str = "private") -> ParsedLine:
    """Parse the line that an alias stands for, with the words behind the alias put into it."""
    words = command.argument.split()
    needed = max((int(found[1]) for found in _PLACE.finditer(text) if found[1] in "123456789"), default=0)
    if len(words) < needed:
        why = f"The alias /{command.name} needs {needed} {'word' if needed == 1 else 'words'} behind it."
        return Malformed(COMMAND_FORM, why, f"It stands for: {text}", wrong=True)

    def put(found: re.Match[str]) -> str:
        mark = found[1]
        return "$" if mark == "$" else command.argument if mark == "*" else words[int(mark) - 1]

    takes_words = any(found[1] != "$" for found in _PLACE.finditer(text))
    line = _PLACE.sub(put, text)
    return parse(line if takes_words else f"{line} {command.argument}", trailing_names)
