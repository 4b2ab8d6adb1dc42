r"""The kinds of pictures that a terminal shows: the question for them, the answers among the keys, and what follows.
Pure.

Theory of operation. Three questions go out together, the last of which every terminal answers, so that nobody waits for
answers that never come: whether it understands kitty's graphics (a query for a picture of one pixel, answered with
``OK``), the size of a cell in pixels (XTWINOPS 16), and its device attributes (DA1, ECMA-48 8.3.24), among which 4
means sixels. Inside tmux or screen the terminal behind cannot be asked, and a picture sent through to it would stay
where it is when the pane scrolls, so pictures are made of characters there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from trio_chat.output import Control, Graphic, Output
from trio_chat.ui.preview.half_blocks import ColourDepth

QUESTION: Final = (
    Output().graphic(Graphic("\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\")).control(Control("\x1b[16t\x1b[c"))
)
"""Asks for all three; the answer to the last ends the waiting."""
DEADLINE: Final = 1.0
"""Seconds for the answers: over a slow line, and short enough for a person who waits for a picture."""

PictureForm: TypeAlias = Literal["kitty", "sixel", "blocks"]
_KITTY: Final = re.compile(rb"\x1b_Gi=31;([^\x1b\x07]{0,200})\x1b\\")
_CELL: Final = re.compile(rb"\x1b\[6;([0-9]{1,4});([0-9]{1,4})t")
_ATTRIBUTES: Final = re.compile(rb"\x1b\[\?([0-9;]{0,100})c")
_BEGUN: Final = re.compile(rb"\x1b(?:_(?:G[^\x1b\x07]{0,200}\x1b?)?|\[(?:6(?:;[0-9]{0,4}){0,2}|\?[0-9;]{0,100})?)?\Z")
_SIXELS: Final = b"4"
_USUAL_CELL: Final = (8, 16)
_GREATEST_CELL: Final = 200  # pixels; more is no answer to be believed


class Graphics(NamedTuple):
    """How a terminal shows pictures, and the size of one of its cells in pixels."""

    form: PictureForm = "blocks"
    cell: tuple[int, int] = _USUAL_CELL


class GraphicsAnswer:
    """Takes the answers to :data:`QUESTION` out of the bytes of the input. ``found`` is set when all are there."""

    def __init__(self) -> None:
        self.found: Graphics | None = None
        self._held = b""
        self._has_kitty = False
        self._cell = _USUAL_CELL

    def __repr__(self) -> str:
        return f"<GraphicsAnswer {self.found}>"

    @property
    def holds(self) -> bool:
        """Whether bytes are held."""
        return bool(self._held)

    def split(self, data: bytes) -> bytes:
        """Take bytes of the input; returns those that belong to no answer. The beginning of one is held."""
        data, self._held = self._held + data, b""
        if (kitty := _KITTY.search(data)) is not None:
            self._has_kitty = kitty[1] == b"OK"
            data = _KITTY.sub(b"", data)
        if (cell := _CELL.search(data)) is not None:
            self._cell = _believed((int(cell[2]), int(cell[1])))
            data = _CELL.sub(b"", data)
        if (attributes := _ATTRIBUTES.search(data)) is not None:
            has_sixels = _SIXELS in attributes[1].split(b";")[1:]
            form: PictureForm = "kitty" if self._has_kitty else "sixel" if has_sixels else "blocks"
            self.found = Graphics(form, self._cell)
            return _ATTRIBUTES.sub(b"", data)
        if (begun := _BEGUN.search(data)) is not None:
            data, self._held = data[: begun.start()], data[begun.start() :]
        return data

    def flush(self) -> bytes:
        """The bytes that are held, when no more of an answer is waited for."""
        held, self._held = self._held, b""
        return held


def _believed(cell: tuple[int, int]) -> tuple[int, int]:
    return cell if all(0 < side <= _GREATEST_CELL for side in cell) else _USUAL_CELL


def can_ask(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is asked: not without colours, and not inside a program that shares it among several."""
    term = environment.get("TERM", "")
    shared = environment.get("TMUX") or environment.get("STY") or term.startswith(("tmux", "screen"))
    return not (shared or environment.get("NO_COLOR") or term in {"", "dumb", "linux"})


def colour_depth(environment: Mapping[str, str], *, colour: bool = True) -> ColourDepth:
    """The colours of the terminal: 24 bits where ``COLORTERM`` or ``TERM`` says so, none with ``NO_COLOR`` or without
    ``colour``, otherwise 256: whoever has fewer takes the nearest."""
    if not colour or environment.get("NO_COLOR"):
        return "mono"
    term = environment.get("TERM", "")
    if environment.get("COLORTERM", "") in {"truecolor", "24bit"} or term.endswith("-direct"):
        return "true"
    return "mono" if term in {"vt100", "vt102", "vt220"} else "256"
