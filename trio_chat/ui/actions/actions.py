"""The actions of a person, as frozen structs, and how they are carried out on a connection.

The result of an action is a list of events: answers of the server, an :class:`~trio_chat.protocol.events.Error` for a
refusal, a :class:`~trio_chat.ui.model.notes.Note` for a remark of this program. An interface shows them like all other
events. Events for the whole room arrive over the connection as usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from trio_chat.errors import ChatError, ConnectionClosed, NotAcknowledged, NotDone, Refused
from trio_chat.protocol.events import Error, Event, Left, People, RoomList
from trio_chat.protocol.events import Room as RoomEntered
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.account import AccountAction, ListDevices, do_account
from trio_chat.ui.actions.files import FileAction
from trio_chat.ui.actions.messages import MessageAction, ReplyToMessage, SearchMessages, ShowContext, do_message
from trio_chat.ui.actions.moderation import ListBans, RoomAction, do_in_room
from trio_chat.ui.actions.person import describe_person
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.interface_actions import InterfaceAction, SettingsAction
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.sentences import topic_already

if TYPE_CHECKING:
    from trio_chat.client import Chat, RoomView
    from trio_chat.ui.model.place import Place


@dataclass(frozen=True, slots=True)
class SendRoom:
    """Send a message to a room; the kind ``action`` is for ``/me``."""

    room: str
    text: str
    kind: Literal["text", "action"] = "text"


@dataclass(frozen=True, slots=True)
class SendTo:
    """Send a private message to people. ``otherwise`` is sent when nobody has one of the names."""

    to: tuple[str, ...]
    text: str
    otherwise: SendRoom | None = None


@dataclass(frozen=True, slots=True)
class JoinRoom:
    """Enter a room and make it the current one."""

    room: str


@dataclass(frozen=True, slots=True)
class LeaveRoom:
    """Leave a room; ``remove`` deletes it, with its messages."""

    room: str
    remove: bool = False


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Go to the conversation with a person. A text begins it, if there is none yet."""

    name: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class SetTopic:
    """Set the topic of a room; an empty text removes it."""

    room: str
    text: str


@dataclass(frozen=True, slots=True)
class ListRooms:
    """List the rooms."""


@dataclass(frozen=True, slots=True)
class ListPeople:
    """List the people in a room."""

    room: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Change the own name."""

    name: str


@dataclass(frozen=True, slots=True)
class SetAway:
    """Set the away text; ``None`` ends being away."""

    text: str | None


@dataclass(frozen=True, slots=True)
class ShowPerson:
    """Show what is known of a person."""

    name: str


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Connect to the server anew, at once."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the chat."""


ChatAction: TypeAlias = (
    SendRoom
    | SendTo
    | JoinRoom
    | LeaveRoom
    | OpenConversation
    | SetTopic
    | ListRooms
    | ListPeople
    | Rename
    | SetAway
    | ShowPerson
    | Reconnect
    | Quit
)
Action: TypeAlias = ChatAction | MessageAction | RoomAction | AccountAction | InterfaceAction | FileAction | Ignore

SendingAction: TypeAlias = SendRoom | SendTo | ReplyToMessage
"""The actions that send a message."""
LookupAction: TypeAlias = ListPeople | ListRooms | ShowPerson | ListBans | ListDevices | SearchMessages | ShowContext
"""The actions that only ask the server. Without a connection they are refused: the answer would come too late."""


def as_error(error: ChatError) -> Error:
    """An exception as the event that a server would have sent."""
    if isinstance(error, Refused):
        return Error(code=error.code, message=error.message, advice=error.advice)
    code = "not_acknowledged" if isinstance(error, NotAcknowledged) else "closed"
    return Error(code=code, message=str(error))


async def carry_out(action: Action, chat: Chat, place: Place) -> list[Event]:
    """Carry out an action and wait until the server has acknowledged it.

    An action that is refused, or not acknowledged in time, returns an ``Error``. ``place`` is updated. Raises
    :class:`~trio_chat.errors.ConnectionClosed` when the connection is over.
    """
    try:
        return await do(action, chat, place)
    except ConnectionClosed:
        raise
    except ChatError as error:
        return [as_error(error)]


async def do(action: Action, chat: Chat, place: Place) -> list[Event]:
    """As :func:`carry_out`, but raises :class:`~trio_chat.errors.ChatError` when the action fails."""
    if isinstance(action, MessageAction):
        return await do_message(action, chat, place)
    if isinstance(action, RoomAction):
        return await do_in_room(action, chat, place)
    if isinstance(action, Ignore):
        return [place.ignored.do(action, place.accounts)]
    if isinstance(action, AccountAction):
        return await do_account(action, chat, place)
    if isinstance(action, SettingsAction):
        return [place.preferences.do(action)]
    if isinstance(action, InterfaceAction | FileAction):
        return []  # the interface carries it out
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
        case LeaveRoom(room=room, remove=remove):
            await chat.leave(room, remove=remove)
            place.leave(room)
            return [Left(room=room)]
        case OpenConversation():
            return [await _open_conversation(action, chat, place)]
        case ListRooms():
            return [RoomList(id="", rooms=await chat.list_rooms())]
        case ListPeople(room=room):
            people = People(id="", room=room, people=await chat.who(room))
            place.take(people)
            return [people]
        case ShowPerson(name=name):
            return [await describe_person(name, chat, place)]
        case Reconnect():
            chat.reconnect_nowait()
        case SetTopic() | Rename() | SetAway():
            already = await _change(action, chat)
            return [Note(lines=(already,))] if already else []
        case Quit():
            pass
    return []


async def _change(action: SetTopic | Rename | SetAway, chat: Chat) -> str:
    """Make a change; returns a sentence when it was so already, otherwise an empty string."""
    match action:
        case SetTopic(room=room, text=text):
            return "" if await chat.set_topic(room, text) else topic_already(room, text)
        case Rename(name=name):
            return "" if await chat.rename(name) else f"Your name is already {clean_line(name)}."
        case SetAway(text=why):
            known = "You are not away." if why is None else "You are already away with that text."
            return "" if await chat.away(why) else known


async def _send_to(action: SendTo, chat: Chat, place: Place) -> None:
    try:
        receipt = await chat.send_to(action.to, action.text)
    except Refused as refusal:
        if action.otherwise is None or refusal.code != "unknown_person":
            raise
        receipt = await chat.send(action.otherwise.room, action.otherwise.text)
    place.note_said(receipt.room, receipt.seq, action.text)


async def _open_conversation(action: OpenConversation, chat: Chat, place: Place) -> RoomEntered:
    name = place.find_direct(f"@{action.name}")
    if action.text:
        receipt = await chat.send_to((action.name,), action.text)
        name = receipt.room
        place.note_said(name, receipt.seq, action.text)
    if name is None or name not in chat.rooms:
        advice = f"Begin one: /query {action.name} TEXT"
        raise NotDone("no_conversation", f"You have no conversation with {clean_line(action.name)} yet.", advice)
    return _enter(place, chat.rooms[name])


def _enter(place: Place, room: RoomView) -> RoomEntered:
    event = RoomEntered(room=room.info(), made=room.made)
    place.take(event)
    place.room = event.room.name
    return event
