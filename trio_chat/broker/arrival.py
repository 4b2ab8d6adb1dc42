"""How sessions arrive and leave, and what people are called: hello, nick, away, and a session's end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trio_chat.broker import admission, files, invites, presence, rooms
from trio_chat.broker.admission import NO_PASSWORD, digest_of, holder_of, owning_device
from trio_chat.broker.effects import Disconnect, Notify, Subscribe, Throttle
from trio_chat.broker.places import place_of
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import MOST_DEVICES, Device, Person, Role, Session, State, seconds
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import AwayChanged, Limits, Ok, Renamed, Welcome
from trio_chat.protocol.names import LOBBY, Name, check_name
from trio_chat.protocol.requests import MIN_TOKEN
from trio_chat.protocol.text import clean_line
from trio_chat.records import DropAccount, DropDevice, SaveDevice

if TYPE_CHECKING:
    from trio_chat.broker.ask import Ask, Decision
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import InviteLink
    from trio_chat.protocol.requests import Away, Hello, Nick

_MADE_UP: Final = re.compile(r"user_\d+")
"""A name that a server made up, now or on an earlier visit."""


_TOO_MANY: Final = (
    f"You have {MOST_DEVICES} devices, the most allowed, so this one is not remembered and needs your password each "
    "time. /devices lists them, and /revoke signs one out."
)
"""What a person is told whose device has no place among the others, behind the message of the day."""


def hello(ask: Ask[Hello]) -> Refusal | None:
    """Let a session in: under a name that it proves to be its own, or a free one, which it then claims."""
    registry, session, request = ask.registry, ask.session, ask.request
    may_claim = admission.may_come_in(ask)
    if isinstance(may_claim, Refusal):
        return may_claim
    refusal = rooms.banned(registry, registry.rooms[LOBBY], None, session.address, ask.now)
    if refusal is not None:
        return refusal
    name = _wanted_name(registry, request.name, session.spare_number)
    if isinstance(name, Refusal):
        return name
    person = registry.people.get(name.key)
    asked, claimed = "", False
    if person is None or _is_free(registry, person, request, ask.now):
        # The name is free. The token may be of an account whose name changed elsewhere, or in a history that is gone.
        known = holder_of(registry, request.token)
        if known is not None:
            person, asked = known, "" if request.name is None else name.shown
    if person is not None and not _is_free(registry, person, request, ask.now):
        refusal = (
            _prove(ask, person)
            or rooms.banned(registry, registry.rooms[LOBBY], person, session.address, ask.now)
            or registry.charges.may_enter(session, person, ask.now)
        )
        if refusal is not None:
            return refusal
        if person.guest and registry.settings.owned:  # names are owned now, and this use claims the name
            registry.journal.set(person, "guest", False)
            ask.persist(account_of(person))
    elif not may_claim:
        return admission.no_newcomers(registry.settings)
    else:
        newcomer = _take_in(ask, name, person)
        if isinstance(newcomer, Refusal):
            return newcomer
        person, claimed = newcomer, True
    session.device = owning_device(person, request.token)
    is_kept = claimed or (bool(request.token) and len(person.devices) < MOST_DEVICES)
    if session.device is None and is_kept:  # none gives way to another: somebody may rely on it
        # a token that was revoked once must not come back with a password
        _add_device(ask, person, (claimed and _own_token(registry, request)) or session.spare_token)
    _leave_where_banned(ask, person)
    _enter(ask, person, asked)
    return None


def wants_proof(registry: Registry, request: Hello, address: str, now: float) -> str | None:
    """The hash against which the account password of a hello must be checked, after the cheap checks.

    ``None`` where there is nothing to check: the hello is refused, or let in, without it. An account without a password
    has a hash that no password is right for; so has a name that nobody has, where names are no business of strangers.
    """
    is_worth_it, for_nobody = admission.hash_to_check(registry, request, address, now)
    name = check_name(request.name or "")
    if not is_worth_it or isinstance(name, Refusal):
        return None
    person = registry.people.get(name.key)
    if person is None or _is_free(registry, person, request, now):
        return for_nobody
    if owning_device(person, request.token) is not None:
        return None
    return for_nobody if person.guest else person.password or NO_PASSWORD


def depart(decision: Decision, session: Session, person: Person) -> None:
    """A session of a person ended; with the last visible one the person is no longer here."""
    registry = decision.registry
    person.sessions.discard(session.id)
    was_here = bool(person.visible)
    person.visible.discard(session.id)
    person.seen = decision.time
    if session.device is not None:
        session.device.seen = person.seen
    registry.unsaved_visits[person.id] = person
    registry.save_soon(decision.now)
    if was_here and not person.visible:
        registry.here -= 1
        for room in person.rooms.values():
            room.here.pop(person.id, None)
            if room.direct is None:
                presence.note_departure(decision, room, person, session.departure)
    # the account may have been undone, and its number may be another's now
    known = registry.persons.get(person.id) is person
    if known and person.temporary and not (person.sessions or person.sent_ids or person.password):
        release(decision, person)


def rename(ask: Ask[Nick]) -> Refusal | None:
    """Give a person another name; their old name is free."""
    registry, person = ask.registry, ask.person
    name = check_name(ask.request.name)
    if isinstance(name, Refusal):
        return name
    holder = registry.people.get(name.key)
    if holder is not None and holder is not person:
        if not _is_free(registry, holder, None, ask.now):
            return refuse("name_taken" if holder.sessions else "name_owned", name=name.shown)
    else:
        holder = None
    refusal = _look_alike(registry, name, holder or person, ask.now, person)
    if refusal is not None:
        return refusal
    for other in (holder, registry.skeletons.get(name.skeleton)):
        if other is not None and other is not person and other.id in registry.persons:
            release(ask, other)
    old = person.name
    for room in person.rooms.values():
        presence.tell_gathered(ask, room)  # under the names that people had then
    journal = registry.journal
    journal.pop(registry.people, old.key)
    journal.pop(registry.skeletons, old.skeleton)
    journal.set(person, "name", name)
    journal.set(person, "temporary", False)  # the person chose this name
    journal.put(registry.people, name.key, person)
    journal.put(registry.skeletons, name.skeleton, person)
    ask.persist(account_of(person))
    ask.reply(Ok(id=ask.request.id, unchanged=name.shown == old.shown and not ask.request.again))
    if name.shown != old.shown:
        ask.effects.append(Notify(LOBBY, Renamed(old=old.shown, new=name.shown, id=person.id)))
    return None


def away(ask: Ask[Away]) -> Refusal | None:
    """Say that a person is away and why, or back."""
    person, text = ask.person, ask.request.text
    before, person.away = person.away, None if text is None else clean_line(text) or "away"
    ask.reply(Ok(id=ask.request.id, unchanged=person.away == before))
    if person.away != before:
        ask.effects.append(Notify(LOBBY, AwayChanged(name=person.name.shown, text=person.away, id=person.id)))
    return None


def device_record(person: Person, device: Device) -> SaveDevice:
    """A device as stored."""
    return SaveDevice(device.id, person.id, device.digest, device.label, device.created, device.seen)


# ---- steps of hello -----------------------------------------------------------------------------


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


def _is_free(registry: Registry, holder: Person, request: Hello | None, now: float) -> bool:
    """Whether a name that has a holder is free all the same.

    It is where the holder is not here, is no administrator, and is a guest, or has not used the name for too long and
    no password keeps it.
    """
    if holder.sessions or holder.admin or (request is not None and owning_device(holder, request.token) is not None):
        return False
    settings = registry.settings
    until = seconds(holder.seen) + settings.name_expiry + settings.visits
    if not holder.guest and (not settings.name_expiry or holder.password is not None or until > registry.earlier(now)):
        return False
    return not _is_restrained(registry, holder, now)


def _is_restrained(registry: Registry, holder: Person, now: float) -> bool:
    """Whether a person is banned or muted anywhere: if their name became free, that would end it."""
    for room in registry.rooms.values():
        member = room.members.get(holder.id) or room.former.get(holder.id)
        if member is not None and member.muted > now:
            return True
        if any(ban.person is holder and ban.until > now for ban in room.bans.values()):
            return True
    return False


def _prove(ask: Ask[Hello], person: Person) -> Refusal | None:
    """Whether a session is this person's, by its token or by the account's password."""
    request = ask.request
    if owning_device(person, request.token) is not None:
        return None
    if person.password is not None and ask.password_hash == person.password:  # not the hash of an earlier account
        return None
    if request.account_password is not None and not person.guest:  # also where there is none: that is nobody's business
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
    """Count a name against the address that claims it: names that nobody uses take memory, and are lost to others."""
    place, most = place_of(address), registry.settings.new_names
    if place is None or not most:
        return None
    wait = registry.claims.take(place, now, most, registry.journal)
    return refuse("too_many_names", seconds=wait) if wait else None


def _take_in(ask: Ask[Hello], name: Name, holder: Person | None) -> Person | Refusal:
    """Make the account of a newcomer, who gets a free name; ``holder`` has it so far. An invite that they give counts,
    also where it was not needed to come in: it leads into rooms."""
    registry, session, request = ask.registry, ask.session, ask.request
    link: InviteLink | None = None
    if request.invite is not None:
        found = invites.find(registry, request.invite, session.address, ask.now)
        if isinstance(found, Refusal):
            return found
        link = found
    temporary = request.quiet and link is None and _MADE_UP.fullmatch(name.key) is not None
    refusal = _look_alike(registry, name, holder, ask.now) or (
        None if temporary else _may_claim(registry, session.address, ask.now)
    )
    if refusal is not None:
        return refusal
    person = _claim(ask, name, link)
    person.temporary = temporary
    return person


def _claim(ask: Ask[Hello], name: Name, link: InviteLink | None) -> Person:
    """Make an account of a free name. A person who comes by an invite owns the name, also where others are guests: the
    account is their only way to come back."""
    registry = ask.registry
    for holder in {registry.people.get(name.key), registry.skeletons.get(name.skeleton)}:
        if holder is not None:
            release(ask, holder)
    person = Person(registry.next_account, name, ask.time, ask.time)
    person.guest = link is None and not registry.settings.owned
    person.invite_link = 0 if link is None else link.record.id
    journal = registry.journal
    journal.set(registry, "next_account", person.id + 1)
    journal.put(registry.persons, person.id, person)
    journal.put(registry.people, name.key, person)
    journal.put(registry.skeletons, name.skeleton, person)
    ask.persist(account_of(person))
    rooms.enter(ask, person, registry.rooms[LOBBY])
    if link is not None:
        invites.use(ask, link, person, ask.session.address)
    return person


def expel(decision: Decision, person: Person, reason: Refusal) -> None:
    """End all sessions of a person; if that cannot be stored, they go on."""
    registry, journal = decision.registry, decision.registry.journal
    for number in sorted(person.sessions):
        decision.effects.append(Disconnect(number, reason))
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
            presence.note_departure(decision, room, person, "removed")


def release(decision: Decision, person: Person) -> None:
    """Delete the account of a person who is not here, so that its name is free."""
    registry, journal = decision.registry, decision.registry.journal
    journal.pop(registry.persons, person.id)
    journal.pop(registry.people, person.name.key)
    journal.pop(registry.skeletons, person.name.skeleton)
    for digest in person.devices:
        journal.pop(registry.holders, digest)
    files.drop_uploads(decision, person.id)
    decision.persist(DropAccount(person.id))
    for room in list(person.rooms.values()):
        journal.pop(room.members, person.id)
        if room.direct is None:
            rooms.pass_on(decision, room)
    for room in registry.rooms.values():
        journal.pop(room.invited, person.id)
        journal.pop(room.former, person.id)
        for number in [number for number, ban in room.bans.items() if ban.person is person]:
            journal.pop(room.bans, number)


def _own_token(registry: Registry, request: Hello) -> str | None:
    """The token that a device made itself, and kept, before it claimed a name.

    With it the device can prove that the name is its own also where the welcome did not arrive. A token that another
    device has, or that could be guessed, does not count.
    """
    token = request.token
    return token if token is not None and len(token) >= MIN_TOKEN and holder_of(registry, token) is None else None


def _add_device(ask: Ask[Hello], person: Person, token: str) -> None:
    registry, session = ask.registry, ask.session
    device = Device(registry.next_device, digest_of(token), clean_line(ask.request.client)[:64], ask.time, ask.time)
    registry.journal.set(registry, "next_device", device.id + 1)
    registry.journal.put(person.devices, device.digest, device)
    registry.journal.put(registry.holders, device.digest, person)
    session.device = device
    ask.persist(device_record(person, device))


def drop_device(decision: Decision, person: Person, device: Device) -> None:
    """Delete a device: its token proves nothing any more."""
    decision.registry.journal.pop(person.devices, device.digest)
    decision.registry.journal.pop(decision.registry.holders, device.digest)
    decision.persist(DropDevice(device.id))


def _leave_where_banned(ask: Ask[Hello], person: Person) -> None:
    """Remove a person from rooms that banned, while they were away, the network that they come from."""
    for room in list(person.rooms.values()):
        if room.is_lobby or room.direct is not None or room.role_of(person) > Role.MEMBER:
            continue
        ban = rooms.ban_of(room, None, ask.session.address, ask.now)
        if ban is not None:
            rooms.remove(ask, person, rooms.removal_by(room, ban), by=None, arriving=True)


def _enter(ask: Ask[Hello], person: Person, asked: str) -> None:
    """Give the session to the person, who ``asked`` for another name, and let it hear the person's rooms."""
    registry, session, request = ask.registry, ask.session, ask.request
    is_back = not person.visible and not request.quiet
    session.quiet = request.quiet
    session.state, session.person, session.active = State.PRESENT, person, ask.now
    session.password = person.password if session.device is None else None
    registry.watch(session)
    person.sessions.add(session.id)
    if not request.quiet:
        person.visible.add(session.id)
        person.temporary = False
    if is_back:
        registry.here += 1
        person.since, person.away = ask.time, None
        for room in person.rooms.values():
            room.here[person.id] = person
    is_new_device = session.device is not None and session.device.digest == digest_of(session.spare_token)
    token = session.spare_token if is_new_device else request.token or ""
    wait = registry.charges.enter(session, person, ask.now)
    if wait:
        ask.effects.append(Throttle(session.id, wait))
    welcome = _welcome(ask, person, "" if session.device is None else token)
    ask.reply(replace(welcome, asked=asked) if asked else welcome)
    if (person.missed_removals or person.missed_invites) and not request.quiet:
        rooms.tell_invited(ask, session, person)
        registry.journal.set(person, "missed_removals", {})
        registry.journal.set(person, "missed_invites", {})
        registry.unsaved_visits[person.id] = person  # told once more is better than not let in by a full disk
        registry.save_soon(ask.now)
    ask.effects.extend(Subscribe(session.id, room.name, room.id) for room in person.rooms.values())
    if is_back:
        for room in person.rooms.values():
            if room.direct is None:
                presence.note_arrival(ask, room, person)


def _welcome(ask: Ask[Hello], person: Person, token: str) -> Welcome:
    settings = ask.registry.settings
    infos, left_out = rooms.describe_all(ask.registry, person)
    too_many = bool(ask.request.token) and not token
    return Welcome(
        id=ask.request.id,
        name=person.name.shown,
        account=person.id,
        token=token,
        epoch=settings.epoch,
        rooms=infos,
        names=rooms.names_of_former(ask.registry, infos),
        left_out=left_out,
        lobby=LOBBY,
        files=files.limits_for(ask.registry, person),
        limits=Limits(text=settings.max_text, frame=settings.max_frame, to=settings.max_recipients),
        time=ask.time,
        server=settings.server,
        motd="\n".join(filter(None, (settings.motd, _TOO_MANY if too_many else ""))),
        owned=settings.owned,
        reads_begin=True,
        admin=person.admin,
        put_out=tuple(rooms.describe_removal(missed) for missed in person.missed_removals.values()),
    )
