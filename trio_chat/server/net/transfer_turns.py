"""Turns of transfers: all together do one portion of work in a turn of the event loop.

So a message waits for one portion, however many transfers there are. Ten of them with a portion each took five
milliseconds from everybody, again and again.
"""

from __future__ import annotations

from typing import Final

import trio

_turns: Final[trio.lowlevel.RunVar[trio.Semaphore]] = trio.lowlevel.RunVar("turns of transfers")


def transfer_turns() -> trio.Semaphore:
    """Return what a transfer has to hold while it does a portion of work. It must not wait meanwhile.

    A transfer that waited for it runs in another turn of the event loop than the one before.
    """
    try:
        return _turns.get()
    except LookupError:
        turns = trio.Semaphore(1)
        _turns.set(turns)
        return turns
