"""How many uploads and downloads run at once: on the server, and of one account."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator


class TransferLimit:
    """Counts transfers. At most ``limit`` run at once, and ``each`` of one account: each has a buffer in memory."""

    def __init__(self, limit: int, each: int) -> None:
        self.limit = limit
        self.each = each
        self._running: Counter[int] = Counter()

    def __repr__(self) -> str:
        return f"<TransferLimit: {self.running} of {self.limit} run>"

    @property
    def running(self) -> int:
        """The transfers that run now."""
        return self._running.total()

    def begin(self, account: int, held: contextlib.ExitStack) -> Refusal | None:
        """Count a transfer of an account until ``held`` is closed, or refuse it."""
        if self._running[account] >= self.each:
            return refuse("too_many_transfers", limit=self.each, whose="yours")
        if self.running >= self.limit:
            return refuse("too_many_transfers", limit=self.limit, whose="this server")
        held.enter_context(self._counted(account))
        return None

    @contextlib.contextmanager
    def _counted(self, account: int) -> Iterator[None]:
        self._running[account] += 1
        try:
            yield
        finally:
            self._running[account] -= 1
            if not self._running[account]:
                del self._running[account]
