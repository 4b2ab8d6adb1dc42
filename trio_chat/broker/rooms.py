"""Rooms: entering and leaving them, their topics, who is in them, and which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.broker import presence
from trio_chat.broker.effects import Acknowledge, Effect, Persist, Publish, Reply, Subscribe, Tell, Unsubscribe
from trio_chat.broker.pages import fill
from trio_chat.broker.restore import account_of, add_room, record_of
from trio_chat.broker.state import FOR_GOOD, Member, Person, Role, Room, Session, stamp, until
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import (
    Invited,
    Left,
    Moderated,
    Ok,
    People,
    PersonInfo,
    Removal,
    RoomEvent,
    RoomInfo,
    RoomLine,
    RoomList,
    TopicChanged,
)
from trio_chat.protocol.events import Room as RoomAnswer
from trio_chat.protocol.names import LOBBY, check_room
from trio_chat.protocol.text import clean_line
from trio_chat.records import DropInvite, DropMember, DropRoom, Note, SaveMember, SaveRoom

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import Ban
    from trio_chat.protocol.requests import Join, Leave, Rooms, Topic, Who
    from trio_chat.records import PutOut

_MAX_TOPIC = 300
"""Characters of a topic: fits a wide terminal's title line."""


def person_of(session: Session) -> Person:
    """Whose session this is. The table of commands lets none without a person past."""
    if session.person is None:
        message = f"session {session.id} is nobody's"
        raise AssertionError(message)
    return session.person


def describe(room: Room, person: Person) -> RoomInfo:
    """A room as one of its members sees it."""
    role = room.role_of(person)
    read = person.read.get(room.id, 0)
    gone = max(read, room.first - 1)
    return RoomInfo(
        name=room.name,
        direct=room.direct is not None,
        topic=room.topic,
        count=len(room.here),
        members=tuple(m.person.name.shown for m in room.members.values()) if room.direct is not None else (),
        first=room.first,
        last=room.last,
        read=read,
        mentions=sum(seq > gone for seq in person.mentions.get(room.id, ())),
        role="owner" if role is Role.OWNER else "moderator" if role is Role.MODERATOR else "member",
        private=room.private,
        announce_only=room.announce_only,
        slow=room.slow,
    )


def describe_all(registry: Registry, person: Person) -> tuple[tuple[RoomInfo, ...], int]:
    """A person's rooms as they see them, and how many conversations are left out: others begin those, and so many
    that all of them would be too much must keep nobody out. Those that the person has read come first."""

    def worth(room: Room) -> tuple[bool, bool, int]:
        read = person.read.get(room.id, 0)
        return read > 0, room.last > read, room.id

    talks = sorted((room for room in person.rooms.values() if room.direct is not None), key=worth, reverse=True)
    listed, _ = fill((describe(room, person) for room in talks), registry.settings.page_bytes)
    infos = {info.name: info for info in listed}
    rooms = (infos.get(r.name) if r.direct is not None else describe(r, person) for r in person.rooms.values())
    return tuple(info for info in rooms if info is not None), len(talks) - len(listed)


def banned(room: Room, person: Person | None, address: str, now: float) -> Refusal | None:
    """Whether this person, or whoever comes from this address, is kept out of a room (the lobby: of the
    server)."""
    ban = ban_of(room, person, address, now)
    return None if ban is None else kept_out(room, ban)


def ban_of(room: Room, person: Person | None, address: str, now: float) -> Ban | None:
    """What keeps this person, or whoever comes from this address, out of a room."""
    return next((ban for ban in room.bans.values() if ban.until > now and ban.covers(person, address)), None)


def kept_out(room: Room, ban: Ban) -> Refusal:
    """What somebody is told whom a ban keeps out."""
    reason = f" Why: {ban.record.reason}." if ban.record.reason else ""
    if room.is_lobby:
        return refuse("banned", until=until(ban.until), reason=reason)
    return refuse("banned_here", room=room.name, until=until(ban.until), reason=reason)


def number_next(registry: Registry, room: Room) -> int:
    """Give the next line of a room's log its number."""
    registry.journal.set(room, "last", room.last + 1)
    return room.last


