"""Rooms: entering and leaving them, their topics, who is in them, and which there are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from trio_chat.broker import presence
from trio_chat.broker.effects import Acknowledge, Effect, Publish, Recall, Reply, Subscribe, Tell, Unsubscribe
from trio_chat.broker.state import Person, Room, Session
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import (
    Delivered,
    Left,
    Ok,
    Page,
    People,
    PersonInfo,
    ReadUpTo,
    RoomInfo,
    RoomLine,
    RoomList,
    TopicChanged,
    Welcome,
)
from trio_chat.protocol.events import Room as RoomAnswer
from trio_chat.protocol.names import LOBBY, check_room
from trio_chat.protocol.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.broker.broker import Broker
    from trio_chat.protocol.requests import History, Join, Leave, Rooms, Topic, Who


def person_of(session: Session) -> Person:
    """Whose session this is. The table of commands lets none without a person past."""
    if session.person is None:
        message = f"session {session.id} is nobody's"
        raise AssertionError(message)
    return session.person


def describe(room: Room, person: Person) -> RoomInfo:
    """A room as one of its members sees it."""
    floor = person.floors.get(room.name, 0)
    return RoomInfo(
        name=room.name,
        direct=room.direct is not None,
        topic=room.topic,
        count=len(room.members),
        members=tuple(p.name.shown for p in room.members.values()) if room.direct is not None else (),
        first=floor + 1,
        last=room.last,
        read=person.read.get(room.name, 0),
    )


def restate(broker: Broker, effect: Effect) -> Effect | None:
    """An effect as it is without the lines that could not be stored and have been taken back: with each
    room's end where it is now, or ``None`` where it spoke of nothing but such a line."""
    if isinstance(effect, Recall):
        room = broker.rooms.get(effect.request.room)
        return Reply(effect.session, empty_page(effect.request)) if room is not None and just_begun(room) else effect
    if not isinstance(effect, Reply | Tell):
        return effect
    event = effect.event
    if isinstance(event, Welcome):
        rooms = tuple(_restate_info(broker, info) for info in event.rooms)
        return replace(effect, event=replace(event, rooms=rooms))
    if isinstance(event, RoomAnswer):
        return replace(effect, event=replace(event, room=_restate_info(broker, event.room)))
    if isinstance(event, ReadUpTo | Delivered):
        room = broker.rooms.get(event.room)
        return effect if room is not None and event.seq <= room.last else None
    return effect


def just_begun(room: Room) -> bool:
    """Whether this is a direct conversation in which nothing was said yet. Then its history is not read from
    the store: there may be the log of an earlier one between people of the same names."""
    return room.direct is not None and not room.last


def empty_page(request: History) -> Page:
    """The history of what has just begun."""
    return Page(id=request.id, room=request.room, events=(), more=False, first=1)


def _restate_info(broker: Broker, info: RoomInfo) -> RoomInfo:
    room = broker.rooms.get(info.name)
    if room is None:
        return info
    last = min(info.last, room.last)
    return replace(info, topic=room.topic, first=min(info.first, last + 1), last=last, read=min(info.read, last))


def number_next(broker: Broker, room: Room, *undo: Callable[[], object]) -> int:
    """Give the next line of a room's log its number, and say how to undo that and what came with it."""
    broker.undo.extend(undo)
    broker.undo.append(partial(setattr, room, "last", room.last))
    room.last += 1
    return room.last


def enter(broker: Broker, person: Person, room: Room) -> None:
    """Put a person into a room. A direct conversation's past belongs to who had it: what was said
    before is not shown to whoever has that name now."""
    broker.rooms[room.name] = room
    room.members[person.name.key] = person
    person.rooms[room.name] = room
    if room.direct is not None:
        person.floors[room.name] = room.last


def exit_room(broker: Broker, person: Person, room: Room, key: str | None = None) -> None:
    """Take a person out of a room. ``key`` is the name they had in it, if not the one they have now."""
    room.members.pop(key or person.name.key, None)
    for held in (person.rooms, person.floors, person.read):
        held.pop(room.name, None)
    if room.direct is not None and not room.members:
        del broker.rooms[room.name]
        del broker.direct[room.direct]


def subscribe(person: Person, room: Room, effects: list[Effect], answer: RoomAnswer | None = None) -> None:
    """Tell all devices of a person that they are in this room, and let them hear it."""
    mine = tuple(person.sessions)
    effects.append(Tell(mine, answer or RoomAnswer(room=describe(room, person))))
    effects.extend(Subscribe(session, room.name) for session in mine)


