"""Invites: secrets that let newcomers in, each for some uses and some time, with the rooms that they enter.

The registry knows an invite by the SHA-256 of its secret. The secret itself is told once, to the person who made the
invite. A use is counted with the records of the account that it makes, so both are stored or neither is. An invite that
has ended is kept, so that the operator can see who came by it, until there are too many.

An invite ends by its uses, by its time, or when it is revoked: by the operator, or with the ban of a person who came by
it or made it. Otherwise that person could come back by it under another name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trio_chat.broker import rooms
from trio_chat.broker.registry import NEVER
from trio_chat.broker.state import InviteLink, Role, later
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import InviteMade
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.text import clean_line
from trio_chat.records import AuditNote, DropInviteLink, SaveInviteLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.ask import Ask, Decision
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ChatRoom, Person
    from trio_chat.protocol.requests import MakeInvite

MOST_INVITES: Final = 1000
"""Invites of a server, with those that have ended: each guess is compared with all of them, in a third of a ms."""

MAX_NOTE: Final = 200
"""Characters of the note on an invite."""

_SECRET: Final = 16
"""Bytes of a secret: 128 bits cannot be guessed, and are 22 characters in a link."""


def digest_of(secret: str) -> bytes:
    """The SHA-256 of an invite's secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def find(registry: Registry, secret: str, address: str, now: float) -> InviteLink | Refusal:
    """The invite with this secret, which came from this address, if it still lets somebody in.

    A secret that no invite has is charged as a guess. Whoever has the secret of an invite is told why it has ended.
    """
    refusal = registry.guesses.take(address, now)
    if refusal is not None:
        return refusal
    digest, found = digest_of(secret), None
    for link in registry.invite_links.values():  # all of them, so that the time tells nothing
        if hmac.compare_digest(link.record.digest, digest):
            found = link
    if found is None:
        return refuse("invite_unknown")
    registry.guesses.give_back(address, now)
    return why_ended(found, now) or found


def why_ended(link: InviteLink, now: float) -> Refusal | None:
    """The refusal for an invite that has ended; ``None`` while it lets people in."""
    if link.record.revoked:
        return refuse("invite_revoked")
    if link.record.uses <= 0:
        return refuse("invite_used_up")
    return refuse("invite_expired") if link.until <= now else None


def use(decision: Decision, link: InviteLink, person: Person, address: str) -> None:
    """Count the use of an invite by a new person, and let them enter its rooms.

    Rooms that are gone, that banned the address, or that nobody is left in to own a private one, are left out.
    """
    registry, record = decision.registry, link.record
    _save(decision, link, replace(record, uses=record.uses - 1))
    detail = " ".join(filter(None, (f"invite {record.id}", record.note)))
    decision.persist(AuditNote(decision.time, person.name.shown, "came-by-invite", detail=detail))
    for number in record.rooms:
        room = registry.numbered.get(number)
        if room is None or rooms.ban_of(room, person, address, decision.now) is not None:
            continue
        if room.members or not room.private:
            role = Role(record.role) if room.members or room.is_lobby else Role.OWNER  # as in rooms.join
            rooms.enter(decision, person, room, role)


def make(
    decision: Decision,
    *,
    uses: int,
    seconds: float | None,
    into: Sequence[ChatRoom] = (),
    role: Role = Role.MEMBER,
    by: Person | None = None,
    actor: str = "",
    note: str = "",
) -> tuple[InviteLink, str] | Refusal:
    """Make an invite for some ``uses`` that ends after some ``seconds`` (``None``: never).

    ``by`` is the person who makes it; for the server's operator, ``actor`` is their name in the audit log. Returns the
    invite and its secret, or the refusal: a server has :data:`MOST_INVITES`, or
    takes no new people.
    """
    registry, now = decision.registry, decision.now
    if registry.settings.admit == "accounts":
        return refuse("accounts_only")
    refusal = _make_place(decision)
    if refusal is not None:
        return refusal
    until = NEVER if seconds is None else later(now, seconds)
    number = registry.next_invite_link
    secret = _secret_of(registry.settings.invite_key, number)
    record = SaveInviteLink(
        number,
        digest_of(secret),
        uses,
        registry.until(until),
        tuple(dict.fromkeys(room.id for room in into)),
        int(role),
        actor if by is None else by.name.shown,
        0 if by is None else by.id,
        decision.time,
        clean_line(note)[:MAX_NOTE],
    )
    registry.journal.set(registry, "next_invite_link", number + 1)
    link = InviteLink(record, until)
    registry.journal.put(registry.invite_links, number, link)
    decision.persist(record)
    end = f"until {record.until}" if record.until else ""
    detail = " ".join(filter(None, (f"invite {number}", f"for {uses}", end, record.note)))
    names = " ".join(room.name for room in into)
    decision.persist(AuditNote(decision.time, record.by, "make-invite", names, detail=detail))
    return link, secret


