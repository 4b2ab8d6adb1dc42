"""Events of the interfaces' own: what a program tells its person, shown as what comes from a server is."""

from __future__ import annotations

from trio_chat.protocol.events import Event, Message, RoomEvent, RoomName


class Note(Event, frozen=True, tag="note"):
    """Something that this program tells the person by itself, line by line."""

    lines: tuple[str, ...]


class Hits(Event, frozen=True, tag="found"):
    """What a search found, newest first; ``more`` tells that there is more, ``behind`` how many of the newest
    lines cannot be found yet."""

    messages: tuple[Message, ...]
    more: bool = False
    behind: int = 0


class Context(Event, frozen=True, tag="context"):
    """A message, the one numbered ``around``, among those before and after it."""

    room: RoomName
    around: int
    events: tuple[RoomEvent, ...]
