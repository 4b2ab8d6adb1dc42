"""WebSocket frames (RFC 6455, section 5): makes a server's frames, and reads a client's ordinary frames fast.

An ordinary frame is a whole text message: FIN set, no extension bits, opcode 1, masked. wsproto reads everything else
(control frames, fragments, binary, bad and oversized frames). A control frame may stand between messages and changes
nothing for those behind it. After any other unusual frame the reader hands on all bytes for good: the messages behind
it must not overtake it, and clients that send such frames are rare and may be slower.
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
_MASKED: Final = 0x80
_SHORT: Final = 125  # the greatest length that fits into the second byte
_IN_TWO: Final = 126  # says that the length stands in the next two bytes
_TWO: Final = 0xFFFF


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
    """Splits a client's bytes into whole ordinary messages and the rest.

    wsproto refuses messages of more than ``limit`` bytes. The reader never keeps more than that and a header.
    """

    __slots__ = ("_limit", "_part", "unusual")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._part = b""
        self.unusual = False

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take some bytes. Returns the ordinary messages that they complete, and the bytes for wsproto."""
        if self.unusual:
            return [], data
        if self._part:
            data = self._part + data
            self._part = b""
        messages: list[bytes] = []
        rest = b""
        at, end = 0, len(data)
        while at < end:
            size = self._measure(data, at, end)
            if size is None:
                self._part = data[at:]
                break
            start, stop = size
            first = data[at]
            if first == _TEXT and stop:
                payload = apply_mask(data[start:stop], data[start - 4 : start])
                if payload.isascii() or _is_utf8(payload):
                    messages.append(payload)
                    at = stop
                    continue
            elif stop and first & _CONTROL and first & _FIN:
                rest += data[at:stop]
                at = stop
                continue
            self.unusual = True
            rest += data[at:]
            break
        return messages, rest

    def _measure(self, data: bytes, at: int, end: int) -> tuple[int, int] | None:
        """Find the payload of the frame at ``at``: (start, stop), (0, 0) if wsproto has to read it, or ``None`` if more
        bytes are needed."""
        if end - at < 2:  # noqa: PLR2004 - the two bytes that every frame has
            return None
        second = data[at + 1]
        size = second & 127
        start = at + 6
        if size == _IN_TWO:
            if end - at < 4:  # noqa: PLR2004 - and two of length
                return None
            size = data[at + 2] << 8 | data[at + 3]
            if size <= _SHORT:  # the shortest way to write a length is the only one (RFC 6455, 5.2)
                return 0, 0
            start = at + 8
        elif size > _IN_TWO:
            return 0, 0
        if not second & _MASKED or size > self._limit:
            return 0, 0
        stop = start + size
        return (start, stop) if stop <= end else None


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
