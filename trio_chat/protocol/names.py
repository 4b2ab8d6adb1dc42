"""The rules for names of people and rooms, and for names that look too much alike.

Theory of operation. A name has three forms, which :func:`check_name` makes together:

* *shown*: as its owner wrote it, normalized (NFC, full and half width letters made ordinary);
* *key*: the form that is compared. PRECIS UsernameCaseMapped (RFC 8265, 3.3), then case-folded. Names with the same key
  are the same name;
* *skeleton*: what the name looks like (UTS 39, section 4, "Confusable Detection"). Two names with different keys and
  the same skeleton can be mistaken for each other.

A skeleton is made from the *shown* form, because case changes what a name looks like: ``Ian`` can be mistaken for
``lan``, and ``ian`` cannot. So names with the same key may have different skeletons: compare the keys first, then the
skeletons; neither comparison replaces the other.

Nearly all names are ASCII, and thousands of people may join at once. So ASCII names take a fast path without PRECIS and
without the table of look-alikes. That table is read (about 20 ms) when the first other name arrives.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from precis_i18n import get_profile

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.text import clean, quoted

LOBBY: Final = "#lobby"
"""The room that everyone is in."""

MAX_NAME = 32
"""The most characters in a name, and in a room's name after its ``#``."""

NAME_RULE: Final = (
    f"A name is 1 to {MAX_NAME} letters, digits, _, - or . of any script; "
    "it begins with a letter, a digit or _ and does not end with a dot."
)
ROOM_RULE: Final = "A room's name is # and then what a name may be: " + NAME_RULE.removeprefix("A name is ")

EVERYONE: Final = "all"
"""The key of the word that addresses everyone in the lobby, ``@ALL``."""

RESERVED: Final = frozenset(
    f"{EVERYONE} everyone everybody here channel room lobby server system service admin administrator "
    "root operator moderator owner trio-chat trio_chat triochat me myself you yourself nobody noone".split()
)
"""Keys that nobody can have: they address many people, claim an office, or stand for the reader."""

_MAX_MARKS: Final = 4  # in a row: the most that any living script puts on a letter
_RAW_LIMIT: Final = 8 * MAX_NAME  # refused before normalizing, which never shrinks a name that far

_PLAIN: Final = re.compile(rf"(?=[_.-]*[A-Za-z0-9])[A-Za-z0-9_](?:[A-Za-z0-9_.-]{{0,{MAX_NAME - 2}}}[A-Za-z0-9_-])?")
_precis: Final = get_profile("UsernameCaseMapped")

_WHY: Final = {
    "empty": "it is empty",
    "bidi_rule": "it mixes letters written from right to left with others, or begins with a digit before them",
    "spaces": "it has a space",
    "symbols": "it has a symbol or an emoji",
    "punctuation": "it has a punctuation mark",
    "controls": "it has a control character",
    "has_compat": "it has a letter that only stands for another, such as a ligature or a Roman numeral",
    "unassigned": "it has a character that this server does not know yet",
    "precis_ignorable_properties": "it has an invisible character",
    "zero_width_joiner": "it has an invisible character",
    "zero_width_nonjoiner": "it has an invisible character",
    "old_hangul_jamo": "it has Hangul letters that are not joined to a syllable",
    "arabic_indic": "it mixes two kinds of Arabic digits",
    "extended_arabic_indic": "it mixes two kinds of Arabic digits",
    "not_idempotent": "it changes each time it is normalized",
}
"""The reasons of precis_i18n (the part after ``DISALLOWED/``) as clauses for a sentence."""

_CONTROL_NAMES: Final = {"\0": "null", "\t": "tab", "\n": "newline", "\r": "carriage return", "\x1b": "escape"}
"""The common control characters; Unicode gives them no names."""


class Name(NamedTuple):
    """A person's name in its three forms: as written, as compared, and what it looks like."""

    shown: str
    key: str
    skeleton: str


def check_name(text: str) -> Name | Refusal:
    """Check a person's name.

    Returns its three forms, or the refusal ``name_invalid`` (``name``, ``why``, ``rule``) or ``name_reserved``
    (``name``). The broker knows whether the name is in use. ``check_name(n.shown)`` and ``check_name(n.key)`` have the
    same key as ``n``.
    """
    forms = _forms(text)
    if isinstance(forms, str):
        return refuse("name_invalid", name=quoted(text), why=forms, rule=NAME_RULE)
    shown, key = forms
    looks = skeleton(shown)
    if key in RESERVED or looks in _RESERVED_LOOKS:
        return refuse("name_reserved", name=shown)
    return Name(shown, key, looks)


