"""Repeating a request that came too fast, for lines from a program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from trio_chat.errors import Refused

T = TypeVar("T")

LONGEST: Final = 60.0
"""Seconds after which a request is no longer repeated."""
PAUSE: Final = 0.25
"""Seconds between two tries; the rate limit of a server lets several lines through in that time."""


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Make a request, and repeat it while the server answers ``too_fast``.

    Raises the exceptions of ``ask``; :class:`~trio_chat.errors.Refused` with ``too_fast`` only after :data:`LONGEST`.
    """
    deadline = trio.current_time() + LONGEST
    while True:
        try:
            return await ask()
        except Refused as refusal:
            if refusal.code != "too_fast" or trio.current_time() >= deadline:
                raise
        await trio.sleep(PAUSE)
