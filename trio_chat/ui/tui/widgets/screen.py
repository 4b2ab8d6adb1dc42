"""Drawing with urwid: styles to attributes, rows to a canvas, a canvas to the bytes for the terminal.

Theory of operation. urwid's raw display remembers the screen and writes only the rows that changed. Here it writes into
memory (:class:`Paper`), and the task that owns the terminal sends the text, so a blocked terminal blocks nothing else.
urwid does not touch the settings of the terminal or the signals either: its screen gets an input that is not a
terminal, and its signal handlers are left out.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Final, Literal

import urwid
from urwid.display.common import AttrSpec, AttrSpecError, Hyperlink
from urwid.display.raw import Screen as RawScreen

from trio_chat.errors import ConfigError
from trio_chat.output import Control, Output, rendered_line
from trio_chat.ui.preview.half_blocks import ColourDepth
from trio_chat.ui.terminal.graphemes import clusters, text_width
from trio_chat.ui.terminal.layout import Row, Span, fit
from trio_chat.ui.tui.model.themes import read_style
from trio_chat.ui.tui.widgets.frame import Frame
from trio_chat.ui.tui.widgets.pictures import read_pixel_style

Colours = Literal[1, 16, 88, 256, 16777216]
_DEPTHS: Final[dict[int, ColourDepth]] = {256: "256", 1 << 24: "true"}
_ON: Final = Control("\x1b[?1004h")  # xterm: focus in and out are reported
_OFF: Final = Control("\x1b[?1004l")
_TITLE_PUSH: Final = Control("\x1b[22;2t")  # xterm: remember the window's title
_TITLE_POP: Final = Control("\x1b[23;2t")
_SPECS: Final = 4000  # cached attributes; each link has its own

Run = tuple[Hashable, Literal["0", "U"] | None, bytes]


class Paper:
    """The output that urwid writes to; :meth:`take` returns the text."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def write(self, data: str, /) -> object:
        """Keep the text."""
        self._parts.append(data)
        return len(data)

    def flush(self) -> object:
        """Do nothing: nothing is buffered."""
        return None

    def take(self) -> str:
        """The text written since the last call."""
        text = "".join(self._parts)
        self._parts.clear()
        return text


class Palette:
    """The styles of a theme as urwid's attributes, for a terminal with this many colours."""

    def __init__(self, theme: Mapping[str, str], colours: Colours) -> None:
        self._theme = theme
        self._colours: Colours = colours
        self._specs: dict[tuple[str, str], AttrSpec] = {}

    def __repr__(self) -> str:
        return f"<Palette of {len(self._theme)} styles, {self._colours} colours>"

    def spec(self, style: str, link: str = "") -> AttrSpec:
        """The attribute of a style of one or more words; later words win, their settings add up."""
        found = self._specs.get((style, link))
        if found is None:
            if len(self._specs) >= _SPECS:
                self._specs.clear()
            found = self._specs[style, link] = self._make(style, link)
        return found

    def _make(self, style: str, link: str) -> AttrSpec:
        colour, ground, settings = "default", "default", dict[str, None]()
        for word in ("", *style.split()):
            foreground, background = read_pixel_style(word) or read_style(self._theme.get(word, "default"))
            for part in foreground.split(","):
                if part.strip() in _SETTINGS:
                    settings[part.strip()] = None
                elif part.strip() != "default":
                    colour = part.strip()
            ground = background if background != "default" else ground
        if self._colours == 1:
            colour = ground = "default"
        hyperlink = (
            Hyperlink(link) if link and link.isascii() and link.isprintable() and len(link) < _LONGEST_LINK else None
        )
        return AttrSpec(",".join([colour, *settings]), ground, self._colours, hyperlink=hyperlink)


def depth_of(colours: int) -> ColourDepth:
    """The colours of pictures on a terminal with this many: those with fewer than 256 show none."""
    return _DEPTHS.get(colours, "mono")


def check_styles(theme: Mapping[str, str], where: str) -> None:
    """Raise :class:`~trio_chat.errors.ConfigError` for a style that cannot be painted: otherwise the first message in
    that style would end the full screen. ``where`` names the theme."""
    palette = Palette(theme, 256)
    for style, value in theme.items():
        try:
            palette.spec(style)
        except AttrSpecError as error:
            raise ConfigError(f"{where}: the style {style or 'default'} cannot be {value!r}: {error}.") from error


_SETTINGS: Final = frozenset({"bold", "italics", "underline", "blink", "standout", "strikethrough", "faint"})
_LONGEST_LINK: Final = 2000


