"""The broker's decisions as values, which the hub carries out in their order.

A ``session`` is the number that the hub gave a connection; a ``room`` is the room's name, which is
also the name of the channel that its sessions are subscribed to.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from trio_chat.errors import Refusal
from trio_chat.protocol.events import Event, Ok, RoomEvent
from trio_chat.protocol.requests import History, Search
from trio_chat.records import Record


class Publish(Struct, frozen=True, gc=False):
    """Store a line of a room's log, then give it to everyone subscribed.

    ``number`` and ``sender`` are the room's and the account's; ``text`` and ``target`` as in
    :class:`~trio_chat.records.Line`.
    """

    room: str
    event: RoomEvent
    number: int
    sender: int
    text: str = ""
    cid: str = ""
    target: int | None = None


class Persist(Struct, frozen=True, gc=False):
    """Store a record; nobody is told of it."""

    record: Record


class Acknowledge(Struct, frozen=True, gc=False):
    """Tell one session that its request is carried out; after the batch's other effects is early enough."""

    session: int
    event: Ok


class Reply(Struct, frozen=True, gc=False):
    """Give one session an answer, in order with what it gets from its rooms."""

    session: int
    event: Event


class Notify(Struct, frozen=True, gc=False):
    """Give everyone subscribed to a room a notice; it is not stored."""

    room: str
    event: Event


class Tell(Struct, frozen=True, gc=False):
    """Give some sessions a notice."""

    sessions: tuple[int, ...]
    event: Event


class Subscribe(Struct, frozen=True, gc=False):
    """From here on the session gets the events of the room, which has this number."""

    session: int
    room: str
    number: int = 0


class Unsubscribe(Struct, frozen=True, gc=False):
    """From here on the session no longer gets the room's events."""

    session: int
    room: str


class Recall(Struct, frozen=True, gc=False):
    """Read a page of the log of the room with this number, and answer with it.

    ``since`` is the request's time as stored. ``last`` is the newest sequence number of the room now. The session gets
    all later events as they happen, so the page has none of them.
    """

    session: int
    request: History
    number: int
    since: str | None = None
    last: int = 0


class Seek(Struct, frozen=True, gc=False):
    """Search the rooms with these numbers, and answer with the hits. Times are as stored."""

    session: int
    request: Search
    rooms: tuple[int, ...]
    sender: int | None
    before: str | None
    after: str | None


class Throttle(Struct, frozen=True, gc=False):
    """Read nothing from this session for so many seconds."""

    session: int
    seconds: float


class Disconnect(Struct, frozen=True, gc=False):
    """Tell the session the reason, and close its connection."""

    session: int
    reason: Refusal
    retry: float | None = None


Effect: TypeAlias = (
    Publish
    | Persist
    | Acknowledge
    | Reply
    | Notify
    | Tell
    | Subscribe
    | Unsubscribe
    | Recall
    | Seek
    | Throttle
    | Disconnect
)
