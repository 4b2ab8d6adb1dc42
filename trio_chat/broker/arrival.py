"""Coming, going, and what one is called: hello, nick, away, and a session's end."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from trio_chat.broker import presence, rooms
from trio_chat.broker.effects import Effect, Notify, Reply, Subscribe
from trio_chat.broker.state import Person, Session, State
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import AwayChanged, Limits, Ok, Renamed, Welcome
from trio_chat.protocol.names import LOBBY, Name, check_name
from trio_chat.protocol.text import clean_line

if TYPE_CHECKING:
    from trio_chat.broker.broker import Broker
    from trio_chat.protocol.requests import Away, Hello, Nick


def hello(broker: Broker, session: Session, request: Hello, now: float, effects: list[Effect]) -> Refusal | None:
    """Let a session in under a name: a new person, or one more device of a person who is here."""
    refusal = _check_password(broker.settings.password, request.password)
    if refusal is not None:
        return refusal
    person = _own(broker, request)
    if person is None:
        name = _free_name(broker, request.name, session.spare_number)
        if isinstance(name, Refusal):
            return name
        person = Person(name, session.spare_token, broker.stamp(now))
        broker.people[name.key] = broker.skeletons[name.skeleton] = person
    is_new = not person.sessions
    session.state, session.person, session.active = State.PRESENT, person, now
    broker.watch(session)
    person.sessions.add(session.id)
    if is_new:
        rooms.enter(broker, person, broker.rooms[LOBBY])
    effects.append(Reply(session.id, _welcome(broker, person, request.id, now)))
    effects.extend(Subscribe(session.id, room) for room in person.rooms)
    if is_new:
        presence.came(broker, broker.rooms[LOBBY], person.name.shown, now, effects)
    return None


def depart(broker: Broker, session: Session, person: Person, now: float, effects: list[Effect]) -> None:
    """A session of a person ended; with the last one the person is gone and the name free."""
    person.sessions.discard(session.id)
    if person.sessions:
        return
    del broker.people[person.name.key]
    del broker.skeletons[person.name.skeleton]
    for room in list(person.rooms.values()):
        rooms.exit_room(broker, person, room)
        if room.direct is None:
            presence.went(broker, room, person.name.shown, now, effects)


def rename(broker: Broker, session: Session, request: Nick, now: float, effects: list[Effect]) -> Refusal | None:
    """Give a person another name. Direct conversations are between names, so theirs end here, unless the
    new name is the old one in another spelling."""
    person = rooms.person_of(session)
    name = check_name(request.name)
    if isinstance(name, Refusal):
        return name
    refusal = _taken(broker, name, person)
    if refusal is not None:
        return refusal
    old = person.name
    for room in person.rooms.values():
        presence.tell_gathered(broker, room, now, effects)  # under the names that people had then
    del broker.people[old.key]
    del broker.skeletons[old.skeleton]
    person.name = name
    broker.people[name.key] = broker.skeletons[name.skeleton] = person
    ending = [room for room in person.rooms.values() if room.direct is not None and name.key != old.key]
    for room in ending:
        rooms.exit_room(broker, person, room, old.key)
        rooms.unsubscribe(person, room, effects)
    for room in person.rooms.values():
        room.members.pop(old.key, None)
        room.members[name.key] = person
    effects.append(Reply(session.id, Ok(id=request.id)))
    effects.append(Notify(LOBBY, Renamed(old=old.shown, new=name.shown)))
    return None


def away(broker: Broker, session: Session, request: Away, now: float, effects: list[Effect]) -> Refusal | None:  # noqa: ARG001 - a handler's signature
    """Say that a person is away and why, or back."""
    person = rooms.person_of(session)
    person.away = None if request.text is None else clean_line(request.text) or "away"
    effects.append(Reply(session.id, Ok(id=request.id)))
    effects.append(Notify(LOBBY, AwayChanged(name=person.name.shown, text=person.away)))
    return None


def _check_password(wanted: str | None, given: str | None) -> Refusal | None:
    if wanted is None:
        return None
    if given is None:
        return refuse("password_needed")
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        return refuse("wrong_password")
    return None


def _own(broker: Broker, request: Hello) -> Person | None:
    """The person who is here already and of whom this is one more device, as the token proves."""
    if request.token is None or request.name is None:
        return None
    name = check_name(request.name)
    person = None if isinstance(name, Refusal) else broker.people.get(name.key)
    if person is not None and hmac.compare_digest(person.token.encode(), request.token.encode()):
        return person
    return None


def _free_name(broker: Broker, wanted: str | None, number: int) -> Name | Refusal:
    if wanted is not None:
        name = check_name(wanted)
        return name if isinstance(name, Refusal) else _taken(broker, name) or name
    while True:  # ends: there are more numbers than connections
        made_up = check_name(f"user_{1000 + number % 9000 if number < 9000 else number}")  # noqa: PLR2004 - four digits first
        if isinstance(made_up, Name) and _taken(broker, made_up) is None:
            return made_up
        number += 1


def _taken(broker: Broker, name: Name, by: Person | None = None) -> Refusal | None:
    holder = broker.people.get(name.key)
    if holder is not None and holder is not by:
        return refuse("name_taken", name=name.shown)
    other = broker.skeletons.get(name.skeleton)
    if other is not None and other is not by:
        return refuse("name_lookalike", name=name.shown, other=other.name.shown)
    return None


def _welcome(broker: Broker, person: Person, request_id: str, now: float) -> Welcome:
    settings = broker.settings
    return Welcome(
        id=request_id,
        name=person.name.shown,
        token=person.token,
        epoch=settings.epoch,
        rooms=tuple(rooms.describe(room, person) for room in person.rooms.values()),
        lobby=LOBBY,
        limits=Limits(text=settings.max_text, frame=settings.max_frame, to=settings.max_recipients),
        time=broker.stamp(now),
        server=settings.server,
        motd=settings.motd,
    )
