"""Talking: messages to rooms and to people, and the signs that they arrived, were read, are being written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trio_chat.broker import rooms
from trio_chat.broker.effects import Acknowledge, Effect, Notify, Publish, Recall, Reply, Tell
from trio_chat.broker.state import BIG_ROOM, RECENT, UNDELIVERED, Person, Room, Session
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import Delivered, Message, Ok, Pong, ReadUpTo, TypingNotice
from trio_chat.protocol.text import clean, clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.broker import Broker
    from trio_chat.protocol.requests import History, Ping, Read, Received, Send, Typing


def send(broker: Broker, session: Session, request: Send, now: float, effects: list[Effect]) -> Refusal | None:
    """Put a message into a room's log. One that was stored before is acknowledged again, not stored again."""
    person = rooms.person_of(session)
    known = person.recent.get(request.id)
    if known is not None:
        name, seq, time = known
        effects.append(Acknowledge(session.id, Ok(id=request.id, room=name, seq=seq, time=time)))
        return None
    text = clean(request.text)
    limit = broker.settings.max_text
    if len(text) > limit:
        return refuse("too_long", size=len(text), limit=limit)
    if not text or text.isspace():
        return refuse("empty")
    room = _find_room(broker, person, request, effects)
    if isinstance(room, Refusal):
        return room
    seq = rooms.number_next(broker, room, partial(person.recent.pop, request.id, None))
    time = broker.stamp(now)
    message = Message(
        room=room.name,
        seq=seq,
        time=time,
        sender=person.name.shown,
        text=text,
        cid=clean_line(request.id),
        sent=None if request.sent is None else clean_line(request.sent),
        kind=request.kind,
    )
    effects.append(Publish(room.name, message))
    effects.append(Acknowledge(session.id, Ok(id=request.id, room=room.name, seq=seq, time=time)))
    person.recent[request.id] = (room.name, seq, time)
    if len(person.recent) > RECENT:
        del person.recent[next(iter(person.recent))]
    if room.direct is not None:
        _await_delivery(broker, room, seq, person)
    return None


def typing(broker: Broker, session: Session, request: Typing, now: float, effects: list[Effect]) -> Refusal | None:  # noqa: ARG001 - a handler's signature
    """Tell a room that somebody is writing; a big one is spared it."""
    person = rooms.person_of(session)
    room = person.rooms[request.room]
    effects.append(Reply(session.id, Ok(id=request.id)))
    if len(room.members) <= BIG_ROOM:
        effects.append(Notify(room.name, TypingNotice(room=room.name, name=person.name.shown)))
    return None


def read(broker: Broker, session: Session, request: Read, now: float, effects: list[Effect]) -> Refusal | None:  # noqa: ARG001 - a handler's signature
    """Move a person's reading position in a room; it only goes forward, and never past the end."""
    person = rooms.person_of(session)
    room = person.rooms[request.room]
    seq = min(request.seq, room.last)
    effects.append(Reply(session.id, Ok(id=request.id)))
    if seq > person.read.get(room.name, 0):
        person.read[room.name] = seq
        others = tuple(s for s in person.sessions if s != session.id)
        if others:
            effects.append(Tell(others, ReadUpTo(room=room.name, seq=seq)))
    return None


def received(broker: Broker, session: Session, request: Received, now: float, effects: list[Effect]) -> Refusal | None:  # noqa: ARG001 - a handler's signature
    """Tell a direct message's sender that it reached this person: once, whichever device says so first."""
    person = rooms.person_of(session)
    room = person.rooms[request.room]
    effects.append(Reply(session.id, Ok(id=request.id)))
    waiting = room.undelivered.get(request.seq)
    # what was said before is not this person's to sign for: whoever had the name then got it
    here_then = request.seq > person.floors.get(room.name, 0)
    if waiting is not None and here_then and person.name.key in waiting[1]:
        sender, keys = waiting
        keys.discard(person.name.key)
        if not keys:
            del room.undelivered[request.seq]
        if room.name in sender.rooms:
            notice = Delivered(room=room.name, seq=request.seq, by=person.name.shown)
            effects.append(Tell(tuple(sender.sessions), notice))
    return None


def history(broker: Broker, session: Session, request: History, now: float, effects: list[Effect]) -> Refusal | None:  # noqa: ARG001 - a handler's signature
    """Have a stretch of a room's log read."""
    person = rooms.person_of(session)
    if request.after is not None and request.before is not None:
        return refuse("bad_field", why="give after or before, not both")
    if rooms.just_begun(person.rooms[request.room]):
        effects.append(Reply(session.id, rooms.empty_page(request)))
    else:
        effects.append(Recall(session.id, request, person.floors.get(request.room, 0)))
    return None


def ping(broker: Broker, session: Session, request: Ping, now: float, effects: list[Effect]) -> Refusal | None:
    """Give a sign of life."""
    effects.append(Reply(session.id, Pong(id=request.id, time=broker.stamp(now))))
    return None


def _find_room(broker: Broker, person: Person, request: Send, effects: list[Effect]) -> Room | Refusal:
    if request.room is not None:
        if request.to is not None:
            return refuse("two_recipients")
        room = person.rooms.get(request.room)
        if room is not None and room.direct is not None:
            return _recipients(broker, person, sorted(room.direct), effects)
        return room or broker.no_such_room(request.room) or refuse("not_a_member", room=request.room)
    if not request.to:
        return refuse("no_recipient")
    limit = broker.settings.max_recipients
    if len(request.to) > limit:
        return refuse("too_many_recipients", count=len(request.to), limit=limit)
    return _recipients(broker, person, request.to, effects)


def _recipients(broker: Broker, person: Person, names: Sequence[str], effects: list[Effect]) -> Room | Refusal:
    """The conversation with these people; everyone of them must be here."""
    others: dict[str, Person] = {}
    for name in names:
        other = broker.find_person(name)
        if isinstance(other, Refusal):
            return other
        if other is not person:
            others[other.name.key] = other
    if not others:
        return refuse("only_yourself")
    return _conversation(broker, person, others, effects)


def _conversation(broker: Broker, person: Person, others: dict[str, Person], effects: list[Effect]) -> Room:
    """The direct conversation of these people, begun if it is not there, with all of them in it."""
    people = {person.name.key: person, **others}
    keys = frozenset(people)
    room = broker.direct.get(keys)
    if room is None:
        room = broker.direct[keys] = Room("@" + "+".join(sorted(keys)), direct=keys)
    missing = [p for key, p in people.items() if key not in room.members]
    for newcomer in missing:
        rooms.enter(broker, newcomer, room)
    for newcomer in missing:
        rooms.subscribe(newcomer, room, effects)
    return room


def _await_delivery(broker: Broker, room: Room, seq: int, sender: Person) -> None:
    readers = {key for key in room.members if key != sender.name.key}
    if readers:
        room.undelivered[seq] = (sender, readers)
        broker.undo.append(partial(room.undelivered.pop, seq, None))
    if len(room.undelivered) > UNDELIVERED:
        del room.undelivered[next(iter(room.undelivered))]
