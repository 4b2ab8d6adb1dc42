"""Sending a part of a file to a peer, without holding up the event loop and without holding the bytes.

Theory of operation. Each portion is one call of :meth:`Transport.send_file`, in a turn of its own
(:mod:`~trio_chat.server.net.transfer_turns`). A portion whose pages are in memory is sent at once. Others are read in a
thread first, because a system call that reads from a disk would hold up everybody. While the peer takes nothing, the
sender waits, and :class:`RateFloor` says for how long.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.server.net.rate_floor import RateFloor
from trio_chat.server.net.transfer_turns import transfer_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.server.net.transport import Transport

PORTION: Final = 256 * 1024
"""Bytes of a portion: a tenth of a millisecond for plain TCP. With TLS each takes several turns."""

_PIECE: Final = 64 * 1024
"""Bytes read at a time, only to have them in memory."""

_NO_WAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)

_RATE: Final = 1024
_WINDOW: Final = 60.0
"""A peer takes 1 KiB a second, on an average over a minute. The kernel may have megabytes for a slow peer, and takes
nothing more until a third of that is out."""


class FileShrank(Exception):
    """A file that is being sent ended before the bytes that were promised."""


async def send_file(transport: Transport, fd: int, offset: int, count: int, told: Callable[[int], None]) -> None:
    """See :meth:`trio_chat.server.net.connection.Connection.send_file`."""
    floor, end = RateFloor(_RATE, _WINDOW), offset + count
    warm = offset
    while offset < end:
        portion = min(PORTION, end - offset)
        if offset + portion > warm:
            warm = offset + portion
            if not _is_in_memory(fd, offset, portion):
                await trio.to_thread.run_sync(_read_in, fd, offset, portion)
        try:
            async with transfer_turns():
                sent = transport.send_file(fd, offset, portion)
        except BlockingIOError:
            await _wait(transport, floor)
            continue
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        if not sent:
            raise FileShrank(f"{end - offset} of {count} bytes are missing")
        offset += sent
        floor.moved(sent)
        told(sent)


async def _wait(transport: Transport, floor: RateFloor) -> None:
    begun = trio.current_time()
    with trio.move_on_after(floor.patience) as scope:
        await transport.wait_writable()
    if scope.cancelled_caught:
        raise trio.BrokenResourceError("the peer takes too little")
    floor.waited(trio.current_time() - begun)


def _is_in_memory(fd: int, offset: int, count: int) -> bool:
    """Whether the first and the last page of a part of a file can be read without a disk. Where the system cannot
    tell, they are taken for those of a disk."""
    if _NO_WAIT is None:
        return False
    place = bytearray(1)
    try:
        for where in {offset, offset + count - 1}:
            os.preadv(fd, [place], where, _NO_WAIT)
    except OSError:
        return False
    return True


def _read_in(fd: int, offset: int, count: int) -> None:
    """Have the system read a part of a file into its memory."""
    for where in range(offset, offset + count, _PIECE):
        if not os.pread(fd, min(_PIECE, offset + count - where), where):
            return
