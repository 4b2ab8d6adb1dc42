"""The files that messages on the screen carry: their rows, and which of them a command means. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from trio_chat.client.events import Backlog
from trio_chat.protocol import events
from trio_chat.protocol.files import ANY_KIND, size_words
from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.notes import Context, Hits

MOST: Final = 500
"""Messages with files that are remembered of each room: more than anybody counts back."""

_IMAGES: Final = "image/"
_KINDS: Final = {"application/pdf": "PDF", "text/plain": "text", ANY_KIND: "binary"}


class ShownFile(NamedTuple):
    """A file, and the message that carries it."""

    room: str
    seq: int
    file: FileInfo


class ShownFiles:
    """The files that were shown, by room and message. The newest is number 1."""

    def __init__(self) -> None:
        self._rooms: dict[str, OrderedDict[int, tuple[FileInfo, ...]]] = {}

    def __repr__(self) -> str:
        return f"<ShownFiles in {len(self._rooms)} rooms>"

    def take(self, event: events.Event) -> None:
        """Take an event that is shown."""
        match event:
            case events.Message() if event.files and not event.deleted:
                self._note(event)
            case events.Deleted():
                self._rooms.get(event.room, OrderedDict()).pop(event.target, None)
            case Backlog() | Context():
                self.take_all(event.events)
            case Hits():
                self.take_all(event.messages)
            case _:
                pass

    def take_all(self, past: Iterable[events.Event]) -> None:
        """Take past events."""
        for event in past:
            self.take(event)

    def _note(self, message: events.Message) -> None:
        held = self._rooms.setdefault(message.room, OrderedDict())
        late = bool(held) and message.seq < next(reversed(held))
        held[message.seq] = message.files
        if late:
            self._rooms[message.room] = held = OrderedDict(sorted(held.items()))
        if len(held) > MOST:
            held.popitem(last=False)

    def forget(self, room: str | None = None) -> None:
        """Forget the files of a room, or of all."""
        if room is None:
            self._rooms.clear()
        else:
            self._rooms.pop(room, None)

    def of(self, room: str, seq: int) -> tuple[FileInfo, ...]:
        """The files of a message, as far as it was shown."""
        return self._rooms.get(room, OrderedDict()).get(seq, ())

    def find(self, room: str, number: int) -> ShownFile | None:
        """The newest file shown in a room (1), the one before it (2), ..."""
        left = number
        for seq, files in reversed(self._rooms.get(room, OrderedDict()).items()):
            if 0 < left <= len(files):
                return ShownFile(room, seq, files[-left])
            left -= len(files)
        return None

    def count(self, room: str) -> int:
        """The number of files that were shown in a room."""
        return sum(map(len, self._rooms.get(room, OrderedDict()).values()))


def kind_words(file: FileInfo) -> str:
    """The kind of a file for a person: ``PNG image, 640 x 480``, ``PDF``, ``text``, ``binary``."""
    if file.kind.startswith(_IMAGES):
        size = f", {file.width} x {file.height}" if file.width and file.height else ""
        return f"{clean_line(file.kind.removeprefix(_IMAGES)).upper()} image{size}"
    return _KINDS.get(file.kind) or clean_line(file.kind)


def file_row(file: FileInfo) -> str:
    """A file as a row of text: ``[file] build.log, 12.3 KiB, text``."""
    return f"[file] {clean_line(file.name)}, {size_words(file.size)}, {kind_words(file)}"
