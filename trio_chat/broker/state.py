"""The parts of the registry: the broker's settings, sessions and their states, people, rooms, bans."""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from trio_chat.protocol.names import LOBBY

if TYPE_CHECKING:
    from trio_chat.broker.allowances import Allowance
    from trio_chat.protocol.events import LeftHow, Message, Ok
    from trio_chat.protocol.names import Name
    from trio_chat.records import MissedNotice, SaveBan, SaveInviteLink

SENT_IDS: Final = 64
"""Sent ids remembered for each person, at some 200 bytes each. A client that sends a message again says so, and then
the store is asked; this is for clients that do not say so."""

ANSWERS: Final = 64
"""The same for requests that are no messages: people moderate one deed at a time."""

MENTIONED: Final = 50
"""Mentions in one message that are counted until they are read: a thousand take the time of a hundred messages."""

LISTED_MENTIONS: Final = 100
"""Unread mentions that a room's description lists: more than anybody counts, little enough for a welcome."""

MOST_DEVICES: Final = 100
"""Devices of one person: more than anybody has. A program that logs in with the password is a new one each time."""

MOST_MENTIONS: Final = 1000
"""Unread mentions in one room that are counted for a person who does not come: the newest. They are sorted for each."""

UNDELIVERED: Final = 200
"""Direct messages of one conversation that may wait to be reported delivered."""

BIG_ROOM: Final = 64
"""People from which on a room's arrivals and departures are gathered: one by one they cost members squared."""

GATHERING: Final = 0.25
"""Seconds of arrivals and departures that a big room hears of at once."""

FOR_GOOD: Final = "9999-12-31T23:59:59.999Z"
"""A time that never comes, where the store wants one."""

END: Final = 253_402_300_799.0
"""When the calendar ends, at :data:`FOR_GOOD`: 9999-12-31T23:59:59Z in seconds since 1970."""

HOUR: Final = 3600.0
"""Seconds of an hour."""

SLOWEST: Final = 86400.0
"""The longest wait between two messages that a room can ask for, in seconds: see the request ``configure``."""

SAVING: Final = 0.5
"""Seconds after which reading positions and last visits are stored: they are many, and nobody waits for a commit."""

SAVING_AGAIN: Final = 5.0
"""Seconds until that is tried again where it failed: each try holds everybody while the database is locked."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The broker's part of the server's configuration. Zero turns a limit of time or rate off.

    ``admit`` says who may come in without the password or, where there is none, at all: everyone, newcomers with an
    invite, or only people with an account; see :mod:`trio_chat.broker.admission`. The secrets of invites are made with
    ``invite_key``, which must be random bytes, others in each run of a server. ``identity`` is the fingerprint of the
    server's key, as links have it.

    ``names`` says whether a name belongs to the account that claims it; ``name_expiry`` is in seconds. From one place
    ``new_names`` names may be claimed in an hour, and one person may begin ``conversations`` direct conversations in
    one. A file may have ``max_file`` bytes (0: the server takes none), all files of an account ``file_quota`` and the
    files of all ``files_total``; an account may have ``max_uploads`` that no message carries. The lines of one
    answer have no more than ``page_bytes`` together. ``rate`` and ``burst`` are of an account,
    ``address_rate`` and ``address_burst`` of an address; one room may get ``room_bytes`` of text at once, and half of
    them a second.
    """

    password: str | None = field(default=None, repr=False)
    admit: Literal["everyone", "invites", "accounts"] = "everyone"
    invite_key: bytes = field(default=b"", repr=False)
    identity: str = ""
    server: str = "trio-chat"
    epoch: str = "0"
    motd: str = ""
    max_text: int = 8000
    max_frame: int = 65536
    max_recipients: int = 20
    max_rooms: int = 100
    conversations: int = 256
    page_bytes: int = 128 * 1024
    rate: float = 0.0
    burst: float = 100.0
    address_rate: float = 0.0
    address_burst: float = 600.0
    room_bytes: int = 0
    idle_timeout: float = 0.0
    handshake_timeout: float = 10.0
    names: Literal["owned", "guest"] = "owned"
    name_expiry: float = 0.0
    new_names: int = 0
    room_creation: Literal["everyone", "moderators", "admins"] = "everyone"
    max_file: int = 0
    file_quota: int = 0
    files_total: int = 0
    max_uploads: int = 16

    @property
    def owned(self) -> bool:
        """Whether a name belongs to the account that claims it."""
        return self.names == "owned"

    @property
    def visits(self) -> float:
        """Seconds between two times that the last visits are stored, where names expire.

        Names expire so much later: after a server was killed, nobody knows the visits more precisely.
        """
        return min(HOUR, self.name_expiry / 4) if self.name_expiry else float("inf")