def make_by_moderator(ask: Ask[MakeInvite]) -> Refusal | None:
    """Make an invite for a moderator of the lobby, who must be a moderator of the room too that it leads into."""
    registry, request, person = ask.registry, ask.request, ask.person
    if registry.rooms[LOBBY].role_of(person) < Role.MODERATOR:
        return refuse("not_allowed", room=LOBBY, role="moderator")
    into: list[ChatRoom] = []
    if request.room is not None:
        room = registry.rooms.get(request.room)
        if room is None or not registry.is_visible(room, person):
            return registry.no_such_room(request.room, person)
        if room.direct is not None:
            return refuse("no_direct_here", room=room.name)
        if room.role_of(person) < Role.MODERATOR:
            return refuse("not_allowed", room=room.name, role="moderator")
        into.append(room)
    made = make(ask, uses=request.uses, seconds=request.seconds, into=into, by=person)
    if isinstance(made, Refusal):
        return made
    link, secret = made
    identity = registry.settings.identity
    record, room_name = link.record, request.room if into else None
    answer = InviteMade(
        id=request.id,
        number=record.id,
        secret=secret,
        identity=identity,
        uses=record.uses,
        until=record.until,
        room=room_name,
    )
    ask.reply(answer)
    return None


def revoke(decision: Decision, link: InviteLink, actor: str, why: str = "") -> None:
    """End an invite. People who came by it stay."""
    _save(decision, link, replace(link.record, revoked=True))
    detail = " ".join(filter(None, (f"invite {link.record.id}", why)))
    decision.persist(AuditNote(decision.time, actor, "revoke-invite", detail=detail))


def end_for_banned(decision: Decision, room: ChatRoom, person: Person, actor: str) -> None:
    """End the invites by which a person who was banned from a room would come back to it.

    That is the invite that they came by, if it leads into the room. With a ban from the lobby, which is one from the
    server, that is every such invite, and the invites that they made.
    """
    for link in decision.registry.invite_links.values():
        record = link.record
        came = record.id == person.invite_link and (room.is_lobby or room.id in record.rooms)
        made = record.by_account == person.id and room.is_lobby
        if (came or made) and why_ended(link, decision.now) is None:
            revoke(decision, link, actor, f"with the ban of {person.name.shown}")


def came_by(registry: Registry) -> dict[int, list[Person]]:
    """The people who came by each invite, by its number."""
    found: dict[int, list[Person]] = {}
    for person in registry.persons.values():
        if person.invite_link:
            found.setdefault(person.invite_link, []).append(person)
    return found


def _save(decision: Decision, link: InviteLink, record: SaveInviteLink) -> None:
    decision.registry.journal.set(link, "record", record)
    decision.persist(record)


def _make_place(decision: Decision) -> Refusal | None:
    """Forget the oldest invite that has ended, if there are as many as there may be."""
    links = decision.registry.invite_links
    if len(links) < MOST_INVITES:
        return None
    ended = next((number for number, link in links.items() if why_ended(link, decision.now) is not None), None)
    if ended is None:
        return refuse("too_many_invites", limit=MOST_INVITES)
    decision.registry.journal.pop(links, ended)
    decision.persist(DropInviteLink(ended))
    return None


def _secret_of(key: bytes, number: int) -> str:
    """The secret of the invite with this number. The broker draws no random numbers: the ``key`` is random, and another
    one in each run of a server. Raises ``ValueError`` if there is none: the secret could be guessed."""
    if not key:
        raise ValueError("The secrets of invites need a random key.")
    made = hmac.digest(key, b"trio-chat invite %d" % number, "sha256")[:_SECRET]
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
