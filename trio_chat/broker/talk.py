"""Talking: messages to rooms and to people, typing notices, read positions, delivery receipts, history and search."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from trio_chat.broker import files, rooms
from trio_chat.broker.effects import Notify, Publish, Recall, Seek, Tell
from trio_chat.broker.state import (
    BIG_ROOM,
    MENTIONED,
    MOST_MENTIONS,
    SENT_IDS,
    UNDELIVERED,
    ChatRoom,
    Person,
    Role,
    StoredMessage,
    StoredPlace,
    seconds,
    stamp,
)
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.addressing import find_mentions
from trio_chat.protocol.events import Delivered, Message, Ok, Pong, ReadUpTo, TypingNotice
from trio_chat.protocol.files import with_file_lines
from trio_chat.protocol.text import clean, clean_line, quoted
from trio_chat.records import DropMention, SaveMention, SaveRoom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.ask import Ask
    from trio_chat.broker.registry import Registry
    from trio_chat.protocol.parts import FileInfo
    from trio_chat.protocol.requests import Delete, Edit, History, Ping, Read, Received, Search, Send, Typing


def send(ask: Ask[Send]) -> Refusal | None:
    """Put a message into a room's log. One that was stored before is acknowledged again, not stored again."""
    registry, request, person = ask.registry, ask.request, ask.person
    before = _acknowledged_before(ask)
    if before is not None:
        ask.acknowledge(before)
        return None
    text = clean(request.text)
    refusal = check_text(registry, text)
    if refusal is not None and not (request.files and refusal.code == "empty"):
        return refusal
    if request.sent is not None and not _is_clock(request.sent):
        return refuse("bad_field", why="sent is not a time with an offset (RFC 3339)")
    room = _find_room(ask, person)
    if isinstance(room, Refusal):
        return room
    if request.reply_to is not None and not _replies_to_message(ask):
        return refuse("unknown_message", seq=request.reply_to, room=room.name)
    carried: tuple[FileInfo, ...] = ()
    told = text
    if request.files:
        found = files.find_sendable(registry, person, room, request.files)
        if isinstance(found, Refusal):
            return found
        carried, told = found, with_file_lines("" if text.isspace() else text, found)
    registry.journal.set(room.members[person.id], "spoke", ask.now)
    seq, time = rooms.number_next(registry, room), ask.time
    people = mentioned_in(registry, room, person, text)
    message = Message(
        room=room.name,
        seq=seq,
        time=time,
        sender=person.name.shown,
        sender_id=person.id,
        text=told,
        mentions=tuple(mentioned.id for mentioned in people) if people else (),
        cid=clean_line(request.id),
        sent=request.sent,
        kind=request.kind,
        reply_to=request.reply_to,
        files=carried,
    )
    ask.effects.append(Publish(room.name, message, room.id, person.id, told, request.id))
    if carried:
        files.carry(ask, room, seq, request.files)
    ask.acknowledge(Ok(id=request.id, room=room.name, seq=seq, time=time))
    _remember(registry, person, request.id, StoredPlace(room.id, seq, time))
    if people:
        change_mentions(ask, room, seq, (), [mentioned.id for mentioned in people])
    if room.direct is not None:
        _await_delivery(registry, room, seq, person)
    return None


def room_of_reply(registry: Registry, person: Person, request: Send) -> ChatRoom | None:
    """The room that holds the message which this one replies to; ``None`` where there is no such room yet."""
    if request.room is not None:
        return person.rooms.get(request.room)
    if len(request.to or ()) > registry.settings.max_recipients:
        return None
    people = _people(registry, person, request.to or ())
    return None if isinstance(people, Refusal) else registry.direct.get(frozenset(people))


def check_text(registry: Registry, text: str) -> Refusal | None:
    """Whether a message may have this (clean) text; one that carries files may be empty beside."""
    limit = registry.settings.max_text
    if len(text) > limit:
        return refuse("too_long", size=len(text), limit=limit)
    if not text or text.isspace():
        return refuse("empty")
    return None


