"""A room on the full screen: its log, unread messages, people who are typing, the input. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from trio_chat.client.rooms import RoomView
from trio_chat.protocol import events
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.tui.model.log import Entry, RoomLog
from trio_chat.ui.tui.model.people import RoomPeople
from trio_chat.ui.tui.model.unread import UnreadCount

NotifyPolicy: TypeAlias = Literal["all", "mentions", "nothing"]
POLICIES: Final[tuple[NotifyPolicy, ...]] = ("all", "mentions", "nothing")


def read_policy(text: str) -> NotifyPolicy | None:
    """Read a policy; ``None`` for any other text."""
    return next((one for one in POLICIES if one == text), None)


TYPING: Final = 6.0
"""Seconds that a typing notice holds."""


@dataclass(slots=True)
class Intent:
    """The use of the input other than sending a message: reply to a message, or edit one. ``before`` is the
    draft from before an edit, which returns after it."""

    what: Literal["reply", "edit"]
    seq: int
    before: str = ""


@dataclass(frozen=True, slots=True)
class TypedFor:
    """A text in the input of a room that was typed for another ``room``, which could not be entered."""

    room: str
    text: str


@dataclass(slots=True)
class RoomModel:
    """A room that the person is in, as they see it. What the room is (topic, members, rules, ...) stands in ``facts``,
    which the client keeps up to date.

    ``number`` is the number by which the person goes to the room; it stays until the room is left. ``seen`` is how far
    they have read here, which the server may not know yet. ``told_private`` is whether the room was private when the
    person was last told. ``came_at`` is the number of the last event read when they came to the room, while they are
    there. ``policy`` is ``None`` where the settings decide. ``counter`` counts the unread messages.

    ``bottom`` is where they have scrolled to: the number and the index of the lowest entry shown, and how many of its
    rows are hidden below; ``None`` follows the newest. ``reveal`` is the number of a message to scroll to as soon as
    it is loaded. ``loaded`` tells that the newest events are there, ``asked`` that the person went back for older ones,
    ``cleared`` that they emptied the screen.
    """

    facts: RoomView
    number: int = 0
    seen: int = 0
    told_private: bool = False
    came_at: int | None = None
    policy: NotifyPolicy | None = None
    bottom: tuple[int, int] | None = None
    selected: int | None = None
    reveal: int | None = None
    fetching: str = ""
    loaded: bool = False
    asked: bool = False
    cleared: bool = False
    intent: Intent | None = None
    typed_for: TypedFor | None = None
    log: RoomLog = field(default_factory=RoomLog)
    pending: list[Entry] = field(default_factory=list)
    typing: dict[str, float] = field(default_factory=dict)
    editor: Editor = field(default_factory=Editor)
    people: RoomPeople = field(default_factory=RoomPeople)
    counter: UnreadCount = field(default_factory=UnreadCount)

    @property
    def name(self) -> str:
        """The room's name."""
        return self.facts.name

    @property
    def direct(self) -> bool:
        """Whether it is a direct conversation."""
        return self.facts.direct or self.facts.name.startswith("@")

    @property
    def last(self) -> int:
        """The number of the room's newest event."""
        return self.facts.last

    @property
    def read(self) -> int:
        """How far the person has read the room, here or on another device."""
        return max(self.facts.read, self.seen)

    def moderate(self, event: events.Moderated) -> None:
        """Take over a moderator's decision, which is shown in the log."""
        if event.action == "private":
            self.told_private = event.value == "on"
        elif event.action == "role":
            self.people.set_role(event)

    @property
    def unread(self) -> int:
        """The number of unread messages of others."""
        return self.counter.of(self).messages

    @property
    def mentions(self) -> int:
        """The number of unread messages that call the person."""
        return self.counter.of(self).mentions

    @property
    def new_since(self) -> int | None:
        """The number of the event behind which the line "new" stands; ``None`` without such a line."""
        if self.came_at is not None:
            return self.came_at
        return self.read if self.unread else None

    def come(self) -> None:
        """Note that the person has come to the room, or looks at it again: the line "new" stays where it is now."""
        if self.came_at is None and self.unread:
            self.came_at = self.read

    def read_elsewhere(self, seq: int) -> None:
        """Note that the person read as far as this on another device."""
        if self.came_at is not None and seq > self.came_at:
            self.came_at = None

    @property
    def following(self) -> bool:
        """Whether the newest line is shown."""
        return self.bottom is None and self.log.at_end

    @property
    def draft(self) -> str:
        """The unsent text in the input; during an edit, the text from before it."""
        return self.intent.before if self.intent is not None and self.intent.what == "edit" else self.editor.text

    @property
    def unsent(self) -> str:
        """The messages that are not acknowledged, and the draft, each as it was typed."""
        waiting = (_as_typed(entry) for entry in self.pending if entry.delivery == "pending")
        return "\n".join(filter(None, (*waiting, self.draft)))

    def see(self, seq: int) -> bool:
        """Note that the person has read up to this event; returns whether that is new."""
        if seq <= self.read:
            return False
        self.seen = seq
        return True

    def writing(self, now: float) -> tuple[str, ...]:
        """The people who are typing at this time."""
        return tuple(name for name, until in self.typing.items() if until > now)

    def return_refused(self, local: int, clock: float) -> None:
        """Return a refused message to the input, or show it if something else is typed there."""
        entry = next((entry for entry in self.pending if entry.local == local), None)
        if entry is None:
            return
        self.pending.remove(entry)
        text = _as_typed(entry)
        if self.editor.text:
            self.log.tell(f"Not sent: {text}", clock)
        else:
            self.editor.put(text)

    def drop_pending(self, text: str, local: int | None = None) -> bool:
        """Drop an own message from those not acknowledged: by its local number, or the first with that text."""
        for at, entry in enumerate(self.pending):
            if entry.local == local if local is not None else entry.text.strip() == text.strip():
                del self.pending[at]
                return True
        return False


def _as_typed(entry: Entry) -> str:
    return f"/me {entry.text}" if entry.kind == "action" else entry.text
