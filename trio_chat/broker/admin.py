"""The orders of the server's operator: list and free names, make administrators, look at rooms, bans and invites.

They work on a running server and, through its file, on a stopped one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, TypeAlias

from msgspec import Meta, Struct

from trio_chat.broker import admin_files, arrival, invites, moderation
from trio_chat.broker.ask import Decision
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import Role
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.names import check_name, check_room
from trio_chat.protocol.requests import MOST_USES
from trio_chat.protocol.text import quoted
from trio_chat.records import AuditNote, DropBan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.effects import Effect
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ChatRoom, InviteLink, Person
    from trio_chat.records import SaveFile

ACTOR: Final = "server"
"""The actor in the audit log of a change that was ordered from outside the chat."""


class Order(Struct, frozen=True, omit_defaults=True):
    """Something to do. ``name`` is the person, or for ``unban`` and ``revoke`` the number of the ban or the invite, or
    for ``files`` a room or a person, or empty; ``drop`` is the id of a file to remove.

    The other fields are for ``invite``: see :func:`trio_chat.broker.invites.make`. ``seconds`` is the time until the
    invite ends, ``None`` for one without an end.
    """

    do: Literal[
        "users",
        "reset-name",
        "promote",
        "demote",
        "rooms",
        "bans",
        "unban",
        "stats",
        "invite",
        "invites",
        "revoke",
        "files",
    ]
    name: str = ""
    uses: Annotated[int, Meta(ge=1, le=MOST_USES)] = 1
    seconds: Annotated[float, Meta(gt=0)] | None = None
    rooms: tuple[str, ...] = ()
    role: Literal["member", "moderator", "owner"] = "member"
    note: Annotated[str, Meta(max_length=invites.MAX_NOTE)] = ""
    drop: Annotated[str, Meta(max_length=64)] = ""


class Table(NamedTuple):
    """An answer: headings, and rows of as many cells each."""

    headings: tuple[str, ...]
    rows: list[tuple[str | int | float | bool | None, ...]]


_Handler: TypeAlias = Callable[[Decision, Order], "Table | Refusal"]


def administer(
    registry: Registry, order: Order, now: float, effects: list[Effect], found: Sequence[SaveFile] = ()
) -> Table | Refusal:
    """Carry out an order. Returns its answer, with effects appended, or the refusal.

    ``found`` are the files that an order about files needs: see :func:`trio_chat.broker.admin_files.files_asked`.
    """
    decision = Decision(registry, now, effects)
    return _files(decision, order, found) if order.do == "files" else _ORDERS[order.do](decision, order)


def _files(decision: Decision, order: Order, found: Sequence[SaveFile]) -> Table | Refusal:
    """List files, or remove one."""
    if not order.drop:
        return Table(admin_files.HEADINGS, admin_files.rows_of(decision.registry, found))
    return admin_files.remove(decision, found, ACTOR) or Table(("removed",), [(order.drop,)])


def _users(decision: Decision, order: Order) -> Table:
    people = sorted(decision.registry.persons.values(), key=lambda person: person.name.key)
    return Table(
        ("name", "here", "devices", "password", "admin", "created", "seen"),
        [
            (p.name.shown, len(p.sessions), len(p.devices), p.password is not None, p.admin, p.created, p.seen)
            for p in people
        ],
    )


def _reset_name(decision: Decision, order: Order) -> Table | Refusal:
    """Free a name: delete its account with its devices, and disconnect its sessions."""
    person = _person(decision.registry, order.name)
    if isinstance(person, Refusal):
        return person
    arrival.expel(decision, person, refuse("name_freed"))
    arrival.release(decision, person)
    decision.persist(AuditNote(decision.time, ACTOR, "reset-name", target=person.name.shown))
    return Table(("freed",), [(person.name.shown,)])


def _promote(decision: Decision, order: Order) -> Table | Refusal:
    """Make a person a server administrator, or (``demote``) no longer one: then bans hold for them again."""
    person = _person(decision.registry, order.name)
    if isinstance(person, Refusal):
        return person
    changes = person.admin is not (order.do == "promote")
    decision.registry.journal.set(person, "admin", order.do == "promote")
    decision.persist(account_of(person))
    if changes and not person.admin:
        moderation.apply_bans(decision, person)
    if changes:
        decision.persist(AuditNote(decision.time, ACTOR, order.do, target=person.name.shown))
    return Table(("name", "admin"), [(person.name.shown, person.admin)])


def _rooms(decision: Decision, order: Order) -> Table:
    rooms = sorted((r for r in decision.registry.rooms.values() if r.direct is None), key=lambda room: room.name)
    return Table(
        ("room", "members", "here", "events", "private", "announce_only", "slow", "keep", "topic"),
        [
            (r.name, len(r.members), len(r.here), _kept(r), r.private, r.announce_only, r.slow, r.keep or 0.0, r.topic)
            for r in rooms
        ],
    )


def _bans(decision: Decision, order: Order) -> Table:
    rows: list[tuple[str | int | float | bool | None, ...]] = [
        (
            ban.record.id,
            "the server" if room.is_lobby else room.name,
            ban.person.name.shown if ban.person else ban.record.network,
            ban.record.until,
            ban.record.by,
            ban.record.reason,
        )
        for room in decision.registry.rooms.values()
        for ban in room.bans.values()
        if ban.until > decision.now
    ]
    return Table(("number", "kept out of", "whom", "until", "by", "reason"), rows)


def _unban(decision: Decision, order: Order) -> Table | Refusal:
    for room in decision.registry.rooms.values():
        for number, ban in room.bans.items():
            if str(number) == order.name:
                decision.registry.journal.pop(room.bans, number)
                target = "" if ban.person is None else ban.person.name.shown
                decision.persist(DropBan(number))
                decision.persist(AuditNote(decision.time, ACTOR, "unban", room.name, target, ban.record.network or ""))
                return Table(("lifted",), [(number,)])
    return refuse("unknown_ban", number=quoted(order.name))


def _invite(decision: Decision, order: Order) -> Table | Refusal:
    """Make an invite. The answer is the only place where its secret is told."""
    into: list[ChatRoom] = []
    for name in order.rooms:
        room = _room(decision.registry, name)
        if isinstance(room, Refusal):
            return room
        into.append(room)
    made = invites.make(
        decision,
        uses=order.uses,
        seconds=order.seconds,
        into=into,
        role=Role[order.role.upper()],
        actor=ACTOR,
        note=order.note,
    )
    if isinstance(made, Refusal):
        return made
    link, secret = made
    return Table(("number", "secret", "uses", "until"), [(link.record.id, secret, order.uses, link.record.until)])


def _invites(decision: Decision, order: Order) -> Table:
    registry = decision.registry
    came = invites.came_by(registry)
    headings = ("number", "state", "uses left", "until", "rooms", "role", "by", "created", "came by it", "note")
    return Table(
        headings,
        [
            (
                number,
                _state(decision, link),
                link.record.uses,
                link.record.until,
                " ".join(registry.numbered[room].name for room in link.record.rooms if room in registry.numbered),
                Role(link.record.role).word if link.record.rooms else "",
                link.record.by,
                link.record.time,
                " ".join(sorted(person.name.shown for person in came.get(number, ()))),
                link.record.note,
            )
            for number, link in registry.invite_links.items()
        ],
    )


def _state(decision: Decision, link: InviteLink) -> str:
    ended = invites.why_ended(link, decision.now)
    return "open" if ended is None else ended.code.removeprefix("invite_").replace("_", " ")


def _revoke(decision: Decision, order: Order) -> Table | Refusal:
    """End an invite. To revoke it twice changes nothing."""
    link = next((one for number, one in decision.registry.invite_links.items() if str(number) == order.name), None)
    if link is None:
        return refuse("unknown_invite", number=quoted(order.name))
    if not link.record.revoked:
        invites.revoke(decision, link, ACTOR)
    return Table(("revoked",), [(link.record.id,)])


def _room(registry: Registry, name: str) -> ChatRoom | Refusal:
    checked = check_room(name)
    room = None if isinstance(checked, Refusal) else registry.rooms.get(checked)
    return room or refuse("unknown_room", room=quoted(name), near="")


def _stats(decision: Decision, order: Order) -> Table:
    now_is = decision.registry.statistics()
    return Table(
        ("figure", "value"),
        [
            ("connections", now_is.sessions),
            ("people here", now_is.here),
            ("names", now_is.people),
            ("rooms", now_is.rooms),
            ("direct conversations", now_is.conversations),
            ("room events", sum(map(_kept, decision.registry.rooms.values()))),
            ("bytes of files", decision.registry.uploads.total_bytes),
        ],
    )


def _kept(room: ChatRoom) -> int:
    """How many lines of a room's log are kept: messages and all other room events."""
    return room.last - room.first + 1


def _person(registry: Registry, name: str) -> Person | Refusal:
    checked = check_name(name)
    person = None if isinstance(checked, Refusal) else registry.people.get(checked.key)
    return person or refuse("unknown_person", name=quoted(name), near="", done="done")


_ORDERS: Final[dict[str, _Handler]] = {
    "users": _users,
    "reset-name": _reset_name,
    "promote": _promote,
    "demote": _promote,
    "rooms": _rooms,
    "bans": _bans,
    "unban": _unban,
    "stats": _stats,
    "invite": _invite,
    "invites": _invites,
    "revoke": _revoke,
}
