"""Talking: messages to rooms and to people, the signs that they arrived, were read, are being written, and
finding them again."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from trio_chat.broker import rooms
from trio_chat.broker.effects import Acknowledge, Effect, Notify, Persist, Publish, Recall, Reply, Seek, Tell
from trio_chat.broker.state import (
    BIG_ROOM,
    MENTIONED,
    RECENT,
    UNDELIVERED,
    FoundLine,
    FoundSent,
    Person,
    Role,
    Room,
    Session,
    seconds,
    stamp,
    until,
)
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.addressing import mentions
from trio_chat.protocol.events import Delivered, Message, Ok, Pong, ReadUpTo, TypingNotice
from trio_chat.protocol.text import clean, clean_line, quoted
from trio_chat.records import SaveMention, SaveRoom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.registry import Registry
    from trio_chat.protocol.requests import History, Ping, Read, Received, Search, Send, Typing


def send(registry: Registry, session: Session, request: Send, now: float, effects: list[Effect]) -> Refusal | None:
    """Put a message into a room's log. One that was stored before is acknowledged again, not stored again."""
    person = rooms.person_of(session)
    known = person.recent.get(request.id) or _stored_before(registry)
    if known is not None:
        name, seq, time = known
        effects.append(Acknowledge(session.id, Ok(id=request.id, room=name, seq=seq, time=time)))
        return None
    text = clean(request.text)
    refusal = check_text(registry, text)
    if refusal is not None:
        return refusal
    if request.sent is not None and not _is_clock(request.sent):
        return refuse("bad_field", why="sent is no time with its offset, as in RFC 3339")
    room = _find_room(registry, person, request, now, effects)
    if isinstance(room, Refusal):
        return room
    if request.reply_to is not None and not _is_said(registry):
        return refuse("unknown_message", seq=request.reply_to, room=room.name)
    registry.journal.set(room.members[person.id], "spoke", now)
    seq, time = rooms.number_next(registry, room), registry.stamp(now)
    message = Message(
        room=room.name,
        seq=seq,
        time=time,
        sender=person.name.shown,
        text=text,
        cid=clean_line(request.id),
        sent=request.sent,
        kind=request.kind,
        reply_to=request.reply_to,
    )
    effects.append(Publish(room.name, message, room.id, person.id, text, request.id))
    effects.append(Acknowledge(session.id, Ok(id=request.id, room=room.name, seq=seq, time=time)))
    _remember(registry, person, request.id, (room.name, seq, time))
    if "@" in text:
        _mention(registry, room, person, text, seq, effects)
    if room.direct is not None:
        _await_delivery(registry, room, seq, person)
    return None


def answered_in(registry: Registry, person: Person, request: Send) -> Room | None:
    """The room in which the message would be that this one answers; ``None`` where there is none yet."""
    if request.room is not None:
        return person.rooms.get(request.room)
    if len(request.to or ()) > registry.settings.max_recipients:
        return None
    people = _people(registry, person, request.to or ())
    return None if isinstance(people, Refusal) else registry.direct.get(frozenset(people))


def check_text(registry: Registry, text: str) -> Refusal | None:
    """Whether a message may have this (clean) text."""
    limit = registry.settings.max_text
    if len(text) > limit:
        return refuse("too_long", size=len(text), limit=limit)
    if not text or text.isspace():
        return refuse("empty")
    return None


def may_speak(room: Room, person: Person, now: float) -> Refusal | None:
    """Whether somebody may say something in a room they are in."""
    member = room.members[person.id]
    if member.muted > now:
        return refuse("may_not_speak", room=room.name, until=until(member.muted))
    if not (room.announce_only or room.slow) or room.role_of(person) >= Role.MODERATOR:
        return None
    if room.announce_only:
        return refuse("announcements_only", room=room.name)
    wait = member.spoke + room.slow - now
    return refuse("too_soon", room=room.name, seconds=max(wait, 1.0)) if wait > 0 else None


def typing(registry: Registry, session: Session, request: Typing, now: float, effects: list[Effect]) -> Refusal | None:
    """Tell a room that somebody is writing; a big one is spared it."""
    person = rooms.person_of(session)
    room = person.rooms[request.room]
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    if len(room.here) <= BIG_ROOM:
        effects.append(Notify(room.name, TypingNotice(room=room.name, name=person.name.shown)))
    return None


