"""What a person can ask for, as frozen structs, and the carrying out of it on a connection.

What comes of an action is a list of events: answers that the server gave, an
:class:`~trio_chat.protocol.events.Error` for what was refused, a :class:`~trio_chat.ui.model.notes.Note` for what only
this side knows.
So an interface shows them as it shows everything else. What the room hears comes back by itself, over
the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from trio_chat.errors import ChatError, ConnectionClosed, NotAcknowledged, Refused
from trio_chat.protocol.events import Error, Event, Left, People, RoomList
from trio_chat.protocol.events import Room as RoomEntered
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.messages import MessageAction, ReplyToMessage, SearchMessages, ShowContext, do_message
from trio_chat.ui.actions.moderation import AccountAction, ListBans, ListDevices, RoomAction, do_account, do_in_room
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.sentences import topic_already

if TYPE_CHECKING:
    from trio_chat.client import Chat, RoomView
    from trio_chat.ui.model.place import Place


@dataclass(frozen=True, slots=True)
class SendRoom:
    """Say something in a room; as an action for what ``/me`` says."""

    room: str
    text: str
    kind: Literal["text", "action"] = "text"


@dataclass(frozen=True, slots=True)
class SendTo:
    """Say something to people. ``otherwise`` is done when nobody has one of the names."""

    to: tuple[str, ...]
    text: str
    otherwise: SendRoom | None = None


@dataclass(frozen=True, slots=True)
class JoinRoom:
    """Go into a room and talk there."""

    room: str


@dataclass(frozen=True, slots=True)
class LeaveRoom:
    """Go out of a room."""

    room: str


@dataclass(frozen=True, slots=True)
class SetTopic:
    """Say what a room is about; an empty text takes the topic away."""

    room: str
    text: str


@dataclass(frozen=True, slots=True)
class ListRooms:
    """Show which rooms there are."""


@dataclass(frozen=True, slots=True)
class ListPeople:
    """Show who is in a room."""

    room: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Change one's name."""

    name: str


@dataclass(frozen=True, slots=True)
class SetAway:
    """Say that one is away and why; without a text, that one is back."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the chat."""


ChatAction: TypeAlias = (
    SendRoom | SendTo | JoinRoom | LeaveRoom | SetTopic | ListRooms | ListPeople | Rename | SetAway | Quit
)
Action: TypeAlias = ChatAction | MessageAction | RoomAction | AccountAction | Ignore

SendingAction: TypeAlias = SendRoom | SendTo | ReplyToMessage
"""What says something; the others do something."""
LookupAction: TypeAlias = ListPeople | ListRooms | ListBans | ListDevices | SearchMessages | ShowContext
"""What only shows what the server knows: without a connection, an answer would come when nobody wants it any more."""


def as_error(error: ChatError) -> Error:
    """What went wrong on the way, as the event that a server would have sent."""
    if isinstance(error, Refused):
        return Error(code=error.code, message=error.message, advice=error.advice)
    code = "not_acknowledged" if isinstance(error, NotAcknowledged) else "closed"
    return Error(code=code, message=str(error))


async def carry_out(action: Action, chat: Chat, place: Place) -> list[Event]:
    """Do one thing and wait until the server has acknowledged it.

    What was refused, or could not be acknowledged in time, comes back as an ``Error``. ``place`` follows
    where one talks now. Raises :class:`~trio_chat.errors.ConnectionClosed` when there is no more connection.
    """
    try:
        return await do(action, chat, place)
    except ConnectionClosed:
        raise
    except ChatError as error:
        return [as_error(error)]


async def do(action: Action, chat: Chat, place: Place) -> list[Event]:
    """As :func:`carry_out`, but raises :class:`~trio_chat.errors.ChatError` for what could not be done."""
    if isinstance(action, MessageAction):
        return await do_message(action, chat, place)
    if isinstance(action, RoomAction):
        return await do_in_room(action, chat, place)
    if isinstance(action, Ignore):
        return [place.ignored.do(action, place.accounts)]
    if isinstance(action, AccountAction):
        return await do_account(action, chat, place)
    return await _do_talking(action, chat, place)


async def _do_talking(action: ChatAction, chat: Chat, place: Place) -> list[Event]:
    match action:
        case SendRoom(room=room, text=text, kind=kind):
            receipt = await chat.send(room, text, action=kind == "action")
            place.note_said(room, receipt.seq, text)
        case SendTo():
            await _send_to(action, chat, place)
        case JoinRoom(room=room):
            return [_enter(place, await chat.join(room))]
        case LeaveRoom(room=room):
            await chat.leave(room)
            place.leave(room)
            return [Left(room=room)]
        case ListRooms():
            return [RoomList(id="", rooms=await chat.list_rooms())]
        case ListPeople(room=room):
            people = People(id="", room=room, people=await chat.who(room))
            place.take(people)
            return [people]
        case SetTopic() | Rename() | SetAway():
            already = await _change(action, chat)
            return [Note(lines=(already,))] if already else []
        case Quit():
            pass
    return []


async def _change(action: SetTopic | Rename | SetAway, chat: Chat) -> str:
    """Do what may be so already; then, what to say of it."""
    match action:
        case SetTopic(room=room, text=text):
            return "" if await chat.set_topic(room, text) else topic_already(room, text)
        case Rename(name=name):
            return "" if await chat.rename(name) else f"You are {clean_line(name)} already."
        case SetAway(text=why):
            known = "You are not away." if why is None else "The others know that already."
            return "" if await chat.away(why) else known


async def _send_to(action: SendTo, chat: Chat, place: Place) -> None:
    try:
        receipt = await chat.send_to(action.to, action.text)
    except Refused as refusal:
        if action.otherwise is None or refusal.code != "unknown_person":
            raise
        receipt = await chat.send(action.otherwise.room, action.otherwise.text)
    place.note_said(receipt.room, receipt.seq, action.text)


def _enter(place: Place, room: RoomView) -> RoomEntered:
    event = RoomEntered(room=room.info())
    place.take(event)
    place.room = event.room.name
    return event
