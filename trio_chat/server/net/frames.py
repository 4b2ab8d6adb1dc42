"""WebSocket frames (RFC 6455, section 5): makes a server's frames, and reads a client's ordinary frames fast.

An ordinary frame is a whole text message: FIN set, no extension bits, opcode 1, masked. wsproto reads everything else
(control frames, fragments, binary, bad and oversized frames). A control frame may stand between messages and changes
nothing for those behind it. After any other unusual frame the reader hands on all frames for good: the messages behind
it must not overtake it, and clients that send such frames are rare and may be slower.

wsproto takes ten microseconds for a frame, and 64 KiB can be ten thousand frames. So bytes are read in portions,
between which other connections get their turn. A message has a greatest number of fragments, because each takes memory
beside its bytes. Nothing is read behind a close frame, or behind a frame that ends the connection.
"""

from __future__ import annotations

from typing import Final


def mask_in_python(data: bytes | bytearray | memoryview, mask: bytes | bytearray | memoryview) -> bytes:
    """XOR ``data`` with the four bytes of ``mask`` over and over (RFC 6455, 5.3). A C routine does it where the extra
    ``speed`` is installed."""
    size = len(data)
    key = (bytes(mask) * (-(-size // 4)))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


try:
    from websockets.speedups import apply_mask as _mask
except ImportError:
    _mask = mask_in_python

apply_mask = _mask
"""The faster of the two that is installed."""


_TEXT: Final = 0x81  # FIN and opcode 1
_CLOSE: Final = 0x88  # FIN and opcode 8
_REASON: Final = 123  # bytes of reason in a close frame: a control frame's 125 without its code (RFC 6455, 5.5)
_CONTROL: Final = 0x08  # the bit that all control opcodes have
_FIN: Final = 0x80
_RESERVED: Final = 0x70  # the bits of extensions, of which there are none
_OPCODE: Final = 0x0F
_OPCODES: Final = frozenset({0, 1, 2, 8, 9, 10})
_MASKED: Final = 0x80
_SHORT: Final = 125  # the greatest length that fits into the second byte
_IN_TWO: Final = 126  # says that the length stands in the next two bytes
_TWO: Final = 0xFFFF
_HEADER: Final = 14
"""Bytes of the longest header. wsproto refuses a broken frame when it has the header."""

SMALL: Final = 64
"""Bytes under which a fragment is small. Libraries make fragments of kilobytes."""

_FRAMES: Final = 64
"""Frames in a portion that go to wsproto: less than a millisecond."""

_MESSAGES: Final = 256
"""Ordinary messages in a portion: some tenths of a millisecond here, and as much again to decode them."""


def text_frame(payload: bytes) -> bytes:
    """Return a server's frame with a whole text message. It is not masked, so all clients get the same bytes."""
    size = len(payload)
    if size <= _SHORT:
        return bytes((_TEXT, size)) + payload
    if size <= _TWO:
        return bytes((_TEXT, _IN_TWO, size >> 8, size & 255)) + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str) -> bytes:
    """Return a server's close frame, with a code of RFC 6455, 7.4."""
    payload = code.to_bytes(2, "big") + short_reason(reason).encode()
    return bytes((_CLOSE, len(payload))) + payload


def short_reason(reason: str) -> str:
    """Cut a sentence to what fits into a close frame."""
    return reason.encode()[:_REASON].decode(errors="ignore")


class FrameReader:
    """Splits a client's bytes into whole ordinary messages and the rest, in portions of a bounded number of frames.

    Neither a message's ``limit`` of bytes nor its ``most_fragments`` is passed for long: wsproto refuses a frame over
    the limit when it gets one byte too many, and ``too_many`` says that a message has too many fragments, whose further
    frames are dropped. The reader keeps at most what one reading brought and one frame that is not whole.

    ``more`` says that whole frames are left: the next call of :meth:`feed` may bring no bytes. ``extra`` is the number
    of frames in the last portion that bring little or nothing of a message: control frames and small fragments.
    """

    __slots__ = (
        "_fragments",
        "_limit",
        "_most_fragments",
        "_need",
        "_part",
        "_tail",
        "extra",
        "more",
        "too_many",
        "unusual",
    )

    def __init__(self, limit: int, most_fragments: int) -> None:
        self._limit = limit
        self._most_fragments = most_fragments
        self._part: bytes | bytearray = b""
        self._need = 0  # no frame is whole before the part has so many bytes
        self._fragments = 0  # of the message that is under way
        self._tail = -1  # the bytes that wsproto still gets of the last frame, if that was met; the rest is dropped
        self.unusual = self.more = self.too_many = False
        self.extra = 0

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take some bytes. Returns the ordinary messages of one portion, and the bytes of it for wsproto."""
        self.extra = 0
        if self._tail >= 0:
            return [], self._take_tail(data)
        if self._part:
            self._part += data
            if len(self._part) < self._need:
                return [], b""
            data, self._part = bytes(self._part), b""
        self.more = False
        messages: list[bytes] = []
        rest: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            size = self._measure(data, at, end)
            if size is None:
                self._part = bytearray(data[at:])
                break
            start, stop = size
            if data[at] == _TEXT and stop and not self.unusual:
                payload = apply_mask(data[start:stop], data[start - 4 : start])
                if payload.isascii() or _is_utf8(payload):
                    messages.append(payload)
                    at = stop
                    if len(messages) == _MESSAGES:
                        break
                    continue
            rest.append(self._take_unusual(data, at, start, stop))
            at = stop
            if self._tail >= 0:
                return messages, b"".join(rest)
            if len(rest) == _FRAMES:
                break
        if at < end and not self._part:
            self._part, self._need, self.more = bytearray(data[at:]), 0, True
        return messages, b"".join(rest)

    def _measure(self, data: bytes, at: int, end: int) -> tuple[int, int] | None:
        """Find the payload of the frame at ``at``: (start, stop). The stop is 0 if its header is broken, both are 0 if
        the frame is too big. Returns ``None`` if more bytes are needed, and notes how many."""
        if end - at < 2:  # noqa: PLR2004 - the two bytes that every frame has
            self._need = 2
            return None
        second = data[at + 1]
        size = second & 127
        start = at + 6
        if size > _SHORT:
            start = at + (8 if size == _IN_TWO else 14)
            if start - 4 > end:
                self._need = start - 4 - at
                return None
            least = _SHORT if size == _IN_TWO else _TWO
            size = int.from_bytes(data[at + 2 : start - 4])
            if size <= least or size >> 63:  # the shortest way to write a length is the only one (RFC 6455, 5.2)
                return start, 0
        if not second & _MASKED:
            return start, 0
        if size > self._limit:
            return 0, 0
        stop = start + size
        if stop > end:
            self._need = stop - at
            return None
        return start, stop

    def _take_unusual(self, data: bytes, at: int, start: int, stop: int) -> bytes:
        """Return what wsproto gets of the frame at ``at``, whose measures are those of :meth:`_measure`."""
        if stop and not self._is_broken(data[at], stop - start):
            return data[at:stop] if self._hand_on(data[at], stop - start) else b""
        self.unusual = True
        self._tail = _HEADER if start else self._limit + 1 + _HEADER
        return self._take_tail(data[at:])

    def _is_broken(self, first: int, size: int) -> bool:
        """Whether wsproto refuses a frame by its first byte and its size, so that nothing behind it is to be read."""
        if first & _RESERVED or first & _OPCODE not in _OPCODES:
            return True
        return bool(first & _CONTROL) and (not first & _FIN or size > _SHORT)

    def _hand_on(self, first: int, size: int) -> bool:
        """Count a frame that is no ordinary message. Returns whether wsproto gets it."""
        if first & _CONTROL:
            self.extra += 1
            if first == _CLOSE:  # nothing behind it is read (RFC 6455, 1.4)
                self._tail = 0
            return True
        self.unusual = True
        if not first & _FIN or not first & _OPCODE:  # a fragment: the last one has the bit, the first one the opcode
            self.extra += size < SMALL
            self._fragments += 1
            self.too_many = self.too_many or self._fragments > self._most_fragments
        if first & _FIN:
            self._fragments = 0
        return not self.too_many

    def _take_tail(self, data: bytes) -> bytes:
        """Return the part of some bytes that wsproto still gets of the last frame that is read."""
        data = data[: self._tail]
        self._tail -= len(data)
        return data


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
