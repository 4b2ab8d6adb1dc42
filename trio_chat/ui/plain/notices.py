"""The rules for the bell in line mode: the setting ``notify``, ``/notify`` for a room, ``/dnd`` for all. Pure."""

from __future__ import annotations

from trio_chat.client.events import Backlog
from trio_chat.protocol.events import Event, Message
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.interface_actions import NotifyPolicy, SetNotify, ToggleQuiet
from trio_chat.ui.model.lines import Teller
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place


class Notices:
    """Decides which events ring. The choices for rooms are kept until the end of the program."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._chosen: dict[str, NotifyPolicy] = {}
        self.quiet = False

    def __repr__(self) -> str:
        return f"<Notices {'off' if self.quiet else 'on'}, {self._chosen}>"

    def policy_of(self, room: str) -> NotifyPolicy:
        """Which messages of a room ring."""
        return self._chosen.get(room) or self._place.preferences.config.notify

    def rings(self, event: Event, teller: Teller) -> bool:
        """Whether an event rings. ``teller`` knows which events call the person."""
        if self.quiet:
            return False
        if isinstance(event, Backlog):
            begin = event.unread_from
            return begin is not None and any(self.rings(line, teller) for line in event.events if line.seq >= begin)
        if not isinstance(event, Message):
            return teller.rings(event)
        policy = self.policy_of(event.room)
        if policy == "all":
            return not (self._place.is_own(event) or self._place.ignored.hides(event))
        return policy == "mentions" and teller.rings(event)

    def do(self, action: SetNotify | ToggleQuiet) -> Note:
        """Change the choice for a room, or do-not-disturb; returns what to tell the person."""
        if isinstance(action, ToggleQuiet):
            self.quiet = not self.quiet
            return Note(lines=(f"Notifications are {'off' if self.quiet else 'on'}.",))
        if action.policy is not None:
            self._chosen[action.room] = action.policy
        return Note(lines=(f"Notifications in {clean_line(action.room)}: {self.policy_of(action.room)}.",))
