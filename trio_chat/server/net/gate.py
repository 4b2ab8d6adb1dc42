"""The limits on connections: in all, and from one address."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from trio_chat.addresses import is_loopback
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator


class Gate:
    """Counts the connections ``inside``. ``per_address`` limits those of one address, unless it is 0 or loopback."""

    def __init__(self, max_connections: int, per_address: int) -> None:
        self._max_connections = max_connections
        self._per_address = per_address
        self._inside: Counter[str] = Counter()
        self.inside = 0

    def __repr__(self) -> str:
        return f"<Gate {self.inside} of {self._max_connections} inside>"

    @contextlib.contextmanager
    def enter(self, address: str) -> Iterator[Refusal | None]:
        """Count a connection while the block runs. Yields the refusal instead, and counts nothing, past a limit."""
        refusal = self._check(address)
        if refusal is not None:
            yield refusal
            return
        self._inside[address] += 1
        self.inside += 1
        try:
            yield None
        finally:
            self.inside -= 1
            self._inside[address] -= 1
            if not self._inside[address]:
                del self._inside[address]

    def _check(self, address: str) -> Refusal | None:
        if self.inside >= self._max_connections:
            return refuse("server_full", limit=self._max_connections)
        if self._per_address and self._inside[address] >= self._per_address and not is_loopback(address):
            return refuse("too_many_from_address", limit=self._per_address)
        return None
