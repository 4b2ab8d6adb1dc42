"""The number of unread messages in a room whose log is loaded. Pure.

The server counts every event of a log. Which of them are messages, and by whom, is known only of loaded events. So for
a person who ignores somebody the rooms with unread events are loaded, and the messages of ignored people do not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place
    from trio_chat.ui.tui.model.log import Entry
    from trio_chat.ui.tui.model.room import RoomModel


def recount(room: RoomModel, place: Place, calls: Callable[[Entry], bool]) -> None:
    """Count the messages of others in a room since it was read, without those of people who are ignored. ``calls``
    tells whether a message calls the person. Lines that are not loaded count in full."""
    log, read = room.log, room.read or room.new_since
    if read is None or not log.at_end:
        return
    before = 0 if log.at_start else max(0, (log.before or room.last + 1) - 1 - read)
    since = log.entries[log.last_index(read) + 1 :]
    others = (one for one in since if one.said and not one.local and not place.accounts.is_own(*one.author))
    said = [one for one in others if not place.ignored.covers(*one.author)]
    named = sum(map(calls, said))
    room.unread = before + len(said)
    room.mentions = max(named, room.mentions) if before else named
