"""Keeping a room in order: who may enter, who may speak, who decides. All of it is stored, told to the room
as a line of its log, and noted in the audit log."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from trio_chat.broker import rooms
from trio_chat.broker.effects import Acknowledge, Disconnect, Effect, Persist, Reply, Tell
from trio_chat.broker.pages import fill
from trio_chat.broker.restore import account_of, make_ban, record_of
from trio_chat.broker.state import Member, Person, Role, Room, later, stamp
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import BanInfo, BanList, Invited, Moderated, Ok
from trio_chat.protocol.names import check_name
from trio_chat.protocol.text import clean_line, quoted
from trio_chat.records import INVITE, DropBan, DropMember, Note, PutOut, SaveBan, SaveInvite

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import Ban as HeldBan
    from trio_chat.broker.state import Session
    from trio_chat.protocol.requests import Ban, Bans, Configure, Deed, Invite, Kick, Mute, SetRole, Unban

_ROLES = {"owner": Role.OWNER, "moderator": Role.MODERATOR, "member": Role.MEMBER}


def invite(registry: Registry, session: Session, request: Invite, now: float, effects: list[Effect]) -> Refusal | None:
    """Let somebody into a private room."""
    actor = rooms.person_of(session)
    room = actor.rooms[request.room]
    if room.direct is not None:
        return refuse("no_direct_here", room=room.name)
    guest = registry.find_person(request.name)
    if isinstance(guest, Refusal):
        return guest
    if guest.id in room.members and not request.again:
        return refuse("member_already", name=guest.name.shown, room=room.name)
    if not guest.admin and _keeps_out(registry, room, guest, now):
        return refuse("banned_there", name=guest.name.shown, room=room.name)
    if guest.id not in room.members:
        is_new = guest.id not in room.invited
        registry.journal.put(room.invited, guest.id, None)
        effects.append(Persist(SaveInvite(room.id, guest.id)))  # also when it is there, as in set_role
        if is_new:
            effects.append(Persist(Note(registry.stamp(now), actor.name.shown, "invite", room.name, guest.name.shown)))
        if not guest.visible:  # they are told when they come back
            told = PutOut(room.name, actor.name.shown, action=INVITE)
            registry.journal.put(guest.invites, room.name, told)
            effects.append(Persist(account_of(guest)))
    if guest.sessions and guest.id not in room.members:
        effects.append(Tell(tuple(guest.sessions), Invited(room=room.name, by=actor.name.shown)))
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    return None


def configure(
    registry: Registry, session: Session, request: Configure, now: float, effects: list[Effect]
) -> Refusal | None:
    """Change a room's settings. What hides a room, or throws its past away, is its owner's."""
    actor = rooms.person_of(session)
    room = registry.rooms[request.room]
    if (request.private is not None or request.keep is not None) and room.role_of(actor) < Role.OWNER:
        return refuse("not_allowed", room=room.name, role="owner")
    if room.is_lobby and request.private:
        return refuse("stays_in_lobby", room=room.name, advice="Make a room of its own for some only.")
    changed: list[tuple[str, str]] = []
    for field in ("private", "announce_only", "slow", "keep"):
        value = getattr(request, field)
        if field == "keep" and value is not None:
            value = value or None
        elif value is None:
            continue
        if value != getattr(room, field) and not (field == "keep" and request.keep is None):
            registry.journal.set(room, field, value)
            changed.append((field, _shown(value)))
    effects.append(Persist(record_of(room)))  # also when nothing changes, as in set_role
    for field, value in changed:
        _tell_room(registry, room, actor, now, effects, _Deed(field, value=value))
    # what is asked again may have been done the first time
    effects.append(Acknowledge(session.id, Ok(id=request.id, unchanged=not (changed or request.again))))
    return None


def set_role(
    registry: Registry, session: Session, request: SetRole, now: float, effects: list[Effect]
) -> Refusal | None:
    """Make somebody owner, moderator or plain member."""
    actor = rooms.person_of(session)
    room = registry.rooms[request.room]
    member = _member(registry, room, request.name)
    if isinstance(member, Refusal):
        return member
    role = _ROLES[request.role]
    owners = sum(other.role is Role.OWNER for other in room.members.values())
    if member.role is Role.OWNER and role is not Role.OWNER and owners == 1 and not room.is_lobby:
        return refuse("last_owner", room=room.name)
    changes = member.role is not role
    registry.journal.set(member, "role", role)
    # stored also when nothing changes: what it repeats may be of this very batch, and not stored either
    effects.append(rooms.save_member(room, member))
    if changes:
        event = _Deed("role", member.person, value=role.word)
        _tell_room(registry, room, actor, now, effects, event)
    effects.append(Acknowledge(session.id, Ok(id=request.id, unchanged=not (changes or request.again))))
    return None


def kick(registry: Registry, session: Session, request: Kick, now: float, effects: list[Effect]) -> Refusal | None:
    """Put somebody out of a room."""
    actor = rooms.person_of(session)
    room = registry.rooms[request.room]
    member = _member(registry, room, request.name)
    if isinstance(member, Refusal):
        if request.again and member.code == "not_member_there":
            _done_already(session, request, effects)
            return None
        return member
    refusal = _outranked(room, actor, member.person)
    if refusal is not None:
        return refusal
    if room.is_lobby:
        return refuse("stays_in_lobby", room=room.name, advice="/ban keeps somebody out of the server.")
    reason = clean_line(request.reason)
    _tell_room(registry, room, actor, now, effects, _Deed("kick", member.person, reason=reason))
    gone = PutOut(room.name, actor.name.shown, reason=reason)
    rooms.put_out(registry, member.person, gone, now, effects, by=actor)
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    return None


def ban(registry: Registry, session: Session, request: Ban, now: float, effects: list[Effect]) -> Refusal | None:
    """Put somebody, or everybody from a network, out of a room and keep them out; the lobby's bans are the
    server's."""
    actor = rooms.person_of(session)
    room = registry.rooms[request.room]
    person = _banned_person(registry, room, actor, request)
    if isinstance(person, Refusal):
        return person
    network = None if request.network is None else _network(request.network)
    if isinstance(network, Refusal):
        return network
    before = [held for held in room.bans.values() if _same_target(held, person, network)]
    if before and request.again:
        _done_already(session, request, effects)
        return None
    reason, end = clean_line(request.reason), later(now, request.seconds)
    same = [held for held in before if (held.until, held.record.reason) == (end, reason)]
    if same and not _covered(registry, room, same[0], actor):  # who outranks the first to ban puts out more people
        _done_already(session, request, effects, unchanged=True)
        return None
    for held in before:  # one is enough: the last that was said holds
        registry.journal.pop(room.bans, held.record.id)
        effects.append(Persist(DropBan(held.record.id)))
    until = None if end == float("inf") else stamp(end)
    record = SaveBan(
        registry.next_ban,
        None if room.is_lobby else room.id,
        None if person is None else person.id,
        network,
        until,
        reason,
        actor.name.shown,
        registry.stamp(now),
    )
    registry.journal.set(registry, "next_ban", record.id + 1)
    held = make_ban(registry, record)
    registry.journal.put(room.bans, record.id, held)
    effects.append(Persist(record))
    event = _Deed("ban", person, value=network or "", reason=reason, until=until)
    _tell_room(registry, room, actor, now, effects, event)
    for other in _covered(registry, room, held, actor):
        _keep_out(registry, room, other, held, actor, now, effects)
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    return None


