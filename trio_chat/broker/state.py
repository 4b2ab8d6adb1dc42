"""What the broker knows: its settings, sessions and their states, people, rooms."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from trio_chat.protocol.names import LOBBY

if TYPE_CHECKING:
    from trio_chat.protocol.names import Name

RECENT: Final = 512
"""Sent ids remembered for each person: far more than a client has unacknowledged at a time."""

UNDELIVERED: Final = 1000
"""Direct messages of one conversation that may wait for a sign from their readers."""

BIG_ROOM: Final = 64
"""People from which on a room's comings and goings are gathered: one by one they cost members squared."""

GATHERING: Final = 0.25
"""Seconds of comings and goings that a big room hears of at once."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the broker must know of the server's configuration. Zero turns a limit of time or rate off."""

    password: str | None = None
    server: str = "trio-chat"
    epoch: str = "0"
    motd: str = ""
    max_text: int = 8000
    max_frame: int = 65536
    max_recipients: int = 20
    max_rooms: int = 100
    rate: float = 0.0
    burst: float = 100.0
    idle_timeout: float = 0.0
    hello_timeout: float = 10.0


class State(enum.Enum):
    """Where a session stands: connected and nameless, or a person's."""

    GREETING = "greeting"
    PRESENT = "present"


class Role(enum.IntEnum):
    """What somebody is in a room; each may do what those before may."""

    NOBODY = 0
    MEMBER = 1


@dataclass(slots=True, eq=False)
class Session:
    """One connection. ``spare_token`` and ``spare_number`` are fresh random values from outside, for the
    person that may come of it: the broker draws none itself."""

    id: int
    spare_token: str
    spare_number: int
    credit: float
    refilled: float
    active: float
    state: State = State.GREETING
    person: Person | None = None
    expired: bool = False


@dataclass(slots=True, eq=False)
class Person:
    """Somebody with a name, through one session or several."""

    name: Name
    token: str
    since: str
    sessions: set[int] = field(default_factory=set)
    rooms: dict[str, Room] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    recent: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    away: str | None = None


@dataclass(slots=True, eq=False)
class Room:
    """A room or, where ``direct`` holds the compared names of its people, a direct conversation."""

    name: str
    direct: frozenset[str] | None = None
    topic: str = ""
    last: int = 0
    members: dict[str, Person] = field(default_factory=dict)
    undelivered: dict[int, tuple[Person, set[str]]] = field(default_factory=dict)
    came: dict[str, None] = field(default_factory=dict)
    went: dict[str, None] = field(default_factory=dict)
    noticed: float = float("-inf")

    @property
    def is_lobby(self) -> bool:
        """Whether this is the room that everyone is in."""
        return self.name == LOBBY


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much of everything there is now."""

    sessions: int
    people: int
    rooms: int
    conversations: int


def stamp(now: float) -> str:
    """Seconds since 1970 as the wire writes times: RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