def mentioned_in(registry: Registry, room: ChatRoom, sender: Person, text: str) -> list[Person]:
    """The members of a room whom its sender's text mentions, each once."""

    def member(key: str) -> Person | None:
        person = registry.people.get(key)
        return person if person is not None and person is not sender and person.id in room.members else None

    return list({person.id: person for _, _, person in find_mentions(text, member, MENTIONED)}.values())


def may_speak(registry: Registry, room: ChatRoom, person: Person, now: float) -> Refusal | None:
    """Whether a person may say something in a room that they are in."""
    member = room.members[person.id]
    if member.muted > now:
        return refuse("may_not_speak", room=room.name, until=registry.until(member.muted))
    if not (room.announce_only or room.slow) or room.role_of(person) >= Role.MODERATOR:
        return None
    if room.announce_only:
        return refuse("announcements_only", room=room.name)
    wait = member.spoke + room.slow - now
    return refuse("too_soon", room=room.name, seconds=max(wait, 1.0)) if wait > 0 else None


def typing(ask: Ask[Typing]) -> Refusal | None:
    """Tell a room that a person is writing; a big room is spared it."""
    person = ask.person
    room = person.rooms[ask.request.room]
    ask.acknowledge(Ok(id=ask.request.id))
    if len(room.here) <= BIG_ROOM:
        ask.effects.append(Notify(room.name, TypingNotice(room=room.name, name=person.name.shown, id=person.id)))
    return None


def read(ask: Ask[Read]) -> Refusal | None:
    """Move a person's read position in a room; it only goes forward, and never past the end."""
    registry, person = ask.registry, ask.person
    room = person.rooms[ask.request.room]
    seq = min(ask.request.seq, room.last)
    ask.acknowledge(Ok(id=ask.request.id))
    if seq > person.read.get(room.id, 0):
        person.read[room.id] = seq
        if room.id in person.mentions:
            person.mentions[room.id] = [at for at in person.mentions[room.id] if at > seq]
        registry.unsaved_reads[person.id, room.id] = person
        registry.save_soon(ask.now)
        others = tuple(number for number in person.sessions if number != ask.session.id)
        if others:
            ask.effects.append(Tell(others, ReadUpTo(room=room.name, seq=seq)))
    return None


def received(ask: Ask[Received]) -> Refusal | None:
    """Tell the sender of a direct message that it reached this person: once, whichever device says so first."""
    person = ask.person
    room = person.rooms[ask.request.room]
    ask.acknowledge(Ok(id=ask.request.id))
    waiting = room.undelivered.get(ask.request.seq)
    if waiting is not None and person.id in waiting[1]:
        sender, readers = waiting[0], tuple(number for number in waiting[1] if number != person.id)
        if readers:
            room.undelivered[ask.request.seq] = sender, readers
        else:
            del room.undelivered[ask.request.seq]
        if room.name in sender.rooms:
            notice = Delivered(room=room.name, seq=ask.request.seq, by=person.name.shown, by_id=person.id)
            ask.effects.append(Tell(tuple(sender.sessions), notice))
    return None


def history(ask: Ask[History]) -> Refusal | None:
    """Have a stretch of a room's log read."""
    request = ask.request
    room = ask.person.rooms[request.room]
    if sum(given is not None for given in (request.after, request.before, request.since)) > 1:
        return refuse("bad_field", why="give only one of after, before and since")
    since = None if request.since is None else _stored_time(request.since)
    if request.since is not None and since is None:
        return refuse("bad_time", time=quoted(request.since))
    ask.effects.append(Recall(ask.session.id, request, room.id, since, room.last))
    return None


