"""The times in a server's refusals, in the zone of whoever reads them."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TypeVar

import msgspec

from trio_chat.errors import until
from trio_chat.protocol.events import Closing, Error

E = TypeVar("E")


def in_local_time(event: E, *, now: datetime | None = None, zone: tzinfo | None = None) -> E:
    """An event as it came or, if it is a refusal that ends some time, with that time as it is in this ``zone``
    (``None`` for the machine's): without the day, where that is today's. ``now`` is a clock with a zone."""
    if not isinstance(event, Error | Closing) or event.until is None:
        return event
    try:
        end = datetime.fromisoformat(event.until).astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return event
    today = (now or datetime.now().astimezone()).astimezone(zone).date()
    shown = f"{end:%H:%M}" if end.date() == today else f"{end:%Y-%m-%d %H:%M}"
    return msgspec.structs.replace(event, message=event.message.replace(until(event.until), f" until {shown}"))
