"""Rules about stored lines that every store follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from trio_chat.errors import StoreError

if TYPE_CHECKING:
    from trio_chat.records import Line

EDITED: Final = "edited"
"""The kind of a line that gives its target line a new text."""


def misplaced(line: Line, last: int | None) -> StoreError:
    """The error for a line that does not follow the last line of its room; ``last`` is ``None`` without such a room."""
    if last is None:
        return StoreError(f"There is no room {line.room} for its line {line.seq}. Nothing was stored.")
    return StoreError(f"Line {line.seq} of room {line.room} does not follow line {last}. Nothing was stored.")


def blanked(event: bytes) -> bytes:
    """Return an event, a JSON object, without its text and without the accounts that the text mentioned."""
    fields: dict[str, Any] = msgspec.json.decode(event)
    fields.pop("mentions", None)
    return msgspec.json.encode({**fields, "text": ""})
