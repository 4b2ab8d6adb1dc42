"""Parse a typed line: where it goes and what it does. Pure. Every interface uses this module, so all agree.

======================  =====================================================
``text``                to the current room
``text @sis @mom``      to those people: all @names of the text are at its end
``@bob: text``          to bob; ``@bob @eve: text`` to both
``@ALL: text``          to everyone in the lobby; ``text @ALL`` too
``/msg bob text``       a command; the interface knows the commands
``//text``              the text ``/text``, not a command
======================  =====================================================

A text that names people elsewhere (``look @bob and @eve``, ``bob: look``) is a message to the room that mentions them:
:func:`find_mentions` decides which people, for the server and for every client.

The recipients of a line are never guessed: a line that starts like one of these forms but does not fit it is
:class:`Malformed`, so that a private message never goes to the whole room by mistake.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias, TypeVar

from trio_chat.errors import Refusal
from trio_chat.protocol.names import EVERYONE, MAX_NAME, check_name, fold_name
from trio_chat.protocol.word_borders import continues, is_border, is_unspaced

P = TypeVar("P")

COLON_FORM: Final = "@name: text"
TRAILING_FORM: Final = "text @name"
COMMAND_FORM: Final = "/command"


@dataclass(frozen=True, slots=True)
class Say:
    """A text for the current room."""

    text: str


@dataclass(frozen=True, slots=True)
class Direct:
    """A text for these people: each once, in the order of the line, with the names as they were typed.

    ``whole`` is the text together with the names, where they are at its end. A name may be a reserved word.
    """

    to: tuple[str, ...]
    text: str
    whole: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ToLobby:
    """A text for everyone in the lobby, from any room."""

    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command: its name without the slash, in lower case, and the rest of the line."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that starts like one of the forms but does not fit it. Nothing may be sent.

    ``form`` is one of the module's ``..._FORM``. ``why`` and ``help`` are sentences for a person: what is missing, and
    the right form. ``to`` holds the names in the line. ``wrong`` means that no more text can mend it.
    """

    form: str
    why: str
    help: str
    to: tuple[str, ...] = ()
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """A line with nothing but spaces."""


ParsedLine: TypeAlias = Say | Direct | ToLobby | Command | Malformed | Empty

AT: Final = "@\uff20"
"""The signs before a name: the ordinary one, and the full-width one of East Asian keyboards."""

_AT: Final = re.compile(f"[{AT}]")
_ASCII_RUN: Final = re.compile(rf"[A-Za-z0-9_.-]{{0,{MAX_NAME + 1}}}")  # most names, which need no closer look
_COLON: Final = re.compile("[:\uff1a]")
_CALLED_WORD: Final = re.compile(r"[^\s,]+")
_CALLED: Final = re.compile(
    rf"\s*((?:[^\s,:\uff1a]{{1,{MAX_NAME}}},\s*){{0,20}}[^\s,:\uff1a]{{1,{MAX_NAME}}})(?::(?=\s|$)|\uff1a)"
)
_BETWEEN: Final = re.compile(r"[\s,]+")
_COMMAND: Final = re.compile(r"/(\S+)\s*(.*)", re.DOTALL)


def parse(line: str, trailing_names: str = "private") -> ParsedLine:
    """Parse a line, or a text of several lines.

    With ``trailing_names="mention"``, names at the end of a text mention people in the current room, and only ``@ALL``
    still sends the text elsewhere. Never raises, so it can be called at each key press. Names are checked only for
    their form: the server knows whether anybody has them.
    """
    text = line.strip()
    if not text:
        return Empty()
    if text.startswith("//"):
        return _trailing(text[1:], trailing_names)
    if text.startswith("/"):
        return _command(text)
    colon = _COLON.search(text) if _is_at(text[0]) else None
    if colon is not None:
        # "@bob:", "@bob @eve :", "@bob, @eve:": every word before the first colon starts with an @.
        words = _BETWEEN.split(text[: colon.start()].strip(", "))
        if all(_is_at(word[:1]) for word in words):
            return _before_colon([word[1:] for word in words], text[colon.end() :].strip())
    return _trailing(text, trailing_names)


