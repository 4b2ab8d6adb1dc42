"""The records of a store, as frozen structs: the broker makes them, the store keeps them.

Times are RFC 3339, UTC, milliseconds, as on the wire. The broker gives numbers (``id``, ``account``, ``room``), and
none is used twice.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

from trio_chat.secret_fields import discreet_repr

INVITE: Final = "invite"
"""The action of an invitation to a room."""


class MissedNotice(Struct, frozen=True, array_like=True, gc=False):
    """A removal from the room of this name (``kick`` or ``ban``), or an invitation to it (``invite``), that the
    account's person has not been told of yet. ``by`` is a name, ``by_id`` its account."""

    room: str
    by: str
    action: str = "kick"
    reason: str = ""
    by_id: int = 0


class SaveAccount(Struct, frozen=True, gc=False):
    """An account and its name. ``password`` is an Argon2id hash in its encoded form. The person is told of ``missed``
    when they come back. A ``guest`` has the name until they leave. ``invite_link`` is the number of the invite that the
    person came by, 0 for none."""

    id: int
    name: str
    key: str
    skeleton: str
    created: str
    seen: str
    password: str | None = None
    admin: bool = False
    missed: tuple[MissedNotice, ...] = ()
    guest: bool = False
    invite_link: int = 0

    __repr__ = discreet_repr


class DropAccount(Struct, frozen=True, gc=False):
    """Delete an account: its name is free again, and its devices, memberships and read positions go with it."""

    id: int


class SaveDevice(Struct, frozen=True, gc=False):
    """A device of an account. ``digest`` is the SHA-256 of its token."""

    id: int
    account: int
    digest: bytes
    label: str
    created: str
    seen: str


class DropDevice(Struct, frozen=True, gc=False):
    """Delete a device."""

    id: int


class SaveRoom(Struct, frozen=True, gc=False):
    """A room, or a direct conversation of the accounts in ``direct``. ``slow`` is in seconds, ``keep`` in days
    (``None``: as long as the server says). Its messages can carry ``files`` of up to ``max_file`` bytes (0: as the
    server says)."""

    id: int
    name: str
    created: str
    direct: tuple[int, ...] = ()
    private: bool = False
    topic: str = ""
    announce_only: bool = False
    slow: float = 0.0
    keep: float | None = None
    files: bool = True
    max_file: int = 0


class DropRoom(Struct, frozen=True, gc=False):
    """Delete a room with its log."""

    id: int


class SaveMember(Struct, frozen=True, gc=False):
    """A member of a room. ``role`` is 1 member, 2 moderator, 3 owner; 0 is for a former member who is still muted
    there, ``muted_until`` then."""

    room: int
    account: int
    role: int = 1
    floor: int = 0
    muted_until: str | None = None


class DropMember(Struct, frozen=True, gc=False):
    """Delete a membership of a room."""

    room: int
    account: int


class SaveInvite(Struct, frozen=True, gc=False):
    """An invitation to a private room."""

    room: int
    account: int


class DropInvite(Struct, frozen=True, gc=False):
    """Delete an invitation."""

    room: int
    account: int


class SaveRead(Struct, frozen=True, gc=False):
    """The read position of an account in a room; mentions up to there are no longer unread."""

    room: int
    account: int
    seq: int


class SaveMention(Struct, frozen=True, gc=False):
    """An unread mention of an account in a line of a room."""

    room: int
    account: int
    seq: int


class DropMention(Struct, frozen=True, gc=False):
    """Delete a mention: the line was deleted, or its text mentions the account no longer."""

    room: int
    account: int
    seq: int


class SaveBan(Struct, frozen=True, gc=False):
    """A ban of an account or a network from a room, or (``room`` none) from the server. ``by`` is the name of the
    person who set it, ``by_account`` their account, 0 where it is not known."""

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
    """Delete a ban."""

    id: int


class SaveInviteLink(Struct, frozen=True, gc=False):
    """An invite: it lets ``uses`` more newcomers in until the time ``until`` (none: without an end), if it is not
    ``revoked``.

    ``digest`` is the SHA-256 of its secret. A newcomer enters the ``rooms`` with the role, as in :class:`SaveMember`.
    ``by`` is the name of the person who made it, ``by_account`` their account, 0 for the server's operator.
    """

    id: int
    digest: bytes
    uses: int
    until: str | None
    rooms: tuple[int, ...]
    role: int
    by: str
    by_account: int
    time: str
    note: str = ""
    revoked: bool = False