def publish(room: Room, event: RoomEvent, sender: Person, effects: list[Effect]) -> None:
    """Put a line that is no message into a room's log."""
    target = getattr(event, "target", None)
    effects.append(Publish(room.name, event, room.id, sender.id, target=target if isinstance(target, int) else None))


def enter(registry: Registry, person: Person, room: Room, effects: list[Effect], role: Role = Role.MEMBER) -> None:
    """Make a person a member of a room."""
    former = registry.journal.pop(room.former, person.id)
    member = Member(person, role) if former is None else Member(person, role, former.muted, former.spoke)
    registry.journal.put(room.members, person.id, member)
    registry.journal.put(person.rooms, room.name, room)
    effects.append(save_member(room, member))
    if person.visible:
        registry.journal.put(room.here, person.id, person)
    if person.id in room.invited:
        registry.journal.pop(room.invited, person.id)
        effects.append(Persist(DropInvite(room.id, person.id)))
    if room.name in person.put_out or room.name in person.invites:
        registry.journal.pop(person.put_out, room.name)
        registry.journal.pop(person.invites, room.name)
        effects.append(Persist(account_of(person)))


def exit_room(registry: Registry, person: Person, room: Room, effects: list[Effect]) -> None:
    """Make a person no member of a room any more, and let their devices no longer hear it."""
    journal = registry.journal
    member = journal.pop(room.members, person.id)
    journal.pop(room.here, person.id)
    journal.pop(person.rooms, room.name)
    journal.pop(person.read, room.id)
    journal.pop(person.mentions, room.id)
    effects.append(Persist(DropMember(room.id, person.id)))
    if member is not None and (member.muted or room.slow):
        former = Member(person, Role.NOBODY, member.muted, member.spoke)
        journal.put(room.former, person.id, former)
        if former.muted:
            effects.append(save_member(room, former))
    effects.extend(Unsubscribe(session, room.name) for session in person.sessions)


def put_out(
    registry: Registry, person: Person, gone: PutOut, now: float, effects: list[Effect], *, by: Person | None
) -> None:
    """Make a person no member of a room any more, whether they want it or not. Who is not here, or is just arriving
    (``by`` nobody) and not told anything yet, is told with their welcome."""
    room = registry.rooms[gone.room]
    was_here = person.id in room.here
    exit_room(registry, person, room, effects)
    if person.sessions:
        effects.append(Tell(tuple(person.sessions), Left(room=room.name, reason=removal(gone).why)))
    if by is None or not person.visible:
        registry.journal.put(person.put_out, room.name, gone)
        effects.append(Persist(account_of(person)))
    if was_here:
        presence.went(registry, room, person.name.shown, now, effects)
    pass_on(registry, room, effects, by, now)


def removal(gone: PutOut) -> Removal:
    """What somebody is told who had to go."""
    return Removal(room=gone.room, by=gone.by, action=gone.action, reason=gone.reason)


def tell_invited(registry: Registry, session: Session, person: Person, now: float, effects: list[Effect]) -> None:
    """Tell somebody who comes back which rooms they were let into meanwhile, and may enter still."""
    for invite in person.invites.values():
        room = registry.rooms.get(invite.room)
        if room is not None and person.id in room.invited and banned(room, person, session.address, now) is None:
            effects.append(Tell((session.id,), Invited(room=invite.room, by=invite.by)))


def let_hear(person: Person, room: Room, effects: list[Effect], but: int | None = None) -> None:
    """Tell all devices of a person, ``but`` one, that they are in this room, and let all of them hear it."""
    told = tuple(session for session in person.sessions if session != but)
    if told:
        effects.append(Tell(told, RoomAnswer(room=describe(room, person))))
    effects.extend(Subscribe(session, room.name) for session in person.sessions)


