"""The bytes that wait for one peer.

Writing never waits. Bytes that the transport takes go out at once, with one system call. The outbox keeps the rest,
and a writer task exists only while it keeps something. The size of an outbox is bounded in bytes. A peer whose outbox
grows past the bound is *too slow*: the outbox drops the bytes behind the block that is being sent (a block is whole
frames, so the stream stays readable) and refuses ordinary writes from then on. :meth:`Outbox.write_last` can still
tell the peer why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.server.net.outbox_memory import OutboxMemory
    from trio_chat.server.net.transport import Transport

SHARE: Final = 8
"""A page of history takes an eighth of an outbox. Two pages may be in it, which leaves most of it for live events."""

_BLOCK: Final = 256 * 1024
"""Bytes given to the transport at a time: more than the kernel's buffer takes, so a greater block saves nothing."""


class Outbox:
    """See the module.

    ``limit`` is the greatest size in bytes. ``spawn`` starts a task of this connection. ``too_slow`` is called once,
    with the size, when the outbox grows past the limit, or is the fullest when there is no memory left. ``broken`` is
    called when the peer is gone. ``memory`` counts what all outboxes keep.
    """

    __slots__ = (
        "_block",
        "_broken",
        "_corked",
        "_gone",
        "_memory",
        "_progress",
        "_queue",
        "_refusing",
        "_spawn",
        "_too_slow",
        "_transport",
        "_writing",
        "limit",
        "size",
    )

    def __init__(
        self,
        transport: Transport,
        limit: int,
        memory: OutboxMemory,
        *,
        spawn: Callable[[Callable[[], object]], None],
        too_slow: Callable[[int], None],
        broken: Callable[[], None],
    ) -> None:
        self._transport = transport
        self.limit = limit
        self._memory = memory
        self._spawn = spawn
        self._too_slow = too_slow
        self._broken = broken
        self._queue: list[bytes] = []  # an empty deque takes twelve times the memory, in every connection
        self._block = b""
        self._writing = False
        self._corked = True
        self._gone = False
        self._refusing = False
        self._progress: trio.Event | None = None  # set when the transport has taken more of what is kept
        self.size = 0

    def __repr__(self) -> str:
        return f"<Outbox {self.size} bytes waiting{', refusing' if self._refusing else ''}>"

    def uncork(self) -> None:
        """Let frames out, beginning with those kept so far: the upgrade is answered."""
        self._corked = False
        if self._queue:
            self._start()

    def write(self, data: bytes, *, last: bool = False) -> None:
        """Send whole frames, now or as soon as the peer takes them. Never waits, never raises.

        Every delivery comes this way, so it is one function. With ``last`` it is :meth:`write_last`.
        """
        if self._refusing and (self._gone or not last):
            return
        if self.size or self._corked:
            self._keep(data)
            return
        try:
            sent = self._transport.send(data)
        except BlockingIOError:
            self._keep(data)
        except OSError:
            self.drop()
        else:
            if sent != len(data):
                self._keep(data[sent:])

    def write_last(self, data: bytes) -> None:
        """Send whole frames even to a peer that was too slow or is being closed."""
        self.write(data, last=True)

    def refuse_more(self) -> None:
        """Refuse ordinary writes from now on: the last words were written."""
        self._refusing = True

    def abandon(self) -> None:
        """Keep nothing and start no writer any more: the connection is over."""
        self._gone = self._refusing = True
        self._queue.clear()
        self._block = b""
        self._shrink(self.size)

    def detach(self) -> None:
        """Forget the connection, which refers to the outbox in turn."""
        self._too_slow = _nobody

    def drop(self) -> None:
        """Keep nothing any more, and tell the owner that the connection is broken."""
        self.abandon()
        self._broken()

    @property
    def takes_more(self) -> bool:
        """Whether ordinary writes are sent and not refused."""
        return not self._refusing

    async def wait_empty(self) -> None:
        """Wait until the transport has taken everything, or the peer is gone."""
        await self.wait_room(0)

    async def wait_room(self, most: int) -> None:
        """Wait until no more than ``most`` bytes are kept, or the peer is gone."""
        while self.size > most:
            if self._progress is None:
                self._progress = trio.Event()
            await self._progress.wait()

    def cut(self) -> None:
        """Drop what waits behind the block that is being sent, and refuse more. The owner is told, unless the outbox
        was refusing already."""
        if self._refusing:
            return
        waiting = self.size
        if not self._block:  # the head of the queue may be the rest of a frame that went out in part
            self._block = self._queue[0]
        self._queue.clear()
        self._refusing = True
        self._shrink(waiting - len(self._block))
        self._too_slow(waiting)

    def _keep(self, data: bytes) -> None:
        self._queue.append(data)
        self.size += len(data)
        self._memory.grow(self, len(data))
        if self.size > self.limit:
            self.cut()
        if self.size and not self._corked:
            self._start()

    def _shrink(self, size: int) -> None:
        if size:
            self.size -= size
            self._memory.shrink(self, size)
        self._tell_progress()

    def _start(self) -> None:
        if not self._writing:
            self._writing = True
            self._spawn(self._drain)

    async def _drain(self) -> None:
        """The writer task: it lives only while something is kept."""
        try:
            while self.size:
                if not self._block:
                    self._block = self._next_block()
                await self._transport.wait_writable()
                try:
                    sent = self._transport.send(self._block)
                except BlockingIOError:
                    continue
                except OSError:
                    self.drop()
                    return
                self._block = self._block[sent:]
                self._shrink(sent)
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


def _nobody(_waiting: int) -> None:
    """In place of the connection, once it is over."""