class NameSpan(NamedTuple):
    """The part of a text that may be a name, from ``start`` to ``end``; the name itself begins at ``name``."""

    start: int
    name: int
    end: int


def find_mentions(text: str, known: Callable[[str], P | None], most: int | None = None) -> list[tuple[int, int, P]]:
    """Find the people whom a text mentions: by ``@name`` anywhere, or by ``name: `` at its beginning.

    ``known`` returns the person that a name belongs to, from the name's key (see :func:`~trio_chat.protocol.names.
    fold_name`), or ``None``. Returns the start and end of each mention, in order, and the person. At most ``most``
    parts of the text are looked up.

    Where a script has no spaces, a name ends wherever a person's name does: ``@adaさん`` mentions ada. The longest name
    counts. An ``@`` inside a word (an e-mail address, a path) is no mention.
    """
    found: list[tuple[int, int, P]] = []
    if text.isascii() and "@" not in text and ":" not in text:  # nearly all messages
        return found
    for count, span in enumerate(_name_spans(text)):
        if count == most:
            break
        for end, key in _keys(text, span):
            person = known(key)
            if person is not None:
                found.append((span.start, end, person))
                break
    return found


def mentions(text: str, most: int | None = None) -> list[tuple[int, int, str]]:
    """Find the parts that are written like mentions, at most ``most``: start and end of ``@name``, and the name.

    A reserved word is none. Whether somebody has the name is for :func:`find_mentions`.
    """
    found: list[tuple[int, int, str]] = []
    for span in _at_spans(text):
        if len(found) == most:
            break
        for end in _name_ends(text, span):
            name = text[span.name : end]
            if not isinstance(check_name(name), Refusal):
                found.append((span.start, end, name))
                break
    return found


def _name_spans(text: str) -> Iterator[NameSpan]:
    """The parts of a text that mention people if they are names of people, in order."""
    yield from _called_spans(text)
    yield from _at_spans(text)


def _called_spans(text: str) -> Iterator[NameSpan]:
    """The words before a colon at the beginning: ``ada: text``, ``ada, bob: text``."""
    head = _CALLED.match(text)
    if head is not None and not any(at in head[0] for at in AT):
        for word in _CALLED_WORD.finditer(head[1]):
            yield NameSpan(word.start(), word.start(), word.end())


def _at_spans(text: str) -> Iterator[NameSpan]:
    """Each ``@`` that is not inside of a word, with the letters behind it: at most one more than a name may have."""
    for sign in _AT.finditer(text):
        at = sign.start()
        run = _ASCII_RUN.match(text, at + 1)
        end = run.end() if run is not None else at + 1
        while end < len(text) and end - at <= MAX_NAME + 1 and _in_name(text[end]):
            end += 1
        is_address = _is_at(text[end : end + 1]) and not is_unspaced(text[end - 1])  # @bob@example.org
        if end > at + 1 and not is_address and not _joins(text[at - 1 : at], text[at + 1]):
            yield NameSpan(at, at + 1, end)


def _joins(before: str, first: str) -> bool:
    """Whether an ``@`` between two characters is inside of a word, as in an address or a path."""
    if not before or before in ".-":  # no address has a dot or dash there; a sentence may
        return False
    return _is_at(before) or before in "/+" or (_in_name(before) and not is_border(before, first))


def _keys(text: str, span: NameSpan) -> list[tuple[int, str]]:
    """Where a name that begins a part of a text may end, with the key of that name, the longest name first."""
    whole = text[span.name : span.end]
    ends = _name_ends(text, span)
    if whole.isascii():
        key = whole.lower()
        return [(end, key[: end - span.name]) for end in ends]
    # A name never ends within a character and its marks, so each is folded by itself, and once.
    keys: dict[int, str] = {}
    key, begin = "", span.name
    for end in range(span.name + 1, span.end + 1):
        if end == span.end or not continues(text[end]):
            key += fold_name(text[begin:end])
            keys[end] = key
            begin = end
    return [(end, keys[end]) for end in ends if end in keys]


