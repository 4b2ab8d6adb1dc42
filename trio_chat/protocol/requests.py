"""What a client may ask, as frozen structs tagged by ``type``.

Every request carries an ``id`` that its client made up, and its answer carries it back. A field
added later must have a default, so that older peers still decode. The broker decides what a request
does; the table in :mod:`trio_chat.broker.commands` holds one row for each struct here.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

RequestId: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="made by the client; for a message the same id sent twice is stored once",
    ),
]
Seq: TypeAlias = Annotated[int, Meta(ge=0, le=2**53, description="a place in a room's sequence; the first event is 1")]
Word: TypeAlias = Annotated[str, Meta(max_length=256)]


class Request(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True, gc=False):
    """What all requests share."""

    id: RequestId


class Hello(Request, frozen=True):
    """Say who you are; the first request where no ``Username`` header was sent.

    Without ``name`` the server makes one up. ``token`` is what an earlier ``welcome`` gave: it proves
    that the name is yours while a connection of yours still holds it. Answer: ``welcome``.
    """

    name: Word | None = None
    password: Annotated[str, Meta(max_length=1024)] | None = None
    token: Word | None = None
    client: Word = ""


class Send(Request, frozen=True):
    """Say something in a room, or to people (``to``), who with you make up a direct conversation.

    Exactly one of ``room`` and ``to`` is given. ``sent`` is the sender's own clock, RFC 3339 with its
    offset. ``kind`` is ``action`` for what ``/me`` says. Answer: ``ok`` with ``room``, ``seq`` and
    ``time``, once the message is stored.
    """

    text: str
    room: Word | None = None
    to: tuple[Word, ...] | None = None
    sent: Annotated[str, Meta(max_length=40)] | None = None
    kind: Literal["text", "action"] = "text"


class Join(Request, frozen=True):
    """Enter a room, which is made if there is none of that name. Answer: ``room``."""

    room: Word


class Leave(Request, frozen=True):
    """Go out of a room. Answer: ``ok``."""

    room: Word


class Topic(Request, frozen=True):
    """Set a room's topic; an empty text clears it. Answer: ``ok``, and the room gets a ``topic`` event."""

    room: Word
    text: str


class Rooms(Request, frozen=True):
    """Ask which rooms there are. Answer: ``rooms``."""


class Who(Request, frozen=True):
    """Ask who is in a room; without ``room``, in the lobby, so everyone. Answer: ``people``."""

    room: Word | None = None


class Nick(Request, frozen=True):
    """Change your name. Answer: ``ok``, and everyone who can see you gets ``renamed``."""

    name: Word


class Away(Request, frozen=True):
    """Say that you are away and why; without ``text``, that you are back. Answer: ``ok``."""

    text: Annotated[str, Meta(max_length=256)] | None = None


class Typing(Request, frozen=True):
    """Tell a room that you are writing. Answer: ``ok``; the others get ``typing``."""

    room: Word


class Read(Request, frozen=True):
    """Say up to where you have read a room. Answer: ``ok``; your other devices get ``read``."""

    room: Word
    seq: Seq


class Received(Request, frozen=True):
    """Say that a direct message reached you. Answer: ``ok``; its sender gets ``delivered``."""

    room: Word
    seq: Seq


class History(Request, frozen=True):
    """Ask for a room's past events: those after ``after``, oldest first, or the last before ``before``.

    At most ``limit`` come, always in the order of their sequence. With neither, the newest.
    Answer: ``history``.
    """

    room: Word
    after: Seq | None = None
    before: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class Ping(Request, frozen=True):
    """Ask for a sign of life through the server's whole way. Answer: ``pong``."""


AnyRequest: TypeAlias = (
    Hello | Send | Join | Leave | Topic | Rooms | Who | Nick | Away | Typing | Read | Received | History | Ping
)
REQUESTS: tuple[type[Request], ...] = (
    Hello,
    Send,
    Join,
    Leave,
    Topic,
    Rooms,
    Who,
    Nick,
    Away,
    Typing,
    Read,
    Received,
    History,
    Ping,
)
