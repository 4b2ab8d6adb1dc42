"""Who came and who went: told at once in a small room, gathered in a big one.

Told one by one, a thousand people who come at once cost a million notices. So a room of more than
:data:`BIG_ROOM` people hears at most once in :data:`GATHERING` seconds, of all since then; somebody who
came and went in between is not mentioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.broker.effects import Effect, Notify
from trio_chat.broker.state import BIG_ROOM, GATHERING, Room
from trio_chat.protocol.events import Presence

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry


def came(registry: Registry, room: Room, name: str, now: float, effects: list[Effect]) -> None:
    """Somebody is in this room now."""
    if name in room.went:
        del room.went[name]
    else:
        room.came[name] = None
    _notice(registry, room, now, effects)


def went(registry: Registry, room: Room, name: str, now: float, effects: list[Effect]) -> None:
    """Somebody is no longer in this room."""
    if name in room.came:
        del room.came[name]
    else:
        room.went[name] = None
    _notice(registry, room, now, effects)


def notice_due(registry: Registry, now: float, effects: list[Effect]) -> None:
    """Tell every room that has waited long enough."""
    for room in list(registry.gathering.values()):
        if room.noticed + GATHERING <= now:
            _tell(registry, room, now, effects)


def tell_gathered(registry: Registry, room: Room, now: float, effects: list[Effect]) -> None:
    """Tell a room at once what was gathered for it, before names mean something else."""
    if room.name in registry.gathering:
        _tell(registry, room, now, effects)


def _notice(registry: Registry, room: Room, now: float, effects: list[Effect]) -> None:
    if len(room.here) <= BIG_ROOM or room.noticed + GATHERING <= now:
        _tell(registry, room, now, effects)
    else:
        registry.gathering[room.name] = room


def _tell(registry: Registry, room: Room, now: float, effects: list[Effect]) -> None:
    registry.gathering.pop(room.name, None)
    room.noticed = now
    if room.came or room.went:
        notice = Presence(room=room.name, count=len(room.here), joined=tuple(room.came), left=tuple(room.went))
        effects.append(Notify(room.name, notice))
    room.came.clear()
    room.went.clear()
