"""Changing messages: edits, deletions, reactions. Each is a line of the room's log, and the message itself is stored
anew as it is after the change."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from trio_chat.broker import rooms, talk
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import Role, StoredMessage
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Deleted, Edited, Ok, Reacted
from trio_chat.protocol.requests import Delete, Edit, React
from trio_chat.protocol.text import clean, clean_line
from trio_chat.records import Amend, Note, Redact

if TYPE_CHECKING:
    from trio_chat.broker.ask import Ask
    from trio_chat.broker.state import Person, Room

_Change: TypeAlias = Edit | Delete | React

_REACTIONS = 20
"""Different reactions to one message: what fits a line, and no more."""


def edit(ask: Ask[Edit]) -> Refusal | None:
    """Give a message of the person's own another text."""
    request, person, room = ask.request, ask.person, _room(ask)
    stored = _message(ask)
    if stored is None:
        return refuse("unknown_message", seq=request.target, room=room.name)
    if stored.sender != person.id:
        return refuse("not_yours", seq=request.target, room=room.name, others="")
    text = clean(request.text)
    refusal = talk.check_text(ask.registry, text) or _may_change(room, person, ask.now)
    if refusal is not None:
        return refusal
    message = msgspec.structs.replace(stored.message, text=text, edited=ask.time)
    ask.persist(Amend(room.id, message.seq, encode(message), text))
    event = Edited(
        room=room.name,
        seq=rooms.number_next(ask.registry, room),
        time=ask.time,
        sender=person.name.shown,
        target=message.seq,
        text=text,
    )
    _publish(ask, room, event)
    return None


def delete(ask: Ask[Delete]) -> Refusal | None:
    """Delete a message: the person's own, or as a moderator anybody's."""
    request, person, room = ask.request, ask.person, _room(ask)
    stored = _message(ask)
    if stored is None:
        return refuse("unknown_message", seq=request.target, room=room.name)
    is_own = stored.sender == person.id
    if not is_own and room.role_of(person) < Role.MODERATOR:
        others = "" if room.direct is not None else " or a moderator"
        return refuse("not_yours", seq=request.target, room=room.name, others=others)
    message = stored.message
    emptied = msgspec.structs.replace(message, text="", deleted=True, edited=None, reactions={})
    ask.persist(Redact(room.id, message.seq, encode(emptied)))
    if not is_own:
        ask.persist(Note(ask.time, person.name.shown, "delete", room.name, message.sender, str(message.seq)))
    event = Deleted(
        room=room.name,
        seq=rooms.number_next(ask.registry, room),
        time=ask.time,
        sender=person.name.shown,
        target=message.seq,
    )
    _publish(ask, room, event)
    return None


def react(ask: Ask[React]) -> Refusal | None:
    """Add a reaction to a message, or remove the person's own."""
    request, person, room = ask.request, ask.person, _room(ask)
    stored = _message(ask)
    if stored is None:
        return refuse("unknown_message", seq=request.target, room=room.name)
    mark = clean_line(request.mark)
    if not mark or any(char.isspace() for char in mark):
        return refuse("bad_field", why="a reaction is one emoji or word")
    refusal = _may_change(room, person, ask.now)
    if refusal is not None:
        return refusal
    name, message = person.name.shown, stored.message
    reactions = dict(message.reactions)
    names = [other for other in reactions.pop(mark, ()) if other != name] + ([name] if request.on else [])
    if names:
        reactions[mark] = tuple(names)
    if len(reactions) > _REACTIONS:
        return refuse("bad_field", why=f"a message has {_REACTIONS} different reactions at the most")
    if reactions == message.reactions:
        ask.persist(account_of(person))  # this very batch may have brought that about, and may fail
        ask.acknowledge(Ok(id=request.id, unchanged=not request.again))
        return None
    amended = msgspec.structs.replace(message, reactions=reactions)
    ask.persist(Amend(room.id, message.seq, encode(amended), message.text))
    event = Reacted(
        room=room.name,
        seq=rooms.number_next(ask.registry, room),
        time=ask.time,
        sender=name,
        target=message.seq,
        mark=mark,
        on=request.on,
    )
    _publish(ask, room, event)
    return None


def _room(ask: Ask[_Change]) -> Room:
    """The room of the message; the table of commands lets only its members past."""
    return ask.person.rooms[ask.request.room]


def _message(ask: Ask[_Change]) -> StoredMessage | None:
    """The message to change; ``None`` where there is none, or it was deleted."""
    stored = ask.stored
    return stored if isinstance(stored, StoredMessage) and not stored.message.deleted else None


def _may_change(room: Room, person: Person, now: float) -> Refusal | None:
    """Whether a person who may be muted can change messages; a wait between messages does not matter here."""
    refusal = talk.may_speak(room, person, now) if room.direct is None else None
    return None if refusal is None or refusal.code == "too_soon" else refusal


def _publish(ask: Ask[_Change], room: Room, event: Edited | Deleted | Reacted) -> None:
    rooms.publish(ask, room, event, ask.person)
    ask.acknowledge(Ok(id=ask.request.id, room=room.name, seq=event.seq, time=event.time))