def unsubscribe(person: Person, room: Room, effects: list[Effect], but: int | None = None) -> None:
    """Let the devices of a person no longer hear this room, and tell them, all ``but`` one."""
    effects.extend(Unsubscribe(session, room.name) for session in person.sessions)
    effects.append(Tell(tuple(s for s in person.sessions if s != but), Left(room=room.name)))


def join(broker: Broker, session: Session, request: Join, now: float, effects: list[Effect]) -> Refusal | None:
    """Enter a room, and make it if there is none of that name. Entering twice is entering."""
    person = person_of(session)
    name = check_room(request.room)
    if isinstance(name, Refusal):
        return name
    if name in person.rooms:
        effects.append(Reply(session.id, RoomAnswer(id=request.id, room=describe(person.rooms[name], person))))
        return None
    limit = broker.settings.max_rooms
    if len(person.rooms) >= limit:
        return refuse("too_many_rooms", limit=limit)
    room = broker.rooms.get(name) or Room(name)
    enter(broker, person, room)
    info = describe(room, person)
    effects.append(Reply(session.id, RoomAnswer(id=request.id, room=info)))
    others = tuple(s for s in person.sessions if s != session.id)
    if others:
        effects.append(Tell(others, RoomAnswer(room=info)))
    effects.extend(Subscribe(s, name) for s in person.sessions)
    presence.came(broker, room, person.name.shown, now, effects)
    return None


def leave(broker: Broker, session: Session, request: Leave, now: float, effects: list[Effect]) -> Refusal | None:
    """Go out of a room, with all devices; of the lobby nobody can."""
    person = person_of(session)
    if request.room == LOBBY:
        return refuse("stays_in_lobby", room=LOBBY)
    room = person.rooms[request.room]
    exit_room(broker, person, room)
    unsubscribe(person, room, effects, but=session.id)
    effects.append(Reply(session.id, Ok(id=request.id, room=room.name)))
    if room.direct is None:
        presence.went(broker, room, person.name.shown, now, effects)
    return None


def set_topic(broker: Broker, session: Session, request: Topic, now: float, effects: list[Effect]) -> Refusal | None:
    """Set a room's topic: a line of its log."""
    person = person_of(session)
    room = person.rooms[request.room]
    if room.direct is not None:
        return refuse("no_topic_here")
    text = clean_line(request.text)
    if len(text) > 300:  # noqa: PLR2004 - fits a wide terminal's title line
        return refuse("too_long", size=len(text), limit=300)
    number_next(broker, room, partial(setattr, room, "topic", room.topic))
    room.topic = text
    time = broker.stamp(now)
    event = TopicChanged(room=room.name, seq=room.last, time=time, sender=person.name.shown, text=text)
    effects.append(Publish(room.name, event))
    effects.append(Acknowledge(session.id, Ok(id=request.id, room=room.name, seq=room.last, time=time)))
    return None


def list_rooms(broker: Broker, session: Session, request: Rooms, now: float, effects: list[Effect]) -> Refusal | None:  # noqa: ARG001 - a handler's signature
    """Say which rooms there are, the fullest first."""
    person = person_of(session)
    public = [room for room in broker.rooms.values() if room.direct is None]
    public.sort(key=lambda room: (-len(room.members), room.name))
    lines = tuple(
        RoomLine(name=r.name, topic=r.topic, count=len(r.members), joined=r.name in person.rooms) for r in public
    )
    effects.append(Reply(session.id, RoomList(id=request.id, rooms=lines)))
    return None


def who(broker: Broker, session: Session, request: Who, now: float, effects: list[Effect]) -> Refusal | None:  # noqa: ARG001 - a handler's signature
    """Say who is in a room and here now."""
    person = person_of(session)
    name = LOBBY if request.room is None else request.room
    room = person.rooms.get(name) or broker.rooms.get(name)
    if room is None or (room.direct is not None and name not in person.rooms):
        return broker.no_such_room(name)
    people = tuple(
        PersonInfo(name=p.name.shown, away=p.away, since=p.since)
        for p in sorted(room.members.values(), key=lambda p: p.name.key)
    )
    effects.append(Reply(session.id, People(id=request.id, room=name, people=people)))
    return None
