"""Keeping a room in order: invitations, settings, roles, kicks, bans and mutes. Each is stored, told to the room as a
line of its log, and noted in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from trio_chat.addresses import read_network
from trio_chat.broker import invites, rooms
from trio_chat.broker.effects import Disconnect, Tell
from trio_chat.broker.pages import fill
from trio_chat.broker.restore import account_of, make_ban, record_of
from trio_chat.broker.state import ChatRoom, Member, Person, Role, later
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import BanList, Invited, Moderated, Ok
from trio_chat.protocol.names import check_name
from trio_chat.protocol.parts import BanInfo
from trio_chat.protocol.requests import Ban, Bans, Configure, Invite, Kick, Mute, SetRole, Unban
from trio_chat.protocol.text import clean_line, quoted
from trio_chat.records import INVITE, AuditNote, DropBan, DropMember, MissedNotice, SaveBan, SaveInvite

if TYPE_CHECKING:
    from trio_chat.broker.ask import Ask, Decision
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ActiveBan

_Moderation: TypeAlias = Configure | SetRole | Kick | Ban | Unban | Bans | Mute

_ROLES = {"owner": Role.OWNER, "moderator": Role.MODERATOR, "member": Role.MEMBER}


def invite(ask: Ask[Invite]) -> Refusal | None:
    """Invite a person to a private room."""
    registry, request, actor = ask.registry, ask.request, ask.person
    room = actor.rooms[request.room]
    if room.direct is not None:
        return refuse("no_direct_here", room=room.name)
    invited = registry.find_person(request.name)
    if isinstance(invited, Refusal):
        return invited
    if invited.id in room.members and not request.again:
        return refuse("member_already", name=invited.name.shown, room=room.name)
    if not invited.admin and _is_banned(registry, room, invited, ask.now):
        return refuse("banned_there", name=invited.name.shown, room=room.name)
    if invited.id not in room.members:
        is_new = invited.id not in room.invited
        registry.journal.put(room.invited, invited.id, None)
        ask.persist(SaveInvite(room.id, invited.id))  # also when it is there, as in set_role
        if is_new:
            ask.persist(AuditNote(ask.time, actor.name.shown, "invite", room.name, invited.name.shown))
        if not invited.visible:  # they are told when they come back
            missed = MissedNotice(room.name, actor.name.shown, action=INVITE, by_id=actor.id)
            registry.journal.put(invited.missed_invites, room.name, missed)
            ask.persist(account_of(invited))
        if invited.sessions:
            told = Invited(room=room.name, by=actor.name.shown, by_id=actor.id)
            ask.effects.append(Tell(tuple(invited.sessions), told))
    ask.acknowledge(Ok(id=request.id))
    return None


def configure(ask: Ask[Configure]) -> Refusal | None:
    """Change a room's settings. Only its owner may hide the room, or limit how long messages are kept."""
    registry, request, room = ask.registry, ask.request, _room(ask)
    if (request.private is not None or request.keep is not None) and room.role_of(ask.person) < Role.OWNER:
        return refuse("not_allowed", room=room.name, role="owner")
    if room.is_lobby and request.private:
        return refuse("stays_in_lobby", room=room.name, advice="Make another room and type /private on there.")
    changed: list[tuple[str, str]] = []
    for field in ("private", "announce_only", "slow", "keep", "files", "max_file"):
        value = getattr(request, field)
        if value is None:
            continue
        if field == "keep":
            value = value or None
        if value != getattr(room, field):
            registry.journal.set(room, field, value)
            changed.append((field, str(value) if field == "max_file" else _shown(value)))
    ask.persist(record_of(room))  # also when nothing changes, as in set_role
    for field, shown in changed:
        _tell_room(ask, room, _Deed(field, value=shown))
    # when it is asked again, it may have been done the first time
    ask.acknowledge(Ok(id=request.id, unchanged=not (changed or request.again)))
    return None