class DropInviteLink(Struct, frozen=True, gc=False):
    """Delete an invite. The accounts that were made by it stay."""

    id: int


class AuditNote(Struct, frozen=True, gc=False):
    """A line of the audit log: the names of the actor, of the person it was done to, and of the room."""

    time: str
    actor: str
    action: str
    room: str = ""
    target: str = ""
    detail: str = ""


class Line(Struct, frozen=True, gc=False):
    """A line of a room's log: the bytes of its ``event``, and the parts that the store must find again.

    ``sender`` is an account, ``text`` the text that a search sees ("" for none), ``target`` the line that this one
    changes.
    """

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
    """A line of a log as it is now: with another text, or other reactions."""

    room: int
    seq: int
    event: bytes
    text: str


class Redact(Struct, frozen=True, gc=False):
    """A line whose text is to be deleted, with the texts of the edits that changed it."""

    room: int
    seq: int
    event: bytes


class SaveFile(Struct, frozen=True, gc=False):
    """A file. ``size`` is in bytes, and ``digest`` the SHA-256 of the bytes in 64 hexadecimal digits.

    It begins as an upload of the account: ``digest`` is empty until all bytes are there. Then the message ``seq`` of
    the ``room`` carries it; both are 0 until then. ``kind`` is the media type, ``width`` and ``height`` are of an
    image, in pixels. ``time`` is when the upload began.
    """

    id: str
    account: int
    name: str
    size: int
    kind: str
    digest: str
    width: int
    height: int
    time: str
    room: int = 0
    seq: int = 0


class DropFile(Struct, frozen=True, gc=False):
    """Delete a file, if it is there; its bytes go with the last file that has them."""

    id: str


class SaveClock(Struct, frozen=True, gc=False):
    """The relation between the clocks of the server, in seconds.

    ``boot`` names the time from one start of the system to the next (empty: not known). ``base`` is the server's steady
    time at that start. The wall clock is ``ahead`` of the steady time, and so are all stored times of ends.
    """

    boot: str = ""
    base: float = 0.0
    ahead: float = 0.0


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
    | DropMention
    | SaveBan
    | DropBan
    | SaveInviteLink
    | DropInviteLink
    | AuditNote
    | Line
    | Amend
    | Redact
    | SaveFile
    | DropFile
    | SaveClock
)


class RoomState(Struct, frozen=True):
    """A room as stored, with the numbers of its oldest line kept and of its newest."""

    room: SaveRoom
    last: int = 0
    first: int = 1


class Sent(Struct, frozen=True, gc=False):
    """The place of the line that the account ``sender`` sent under the id ``cid``."""

    sender: int
    cid: str
    room: int
    seq: int
    time: str


class Snapshot(Struct, frozen=True):
    """Everything in a store but the lines of the logs. ``sent`` has the places of the last few thousand lines by the
    ids under which they were sent, the newest last. The numbers ``next_…`` are the first that were never used.
    ``files`` are the uploads that no message carries, the oldest first. ``file_bytes`` has the bytes of all files of
    each account, whether a message carries them or not; also of accounts that are gone. ``clock`` is the clock by which
    the times of ends were stored; ``None`` in a new store, and in one of 0.1.0."""

    accounts: tuple[SaveAccount, ...] = ()
    devices: tuple[SaveDevice, ...] = ()
    rooms: tuple[RoomState, ...] = ()
    members: tuple[SaveMember, ...] = ()
    invites: tuple[SaveInvite, ...] = ()
    reads: tuple[SaveRead, ...] = ()
    mentions: tuple[SaveMention, ...] = ()
    bans: tuple[SaveBan, ...] = ()
    invite_links: tuple[SaveInviteLink, ...] = ()
    sent: tuple[Sent, ...] = ()
    files: tuple[SaveFile, ...] = ()
    file_bytes: dict[int, int] = {}
    next_account: int = 1
    next_device: int = 1
    next_room: int = 1
    next_ban: int = 1
    next_invite_link: int = 1
    clock: SaveClock | None = None
