"""Decoding the bytes that a terminal sends to keys. Pure.

A key is one of three things: :class:`Typed` (characters that stand for themselves), :class:`Pasted`
(the text between the markers of a bracketed paste) or :class:`Press` (everything else, by name).

Names: ``Enter``, ``Tab``, ``Backspace``, ``Escape``, ``Up``, ``Home``, ``Delete``, ``PageUp``, ``F1``;
control and letter are ``C-a``, Alt is ``M-b``, both ``C-M-b``; with shift ``S-Tab``, ``C-S-Left``.

Bytes arrive in pieces that are cut anywhere, so :class:`Decoder` keeps an unfinished piece. One case cannot be decided
by the bytes alone: Escape pressed by itself, or the beginning of a sequence. ``Decoder.waiting`` is true then, and the
reader calls ``flush`` when nothing more has arrived for a moment.

The sequences are those of ECMA-48 (5.4, control sequences), xterm's control sequences (its keys with
modifiers, bracketed paste) and the ``CSI … u`` form that several terminals share.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Press:
    """A key by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Characters typed; never a control character."""

    text: str


@dataclass(frozen=True, slots=True)
class Pasted:
    """Pasted text, unchanged; a long paste may be divided."""

    text: str


Key: TypeAlias = Press | Typed | Pasted

ESCAPE_DELAY: Final = 0.05
"""Seconds after which an Escape with nothing after it is the key itself. A sequence arrives whole, or over a slow
connection within a few milliseconds."""

PASTE_BEGIN: Final = "\x1b[200~"
PASTE_END: Final = "\x1b[201~"
PASTE_PIECE: Final = 64 * 1024
"""Characters of a paste that are kept before they are passed on: a paste without an end must not fill memory."""
LONGEST_REPLY: Final = 4096
"""Characters of a terminal's own reply (a colour, a version) that are waited for before they count as typed."""