def read(registry: Registry, session: Session, request: Read, now: float, effects: list[Effect]) -> Refusal | None:
    """Move a person's reading position in a room; it only goes forward, and never past the end."""
    person = rooms.person_of(session)
    room = person.rooms[request.room]
    seq = min(request.seq, room.last)
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    if seq > person.read.get(room.id, 0):
        person.read[room.id] = seq
        if room.id in person.mentions:
            person.mentions[room.id] = [at for at in person.mentions[room.id] if at > seq]
        registry.unsaved_reads[person.id, room.id] = person
        registry.save_soon(now)
        others = tuple(s for s in person.sessions if s != session.id)
        if others:
            effects.append(Tell(others, ReadUpTo(room=room.name, seq=seq)))
    return None


def received(
    registry: Registry, session: Session, request: Received, now: float, effects: list[Effect]
) -> Refusal | None:
    """Tell a direct message's sender that it reached this person: once, whichever device says so first."""
    person = rooms.person_of(session)
    room = person.rooms[request.room]
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    waiting = room.undelivered.get(request.seq)
    if waiting is not None and person.id in waiting[1]:
        sender, readers = waiting
        readers.discard(person.id)
        if not readers:
            del room.undelivered[request.seq]
        if room.name in sender.rooms:
            notice = Delivered(room=room.name, seq=request.seq, by=person.name.shown)
            effects.append(Tell(tuple(sender.sessions), notice))
    return None


def history(
    registry: Registry, session: Session, request: History, now: float, effects: list[Effect]
) -> Refusal | None:
    """Have a stretch of a room's log read."""
    room = rooms.person_of(session).rooms[request.room]
    if sum(given is not None for given in (request.after, request.before, request.since)) > 1:
        return refuse("bad_field", why="give one of after, before and since")
    since = None if request.since is None else _moment(request.since)
    if request.since is not None and since is None:
        return refuse("bad_time", time=quoted(request.since))
    effects.append(Recall(session.id, request, room.id, since))
    return None


def search(registry: Registry, session: Session, request: Search, now: float, effects: list[Effect]) -> Refusal | None:
    """Have all that this person may read, and nothing else, searched."""
    person = rooms.person_of(session)
    readable = {room.name: room.id for room in person.rooms.values()}
    if request.room is not None:
        room = person.rooms.get(request.room)
        if room is None:
            return registry.no_such_room(request.room, person) or refuse("not_a_member", room=request.room)
        readable = {room.name: room.id}
    sender: int | None = None
    if request.sender is not None:
        found = registry.find_person(request.sender, gone=True)
        if isinstance(found, Refusal):
            return found
        sender = found.id
    times: list[str | None] = []
    for given in (request.before, request.after):
        moment = None if given is None else _moment(given)
        if given is not None and moment is None:
            return refuse("bad_time", time=quoted(given))
        times.append(moment)
    if not (request.words or sender or request.has_link or any(times) or request.room):
        return refuse("empty")
    effects.append(Seek(session.id, request, tuple(readable.values()), sender, *times))
    return None


def ping(registry: Registry, session: Session, request: Ping, now: float, effects: list[Effect]) -> Refusal | None:
    """Give a sign of life."""
    effects.append(Reply(session.id, Pong(id=request.id, time=registry.stamp(now))))
    return None


def _is_clock(given: str) -> bool:
    """Whether that is a sender's clock: a time and how far from UTC."""
    try:
        return given.isascii() and datetime.fromisoformat(given).tzinfo is not None
    except ValueError:
        return False


def _moment(given: str) -> str | None:
    """A day or time as stored; ``None`` if it is none."""
    try:
        return stamp(seconds(given))
    except (ValueError, OverflowError, OSError):
        return None


def _is_said(registry: Registry) -> bool:
    """Whether what a message answers is a message, and was not taken back."""
    return isinstance(registry.found, FoundLine) and not registry.found.message.deleted


def _stored_before(registry: Registry) -> tuple[str, int, str] | None:
    """What the store says of a message that is sent again."""
    found = registry.found
    room = registry.numbered.get(found.room) if isinstance(found, FoundSent) else None
    return None if room is None or not isinstance(found, FoundSent) else (room.name, found.seq, found.time)


def _remember(registry: Registry, person: Person, cid: str, where: tuple[str, int, str]) -> None:
    person.recent[cid] = where
    registry.journal.then(partial(person.recent.pop, cid, None))
    if len(person.recent) > RECENT:
        del person.recent[next(iter(person.recent))]