class FrameCanvas(urwid.Canvas):
    """A frame as a canvas of urwid."""

    cacheable = False

    def __init__(self, frame: Frame, palette: Palette) -> None:
        super().__init__()
        self._columns = frame.columns
        last = len(frame.rows) - 1
        self._runs = [
            runs(_harmless(row, frame.columns), palette, anchor=at != last) for at, row in enumerate(frame.rows)
        ]
        if frame.cursor is not None:
            self.cursor = frame.cursor

    def cols(self) -> int:
        """The number of columns."""
        return self._columns

    def rows(self) -> int:
        """The number of rows."""
        return len(self._runs)

    def content(
        self,
        trim_left: int = 0,
        trim_top: int = 0,
        cols: int | None = 0,
        rows: int | None = 0,
        attr: Mapping[Hashable, Hashable] | None = None,
    ) -> Iterator[list[Run]]:
        """The rows as runs of text in one attribute. The arguments are for cutting; a whole screen needs none."""
        del trim_left, trim_top, cols, rows, attr
        return iter(self._runs)


def _harmless(row: Row, columns: int) -> Row:
    """A row of which no text acts on the terminal, as wide as before: urwid would write any text as it is."""
    shown = [rendered_line(span.text, colour=False).replace("\t", " ") for span in row]
    if all(text == span.text for text, span in zip(shown, row, strict=True)):
        return row
    return fit([Span(span.style, text, span.link) for text, span in zip(shown, row, strict=True)], columns)


def runs(row: Row, palette: Palette, *, anchor: bool) -> list[Run]:
    """A row as urwid's runs.

    Terminals differ in the width of rare characters. So after each of them the cursor is set to the right column
    (``anchor``; CHA, ECMA-48 8.3.9), and the text after it stays aligned. A wide character is written over spaces: a
    terminal that takes it for a narrow one would leave the old content in the second column.
    """
    made: list[Run] = []
    column = 0
    for span in row:
        spec = palette.spec(span.style, span.link)
        if span.text.isascii() or not (anchor and _ODD.search(span.text)):
            if span.text:
                made.append((spec, None, span.text.encode("utf-8", "replace")))
                column += text_width(span.text)
            continue
        for text, odd in _pieces(span.text):
            wide = text_width(text)
            if odd and wide > 1:
                made += [(spec, None, b" " * wide), (spec, "U", _to_column(column))]
            made.append((spec, None, text.encode("utf-8", "replace")))
            column += wide
            if odd:
                made.append((spec, "U", _to_column(column)))
    return made


def _to_column(column: int) -> bytes:
    """The sequence that puts the cursor in a column, counted from 0."""
    return f"\x1b[{column + 1}G".encode()


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """A text in pieces. After an odd one, a single cluster, terminals may disagree about the position of the cursor."""
    kept = ""
    for cluster in clusters(text):
        if not _ODD.search(cluster):
            kept += cluster
            continue
        if kept:
            yield kept, False
        yield cluster, True
        kept = ""
    if kept:
        yield kept, False


_ODD: Final = re.compile(
    "[\u0300-\u036f\u0590-\u1fff\u200c\u200d\ufb1d-\ufdff\ufe00-\ufe0f\ufe70-\ufefc\U0001f000-\U000e01ef]"
)
"""Joined emoji, emoji styles, flags, combining marks, scripts with joined letters: terminals differ in their width."""


class Display(RawScreen):
    """urwid's raw display, writing into memory."""

    def __init__(self, colours: Colours | None, *, mouse: bool, links: bool) -> None:
        self.paper = Paper()
        super().__init__(_NoTerminal(), self.paper, bracketed_paste_mode=False, focus_reporting=False)  # type: ignore[arg-type] # without a fileno it leaves the terminal's settings alone
        self._mouse = mouse
        self.set_terminal_properties(colors=colours, hyperlinks=links)

    def signal_init(self) -> None:
        """Do nothing: trio handles the signals."""

    def signal_restore(self) -> None:
        """Do nothing: no signal handler was replaced."""

    def begin(self) -> Output:
        """The sequences that take the terminal over."""
        self.start()
        self.set_mouse_tracking(self._mouse)
        self.clear()
        return Output().control(_TITLE_PUSH).drawn(self.paper.take()).control(_ON)

    def use_mouse(self, *, on: bool) -> None:
        """Turn the reporting of the mouse on or off, with the next drawing."""
        self._mouse = on
        if self.started:
            self.set_mouse_tracking(on)

    def end(self) -> Output:
        """The sequences that give the terminal back; empty when it was given back already."""
        if not self.started:
            return Output()
        self.stop()
        return Output().control(_OFF).drawn(self.paper.take()).control(_TITLE_POP)

    def draw(self, frame: Frame, palette: Palette) -> Output:
        """The output that changes the terminal from its present content to this frame."""
        canvas = FrameCanvas(frame, palette)
        self.maxrow = len(frame.rows)
        self.draw_screen((frame.columns, len(frame.rows)), canvas)
        return Output().drawn(self.paper.take())


class _NoTerminal:
    """An input that urwid's screen leaves alone."""