class State(enum.Enum):
    """Where a session stands: connected and nameless, or a person's."""

    GREETING = "greeting"
    PRESENT = "present"


class Role(enum.IntEnum):
    """The role of a person in a room; each may do all that those before it may."""

    NOBODY = 0
    MEMBER = 1
    MODERATOR = 2
    OWNER = 3

    @property
    def word(self) -> str:
        """The role's name, as the wire and people say it."""
        return self.name.lower()


@dataclass(slots=True, eq=False)
class Session:
    """One connection. ``spare_token`` and ``spare_number`` are fresh random values from outside, for the
    device or person that may come of it: the broker draws none itself. ``own`` is the allowance that its requests
    are charged to until it has said hello, and ``place`` the place that they are charged to too.
    A session without a device came by the account's password: ``password`` is its hash, or that of the one that has
    replaced it since. ``departure`` is how its person goes when it ends, and ``watched`` when it is next checked for
    having been silent for too long."""

    id: int
    address: str
    spare_token: str = field(repr=False)
    spare_number: int
    active: float
    own: Allowance | None = None
    place: str | None = None
    state: State = State.GREETING
    person: Person | None = None
    device: Device | None = None
    password: str | None = field(default=None, repr=False)
    expired: bool = False
    quiet: bool = False
    departure: LeftHow = "quit"
    watched: float = float("inf")


@dataclass(slots=True, eq=False)
class Device:
    """A device that may use an account; ``digest`` is the SHA-256 of its token."""

    id: int
    digest: bytes
    label: str
    created: str
    seen: str


@dataclass(slots=True, eq=False)
class Person:
    """An account, and its person while they are connected.

    ``sessions`` are all that are connected; while there are ``visible`` ones (all but the quiet ones), others see the
    person as here. A ``temporary`` account, of a quiet session with a made-up name, is deleted when its session ends,
    unless it said something: scripts would use up the names. ``sent_ids`` has the places of the last messages by their
    ids, ``answers`` the answers to the last other requests. ``missed_removals`` and ``missed_invites`` are removals
    from rooms and invitations, by the room's name, that the person has not been told of. The name of a ``guest``, who
    came while names were not owned, is free when they are not here. ``invite_link`` is the number of the invite that
    they came by, 0 for none.
    """

    id: int
    name: Name
    created: str
    seen: str
    password: str | None = field(default=None, repr=False)
    admin: bool = False
    guest: bool = False
    invite_link: int = 0
    devices: dict[bytes, Device] = field(default_factory=dict)
    sessions: set[int] = field(default_factory=set)
    visible: set[int] = field(default_factory=set)
    rooms: dict[str, ChatRoom] = field(default_factory=dict)
    read: dict[int, int] = field(default_factory=dict)
    mentions: dict[int, list[int]] = field(default_factory=dict)
    sent_ids: dict[str, StoredPlace] = field(default_factory=dict)
    answers: dict[str, Ok] = field(default_factory=dict)
    missed_removals: dict[str, MissedNotice] = field(default_factory=dict)
    missed_invites: dict[str, MissedNotice] = field(default_factory=dict)
    since: str = ""
    away: str | None = None
    temporary: bool = False


@dataclass(slots=True, eq=False)
class Member:
    """A person in a room: ``muted`` until then, and ``spoke`` last then, in seconds since 1970."""

    person: Person
    role: Role = Role.MEMBER
    muted: float = 0.0
    spoke: float = float("-inf")


class Departed(NamedTuple):
    """A person's account, and how they went from a room."""

    account: int
    how: LeftHow


