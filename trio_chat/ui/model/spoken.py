"""The people who spoke lately in a room: their joins and leaves are worth a line. Pure."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from trio_chat.protocol import events

ShowJoins: TypeAlias = Literal["all", "spoke", "none"]
SHOW_JOINS: Final[dict[str, ShowJoins]] = {"all": "all", "spoke": "spoke", "none": "none"}
"""The values of the setting ``show_joins``."""

LATELY: Final = 15 * 60.0
"""Seconds for which a person counts as one who spoke lately."""
_MOST: Final = 10_000
"""People in rooms that are remembered; the one who was silent longest is forgotten beyond that."""


class Spoken:
    """When people last spoke in each room, by account where it is known."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, int | str], float] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Spoken {len(self._last)}>"

    def note(self, message: events.Message) -> None:
        """Take a message, of now or of the past."""
        try:
            time = datetime.fromisoformat(message.time).astimezone(UTC).timestamp()
        except (ValueError, OverflowError, OSError):
            return  # a server that gives no time
        key = _key(message.room, message.sender, message.sender_id)
        self._last[key] = max(time, self._last.pop(key, time))
        if len(self._last) > _MOST:
            self._last.popitem(last=False)

    def is_shown(self, which: ShowJoins, room: str, name: str, account: int, now: float) -> bool:
        """Whether a person's joining or leaving is shown. ``now`` is in seconds since 1970."""
        if which != "spoke":
            return which == "all"
        last = self._last.get(_key(room, name, account))
        return last is not None and now - last <= LATELY

    def shown(self, event: events.Presence, which: ShowJoins, now: float) -> events.Presence:
        """A notice with only the people whose joining or leaving is shown."""
        if which == "all":
            return event
        came = [
            at
            for at, name in enumerate(event.joined)
            if self.is_shown(which, event.room, name, _at(event.joined_ids, at), now)
        ]
        left = [
            at
            for at, name in enumerate(event.left)
            if self.is_shown(which, event.room, name, _at(event.left_ids, at), now)
        ]
        return replace(
            event,
            joined=tuple(event.joined[at] for at in came),
            joined_ids=tuple(_at(event.joined_ids, at) for at in came),
            joined_roles=(),
            left=tuple(event.left[at] for at in left),
            left_ids=tuple(_at(event.left_ids, at) for at in left),
            left_how=(),
        )


def _key(room: str, name: str, account: int) -> tuple[str, int | str]:
    return room, account or name.casefold()


def _at(numbers: tuple[int, ...], at: int) -> int:
    return numbers[at] if at < len(numbers) else 0
