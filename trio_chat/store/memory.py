"""A store that keeps the newest events of each room in memory, and nothing when the process ends."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from trio_chat.store.interface import Entry, Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence


class MemoryStore:
    """Keeps ``backlog`` events of each room. ``epoch`` comes from outside: no two runs may share one."""

    def __init__(self, epoch: str, backlog: int = 1000) -> None:
        self._epoch = epoch
        self._backlog = backlog
        self._logs: dict[str, deque[Entry]] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore {sum(map(len, self._logs.values()))} events of {len(self._logs)} rooms>"

    @property
    def epoch(self) -> str:
        """Which history this is."""
        return self._epoch

    async def append(self, batch: Sequence[Entry]) -> None:
        """Keep a batch; see :class:`~trio_chat.store.interface.Store`."""
        for entry in batch:
            log = self._logs.get(entry.room)
            if log is None or (log and entry.seq <= log[-1].seq):  # a room of that name that began anew
                log = self._logs[entry.room] = deque(maxlen=self._backlog)
            log.append(entry)

    async def read(self, room: str, after: int | None, before: int | None, limit: int, *, floor: int = 0) -> Stretch:
        """Read from the log; see :class:`~trio_chat.store.interface.Store`."""
        log = self._logs.get(room)
        if not log:
            return Stretch([], more=False, first=floor + 1)
        oldest, end = log[0].seq, log[-1].seq + 1
        first = min(max(oldest, floor + 1), end)
        if after is not None:
            start = min(max(after + 1, first), end)
            stop = min(start + limit, end)
            more = stop < end
        else:
            stop = max(min(end if before is None else before, end), first)
            start = max(stop - limit, first)
            more = start > first
        return Stretch([log[seq - oldest].event for seq in range(start, stop)], more, first)
