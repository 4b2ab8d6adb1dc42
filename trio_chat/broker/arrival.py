"""Coming, going, and what one is called: hello, nick, away, and a session's end."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trio_chat.broker import presence, rooms
from trio_chat.broker.effects import Disconnect, Effect, Notify, Persist, Reply, Subscribe
from trio_chat.broker.places import place_of
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import MOST_DEVICES, Device, Person, Role, Session, State, seconds
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import AwayChanged, Limits, Ok, Renamed, Welcome
from trio_chat.protocol.names import LOBBY, Name, check_name
from trio_chat.protocol.requests import MIN_TOKEN
from trio_chat.protocol.text import clean_line
from trio_chat.records import DropAccount, DropDevice, PutOut, SaveDevice

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.protocol.requests import Away, Hello, Nick

_MADE_UP: Final = re.compile(r"user_\d+")
"""A name that a server made up, now or on an earlier visit."""


def hello(registry: Registry, session: Session, request: Hello, now: float, effects: list[Effect]) -> Refusal | None:
    """Let a session in under a name: somebody's who proves it, or a free one, which it then claims."""
    refusal = _check_password(registry.settings.password, request.password) or rooms.banned(
        registry.rooms[LOBBY], None, session.address, now
    )
    if refusal is not None:
        return refusal
    name = _wanted_name(registry, request.name, session.spare_number)
    if isinstance(name, Refusal):
        return name
    person = registry.people.get(name.key)
    asked, token = "", session.spare_token
    if person is None or _is_free(registry, person, request, now):
        # Nobody is called so: they may be somebody whose name changed elsewhere, or in a history that is gone.
        known = _holder_of(registry, request.token)
        if known is not None:
            person, asked = known, "" if request.name is None else name.shown
    if person is not None and not _is_free(registry, person, request, now):
        refusal = _prove(registry, person, request) or rooms.banned(registry.rooms[LOBBY], person, session.address, now)
        if refusal is not None:
            return refusal
        if person.guest and registry.settings.owned:  # names are owned now, and this is its use
            registry.journal.set(person, "guest", False)
            effects.append(Persist(account_of(person)))
    else:
        passing = request.quiet and _MADE_UP.fullmatch(name.key) is not None
        refusal = _look_alike(registry, name, person, now) or (
            None if passing else _may_claim(registry, session.address, now)
        )
        if refusal is not None:
            return refusal
        person = _claim(registry, name, now, effects)
        person.passing = passing
        token = _own_token(registry, request) or token
    session.device = _owning_device(person, request.token)
    if session.device is None:
        _add_device(registry, session, person, token, request.client, now, effects)
    _leave_where_kept_out(registry, session, person, now, effects)
    _enter(registry, session, person, request, now, effects, asked)
    return None


def wants_proof(registry: Registry, request: Hello, now: float) -> str | None:
    """The hash against which the account password of a hello must be checked, after the cheap checks:
    ``None`` where there is nothing to check, because it is refused or let in without."""
    if request.account_password is None or _check_password(registry.settings.password, request.password):
        return None
    name = check_name(request.name or "")
    person = None if isinstance(name, Refusal) else registry.people.get(name.key)
    if person is None or _owning_device(person, request.token) is not None or _is_free(registry, person, request, now):
        return None
    return person.password


def depart(registry: Registry, session: Session, person: Person, now: float, effects: list[Effect]) -> None:
    """A session of a person ended; with the last visible one the person is no longer here."""
    person.sessions.discard(session.id)
    was_here = bool(person.visible)
    person.visible.discard(session.id)
    person.seen = registry.stamp(now)
    if session.device is not None:
        session.device.seen = person.seen
    registry.unsaved_visits[person.id] = person
    registry.save_soon(now)
    if was_here and not person.visible:
        registry.here -= 1
        for room in person.rooms.values():
            room.here.pop(person.id, None)
            if room.direct is None:
                presence.went(registry, room, person.name.shown, now, effects)
    # one who was taken back has a number that may be another's now
    known = registry.persons.get(person.id) is person
    if known and person.passing and not (person.sessions or person.recent or person.password):
        release(registry, person, effects)


