"""Which messages call the person, and how loudly. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from trio_chat.protocol.events import Message, RoomEvent
from trio_chat.protocol.word_borders import WordFinder
from trio_chat.ui.tui.model.log import Entry
from trio_chat.ui.tui.model.room import NotifyPolicy, RoomModel

_EXCERPT: Final = 120  # characters of a message in a notification


@dataclass(frozen=True, slots=True)
class Notification:
    """Ring, and show a notification; ``message`` is what calls the person."""

    title: str
    body: str
    message: Message | None = field(default=None, compare=False)  # two that show the same are the same


@dataclass(slots=True)
class Attention:
    """When to call the person. ``policy`` holds for rooms without one of their own; ``quiet`` is do-not-disturb;
    ``words`` call like a mention (see :func:`whole_words`)."""

    policy: NotifyPolicy = "mentions"
    quiet: bool = False
    focused: bool = True
    words: WordFinder | None = None

    def of(self, room: RoomModel) -> NotifyPolicy:
        """The policy of a room."""
        return room.policy or self.policy

    def calls(
        self, room: RoomModel, entry: Entry, *, mentioned: bool, looking: bool, event: RoomEvent | None = None
    ) -> Notification | None:
        """Whether to call the person to a line of somebody else's that just came; not where they are looking at it.
        ``event`` is the event that the line shows."""
        if self.quiet or not entry.said or (looking and self.focused):
            return None
        policy = self.of(room)
        if policy == "nothing" or (policy == "mentions" and not (mentioned or room.direct)):
            return None
        where = entry.sender if room.direct else f"{entry.sender} in {room.name}"
        text = entry.excerpt
        excerpt = text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
        return Notification(where, excerpt, event if isinstance(event, Message) else None)


def whole_words(words: Iterable[str]) -> WordFinder | None:
    """A finder of these words in a text, each as a whole, in any case and any script; ``None`` for no words."""
    listed = [word for word in words if word.strip()]
    return WordFinder(listed) if listed else None


def next_attention(rooms: Iterable[RoomModel], current: str, policy: Attention) -> str | None:
    """The room to go to next: mentions and direct conversations first, then unread messages, never a silenced room
    without a mention. The order goes round from the current room."""
    listed = list(rooms)
    at = next((n for n, room in enumerate(listed) if room.name == current), -1)
    around = listed[at + 1 :] + listed[:at] if at >= 0 else listed
    ranked = [(_urgency(room, policy), -order, room.name) for order, room in enumerate(around)]
    best = max(ranked, default=(0, 0, ""))
    return best[2] if best[0] else None


def _urgency(room: RoomModel, policy: Attention) -> int:
    if room.mentions:
        return 3
    if room.unread and room.direct:
        return 2
    return int(room.unread > 0 and policy.of(room) != "nothing")


def window_title(rooms: Iterable[RoomModel], current: str, label: str) -> str:
    """The terminal's title: the number of messages that call the person, and the current room."""
    loud = sum(max(room.mentions, room.unread if room.direct else 0) for room in rooms)
    unread = sum(room.unread for room in rooms if room.name != current)
    counts = f"({loud}) " if loud else "* " if unread else ""
    return f"{counts}{label} - trio-chat"
