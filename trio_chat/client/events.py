"""The events that ``async for event in chat`` yields: those of the server, and those of the client itself.

The client's events are structs of the same family as the protocol's, so they encode the same way; a server never sends
their types.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

from msgspec import Meta

from trio_chat.protocol.events import AnyEvent, Event, Message, RoomEvent
from trio_chat.protocol.parts import RoomName, Time


class Disconnected(Event, frozen=True):
    """The connection was lost, or (``attempt`` > 0) an attempt to reconnect failed.

    ``reason`` is a sentence; the next attempt begins in ``retry_in`` seconds.
    """

    reason: str
    retry_in: float
    attempt: int = 0


class Reconnected(Event, frozen=True):
    """The client is connected again, after so many ``attempts``.

    ``anew`` tells that the server's history began anew: earlier sequence numbers mean nothing. The events since then
    follow, as far as the server keeps them.
    """

    attempts: int
    anew: bool = False


class Missed(Event, frozen=True):
    """The next ``count`` events of this room are no longer kept; the events after them follow."""

    room: RoomName
    count: Annotated[int, Meta(ge=1)]


class RejoinRefused(Event, frozen=True, tag="rejoin_refused"):
    """You could not join this room again after a reconnect, and are no longer in it.

    ``code`` is the server's error code, or ``opened`` where the client did not ask: the server's history began anew
    without this room, which was private, and joining it would make a public room. Unsent messages for it are refused.
    """

    room: RoomName
    code: str
    message: str
    advice: str = ""


class BadEvent(Event, frozen=True, tag="bad_event"):
    """The server sent an event that makes no sense, which was passed over.

    ``kind`` is its type and ``why`` what is wrong with it. Of many, only the first, second, fourth, eighth, ... of a
    connection is told.
    """

    kind: str
    why: str


class Backlog(Event, frozen=True):
    """The last events of a room that is seen for the first time, in order. Newer events follow after it.

    ``unread_from`` is the number of the first unread event, ``None`` where there is none; ``unread`` is the number of
    unread events, also of those that are too old to be in ``events``. What you read on any device counts as read.
    """

    room: RoomName
    events: tuple[RoomEvent, ...]
    unread_from: int | None = None
    unread: int = 0


LocalEvent: TypeAlias = Disconnected | Reconnected | Missed | RejoinRefused | BadEvent | Backlog
ChatEvent: TypeAlias = AnyEvent | LocalEvent
"""Everything that ``async for event in chat`` yields. Answers to requests are not among it."""


class Receipt(NamedTuple):
    """The acknowledgement of a stored message: its room, its sequence number, the server's time."""

    room: str
    seq: int
    time: Time


class Past(NamedTuple):
    """Past events of a room, in order.

    ``more`` tells whether the log goes on in the direction asked, ``first`` is the oldest sequence number that is
    still kept. Events of a type that this version does not know are left out.
    """

    room: str
    events: tuple[RoomEvent, ...]
    more: bool
    first: int


class Findings(NamedTuple):
    """Messages that a search found, newest first.

    ``cursor`` asks for the next page (``None``: there is none); ``behind`` is the number of the newest messages that
    the server has not indexed yet.
    """

    messages: tuple[Message, ...]
    cursor: int | None
    behind: int