_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_SEQUENCE: Final = re.compile(
    r"\x1b(?P<alt>\x1b?)"
    r"(?:\[\[(?P<console>[A-E])"  # the Linux console's F1 to F5
    r"|\[(?P<params>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|O(?P<ss3params>[0-9;]*)(?P<ss3>[A-Za-z]))"
)
_REPLY: Final = re.compile(r"\x1b[P\]_^X][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNFINISHED: Final = re.compile(r"\x1b(?:\x1b?(?:\[[0-?]*[ -/]*|O[0-9;]*)?|\x1b?\[\[|[P\]_^X][^\x07\x1b]*\x1b?)\Z")

_FINALS: Final = {
    "A": "Up",
    "B": "Down",
    "C": "Right",
    "D": "Left",
    "E": "Begin",
    "F": "End",
    "H": "Home",
    "I": "FocusIn",
    "M": "Enter",  # SS3 M: the keypad's
    "O": "FocusOut",
    "P": "F1",
    "Q": "F2",
    "R": "F3",
    "S": "F4",
    "Z": "S-Tab",
}
_NUMBERS: Final = {
    1: "Home", 2: "Insert", 3: "Delete", 4: "End", 5: "PageUp", 6: "PageDown", 7: "Home", 8: "End",
    11: "F1", 12: "F2", 13: "F3", 14: "F4", 15: "F5", 17: "F6", 18: "F7", 19: "F8", 20: "F9", 21: "F10",
    23: "F11", 24: "F12",
}  # fmt: skip
_CODES: Final = {8: "Backspace", 9: "Tab", 10: "Enter", 13: "Enter", 27: "Escape", 127: "Backspace"}
_CONTROLS: Final = {"\x00": "C-Space", "\t": "Tab", "\n": "Enter", "\r": "Enter", "\x1b": "Escape", "\x7f": "Backspace"}
_SHIFT, _ALT, _CONTROL = 1, 2, 4  # bits of xterm's modifier parameter, less one


class Decoder:
    """Decodes bytes to keys; keeps an unfinished sequence."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._pasting = False

    def __repr__(self) -> str:
        return f"<Decoder holding {self._rest!r}{' of a paste' if self._pasting else ''}>"

    @property
    def waiting(self) -> bool:
        """Whether the unfinished sequence may be a key by itself: call :meth:`flush` after :data:`ESCAPE_DELAY`."""
        return bool(self._rest) and not self._pasting

    def feed(self, data: bytes) -> list[Key]:
        """Take bytes and return the keys that are complete. Never raises on bad input."""
        self._rest += self._utf8.decode(data)
        keys: list[Key] = []
        while self._rest and self._read_one(keys):
            pass
        return keys

    def flush(self) -> list[Key]:
        """Decode the unfinished sequence as it is, because nothing more is coming."""
        if self._pasting or not self._rest:
            return []
        rest, self._rest = self._rest, ""
        if rest == "\x1b":
            return [Press("Escape")]
        if rest == "\x1b\x1b":
            return [Press("Escape"), Press("Escape")]
        if len(rest) == len("\x1b["):
            return [_with_alt(Press(rest[1]))]
        return []  # a sequence that was cut off

    def _read_one(self, keys: list[Key]) -> bool:
        """Move one key from the held text to ``keys``; tell whether there may be another."""
        if self._pasting:
            return self._read_paste(keys)
        rest = self._rest
        text = _TEXT.match(rest)
        if text is not None:
            keys.append(Typed(text[0]))
            self._rest = rest[text.end() :]
        elif rest[0] != "\x1b":
            self._rest = rest[1:]
            if rest[0] <= "\x1f" or rest[0] == "\x7f":  # the others are C1 controls: no key sends them
                keys.append(_control(rest[0]))
        else:
            return self._read_escape(keys)
        return True

    def _read_escape(self, keys: list[Key]) -> bool:
        rest = self._rest
        if rest.startswith(PASTE_BEGIN):
            self._pasting = True
            self._rest = rest[len(PASTE_BEGIN) :]
            return True
        sequence = _SEQUENCE.match(rest)
        if sequence is not None:
            self._rest = rest[sequence.end() :]
            key = _read_sequence(sequence)
            if key is not None:
                keys.append(_with_alt(key) if sequence["alt"] else key)
            return True
        reply = _REPLY.match(rest)
        if reply is not None:
            self._rest = rest[reply.end() :]
            return True
        if len(rest) <= LONGEST_REPLY and _UNFINISHED.match(rest):
            return False
        if rest[1] == "\x1b":
            self._rest = rest[1:]
            keys.append(Press("Escape"))
        else:
            self._rest = rest[2:]
            control = rest[1] <= "\x1f" or rest[1] == "\x7f"
            keys.append(_with_alt(_control(rest[1]) if control else Press(rest[1])))
        return True

    def _read_paste(self, keys: list[Key]) -> bool:
        text, end, after = self._rest.partition(PASTE_END)
        if end:
            self._pasting, self._rest = False, after
            keys.append(Pasted(text))
            return True
        if len(text) > PASTE_PIECE:
            cut = len(text) - len(PASTE_END)  # the end mark may have begun
            keys.append(Pasted(text[:cut]))
            self._rest = text[cut:]
        return False


def _control(character: str) -> Press:
    if character in _CONTROLS:
        return Press(_CONTROLS[character])
    return Press("C-" + chr(ord(character) + 0x40).lower())  # a control character is its letter less 0x40


def _with_alt(key: Key) -> Key:
    if not isinstance(key, Press):
        return Press("M-" + key.text)
    return Press("C-M-" + key.name[2:] if key.name.startswith("C-") else "M-" + key.name)


def _read_sequence(found: re.Match[str]) -> Key | None:
    """The key of one whole sequence; ``None`` for a sequence that no known key sends."""
    if found["console"]:
        return Press("F" + str("ABCDE".index(found["console"]) + 1))
    final = found["final"] or found["ss3"]
    fields = (found["params"] or found["ss3params"] or "").split(";")
    numbers = [_number(field) for field in fields]
    modifiers = max((numbers[1] if len(numbers) > 1 else 1) - 1, 0)
    if final == "~":
        if numbers[0] == 27 and len(numbers) > 2:  # noqa: PLR2004 - xterm's modifyOtherKeys: 27;modifiers;code
            return _coded(numbers[2], modifiers)
        name = _NUMBERS.get(numbers[0])
    elif final == "u":
        return _coded(numbers[0], modifiers)
    else:
        name = _FINALS.get(final) if not fields[0].startswith(("<", "?", ">")) else None
    return None if name is None else Press(_modified(name, modifiers))


def _number(field: str) -> int:
    digits = field.partition(":")[0]
    return int(digits) if digits.isdecimal() and len(digits) < 8 else 0  # noqa: PLR2004 - no code has more


def _coded(code: int, modifiers: int) -> Key | None:
    """A key from the code of a character and its modifiers."""
    if code in _CODES:
        return Press(_modified(_CODES[code], modifiers))
    if not 32 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF or 0x7F <= code < 0xA0:  # noqa: PLR2004 - characters, not controls, not surrogates
        return None
    if not modifiers & (_ALT | _CONTROL):
        return Typed(chr(code))
    return Press(_modified("Space" if code == 32 else chr(code), modifiers & ~_SHIFT))  # noqa: PLR2004 - a space


def _modified(name: str, modifiers: int) -> str:
    prefix = ("C-" if modifiers & _CONTROL else "") + ("M-" if modifiers & _ALT else "")
    return prefix + ("S-" if modifiers & _SHIFT and not name.startswith("S-") else "") + name