def rename(registry: Registry, session: Session, request: Nick, now: float, effects: list[Effect]) -> Refusal | None:
    """Give a person another name; their old one is free."""
    person = rooms.person_of(session)
    name = check_name(request.name)
    if isinstance(name, Refusal):
        return name
    holder = registry.people.get(name.key)
    if holder is not None and holder is not person:
        if not _is_free(registry, holder, None, now):
            return refuse("name_taken" if holder.sessions else "name_owned", name=name.shown)
    else:
        holder = None
    refusal = _look_alike(registry, name, holder or person, now, person)
    if refusal is not None:
        return refusal
    for other in (holder, registry.skeletons.get(name.skeleton)):
        if other is not None and other is not person and other.id in registry.persons:
            release(registry, other, effects)
    old = person.name
    for room in person.rooms.values():
        presence.tell_gathered(registry, room, now, effects)  # under the names that people had then
    journal = registry.journal
    journal.pop(registry.people, old.key)
    journal.pop(registry.skeletons, old.skeleton)
    journal.set(person, "name", name)
    journal.set(person, "passing", False)  # a name that was chosen
    journal.put(registry.people, name.key, person)
    journal.put(registry.skeletons, name.skeleton, person)
    effects.append(Persist(account_of(person)))
    effects.append(Reply(session.id, Ok(id=request.id, unchanged=name.shown == old.shown and not request.again)))
    if name.shown != old.shown:
        effects.append(Notify(LOBBY, Renamed(old=old.shown, new=name.shown)))
    return None


def away(registry: Registry, session: Session, request: Away, now: float, effects: list[Effect]) -> Refusal | None:
    """Say that a person is away and why, or back."""
    person = rooms.person_of(session)
    before, person.away = person.away, None if request.text is None else clean_line(request.text) or "away"
    effects.append(Reply(session.id, Ok(id=request.id, unchanged=person.away == before)))
    if person.away != before:
        effects.append(Notify(LOBBY, AwayChanged(name=person.name.shown, text=person.away)))
    return None


def device_record(person: Person, device: Device) -> SaveDevice:
    """A device as stored."""
    return SaveDevice(device.id, person.id, device.digest, device.label, device.created, device.seen)


# ---- steps of hello -----------------------------------------------------------------------------


def _check_password(wanted: str | None, given: str | None) -> Refusal | None:
    if wanted is None:
        return None
    if given is None:
        return refuse("password_needed")
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        return refuse("wrong_password")
    return None


def _wanted_name(registry: Registry, wanted: str | None, number: int) -> Name | Refusal:
    if wanted is not None:
        return check_name(wanted)
    while True:  # ends: there are more numbers than people
        made_up = check_name(f"user_{1000 + number}")  # as _MADE_UP has it
        if (
            isinstance(made_up, Name)
            and made_up.key not in registry.people
            and made_up.skeleton not in registry.skeletons
        ):
            return made_up
        number += 1


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _holder_of(registry: Registry, token: str | None) -> Person | None:
    """Whose device this token is of, under whatever name."""
    return None if token is None else registry.holders.get(_digest(token))


def _owning_device(person: Person, token: str | None) -> Device | None:
    """The device of a person that this token is of. A token is too long to guess, so looking up its digest
    tells nobody anything."""
    return None if token is None else person.devices.get(_digest(token))


def _is_free(registry: Registry, holder: Person, request: Hello | None, now: float) -> bool:
    """Whether a name that has a holder is free all the same: the holder is not here, is no administrator, and is a
    guest, or has not used it for too long and no password keeps it."""
    if holder.sessions or holder.admin or (request is not None and _owning_device(holder, request.token) is not None):
        return False
    settings = registry.settings
    until = seconds(holder.seen) + settings.name_expiry + settings.visits
    if not holder.guest and (not settings.name_expiry or holder.password is not None or until > now):
        return False
    return not _is_restrained(registry, holder, now)


