"""Bans, mutes and invites that end, when the wall clock was set: the times of their ends are stored anew, also of those
that are over. With the new relation of the clocks their old times would be in the future again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trio_chat.broker import rooms
from trio_chat.broker.registry import NEVER
from trio_chat.broker.state import SAVING_AGAIN

if TYPE_CHECKING:
    from trio_chat.broker.ask import Decision


def save_ends(decision: Decision) -> None:
    """Store how the wall clock stands to steady time now, and by it the ends of all bans, mutes and
    invites.

    If that cannot be stored, it is tried again later.
    """
    registry, now, journal = decision.registry, decision.now, decision.registry.journal
    registry.next_clock = NEVER
    journal.then(lambda: setattr(registry, "next_clock", now + SAVING_AGAIN))
    decision.persist(registry.clock)
    for link in registry.invite_links.values():
        if link.until < NEVER:
            journal.set(link, "record", replace(link.record, until=registry.until(link.until)))
            decision.persist(link.record)
    for room in registry.rooms.values():
        for ban in room.bans.values():
            if ban.until < NEVER:
                journal.set(ban, "record", replace(ban.record, until=registry.until(ban.until)))
                decision.persist(ban.record)
        for member in (*room.members.values(), *room.former.values()):
            if 0 < member.muted < NEVER:
                decision.effects.append(rooms.save_member(registry, room, member))
