"""Actions on earlier messages: edit, delete, react, reply, search.

A message is named by its number (:class:`ByNumber`), or counted from the end (:class:`FromEnd`). It is looked up only
when the action is carried out, so that a message sent a moment before counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from trio_chat.errors import NotDone
from trio_chat.protocol.spans import to_utc
from trio_chat.ui.model.notes import Context, Hits, Note
from trio_chat.ui.model.sentences import reacted_already

if TYPE_CHECKING:
    from trio_chat.client import Chat, Findings
    from trio_chat.protocol.events import Event, RoomEvent
    from trio_chat.protocol.query import Query
    from trio_chat.ui.model.place import Place

_HITS: Final = 20
"""Messages of one page of search results: a screenful."""

AROUND: Final = 5
"""Messages shown before and after the message of /context."""


@dataclass(frozen=True, slots=True)
class ByNumber:
    """The message with this number."""

    seq: int


@dataclass(frozen=True, slots=True)
class FromEnd:
    """The last message (1), the one before it (2), ...; with ``own`` counting own messages only."""

    count: int = 1
    own: bool = False


WhichMessage: TypeAlias = ByNumber | FromEnd


@dataclass(frozen=True, slots=True)
class EditMessage:
    """Edit an own message."""

    room: str
    which: WhichMessage
    text: str


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """Delete a message."""

    room: str
    which: WhichMessage


@dataclass(frozen=True, slots=True)
class ReactToMessage:
    """Add a reaction to a message, or remove the own one."""

    room: str
    which: WhichMessage
    reaction: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class ReplyToMessage:
    """Reply to a message."""

    room: str
    which: WhichMessage
    text: str


@dataclass(frozen=True, slots=True)
class SearchMessages:
    """Search messages; without a query, show more results of the last search."""

    query: Query | None = None


@dataclass(frozen=True, slots=True)
class ShowContext:
    """Show a message and the messages around it."""

    room: str
    which: WhichMessage


@dataclass(frozen=True, slots=True)
class ShowNumbers:
    """Show or hide the numbers of messages."""

    on: bool


MessageAction: TypeAlias = (
    EditMessage | DeleteMessage | ReactToMessage | ReplyToMessage | SearchMessages | ShowContext | ShowNumbers
)


async def do_message(action: MessageAction, chat: Chat, place: Place) -> list[Event]:
    """Carry out an action on a message. Raises :class:`~trio_chat.errors.ChatError` when it fails."""
    match action:
        case EditMessage(room=room, which=which, text=text):
            await chat.edit(room, find(place, room, which), text)
        case DeleteMessage(room=room, which=which):
            await chat.delete(room, find(place, room, which))
        case ReactToMessage(room=room, which=which, reaction=reaction, on=on):
            if not await chat.react(room, find(place, room, which), reaction, on=on):
                return [Note(lines=(reacted_already(reaction, on=on),))]
        case ReplyToMessage(room=room, which=which, text=text):
            receipt = await chat.send(room, text, reply_to=find(place, room, which))
            place.note_said(receipt.room, receipt.seq, text)
        case SearchMessages(query=query):
            return [await _search(query, chat, place)]
        case ShowContext(room=room, which=which):
            return [await look_around(chat, room, find(place, room, which), AROUND)]
        case ShowNumbers(on=on):
            place.numbered = on
            return [Note(lines=(f"Numbers are {'shown' if on else 'hidden'}.",))]
    return []


def find(place: Place, room: str, which: WhichMessage) -> int:
    """The number of the named message. Raises :class:`~trio_chat.errors.NotDone` when it is not known."""
    if isinstance(which, ByNumber):
        return which.seq
    seq = place.find_said(room, which.count, own=which.own)
    if seq is None:
        raise no_such(room, which)
    return seq


def no_such(room: str, which: FromEnd) -> NotDone:
    """The error for counting back further than the shown messages."""
    whose = "of yours " if which.own else ""
    advice = "Give the number of the message; /numbers on shows them."
    if which.count == 1:
        return NotDone("unknown_message", f"No message {whose}in {room} was shown here.", advice)
    return NotDone("unknown_message", f"Fewer than {which.count} messages {whose}in {room} were shown here.", advice)


async def _search(query: Query | None, chat: Chat, place: Place) -> Hits:
    """Search, or continue the last search, whose position is kept in ``place``."""
    cursor = None
    if query is None:
        if place.search is None:
            raise NotDone("no_search", "There is no search to continue.", "Begin one: /search WORDS")
        query, cursor = place.search
    found = await find_messages(chat, query, cursor=cursor, limit=_HITS)
    place.search = None if found.cursor is None else (query, found.cursor)
    return Hits(messages=found.messages, more=found.cursor is not None, behind=found.behind)


async def find_messages(chat: Chat, query: Query, *, cursor: int | None, limit: int) -> Findings:
    """A page of at most ``limit`` messages that a query finds; ``cursor`` continues where an earlier page ended.

    Raises :class:`~trio_chat.errors.ChatError` when the server refuses the query or cannot be asked.
    """
    return await chat.search(
        *query.words,
        room=query.room,
        sender=query.sender,
        before=_moment(query.before),
        after=_moment(query.after),
        has_link=query.has_link,
        has_file=query.has_file,
        file=query.file,
        limit=limit,
        cursor=cursor,
    )


def _moment(typed: str | None) -> str | None:
    """A time for the server; one without a zone is local time. The server refuses a text that is no time."""
    return None if typed is None else to_utc(typed, now=datetime.now(UTC)) or typed


async def look_around(chat: Chat, room: str, seq: int, count: int) -> Context:
    """A message with ``count`` events before and after it."""
    past = await chat.history(room, after=max(seq - count - 1, 0), limit=2 * count + 1)
    events: tuple[RoomEvent, ...] = tuple(event for event in past.events if abs(event.seq - seq) <= count)
    if not any(event.seq == seq for event in events):
        raise NotDone("unknown_message", f"There is no message {seq} in {room}.", "It may be deleted.")
    return Context(room=room, around=seq, events=events)
