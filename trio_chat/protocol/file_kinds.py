"""The kind of a file, as its first bytes tell it: an image with its size, a PDF, text, or plain bytes. Pure.

Theory of operation. A file's name and what its sender says about it prove nothing, so neither is looked at. The bytes
at the beginning decide, and only the kinds of :data:`KINDS` are ever told. Many files are two things at once: a GIF
whose rest is a script, a PDF that begins a page of HTML, an archive behind an image. They are told as the harmless one
of the two. None of the kinds can carry a script that a browser runs: HTML, SVG, XML and scripts are text, and a browser
that is told ``text/plain`` and ``nosniff`` shows the text. The signatures are those of the WHATWG's MIME Sniffing
standard, with the first header of each format looked at as well.

The size of an image is what its header claims. A file may lie about it, so it is good for a line that a person reads
and for a first refusal; whoever decodes the image looks again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

BYTES: Final = "application/octet-stream"
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
PNG, JPEG, GIF, WEBP = "image/png", "image/jpeg", "image/gif", "image/webp"
BMP, AVIF = "image/bmp", "image/avif"

IMAGES: Final = frozenset({PNG, JPEG, GIF, WEBP, BMP, AVIF})
"""The kinds that are images."""
KINDS: Final = IMAGES | {PDF, TEXT, BYTES}
"""Every kind that is ever told, as media types without parameters (RFC 2046)."""
LOOKED_AT: Final = 4096
"""Bytes of the beginning that are looked at; more of them change nothing."""

_GREATEST_SIDE: Final = 1 << 31  # more pixels than a format can name are a lie, and 0 is told

# Characters of a terminal's log are text too: bell, backspace, tab, newlines, form feed, escape. The others are not
# (MIME Sniffing, "binary data byte").
_BINARY: Final = re.compile(rb"[\x00-\x06\x0b\x0e-\x1a\x1c-\x1f]")
_AVIF_BRANDS: Final = (b"avif", b"avis")
# Frame headers of JPEG (T.81, table B.1): C4, C8 and CC are tables and an extension.
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length: TEM, RST0 to RST7, SOI
_JPEG_MARK, _JPEG_SCAN, _JPEG_END = 0xFF, 0xDA, 0xD9
_BMP_HEADERS: Final = (40, 52, 56, 64, 108, 124)  # sizes of the headers that begin with two sides of 32 bits

_Sides = tuple[int, int]


class FileKind(NamedTuple):
    """The kind that the first bytes of a file tell: its media type, and the sides of an image in pixels (0: not
    told)."""

    kind: str
    width: int = 0
    height: int = 0


def kind_of(first: bytes, size: int) -> FileKind:
    """The kind of a file, by its first bytes. Never raises, whatever the bytes are.

    Args:
        first: the beginning of the file: :data:`LOOKED_AT` bytes, or all if the file is shorter.
        size: the whole file's size in bytes.

    Returns:
        One of :data:`KINDS`; for an image the sides that its header claims, or 0 and 0 where the header lies further
        on than ``first`` reaches, or claims something that cannot be.
    """
    first = first[:LOOKED_AT]
    for kind, sides_of in _IMAGE_HEADERS:
        sides = sides_of(first)
        if sides is not None:
            return FileKind(kind, *_possible(sides))
    if re.match(rb"%PDF-[0-9]\.[0-9]", first):
        return FileKind(PDF)
    return FileKind(TEXT if _is_text(first, cut_off=size > len(first)) else BYTES)


def is_image(kind: str) -> bool:
    """Whether a kind is one of the images."""
    return kind in IMAGES


def _possible(sides: _Sides) -> _Sides:
    return sides if all(0 < side < _GREATEST_SIDE for side in sides) else (0, 0)


def _png(first: bytes) -> _Sides | None:
    if first[:8] != b"\x89PNG\r\n\x1a\n" or first[12:16] != b"IHDR":
        return None
    return _big(first, 16, 4), _big(first, 20, 4)


def _gif(first: bytes) -> _Sides | None:
    if first[:6] not in {b"GIF87a", b"GIF89a"}:
        return None
    return _little(first, 6, 2), _little(first, 8, 2)


def _webp(first: bytes) -> _Sides | None:
    """A WebP in its three forms (RFC 9649): extended, lossless, lossy."""
    if first[:4] != b"RIFF" or first[8:12] != b"WEBP":
        return None
    match first[12:16]:
        case b"VP8X":
            return _little(first, 24, 3) + 1, _little(first, 27, 3) + 1
        case b"VP8L" if first[20:21] == b"\x2f":
            bits = _little(first, 21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 " if first[23:26] == b"\x9d\x01\x2a":
            return _little(first, 26, 2) & 0x3FFF, _little(first, 28, 2) & 0x3FFF
    return None


def _bmp(first: bytes) -> _Sides | None:
    """A bitmap of Windows. ``BM`` alone begins many a text, so the header behind it has to be one."""
    if first[:2] != b"BM" or first[6:10] != bytes(4) or _little(first, 14, 4) not in _BMP_HEADERS:
        return None
    width, height = _little(first, 18, 4), _little(first, 22, 4)
    return width, min(height, (1 << 32) - height)  # a negative height: the rows come from the top


def _avif(first: bytes) -> _Sides | None:
    """An AVIF, by the brands of its first box; its size is the greatest of the ``ispe`` boxes (ISO/IEC 23008-12)."""
    if first[4:8] != b"ftyp":
        return None
    length = min(_big(first, 0, 4), len(first))
    brands = [first[8:12], *(first[at : at + 4] for at in range(16, length - 3, 4))]
    if not any(brand in _AVIF_BRANDS for brand in brands):
        return None
    found = [m.end() for m in re.finditer(rb"\x00\x00\x00\x14ispe\x00{4}", first)]
    return max(((_big(first, at, 4), _big(first, at + 4, 4)) for at in found), default=(0, 0))


def _jpeg(first: bytes) -> _Sides | None:
    """A JPEG, whose size is in its first frame header; that one comes behind segments of any length (T.81, annex B)."""
    if first[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 4 <= len(first) and first[at] == _JPEG_MARK:
        marker = first[at + 1]
        if marker == _JPEG_MARK:  # fill bytes may come before a marker
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        elif marker in _JPEG_FRAMES:
            return _big(first, at + 7, 2), _big(first, at + 5, 2)
        elif marker in {_JPEG_SCAN, _JPEG_END, 0}:
            break
        else:
            at += 2 + max(_big(first, at + 2, 2), 2)
    return 0, 0


_IMAGE_HEADERS: Final[tuple[tuple[str, Callable[[bytes], _Sides | None]], ...]] = (
    (PNG, _png),
    (JPEG, _jpeg),
    (GIF, _gif),
    (WEBP, _webp),
    (BMP, _bmp),
    (AVIF, _avif),
)


def _is_text(first: bytes, *, cut_off: bool) -> bool:
    """Whether bytes are UTF-8 without control characters. ``cut_off``: the last character may be incomplete."""
    if _BINARY.search(first):
        return False
    try:
        first.decode()
    except UnicodeDecodeError as error:
        return cut_off and error.reason == "unexpected end of data"
    return True


def _big(data: bytes, at: int, count: int) -> int:
    """A number in network order; 0 where the bytes end before it does."""
    piece = data[at : at + count]
    return int.from_bytes(piece, "big") if len(piece) == count else 0


def _little(data: bytes, at: int, count: int) -> int:
    """A number with its lowest byte first; 0 where the bytes end before it does."""
    piece = data[at : at + count]
    return int.from_bytes(piece, "little") if len(piece) == count else 0
