"""The commands for earlier messages: /edit, /delete, /react, /reply, /search, /context and /numbers. Pure."""

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
_LONGEST_REACTION: Final = 32  # characters; the protocol's bound

WHICH: Final = (
    "WHICH is the number of a message (12 or #12; /numbers on, /search and /context show the numbers), or counts from "
    "the end: ^ is the last message shown in the room, ^^ the one before it."
)
"""How a command names a message, for the help."""


def read_which(word: str, *, own: bool = False) -> WhichMessage | None:
    """The message that a word names; ``None`` when it names none. With ``own``, carets count own messages only."""
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
    return "That does not name a message." if which is None else DeleteMessage(place.room, which)


def _react(argument: str, place: Place, *, on: bool) -> Reading:
    words = argument.split()
    if not words:
        return "Which emoji?"
    if len(words[-1]) > _LONGEST_REACTION:
        return f"A reaction has at most {_LONGEST_REACTION} characters."
    if len(words) == 1:
        return ReactToMessage(place.room, FromEnd(), words[0], on)
    which = read_which(words[0])
    if which is None or len(words) > 2:  # noqa: PLR2004 - a message and a reaction
        return "A reaction is one emoji or word. A message can be named before it."
    return ReactToMessage(place.room, which, words[1], on)


def _reply(argument: str, place: Place) -> Reading:
    if not argument:
        return "Which message, and what text?"
    which, text = split_which(argument)
    if which is None:
        return "The first word does not name a message."
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
    return "On or off?" if on is None else ShowNumbers(on)


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "edit",
        "[WHICH] TEXT",
        "edit one of your messages",
        f"Without WHICH it edits your last message; here ^^ counts only your own. {WHICH} If the new text begins with "
        "a number, name the message first: /edit ^ 3 apples.",
        "/edit it is at four, not at five",
        _edit,
        ("text",),
    ),
    ChatCommand(
        "delete",
        "[WHICH]",
        "delete one of your messages",
        f"Without WHICH it deletes your last message. {WHICH} The text is removed from the server; the room still sees "
        "that there was a message. Moderators can delete anybody's messages.",
        "/delete #12",
        _delete,
    ),
    ChatCommand(
        "react",
        "[WHICH] EMOJI",
        "react to a message",
        f"A reaction is an emoji or a word. Without WHICH it reacts to the last message shown. {WHICH}",
        "/react 👍",
        lambda argument, place: _react(argument, place, on=True),
    ),
    ChatCommand(
        "unreact",
        "[WHICH] EMOJI",
        "remove your reaction from a message",
        "It undoes /react.",
        "/unreact 👍",
        lambda argument, place: _react(argument, place, on=False),
    ),
    ChatCommand(
        "reply",
        "WHICH TEXT",
        "reply to a message",
        f"The others see the message that you reply to. {WHICH}",
        "/reply ^ so do I",
        _reply,
        ("text", "text"),
    ),
    ChatCommand(
        "search",
        "[WORDS]",
        "search the messages that you can read",
        'The newest come first. All words must occur; "words in quotes" must occur in that order. You can add, or use '
        "alone: from:NAME, in:ROOM (in:@bob is your conversation with bob), before:WHEN, after:WHEN, has:link, "
        "has:file, file:NAME (a word of a file's name). WHEN is a day (2026-01-31), a time (2026-01-31T12:00Z) or how "
        "long ago (2h). /search alone shows more results, and /context shows the messages around one.",
        "/search disk full from:ada after:2026-01-01",
        _search,
        ("text",),
    ),
    ChatCommand(
        "context",
        "[ROOM] WHICH",
        "show a message and the messages around it",
        WHICH,
        "/context #ops 42",
        _context,
        ("room",),
    ),
    ChatCommand(
        "numbers",
        "[on|off]",
        "show or hide the numbers of messages",
        "/edit, /delete, /react, /reply and /context take these numbers.",
        "/numbers on",
        _numbers,
    ),
)
"""The rows of the table."""
