"""Filling the registry from stored records, and making records of its people and rooms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trio_chat.addresses import Network, read_network
from trio_chat.broker.effects import Effect, Persist
from trio_chat.broker.state import (
    FOR_GOOD,
    MOST_MENTIONS,
    SENT_IDS,
    SLOWEST,
    ActiveBan,
    ChatRoom,
    Device,
    InviteLink,
    Member,
    Person,
    Role,
    StoredPlace,
    seconds,
)
from trio_chat.protocol.names import LOBBY, Name
from trio_chat.records import INVITE, SaveAccount, SaveRoom

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.records import SaveBan, SaveClock, Snapshot


def restore(registry: Registry, snapshot: Snapshot, now: float, clock: SaveClock | None) -> list[Effect]:
    """Fill a new registry. Returns the effects that must be stored before anything else: the lobby, the first time.

    ``clock`` is how the wall clock stands to steady time ``now``; ``None`` where they are one.
    """
    kept = snapshot.clock
    if kept is not None and clock is not None and (kept.boot, kept.base) == (clock.boot, clock.base):
        registry.clock = kept  # by which the ends were stored; else they are the wall clock's times
    registry.next_account = snapshot.next_account
    registry.next_device = snapshot.next_device
    registry.next_room = snapshot.next_room
    registry.next_ban = snapshot.next_ban
    registry.next_invite_link = snapshot.next_invite_link
    _restore_people(registry, snapshot)
    _restore_rooms(registry, snapshot)
    for record in snapshot.bans:
        _restore_ban(registry, record)
    for link in snapshot.invite_links:
        registry.invite_links[link.id] = InviteLink(link, _end(registry, link.until))
    _restore_sent(registry, snapshot, now)
    registry.uploads.restore(snapshot, now, registry.clock.ahead)
    registry.people.build()
    registry.rooms.build()
    if clock is not None:
        registry.set_time(now, clock)
    if LOBBY in registry.rooms:
        return []
    room = add_room(registry, SaveRoom(id=registry.next_room, name=LOBBY, created=registry.stamp(now)))
    registry.next_room += 1
    return [Persist(record_of(room))]


def add_room(registry: Registry, record: SaveRoom, last: int = 0, first: int = 1) -> ChatRoom:
    """Put a room into the registry."""
    direct = frozenset(record.direct) or None
    room = ChatRoom(
        record.id,
        record.name,
        record.created,
        direct,
        record.private,
        record.topic,
        record.announce_only,
        record.slow,
        record.keep,
        record.files,
        record.max_file,
        last,
        first,
    )
    registry.rooms[room.name] = registry.numbered[room.id] = room
    if direct is not None:
        registry.direct[direct] = room
    return room


def record_of(room: ChatRoom) -> SaveRoom:
    """A room as stored."""
    return SaveRoom(
        id=room.id,
        name=room.name,
        created=room.created,
        direct=tuple(sorted(room.direct or ())),
        private=room.private,
        topic=room.topic,
        announce_only=room.announce_only,
        slow=room.slow,
        keep=room.keep,
        files=room.files,
        max_file=room.max_file,
    )


def account_of(person: Person) -> SaveAccount:
    """A person as stored."""
    name = person.name
    return SaveAccount(
        id=person.id,
        name=name.shown,
        key=name.key,
        skeleton=name.skeleton,
        created=person.created,
        seen=person.seen,
        password=person.password,
        admin=person.admin,
        missed=(*person.missed_removals.values(), *person.missed_invites.values()),
        guest=person.guest,
        invite_link=person.invite_link,
    )


def _stored_network(text: str) -> Network:
    """The network of a stored ban. One that was stored with a zone covers the address in every zone."""
    return read_network("".join(re.split(r"%[^/]*", text)))


def make_ban(registry: Registry, record: SaveBan, end: float) -> ActiveBan:
    """A stored ban as it is applied, until ``end`` in steady time. Raises ``ValueError`` when its network is no
    network."""
    return ActiveBan(
        record,
        None if record.account is None else registry.persons.get(record.account),
        None if record.network is None else _stored_network(record.network),
        end,
    )


def _restore_people(registry: Registry, snapshot: Snapshot) -> None:
    for account in snapshot.accounts:
        name = Name(account.name, account.key, account.skeleton)
        person = Person(account.id, name, account.created, account.seen, account.password, account.admin)
        person.guest, person.invite_link = account.guest, account.invite_link
        for missed in account.missed:
            (person.missed_invites if missed.action == INVITE else person.missed_removals)[missed.room] = missed
        registry.persons[person.id] = registry.people[name.key] = registry.skeletons[name.skeleton] = person
    for device in snapshot.devices:
        holder = registry.persons.get(device.account)
        if holder is not None:
            registry.holders[device.digest] = holder
            holder.devices[device.digest] = Device(device.id, device.digest, device.label, device.created, device.seen)


def _restore_rooms(registry: Registry, snapshot: Snapshot) -> None:
    for state in snapshot.rooms:
        add_room(registry, state.room, state.last, state.first)
    for member in snapshot.members:
        room, person = registry.numbered.get(member.room), registry.persons.get(member.account)
        if room is not None and person is not None:
            held = Member(person, Role(member.role), _muted(registry, member.muted_until))
            if held.role is Role.NOBODY:
                room.former[person.id] = held
                continue
            room.members[person.id] = held
            person.rooms[room.name] = room
            person.missed_removals.pop(room.name, None)  # told of it, and a member again, before that was stored
            person.missed_invites.pop(room.name, None)
    for invite in snapshot.invites:
        if invite.room in registry.numbered:
            registry.numbered[invite.room].invited[invite.account] = None
    for read in snapshot.reads:
        if read.account in registry.persons:
            registry.persons[read.account].read[read.room] = read.seq
    for mention in snapshot.mentions:
        if mention.account in registry.persons:
            unread = registry.persons[mention.account].mentions.setdefault(mention.room, [])
            unread.append(mention.seq)
            del unread[:-MOST_MENTIONS]


def _restore_sent(registry: Registry, snapshot: Snapshot, now: float) -> None:
    """Know the ids of messages sent before a restart, as far as a server that went on would know them, and when people
    spoke last, so that the wait of a slow room goes on."""
    for sent in snapshot.sent:
        person, room = registry.persons.get(sent.sender), registry.numbered.get(sent.room)
        if person is not None and room is not None:
            _note_spoke(room, person, min(now, seconds(sent.time) - registry.clock.ahead), now)
            person.sent_ids.pop(sent.cid, None)
            person.sent_ids[sent.cid] = StoredPlace(room.id, sent.seq, sent.time)
            if len(person.sent_ids) > SENT_IDS:
                del person.sent_ids[next(iter(person.sent_ids))]


def _note_spoke(room: ChatRoom, person: Person, spoke: float, now: float) -> None:
    """Note that a member, or a former one, spoke in a room, if that can still matter."""
    if spoke + SLOWEST <= now or room.direct is not None:
        return
    member = room.members.get(person.id) or room.former.get(person.id)
    if member is None:
        member = room.former[person.id] = Member(person, Role.NOBODY)
    member.spoke = max(member.spoke, spoke)


def _restore_ban(registry: Registry, record: SaveBan) -> None:
    room = registry.rooms.get(LOBBY) if record.room is None else registry.numbered.get(record.room)
    if room is not None:
        room.bans[record.id] = make_ban(registry, record, _end(registry, record.until))


def _muted(registry: Registry, until: str | None) -> float:
    return 0.0 if until is None else _end(registry, None if until == FOR_GOOD else until)


def _end(registry: Registry, until: str | None) -> float:
    """A stored end in steady time."""
    return float("inf") if until is None else seconds(until) - registry.clock.ahead
