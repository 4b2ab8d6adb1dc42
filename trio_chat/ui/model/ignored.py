"""Whom a person ignores: what those people say, mark and write is not shown, and calls nobody. Pure.

The server knows nothing of it; it holds on one device, for one server. Who ignores somebody still sees when they come
and go, and what they do as moderators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from msgspec import structs

from trio_chat.client.events import Backlog
from trio_chat.protocol import events
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.notes import Context, Hits, Note

E = TypeVar("E", bound=events.Event)


@dataclass(frozen=True, slots=True)
class Ignore:
    """Ignore somebody, or no longer (``on``); without a name, show who is ignored."""

    name: str = ""
    on: bool = True


class Ignored:
    """The names that are ignored, however they are cased. ``save`` is told of all of them when they change."""

    def __init__(self, names: Iterable[str] = (), save: Callable[[list[str]], None] = lambda _names: None) -> None:
        self._names = {name.casefold(): name for name in names}
        self._save = save
        self.folded = frozenset(self._names)

    def __repr__(self) -> str:
        return f"<Ignored: {', '.join(self.names) or 'nobody'}>"

    def __contains__(self, name: object) -> bool:
        return bool(self.folded) and isinstance(name, str) and name.casefold() in self.folded

    @property
    def names(self) -> list[str]:
        """Who is ignored, in the order of the alphabet."""
        return sorted(self._names.values(), key=str.casefold)

    def do(self, action: Ignore, me: str) -> Note:
        """Ignore somebody or no longer, or say who is; what there is to tell about it. ``me`` is one's own name."""
        shown = clean_line(action.name)
        if not action.name:
            names = ", ".join(map(clean_line, self.names))
            return Note(lines=(f"You ignore {names}." if names else "You ignore nobody.",))
        if action.name.casefold() == me.casefold():
            return Note(lines=("That is you: nobody can be ignored by themselves.",))
        if action.on == (action.name in self):
            return Note(lines=(f"You ignore {shown} already." if action.on else f"You do not ignore {shown}.",))
        if action.on:
            self._change({**self._names, action.name.casefold(): action.name})
            return Note(lines=(f"You ignore {shown} now, on this device. /unignore {shown} undoes it.",))
        self._change({key: name for key, name in self._names.items() if key != action.name.casefold()})
        return Note(lines=(f"You do not ignore {shown} any more.",))

    def rename(self, old: str, new: str) -> None:
        """Somebody has another name now; who is ignored stays so."""
        if old in self:
            kept = {key: name for key, name in self._names.items() if key != old.casefold()}
            self._change({**kept, new.casefold(): new})

    def _change(self, names: dict[str, str]) -> None:
        self._names, self.folded = names, frozenset(names)
        self._save(self.names)

    # ---- what is left of events ----------------------------------------------------------------

    def hides(self, event: events.Event) -> bool:
        """Whether an event is nothing but what somebody said, marked or is writing who is ignored."""
        match event:
            case events.Message() | events.Edited() | events.Deleted() | events.Reacted():
                return event.sender in self
            case events.TypingNotice():
                return event.name in self
            case _:
                return False

    def left_of(self, event: E) -> E:
        """An event that is not hidden, without what people said and marked in it who are ignored."""
        if not self.folded:
            return event
        match event:
            case events.Message() if any(name in self for names in event.reactions.values() for name in names):
                return structs.replace(event, reactions=self.marks(event.reactions))
            case Backlog(unread_from=begin):
                hidden = sum(begin is not None and line.seq >= begin and self.hides(line) for line in event.events)
                return structs.replace(event, events=self._left(event.events), unread=event.unread - hidden)
            case Context():
                return structs.replace(event, events=self._left(event.events))
            case Hits():
                return structs.replace(event, messages=tuple(one for one in event.messages if not self.hides(one)))
            case _:
                return event

    def _left(self, past: Iterable[events.RoomEvent]) -> tuple[events.RoomEvent, ...]:
        return tuple(self.left_of(line) for line in past if not self.hides(line))

    def marks(self, marks: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """The marks on a message, by who is left of those that put them there."""
        left = {mark: tuple(name for name in names if name not in self) for mark, names in marks.items()}
        return {mark: names for mark, names in left.items() if names}