def check_room(text: str) -> str | Refusal:
    """Check a room's name, with or without its ``#``.

    Returns the name in the form that is compared (with ``#``, lower case, normalized), or the refusal ``room_invalid``
    (``room``, ``why``, ``rule``). Words that are reserved for people are allowed for rooms.
    """
    forms = _forms(text.removeprefix("#"))
    if isinstance(forms, str):
        return refuse("room_invalid", room=quoted(text), why=forms, rule=ROOM_RULE)
    return "#" + forms[1]


def fold_room(text: str) -> str:
    """Convert a room's name to the form of :func:`check_room`. A text that is no room's name, such as the name of a
    direct conversation, is returned unchanged."""
    room = check_room(text)
    return text if isinstance(room, Refusal) else room


def key_of_name(text: str) -> str:
    """The key of a person's name; a text that is no possible name is only case-folded."""
    name = check_name(text)
    return text.casefold() if isinstance(name, Refusal) else name.key


def fold_name(text: str) -> str:
    """The key that a name typed like this would have. Unlike :func:`check_name` it checks nothing, so it only serves to
    find a name that is known."""
    if text.isascii():
        return text.lower()
    shown = unicodedata.normalize("NFC", "".join(map(_narrow, text)))
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", shown.lower()).casefold())


def _forms(text: str) -> tuple[str, str] | str:
    """The shown form and the key of a name, or the reason why it is no name."""
    if _PLAIN.fullmatch(text):
        return text, text.lower()
    if not text:
        return _WHY["empty"]
    if len(text) > _RAW_LIMIT:
        return f"it has {len(text)} characters"
    shown = unicodedata.normalize("NFC", "".join(map(_narrow, text)))
    if len(shown) > MAX_NAME:
        return f"it has {len(shown)} characters"
    return _why_not(shown) or _key(shown)


def _narrow(char: str) -> str:
    """Replace a full-width or half-width letter by the ordinary one (RFC 8264, 5.2.1)."""
    if unicodedata.decomposition(char).startswith(("<wide>", "<narrow>")):
        return unicodedata.normalize("NFKC", char)
    return char


def _why_not(shown: str) -> str:
    """The first of our own rules, beyond PRECIS, that a normalized name breaks; empty if it breaks none."""
    for char in shown:
        if char.isascii() and not (char.isalnum() or char in "_.-"):
            return _WHY["spaces"] if char == " " else f"it has {_sign(char)}"
    if not any(map(str.isalnum, shown)):
        return "it has no letter and no digit"
    if shown[0] in "-." or shown[-1] == ".":
        return "it begins with - or a dot, or ends with a dot"
    marks = 0
    for at, char in enumerate(shown):
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Mc", "Me"} else 0
        if marks > at or marks > _MAX_MARKS:
            return "it has accents without a letter to carry them"
    return ""


def _key(shown: str) -> tuple[str, str] | str:
    """The shown form and its key, or the reason why PRECIS refuses the name."""
    try:
        key = _fold(shown)
        stable = _fold(key) == key
    except UnicodeEncodeError as error:  # precis_i18n reports a refusal in this form
        why = _WHY.get(error.reason.rpartition("/")[2], "it has a character that names cannot have")
        return f"{why}: {_sign(error.object[error.start])}" if error.end - error.start == 1 else why
    return (shown, key) if stable else _WHY["not_idempotent"]


def _sign(char: str) -> str:
    """A character for a sentence: the character itself if it is visible, else its Unicode number and name."""
    if char.isprintable() and clean(char) == char and not char.isspace():
        return quoted(char)
    name = _CONTROL_NAMES.get(char) or unicodedata.name(char, "").lower()
    return f"U+{ord(char):04X} ({name})" if name else f"U+{ord(char):04X}"


def _fold(text: str) -> str:
    """Apply PRECIS, then case folding: PRECIS alone distinguishes ``ß`` from ``ss``, and the two forms of sigma."""
    return unicodedata.normalize("NFC", _precis.enforce(text).casefold())


# ---- look-alike names ------------------------------------------------------------------------

