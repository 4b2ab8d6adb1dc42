"""Pictures as characters: each has an upper and a lower pixel, in its two colours. Pure.

A cell of a terminal is about twice as high as it is wide, so its halves are about square, and the aspect of a picture
stays. Without colours a pixel is on or off, and the error is handed on to its neighbours (Floyd and Steinberg, 1976),
so that greys are seen as patterns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from trio_chat.output import Control, Output
from trio_chat.ui.preview.picture import Picture

ColourDepth: TypeAlias = Literal["mono", "256", "true"]
"""The colours that a terminal has: none, the 256 of xterm, or red, green and blue of 8 bits each."""

UPPER: Final = "▀"
_MONO: Final = (" ", "▀", "▄", "█")
_RESET: Final = Control("\x1b[0m")
_CUBE: Final = (0, 95, 135, 175, 215, 255)
"""The steps of each colour in xterm's cube of 6 by 6 by 6, which begins at number 16; at 232 begin 24 greys."""
_FIRST_GREY, _GREYS = 232, 24


class Cells(NamedTuple):
    """A run of characters in the same colours. ``upper`` and ``lower`` are the colours of the halves as 24 bits;
    ``None``: the terminal's own."""

    text: str
    upper: int | None = None
    lower: int | None = None


def half_blocks(picture: Picture, depth: ColourDepth) -> list[list[Cells]]:
    """The rows of characters that show a picture: as many columns as it has pixels, half as many rows."""
    if depth == "mono":
        return [[Cells(text)] for text in _patterns(picture)]
    return [list(_coloured(picture, at)) for at in range(0, picture.height, 2)]


def _coloured(picture: Picture, at: int) -> Iterator[Cells]:
    above = _row(picture, at)
    below = _row(picture, at + 1) if at + 1 < picture.height else [None] * picture.width
    count = 0
    before: tuple[int | None, int | None] = (None, None)
    for pair in zip(above, below, strict=True):
        if count and pair != before:
            yield Cells(UPPER * count, *before)
            count = 0
        before = pair
        count += 1
    if count:
        yield Cells(UPPER * count, *before)


def _row(picture: Picture, at: int) -> list[int | None]:
    begin = at * picture.width * 3
    rgb = picture.rgb[begin : begin + picture.width * 3]
    return [int.from_bytes(rgb[n : n + 3], "big") for n in range(0, len(rgb), 3)]


def _patterns(picture: Picture) -> Iterator[str]:
    width, height, rgb = picture
    light = [
        [
            (rgb[at] * 299 + rgb[at + 1] * 587 + rgb[at + 2] * 114) / 255_000  # Rec. 601
            for at in range(row * width * 3, (row + 1) * width * 3, 3)
        ]
        for row in range(height)
    ]
    for y, row in enumerate(light):
        for x, value in enumerate(row):
            row[x] = float(value >= 0.5)  # noqa: PLR2004 - half of the light
            for right, down, part in ((1, 0, 7), (-1, 1, 3), (0, 1, 5), (1, 1, 1)):
                if 0 <= x + right < width and y + down < height:
                    light[y + down][x + right] += (value - row[x]) * part / 16
    dark = [0.0] * width
    for y in range(0, height, 2):
        below = light[y + 1] if y + 1 < height else dark
        yield "".join(_MONO[int(up) + 2 * int(low)] for up, low in zip(light[y], below, strict=True))


def colour_256(colour: int) -> int:
    """The number of the colour of xterm's 256 that is nearest to a colour of 24 bits."""
    parts = (colour >> 16, colour >> 8 & 255, colour & 255)
    steps = tuple(min(range(6), key=lambda n: abs(_CUBE[n] - part)) for part in parts)
    grey = min(max(round((sum(parts) / 3 - 8) / 10), 0), _GREYS - 1)
    cube_error = sum((_CUBE[n] - part) ** 2 for n, part in zip(steps, parts, strict=True))
    grey_error = sum((8 + 10 * grey - part) ** 2 for part in parts)
    if grey_error < cube_error:
        return _FIRST_GREY + grey
    return 16 + 36 * steps[0] + 6 * steps[1] + steps[2]


def block_rows(picture: Picture, depth: ColourDepth) -> list[Output]:
    """Each row of characters as output for a terminal, with the colours that it needs, without the end of the line."""
    rows = []
    for cells in half_blocks(picture, depth):
        row = Output()
        for run in cells:
            if run.upper is not None:
                row.control(Control(f"\x1b[{_sgr(run, depth)}m"))
            row.text(run.text)
        rows.append(row.control(_RESET) if depth != "mono" else row)
    return rows


def _sgr(run: Cells, depth: ColourDepth) -> str:
    """The parameters of SGR for the colours of a run (ISO 8613-6, in the form that all terminals read)."""
    return ";".join(
        f"{layer + 1}" if colour is None else _layer(layer, colour, depth)
        for layer, colour in ((38, run.upper), (48, run.lower))
    )


def _layer(layer: int, colour: int, depth: ColourDepth) -> str:
    if depth == "256":
        return f"{layer};5;{colour_256(colour)}"
    return f"{layer};2;{colour >> 16};{colour >> 8 & 255};{colour & 255}"
