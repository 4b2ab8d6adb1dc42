"""Images for tests, made by Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))


def quarters(form: str, side: int = 64, **saving: Any) -> bytes:
    """A square image with a colour in each quarter: red, green; blue, white."""
    image = Image.new("RGB", (side, side))
    for at, colour in enumerate(COLOURS):
        image.paste(
            colour, (at % 2 * side // 2, at // 2 * side // 2, (at % 2 + 1) * side // 2, (at // 2 + 1) * side // 2)
        )
    return saved(image, form, **saving)


def saved(image: Image.Image, form: str, **saving: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **saving)
    return out.getvalue()


def png_claiming(width: int, height: int, rows: int = 1) -> bytes:
    """A PNG whose header claims a size, and whose data are few bytes: a decompression bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress((b"\0" + bytes(width * 3)) * rows if rows else b"", 9)  # a row can have gigabytes
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
