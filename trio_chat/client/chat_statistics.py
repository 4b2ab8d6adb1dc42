"""The state of a chat in numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChatStatistics:
    """State of a conversation: the number of requests without an answer and of events that wait for the application,
    whether those are so many that reading is paused, seconds of the last ping."""

    connected: bool
    pending: int
    waiting: int
    paused: bool
    latency: float | None
