"""Telling a room which people came and went: at once in a small room, gathered in a big one.

If each were told alone, a thousand people who come at once would cost a million notices. So a room of more than
:data:`BIG_ROOM` people is told at most once in :data:`GATHERING` seconds of all changes since then; a person who came
and went in between is not mentioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.broker.effects import Notify
from trio_chat.broker.state import BIG_ROOM, GATHERING, ChatRoom, Departed, Role
from trio_chat.protocol.events import Presence

if TYPE_CHECKING:
    from trio_chat.broker.ask import Decision
    from trio_chat.broker.state import Person
    from trio_chat.protocol.events import LeftHow


def note_arrival(decision: Decision, room: ChatRoom, person: Person) -> None:
    """A person is in this room now."""
    name = person.name.shown
    before = room.departed.get(name)
    if before is not None and before.account != person.id:
        _tell(decision, room)  # another person of that name went: the room must not take the two for one
        before = None
    if before is None:
        room.arrived[name] = person.id
    else:
        del room.departed[name]
    _tell_or_gather(decision, room)


def note_departure(decision: Decision, room: ChatRoom, person: Person, how: LeftHow) -> None:
    """A person is no longer in this room."""
    name = person.name.shown
    if name in room.arrived:
        del room.arrived[name]
    else:
        room.departed[name] = Departed(person.id, how)
    _tell_or_gather(decision, room)


def tell_due(decision: Decision) -> None:
    """Tell every room that has waited long enough."""
    for room in list(decision.registry.gathering.values()):
        if room.presence_told + GATHERING <= decision.now:
            _tell(decision, room)


def tell_gathered(decision: Decision, room: ChatRoom) -> None:
    """Tell a room at once what was gathered for it, before names mean other people."""
    if room.name in decision.registry.gathering:
        _tell(decision, room)


def _role_of(decision: Decision, room: ChatRoom, account: int) -> str:
    person = decision.registry.persons.get(account)
    role = Role.NOBODY if person is None else room.role_of(person)
    return "" if role <= Role.MEMBER else role.word


def _tell_or_gather(decision: Decision, room: ChatRoom) -> None:
    if len(room.here) <= BIG_ROOM or room.presence_told + GATHERING <= decision.now:
        _tell(decision, room)
    else:
        decision.registry.gathering[room.name] = room


def _tell(decision: Decision, room: ChatRoom) -> None:
    decision.registry.gathering.pop(room.name, None)
    room.presence_told = decision.now
    if room.arrived or room.departed:
        roles = tuple(_role_of(decision, room, account) for account in room.arrived.values())
        notice = Presence(
            room=room.name,
            count=len(room.here),
            joined=tuple(room.arrived),
            joined_ids=tuple(room.arrived.values()),
            joined_roles=roles if any(roles) else (),
            left=tuple(room.departed),
            left_ids=tuple(departed.account for departed in room.departed.values()),
            left_how=tuple(departed.how for departed in room.departed.values()),
        )
        decision.effects.append(Notify(room.name, notice))
    room.arrived.clear()
    room.departed.clear()