def search(ask: Ask[Search]) -> Refusal | None:
    """Have the rooms searched that this person may read, and no others."""
    request, person = ask.request, ask.person
    readable = {room.name: room.id for room in person.rooms.values()}
    if request.room is not None:
        room = person.rooms.get(request.room)
        if room is None:
            return ask.registry.no_such_room(request.room, person) or refuse("not_a_member", room=request.room)
        readable = {room.name: room.id}
    sender: int | None = None
    if request.sender is not None:
        found = ask.registry.find_person(request.sender, gone=True)
        if isinstance(found, Refusal):
            return found
        sender = found.id
    times: list[str | None] = []
    for given in (request.before, request.after):
        time = None if given is None else _stored_time(given)
        if given is not None and time is None:
            return refuse("bad_time", time=quoted(given))
        times.append(time)
    if not (
        request.words or sender or request.has_link or request.has_file or request.file or any(times) or request.room
    ):
        return refuse("empty")
    ask.effects.append(Seek(ask.session.id, request, tuple(readable.values()), sender, *times))
    return None


def ping(ask: Ask[Ping]) -> Refusal | None:
    """Give a sign of life."""
    ask.reply(Pong(id=ask.request.id, time=ask.time))
    return None


def _is_clock(given: str) -> bool:
    """Whether that is a sender's clock: a time and how far from UTC."""
    try:
        return given.isascii() and datetime.fromisoformat(given).tzinfo is not None
    except ValueError:
        return False


def _stored_time(given: str) -> str | None:
    """A day or time as times are stored; ``None`` if it is none."""
    try:
        return stamp(seconds(given))
    except (ValueError, OverflowError, OSError):
        return None


def _replies_to_message(ask: Ask[Send]) -> bool:
    """Whether the request replies to a message that is there and was not deleted."""
    return isinstance(ask.stored, StoredMessage) and not ask.stored.message.deleted


def _acknowledged_before(ask: Ask[Send]) -> Ok | None:
    """The acknowledgement of a message that is sent again and is stored. The room may have been removed with it since,
    and another one made under its name."""
    place = ask.person.sent_ids.get(ask.request.id)
    if place is None and isinstance(ask.stored, StoredPlace):
        place = ask.stored
    room = None if place is None else ask.registry.numbered.get(place.room)
    if place is None or room is None:
        return None
    return Ok(id=ask.request.id, room=room.name, seq=place.seq, time=place.time)


def _remember(registry: Registry, person: Person, cid: str, place: StoredPlace) -> None:
    person.sent_ids[cid] = place
    registry.journal.then(person.sent_ids.pop, cid, None)
    if len(person.sent_ids) > SENT_IDS:
        del person.sent_ids[next(iter(person.sent_ids))]


def change_mentions(
    ask: Ask[Send] | Ask[Edit] | Ask[Delete], room: ChatRoom, seq: int, before: Sequence[int], now: Sequence[int]
) -> None:
    """Note that a message mentions these accounts ``now`` and mentioned those ``before``. A mention counts until the
    member has read as far as the message."""
    registry = ask.registry
    for number in dict.fromkeys((*before, *now)):
        person, was, is_now = registry.persons.get(number), number in before, number in now
        if person is None or was is is_now:
            continue
        unread = person.mentions.get(room.id, [])
        if is_now and number in room.members and seq > person.read.get(room.id, 0) and seq not in unread:
            registry.journal.put(person.mentions, room.id, sorted([*unread, seq])[-MOST_MENTIONS:])
            ask.persist(SaveMention(room.id, number, seq))
        elif was and (seq in unread or len(unread) == MOST_MENTIONS):  # then it may be among those that are stored only
            registry.journal.put(person.mentions, room.id, [one for one in unread if one != seq])
            ask.persist(DropMention(room.id, number, seq))


