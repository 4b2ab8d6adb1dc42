"""The pictures in the conversation: each stands under its message for as long as that is on the screen. Pure."""

from __future__ import annotations

from collections.abc import Collection

from trio_chat.ui.preview.picture import Picture
from trio_chat.ui.tui.model.log import Entry
from trio_chat.ui.tui.model.room import RoomModel


class Previews:
    """Puts pictures under messages and takes them away. What is held is what fits on one screen."""

    def __init__(self) -> None:
        self._shown: list[tuple[RoomModel, Entry]] = []

    def __repr__(self) -> str:
        return f"<Previews with {len(self._shown)} pictures>"

    def __len__(self) -> int:
        return len(self._shown)

    def show(self, room: RoomModel, seq: int, picture: Picture) -> bool:
        """Put a picture under a message, in place of the one that it has; tell whether the message is there."""
        entry = room.log.find(seq)
        if entry is None or entry.deleted:
            return False
        self.hide(room, seq)
        entry.picture = picture
        entry.change()
        self._shown.append((room, entry))
        room.reveal = seq
        return True

    def hide(self, room: RoomModel, seq: int) -> bool:
        """Take the picture of a message away; tell whether it had one."""
        entry = room.log.find(seq)
        if entry is None or entry.picture is None:
            return False
        self._take_away(entry)
        self._shown = [(where, one) for where, one in self._shown if one is not entry]
        return True

    def keep(self, room: RoomModel, visible: Collection[int]) -> None:
        """Take away all pictures but those of these messages of a room, and those of deleted messages."""
        gone = [(where, one) for where, one in self._shown if where is not room or one.seq not in visible]
        for _, entry in gone:
            self._take_away(entry)
        self._shown = [
            (where, one) for where, one in self._shown if one.picture is not None and one is where.log.find(one.seq)
        ]

    def _take_away(self, entry: Entry) -> None:
        if entry.picture is not None:
            entry.picture = None
            entry.change()
