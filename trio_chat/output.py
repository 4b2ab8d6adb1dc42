r"""The one way to a terminal: text that cannot act on it, and the control sequences of our own drawing code.

Theory of operation. Text comes from everywhere: a server, another person, a file, an argument. So no text is trusted,
and it is not the task of the code that makes a sentence to make it harmless. Text is made harmless at the last moment,
by the only three things that write:

- :class:`HarmlessStream` stands in front of ``sys.stdout`` and ``sys.stderr`` while the program runs. Whatever prints
  goes through it: errors, help pages, prompts, the server's log, a warning or traceback of the interpreter. It has no
  ``buffer``, so nothing can write around it.
- ``LineOutput`` in :mod:`trio_chat.ui.plain.pipes` writes lines to standard output, and renders each of them.
- ``Terminal`` in :mod:`trio_chat.ui.terminal.terminal` takes nothing but an :class:`Output`, to which text and control
  sequences are added by different methods.

A control sequence is a :class:`Control`. It is checked when it is made, so that not even a text inside it (a window
title) can end it and begin another one. Colours are needed inside of lines; there they are *marks*, characters that
:func:`styled` puts around a text and that become colours when the text is written. Marks are halves of surrogate pairs.
No text from outside contains one: UTF-8 cannot encode them, and the decoder of JSON refuses them.
``tests/test_output.py`` looks for code that writes past this module.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Final, Self, TextIO, cast

from trio_chat.protocol.text import clean
from trio_chat.windows_console import carries_out_sequences

NICK_COLOURS: Final = (32, 33, 34, 35, 36, 92, 93, 94, 95, 96)
"""The colours of names: foreground colours of SGR (ECMA-48, 8.3.117). Red is for errors."""
BOLD, DIM, RED = "1", "2", "31"
_PLAIN: Final = "0"
_STYLES: Final = (_PLAIN, BOLD, DIM, RED, f"1;{RED}", *map(str, NICK_COLOURS), *(f"1;{n}" for n in NICK_COLOURS))
_FIRST_MARK: Final = 0xD800
_MARK_OF: Final = {style: chr(_FIRST_MARK + at) for at, style in enumerate(_STYLES)}
_MARK: Final = re.compile(f"([{chr(_FIRST_MARK)}-{chr(_FIRST_MARK + len(_STYLES) - 1)}])")

_WHOLE: Final = re.compile(f"{_MARK.pattern}(.*)({_MARK_OF[_PLAIN]})", re.DOTALL)

# What our drawing code and urwid use: CSI sequences with numbers, OSC with a text that has no control characters, the
# designation of character sets, the keypad, bell, cursor to the left, shift in and out.
_SEQUENCE: Final = (
    r"\x1b\[[?<=>]?[0-9;]*[A-Za-z]"
    r"|\x1b\][0-9]+;[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\)"
    r"|\x1b[()][0AB]|\x1b[=>78]|[\x07\x08\r\n\x0e\x0f]"
)
_SEQUENCES: Final = re.compile(f"(?:{_SEQUENCE})*")
_ONE_SEQUENCE: Final = re.compile(f"({_SEQUENCE})")
# The sequences that draw pictures: APC G with keys, numbers and base64 (kitty), DCS q with sixels. Both end in ST, and
# nothing inside of them can: ESC is not among their characters.
_GRAPHIC: Final = re.compile(
    r"(?:\x1b_G[a-zA-Z0-9=,]*;[A-Za-z0-9+/=]*\x1b\\)+"
    r"|\x1bP[0-9;]*q[\"#!$;0-9?-~-]*\x1b\\"
)
_NEWLINE: Final = str.maketrans({"\n": "\N{SYMBOL FOR LINE FEED}"})


def styled(text: str, style: str) -> str:
    """Put the marks of a style around a text. The style is one of this module's, or ``1;`` and one of its colours."""
    return f"{_MARK_OF[style]}{text}{_MARK_OF[_PLAIN]}"


def unstyled(text: str) -> str:
    """A text without the marks of styles."""
    return _MARK.sub("", text)


def is_styled(text: str) -> bool:
    """Whether a text has marks of styles."""
    return _MARK.search(text) is not None


def split_style(line: str) -> tuple[str, str, str]:
    """A line that is in one style as a whole as its first mark, its text and its last mark; any other as its text."""
    found = _WHOLE.fullmatch(line)
    return (found[1], found[2], found[3]) if found is not None else ("", line, "")


def rendered(text: str, *, colour: bool = True) -> str:
    """The part of a text that a terminal may get: newlines, tabs, no other controls, colours for the marks.

    Without ``colour`` the marks are left out.
    """
    if text.isascii() and text.isprintable():
        return text
    if not _MARK.search(text):
        return clean(text)
    return "".join(_rendered_piece(piece, colour=colour) for piece in _MARK.split(text) if piece)


def rendered_line(text: str, *, colour: bool = True) -> str:
    """As :func:`rendered`, for one line: a newline in it is shown as a picture, so that it can begin no other line."""
    return rendered(text, colour=colour).translate(_NEWLINE)


def _rendered_piece(piece: str, *, colour: bool) -> str:
    at = ord(piece[0]) - _FIRST_MARK
    if len(piece) == 1 and 0 <= at < len(_STYLES):
        return f"\x1b[{_STYLES[at]}m" if colour else ""
    return clean(piece)


