"""What a typed line means, in one call."""

from __future__ import annotations

from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.typed_line import LineReader
from trio_chat.ui.model.place import Place


def interpret(line: str, place: Place, *, unknown_recipients: str = "error") -> Meaning | None:
    """What Enter would do with a line."""
    return LineReader(unknown_recipients).read(line).meaning(place)
