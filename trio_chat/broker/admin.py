"""What whoever runs the server may ask of it: who has names, free one, make administrators, look at rooms and
bans. It works on a running server and, through its file, on a stopped one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct

from trio_chat.broker import arrival
from trio_chat.broker.effects import Effect, Persist
from trio_chat.broker.restore import account_of
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.names import check_name
from trio_chat.protocol.text import quoted
from trio_chat.records import DropBan, Note

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import Person, Room

ACTOR: Final = "server"
"""Who stands in the audit log for what is done from outside the chat."""


class Order(Struct, frozen=True, omit_defaults=True):
    """Something to do. ``name`` is the person, or for ``unban`` the ban's number."""

    do: Literal["users", "reset-name", "promote", "demote", "rooms", "bans", "unban", "stats"]
    name: str = ""


class Table(NamedTuple):
    """An answer: headings, and rows of as many cells each."""

    headings: tuple[str, ...]
    rows: list[tuple[str | int | float | bool | None, ...]]


def administer(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table | Refusal:
    """Carry out an order: its answer, with effects appended, or why not."""
    return _ORDERS[order.do](registry, order, now, effects)


def _users(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table:
    people = sorted(registry.persons.values(), key=lambda person: person.name.key)
    return Table(
        ("name", "here", "devices", "password", "admin", "created", "seen"),
        [
            (p.name.shown, len(p.sessions), len(p.devices), p.password is not None, p.admin, p.created, p.seen)
            for p in people
        ],
    )


def _reset_name(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table | Refusal:
    """Free a name: its account is gone with its devices; who is connected under it is disconnected."""
    person = _person(registry, order.name)
    if isinstance(person, Refusal):
        return person
    arrival.expel(registry, person, refuse("name_freed"), now, effects)
    arrival.release(registry, person, effects)
    effects.append(Persist(Note(registry.stamp(now), ACTOR, "reset-name", target=person.name.shown)))
    return Table(("freed",), [(person.name.shown,)])


def _promote(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table | Refusal:
    """Make somebody a server administrator, or (``demote``) none any more."""
    person = _person(registry, order.name)
    if isinstance(person, Refusal):
        return person
    changes = person.admin is not (order.do == "promote")
    registry.journal.set(person, "admin", order.do == "promote")
    effects.append(Persist(account_of(person)))
    if changes:
        effects.append(Persist(Note(registry.stamp(now), ACTOR, order.do, target=person.name.shown)))
    return Table(("name", "admin"), [(person.name.shown, person.admin)])


def _rooms(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table:
    rooms = sorted((r for r in registry.rooms.values() if r.direct is None), key=lambda room: room.name)
    return Table(
        ("room", "members", "here", "events", "private", "announce_only", "slow", "keep", "topic"),
        [
            (r.name, len(r.members), len(r.here), _kept(r), r.private, r.announce_only, r.slow, r.keep or 0.0, r.topic)
            for r in rooms
        ],
    )


def _bans(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table:
    rows: list[tuple[str | int | float | bool | None, ...]] = [
        (
            ban.record.id,
            "the server" if room.is_lobby else room.name,
            ban.person.name.shown if ban.person else ban.record.network,
            ban.record.until,
            ban.record.by,
            ban.record.reason,
        )
        for room in registry.rooms.values()
        for ban in room.bans.values()
        if ban.until > now
    ]
    return Table(("number", "kept out of", "whom", "until", "by", "reason"), rows)


def _unban(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table | Refusal:
    for room in registry.rooms.values():
        for number in room.bans:
            if str(number) == order.name:
                ban = registry.journal.pop(room.bans, number)
                whom = "" if ban is None or ban.person is None else ban.person.name.shown
                network = "" if ban is None else ban.record.network or ""
                effects.append(Persist(DropBan(number)))
                effects.append(Persist(Note(registry.stamp(now), ACTOR, "unban", room.name, whom, network)))
                return Table(("lifted",), [(number,)])
    return refuse("unknown_ban", number=quoted(order.name))


def _stats(registry: Registry, order: Order, now: float, effects: list[Effect]) -> Table:
    now_is = registry.statistics()
    return Table(
        ("figure", "value"),
        [
            ("connections", now_is.sessions),
            ("people here", now_is.here),
            ("names", now_is.people),
            ("rooms", now_is.rooms),
            ("direct conversations", now_is.conversations),
            ("room events", sum(map(_kept, registry.rooms.values()))),
        ],
    )


def _kept(room: Room) -> int:
    """How many lines of a room's log are kept: messages, and what was done there."""
    return room.last - room.first + 1


def _person(registry: Registry, name: str) -> Person | Refusal:
    checked = check_name(name)
    person = None if isinstance(checked, Refusal) else registry.people.get(checked.key)
    return person or refuse("unknown_person", name=quoted(name), near="", done="done")


_ORDERS: Final[dict[str, Callable[[Registry, Order, float, list[Effect]], Table | Refusal]]] = {
    "users": _users,
    "reset-name": _reset_name,
    "promote": _promote,
    "demote": _promote,
    "rooms": _rooms,
    "bans": _bans,
    "unban": _unban,
    "stats": _stats,
}
