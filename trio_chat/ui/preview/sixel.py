r"""Pictures as sixels, as xterm, foot, mlterm, Windows Terminal, WezTerm, Konsole and tmux understand them. Pure.

Six rows of pixels make a band. In a band each colour is drawn by itself: its register is chosen (``#1``), then one
character for each column says which of the six pixels have it (``?`` plus six bits), and ``$`` goes back to the left;
``-`` goes to the next band (DEC's VT330/VT340 Programmer Reference Manual, volume 2, chapter 14). The colours are those
of xterm's cube of 6 by 6 by 6: 216 registers, which every terminal with sixels has. The error of each pixel is handed
on to its neighbours, so that few colours are seen as many.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from trio_chat.output import Graphic
from trio_chat.ui.preview.picture import Picture

_BAND: Final = 6
_STEPS: Final = 6
_NEAREST: Final = tuple(round(value * (_STEPS - 1) / 255) for value in range(256))
_VALUES: Final = tuple(step * 255 // (_STEPS - 1) for step in range(_STEPS))
_REPEATED: Final = 4  # characters from which a repetition is shorter


def sixel_graphic(picture: Picture) -> Graphic:
    """The sequence that draws a picture at the cursor, each pixel as one of the terminal's."""
    colours = _quantised(picture)
    used = sorted({colour for row in colours for colour in row})
    registers = "".join(_register(number, colour) for number, colour in enumerate(used))
    numbers = {colour: number for number, colour in enumerate(used)}
    bands = "-".join("$".join(_band(colours[at : at + _BAND], numbers)) for at in range(0, picture.height, _BAND))
    # 0;1;0: pixels without a colour stay as they are; the raster attributes say the size and that pixels are square
    return Graphic(f'\x1bP0;1;0q"1;1;{picture.width};{picture.height}{registers}{bands}\x1b\\')


def _register(number: int, colour: int) -> str:
    """Give a register its colour, in percent of red, green and blue."""
    parts = (colour // 36, colour // 6 % 6, colour % 6)
    return f"#{number};2;" + ";".join(str(part * 100 // (_STEPS - 1)) for part in parts)


def _band(rows: list[list[int]], numbers: dict[int, int]) -> Iterator[str]:
    """The six rows of a band, colour by colour."""
    bits: dict[int, list[int]] = {}
    width = len(rows[0])
    for at, row in enumerate(rows):
        for column, colour in enumerate(row):
            if colour not in bits:
                bits[colour] = [0] * width
            bits[colour][column] |= 1 << at
    for colour, columns in bits.items():
        yield f"#{numbers[colour]}" + "".join(_repeated(value, len(list(run))) for value, run in groupby(columns))


def _repeated(value: int, count: int) -> str:
    character = chr(63 + value)
    return f"!{count}{character}" if count >= _REPEATED else character * count


def _quantised(picture: Picture) -> list[list[int]]:
    """The number of a colour of the cube for each pixel."""
    width, height, rgb = picture
    rows: list[list[int]] = []
    below = [0] * (width * 3 + 6)
    for y in range(height):
        carried, below = below, [0] * (width * 3 + 6)
        row = []
        begin = y * width * 3
        right = [0, 0, 0]
        for x in range(width):
            colour = 0
            for part in range(3):
                at = x * 3 + part
                wanted = min(max(rgb[begin + at] + right[part] // 16 + carried[at + 3] // 16, 0), 255)
                step = _NEAREST[wanted]
                error = wanted - _VALUES[step]
                right[part] = error * 7
                below[at] += error * 3
                below[at + 3] += error * 5
                below[at + 6] += error
                colour = colour * _STEPS + step
            row.append(colour)
        rows.append(row)
    return rows
