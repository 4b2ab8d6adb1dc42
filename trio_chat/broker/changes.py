"""Changing what was said: edits, deletions, marks. Each is a line of the room's log, and the message itself
is stored as it is after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trio_chat.broker import rooms, talk
from trio_chat.broker.effects import Acknowledge, Effect, Persist
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import FoundLine, Role
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Deleted, Edited, Ok, Reacted
from trio_chat.protocol.text import clean, clean_line
from trio_chat.records import Amend, Note, Redact

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import Person, Room, Session
    from trio_chat.protocol.events import Message
    from trio_chat.protocol.requests import Delete, Edit, React

_MARKS = 20
"""Different marks on one message: a line of them, no more."""


def edit(registry: Registry, session: Session, request: Edit, now: float, effects: list[Effect]) -> Refusal | None:
    """Give a message of one's own another text."""
    person, room, message, own = _find(registry, session, request.room)
    if message is None or message.deleted:
        return refuse("unknown_message", seq=request.target, room=room.name)
    if not own:
        return refuse("not_yours", seq=request.target, room=room.name, others="")
    text = clean(request.text)
    refusal = talk.check_text(registry, text) or _may_change(room, person, now)
    if refusal is not None:
        return refusal
    time = registry.stamp(now)
    now_is = msgspec.structs.replace(message, text=text, edited=time)
    effects.append(Persist(Amend(room.id, message.seq, encode(now_is), text)))
    event = Edited(
        room=room.name,
        seq=rooms.number_next(registry, room),
        time=time,
        sender=person.name.shown,
        target=message.seq,
        text=text,
    )
    _tell(session, room, event, request.id, effects)
    return None


def delete(registry: Registry, session: Session, request: Delete, now: float, effects: list[Effect]) -> Refusal | None:
    """Take back a message: one's own, or as a moderator anybody's."""
    person, room, message, own = _find(registry, session, request.room)
    if message is None or message.deleted:
        return refuse("unknown_message", seq=request.target, room=room.name)
    if not own and room.role_of(person) < Role.MODERATOR:
        others = "" if room.direct is not None else " or a moderator"
        return refuse("not_yours", seq=request.target, room=room.name, others=others)
    time = registry.stamp(now)
    left = msgspec.structs.replace(message, text="", deleted=True, edited=None, reactions={})
    effects.append(Persist(Redact(room.id, message.seq, encode(left))))
    if not own:
        note = Note(time, person.name.shown, "delete", room.name, message.sender, str(message.seq))
        effects.append(Persist(note))
    event = Deleted(
        room=room.name, seq=rooms.number_next(registry, room), time=time, sender=person.name.shown, target=message.seq
    )
    _tell(session, room, event, request.id, effects)
    return None


def react(registry: Registry, session: Session, request: React, now: float, effects: list[Effect]) -> Refusal | None:
    """Put a mark on a message, or take one's own off."""
    person, room, message, _ = _find(registry, session, request.room)
    if message is None or message.deleted:
        return refuse("unknown_message", seq=request.target, room=room.name)
    mark = clean_line(request.mark)
    if not mark or any(char.isspace() for char in mark):
        return refuse("bad_field", why="a mark is one emoji or word")
    refusal = _may_change(room, person, now)
    if refusal is not None:
        return refusal
    name = person.name.shown
    marks = dict(message.reactions)
    names = [other for other in marks.pop(mark, ()) if other != name] + ([name] if request.on else [])
    if names:
        marks[mark] = tuple(names)
    if len(marks) > _MARKS:
        return refuse("bad_field", why=f"a message has {_MARKS} different marks at the most")
    if marks == message.reactions:
        effects.append(Persist(account_of(person)))  # it may be so by what is of this very batch, and not stored either
        effects.append(Acknowledge(session.id, Ok(id=request.id, unchanged=not request.again)))
        return None
    now_is = msgspec.structs.replace(message, reactions=marks)
    effects.append(Persist(Amend(room.id, message.seq, encode(now_is), message.text)))
    event = Reacted(
        room=room.name,
        seq=rooms.number_next(registry, room),
        time=registry.stamp(now),
        sender=name,
        target=message.seq,
        mark=mark,
        on=request.on,
    )
    _tell(session, room, event, request.id, effects)
    return None


def _find(registry: Registry, session: Session, name: str) -> tuple[Person, Room, Message | None, bool]:
    """Who asks, where, about which message, and whether it is theirs: by its sender's number, for names pass
    from one to another."""
    person = rooms.person_of(session)
    if not isinstance(registry.found, FoundLine):
        return person, person.rooms[name], None, False
    return person, person.rooms[name], registry.found.message, registry.found.sender == person.id


def _may_change(room: Room, person: Person, now: float) -> Refusal | None:
    """Who may not speak may not change what was said either; waiting between messages is not meant."""
    refusal = talk.may_speak(room, person, now) if room.direct is None else None
    return None if refusal is None or refusal.code == "too_soon" else refusal


def _tell(
    session: Session,
    room: Room,
    event: Edited | Deleted | Reacted,
    request_id: str,
    effects: list[Effect],
) -> None:
    rooms.publish(room, event, rooms.person_of(session), effects)
    effects.append(Acknowledge(session.id, Ok(id=request_id, room=room.name, seq=event.seq, time=event.time)))