def _makers_but_for(registry: Registry, person: Person) -> str | None:
    """Who makes rooms here, unless this person may. Moderators are the lobby's: that is the room everybody is in."""
    makers = registry.settings.room_creation
    if makers == "everyone" or person.admin:
        return None
    if makers == "admins":
        return "the server's administrators"
    return None if registry.rooms[LOBBY].role_of(person) >= Role.MODERATOR else f"moderators of {LOBBY}"


def join(registry: Registry, session: Session, request: Join, now: float, effects: list[Effect]) -> Refusal | None:
    """Enter a room, and make it if there is none of that name. Entering twice is entering."""
    person = person_of(session)
    known = person.rooms.get(request.room)
    name = known.name if known is not None else check_room(request.room)
    if isinstance(name, Refusal):
        return name
    if name in person.rooms:
        effects.append(Reply(session.id, RoomAnswer(id=request.id, room=describe(person.rooms[name], person))))
        return None
    limit = registry.settings.max_rooms  # what others say to somebody in private does not count
    if sum(room.direct is None for room in person.rooms.values()) >= limit:
        return refuse("too_many_rooms", limit=limit)
    room = registry.rooms.get(name)
    if room is None:
        makers = _makers_but_for(registry, person)
        if makers is not None:
            return refuse("rooms_closed", makers=makers, room=name)
        room = make_room(registry, SaveRoom(registry.next_room, name, created=registry.stamp(now)), effects)
        enter(registry, person, room, effects, Role.OWNER)
    else:
        refusal = _may_enter(room, person, session.address, now)
        if refusal is not None:
            return refusal
        role = Role.MEMBER if room.members or room.is_lobby else Role.OWNER  # else nobody could ever decide there
        enter(registry, person, room, effects, role)
    effects.append(Reply(session.id, RoomAnswer(id=request.id, room=describe(room, person))))
    let_hear(person, room, effects, but=session.id)
    if person.visible:
        presence.came(registry, room, person.name.shown, now, effects)
    return None


def make_room(registry: Registry, record: SaveRoom, effects: list[Effect]) -> Room:
    """Let there be a new room, or direct conversation."""
    journal = registry.journal
    room = add_room(registry, record)
    journal.then(lambda: registry.rooms.pop(room.name, None))
    journal.then(lambda: registry.numbered.pop(room.id, None))
    if room.direct is not None:
        direct = room.direct
        journal.then(lambda: registry.direct.pop(direct, None))
    journal.set(registry, "next_room", record.id + 1)
    effects.append(Persist(record))
    return room


def leave(registry: Registry, session: Session, request: Leave, now: float, effects: list[Effect]) -> Refusal | None:
    """Go out of a room, with all devices; of the lobby nobody can. When the last owner of a room goes, who
    is left of the moderators, or else of the members, and came first, owns it."""
    person = person_of(session)
    if request.room == LOBBY:
        return refuse("stays_in_lobby", room=LOBBY, advice="Leave the chat with /quit.")
    room = person.rooms[request.room]
    was_here = person.id in room.here
    exit_room(registry, person, room, effects)
    others = tuple(s for s in person.sessions if s != session.id)
    if others:
        effects.append(Tell(others, Left(room=room.name)))
    effects.append(Reply(session.id, Ok(id=request.id, room=room.name)))
    if room.direct is None:
        pass_on(registry, room, effects, person, now)
        if was_here:
            presence.went(registry, room, person.name.shown, now, effects)
    return None


def save_member(room: Room, member: Member) -> Persist:
    """A member as stored, or a former one."""
    muted = None if member.muted == 0 else FOR_GOOD if member.muted == float("inf") else stamp(member.muted)
    return Persist(SaveMember(room.id, member.person.id, int(member.role), muted_until=muted))


