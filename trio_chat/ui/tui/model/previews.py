"""The pictures in the conversation: each stands under its message for as long as that is on the screen. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from trio_chat.ui.preview.picture import Picture
from trio_chat.ui.tui.model.log import Entry
from trio_chat.ui.tui.model.room import RoomModel


class ShownPicture(NamedTuple):
    """The message that has a picture, and the id of the picture's file."""

    room: RoomModel
    entry: Entry
    file: str


class Previews:
    """Puts pictures under messages and takes them away. It holds as many as fit on one screen."""

    def __init__(self) -> None:
        self._shown: list[ShownPicture] = []

    def __repr__(self) -> str:
        return f"<Previews with {len(self._shown)} pictures>"

    def __len__(self) -> int:
        return len(self._shown)

    def file(self, room: RoomModel, seq: int) -> str:
        """The id of the file whose picture stands under a message; empty for none."""
        entry = room.log.find(seq)
        return next((one.file for one in self._shown if one.entry is entry), "")

    def show(self, room: RoomModel, seq: int, picture: Picture, file: str) -> bool:
        """Put the picture of a file under a message, in place of the one that it has; tell whether the message is
        there."""
        entry = room.log.find(seq)
        if entry is None or entry.deleted:
            return False
        self.hide(room, seq)
        entry.picture = picture
        entry.change()
        self._shown.append(ShownPicture(room, entry, file))
        room.reveal = seq
        return True

    def hide(self, room: RoomModel, seq: int) -> bool:
        """Take the picture of a message away; tell whether it had one."""
        entry = room.log.find(seq)
        if entry is None or entry.picture is None:
            return False
        self._take_away(entry)
        self._shown = [one for one in self._shown if one.entry is not entry]
        return True

    def keep(self, room: RoomModel, visible: Collection[int]) -> None:
        """Take away all pictures but those of these messages of a room, and those of deleted messages."""
        for one in self._shown:
            if one.room is not room or one.entry.seq not in visible:
                self._take_away(one.entry)
        self._shown = [
            one
            for one in self._shown
            if one.entry.picture is not None and one.entry is one.room.log.find(one.entry.seq)
        ]

    def _take_away(self, entry: Entry) -> None:
        if entry.picture is not None:
            entry.picture = None
            entry.change()
