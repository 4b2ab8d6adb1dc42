"""Rooms: entering and leaving them, their topics, the people in them, and the list of rooms."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from trio_chat.broker import presence
from trio_chat.broker.effects import Persist, Publish, Subscribe, Tell, Unsubscribe
from trio_chat.broker.pages import fill
from trio_chat.broker.restore import account_of, add_room, record_of
from trio_chat.broker.state import FOR_GOOD, LISTED_MENTIONS, SLOWEST, ChatRoom, Member, Person, Role, Session
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import (
    Invited,
    Left,
    Moderated,
    Ok,
    People,
    PersonInfo,
    Room,
    RoomEvent,
    RoomInfo,
    RoomLine,
    RoomList,
    TopicChanged,
)
from trio_chat.protocol.names import LOBBY, check_room
from trio_chat.protocol.parts import Removal
from trio_chat.protocol.text import clean_line
from trio_chat.records import AuditNote, DropInvite, DropMember, DropRoom, MissedNotice, SaveMember, SaveRead, SaveRoom

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trio_chat.broker.ask import Ask, Decision
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ActiveBan
    from trio_chat.protocol.requests import Join, Leave, Rooms, Topic, Who

_MAX_TOPIC = 300
"""Characters of a topic: fits a wide terminal's title line."""


def describe(room: ChatRoom, person: Person) -> RoomInfo:
    """A room as one of its members sees it."""
    role = room.role_of(person)
    read = person.read.get(room.id, 0)
    gone = max(read, room.first - 1)
    mentions = sorted(seq for seq in person.mentions.get(room.id, ()) if seq > gone)
    return RoomInfo(
        name=room.name,
        direct=room.direct is not None,
        topic=room.topic,
        count=len(room.here),
        members=tuple(m.person.name.shown for m in room.members.values()) if room.direct is not None else (),
        member_ids=tuple(room.members) if room.direct is not None else (),
        first=room.first,
        last=room.last,
        read=read,
        mentions=len(mentions),
        mentioned=tuple(mentions[-LISTED_MENTIONS:]),
        role="owner" if role is Role.OWNER else "moderator" if role is Role.MODERATOR else "member",
        private=room.private,
        announce_only=room.announce_only,
        slow=room.slow,
        files=room.files,
        max_file=room.max_file,
    )


def describe_all(registry: Registry, person: Person) -> tuple[tuple[RoomInfo, ...], int]:
    """A person's rooms as they see them, and how many direct conversations are left out.

    Others begin those, and if there are so many that a welcome cannot hold them, that must not keep anybody out. The
    conversations that the person has read come first.
    """

    def rank(room: ChatRoom) -> tuple[bool, bool, int]:
        read = person.read.get(room.id, 0)
        return read > 0, room.last > read, room.id

    talks = sorted((room for room in person.rooms.values() if room.direct is not None), key=rank, reverse=True)
    listed, _ = fill((describe(room, person) for room in talks), registry.settings.page_bytes)
    infos = {info.name: info for info in listed}
    rooms = (infos.get(r.name) if r.direct is not None else describe(r, person) for r in person.rooms.values())
    return tuple(info for info in rooms if info is not None), len(talks) - len(listed)


def names_of_former(registry: Registry, infos: Iterable[RoomInfo]) -> dict[int, str]:
    """The names of the people of these direct conversations who have left them: their messages are there still."""
    accounts: set[int] = set()
    for info in infos:
        room = registry.rooms.get(info.name)
        if room is not None and room.direct is not None:
            accounts.update(room.direct - room.members.keys())
    return registry.names_of(sorted(accounts))


def banned(registry: Registry, room: ChatRoom, person: Person | None, address: str, now: float) -> Refusal | None:
    """The refusal for a person, or an address, that is banned from a room (the lobby: from the server)."""
    ban = ban_of(room, person, address, now)
    return None if ban is None else refuse_banned(registry, room, ban)


def ban_of(room: ChatRoom, person: Person | None, address: str, now: float) -> ActiveBan | None:
    """The ban of this person, or of this address, from a room."""
    return next((ban for ban in room.bans.values() if ban.until > now and ban.covers(person, address)), None)


def refuse_banned(registry: Registry, room: ChatRoom, ban: ActiveBan) -> Refusal:
    """The refusal that a ban leads to."""
    reason = f" Why: {ban.record.reason}." if ban.record.reason else ""
    if room.is_lobby:
        return refuse("banned", until=registry.until(ban.until), reason=reason)
    return refuse("banned_here", room=room.name, until=registry.until(ban.until), reason=reason)


def number_next(registry: Registry, room: ChatRoom) -> int:
    """Give the next line of a room's log its number."""
    registry.journal.set(room, "last", room.last + 1)
    return room.last


