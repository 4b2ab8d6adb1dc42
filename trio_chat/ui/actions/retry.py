"""Asking again what came too fast, for lines that no person types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from trio_chat.errors import Refused

T = TypeVar("T")

LONGEST: Final = 60.0
"""Seconds in which something gets through, or is refused for good."""
PAUSE: Final = 0.25
"""Seconds between two tries; a server's rate lets several lines through in that time."""


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask, and as long as the server says that it came too fast, ask again a little later.

    Raises what ``ask`` raises, :class:`~trio_chat.errors.Refused` for ``too_fast`` only in the end.
    """
    deadline = trio.current_time() + LONGEST
    while True:
        try:
            return await ask()
        except Refused as refusal:
            if refusal.code != "too_fast" or trio.current_time() >= deadline:
                raise
        await trio.sleep(PAUSE)
