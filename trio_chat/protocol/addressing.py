"""What a person types, and where it goes. Pure; every interface asks here, so all agree.

======================  =====================================================
``text``                to the current room
``text @sis @mom``      to those people: names at the very end, after spaces
``@bob: text``          to bob; ``@bob @eve: text`` to both
``@ALL: text``          to everyone in the lobby; ``text @ALL`` too
``/msg bob text``       a command; the interface knows which there are
``//text``              ``/text``, said and not done
======================  =====================================================

Whom a line is for is never guessed: a line that begins as one of these forms and does not fit it is
:class:`Malformed`, so that what was meant for one is not told to all.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, TypeAlias

from trio_chat.errors import Refusal
from trio_chat.protocol.names import EVERYONE, LOBBY, MAX_NAME, check_name

COLON_FORM: Final = "@name: text"
TRAILING_FORM: Final = "text @name"
COMMAND_FORM: Final = "/command"


@dataclass(frozen=True, slots=True)
class Say:
    """A text for the current room."""

    text: str


@dataclass(frozen=True, slots=True)
class Direct:
    """A text for these people, each once, in the order they were named; names as they were written."""

    to: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ToLobby:
    """A text for everyone, whichever room is the current one."""

    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do: its name without the slash, in lower case, and all that stood after it."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that begins as one of the forms and does not fit it; nothing may be sent.

    ``form`` is one of the module's ``..._FORM``; ``why`` and ``help`` are sentences for a person:
    what is missing, and the right form. ``to`` holds whom the line names so far.
    """

    form: str
    why: str
    help: str
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing but spaces."""


Line: TypeAlias = Say | Direct | ToLobby | Command | Malformed | Empty

_BETWEEN: Final = re.compile(r"[\s,]+")
_COMMAND: Final = re.compile(r"/(\S+)\s*(.*)", re.DOTALL)


def parse(line: str) -> Line:
    """Find out where a line, or a text of several lines, is to go.

    Never raises, whatever the line, so it can be asked at each key pressed. Names are checked for
    their form only; whether anybody has them is the server's to know.
    """
    text = line.strip()
    if not text:
        return Empty()
    if text.startswith("//"):
        return _trailing(text[1:])
    if text.startswith("/"):
        return _command(text)
    head, colon, rest = text.partition(":")
    # "@bob:", "@bob @eve :", "@bob, @eve:": nothing but words with an @ before the first colon.
    words = _BETWEEN.split(head.strip(", ")) if colon and text.startswith("@") else []
    if words and all(word.startswith("@") for word in words):
        return _before_colon([word[1:] for word in words], rest.strip())
    return _trailing(text)


def target(line: str, room: str) -> str:
    """Where Enter would send this line, for the prompt to show while it is typed.

    ``room`` (the current one), ``#lobby``, or people as ``@sis @mom``; empty where nothing would be
    said: nothing typed yet, or a command other than ``/me`` and ``/msg``.
    """
    match parse(line):
        case Say():
            return room
        case ToLobby():
            return LOBBY
        case Direct(to=to) | Malformed(to=to):
            return LOBBY if _is_everyone(*to) else " ".join(f"@{name}" for name in to)
        case Command(name="me"):
            return room
        case Command(name="msg", argument=argument) if argument:
            return "@" + argument.split(maxsplit=1)[0].removeprefix("@")
    return ""


def mentions(text: str, most: int | None = None) -> list[tuple[int, int, str]]:
    """Find the people a text mentions, the first ``most`` or all: where each ``@name`` begins and ends, and the name.

    An ``@`` inside a word (an e-mail address, a path) mentions nobody, nor does a reserved word. A dot
    or dash that ends the sentence is no part of the name.
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


def _before_colon(names: list[str], text: str) -> Line:
    """A line whose words before the first colon all begin with ``@``, which is taken off here."""
    example = "Write @bob: and then what you want to tell bob."
    if not all(names):
        return Malformed(COLON_FORM, "There is no name after the @.", example)
    for name in names:
        if not _is_everyone(name) and isinstance(no := check_name(name), Refusal):
            return Malformed(COLON_FORM, no.message, example)
    return _addressed(names, text, COLON_FORM)


def _trailing(text: str) -> Line:
    """A text whose last line may end with whom it is for: ``@sis @mom``, ``@sis, @mom``."""
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


def _addressed(names: list[str], text: str, form: str) -> Line:
    """Names of the right form, and what they are to be told."""
    people = _once(names)
    whom = " ".join(f"@{name}" for name in people)
    if _is_everyone(*people):
        if not text:
            return Malformed(form, "There is no text for everyone.", f"Write {_shown(form, '@ALL')}.", people)
        return ToLobby(text)
    if any(map(_is_everyone, people)):
        why = "That names everyone and some people as well."
        return Malformed(form, why, f"Write {_shown(form, '@ALL')}, or name the people only.", people)
    if not text:
        return Malformed(form, f"There is no text for {', '.join(people)}.", f"Write {_shown(form, whom)}.", people)
    return Direct(people, text)


def _shown(form: str, whom: str) -> str:
    return form.replace("@name", whom)


def _once(names: list[str]) -> tuple[str, ...]:
    """Each person once: names that are compared as equal are one."""
    people: dict[str, str] = {}
    for name in names:
        checked = check_name(name)
        if isinstance(checked, Refusal):  # @ALL: the only one of these that got so far
            people.setdefault(EVERYONE, name)
        else:
            people.setdefault(checked.key, checked.shown)
    return tuple(people.values())


def _is_everyone(*names: str) -> bool:
    return len(names) == 1 and names[0].casefold() == EVERYONE


def _in_name(char: str) -> bool:
    """Whether a character can stand in a name: what ends at another, ends the name."""
    return char.isalnum() or char in "_.-\u00b7\u200c\u200d" or unicodedata.category(char)[0] == "M"