def publish(decision: Decision, room: ChatRoom, event: RoomEvent, sender: Person) -> None:
    """Put a line that is no message into a room's log."""
    target = getattr(event, "target", None)
    target = target if isinstance(target, int) else None
    decision.effects.append(Publish(room.name, event, room.id, sender.id, target=target))


def enter(decision: Decision, person: Person, room: ChatRoom, role: Role = Role.MEMBER) -> None:
    """Make a person a member of a room. Lines from before count as read."""
    journal = decision.registry.journal
    former = journal.pop(room.former, person.id)
    member = Member(person, role) if former is None else Member(person, role, former.muted, former.spoke)
    journal.put(room.members, person.id, member)
    journal.put(person.rooms, room.name, room)
    decision.effects.append(save_member(decision.registry, room, member))
    if room.last:
        journal.put(person.read, room.id, room.last)
        decision.persist(SaveRead(room.id, person.id, room.last))
    if person.visible:
        journal.put(room.here, person.id, person)
    if person.id in room.invited:
        journal.pop(room.invited, person.id)
        decision.persist(DropInvite(room.id, person.id))
    if room.name in person.missed_removals or room.name in person.missed_invites:
        journal.pop(person.missed_removals, room.name)
        journal.pop(person.missed_invites, room.name)
        decision.persist(account_of(person))


def exit_room(decision: Decision, person: Person, room: ChatRoom) -> None:
    """End a person's membership of a room, and let their sessions no longer hear it."""
    journal = decision.registry.journal
    member = journal.pop(room.members, person.id)
    journal.pop(room.here, person.id)
    journal.pop(person.rooms, room.name)
    journal.pop(person.read, room.id)
    journal.pop(person.mentions, room.id)
    decision.persist(DropMember(room.id, person.id))
    _forget_former(decision, room)
    if member is not None and (member.muted or member.spoke + SLOWEST > decision.now):  # the room may be slow later
        former = Member(person, Role.NOBODY, member.muted, member.spoke)
        journal.put(room.former, person.id, former)
        if former.muted:
            decision.effects.append(save_member(decision.registry, room, former))
    decision.effects.extend(Unsubscribe(session, room.name) for session in person.sessions)


def _forget_former(decision: Decision, room: ChatRoom) -> None:
    """Forget former members who would not have to wait in any slow room. Two are looked at whenever somebody leaves, so
    that all have their turn."""
    for number in list(islice(room.former, 2)):
        former = room.former[number]
        if former.muted or former.spoke + SLOWEST > decision.now:
            room.former[number] = room.former.pop(number)  # behind the others
        else:
            decision.registry.journal.pop(room.former, number)


def remove(
    decision: Decision, person: Person, removal: MissedNotice, *, by: Person | None, arriving: bool = False
) -> None:
    """Remove a person from a room against their will: they were kicked or banned.

    ``by`` is the person who brought it about, ``None`` if nobody in the chat did. A person who is not here, or is just
    ``arriving`` and hears nothing yet, is told with their next welcome.
    """
    room = decision.registry.rooms[removal.room]
    was_here = person.id in room.here
    exit_room(decision, person, room)
    if person.sessions:
        decision.effects.append(
            Tell(tuple(person.sessions), Left(room=room.name, reason=describe_removal(removal).why))
        )
    if arriving or not person.visible:
        decision.registry.journal.put(person.missed_removals, room.name, removal)
        decision.persist(account_of(person))
    if was_here:
        presence.note_departure(decision, room, person, "removed")
    pass_on(decision, room, by)


def removal_by(room: ChatRoom, ban: ActiveBan) -> MissedNotice:
    """The removal from a room that a ban leads to."""
    return MissedNotice(room.name, ban.record.by, "ban", ban.record.reason, ban.record.by_account)


def describe_removal(removal: MissedNotice) -> Removal:
    """A removal as the removed person is told of it."""
    return Removal(room=removal.room, by=removal.by, by_id=removal.by_id, action=removal.action, reason=removal.reason)


def tell_invited(decision: Decision, session: Session, person: Person) -> None:
    """Tell a person who comes back of the invitations that came meanwhile and still hold."""
    for invite in person.missed_invites.values():
        room = decision.registry.rooms.get(invite.room)
        if (
            room is not None
            and person.id in room.invited
            and banned(decision.registry, room, person, session.address, decision.now) is None
        ):
            decision.effects.append(Tell((session.id,), Invited(room=invite.room, by=invite.by, by_id=invite.by_id)))


