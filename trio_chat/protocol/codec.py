"""Encode requests and events as JSON objects, and decode them. The caller bounds the size first."""

from __future__ import annotations

from typing import Final

import msgspec

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import AnyEvent, Event
from trio_chat.protocol.requests import AnyRequest, Request
from trio_chat.protocol.soundness import make_sound
from trio_chat.protocol.text import clean_line

SUBPROTOCOL: Final = "trio-chat.1"
"""The WebSocket subprotocol (RFC 6455, 1.9). The number grows when the protocol breaks older peers."""

MAX_FRAME: Final = 64 * 1024
"""The default limit for one request, in bytes: enough for the longest text in four-byte characters, JSON-escaped, and
the other fields."""

_SHOWN: Final = 200  # characters of the decoder's message that a refusal repeats

_requests: Final[msgspec.json.Decoder[AnyRequest]] = msgspec.json.Decoder(AnyRequest)
_events: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)
_encoder: Final = msgspec.json.Encoder()

encode = _encoder.encode
"""Encode any request or event as UTF-8 JSON bytes."""


def decode_request(data: bytes | str) -> AnyRequest | tuple[str, Refusal]:
    """Decode one request.

    Returns the request. If it cannot be decoded, returns its id (empty if the id cannot be found) and a refusal that
    says why. Never raises on bad input.
    """
    try:
        return _requests.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return _explain(data, error)


def _explain(data: bytes | str, error: Exception) -> tuple[str, Refusal]:
    """Choose the row of the error table that describes this decoding error best."""
    why = str(error)
    shown = clean_line(why[:_SHOWN])  # the message may quote the request
    try:
        thing = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        if (data if isinstance(data, bytes) else data.encode(errors="replace")).lstrip()[:1] == b"[":
            return "", refuse("not_an_object")  # whatever follows the bracket
        if isinstance(error, RecursionError):
            shown = "it is nested too deeply"
        return "", refuse("not_json", why=shown)
    if not isinstance(thing, dict):
        return "", refuse("not_an_object")
    request_id = thing.get("id", "")
    if not isinstance(request_id, str) or len(request_id) > 64:  # noqa: PLR2004 - RequestId's own bound
        request_id = ""
    kind = thing.get("type")
    if isinstance(kind, str) and why.startswith("Invalid value") and why.endswith("`$.type`"):
        return request_id, refuse("unknown_type", kind=repr(kind[:40]))
    return request_id, refuse("bad_field", why=shown)


def decode_event(data: bytes | str) -> AnyEvent | None:
    """Decode one event; ``None`` for a type that this version does not know, which the caller must ignore.

    Raises ``msgspec.DecodeError`` if the data is not an event, and its subclass ``msgspec.ValidationError`` if it makes
    no sense: see :func:`trio_chat.protocol.soundness.make_sound`.
    """
    try:
        return make_sound(_events.decode(data))
    except msgspec.ValidationError as error:
        if str(error).startswith("Invalid value") and str(error).endswith("`$.type`"):
            return None
        raise
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def tag(kind: type[Request | Event]) -> str:
    """The ``type`` of a struct on the wire."""
    return str(kind.__struct_config__.tag)