def set_role(ask: Ask[SetRole]) -> Refusal | None:
    """Make a person owner, moderator or plain member."""
    registry, request, room = ask.registry, ask.request, _room(ask)
    member = _member(registry, room, request.name)
    if isinstance(member, Refusal):
        return member
    role = _ROLES[request.role]
    owners = sum(other.role is Role.OWNER for other in room.members.values())
    if member.role is Role.OWNER and role is not Role.OWNER and owners == 1 and not room.is_lobby:
        return refuse("last_owner", room=room.name)
    changes = member.role is not role
    registry.journal.set(member, "role", role)
    # stored also when nothing changes: this very batch may have set the role, and may fail
    ask.effects.append(rooms.save_member(registry, room, member))
    if changes:
        _tell_room(ask, room, _Deed("role", member.person, value=role.word))
    ask.acknowledge(Ok(id=request.id, unchanged=not (changes or request.again)))
    return None


def kick(ask: Ask[Kick]) -> Refusal | None:
    """Remove a person from a room."""
    request, room = ask.request, _room(ask)
    member = _member(ask.registry, room, request.name)
    if isinstance(member, Refusal):
        if request.again and member.code == "not_member_there":
            _acknowledge_done(ask)
            return None
        return member
    refusal = _outranked(room, ask.person, member.person)
    if refusal is not None:
        return refusal
    if room.is_lobby:
        return refuse("stays_in_lobby", room=room.name, advice="To keep somebody out of the server, use /ban.")
    reason = clean_line(request.reason)
    _tell_room(ask, room, _Deed("kick", member.person, reason=reason))
    removal = MissedNotice(room.name, ask.person.name.shown, reason=reason, by_id=ask.person.id)
    rooms.remove(ask, member.person, removal, by=ask.person)
    ask.acknowledge(Ok(id=request.id))
    return None


def ban(ask: Ask[Ban]) -> Refusal | None:
    """Remove a person, or everybody from a network, from a room and keep them out; the lobby's bans are the
    server's."""
    registry, request, room = ask.registry, ask.request, _room(ask)
    person = _person_to_ban(registry, room, ask.person, request)
    if isinstance(person, Refusal):
        return person
    network = None if request.network is None else _network(request.network)
    if isinstance(network, Refusal):
        return network
    before = [held for held in room.bans.values() if _has_target(held, person, network)]
    if before and request.again:
        _acknowledge_done(ask)
        return None
    reason, end = clean_line(request.reason), later(ask.now, request.seconds)
    same = [held for held in before if (held.until, held.record.reason) == (end, reason)]
    if same and not _covered(registry, room, same[0], ask.person):  # a higher rank than the first removes more people
        _acknowledge_done(ask, unchanged=True)
        return None
    for held in before:  # only the last one holds
        registry.journal.pop(room.bans, held.record.id)
        ask.persist(DropBan(held.record.id))
    record = SaveBan(
        registry.next_ban,
        None if room.is_lobby else room.id,
        None if person is None else person.id,
        network,
        registry.until(end),
        reason,
        ask.person.name.shown,
        ask.time,
        ask.person.id,
    )
    registry.journal.set(registry, "next_ban", record.id + 1)
    held = make_ban(registry, record, end)
    registry.journal.put(room.bans, record.id, held)
    ask.persist(record)
    _tell_room(ask, room, _Deed("ban", person, value=network or "", reason=reason, until=record.until))
    for other in _covered(registry, room, held, ask.person):
        _apply_ban(ask, room, other, held, by=ask.person)
    if person is not None:
        invites.end_for_banned(ask, room, person, ask.person.name.shown)
    ask.acknowledge(Ok(id=request.id))
    return None


def unban(ask: Ask[Unban]) -> Refusal | None:
    """Lift the bans of a person or of a network."""
    registry, request, room = ask.registry, ask.request, _room(ask)
    if (request.name is None) == (request.network is None):
        return refuse("bad_field", why="give a name or a network")
    person: Person | None = None
    if request.name is not None:
        found = _banned_person(room, request.name) or registry.find_person(request.name)
        if isinstance(found, Refusal):
            return found
        person = found
    network = None if request.network is None else _network(request.network)
    if isinstance(network, Refusal):
        return network
    lifted = [held for held in room.bans.values() if _has_target(held, person, network)]
    if not lifted:
        name = network or (person.name.shown if person else "")
        if request.again:
            _acknowledge_done(ask)
            return None
        return refuse("no_ban", name=name, room=room.name)
    for held in lifted:
        registry.journal.pop(room.bans, held.record.id)
        ask.persist(DropBan(held.record.id))
    _tell_room(ask, room, _Deed("unban", person, value=network or ""))
    ask.acknowledge(Ok(id=request.id))
    return None