def let_hear(decision: Decision, person: Person, room: ChatRoom, but: int | None = None) -> None:
    """Tell all sessions of a person, ``but`` one, that they are in this room, and let all of them hear it."""
    told = tuple(session for session in person.sessions if session != but)
    if told:
        decision.effects.append(Tell(told, Room(room=describe(room, person))))
    decision.effects.extend(Subscribe(session, room.name, room.id) for session in person.sessions)


def _makers_unless_allowed(registry: Registry, person: Person) -> str | None:
    """The people who may make rooms here; ``None`` if this person may. Moderators are the lobby's: everybody is in
    that room."""
    makers = registry.settings.room_creation
    if makers == "everyone" or person.admin:
        return None
    if makers == "admins":
        return "the server's administrators"
    return None if registry.rooms[LOBBY].role_of(person) >= Role.MODERATOR else f"moderators of {LOBBY}"


def _may_make(registry: Registry, person: Person, name: str, *, create: bool) -> Refusal | None:
    if not create:
        return registry.no_such_room(name, person)
    makers = _makers_unless_allowed(registry, person)
    return None if makers is None else refuse("rooms_closed", makers=makers, room=name)


def join(ask: Ask[Join]) -> Refusal | None:
    """Enter a room, and make it if there is none of that name. To enter a room twice changes nothing."""
    registry, request, person = ask.registry, ask.request, ask.person
    known = person.rooms.get(request.room)
    name = known.name if known is not None else check_room(request.room)
    if isinstance(name, Refusal):
        return name
    if name in person.rooms:
        ask.reply(Room(id=request.id, room=describe(person.rooms[name], person)))
        return None
    limit = registry.settings.max_rooms  # direct conversations do not count: others begin them
    if sum(room.direct is None for room in person.rooms.values()) >= limit:
        return refuse("too_many_rooms", limit=limit)
    room = registry.rooms.get(name)
    made = room is None
    if room is None:
        refusal = _may_make(registry, person, name, create=request.create)
        if refusal is not None:
            return refusal
        room = make_room(ask, SaveRoom(registry.next_room, name, created=ask.time))
        enter(ask, person, room, Role.OWNER)
    else:
        refusal = _may_enter(registry, room, person, ask.session.address, ask.now)
        if refusal is not None:
            if not registry.is_visible(room, person):  # as far as possible as if there were none
                return _may_make(registry, person, name, create=request.create) or refusal
            return refusal
        role = Role.MEMBER if room.members or room.is_lobby else Role.OWNER  # an empty room needs an owner again
        enter(ask, person, room, role)
    ask.reply(Room(id=request.id, room=describe(room, person), made=made))
    let_hear(ask, person, room, but=ask.session.id)
    if person.visible:
        presence.note_arrival(ask, room, person)
    return None


def make_room(decision: Decision, record: SaveRoom) -> ChatRoom:
    """Make a new room, or direct conversation."""
    registry, journal = decision.registry, decision.registry.journal
    room = add_room(registry, record)
    journal.then(registry.rooms.pop, room.name, None)
    journal.then(registry.numbered.pop, room.id, None)
    if room.direct is not None:
        direct = room.direct
        journal.then(registry.direct.pop, direct, None)
    journal.set(registry, "next_room", record.id + 1)
    decision.persist(record)
    return room


def leave(ask: Ask[Leave]) -> Refusal | None:
    """Leave a room, with all sessions; nobody can leave the lobby. When a room's last owner leaves, the moderator, or
    else the member, who came first owns it."""
    person = ask.person
    if ask.request.room == LOBBY:
        return refuse("stays_in_lobby", room=LOBBY, advice="Leave the chat with /quit.")
    room = person.rooms[ask.request.room]
    remove = ask.request.remove
    if remove and (why := _why_not_removable(room, person)):
        return refuse("not_removable", room=room.name, why=why)
    was_here = person.id in room.here
    exit_room(ask, person, room)
    others = tuple(number for number in person.sessions if number != ask.session.id)
    if others:
        ask.effects.append(Tell(others, Left(room=room.name)))
    ask.reply(Ok(id=ask.request.id, room=room.name))
    if room.direct is None:
        pass_on(ask, room, person, remove=remove)
        if was_here:
            presence.note_departure(ask, room, person, "left")
    return None


def _why_not_removable(room: ChatRoom, person: Person) -> str:
    """Why a person may not remove a room, as a clause; empty when they may."""
    if room.direct is not None:
        return "it is a direct conversation"
    if room.role_of(person) < Role.OWNER:
        return "it is not yours"
    if len(room.members) > 1:
        return "others are in it"
    return "people are banned from it, and /unban lifts a ban" if room.bans else ""


