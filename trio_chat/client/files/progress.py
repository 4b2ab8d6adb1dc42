"""How far a transfer is. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

TransferState: TypeAlias = Literal["hashing", "waiting", "moving", "checking", "done"]
"""``hashing``: bytes that were moved before are read again. ``waiting``: there is no connection, or the server has no
room for another transfer now. ``moving``: bytes move. ``checking``: the server makes sure of the bytes, or we do.
``done``: all is over, and the message is acknowledged or the file saved."""


class TransferProgress(NamedTuple):
    """How far a transfer is: ``done`` bytes of ``size`` (``None`` while that is not known), and what happens now."""

    done: int
    size: int | None
    state: TransferState


ProgressCallback: TypeAlias = Callable[[TransferProgress], object]
"""Is told of each step, often many times a second. It must not block, and what it raises ends the transfer."""