def _mention(registry: Registry, room: Room, sender: Person, text: str, seq: int, effects: list[Effect]) -> None:
    """Note for each member who is named in a text that they are, until they have read it."""
    for key in {name.casefold() for _, _, name in mentions(text, MENTIONED)}:
        person = registry.people.get(key)
        if person is not None and person is not sender and person.id in room.members:
            held = person.mentions.get(room.id, [])
            registry.journal.put(person.mentions, room.id, [*held, seq])
            effects.append(Persist(SaveMention(room.id, person.id, seq)))


def _find_room(registry: Registry, person: Person, request: Send, now: float, effects: list[Effect]) -> Room | Refusal:
    if request.room is not None:
        if request.to is not None:
            return refuse("two_recipients")
        room = person.rooms.get(request.room)
        if room is None:
            return registry.no_such_room(request.room, person) or refuse("not_a_member", room=request.room)
        if room.direct is not None:
            others = {number: registry.persons[number] for number in room.direct if number in registry.persons}
            return _everyone_of(registry, room, person) or _conversation(registry, others, now, effects)
        return may_speak(room, person, now) or room
    if not request.to:
        return refuse("no_recipient")
    limit = registry.settings.max_recipients
    if len(request.to) > limit:
        return refuse("too_many_recipients", count=len(request.to), limit=limit)
    return _recipients(registry, person, request.to, now, effects)


def _everyone_of(registry: Registry, room: Room, person: Person) -> Refusal | None:
    """Whether the people of a direct conversation can all be reached."""
    for number in room.direct or ():
        other = registry.persons.get(number)
        if other is None or not (other.sessions or not other.guest or other is person):
            name = "+".join(n for n in room.name.removeprefix("@").split("+") if n != person.name.key)
            return refuse("unknown_person", name=name if other is None else other.name.shown, near="", done="sent")
    return None


def _recipients(
    registry: Registry, person: Person, names: Sequence[str], now: float, effects: list[Effect]
) -> Room | Refusal:
    """The conversation with these people; every one of them must be known."""
    people = _people(registry, person, names)
    if isinstance(people, Refusal):
        return people
    if frozenset(people) not in registry.direct:
        refusal = _may_begin(registry, person, now)
        if refusal is not None:
            return refusal
    return _conversation(registry, people, now, effects)


def _may_begin(registry: Registry, person: Person, now: float) -> Refusal | None:
    """Count a conversation against whoever begins it: it takes memory for good, and others cannot keep out of it."""
    wait = registry.begun.take(str(person.id), now, registry.settings.conversations, registry.journal)
    return refuse("too_many_conversations", seconds=wait) if wait else None


def _people(registry: Registry, person: Person, names: Sequence[str]) -> dict[int, Person] | Refusal:
    """A person and those whom they name, who must be known."""
    others: dict[int, Person] = {}
    for name in names:
        other = registry.find_person(name, done="sent")
        if isinstance(other, Refusal):
            return other
        if other is not person:
            others[other.id] = other
    return {person.id: person, **others} if others else refuse("only_yourself")


def _conversation(registry: Registry, people: dict[int, Person], now: float, effects: list[Effect]) -> Room:
    """The direct conversation of these people, begun if it is not there, with all of them in it."""
    room = registry.direct.get(frozenset(people))
    if room is None:
        label = name = "@" + "+".join(sorted(p.name.key for p in people.values()))
        copies = 1
        while name in registry.rooms:  # of people who had these names before
            copies += 1
            name = f"{label}~{copies}"
        saved = SaveRoom(registry.next_room, name, direct=tuple(sorted(people)), created=registry.stamp(now))
        room = rooms.make_room(registry, saved, effects)
    missing = [person for number, person in people.items() if number not in room.members]
    for newcomer in missing:
        rooms.enter(registry, newcomer, room, effects)
    for newcomer in missing:
        rooms.let_hear(newcomer, room, effects)
    return room


def _await_delivery(registry: Registry, room: Room, seq: int, sender: Person) -> None:
    readers = {number for number in room.members if number != sender.id}
    if readers:
        registry.journal.put(room.undelivered, seq, (sender, readers))
    if len(room.undelivered) > UNDELIVERED:
        del room.undelivered[next(iter(room.undelivered))]
