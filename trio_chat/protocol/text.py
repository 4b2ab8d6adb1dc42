r"""Make text from the network harmless for a terminal.

Theory of operation. :func:`clean` keeps every text that people write, and removes the characters that act on the
terminal or the reader instead of being read: controls and escape sequences, characters that change the writing
direction, invisible characters, floods of accents. It works in two steps:

1. characters that are never wanted are replaced by visible ones, or removed;
2. characters that are wanted only in certain places (joiners, variation selectors, tags, combining marks) are kept
   there and removed elsewhere. One pass does this, and looks only at the characters that it has kept so far. That
   makes ``clean(clean(t)) == clean(t)``.

Nearly all texts need neither step, and one search finds that out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_MARKS: Final = 8
"""The most combining marks on one character. Living languages need four, Tibetan a few more."""

# Invisible characters, and characters that change the writing direction (Bidi_Control and Default_Ignorable_Code_Point
# of the Unicode Character Database), without those that step 2 handles.
_REMOVED_CLASS: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
# C1 controls, halves of surrogate pairs, noncharacters, and annotation marks.
_UNKNOWN_CLASS: Final = "\u0080-\u009f\ud800-\udfff\ufdd0-\ufdef\ufff0-\ufffb\ufffe\uffff"
_CONTROL_CLASS: Final = "\x00-\x08\x0b-\x1f\x7f"
_BREAK_CLASS: Final = "\u2028\u2029"
_SELECTOR_CLASS: Final = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_PLACED_CLASS: Final = "\u200c\u200d\U000e0020-\U000e007f" + _SELECTOR_CLASS

_REMOVED: Final = re.compile(f"[{_REMOVED_CLASS}]+")
_UNKNOWN: Final = re.compile(f"[{_UNKNOWN_CLASS}]")
_BREAK: Final = re.compile(f"\r\n|[\r{_BREAK_CLASS}]")
# To re, a combining mark is no "word" character, so a flood of marks is a long run of characters that are neither word
# characters nor ASCII.
_FLOOD: Final = rf"[^\x00-\x7f\w]{{{MAX_MARKS + 1}}}"
_PLACED: Final = re.compile(f"[{_PLACED_CLASS}]|{_FLOOD}")
_SUSPECT: Final = re.compile(
    f"[{_CONTROL_CLASS}{_UNKNOWN_CLASS}{_REMOVED_CLASS}{_BREAK_CLASS}{_PLACED_CLASS}]|{_FLOOD}"
)
# The Unicode block "Control Pictures" has a picture for each control, in order; the picture of DEL stands apart.
_PICTURES: Final = {code: 0x2400 + code for code in range(0x20) if code not in b"\t\n"} | {0x7F: 0x2421}
_LINE_PICTURES: Final = {code: 0x2400 + code for code in b"\t\n"}

# A region's flag: a black flag, tag characters for its letters and digits, an end tag (UTS 51, annex C).
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
# Blocks of the characters that emoji sequences join, including those that are not assigned yet (UTS 51).
_EMOJI: Final = re.compile("[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
# Blocks of the scripts in which a joiner changes the form of letters: Arabic and its neighbours, the scripts of India,
# Myanmar, Khmer, Mongolian, and such scripts beyond the first plane.
_JOINING: Final = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\u1b00-\u1c4f\ua840-\uabff\ufb50-\ufdff\ufe70-\ufeff"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
_ZWNJ, _ZWJ, _EMOJI_STYLE = "\u200c", "\u200d", "\ufe0f"
_KEYCAPS: Final = "0123456789#*"

_QUOTED: Final = 40

_NOT_FOR_TERMINALS: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff9-\uffff\U000e0000-\U000e0fff]"
)
_NOT_ASCII: Final = re.compile("[^\x20-\x7e]")


def clean(text: str) -> str:
    r"""Make a text from the network harmless. Newlines and tabs stay, ``\r\n`` becomes ``\n``.

    Cleaning a text again changes nothing. The result can be encoded as UTF-8, and may be empty.
    """
    if text.isascii() and text.isprintable():
        return text
    if not _SUSPECT.search(text):
        return text
    text = _BREAK.sub("\n", text)
    text = _UNKNOWN.sub("\ufffd", _REMOVED.sub("", text)).translate(_PICTURES)
    return _place(text) if _PLACED.search(text) else text


def clean_line(text: str) -> str:
    """As :func:`clean`, but on one line: newlines and tabs become spaces, and spaces at both ends are removed."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return clean(text).replace("\n", " ").replace("\t", " ").strip()


