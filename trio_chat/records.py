"""What is remembered, as frozen structs: the broker decides them, the store keeps them.

Times are RFC 3339, UTC, milliseconds, as on the wire. Numbers (``id``, ``account``, ``room``) are given
by the broker and never used twice.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

INVITE: Final = "invite"
"""What is done to somebody who is let into a room."""


class PutOut(Struct, frozen=True, array_like=True, gc=False):
    """Somebody was put out of the room of this name, banned from it, or let into it (``invite``), and has not been
    told yet."""

    room: str
    by: str
    action: str = "kick"
    reason: str = ""
    by_id: int = 0


class SaveAccount(Struct, frozen=True, gc=False):
    """A name and whose it is. ``password`` is an Argon2id hash in its encoded form; of what is in ``put_out``
    they are told when they come back. A ``guest`` has the name until they leave."""

    id: int
    name: str
    key: str
    skeleton: str
    created: str
    seen: str
    password: str | None = None
    admin: bool = False
    put_out: tuple[PutOut, ...] = ()
    guest: bool = False


class DropAccount(Struct, frozen=True, gc=False):
    """The name is free again; devices, memberships and reading positions go with it."""

    id: int


class SaveDevice(Struct, frozen=True, gc=False):
    """A device that may use an account. ``digest`` is the SHA-256 of its token."""

    id: int
    account: int
    digest: bytes
    label: str
    created: str
    seen: str


class DropDevice(Struct, frozen=True, gc=False):
    """The device may no longer."""

    id: int


class SaveRoom(Struct, frozen=True, gc=False):
    """A room, or a direct conversation of the accounts in ``direct``. ``slow`` is in seconds, ``keep`` in
    days (``None``: as long as the server says)."""

    id: int
    name: str
    created: str
    direct: tuple[int, ...] = ()
    private: bool = False
    topic: str = ""
    announce_only: bool = False
    slow: float = 0.0
    keep: float | None = None


class DropRoom(Struct, frozen=True, gc=False):
    """The room is gone with all that was said in it."""

    id: int


class SaveMember(Struct, frozen=True, gc=False):
    """Somebody is in a room. ``role`` is 1 member, 2 moderator, 3 owner; 0 is for somebody who went out of it
    and may still not speak there, ``muted_until`` then."""

    room: int
    account: int
    role: int = 1
    floor: int = 0
    muted_until: str | None = None


class DropMember(Struct, frozen=True, gc=False):
    """Somebody is no longer in a room."""

    room: int
    account: int


class SaveInvite(Struct, frozen=True, gc=False):
    """Somebody may enter a private room."""

    room: int
    account: int


class DropInvite(Struct, frozen=True, gc=False):
    """The invitation was used or taken back."""

    room: int
    account: int


class SaveRead(Struct, frozen=True, gc=False):
    """How far somebody has read a room; mentions up to there are no longer unread."""

    room: int
    account: int
    seq: int


class SaveMention(Struct, frozen=True, gc=False):
    """Somebody is mentioned in that line of that room."""

    room: int
    account: int
    seq: int


class SaveBan(Struct, frozen=True, gc=False):
    """Who is kept out of a room, or (``room`` none) of the server: an account or a network."""

    id: int
    room: int | None
    account: int | None
    network: str | None
    until: str | None
    reason: str
    by: str
    time: str
    by_account: int = 0


class DropBan(Struct, frozen=True, gc=False):
    """The ban is lifted."""

    id: int


class Note(Struct, frozen=True, gc=False):
    """A line of the audit log: who did what to whom, where."""

    time: str
    actor: str
    action: str
    room: str = ""
    target: str = ""
    detail: str = ""


class Line(Struct, frozen=True, gc=False):
    """A line of a room's log: the bytes that everyone got (``event``), and of it what the store must find
    again: ``text`` is what a search sees ("" for nothing), ``target`` the line that this one changes."""

    room: int
    seq: int
    time: str
    sender: int
    cid: str
    kind: str
    text: str
    target: int | None
    event: bytes


class Amend(Struct, frozen=True, gc=False):
    """A line of a log as it is now: other text, or other marks on it."""

    room: int
    seq: int
    event: bytes
    text: str


class Redact(Struct, frozen=True, gc=False):
    """A line whose text is to be gone, with the texts of the edits that changed it."""

    room: int
    seq: int
    event: bytes


Record: TypeAlias = (
    SaveAccount
    | DropAccount
    | SaveDevice
    | DropDevice
    | SaveRoom
    | DropRoom
    | SaveMember
    | DropMember
    | SaveInvite
    | DropInvite
    | SaveRead
    | SaveMention
    | SaveBan
    | DropBan
    | Note
    | Line
    | Amend
    | Redact
)


class RoomState(Struct, frozen=True):
    """A room as stored, with the numbers of its oldest line kept and of its newest."""

    room: SaveRoom
    last: int = 0
    first: int = 1


class Sent(Struct, frozen=True, gc=False):
    """Where the line stands that ``sender`` sent under the id ``cid``."""

    sender: int
    cid: str
    room: int
    seq: int
    time: str


class Snapshot(Struct, frozen=True):
    """All that is remembered but the lines of the logs. ``sent`` tells of some thousands of the last of them, the
    newest last, under which ids they were sent. ``next_…`` are numbers not yet used."""

    accounts: tuple[SaveAccount, ...] = ()
    devices: tuple[SaveDevice, ...] = ()
    rooms: tuple[RoomState, ...] = ()
    members: tuple[SaveMember, ...] = ()
    invites: tuple[SaveInvite, ...] = ()
    reads: tuple[SaveRead, ...] = ()
    mentions: tuple[SaveMention, ...] = ()
    bans: tuple[SaveBan, ...] = ()
    sent: tuple[Sent, ...] = ()
    next_account: int = 1
    next_device: int = 1
    next_room: int = 1
    next_ban: int = 1
