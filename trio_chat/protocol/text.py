r"""What arrives from a network, made harmless for a terminal.

Theory of operation. :func:`clean` keeps every text that people write and takes from a text what acts
instead of being read: controls and escape sequences, characters that turn the direction of
their surroundings, characters nobody can see, floods of accents. It works in two steps:

1. what is never wanted, whatever stands around it, is replaced by something visible or removed;
2. what is wanted only in its place (joiners, variation selectors, tags, combining marks) is kept
   there and removed elsewhere, by one walk that looks only at what it has kept so far. That makes
   ``clean(clean(t)) == clean(t)``.

Nearly all texts need neither, and one search finds that out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_MARKS: Final = 8
"""Combining marks on one character at the most; living languages need four, Tibetan stacks a few more."""

# Invisible, or turning their surroundings (Bidi_Control and Default_Ignorable_Code_Point of the Unicode
# Character Database), without those that step 2 looks at.
_REMOVED_CLASS: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
# C1 controls, halves of surrogate pairs, characters that are none, and marks of annotations.
_UNKNOWN_CLASS: Final = "\u0080-\u009f\ud800-\udfff\ufdd0-\ufdef\ufff0-\ufffb\ufffe\uffff"
_CONTROL_CLASS: Final = "\x00-\x08\x0b-\x1f\x7f"
_BREAK_CLASS: Final = "\u2028\u2029"
_SELECTOR_CLASS: Final = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_PLACED_CLASS: Final = "\u200c\u200d\U000e0020-\U000e007f" + _SELECTOR_CLASS

_REMOVED: Final = re.compile(f"[{_REMOVED_CLASS}]+")
_UNKNOWN: Final = re.compile(f"[{_UNKNOWN_CLASS}]")
_BREAK: Final = re.compile(f"\r\n|[\r{_BREAK_CLASS}]")
# No mark is a "word" character to re, so a flood of marks is a long run of what is neither that nor ASCII.
_FLOOD: Final = rf"[^\x00-\x7f\w]{{{MAX_MARKS + 1}}}"
_PLACED: Final = re.compile(f"[{_PLACED_CLASS}]|{_FLOOD}")
_SUSPECT: Final = re.compile(
    f"[{_CONTROL_CLASS}{_UNKNOWN_CLASS}{_REMOVED_CLASS}{_BREAK_CLASS}{_PLACED_CLASS}]|{_FLOOD}"
)
# The Unicode block "Control Pictures" holds one for each control, in order; DEL's is apart.
_PICTURES: Final = {code: 0x2400 + code for code in range(0x20) if code not in b"\t\n"} | {0x7F: 0x2421}
_LINE_PICTURES: Final = {code: 0x2400 + code for code in b"\t\n"}

# A flag of a region: a black flag, what stands for its letters and digits, an end (UTS 51, annex C).
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
# Blocks that hold the characters that emoji sequences join, those not assigned yet included (UTS 51).
_EMOJI: Final = re.compile("[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
# Blocks of the scripts in which a joiner changes how letters are written: Arabic and its neighbours,
# the scripts of India, Myanmar, Khmer, Mongolian, and those beyond the first plane.
_JOINING: Final = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\u1b00-\u1c4f\ua840-\uabff\ufb50-\ufdff\ufe70-\ufeff"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
_ZWNJ, _ZWJ, _EMOJI_STYLE = "\u200c", "\u200d", "\ufe0f"
_KEYCAPS: Final = "0123456789#*"

_QUOTED: Final = 40


def clean(text: str) -> str:
    r"""Make a text from the network harmless; newlines and tabs stay, ``\r\n`` becomes ``\n``.

    A second time changes nothing. The result can be encoded as UTF-8 and may be empty.
    """
    if text.isascii() and text.isprintable():
        return text
    if not _SUSPECT.search(text):
        return text
    text = _BREAK.sub("\n", text)
    text = _UNKNOWN.sub("\ufffd", _REMOVED.sub("", text)).translate(_PICTURES)
    return _place(text) if _PLACED.search(text) else text


def clean_line(text: str) -> str:
    """As :func:`clean`, in one line: newlines and tabs become spaces, none is left at either end."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return clean(text).replace("\n", " ").replace("\t", " ").strip()


def quoted(text: str, limit: int = _QUOTED) -> str:
    """A name or word that was refused, as a sentence may show it: harmless, in quotes, cut to ``limit``.

    Newlines and tabs are shown by pictures, and spaces at the ends stay: they may be why it was refused.
    """
    shown = clean(text[: limit * 4]).translate(_LINE_PICTURES)  # cut first: what is shown depends on no more
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    return f'"{shown}"' if "'" in shown else f"'{shown}'"


def _place(text: str) -> str:
    """Step 2: keep joiners, selectors, tags and marks where they belong, and only there."""
    kept: list[str] = []
    marks, joiner, at = 0, False, 0
    while at < len(text):
        char = text[at]
        if char == _ZWJ and _joins_emoji(kept):
            joiner = True  # kept once the next character turns out to be one to join
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
    """What of the text is kept from this place on: a character, a whole flag, or nothing."""
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
    """Whether what was kept so far ends with an emoji, with its style, or with a flag's end."""
    if not kept:
        return False
    last = kept[-1]
    if last == _EMOJI_STYLE and len(kept) > 1:
        last = kept[-2]
    return last == "\U000e007f" or _EMOJI.match(last) is not None


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef" or char in "\u180b\u180c\u180d\u180f"


def _may_select(base: str, selector: str) -> bool:
    """Whether a variation selector has work to do after this character.

    Emoji and text style, also of the characters of keycaps; ideographs; Mongolian letters.
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
