"""Frames: read those of a server, make those of requests, and match events with requests. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.client.events import BadEvent
from trio_chat.errors import NotDone, Refusal, refuse
from trio_chat.protocol.codec import decode_event, encode
from trio_chat.protocol.events import (
    AnyEvent,
    Deleted,
    Edited,
    Limits,
    Page,
    Reacted,
    RoomEvent,
    Seq,
    Welcome,
)
from trio_chat.protocol.files import has_caption
from trio_chat.protocol.parts import RoomName
from trio_chat.protocol.requests import AnyRequest, ChangeRequest, Delete, Edit, React, Send
from trio_chat.protocol.text import clean, clean_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_AGAIN: Final = b',"again":true'
"""The bytes that mark a request as sent again."""


_SHOWN: Final = 100
"""Characters of an event that makes no sense which a sentence repeats."""


class UnknownLine(msgspec.Struct, frozen=True):
    """A room event of a type that this version does not know. It still counts in the room's sequence."""

    room: RoomName
    seq: Seq
    time: str


class BadFrame(msgspec.Struct, frozen=True):
    """An event that makes no sense: its type, why, and what can be read of it all the same."""

    kind: str
    why: str
    id: str = ""
    line: UnknownLine | None = None


class BadEvents:
    """Counts the events of one connection that make no sense, of which not all are worth a word."""

    def __init__(self) -> None:
        self._count = 0

    def __repr__(self) -> str:
        return f"<BadEvents {self._count}>"

    def report(self, kind: str, why: str) -> list[BadEvent]:
        """Count an event; returns what the application is told of it: of the first, second, fourth, eighth, ..."""
        self._count += 1
        return [] if self._count & (self._count - 1) else [BadEvent(kind=kind, why=why)]


_unknown_lines: Final = msgspec.json.Decoder(UnknownLine)


def read_event(data: bytes | str) -> AnyEvent | UnknownLine | BadFrame | None:
    """Read an event of a server; ``None`` for a type that this version does not know and can do without.

    Raises ``msgspec.DecodeError`` when it is no JSON.
    """
    try:
        event = decode_event(data)
    except msgspec.ValidationError as error:
        return _bad(data, error)
    return event if event is not None else _read_line(data)


def _read_line(data: bytes | str) -> UnknownLine | None:
    try:
        return _unknown_lines.decode(data)
    except msgspec.ValidationError:
        return None


def _bad(data: bytes | str, error: msgspec.ValidationError) -> BadFrame:
    fields = msgspec.json.decode(data)
    given = fields if isinstance(fields, dict) else {}
    kind, request_id = (clean_line(str(given.get(name, ""))[:_SHOWN]) for name in ("type", "id"))
    return BadFrame(kind, clean_line(str(error)[:_SHOWN]), request_id, _read_line(data))


def read_page(page: Page) -> Iterator[tuple[int, RoomEvent | None]]:
    """The events of a page with their numbers (``None``: of a type that this version does not know, or one that makes
    no sense). Passed over are events without a number, of another room, and out of order."""
    before = 0
    for raw in page.events:
        event = read_event(bytes(raw))
        line = event.line if isinstance(event, BadFrame) else event
        if isinstance(line, RoomEvent | UnknownLine) and line.room == page.room and line.seq > before:
            before = line.seq
            yield line.seq, line if isinstance(line, RoomEvent) else None


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
            is_there = (request.room, request.target) == (event.room, event.target)
            return is_there and has_caption(event.text, request.text)
        case Delete(), Deleted():
            return (request.room, request.target) == (event.room, event.target)
        case React(), Reacted():
            asked = request.room, request.target, request.mark, request.on
            return asked == (event.room, event.target, event.mark, event.on)
        case _:
            return False
