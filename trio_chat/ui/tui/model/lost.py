"""What was typed in rooms that one is not in, now or yet: it waits until one is there (again). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trio_chat.protocol.text import clean_line
from trio_chat.ui.tui.model.room import RoomModel


class Lost:
    """Texts by room, and the rooms of those that were private when they were typed."""

    def __init__(self, texts: Mapping[str, str] | None = None, private: Iterable[str] = ()) -> None:
        self.texts = dict(texts or {})
        self.private = set(private)

    def __repr__(self) -> str:
        return f"<Lost in {', '.join(self.texts)}>"

    def keep(self, room: RoomModel) -> bool:
        """Keep what is not sent of a room that one is no longer in; whether there is anything."""
        if not room.unsent.strip():
            return False
        self.texts[room.name] = room.unsent
        if room.facts.private:
            self.private.add(room.name)
        return True

    def give_back(self, room: RoomModel) -> str:
        """Put into a room's input what waited for it; what has to be said about that, as a sentence."""
        text, private = self.texts.pop(room.name, ""), room.name in self.private
        self.private.discard(room.name)
        room.editor.insert(text)
        return opened(room.name, typed=True) if text and private and not room.facts.private else ""


def opened(room: str, *, typed: bool) -> str:
    """That a room is private no longer, before somebody says more there."""
    before = " What is in the input was written before that." if typed else ""
    return f"{clean_line(room)} was private and is open to everybody now.{before}"
