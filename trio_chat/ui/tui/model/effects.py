"""Requests of the full screen's model to the shell: pages of logs, lists of people, reports, notifications. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from trio_chat.ui.tui.model.attention import Notification

PAGE: Final = 100
"""Events fetched at once."""
MOST_AT_ONCE: Final = 500
"""Events that a server gives at once, at the most."""
MOST_LOADED: Final = 20
"""Rooms with unread events whose newest page is fetched before the person looks, so that their counts are right."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch a page of a room's log: the ``newest``, or the one ``older`` or ``newer`` than the loaded stretch."""

    room: str
    which: str


@dataclass(frozen=True, slots=True)
class SayRead:
    """Tell the server the read position of a room."""

    room: str
    seq: int


@dataclass(frozen=True, slots=True)
class AskPeople:
    """Ask for the people in a room."""

    room: str


@dataclass(frozen=True, slots=True)
class Load:
    """Fetch the newest page of each of these rooms that has none, one after another."""

    rooms: tuple[str, ...]


ModelEffect: TypeAlias = Notification | Fetch | SayRead | AskPeople | Load