class Control(str):
    """A control sequence, or several of them, made by the drawing code of this program.

    Raises ``ValueError`` for anything else, such as a window title that holds a control character.
    """

    __slots__ = ()

    def __new__(cls, sequence: str) -> Self:
        """Check and keep a sequence."""
        if not _SEQUENCES.fullmatch(sequence):
            raise ValueError(f"no control sequence: {sequence!r}")
        return super().__new__(cls, sequence)


class Graphic(str):
    """The sequences that draw one picture, made by :mod:`trio_chat.ui.preview` from decoded pixels.

    Raises ``ValueError`` for anything but the commands of kitty's graphics protocol and sixels.
    """

    __slots__ = ()

    def __new__(cls, sequence: str) -> Self:
        """Check and keep the sequences."""
        if not _GRAPHIC.fullmatch(sequence):
            raise ValueError(f"no graphic: {sequence[:40]!r}")
        return super().__new__(cls, sequence)


class Output:
    """Output for a terminal: harmless text and our own control sequences, in their order."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[str] = []

    def __repr__(self) -> str:
        return f"<Output {str(self)!r}>"

    def __str__(self) -> str:
        return "".join(self._parts)

    def __bool__(self) -> bool:
        return any(self._parts)

    def __add__(self, other: Output) -> Output:
        both = Output()
        both._parts = [*self._parts, *other._parts]
        return both

    def text(self, text: str) -> Self:
        """Add a text that stays in its row: newlines are shown as pictures, as are all other control characters."""
        self._parts.append(rendered_line(text))
        return self

    def line(self, text: str) -> Self:
        """Add a text and the end of its line."""
        self._parts.append(f"{rendered_line(text)}\r\n")
        return self

    def control(self, sequence: Control) -> Self:
        """Add control sequences. Raises ``TypeError`` for a text."""
        if not isinstance(sequence, Control):
            raise TypeError(f"no control sequence: {sequence!r}")
        self._parts.append(sequence)
        return self

    def graphic(self, sequence: Graphic) -> Self:
        """Add a picture. Raises ``TypeError`` for a text."""
        if not isinstance(sequence, Graphic):
            raise TypeError(f"no graphic: {sequence[:40]!r}")
        self._parts.append(sequence)
        return self

    def drawn(self, text: str) -> Self:
        """Add what a library has drawn: the sequences that it uses stay, and everything between them is text."""
        for at, piece in enumerate(_ONE_SEQUENCE.split(text)):
            self._parts.append(piece if at % 2 else rendered_line(piece))
        return self

    def encode(self, encoding: str = "utf-8") -> bytes:
        """The bytes for a terminal. Characters that ``encoding`` does not have are replaced."""
        return str(self).encode(encoding, "replace")


class HarmlessStream(io.TextIOBase):
    """A stream of text in front of another one, which gets the text rendered.

    It has no ``buffer``: bytes could not be made harmless.
    """

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        return f"<HarmlessStream {self._inner!r}>"

    @property
    def encoding(self) -> str:  # type: ignore[override] # io declares an attribute; it is the inner stream's
        """The encoding of the stream behind it."""
        return getattr(self._inner, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override] # as above
        """How the stream behind it treats characters that its encoding does not have."""
        return getattr(self._inner, "errors", None)

    @property
    def closed(self) -> bool:
        """Whether the stream behind it is closed."""
        return self._inner.closed

    def close(self) -> None:
        """Do nothing: the stream belongs to the interpreter."""

    def writable(self) -> bool:
        """As in every stream for writing."""
        return True

    def isatty(self) -> bool:
        """Whether a terminal is behind it."""
        return self._inner.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream behind it. Raises ``OSError`` when there is none."""
        return self._inner.fileno()

    def flush(self) -> None:
        """Write what is buffered."""
        self._inner.flush()

    def write(self, text: str, /) -> int:
        """Write a text, rendered; returns its length. Raises ``TypeError`` for bytes: click takes a stream that writes
        them for a binary one, and encodes the marks of styles as question marks."""
        if not isinstance(text, str):
            raise TypeError(f"no text: {text!r}")
        shown = rendered(text, colour=self._shows_colours())
        if not shown.isascii():
            errors = self.errors if self.errors not in {None, "strict"} else "replace"
            shown = shown.encode(self.encoding, errors or "replace").decode(self.encoding, "replace")
        self._inner.write(shown)
        return len(text)

    def write_over(self, text: str) -> None:
        """Write a text over the present row of the terminal, from its first column."""
        self._inner.write("\r" + rendered_line(text, colour=self._shows_colours()))
        self._inner.flush()

    def _shows_colours(self) -> bool:
        return self.isatty() and not os.environ.get("NO_COLOR") and understands_sequences()


def understands_sequences() -> bool:
    """Whether the terminal understands control sequences, as TERM says. On Windows, where TERM is seldom set, the
    console is asked to."""
    if sys.platform == "win32" and "TERM" not in os.environ:
        return _console_obeys()
    return os.environ.get("TERM", "dumb") != "dumb"


@functools.cache
def _console_obeys() -> bool:
    return carries_out_sequences()


def harmless_stream(stream: TextIO) -> HarmlessStream:
    """The stream itself when it is harmless already, otherwise a harmless one in front of it."""
    return stream if isinstance(stream, HarmlessStream) else HarmlessStream(stream)


@contextlib.contextmanager
def harmless_standard_streams() -> Iterator[None]:
    """Put a :class:`HarmlessStream` in front of standard output and standard error inside the block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        cast("TextIO", stream if stream is None else harmless_stream(stream)) for stream in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
