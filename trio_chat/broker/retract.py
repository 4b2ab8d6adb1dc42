"""Undoing a batch that could not be stored: what remains to be said, and how.

Its requests that were to be stored are refused. The others hold, but some of their answers speak of what the refused
ones changed: a welcome lists a room that was entered in vain, a message sent twice is acknowledged for the first. These
answers are made anew as things are now, or are refused too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from msgspec.structs import replace

from trio_chat.broker import files, rooms
from trio_chat.broker.effects import Acknowledge, Effect, Notify, Recall, Reply, Seek, Subscribe, Tell
from trio_chat.errors import refuse
from trio_chat.protocol.events import Delivered, Error, Ok, Presence, ReadUpTo, Room, Welcome

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import Person, Session
    from trio_chat.protocol.events import Event


def recount(registry: Registry) -> None:
    """After a batch was undone, derive again from the memberships which people are here and how far they have read."""
    connected = [session.person for session in registry.sessions.values() if session.person is not None]
    registry.here = len({person.id for person in connected if person.visible})
    for room in registry.rooms.values():
        room.here = {number: member.person for number, member in room.members.items() if member.person.visible}
        if room.arrived or room.departed:
            room.arrived = {name: number for name, number in room.arrived.items() if number in room.here}
            room.departed = {name: gone for name, gone in room.departed.items() if gone.account not in room.here}
    for person in registry.persons.values():
        lasts = {room.id: room.last for room in person.rooms.values()}
        person.read = {number: min(seq, lasts[number]) for number, seq in person.read.items() if number in lasts}


def is_let_in(registry: Registry, session: Session, person: Person) -> bool:
    """Whether all that a session came in by is still there after a batch was undone: the account, and its device or
    password."""
    if registry.persons.get(person.id) is not person:
        return False
    device = session.device
    return session.password == person.password if device is None else device.digest in person.devices


def restate(registry: Registry, effect: Effect) -> list[Effect]:
    """An effect as it is now that the batch was undone, with what it needs; nothing where it speaks of a line that is
    not there."""
    if isinstance(effect, Reply | Acknowledge | Recall | Seek | Subscribe):
        session = registry.sessions.get(effect.session)
        if session is None:
            return []
        if session.person is None:
            return [effect]
        if isinstance(effect, Subscribe):
            return []  # comes with its welcome
        return _restate_answer(registry, effect, session, session.person)
    if isinstance(effect, Tell) and isinstance(effect.event, ReadUpTo | Delivered):
        room = registry.rooms.get(effect.event.room)
        return [effect] if room is not None and effect.event.seq <= room.last else []
    if isinstance(effect, Notify) and isinstance(effect.event, Presence):
        room = registry.rooms.get(effect.room)
        return [] if room is None else [Notify(effect.room, replace(effect.event, count=len(room.here)))]
    return [effect]


def _restate_answer(
    registry: Registry, effect: Reply | Acknowledge | Recall | Seek, session: Session, person: Person
) -> list[Effect]:
    last = {room.id: room.last for room in person.rooms.values()}
    if not is_let_in(registry, session, person):
        request = effect.request.id if isinstance(effect, Recall | Seek) else getattr(effect.event, "id", None)
        return [_not_stored(effect.session, request or "")]
    if isinstance(effect, Seek):
        return [replace(effect, rooms=tuple(number for number in effect.rooms if number in last))]
    if isinstance(effect, Recall):
        if effect.number not in last:
            return [_not_stored(effect.session, effect.request.id)]
        return [replace(effect, last=min(effect.last, last[effect.number]))]
    event: Event = effect.event
    if isinstance(event, Welcome):
        infos, left_out = rooms.describe_all(registry, person)
        gone = tuple(one for one in event.put_out if one.room not in person.rooms)
        now_is = replace(
            event,
            name=person.name.shown,
            admin=person.admin,
            rooms=infos,
            left_out=left_out,
            put_out=gone,
            files=files.limits_for(registry, person),
        )
        subscribed = (Subscribe(effect.session, room.name, room.id) for room in person.rooms.values())
        return [Reply(effect.session, now_is), *subscribed]
    if isinstance(event, Room):
        room = person.rooms.get(event.room.name)
        if room is None:
            return [_not_stored(effect.session, event.id)]
        return [Reply(effect.session, replace(event, room=rooms.describe(room, person)))]
    return [_not_stored(effect.session, event.id) if _is_in_vain(event, registry) else effect]


def _is_in_vain(event: Event, registry: Registry) -> TypeGuard[Ok | Error]:
    """Whether an answer speaks of a line that is not there, or lacks a line that was not deleted after all."""
    if isinstance(event, Ok) and event.seq is not None:
        room = registry.rooms.get(event.room or "")
        return room is None or event.seq > room.last
    return isinstance(event, Error) and event.code == "unknown_message"


def _not_stored(session: int, request: str) -> Reply:
    refusal = refuse("not_stored")
    return Reply(session, Error(id=request, code=refusal.code, message=refusal.message, advice=refusal.advice))