def save_member(registry: Registry, room: ChatRoom, member: Member) -> Persist:
    """A member as stored, or a former one."""
    muted = None if member.muted == 0 else registry.until(member.muted) or FOR_GOOD
    return Persist(SaveMember(room.id, member.person.id, int(member.role), muted_until=muted))


def set_topic(ask: Ask[Topic]) -> Refusal | None:
    """Set a room's topic: a line of its log."""
    registry, person = ask.registry, ask.person
    room = person.rooms[ask.request.room]
    if room.direct is not None:
        return refuse("no_topic_here")
    muted = room.members[person.id].muted
    if muted > ask.now:
        return refuse("may_not_speak", room=room.name, until=registry.until(muted))
    if room.announce_only and room.role_of(person) < Role.MODERATOR:
        return refuse("not_allowed", room=room.name, role="moderator")
    text = clean_line(ask.request.text)
    if len(text) > _MAX_TOPIC:
        return refuse("topic_too_long", size=len(text), limit=_MAX_TOPIC)
    if text == room.topic:
        ask.persist(record_of(room))  # this very batch may have set the topic, and may fail
        ask.acknowledge(Ok(id=ask.request.id, unchanged=not ask.request.again))
        return None
    registry.journal.set(room, "topic", text)
    seq = number_next(registry, room)
    event = TopicChanged(
        room=room.name, seq=seq, time=ask.time, sender=person.name.shown, sender_id=person.id, text=text
    )
    publish(ask, room, event, person)
    ask.persist(record_of(room))
    ask.acknowledge(Ok(id=ask.request.id, room=room.name, seq=seq, time=ask.time))
    return None


def list_rooms(ask: Ask[Rooms]) -> Refusal | None:
    """List the rooms that there are, the fullest first."""
    registry, person = ask.registry, ask.person
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
        for r in visible[ask.request.skip :]
    )
    page, more = fill(lines, registry.settings.page_bytes)
    ask.reply(RoomList(id=ask.request.id, rooms=page, more=more))
    return None


def list_people(ask: Ask[Who]) -> Refusal | None:
    """List the people who are in a room and here now."""
    registry, request = ask.registry, ask.request
    name = LOBBY if request.room is None else request.room
    room = registry.rooms.get(name)
    if room is None or not registry.is_visible(room, ask.person):
        return registry.no_such_room(name, ask.person)
    people = (
        PersonInfo(name=p.name.shown, id=p.id, away=p.away, since=p.since, role=_word(room.role_of(p)))
        for p in sorted(room.here.values(), key=lambda p: p.name.key)[request.skip :]
    )
    page, more = fill(people, registry.settings.page_bytes)
    ask.reply(People(id=request.id, room=name, people=page, more=more))
    return None


def _word(role: Role) -> str:
    return "" if role <= Role.MEMBER else role.word


def _may_enter(registry: Registry, room: ChatRoom, person: Person, address: str, now: float) -> Refusal | None:
    if person.admin:
        return None
    if room.private and person.id not in room.invited:  # says no more than that the name cannot be had
        return refuse("not_invited", room=room.name)
    return banned(registry, room, person, address, now)


def pass_on(decision: Decision, room: ChatRoom, by: Person | None = None, *, remove: bool = False) -> None:
    """Give a room without an owner a new one, and drop a room without members in which nothing was ever said, or that
    its owner wants to ``remove``.

    If such rooms stayed, anybody could fill the server with names of rooms. The room is told of its new owner if
    somebody in the chat (``by``) brought it about: the owner, who left, or the person who removed the owner.
    """
    if room.is_lobby:
        return
    registry = decision.registry
    members = list(room.members.values())
    if not members and not room.bans and (remove or not room.last):
        registry.journal.pop(registry.rooms, room.name)
        registry.journal.pop(registry.numbered, room.id)
        registry.gathering.pop(room.name, None)
        decision.persist(DropRoom(room.id))
        if room.last:  # else it had no message, so no file; to count all bytes holds everybody up
            registry.uploads.note_removed()
    if not members or any(member.role is Role.OWNER for member in members):
        return
    heir = max(members, key=lambda member: member.role)  # of equals the first: they stand as they came
    registry.journal.set(heir, "role", Role.OWNER)
    decision.effects.append(save_member(decision.registry, room, heir))
    if by is not None:
        event = Moderated(
            room=room.name,
            seq=number_next(registry, room),
            time=decision.time,
            sender=by.name.shown,
            sender_id=by.id,
            action="role",
            target=heir.person.name.shown,
            target_id=heir.person.id,
            value=Role.OWNER.word,
        )
        publish(decision, room, event, by)
        decision.persist(AuditNote(event.time, event.sender, event.action, room.name, event.target, event.value))
