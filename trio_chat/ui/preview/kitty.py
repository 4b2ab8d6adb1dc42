r"""Pictures by kitty's graphics protocol, as kitty, Ghostty, WezTerm and Konsole understand it. Pure.

https://sw.kovidgoyal.net/kitty/graphics-protocol/: the pixels are sent as RGB (``f=24``), compressed (``o=z``), in
base64, in pieces of at most 4096 characters, inside of ``ESC _ G`` and ``ESC \``. The terminal is told how many cells
the picture takes (``c``, ``r``), and to answer nothing (``q=2``): an answer would end in the line that is typed.
"""

from __future__ import annotations

import base64
import zlib
from typing import Final

from trio_chat.output import Graphic
from trio_chat.ui.preview.picture import Picture

_PIECE: Final = 4096
"""Characters of base64 in one piece; the protocol's bound."""


def kitty_graphic(picture: Picture, columns: int, rows: int) -> Graphic:
    """The sequences that draw a picture over this many cells; the cursor is in its last row afterwards."""
    data = base64.b64encode(zlib.compress(picture.rgb)).decode()
    pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
    first = f"a=T,f=24,o=z,q=2,s={picture.width},v={picture.height},c={columns},r={rows}"
    return Graphic(
        "".join(
            f"\x1b_G{f'{first},' if not at else ''}m={int(at + 1 < len(pieces))};{piece}\x1b\\"
            for at, piece in enumerate(pieces)
        )
    )
