"""A decoded picture: a few raw pixels. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Picture(NamedTuple):
    """Pixels row by row, three bytes each (red, green, blue): ``len(rgb) == width * height * 3``."""

    width: int
    height: int
    rgb: bytes

    def __repr__(self) -> str:
        return f"<Picture {self.width}x{self.height}>"

    def within(self, width: int, height: int) -> Picture:
        """The picture, smaller if it does not fit: of each group of pixels one is kept. The aspect stays."""
        scale = max(self.width / max(width, 1), self.height / max(height, 1))
        if scale <= 1:
            return self
        columns, rows = max(int(self.width / scale), 1), max(int(self.height / scale), 1)
        kept = bytearray()
        for row in range(rows):
            above = row * self.height // rows * self.width
            for column in range(columns):
                at = (above + column * self.width // columns) * 3
                kept += self.rgb[at : at + 3]
        return Picture(columns, rows, bytes(kept))