def _find_room(ask: Ask[Send], person: Person) -> ChatRoom | Refusal:
    """The room that a message goes to, if the person may send it there."""
    registry, request = ask.registry, ask.request
    if request.room is None:
        return _find_conversation(ask)
    if request.to is not None:
        return refuse("two_recipients")
    room = person.rooms.get(request.room)
    if room is None:
        return registry.no_such_room(request.room, person) or refuse("not_a_member", room=request.room)
    if room.direct is not None:
        others = {number: registry.persons[number] for number in room.direct if number in registry.persons}
        return check_reachable(registry, room, person) or _conversation(ask, others)
    return may_speak(registry, room, person, ask.now) or room


def _find_conversation(ask: Ask[Send]) -> ChatRoom | Refusal:
    """The direct conversation with the people that a message goes to, who must all be known."""
    registry, person, names = ask.registry, ask.person, ask.request.to
    if not names:
        return refuse("no_recipient")
    limit = registry.settings.max_recipients
    if len(names) > limit:
        return refuse("too_many_recipients", count=len(names), limit=limit)
    people = _people(registry, person, names)
    if isinstance(people, Refusal):
        return people
    if frozenset(people) not in registry.direct:
        refusal = _may_begin(registry, person, ask.now)
        if refusal is not None:
            return refusal
    return _conversation(ask, people)


def check_recipients(registry: Registry, person: Person, names: Sequence[str]) -> Refusal | None:
    """Whether a person can write to these people, who must all be known."""
    if not names:
        return refuse("no_recipient")
    limit = registry.settings.max_recipients
    if len(names) > limit:
        return refuse("too_many_recipients", count=len(names), limit=limit)
    people = _people(registry, person, names)
    return people if isinstance(people, Refusal) else None


def check_reachable(registry: Registry, room: ChatRoom, person: Person) -> Refusal | None:
    """Whether the people of a direct conversation can all be reached."""
    for number in room.direct or ():
        other = registry.persons.get(number)
        if other is None or not (other.sessions or not other.guest or other is person):
            name = "+".join(n for n in room.name.removeprefix("@").split("+") if n != person.name.key)
            return refuse("unknown_person", name=name if other is None else other.name.shown, near="", done="sent")
    return None


def _may_begin(registry: Registry, person: Person, now: float) -> Refusal | None:
    """Count a conversation against the person who begins it: it takes memory for good, and others cannot refuse it."""
    wait = registry.begun.take(str(person.id), now, registry.settings.conversations, registry.journal)
    return refuse("too_many_conversations", seconds=wait) if wait else None


def _people(registry: Registry, person: Person, names: Sequence[str]) -> dict[int, Person] | Refusal:
    """A person and the people that they name, who must be known, by their numbers."""
    others: dict[int, Person] = {}
    for name in names:
        other = registry.find_person(name, done="sent")
        if isinstance(other, Refusal):
            return other
        if other is not person:
            others[other.id] = other
    return {person.id: person, **others} if others else refuse("only_yourself")


def _conversation(ask: Ask[Send], people: dict[int, Person]) -> ChatRoom:
    """The direct conversation of these people, begun if it is not there, with all of them in it."""
    registry = ask.registry
    room = registry.direct.get(frozenset(people))
    if room is None:
        label = name = "@" + "+".join(sorted(p.name.key for p in people.values()))
        copies = 1
        while name in registry.rooms:  # of people who had these names before
            copies += 1
            name = f"{label}~{copies}"
        room = rooms.make_room(ask, SaveRoom(registry.next_room, name, direct=tuple(sorted(people)), created=ask.time))
    missing = [person for number, person in people.items() if number not in room.members]
    for newcomer in missing:
        rooms.enter(ask, newcomer, room)
    for newcomer in missing:
        rooms.let_hear(ask, newcomer, room)
    return room


def _await_delivery(registry: Registry, room: ChatRoom, seq: int, sender: Person) -> None:
    """Remember the people of whom the sender waits to hear that the message reached them."""
    readers = tuple(number for number in room.members if number != sender.id)
    if readers:
        registry.journal.put(room.undelivered, seq, (sender, readers))
    if len(room.undelivered) > UNDELIVERED:
        del room.undelivered[next(iter(room.undelivered))]
