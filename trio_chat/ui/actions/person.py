"""The facts about a person that ``/whois`` shows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from trio_chat.errors import NotDone
from trio_chat.protocol.names import fold_name
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.notes import Note

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.protocol.events import PersonInfo
    from trio_chat.ui.model.place import Place

_ROOMS: Final = 10
"""Rooms whose people are asked for: each takes a request."""


async def describe_person(name: str, chat: Chat, place: Place) -> Note:
    """Ask the server about a person who is here. Raises :class:`~trio_chat.errors.ChatError` when that fails, or nobody
    of that name is here."""
    key = fold_name(name)
    found = _find(key, await chat.who(place.lobby))
    if found is None:
        ignored = " You ignore them." if place.ignored.covers(name, place.accounts.account_of(name)) else ""
        raise NotDone("not_here", f"Nobody here is called {clean_line(name)}.{ignored}", "/list shows the people.")
    lines = [f"{clean_line(found.name)}: here{_since(found.since)}{_away(found.away)}"]
    if place.accounts.is_own(found.name, found.id):
        lines.append("  this is you")
    rooms = [room for room in place.rooms.values() if not room.direct and room.name != place.lobby][:_ROOMS]
    shared = [f"{clean_line(place.lobby)}{_role(found)}"]
    for room in rooms:
        member = _find(key, await chat.who(room.name))
        if member is not None:
            shared.append(f"{clean_line(room.name)}{_role(member)}")
    lines.append(f"  in {', '.join(shared)}")
    if found.id:
        lines.append(f"  account number {found.id}")
    if place.find_direct(f"@{found.name}") is not None:
        lines.append(f"  you have a conversation: /query {clean_line(found.name)}")
    if place.ignored.covers(found.name, found.id):
        lines.append("  you ignore them")
    return Note(lines=tuple(lines))


def _find(key: str, people: tuple[PersonInfo, ...]) -> PersonInfo | None:
    return next((one for one in people if fold_name(one.name) == key), None)


def _role(person: PersonInfo) -> str:
    return f" ({clean_line(person.role)})" if person.role else ""


def _since(time: str) -> str:
    try:
        return f" since {datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return ""


def _away(reason: str | None) -> str:
    return "" if reason is None else f", away: {clean_line(reason)}"