@dataclass(slots=True, eq=False)
class ChatRoom:
    """A room or, where ``direct`` holds the numbers of its people, a direct conversation.

    ``first`` and ``last`` are the numbers of the oldest line kept and of the newest. ``members`` are all people in it,
    ``here`` those of them who are connected and visible; both by their numbers. ``former`` are people who left while
    they were muted, or spoke a day ago at the most: to leave and come back must not end a wait, also one that the room
    asks for only after they left. ``arrived`` and ``departed`` are the
    changes since the room was last told who is here, at ``presence_told``, by the people's names.
    """

    id: int
    name: str
    created: str
    direct: frozenset[int] | None = None
    private: bool = False
    topic: str = ""
    announce_only: bool = False
    slow: float = 0.0
    keep: float | None = None
    files: bool = True
    max_file: int = 0
    last: int = 0
    first: int = 1
    members: dict[int, Member] = field(default_factory=dict)
    here: dict[int, Person] = field(default_factory=dict)
    former: dict[int, Member] = field(default_factory=dict)
    invited: dict[int, None] = field(default_factory=dict)
    bans: dict[int, ActiveBan] = field(default_factory=dict)
    undelivered: dict[int, tuple[Person, tuple[int, ...]]] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)
    departed: dict[str, Departed] = field(default_factory=dict)
    presence_told: float = float("-inf")

    @property
    def is_lobby(self) -> bool:
        """Whether this is the room that everyone is in."""
        return self.name == LOBBY

    def role_of(self, person: Person) -> Role:
        """A person's role here; a server administrator is an owner everywhere but in direct conversations."""
        member = self.members.get(person.id)
        if person.admin and self.direct is None:
            return Role.OWNER
        return Role.NOBODY if member is None else member.role


@dataclass(slots=True, eq=False)
class InviteLink:
    """An invite for newcomers as stored; ``until`` is in seconds since 1970, infinite for good."""

    record: SaveInviteLink
    until: float


@dataclass(slots=True, eq=False)
class ActiveBan:
    """A person or a network that is banned from a room; a ban from the lobby is one from the server. ``until`` is in
    seconds since 1970, infinite for good."""

    record: SaveBan
    person: Person | None
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    until: float

    def covers(self, person: Person | None, address: str) -> bool:
        """Whether it is a ban of this person, or of this address."""
        if self.person is not None and self.person is person:
            return True
        network = self.network
        return network is not None and any(ip in network for ip in _meant_by(address))


@lru_cache(maxsize=1024)  # one address is held against every ban there is
def _meant_by(address: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]:
    """An address, and the IPv4 address that it stands for; nothing for a text that is no address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ()
    mapped = getattr(ip, "ipv4_mapped", None)
    return (ip,) if mapped is None else (ip, mapped)


@dataclass(frozen=True, slots=True)
class BrokerStatistics:
    """How many there are of everything now; ``here`` are the people connected."""

    sessions: int
    here: int
    people: int
    rooms: int
    conversations: int


class MessageLookUp(NamedTuple):
    """Asks the store for a message: by the room's number, and the message's place in it."""

    room: int
    seq: int


class SentLookUp(NamedTuple):
    """Asks the store whether a message was stored before: by its sender's number, and the id they made for it.

    ``reply_to`` is the message that it replies to, which must be known if it was not stored before.
    """

    sender: int
    cid: str
    reply_to: MessageLookUp | None = None


class StoredMessage(NamedTuple):
    """A message that the store had, as it is now, and its sender's number."""

    sender: int
    message: Message


class StoredPlace(NamedTuple):
    """The place of a message that was stored before: the room's number, its number there, its time."""

    room: int
    seq: int
    time: str


def stamp(now: float) -> str:
    """Seconds since 1970 as the wire writes times: RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def later(now: float, seconds: float | None) -> float:
    """So many seconds from now; infinite for good, and for a time that no calendar reaches. It is a time that can be
    stored, in milliseconds, so that it is the same after a restart."""
    end = float("inf") if seconds is None else now + seconds
    return _read_time(stamp(end)) if end < END else float("inf")


def seconds(time: str) -> float:
    """A time on the wire as seconds since 1970. Raises ``ValueError``."""
    return _read_time(time)


def _read_time(time: str) -> float:
    moment = datetime.fromisoformat(time)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
