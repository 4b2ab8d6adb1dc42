"""Frames: read those of a server, make those of requests, and match events with requests. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.errors import NotDone, Refusal, refuse
from trio_chat.protocol.codec import decode_event, encode
from trio_chat.protocol.events import AnyEvent, Deleted, Edited, Limits, Page, Reacted, RoomEvent, Welcome
from trio_chat.protocol.requests import AnyRequest, ChangeRequest, Delete, Edit, React, Send
from trio_chat.protocol.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

_AGAIN: Final = b',"again":true'
"""The bytes that mark a request as sent again."""


class UnknownLine(msgspec.Struct, frozen=True):
    """A room event of a type that this version does not know. It still counts in the room's sequence."""

    room: str
    seq: int
    time: str


_unknown_lines: Final = msgspec.json.Decoder(UnknownLine)


def read_event(data: bytes | str) -> AnyEvent | UnknownLine | None:
    """Read an event of a server; ``None`` for a type that this version does not know and can do without.

    Raises ``msgspec.DecodeError`` when it is no JSON.
    """
    try:
        event = decode_event(data)
    except msgspec.ValidationError:
        event = None
    if event is None:
        try:
            return _unknown_lines.decode(data)
        except msgspec.ValidationError:
            return None
    return event


def read_page(page: Page) -> Iterator[tuple[int, RoomEvent | None]]:
    """The events of a page with their numbers (``None``: of a type that this version does not know). Events without a
    number are passed over."""
    for raw in page.events:
        event = read_event(bytes(raw))
        if isinstance(event, RoomEvent):
            yield event.seq, event
        elif isinstance(event, UnknownLine):
            yield event.seq, None


def make_frame(request: AnyRequest, welcome: Welcome | None) -> bytes:
    """Encode a request. Raises :class:`~trio_chat.errors.NotDone` for one that the server would close the connection
    for: it would close each new connection too."""
    try:
        frame = encode(request)
    except UnicodeEncodeError:
        refusal = refuse("bad_field", why="the text has half a character (a lone surrogate)")
    else:
        excess = None if welcome is None else too_much(request, frame, welcome.limits)
        if excess is None:
            return frame
        refusal = excess
    raise NotDone(refusal.code, refusal.message, refusal.advice)


def too_much(request: AnyRequest, frame: bytes, limits: Limits) -> Refusal | None:
    """Why a request is too large for this server; ``None`` if it is not. The text is counted as the server counts it,
    cleaned, so that nothing is refused that the server would take."""
    if isinstance(request, Send | Edit) and len(request.text) > limits.text:
        size = len(clean(request.text))
        if size > limits.text:
            return refuse("too_long", size=size, limit=limits.text)
    # a request that is sent again says so, which takes more bytes
    spare = len(_AGAIN) if isinstance(request, Send | ChangeRequest) and _AGAIN not in frame else 0
    return refuse("too_big", limit=limits.frame) if len(frame) + spare > limits.frame else None


def is_of(request: AnyRequest, event: Edited | Deleted | Reacted) -> bool:
    """Whether this event is the result of that request."""
    match request, event:
        case Edit(), Edited():
            return (request.room, request.target, request.text) == (event.room, event.target, event.text)
        case Delete(), Deleted():
            return (request.room, request.target) == (event.room, event.target)
        case React(), Reacted():
            asked = request.room, request.target, request.mark, request.on
            return asked == (event.room, event.target, event.mark, event.on)
        case _:
            return False
