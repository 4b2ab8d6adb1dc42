"""The bytes on their way to one peer.

Whoever writes never waits: what the kernel takes goes at once, with one system call; what it does not
take is kept, and a writer task exists only while something is kept. What is kept is bounded in bytes:
a peer that lets it grow past that is *too slow*. It then loses what is kept behind the block being
sent (every block is whole frames, so the stream stays readable), gets nothing more of the ordinary
kind, and can still be told why with :meth:`Outbox.write_last`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

SHARE: Final = 8
"""A page of an answer takes an eighth of an outbox: two may be in it, which leaves most of it for what is said
meanwhile."""

_BLOCK: Final = 256 * 1024
"""Bytes given to the kernel at a time: more than its buffer takes, so a greater one saves nothing."""


class Outbox:
    """See the module. ``spawn`` starts a task for this connection; ``too_slow`` is called once, with the
    bytes that waited, when ``limit`` is passed; ``broken`` when the peer is gone."""

    __slots__ = (
        "_block",
        "_broken",
        "_corked",
        "_gone",
        "_progress",
        "_queue",
        "_refusing",
        "_socket",
        "_spawn",
        "_too_slow",
        "_writing",
        "limit",
        "size",
    )

    def __init__(
        self,
        sock: socket.socket,
        limit: int,
        *,
        spawn: Callable[[Callable[[], object]], None],
        too_slow: Callable[[int], None],
        broken: Callable[[], None],
    ) -> None:
        self._socket = sock
        self.limit = limit
        self._spawn = spawn
        self._too_slow = too_slow
        self._broken = broken
        self._queue: list[bytes] = []  # an empty deque takes twelve times as much, in every connection
        self._block = b""
        self._writing = False
        self._corked = True
        self._gone = False
        self._refusing = False
        self._progress: trio.Event | None = None  # something more of it is out
        self.size = 0

    def __repr__(self) -> str:
        return f"<Outbox {self.size} bytes waiting{', refusing' if self._refusing else ''}>"

    def uncork(self) -> None:
        """The upgrade is answered: from now on frames may go out, those kept so far first."""
        self._corked = False
        if self._queue:
            self._start()

    def write(self, data: bytes) -> None:
        """Send whole frames, now or as soon as the peer takes them. Never waits, never raises."""
        if not self._refusing:
            self._put(data)

    def write_last(self, data: bytes) -> None:
        """Send whole frames even to a peer that was too slow or is being closed."""
        if not self._gone:
            self._put(data)

    def refuse_more(self) -> None:
        """Take nothing of the ordinary kind from now on: the last words were written."""
        self._refusing = True

    def abandon(self) -> None:
        """The connection is over: keep nothing, and start no writer any more."""
        self._gone = self._refusing = True
        self._queue.clear()
        self._block = b""
        self.size = 0
        self._tell_progress()

    @property
    def takes_more(self) -> bool:
        """Whether what is written now is sent, unless the peer goes."""
        return not self._refusing

    async def wait_empty(self) -> None:
        """Wait until the kernel has taken everything, or the peer is gone."""
        await self.wait_room(0)

    async def wait_room(self, most: int) -> None:
        """Wait until no more than ``most`` bytes are kept, or the peer is gone."""
        while self.size > most:
            if self._progress is None:
                self._progress = trio.Event()
            await self._progress.wait()

    def _put(self, data: bytes) -> None:
        if not self.size and not self._corked:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._break()
                return
            if sent == len(data):
                return
            data = data[sent:]
        self._queue.append(data)
        self.size += len(data)
        if self.size > self.limit and not self._refusing:
            self._overflow()
        if not self._corked:
            self._start()

    def _overflow(self) -> None:
        waiting = self.size
        if not self._block:  # the head of the queue may be the rest of a frame that went out in part
            self._block = self._queue[0]
        self._queue.clear()
        self.size = len(self._block)
        self._refusing = True
        self._too_slow(waiting)

    def _start(self) -> None:
        if not self._writing:
            self._writing = True
            self._spawn(self._drain)

    async def _drain(self) -> None:
        """The writer task: lives only while something is kept."""
        try:
            while self.size:
                if not self._block:
                    self._block = self._next_block()
                await trio.lowlevel.wait_writable(self._socket)
                try:
                    sent = self._socket.send(self._block)
                except BlockingIOError:
                    continue
                except OSError:
                    self._break()
                    return
                self._block = self._block[sent:]
                self.size -= sent
                self._tell_progress()
        finally:
            self._writing = False

    def _tell_progress(self) -> None:
        if self._progress is not None:
            self._progress.set()
            self._progress = None

    def _next_block(self) -> bytes:
        count = size = 0
        while count < len(self._queue) and size < _BLOCK:
            size += len(self._queue[count])
            count += 1
        parts = self._queue[:count]
        del self._queue[:count]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _break(self) -> None:
        self.abandon()
        self._broken()