# The table's rows for ASCII, case-folded: 1, I and l look alike, 0, O and o look alike, and m looks like rn.
_ASCII_LOOKS: Final = str.maketrans(
    {"0": "o", "1": "l", "I": "l", "m": "rn", "M": "rn"}
    | {upper: upper.lower() for upper in "ABCDEFGHJKLNOPQRSTUVWXYZ"}
)


def skeleton(key: str) -> str:
    """The skeleton of a name: equal for two names that can be mistaken for each other (UTS 39, section 4).

    Pass the shown form if there is one; see the head of this module. The result is for comparing only, never for
    display.
    """
    if key.isascii():
        return key.translate(_ASCII_LOOKS)
    looks = _prototypes()
    # Case-fold between two passes: a capital and its small letter must agree, and a small letter may have a prototype
    # of its own (M is a prototype itself, m looks like rn).
    return _pass(_pass(key, looks).casefold(), looks).casefold()


def _pass(text: str, looks: dict[int, str]) -> str:
    """One pass of the skeleton algorithm: decompose, replace, decompose."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).translate(looks))


@cache
def _prototypes() -> dict[int, str]:
    """The prototype of each character that looks like another one, by the character's number.

    The package's file lists each pair in both directions, and so does not say which of the two is the prototype. The
    pairs form stars with the prototype in the middle: the prototype has other neighbours, or has several characters; in
    a lone pair, either can be the prototype. Chains of more than two are not followed, so letters that do not look
    alike never get the same prototype.
    """
    file = resources.files("confusable_homoglyphs").joinpath("confusables.json")
    near: dict[str, set[str]] = {}
    for char, others in json.loads(file.read_text("utf-8")).items():
        # The file wraps right-to-left characters in marks (U+200E), for people who read it in an editor.
        near.setdefault(char.strip("\u200e"), set()).update(other["c"].strip("\u200e") for other in others)
    looks = {0x200C: "", 0x200D: ""}  # joiners are allowed in some scripts and are invisible
    for char, others in near.items():
        if len(char) == 1 and len(others) == 1:
            (other,) = others
            rank = (len(other), len(near.get(other, ())), other)
            if rank > (1, 1, char):
                looks[ord(char)] = other
    return looks


# In lower case, in upper case or with a capital, a word may have different look-alikes: ADMlN, Admln.
_RESERVED_LOOKS: Final = frozenset(
    word.translate(_ASCII_LOOKS) for key in RESERVED for word in (key, key.upper(), key.capitalize())
)


# ---- similar names ----------------------------------------------------------------------------

_COMPARED: Final = 2000  # the most names that are compared closely: a look-up takes a few milliseconds


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name in ``known`` that was most likely meant by ``name``; ``None`` if no name is similar.

    A name is similar if it differs only in case, by one typing error (two in names of six characters or more), or if
    ``name`` is the beginning of this name alone. Of equally similar names the first wins.
    """
    wanted = name.casefold()
    allowed = 0 if len(wanted) == 1 else 1 if len(wanted) < 6 else 2  # noqa: PLR2004 - the docstring's six
    best, best_slips, compared = None, allowed + 1, 0
    begun: list[str] = []
    letters = set(wanted)
    for one in known:
        key = one.casefold()
        if key == wanted:
            return one
        if len(wanted) > 2 and key.startswith(wanted):  # noqa: PLR2004 - two letters begin too many names
            begun.append(one)
        # Cheap checks first: a typing error changes the length by at most one, and the set of letters by at most two.
        if abs(len(key) - len(wanted)) >= best_slips or len(letters.symmetric_difference(key)) > 2 * allowed:
            continue
        if compared < _COMPARED and best_slips > 1:  # only the word itself is nearer than one slip
            compared += 1
            slips = _slips(wanted, key)
            if slips < best_slips:
                best, best_slips = one, slips
    if best is None and len(begun) == 1:
        return begun[0]
    return best


def _slips(one: str, other: str) -> int:
    """The number of typing errors between two words: letters added, dropped, changed, or swapped with a neighbour.

    This is the restricted Damerau-Levenshtein distance (no letter is changed twice).
    """
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, a in enumerate(one, 1):
        this = [row]
        for col, b in enumerate(other, 1):
            cost = min(last[col] + 1, this[col - 1] + 1, last[col - 1] + (a != b))
            if row > 1 and col > 1 and a == other[col - 2] and b == one[row - 2]:
                cost = min(cost, before[col - 2] + 1)
            this.append(cost)
        before, last = last, this
    return last[-1]