def set_topic(
    registry: Registry, session: Session, request: Topic, now: float, effects: list[Effect]
) -> Refusal | None:
    """Set a room's topic: a line of its log."""
    person = person_of(session)
    room = person.rooms[request.room]
    if room.direct is not None:
        return refuse("no_topic_here")
    muted = room.members[person.id].muted
    if muted > now:
        return refuse("may_not_speak", room=room.name, until=until(muted))
    if room.announce_only and room.role_of(person) < Role.MODERATOR:
        return refuse("not_allowed", room=room.name, role="moderator")
    text = clean_line(request.text)
    if len(text) > _MAX_TOPIC:
        return refuse("topic_too_long", size=len(text), limit=_MAX_TOPIC)
    if text == room.topic:
        effects.append(Persist(record_of(room)))  # what it repeats may be of this very batch, and not stored either
        effects.append(Acknowledge(session.id, Ok(id=request.id, unchanged=not request.again)))
        return None
    registry.journal.set(room, "topic", text)
    seq, time = number_next(registry, room), registry.stamp(now)
    event = TopicChanged(room=room.name, seq=seq, time=time, sender=person.name.shown, text=text)
    publish(room, event, person, effects)
    effects.append(Persist(record_of(room)))
    effects.append(Acknowledge(session.id, Ok(id=request.id, room=room.name, seq=seq, time=time)))
    return None


def list_rooms(
    registry: Registry, session: Session, request: Rooms, now: float, effects: list[Effect]
) -> Refusal | None:
    """Say which rooms there are, the fullest first."""
    person = person_of(session)
    visible = [room for room in registry.rooms.values() if room.direct is None and registry.is_visible(room, person)]
    visible.sort(key=lambda room: (-len(room.here), room.name))
    lines = (
        RoomLine(
            name=r.name,
            topic=r.topic,
            count=len(r.here),
            joined=r.name in person.rooms,
            private=r.private,
            announce_only=r.announce_only,
            slow=r.slow,
        )
        for r in visible[request.skip :]
    )
    page, more = fill(lines, registry.settings.page_bytes)
    effects.append(Reply(session.id, RoomList(id=request.id, rooms=page, more=more)))
    return None


def who(registry: Registry, session: Session, request: Who, now: float, effects: list[Effect]) -> Refusal | None:
    """Say who is in a room and here now."""
    person = person_of(session)
    name = LOBBY if request.room is None else request.room
    room = registry.rooms.get(name)
    if room is None or not registry.is_visible(room, person):
        return registry.no_such_room(name, person)
    people = (
        PersonInfo(name=p.name.shown, away=p.away, since=p.since, role=_word(room.role_of(p)))
        for p in sorted(room.here.values(), key=lambda p: p.name.key)[request.skip :]
    )
    page, more = fill(people, registry.settings.page_bytes)
    effects.append(Reply(session.id, People(id=request.id, room=name, people=page, more=more)))
    return None


def _word(role: Role) -> str:
    return "" if role <= Role.MEMBER else role.word


def _may_enter(room: Room, person: Person, address: str, now: float) -> Refusal | None:
    if person.admin:
        return None
    if room.private and person.id not in room.invited:
        return refuse("not_invited" if room.members else "deserted", room=room.name)
    return banned(room, person, address, now)


def pass_on(registry: Registry, room: Room, effects: list[Effect], by: Person | None = None, now: float = 0.0) -> None:
    """See that a room with members has an owner, and let go of one without members in which nothing was ever
    said: else everybody could fill the server with names of rooms. The room is told who owns it now, if somebody
    in the chat brought it about: who left, or put the owner out."""
    if room.is_lobby:
        return
    members = list(room.members.values())
    if not members and not room.last and not room.bans:
        registry.journal.pop(registry.rooms, room.name)
        registry.journal.pop(registry.numbered, room.id)
        registry.gathering.pop(room.name, None)
        effects.append(Persist(DropRoom(room.id)))
    if not members or any(member.role is Role.OWNER for member in members):
        return
    heir = max(members, key=lambda member: member.role)  # of equals the first: they stand as they came
    registry.journal.set(heir, "role", Role.OWNER)
    effects.append(save_member(room, heir))
    if by is not None:
        seq, time, name, word = number_next(registry, room), registry.stamp(now), by.name.shown, Role.OWNER.word
        target = heir.person.name.shown
        event = Moderated(room=room.name, seq=seq, time=time, sender=name, action="role", target=target, value=word)
        publish(room, event, by, effects)
        effects.append(Persist(Note(time, name, "role", room.name, target, word)))