def _name_ends(text: str, span: NameSpan) -> Iterator[int]:
    end = span.end
    if end - span.name <= MAX_NAME:
        yield end
        while end - 1 > span.name and text[end - 1] in ".-":  # the end of a sentence
            end -= 1
            yield end
    for at in range(min(end - 1, span.name + MAX_NAME), span.name, -1):
        if (is_unspaced(text[at - 1]) or is_unspaced(text[at])) and not continues(text[at]):
            yield at


def _command(text: str) -> Command | Malformed:
    found = _COMMAND.match(text)
    if found is None:
        return Malformed(COMMAND_FORM, "There is no command after the slash.", "Write /help to see the commands.")
    return Command(found.group(1).lower(), found.group(2))


def _before_colon(names: list[str], text: str) -> ParsedLine:
    """Parse a line whose words before the first colon all start with ``@``. ``names`` come without the ``@``."""
    example = "Write @bob: and then the text."
    if not all(names):
        return Malformed(COLON_FORM, "There is no name after the @.", example)
    for name in names:
        if isinstance(no := _check(name), Refusal):
            return Malformed(COLON_FORM, no.message, example, wrong=True)
    return _addressed(names, text, COLON_FORM)


def _trailing(text: str, trailing_names: str) -> ParsedLine:
    """Parse a text whose last line may end with its recipients: ``@sis @mom``, ``@sis, @mom``.

    A text with a name elsewhere as well is for the room: it mentions all of them.
    """
    names: list[str] = []
    for word in reversed(text[text.rfind("\n") + 1 :].split()):
        name = word[1:].removesuffix("," if names else "")
        if not _is_at(word[:1]) or isinstance(_check(name), Refusal):
            break
        names.append(name)
    if not names or (trailing_names == "mention" and not _is_everyone(*names)):
        return Say(text)
    before = text.rsplit(maxsplit=len(names))
    rest = before[0] if len(before) > len(names) else ""
    if _AT.search(rest) and next(_at_spans(rest), None) is not None:
        return Say(text)
    parsed = _addressed(names[::-1], rest, TRAILING_FORM)
    return replace(parsed, whole=text) if isinstance(parsed, Direct) else parsed


def _addressed(names: list[str], text: str, form: str) -> ParsedLine:
    """Combine recipients of the right form with the text for them."""
    people = _once(names)
    shown = " ".join(f"@{name}" for name in people)
    if _is_everyone(*people):
        if not text:
            return Malformed(form, "There is no text for everyone.", f"Write {_shown(form, '@ALL')}.", people)
        return ToLobby(text)
    if any(map(_is_everyone, people)):
        why = "The line names everyone and some people as well."
        return Malformed(form, why, f"Write {_shown(form, '@ALL')}, or name only the people.", people)
    if not text:
        return Malformed(form, f"There is no text for {', '.join(people)}.", f"Write {_shown(form, shown)}.", people)
    return Direct(people, text)


def _shown(form: str, recipients: str) -> str:
    return form.replace("@name", recipients)


def _once(names: list[str]) -> tuple[str, ...]:
    """Remove duplicate people: names with the same key are one person."""
    people: dict[str, str] = {}
    for name in names:
        checked = check_name(name)
        if isinstance(checked, Refusal):  # a reserved word, such as @ALL
            people.setdefault(fold_name(name), name)
        else:
            people.setdefault(checked.key, checked.shown)
    return tuple(people.values())


def _check(name: str) -> Refusal | None:
    """The refusal of something that cannot be a name. A reserved word can be written where a name is expected."""
    checked = check_name(name)
    return checked if isinstance(checked, Refusal) and checked.code != "name_reserved" else None


def _is_everyone(*names: str) -> bool:
    return len(names) == 1 and names[0].casefold() == EVERYONE


def _is_at(char: str) -> bool:
    return char != "" and char in AT


def _in_name(char: str) -> bool:
    """Whether a character can be part of a name. The first other character ends the name."""
    return char.isalnum() or char in "_.-\u00b7\u200c\u200d" or unicodedata.category(char)[0] == "M"