def _is_restrained(registry: Registry, holder: Person, now: float) -> bool:
    """Whether somebody is kept out or may not speak somewhere: a name that was free then would end it."""
    for room in registry.rooms.values():
        member = room.members.get(holder.id) or room.former.get(holder.id)
        if member is not None and member.muted > now:
            return True
        if any(ban.person is holder and ban.until > now for ban in room.bans.values()):
            return True
    return False


def _prove(registry: Registry, person: Person, request: Hello) -> Refusal | None:
    """Whether a session is this person's, by its token or by the account's password."""
    if _owning_device(person, request.token) is not None:
        return None
    if person.password is not None and registry.found == person.password:  # not one of who had the name before
        return None
    if request.account_password is not None and person.password is not None:
        return refuse("wrong_account_password", name=person.name.shown)
    return refuse("name_taken" if person.guest else "name_owned", name=person.name.shown)


def _look_alike(
    registry: Registry, name: Name, but: Person | None, now: float, also: Person | None = None
) -> Refusal | None:
    other = registry.skeletons.get(name.skeleton)
    if other is None or other is but or other is also or _is_free(registry, other, None, now):
        return None
    return refuse("name_lookalike", name=name.shown, other=other.name.shown)


def _may_claim(registry: Registry, address: str, now: float) -> Refusal | None:
    """Count a name that is claimed from there: names that nobody uses take memory, and keep others from them."""
    place, most = place_of(address), registry.settings.new_names
    if place is None or not most:
        return None
    wait = registry.claims.take(place, now, most, registry.journal)
    return refuse("too_many_names", seconds=wait) if wait else None


def _claim(registry: Registry, name: Name, now: float, effects: list[Effect]) -> Person:
    """Make an account of a free name."""
    for holder in {registry.people.get(name.key), registry.skeletons.get(name.skeleton)}:
        if holder is not None:
            release(registry, holder, effects)
    time = registry.stamp(now)
    person = Person(registry.next_account, name, time, time, guest=not registry.settings.owned)
    journal = registry.journal
    journal.set(registry, "next_account", person.id + 1)
    journal.put(registry.persons, person.id, person)
    journal.put(registry.people, name.key, person)
    journal.put(registry.skeletons, name.skeleton, person)
    effects.append(Persist(account_of(person)))
    rooms.enter(registry, person, registry.rooms[LOBBY], effects)
    return person


def expel(registry: Registry, person: Person, reason: Refusal, now: float, effects: list[Effect]) -> None:
    """End all sessions of a person; if that cannot be stored, they go on."""
    journal = registry.journal
    for number in sorted(person.sessions):
        effects.append(Disconnect(number, reason))
        journal.pop(registry.sessions, number)
    was_here = bool(person.visible)
    journal.set(person, "sessions", set())
    journal.set(person, "visible", set())
    if not was_here:
        return
    registry.here -= 1
    for room in person.rooms.values():
        journal.pop(room.here, person.id)
        if room.direct is None:
            presence.went(registry, room, person.name.shown, now, effects)


def release(registry: Registry, person: Person, effects: list[Effect]) -> None:
    """Free the name of somebody who is not here, and forget them."""
    journal = registry.journal
    journal.pop(registry.persons, person.id)
    journal.pop(registry.people, person.name.key)
    journal.pop(registry.skeletons, person.name.skeleton)
    for digest in person.devices:
        journal.pop(registry.holders, digest)
    effects.append(Persist(DropAccount(person.id)))
    for room in list(person.rooms.values()):
        journal.pop(room.members, person.id)
        if room.direct is None:
            rooms.pass_on(registry, room, effects)
    for room in registry.rooms.values():
        journal.pop(room.invited, person.id)
        journal.pop(room.former, person.id)
        for number in [number for number, ban in room.bans.items() if ban.person is person]:
            journal.pop(room.bans, number)


def _own_token(registry: Registry, request: Hello) -> str | None:
    """The token that a device made itself, and kept, before it claimed a name: that it has the name is then
    proven also where the welcome did not arrive. One that is somebody's, or could be guessed, is none."""
    token = request.token
    return token if token is not None and len(token) >= MIN_TOKEN and _holder_of(registry, token) is None else None