def unban(registry: Registry, session: Session, request: Unban, now: float, effects: list[Effect]) -> Refusal | None:
    """Lift the bans of somebody or of a network."""
    actor = rooms.person_of(session)
    room = registry.rooms[request.room]
    if (request.name is None) == (request.network is None):
        return refuse("bad_field", why="give a name or a network")
    person: Person | None = None
    if request.name is not None:
        found = _banned_before(room, request.name) or registry.find_person(request.name)
        if isinstance(found, Refusal):
            return found
        person = found
    network = None if request.network is None else _network(request.network)
    if isinstance(network, Refusal):
        return network
    lifted = [held for held in room.bans.values() if _same_target(held, person, network)]
    if not lifted:
        name = network or (person.name.shown if person else "")
        if request.again:
            _done_already(session, request, effects)
            return None
        return refuse("no_ban", name=name, room=room.name)
    for held in lifted:
        registry.journal.pop(room.bans, held.record.id)
        effects.append(Persist(DropBan(held.record.id)))
    _tell_room(registry, room, actor, now, effects, _Deed("unban", person, value=network or ""))
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    return None


def list_bans(registry: Registry, session: Session, request: Bans, now: float, effects: list[Effect]) -> Refusal | None:
    """Say whom a room keeps out."""
    room = registry.rooms[request.room]
    held_now = [held for held in room.bans.values() if held.until > now]
    bans = (
        BanInfo(
            name=None if held.person is None else held.person.name.shown,
            network=held.record.network,
            until=held.record.until,
            reason=held.record.reason,
            by=held.record.by,
            time=held.record.time,
        )
        for held in held_now[request.skip :]
    )
    page, more = fill(bans, registry.settings.page_bytes)
    effects.append(Reply(session.id, BanList(id=request.id, room=room.name, bans=page, more=more)))
    return None


def mute(registry: Registry, session: Session, request: Mute, now: float, effects: list[Effect]) -> Refusal | None:
    """Let somebody read but not speak, or speak again; also somebody who went out while they might not speak."""
    actor = rooms.person_of(session)
    room = registry.rooms[request.room]
    member = _member(registry, room, request.name, former=True)
    if isinstance(member, Refusal):
        return member
    refusal = _outranked(room, actor, member.person)
    if refusal is not None:
        return refusal
    until = 0.0 if request.seconds == 0 else later(now, request.seconds)
    changes = until != (member.muted if member.muted > now else 0.0)
    registry.journal.set(member, "muted", until)
    if member.role is Role.NOBODY and not until:  # in a slow room they still have to wait
        effects.append(Persist(DropMember(room.id, member.person.id)))
    else:
        effects.append(rooms.save_member(room, member))
    if changes:
        shown = None if until in (0.0, float("inf")) else stamp(until)
        deed = _Deed("mute" if until else "unmute", member.person, until=shown)
        _tell_room(registry, room, actor, now, effects, deed)
    effects.append(Acknowledge(session.id, Ok(id=request.id, unchanged=not (changes or request.again))))
    return None


