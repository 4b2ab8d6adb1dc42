"""Events that the interfaces make themselves and show like those of a server."""

from __future__ import annotations

from trio_chat.protocol.events import Event, Message, RoomEvent
from trio_chat.protocol.parts import RoomName


class Note(Event, frozen=True, tag="note"):
    """Lines of text from this program to the person."""

    lines: tuple[str, ...]


class Hits(Event, frozen=True, tag="found"):
    """Messages that a search found, newest first; ``more`` tells that there are more, ``behind`` is the number of the
    newest messages that the server has not indexed yet."""

    messages: tuple[Message, ...]
    more: bool = False
    behind: int = 0


class Context(Event, frozen=True, tag="context"):
    """A message, the one with the number ``around``, among the events before and after it."""

    room: RoomName
    around: int
    events: tuple[RoomEvent, ...]
