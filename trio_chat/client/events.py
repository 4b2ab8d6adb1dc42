"""What ``async for event in chat`` yields: the server's events, and what only this side knows.

The local ones are structs of the same family as the protocol's, so they encode the same way; their
types never come from a server.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

from msgspec import Meta

from trio_chat.protocol.events import AnyEvent, Event, Message, RoomEvent, RoomName, Time


class Disconnected(Event, frozen=True):
    """The connection was lost, or (``attempt`` > 0) an attempt to get it back failed.

    ``reason`` is a sentence; in ``retry_in`` seconds the next attempt begins.
    """

    reason: str
    retry_in: float
    attempt: int = 0


class Reconnected(Event, frozen=True):
    """The conversation goes on, after so many attempts.

    ``anew`` tells that the server's history began anew: sequence numbers seen before mean nothing. What
    was said since it began follows, as far as the server keeps it.
    """

    attempts: int
    anew: bool = False


class Missed(Event, frozen=True):
    """So many events of this room can no longer be had; those after them follow."""

    room: RoomName
    count: Annotated[int, Meta(ge=1)]


class RejoinRefused(Event, frozen=True, tag="rejoin_refused"):
    """After a reconnect the server did not let us into this room again; we are no longer in it.

    Its ``code`` is ``opened`` where we did not ask: the server's history began anew, without this room, which was
    private, and to join it would make one that is open to everybody. What was not sent there yet is refused.
    """

    room: RoomName
    code: str
    message: str
    advice: str = ""


class Backlog(Event, frozen=True):
    """The past of a room that is seen for the first time: its last events, in their order; what follows in
    the room comes after it.

    ``unread_from`` is the number of the first event that came since you, on any device, last read the room,
    ``None`` where there is none, or where you never read it; ``unread`` counts them, also those that are too
    old to stand in ``events``.
    """

    room: RoomName
    events: tuple[RoomEvent, ...]
    unread_from: int | None = None
    unread: int = 0


LocalEvent: TypeAlias = Disconnected | Reconnected | Missed | RejoinRefused | Backlog
ChatEvent: TypeAlias = AnyEvent | LocalEvent
"""Whatever ``async for event in chat`` yields. Answers to requests do not show up there."""


class Receipt(NamedTuple):
    """A message is stored: at this place (``seq``) of this room's sequence, at this time of the server's."""

    room: str
    seq: int
    time: Time


class Past(NamedTuple):
    """A stretch of a room's log, in order.

    ``more`` tells whether the log goes on in the direction asked, ``first`` is the oldest sequence
    number that is still kept. Events of a type that this version does not know are left out.
    """

    room: str
    events: tuple[RoomEvent, ...]
    more: bool
    first: int


class Findings(NamedTuple):
    """What a search found: messages, newest first.

    ``cursor`` goes on with the next page (``None``: that was all); ``behind`` is how many of the newest
    lines cannot be found yet, because the server has not got round to them.
    """

    messages: tuple[Message, ...]
    cursor: int | None
    behind: int