def list_bans(ask: Ask[Bans]) -> Refusal | None:
    """List the people and networks that are banned from a room."""
    room = _room(ask)
    held_now = [held for held in room.bans.values() if held.until > ask.now]
    bans = (
        BanInfo(
            name=None if held.person is None else held.person.name.shown,
            id=0 if held.person is None else held.person.id,
            network=held.record.network,
            until=held.record.until,
            reason=held.record.reason,
            by=held.record.by,
            by_id=held.record.by_account,
            time=held.record.time,
        )
        for held in held_now[ask.request.skip :]
    )
    page, more = fill(bans, ask.registry.settings.page_bytes)
    ask.reply(BanList(id=ask.request.id, room=room.name, bans=page, more=more))
    return None


def mute(ask: Ask[Mute]) -> Refusal | None:
    """Mute a person, or unmute them; also one who left while they were muted."""
    registry, request, room = ask.registry, ask.request, _room(ask)
    member = _member(registry, room, request.name, former=True)
    if isinstance(member, Refusal):
        return member
    refusal = _outranked(room, ask.person, member.person)
    if refusal is not None:
        return refusal
    until = 0.0 if request.seconds == 0 else later(ask.now, request.seconds)
    changes = until != (member.muted if member.muted > ask.now else 0.0)
    registry.journal.set(member, "muted", until)
    if member.role is Role.NOBODY and not until:  # they stay a former member: in a slow room they still have to wait
        ask.persist(DropMember(room.id, member.person.id))
    else:
        ask.effects.append(rooms.save_member(registry, room, member))
    if changes:
        end = registry.until(until) if until else None
        _tell_room(ask, room, _Deed("mute" if until else "unmute", member.person, until=end))
    ask.acknowledge(Ok(id=request.id, unchanged=not (changes or request.again)))
    return None


def apply_bans(decision: Decision, person: Person) -> None:
    """Remove a person who is no server administrator any more from all that they are banned from.

    A ban of a network removes, as on a person's arrival, no moderators and owners of the room.
    """
    registry = decision.registry
    places = [registry.sessions[number].address for number in person.sessions]
    for room in list(person.rooms.values()):
        heeded = places if room.role_of(person) <= Role.MEMBER else []
        bans = (rooms.ban_of(room, person, place, decision.now) for place in ("", *heeded))
        held = next((ban for ban in bans if ban is not None), None)
        if held is not None:
            _apply_ban(decision, room, person, held, by=None)


# ---- steps --------------------------------------------------------------------------------------


def _room(ask: Ask[_Moderation]) -> ChatRoom:
    """The request's room; the table of commands has checked the person's role in it."""
    return ask.registry.rooms[ask.request.room]


def _acknowledge_done(ask: Ask[Kick] | Ask[Ban] | Ask[Unban], *, unchanged: bool = False) -> None:
    """Acknowledge a request whose effect is there already, since it is asked again or (``unchanged``) without that."""
    ask.persist(account_of(ask.person))  # as in set_role
    ask.acknowledge(Ok(id=ask.request.id, unchanged=unchanged))


def _has_target(held: ActiveBan, person: Person | None, network: str | None) -> bool:
    """Whether a ban is of this person, or of this network."""
    return held.person is person if person is not None else held.network is not None and str(held.network) == network


def _shown(value: object) -> str:
    """A setting's value as the room's log has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "off" if not value else f"{value:g}"


class _Deed(NamedTuple):
    """A moderator's deed, and the person it was done to."""

    action: str
    person: Person | None = None
    value: str = ""
    reason: str = ""
    until: str | None = None


