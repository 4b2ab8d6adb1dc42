"""The body of a request, streamed from the connection: in order, within its limit, and no slower than the floor.

Theory of operation. The handler asks for one piece after the other, and nothing is read in between: that is the
back-pressure from the disk to the peer. A body of a known size is read by this module into one buffer, up to its last
byte and no further. A body in chunks goes through h11 (RFC 9112, 7.1), which keeps what it read past the end; that goes
back to the connection.

A chunk whose end has a bare LF ends the connection: a proxy could read it otherwise than this server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11
import trio

from trio_chat.errors import Refusal, refuse
from trio_chat.server.doors.http.responses import CONTINUE
from trio_chat.server.net.rate_floor import RateFloor
from trio_chat.server.net.transfer_turns import transfer_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.server.doors.http.heads import Head
    from trio_chat.server.net.connection import Connection
    from trio_chat.server.net.waits import Waits

_PIECE: Final = 512 * 1024
"""Bytes of a piece at most, of which each upload has one in memory. With half of it an upload takes a tenth more of the
processor."""

_TURN: Final = 256 * 1024
"""Bytes read in one turn of the event loop: a tenth of a millisecond, or half of one with TLS."""

_ENOUGH: Final = 64 * 1024
"""Bytes with which a piece is handed over at once. A smaller one is waited for ..."""

_GATHERING: Final = 0.05
"""... so many seconds: a piece costs a visit to a thread, however small it is."""

_RAW: Final = 16 * 1024
"""Bytes given to h11 at a time."""

_LINES: Final = 4096
"""Bytes that the line before a chunk may have, or all lines behind the last one: h11 keeps them."""

_FEW_CHUNKS: Final = 1024
_SMALL: Final = 256
"""Chunks that any body may have, and one more for so many bytes: each costs some ten microseconds, however small."""

_RATE: Final = 1024
_WINDOW: Final = 30.0
"""A body comes with 1 KiB a second, on an average over half a minute: any modem is faster."""


_BLANK_LINE: Final = 4
"""Bytes of the end of the last line, and of the empty line behind it."""


class BodyCut(Exception):
    """The rest of a body does not come, or is not read. ``refusal`` says why. The connection ends."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class RequestBody:
    """See the module: an asynchronous iterator over the pieces of a body.

    Each piece is a ``memoryview`` that is valid until the next one is asked for. Raises ``BodyCut`` when the body does
    not come whole (the peer hung up, is too slow, broke the rules of chunks), is over ``limit``, or when the server
    stops. Cancelling loses nothing that was handed over; the body cannot be read on.

    ``count`` is told of the bytes that were read.
    """

    def __init__(
        self, connection: Connection, head: Head, limit: int, waits: Waits, count: Callable[[int], None]
    ) -> None:
        self._connection = connection
        self._waits = waits
        self._count = count
        self._limit = limit
        self._length = self._left = head.length
        self._chunks = _ChunkReader(connection) if head.length is None else None
        self._read = 0
        self._floor = RateFloor(_RATE, _WINDOW)
        self._buffer: memoryview | None = None
        self._cut: BodyCut | None = None
        self.expected = head.version == "1.1" and head.headers.get("expect", "").lower() == "100-continue"
        self.finished = head.length == 0

    def __repr__(self) -> str:
        return f"<RequestBody {self._read} of {self._length} bytes read>"

    @property
    def length(self) -> int | None:
        """The size of the whole body in bytes; ``None`` if it comes in chunks."""
        return self._length

    @property
    def left(self) -> int | None:
        """The bytes that were not read yet; ``None`` if that is not known."""
        return self._left

    def restrict(self, limit: int) -> None:
        """Take no more than so many bytes in all. A body that is longer is cut there, with ``body_too_large``."""
        self._limit = min(self._limit, limit)

    def __aiter__(self) -> RequestBody:
        return self

    async def __anext__(self) -> memoryview:
        piece = await self.next_piece()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def next_piece(self) -> memoryview:
        """Return the next piece; an empty one at the end. See the class."""
        if self.finished:
            return memoryview(b"")
        if self._length is not None and self._length > self._limit:
            raise BodyCut(refuse("body_too_large", limit=self._limit))
        if self._cut is not None:
            raise self._cut
        if self._waits.closed:
            raise BodyCut(refuse("shutting_down"))
        if self._buffer is None:
            self._buffer = memoryview(bytearray(min(_PIECE, self._left or _PIECE)))
        await self._invite()
        size = await self._fill(self._buffer)
        self._read += size
        self._count(size)
        if self._read > self._limit:
            raise BodyCut(refuse("body_too_large", limit=self._limit))
        return self._buffer[:size]

    async def read(self) -> bytes:
        """Return the whole rest, for bodies whose limit is small. Raises as iterating does."""
        parts = [bytes(piece) async for piece in self]
        return b"".join(parts)

    async def _invite(self) -> None:
        """Have the peer send the body, if it waits to be asked."""
        if self.expected:
            self.expected = False
            with trio.move_on_after(self._floor.patience) as scope:
                await self._connection.send_all(CONTINUE)
            if scope.cancelled_caught:
                raise BodyCut(refuse("slow_body", rate=_RATE))

    async def _fill(self, place: memoryview) -> int:
        """Read into ``place``; return the number of bytes. 0 is the end of the body."""
        have, gathered_at = 0, 0.0
        while have < len(place) and not self._is_over():
            async with transfer_turns():
                size = self._take_all(place[have : have + _TURN])
            have += size
            late = trio.current_time() >= gathered_at or self._waits.closed
            if size:
                gathered_at = gathered_at or trio.current_time() + _GATHERING
            elif have >= _ENOUGH or (have and late):
                break
            elif not self._is_over():
                await self._wait(gathered_at if have else None)
        if self._cut is not None and not have:
            raise self._cut
        self._floor.moved(have)
        return have

    def _is_over(self) -> bool:
        """Whether nothing more is to be read: all of the body has come, or it was cut."""
        return self.finished or self._cut is not None

    def _take_all(self, place: memoryview) -> int:
        """Read what is there now, and return the number of bytes. A cut is noted: the handler gets what came before."""
        have = 0
        try:
            while have < len(place) and not self.finished:
                have += self._take(place[have:])
                if self._chunks is not None:
                    break
        except BlockingIOError:
            pass
        except BodyCut as cut:
            self._cut = cut
        return have

    def _take(self, place: memoryview) -> int:
        """Read what is there now. Raises ``BlockingIOError``."""
        if self._chunks is not None:
            size = self._chunks.take(place)
            self.finished = self._chunks.over
            return size
        left = self._left or 0
        size = _receive(self._connection, place[:left])
        self._left = left - size
        self.finished = not self._left
        return size

    async def _wait(self, until: float | None) -> None:
        """Wait until the peer has sent more, or, where something is there already, until that was gathered for long
        enough."""
        begun = trio.current_time()
        with self._waits.until(begun + self._floor.patience if until is None else until):
            await self._connection.wait_readable()
        self._floor.waited(trio.current_time() - begun)
        if until is None and self._waits.closed:
            raise BodyCut(refuse("shutting_down"))
        if until is None and self._floor.patience <= 0:
            raise BodyCut(refuse("slow_body", rate=_RATE))


