"""What a person can ask for, as frozen structs, and the carrying out of it on a connection.

What comes of an action is a list of events: answers that the server gave, an
:class:`~trio_chat.protocol.events.Error` for what was refused, a :class:`Note` for what only this side knows.
So an interface shows them as it shows everything else. What the room hears comes back by itself, over
the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from trio_chat.errors import ChatError, ConnectionClosed, NotAcknowledged, Refused
from trio_chat.protocol.events import Error, Event, Left, People, RoomInfo, RoomList
from trio_chat.protocol.events import Room as RoomEntered

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.ui.place import Place


class Note(Event, tag="note"):
    """Something that this program tells the person by itself, line by line."""

    lines: tuple[str, ...]


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


Action: TypeAlias = (
    SendRoom | SendTo | JoinRoom | LeaveRoom | SetTopic | ListRooms | ListPeople | Rename | SetAway | Quit
)


def refused(error: ChatError) -> Error:
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
        return await _do(action, chat, place)
    except ConnectionClosed:
        raise
    except ChatError as error:
        return [refused(error)]


async def _do(action: Action, chat: Chat, place: Place) -> list[Event]:
    match action:
        case SendRoom(room=room, text=text, kind=kind):
            await chat.send(room, text, kind=kind)
        case SendTo():
            await _send_to(action, chat)
        case JoinRoom(room=room):
            return [_enter(place, await chat.join(room))]
        case LeaveRoom(room=room):
            await chat.leave(room)
            place.leave(room)
            return [Left(room=room)]
        case SetTopic(room=room, text=text):
            await chat.set_topic(room, text)
        case ListRooms():
            return [RoomList(id="", rooms=tuple(await chat.list_rooms()))]
        case ListPeople(room=room):
            people = People(id="", room=room, people=tuple(await chat.who(room)))
            place.take(people)
            return [people]
        case Rename(name=name):
            await chat.rename(name)
        case SetAway(text=why):
            await chat.away(why)
        case Quit():
            pass
    return []


async def _send_to(action: SendTo, chat: Chat) -> None:
    try:
        await chat.send_to(action.to, action.text)
    except Refused as refusal:
        if action.otherwise is None or refusal.code != "unknown_person":
            raise
        await chat.send(action.otherwise.room, action.otherwise.text)


def _enter(place: Place, room: RoomInfo) -> RoomEntered:
    event = RoomEntered(room=room)
    place.take(event)
    place.room = room.name
    return event