def _tell_room(ask: Ask[_Moderation], room: ChatRoom, deed: _Deed) -> None:
    """Put a moderator's deed into the room's log and into the audit log."""
    actor = ask.person
    target = "" if deed.person is None else deed.person.name.shown
    event = Moderated(
        room=room.name,
        seq=rooms.number_next(ask.registry, room),
        time=ask.time,
        sender=actor.name.shown,
        sender_id=actor.id,
        action=deed.action,
        target=target,
        target_id=0 if deed.person is None else deed.person.id,
        value=deed.value,
        reason=deed.reason,
        until=deed.until,
    )
    rooms.publish(ask, room, event, actor)
    detail = " ".join(filter(None, (deed.value, deed.reason, f"until {deed.until}" if deed.until else "")))
    ask.persist(AuditNote(ask.time, actor.name.shown, deed.action, room.name, target, detail))


def _member(registry: Registry, room: ChatRoom, name: str, *, former: bool = False) -> Member | Refusal:
    """The member of this name; with ``former`` also a person who left while they were muted."""
    found, checked = registry.find_person(name), check_name(name)
    # where names are not owned, also a person who is not here
    person = found if isinstance(checked, Refusal) else registry.people.get(checked.key, found)
    if isinstance(person, Refusal):
        return person
    member = room.members.get(person.id)
    if member is None and former:
        left = room.former.get(person.id)
        member = left if left is not None and left.muted else None
    if member is None and isinstance(found, Refusal):
        return found
    code = "not_joined_yet" if person.id in room.invited else "not_member_there"
    return member or refuse(code, name=person.name.shown, room=room.name)


def _outranked(room: ChatRoom, actor: Person, person: Person) -> Refusal | None:
    """The refusal for a deed to oneself or to a person of the same or a higher rank."""
    role = room.role_of(person)
    if actor is person:
        return refuse("yourself")
    if role >= room.role_of(actor) and not (actor.admin and not person.admin):
        return refuse("outranked", name=person.name.shown, role=role.word, room=room.name)
    return None


def _banned_person(room: ChatRoom, name: str) -> Person | None:
    """The person of this name that is banned from a room: where names are not owned, also one who is not here."""
    checked = check_name(name)
    if isinstance(checked, Refusal):
        return None
    people = [held.person for held in room.bans.values() if held.person is not None]
    return next((person for person in people if person.name.key == checked.key), None)


def _person_to_ban(registry: Registry, room: ChatRoom, actor: Person, request: Ban) -> Person | Refusal | None:
    """The person that a ban names; ``None`` where it names a network."""
    if (request.name is None) == (request.network is None):
        return refuse("bad_field", why="give a name or a network")
    if request.name is None:
        return None
    person = registry.find_person(request.name)
    return person if isinstance(person, Refusal) else _outranked(room, actor, person) or person


def _is_banned(registry: Registry, room: ChatRoom, person: Person, now: float) -> bool:
    """Whether a person is banned from a room, or an address that they are connected from."""
    places = [registry.sessions[number].address for number in person.sessions] or [""]
    return any(rooms.ban_of(room, person, place, now) is not None for place in places)


def _network(text: str) -> str | Refusal:
    try:
        return str(read_network(text))
    except ValueError:
        return refuse("bad_network", network=quoted(text))


def _covered(registry: Registry, room: ChatRoom, held: ActiveBan, actor: Person) -> list[Person]:
    """The members whom a new ban removes: the person, or the people from that network who are of lower rank."""
    if held.person is not None:
        return [held.person] if held.person.id in room.members else []
    return [
        person
        for person in [member.person for member in room.members.values() if member.person.sessions]
        if person is not actor
        and room.role_of(person) < room.role_of(actor)
        and any(held.covers(None, registry.sessions[number].address) for number in person.sessions)
    ]


def _apply_ban(decision: Decision, room: ChatRoom, person: Person, held: ActiveBan, *, by: Person | None) -> None:
    """Remove a banned person from the room, or from the server."""
    if room.is_lobby:
        for number in sorted(person.sessions):
            decision.registry.journal.set(decision.registry.sessions[number], "departure", "removed")
            decision.effects.append(Disconnect(number, rooms.refuse_banned(decision.registry, room, held)))
    else:
        rooms.remove(decision, person, rooms.removal_by(room, held), by=by)
