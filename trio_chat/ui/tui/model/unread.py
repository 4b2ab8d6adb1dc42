"""The unread messages of a room, computed from its log, its read position and the people who are ignored. Pure.

Nothing is added to a count when a message comes and taken off when it is read. A count follows from the log as it is
now, so an edit, a deletion, another device or a restart changes it with what it derives from.

Unread are the messages of others behind the read position that are not deleted and not by a person who is ignored;
those that call the reader are counted again as mentions. Of events that are not loaded nothing is known but their
number: each counts as a message, and the client's list of mentions says which of them call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from trio_chat.ui.model.place import Place

if TYPE_CHECKING:
    from trio_chat.client.rooms import RoomView
    from trio_chat.ui.tui.model.log import Entry, RoomLog


class CountedRoom(Protocol):
    """A room whose messages are counted: its facts, its loaded log, the read position and the last number."""

    facts: RoomView
    log: RoomLog

    @property
    def name(self) -> str:
        """The room's name; empty before the first welcome."""

    @property
    def read(self) -> int:
        """The read position."""

    @property
    def last(self) -> int:
        """The number of the room's last event."""


class Unread(NamedTuple):
    """The number of unread messages, and of those among them that call the reader."""

    messages: int = 0
    mentions: int = 0


class UnreadCount:
    """Counts one room's unread messages. ``place`` knows the reader and the people whom they ignore, ``calls`` tells
    whether a message calls the reader.

    A count is kept until the loaded log, the read position or anything else that it derives from has changed. Messages
    that were only added are counted on, so that a busy room costs little.
    """

    def __init__(self, place: Place | None = None, calls: Callable[[Entry], bool] = lambda _entry: False) -> None:
        self._place = place or Place()
        self._calls = calls
        self._basis: object = None
        self._end = 0  # entries up to here are in the count
        self._loaded = Unread()

    def __repr__(self) -> str:
        return f"<UnreadCount {self._loaded}>"

    def forget(self) -> None:
        """Count anew: the words that call the reader have changed."""
        self._basis = None

    def of(self, room: CountedRoom) -> Unread:
        """Count the unread messages of a room."""
        if not room.name:
            return Unread()
        facts, log, place = room.facts, room.log, self._place
        base = max(room.read, facts.first - 1)
        basis = (log.revision, base, place.ignored.version, place.accounts.version, place.me)
        if basis != self._basis:
            self._basis, self._end, self._loaded = basis, log.last_index(base) + 1, Unread()
        self._count_on(log.entries, base)
        messages, mentions = self._loaded
        gaps = log.gaps(base, room.last)
        for after, end in gaps:
            messages += end - after
            mentions += facts.mentions_within(after, end)
        if gaps and facts.unlisted:  # which of them are in the gaps only the server knows
            mentions = max(mentions, facts.mentions)
        return Unread(messages, mentions)

    def _count_on(self, entries: list[Entry], base: int) -> None:
        """Count the entries that were added. Some may be read already: on another device, before they came here."""
        messages, mentions = self._loaded
        for entry in entries[self._end :] if self._end < len(entries) else ():
            passed_over = entry.local or entry.deleted or entry.seq <= base or self._is_passed_over(entry)
            if entry.said and not passed_over:
                messages += 1
                mentions += self._calls(entry)
        self._end, self._loaded = len(entries), Unread(messages, mentions)

    def _is_passed_over(self, entry: Entry) -> bool:
        return self._place.accounts.is_own(*entry.author) or self._place.ignored.covers(*entry.author)
