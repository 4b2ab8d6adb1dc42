"""The commands for messages that were said: /edit, /delete, /react, /reply, /search and what goes with them. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trio_chat.protocol.query import BadQuery, parse_query
from trio_chat.ui.actions.messages import (
    ByNumber,
    DeleteMessage,
    EditMessage,
    FromEnd,
    ReactToMessage,
    ReplyToMessage,
    SearchMessages,
    ShowContext,
    ShowNumbers,
    WhichMessage,
)
from trio_chat.ui.commands.command import ChatCommand, Reading, is_on, named_room

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place

_NUMBER: Final = re.compile(r"#?([0-9]{1,15})")
_CARETS: Final = re.compile(r"\^{1,100}")
_LONGEST_MARK: Final = 32  # characters; the protocol's bound

WHICH: Final = (
    "WHICH message is said by its number (12 or #12; /numbers on shows them, /search and /context too) or from the "
    "end: ^ is the last one shown in the room, ^^ the one before it."
)
"""How a message is named, for help."""


def read_which(word: str, *, own: bool = False) -> WhichMessage | None:
    """Which message a word names; ``None`` when it names none. With ``own``, carets count one's own only."""
    if found := _NUMBER.fullmatch(word):
        return ByNumber(int(found[1]))
    return FromEnd(len(word), own=own) if _CARETS.fullmatch(word) else None


def split_which(argument: str, *, own: bool = False) -> tuple[WhichMessage | None, str]:
    """The message that the first word of an argument names, and the rest; ``None`` and all of it when it names none."""
    first, rest = _split(argument) if argument else ("", "")
    which = read_which(first, own=own)
    return (None, argument) if which is None else (which, rest)


def _split(argument: str) -> tuple[str, str]:
    """The first word and the rest, whose line breaks stay."""
    first, *rest = argument.split(maxsplit=1)
    return first, rest[0] if rest else ""


def _edit(argument: str, place: Place) -> Reading:
    if not argument:
        return "What is the new text?"
    which, text = split_which(argument, own=True)
    return EditMessage(place.room, which or FromEnd(own=True), text) if text else "What is the new text?"


def _delete(argument: str, place: Place) -> Reading:
    which = read_which(argument) if argument else FromEnd(own=True)
    return "That names no message." if which is None else DeleteMessage(place.room, which)


def _react(argument: str, place: Place) -> Reading:
    return _mark(argument, place, on=True)


def _unreact(argument: str, place: Place) -> Reading:
    return _mark(argument, place, on=False)


def _mark(argument: str, place: Place, *, on: bool) -> Reading:
    words = argument.split()
    if not words:
        return "Which mark?"
    if len(words[-1]) > _LONGEST_MARK:
        return f"A mark has {_LONGEST_MARK} characters at the most."
    if len(words) == 1:
        return ReactToMessage(place.room, FromEnd(), words[0], on)
    which = read_which(words[0])
    if which is None or len(words) > 2:  # noqa: PLR2004 - a message and a mark
        return "A mark is one emoji or word, and before it may stand which message."
    return ReactToMessage(place.room, which, words[1], on)


def _reply(argument: str, place: Place) -> Reading:
    if not argument:
        return "To which message, and what?"
    which, text = split_which(argument)
    if which is None:
        return "The first word names no message."
    return ReplyToMessage(place.room, which, text) if text else "There is no text."


def _search(argument: str, place: Place) -> Reading:
    if not argument:
        return SearchMessages()
    query = parse_query(argument)
    if isinstance(query, BadQuery):
        return query.why
    if query.room is not None and query.room.startswith("@"):
        room = place.find_direct(query.room)
        if room is None:
            return f"You have no conversation {query.room}."
        query = replace(query, room=room)
    return SearchMessages(query)


def _context(argument: str, place: Place) -> Reading:
    *before, word = argument.split() or [""]
    which = read_which(word)
    if which is None or len(before) > 1:
        return "Which message?"
    return ShowContext(named_room(before[0] if before else "", place), which)


def _numbers(argument: str, place: Place) -> Reading:
    on = is_on(argument) if argument else not place.numbered
    return "Numbers are on or off." if on is None else ShowNumbers(on)


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "edit",
        "[WHICH] TEXT",
        "change what you said",
        f"Without WHICH, it is your last one; here ^^ is your last but one. {WHICH} A new text that begins with a "
        "number needs one in front: /edit ^ 3 apples.",
        "/edit it is at four, not at five",
        _edit,
        ("text",),
        needs_room=True,
    ),
    ChatCommand(
        "delete",
        "[WHICH]",
        "take back what you said",
        f"Without WHICH, it is your last one. {WHICH} The text is gone from the server; that there was a message "
        "remains. Moderators may take back anybody's.",
        "/delete #12",
        _delete,
        needs_room=True,
    ),
    ChatCommand(
        "react",
        "[WHICH] MARK",
        "put a mark on a message",
        f"A mark is an emoji or a word. Without WHICH, it is the last one shown. {WHICH}",
        "/react 👍",
        _react,
        needs_room=True,
    ),
    ChatCommand(
        "unreact",
        "[WHICH] MARK",
        "take your mark off a message",
        "It undoes /react.",
        "/unreact 👍",
        _unreact,
        needs_room=True,
    ),
    ChatCommand(
        "reply",
        "WHICH TEXT",
        "answer a message",
        f"The others see which one you answer. {WHICH}",
        "/reply ^ so do I",
        _reply,
        ("text", "text"),
        needs_room=True,
    ),
    ChatCommand(
        "search",
        "[WORDS]",
        "find messages in all that you may read",
        'The newest come first; all words must occur, and "words in quotes" in that order. Besides words, or in '
        "their place: from:NAME, in:ROOM (in:@bob is your conversation with bob), before:DAY, after:DAY, has:link. A "
        "day is 2026-01-31, a time 2026-01-31T12:00Z. /search alone goes on with the last search, and /context shows "
        "what was said around a message.",
        "/search disk full from:ada after:2026-01-01",
        _search,
        ("text",),
    ),
    ChatCommand(
        "context",
        "[ROOM] WHICH",
        "show a message and those around it",
        WHICH,
        "/context #ops 42",
        _context,
        ("room",),
    ),
    ChatCommand(
        "numbers",
        "[on|off]",
        "show each message's number, or no longer",
        "The numbers are those that /edit, /delete, /react, /reply and /context take.",
        "/numbers on",
        _numbers,
    ),
)
"""The commands for messages."""