def quoted(text: str, limit: int = _QUOTED) -> str:
    """Quote a refused name or word for a sentence: harmless, and cut to ``limit`` characters.

    Newlines and tabs are shown as pictures, and spaces at the ends stay: they may be the reason for the refusal.
    """
    shown = clean(text[: limit * 4]).translate(_LINE_PICTURES)  # cut first, so that a long text costs no more
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    return f'"{shown}"' if "'" in shown else f"'{shown}'"


def escape_json(line: str) -> str:
    r"""Write the characters of a JSON text that a terminal would act on as ``\\u`` and digits (RFC 8259, section 7).

    The JSON still means the same, and :func:`clean` changes nothing in it.
    """
    if line.isascii() and line.isprintable():
        return line
    escaped = _NOT_FOR_TERMINALS.sub(_json_escape, line)
    # What is left is harmless only in its place, such as a flood of marks: then nothing but ASCII stays.
    return escaped if clean(escaped) == escaped else _NOT_ASCII.sub(_json_escape, escaped)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")  # JSON escapes are UTF-16
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _place(text: str) -> str:
    """Step 2: keep joiners, selectors, tags and marks only where they have a purpose."""
    kept: list[str] = []
    marks, joiner, at = 0, False, 0
    while at < len(text):
        char = text[at]
        if char == _ZWJ and _joins_emoji(kept):
            joiner = True  # kept if the next character is an emoji too
            at += 1
            continue
        piece = _piece(text, at, kept, marks)
        at += max(1, len(piece))
        if not piece:
            continue
        if joiner and _EMOJI.match(piece):
            kept.append(_ZWJ)
        joiner = False
        marks = marks + 1 if _is_mark(piece[-1]) else marks if piece in (_ZWJ, _ZWNJ) else 0
        kept.extend(piece)
    return "".join(kept)


def _piece(text: str, at: int, kept: list[str], marks: int) -> str:
    """The part of the text at this place that is kept: a character, a whole flag, or nothing."""
    char = text[at]
    if char.isascii():
        return char
    if char == "\U0001f3f4" and (flag := _FLAG.match(text, at)):
        return flag.group()
    if "\U000e0020" <= char <= "\U000e007f":
        return ""
    if char in (_ZWJ, _ZWNJ):
        return char if kept and _JOINING.match(kept[-1]) and unicodedata.category(kept[-1])[0] in "LM" else ""
    if _is_selector(char):
        return char if kept and _may_select(kept[-1], char) else ""
    if _is_mark(char):
        return char if marks < MAX_MARKS else ""
    return char


def _joins_emoji(kept: list[str]) -> bool:
    """Whether the kept text ends with an emoji, an emoji's style, or the end of a flag."""
    if not kept:
        return False
    last = kept[-1]
    if last == _EMOJI_STYLE and len(kept) > 1:
        last = kept[-2]
    return last == "\U000e007f" or _EMOJI.match(last) is not None


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef" or char in "\u180b\u180c\u180d\u180f"


def _may_select(base: str, selector: str) -> bool:
    """Whether a variation selector has an effect after this character.

    It has one after emoji (also the characters of keycaps), ideographs and Mongolian letters.
    """
    if base.isascii():
        return selector in "\ufe0e\ufe0f" and base in _KEYCAPS
    if selector < "\u1810":
        return "\u1820" <= base <= "\u18af"
    if selector > "\U000e00ff":
        return unicodedata.category(base) == "Lo"
    return unicodedata.category(base)[0] not in "MZC" or unicodedata.category(base) == "Cn"


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M" and not _is_selector(char)
