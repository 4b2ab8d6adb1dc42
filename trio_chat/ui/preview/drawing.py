"""An image on a terminal: decoded at the size at which it fits, and drawn in the form that the terminal understands."""

from __future__ import annotations

from typing import Final

import trio

from trio_chat.output import Control, Output
from trio_chat.ui.preview.decoding import decode_image
from trio_chat.ui.preview.graphics import Graphics
from trio_chat.ui.preview.half_blocks import ColourDepth, block_rows
from trio_chat.ui.preview.kitty import kitty_graphic
from trio_chat.ui.preview.sixel import sixel_graphic

MOST_COLUMNS: Final = 100
"""Columns of a picture: on wider terminals it would be a poster."""
MOST_ROWS: Final = 30
_MOST_PIXELS: Final = (1000, 640)
"""Pixels of a graphic: about a megabyte for the terminal."""
_BESIDE: Final = 3
"""Rows that stay free: for the line before the picture, and the prompt."""


async def draw_image(
    data: bytes, name: str, size: tuple[int, int], graphics: Graphics, depth: ColourDepth
) -> list[Output]:
    """Decode an image and draw it for a terminal of this size (columns, rows).

    Returns rows of output without their ends; a graphic is one of them, with the cursor in its last row. Raises
    ``NotDone`` when it cannot be shown.
    """
    columns = max(min(size[0] - 1, MOST_COLUMNS), 1)
    rows = max(min(size[1] - _BESIDE, MOST_ROWS), 1)
    if graphics.form == "blocks":
        picture = await decode_image(data, columns, rows * 2, name)
        return block_rows(picture, depth)
    cell = graphics.cell
    width, height = min(columns * cell[0], _MOST_PIXELS[0]), min(rows * cell[1], _MOST_PIXELS[1])
    picture = await decode_image(data, width, height, name)
    if graphics.form == "sixel":
        graphic = await trio.to_thread.run_sync(sixel_graphic, picture)
    else:
        wide, high = -(-picture.width // cell[0]), -(-picture.height // cell[1])  # divided, rounded up
        graphic = await trio.to_thread.run_sync(kitty_graphic, picture, wide, high)
    return [Output().control(Control("\r")).graphic(graphic)]
