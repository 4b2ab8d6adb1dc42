"""What ``async for event in chat`` yields: the server's events, and what only this side knows.

The local ones are structs of the same family as the protocol's, so they encode the same way; their
types never come from a server.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

from msgspec import Meta

from trio_chat.protocol.events import AnyEvent, Event, RoomEvent, RoomName, Time


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
    """After a reconnect the server did not let us into this room again; we are no longer in it."""

    room: RoomName
    code: str
    message: str
    advice: str = ""


LocalEvent: TypeAlias = Disconnected | Reconnected | Missed | RejoinRefused
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
