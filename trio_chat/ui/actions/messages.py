"""What a person can do with messages that were said: change them, take them back, mark, answer, find them.

Which one is meant is a number (:class:`ByNumber`), or counted from the end (:class:`FromEnd`), and found only when it
is carried out: what was sent a moment ago counts then.
"""

from __future__ import annotations

from dataclasses import dataclass
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
"""Messages of one answer to a search: a screenful."""

AROUND: Final = 5
"""Messages before and after the one that is looked at."""


@dataclass(frozen=True, slots=True)
class ByNumber:
    """The message of this number."""

    seq: int


@dataclass(frozen=True, slots=True)
class FromEnd:
    """The last message (1), the one before it (2), ...; of one's ``own`` alone, or of all."""

    count: int = 1
    own: bool = False


WhichMessage: TypeAlias = ByNumber | FromEnd


@dataclass(frozen=True, slots=True)
class EditMessage:
    """Give a message of one's own another text."""

    room: str
    which: WhichMessage
    text: str


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """Take back a message."""

    room: str
    which: WhichMessage


@dataclass(frozen=True, slots=True)
class ReactToMessage:
    """Put a mark on a message, or take one's own off."""

    room: str
    which: WhichMessage
    mark: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class ReplyToMessage:
    """Say something in answer to a message."""

    room: str
    which: WhichMessage
    text: str


@dataclass(frozen=True, slots=True)
class SearchMessages:
    """Find messages; without a query, more of what was found last."""

    query: Query | None = None


@dataclass(frozen=True, slots=True)
class ShowContext:
    """Show a message with those around it."""

    room: str
    which: WhichMessage


@dataclass(frozen=True, slots=True)
class ShowNumbers:
    """Show each message's number, or no longer."""

    on: bool


MessageAction: TypeAlias = (
    EditMessage | DeleteMessage | ReactToMessage | ReplyToMessage | SearchMessages | ShowContext | ShowNumbers
)


async def do_message(action: MessageAction, chat: Chat, place: Place) -> list[Event]:
    """Do one of these. Raises :class:`~trio_chat.errors.ChatError` for what could not be done."""
    match action:
        case EditMessage(room=room, which=which, text=text):
            await chat.edit(room, find(place, room, which), text)
        case DeleteMessage(room=room, which=which):
            await chat.delete(room, find(place, room, which))
        case ReactToMessage(room=room, which=which, mark=mark, on=on):
            if not await chat.react(room, find(place, room, which), mark, on=on):
                return [Note(lines=(reacted_already(mark, on=on),))]
        case ReplyToMessage(room=room, which=which, text=text):
            receipt = await chat.send(room, text, reply_to=find(place, room, which))
            place.note_said(receipt.room, receipt.seq, text)
        case SearchMessages(query=query):
            return [await _search(query, chat, place)]
        case ShowContext(room=room, which=which):
            return [await look_around(chat, room, find(place, room, which), AROUND)]
        case ShowNumbers(on=on):
            place.numbered = on
            return [Note(lines=(f"Numbers are {'shown' if on else 'not shown any more'}.",))]
    return []


def find(place: Place, room: str, which: WhichMessage) -> int:
    """The number of the message that is meant. Raises :class:`~trio_chat.errors.NotDone` when none is known."""
    if isinstance(which, ByNumber):
        return which.seq
    seq = place.find_said(room, which.count, own=which.own)
    if seq is None:
        raise no_such(room, which)
    return seq


def no_such(room: str, which: FromEnd) -> NotDone:
    """What to say where there are not so many messages."""
    whose = " of yours" if which.own else ""
    how = "no message" if which.count == 1 else "not so many messages"
    advice = "Give its number; /numbers on shows them."
    return NotDone("unknown_message", f"There is {how}{whose} in {room} that was shown here.", advice)


async def _search(query: Query | None, chat: Chat, place: Place) -> Hits:
    """Look for messages, or go on with the last search; ``place`` keeps where that stands."""
    cursor = None
    if query is None:
        if place.search is None:
            raise NotDone("no_search", "There is no search to go on with.", "Write what to look for: /search WORDS")
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
        limit=limit,
        cursor=cursor,
    )


def _moment(typed: str | None) -> str | None:
    """A day or time as the server understands it: one without a zone is in this machine's. What is none, the
    server refuses in its own words."""
    return None if typed is None else to_utc(typed) or typed


async def look_around(chat: Chat, room: str, seq: int, count: int) -> Context:
    """A message with ``count`` events before and after it."""
    past = await chat.history(room, after=max(seq - count - 1, 0), limit=2 * count + 1)
    events: tuple[RoomEvent, ...] = tuple(event for event in past.events if abs(event.seq - seq) <= count)
    if not any(event.seq == seq for event in events):
        raise NotDone("unknown_message", f"There is no message {seq} in {room}.", "It may be gone.")
    return Context(room=room, around=seq, events=events)