# ---- steps --------------------------------------------------------------------------------------


def _done_already(session: Session, request: Deed, effects: list[Effect], *, unchanged: bool = False) -> None:
    """What is asked (again, or ``unchanged``) is so already."""
    effects.append(Persist(account_of(rooms.person_of(session))))  # as in set_role
    effects.append(Acknowledge(session.id, Ok(id=request.id, unchanged=unchanged)))


def _same_target(held: HeldBan, person: Person | None, network: str | None) -> bool:
    """Whether a ban is of this person, or of this network."""
    return held.person is person if person is not None else held.record.network == network


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "off" if not value else f"{value:g}"


class _Deed(NamedTuple):
    """What a moderator did."""

    action: str
    person: Person | None = None
    value: str = ""
    reason: str = ""
    until: str | None = None


def _tell_room(registry: Registry, room: Room, actor: Person, now: float, effects: list[Effect], deed: _Deed) -> None:
    """Put what was done into the room's log and into the audit log."""
    time = registry.stamp(now)
    target = "" if deed.person is None else deed.person.name.shown
    event = Moderated(
        room=room.name,
        seq=rooms.number_next(registry, room),
        time=time,
        sender=actor.name.shown,
        action=deed.action,
        target=target,
        value=deed.value,
        reason=deed.reason,
        until=deed.until,
    )
    rooms.publish(room, event, actor, effects)
    detail = " ".join(filter(None, (deed.value, deed.reason, f"until {deed.until}" if deed.until else "")))
    effects.append(Persist(Note(time, actor.name.shown, deed.action, room.name, target, detail)))


def _member(registry: Registry, room: Room, name: str, *, former: bool = False) -> Member | Refusal:
    found, checked = registry.find_person(name), check_name(name)
    person = found
    if isinstance(found, Refusal) and not isinstance(checked, Refusal):
        person = registry.people.get(checked.key, found)  # where names are not owned, also who is not here
    if isinstance(person, Refusal):
        return person
    member = room.members.get(person.id)
    if member is None and former:
        went = room.former.get(person.id)
        member = went if went is not None and went.muted else None
    if member is None and isinstance(found, Refusal):
        return found
    return member or refuse("not_member_there", name=person.name.shown, room=room.name)


def _outranked(room: Room, actor: Person, person: Person) -> Refusal | None:
    role = room.role_of(person)
    if actor is person:
        return refuse("yourself")
    if role >= room.role_of(actor) and not (actor.admin and not person.admin):
        return refuse("outranked", name=person.name.shown, role=role.word, room=room.name)
    return None


def _banned_before(room: Room, name: str) -> Person | None:
    """Whom a room keeps out under this name: where names are not owned, also who is not here."""
    checked = check_name(name)
    people = [held.person for held in room.bans.values() if held.person is not None]
    return next((p for p in people if not isinstance(checked, Refusal) and p.name.key == checked.key), None)


def _banned_person(registry: Registry, room: Room, actor: Person, request: Ban) -> Person | Refusal | None:
    if (request.name is None) == (request.network is None):
        return refuse("bad_field", why="give a name or a network")
    if request.name is None:
        return None
    person = registry.find_person(request.name)
    return person if isinstance(person, Refusal) else _outranked(room, actor, person) or person


def _keeps_out(registry: Registry, room: Room, person: Person, now: float) -> bool:
    """Whether a ban keeps somebody out of a room: of them, or of where they are connected from."""
    places = [registry.sessions[number].address for number in person.sessions] or [""]
    return any(rooms.ban_of(room, person, place, now) is not None for place in places)


def _network(text: str) -> str | Refusal:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return refuse("bad_network", network=quoted(text))


def _covered(registry: Registry, room: Room, held: HeldBan, actor: Person) -> list[Person]:
    """The members whom a new ban puts out: the person, or who comes from there and is not of higher rank."""
    if held.person is not None:
        return [held.person] if held.person.id in room.members else []
    return [
        person
        for person in [member.person for member in room.members.values() if member.person.sessions]
        if person is not actor
        and room.role_of(person) < room.role_of(actor)
        and any(held.covers(None, registry.sessions[number].address) for number in person.sessions)
    ]


def _keep_out(
    registry: Registry, room: Room, person: Person, held: HeldBan, by: Person, now: float, effects: list[Effect]
) -> None:
    if room.is_lobby:
        effects.extend(Disconnect(number, rooms.kept_out(room, held)) for number in sorted(person.sessions))
    else:
        gone = PutOut(room.name, held.record.by, action="ban", reason=held.record.reason)
        rooms.put_out(registry, person, gone, now, effects, by=by)
