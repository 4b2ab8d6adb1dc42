"""Unsent texts of rooms that the person is not in: kept until they are in the room again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trio_chat.protocol.text import clean_line
from trio_chat.ui.tui.model.room import RoomModel


class UnsentTexts:
    """The unsent texts by room, and the rooms that were private when the texts were typed."""

    def __init__(self, texts: Mapping[str, str] | None = None, private: Iterable[str] = ()) -> None:
        self.texts = dict(texts or {})
        self.private = set(private)

    def __repr__(self) -> str:
        return f"<UnsentTexts of {', '.join(self.texts)}>"

    def keep(self, room: RoomModel) -> bool:
        """Keep the unsent texts of a room that the person has left. Returns whether there are any."""
        if not room.unsent.strip():
            return False
        self.texts[room.name] = room.unsent
        if room.facts.private:
            self.private.add(room.name)
        return True

    def give_back(self, room: RoomModel) -> str:
        """Put the kept text into a room's input. Returns a sentence to tell the person, or nothing."""
        text, private = self.texts.pop(room.name, ""), room.name in self.private
        self.private.discard(room.name)
        room.editor.put(text)
        return opened(room.name, typed=True) if text and private and not room.facts.private else ""


def opened(room: str, *, typed: bool) -> str:
    """A warning that a room is not private any more."""
    before = " The text in the input was written before that." if typed else ""
    return f"{clean_line(room)} was private and is public now.{before}"