def _receive(connection: Connection, place: memoryview) -> int:
    """Read what is there now of a body that goes on. Raises ``BlockingIOError``."""
    try:
        size = connection.receive_into(place)
    except BlockingIOError:
        raise
    except OSError as error:
        raise BodyCut(refuse("bad_body", why="the connection is broken")) from error
    if not size:
        raise BodyCut(refuse("bad_body", why="it ends too early"))
    return size


class _ChunkReader:
    """Takes the bytes of a body out of its chunks. ``over``: its end was read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_LINES)
        self._parser.receive_data(b"POST / HTTP/1.1\r\nHost: body\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._parser.next_event()
        self._raw = memoryview(bytearray(_RAW))
        self._rest = memoryview(b"")
        self._last = b""  # the last bytes given to h11
        self._chunks = self._size = 0
        self.over = False

    def take(self, place: memoryview) -> int:
        """Read what is there now, of one chunk at the most; 0 at the end. Raises ``BlockingIOError`` and
        ``BodyCut``."""
        while not self._rest:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError as error:
                error.__traceback__ = None  # h11 makes a circle with it: see parse_head
                raise BodyCut(refuse("bad_body", why="its chunks are malformed")) from None
            if isinstance(event, h11.Data):
                self._count(len(event.data))
                self._rest = memoryview(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._end()
                return 0
            else:
                self._read_on()
        size = min(len(place), len(self._rest))
        place[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _read_on(self) -> None:
        size = _receive(self._connection, self._raw)
        data = bytes(self._raw[:size])
        self._parser.receive_data(data)
        self._last = self._last[-_BLANK_LINE:] + data

    def _count(self, size: int) -> None:
        self._chunks += 1
        self._size += size
        if self._chunks > _FEW_CHUNKS + self._size // _SMALL:
            raise BodyCut(refuse("bad_body", why="its chunks are too small"))

    def _end(self) -> None:
        """Give back what is behind the body. h11 also takes LF for the end of a line there."""
        behind = bytes(self._parser.trailing_data[0])
        if not self._last[: len(self._last) - len(behind)].endswith(b"\r\n\r\n"):
            raise BodyCut(refuse("bad_body", why="a line does not end with CR LF"))
        self._connection.put_back(behind)
        self.over = True
