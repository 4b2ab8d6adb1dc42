"""Parse a typed line: where it goes and what it does. Pure. Every interface uses this module, so all agree.

======================  =====================================================
``text``                to the current room
``text @sis @mom``      to those people: names at the very end, after spaces
``@bob: text``          to bob; ``@bob @eve: text`` to both
``@ALL: text``          to everyone in the lobby; ``text @ALL`` too
``/msg bob text``       a command; the interface knows the commands
``//text``              the text ``/text``, not a command
======================  =====================================================

The recipients of a line are never guessed: a line that starts like one of these forms but does not fit it is
:class:`Malformed`, so that a private message never goes to the whole room by mistake.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, TypeAlias

from trio_chat.errors import Refusal
from trio_chat.protocol.names import EVERYONE, MAX_NAME, check_name

COLON_FORM: Final = "@name: text"
TRAILING_FORM: Final = "text @name"
COMMAND_FORM: Final = "/command"


@dataclass(frozen=True, slots=True)
class Say:
    """A text for the current room."""

    text: str


@dataclass(frozen=True, slots=True)
class Direct:
    """A text for these people: each once, in the order of the line, with the names as they were typed."""

    to: tuple[str, ...]
    text: str


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
    the right form. ``to`` holds the names in the line.
    """

    form: str
    why: str
    help: str
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Empty:
    """A line with nothing but spaces."""


ParsedLine: TypeAlias = Say | Direct | ToLobby | Command | Malformed | Empty

_BETWEEN: Final = re.compile(r"[\s,]+")
_COMMAND: Final = re.compile(r"/(\S+)\s*(.*)", re.DOTALL)


def parse(line: str) -> ParsedLine:
    """Parse a line, or a text of several lines.

    Never raises, so it can be called at each key press. Names are checked only for their form; the server knows whether
    anybody has them.
    """
    text = line.strip()
    if not text:
        return Empty()
    if text.startswith("//"):
        return _trailing(text[1:])
    if text.startswith("/"):
        return _command(text)
    head, colon, rest = text.partition(":")
    # "@bob:", "@bob @eve :", "@bob, @eve:": every word before the first colon starts with an @.
    words = _BETWEEN.split(head.strip(", ")) if colon and text.startswith("@") else []
    if words and all(word.startswith("@") for word in words):
        return _before_colon([word[1:] for word in words], rest.strip())
    return _trailing(text)


def mentions(text: str, most: int | None = None) -> list[tuple[int, int, str]]:
    """Find the mentions in a text, the first ``most`` or all: the start and end of each ``@name``, and the name.

    An ``@`` inside a word (an e-mail address, a path) is no mention, and neither is a reserved word. A dot or dash at
    the end of a sentence is not part of the name.
    """
    found: list[tuple[int, int, str]] = []
    at = text.find("@")
    while at >= 0 and len(found) != most:
        end = at + 1
        while end < len(text) and end - at <= MAX_NAME + 1 and _in_name(text[end]):
            end += 1
        name = text[at + 1 : end].rstrip(".-")
        before, after = text[at - 1 : at], text[end : end + 1]
        alone = not (before and (_in_name(before) or before in "@/+")) and after != "@"
        if alone and name and not isinstance(check_name(name), Refusal):
            found.append((at, at + 1 + len(name), name))
        at = text.find("@", end)
    return found


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
        if not _is_everyone(name) and isinstance(no := check_name(name), Refusal):
            return Malformed(COLON_FORM, no.message, example)
    return _addressed(names, text, COLON_FORM)


def _trailing(text: str) -> ParsedLine:
    """Parse a text whose last line may end with its recipients: ``@sis @mom``, ``@sis, @mom``."""
    names: list[str] = []
    for word in reversed(text[text.rfind("\n") + 1 :].split()):
        name = word.removeprefix("@").removesuffix("," if names else "")
        if not word.startswith("@") or (not _is_everyone(name) and isinstance(check_name(name), Refusal)):
            break
        names.append(name)
    if not names:
        return Say(text)
    before = text.rsplit(maxsplit=len(names))
    return _addressed(names[::-1], before[0] if len(before) > len(names) else "", TRAILING_FORM)


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
        if isinstance(checked, Refusal):  # only @ALL gets here without being a name
            people.setdefault(EVERYONE, name)
        else:
            people.setdefault(checked.key, checked.shown)
    return tuple(people.values())


def _is_everyone(*names: str) -> bool:
    return len(names) == 1 and names[0].casefold() == EVERYONE


def _in_name(char: str) -> bool:
    """Whether a character can be part of a name. The first other character ends the name."""
    return char.isalnum() or char in "_.-\u00b7\u200c\u200d" or unicodedata.category(char)[0] == "M"
