"""QR codes on a terminal: two modules in a character, one above the other."""

from __future__ import annotations

from typing import Final

_BORDER: Final = 2
"""Modules of the quiet zone. The standard (ISO/IEC 18004) wants 4, but the edge of a dark screen serves as well."""
_BLOCKS: Final = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
"""The character for an upper and a lower module, which are 1 where they are dark. The ground of a terminal is dark."""


def qr_code(text: str, columns: int) -> list[str]:
    """The rows of a text's QR code; none when it is wider than so many columns, or the text is too long for any."""
    import segno  # noqa: PLC0415 - only a server on a terminal needs it

    try:
        code = segno.make(text, error="l", micro=False, boost_error=False)
    except segno.DataOverflowError:
        return []
    modules = [list(row) for row in code.matrix_iter(border=_BORDER)]
    if len(modules[0]) > columns:
        return []
    if len(modules) % 2:
        modules.append([1] * len(modules[0]))  # as dark as the ground below it
    pairs = zip(modules[::2], modules[1::2], strict=True)
    return ["".join(_BLOCKS[int(upper), int(lower)] for upper, lower in zip(*pair, strict=True)) for pair in pairs]