def _add_device(
    registry: Registry, session: Session, person: Person, token: str, client: str, now: float, effects: list[Effect]
) -> None:
    here = {registry.sessions[number].device for number in person.sessions}
    for known in sorted(person.devices.values(), key=lambda device: (device.seen, device.id)):
        if len(person.devices) >= MOST_DEVICES and known not in here:
            drop_device(registry, person, known, effects)
    time = registry.stamp(now)
    device = Device(registry.next_device, _digest(token), clean_line(client)[:64], time, time)
    registry.journal.set(registry, "next_device", device.id + 1)
    registry.journal.put(person.devices, device.digest, device)
    registry.journal.put(registry.holders, device.digest, person)
    session.device = device
    effects.append(Persist(device_record(person, device)))


def drop_device(registry: Registry, person: Person, device: Device, effects: list[Effect]) -> None:
    """Let a device be nobody's any more."""
    registry.journal.pop(person.devices, device.digest)
    registry.journal.pop(registry.holders, device.digest)
    effects.append(Persist(DropDevice(device.id)))


def _leave_where_kept_out(
    registry: Registry, session: Session, person: Person, now: float, effects: list[Effect]
) -> None:
    """A network was kept out of a room while this member of it, who comes from there, was away."""
    for room in list(person.rooms.values()):
        if room.is_lobby or room.direct is not None or room.role_of(person) > Role.MEMBER:
            continue
        ban = rooms.ban_of(room, None, session.address, now)
        if ban is not None:
            gone = PutOut(room.name, ban.record.by, action="ban", reason=ban.record.reason)
            rooms.put_out(registry, person, gone, now, effects, by=None)


def _enter(
    registry: Registry,
    session: Session,
    person: Person,
    request: Hello,
    now: float,
    effects: list[Effect],
    asked: str = "",
) -> None:
    """The session is the person's now, who ``asked`` for another name, and hears the person's rooms."""
    is_back = not person.visible and not request.quiet
    session.quiet = request.quiet
    session.state, session.person, session.active = State.PRESENT, person, now
    registry.watch(session)
    person.sessions.add(session.id)
    if not request.quiet:
        person.visible.add(session.id)
        person.passing = False
    if is_back:
        registry.here += 1
        person.since, person.away = registry.stamp(now), None
        for room in person.rooms.values():
            room.here[person.id] = person
    is_new_device = session.device is not None and session.device.digest == _digest(session.spare_token)
    token = session.spare_token if is_new_device else request.token or ""
    welcome = _welcome(registry, person, token, request.id, now)
    effects.append(Reply(session.id, replace(welcome, asked=asked) if asked else welcome))
    if (person.put_out or person.invites) and not request.quiet:
        rooms.tell_invited(registry, session, person, now, effects)
        registry.journal.set(person, "put_out", {})
        registry.journal.set(person, "invites", {})
        registry.unsaved_visits[person.id] = person  # told once more is better than not let in by a full disk
        registry.save_soon(now)
    effects.extend(Subscribe(session.id, room) for room in person.rooms)
    if is_back:
        for room in person.rooms.values():
            if room.direct is None:
                presence.came(registry, room, person.name.shown, now, effects)


def _welcome(registry: Registry, person: Person, token: str, request_id: str, now: float) -> Welcome:
    settings = registry.settings
    infos, left_out = rooms.describe_all(registry, person)
    return Welcome(
        id=request_id,
        name=person.name.shown,
        token=token,
        epoch=settings.epoch,
        rooms=infos,
        left_out=left_out,
        lobby=LOBBY,
        limits=Limits(text=settings.max_text, frame=settings.max_frame, to=settings.max_recipients),
        time=registry.stamp(now),
        server=settings.server,
        motd=settings.motd,
        owned=settings.owned,
        admin=person.admin,
        put_out=tuple(rooms.removal(gone) for gone in person.put_out.values()),
    )
