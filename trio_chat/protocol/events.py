"""What a server says, as frozen structs tagged by ``type``.

Three kinds. An *answer* carries the ``id`` of its request and goes to one session. A *room event* is a
line of the room's log: it carries ``room``, ``seq`` and ``time``, is stored, and a history brings it
back byte for byte. A *notice* (who came, who is typing, ...) is about now; it is not stored and has no
``seq``. Times are RFC 3339, UTC, milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

Time: TypeAlias = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds: 2026-01-31T12:00:00.000Z")]
Role: TypeAlias = Literal["owner", "moderator", "member"]
RoomName: TypeAlias = Annotated[str, Meta(description="#lobby, #ops, ...; a direct conversation's begins with @")]
AccountId: TypeAlias = Annotated[
    int, Meta(description="the number of that account, which never changes; 0 where it is not known")
]
AccountNames: TypeAlias = Annotated[
    dict[int, str], Meta(description="numbers of accounts, each with the name the account has now")
]
Departure: TypeAlias = Annotated[
    Literal["quit", "left", "removed"],
    Meta(description="quit: went offline; left: went out of the room; removed: was kicked or banned"),
]


class Event(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True, gc=False):
    """What all events share: only the tag."""


class RoomEvent(Event, frozen=True):
    """What all lines of a room's log share."""

    room: RoomName
    seq: int
    time: Time


# ---- parts of answers -------------------------------------------------------------------------


class RoomInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room as one of its members sees it.

    ``first`` and ``last`` are the sequence numbers of the oldest event kept and of the newest
    (``first`` is ``last`` + 1 when none is kept). ``members`` is given for direct conversations only;
    ask ``who`` for a room's. ``read`` is how far you have read, ``mentions`` how often you were mentioned
    since. ``role`` is what you are in it. ``slow`` is in seconds.
    """

    name: RoomName
    direct: bool = False
    topic: str = ""
    count: Annotated[int, Meta(description="people in it who are here now")] = 0
    members: tuple[str, ...] = ()
    member_ids: Annotated[tuple[int, ...], Meta(description="their accounts, in the order of members")] = ()
    first: int = 1
    last: int = 0
    read: int = 0
    mentions: int = 0
    role: Role = "member"
    private: bool = False
    announce_only: bool = False
    slow: float = 0.0


class RoomLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room in the answer to ``rooms``."""

    name: RoomName
    topic: str = ""
    count: int = 0
    joined: bool = False
    private: bool = False
    announce_only: bool = False
    slow: float = 0.0


class PersonInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person in the answer to ``who``; ``away`` is why, where they said so; ``role`` is owner or
    moderator, or empty."""

    name: str
    id: AccountId = 0
    away: str | None = None
    since: Annotated[Time, Meta(description="when they came")] = ""
    role: str = ""


class Removal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room that you were put out of while you were away: ``by`` whom, with which ``action`` (kick, or ban, also of
    an address that you come from), and the ``reason`` they gave."""

    room: RoomName
    by: str
    by_id: AccountId = 0
    action: str = "kick"
    reason: str = ""

    @property
    def why(self) -> str:
        """What ``left`` says of the same, had you been there."""
        did = "banned you" if self.action == "ban" else "put you out"
        return f"{self.by} {did}: {self.reason}" if self.reason else f"{self.by} {did}."


class Limits(Struct, frozen=True, kw_only=True):
    """What the server takes at the most: a text in characters, a frame in bytes, people in one ``to``."""

    text: int
    frame: int
    to: int


# ---- answers ----------------------------------------------------------------------------------


class DeviceInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device of yours: what it called itself, when it was first and last here."""

    id: int
    client: str
    created: Time
    seen: Time
    current: Annotated[bool, Meta(description="the one that asks")] = False


class BanInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom a room keeps out: a person or a network; without ``until``, for good."""

    by: str
    time: Time
    by_id: AccountId = 0
    name: str | None = None
    id: AccountId = 0
    network: str | None = None
    until: Time | None = None
    reason: str = ""


class Welcome(Event, frozen=True):
    """You are in. ``id`` is empty when the credentials came in headers.

    ``token`` proves later that ``name`` is yours; keep it where only you can read it. ``epoch`` changes
    when the server's history began anew: then sequence numbers seen before mean nothing. ``owned`` tells
    whether a name that is claimed now stays whose it is. ``put_out`` names rooms that you are no longer in, until a
    session of yours that is not ``quiet`` was told so. ``asked`` is the name that you asked for, where nobody
    has it and your token is of an account with another, ``name``: then you are let in under that.

    ``rooms`` has all your rooms, and of your direct conversations as many as a welcome may hold, those first that you
    have read. ``left_out`` is how many it has not: you hear those too, and may ask for their ``history``.

    ``account`` is the number of your account; ``names`` has the people of the direct conversations in ``rooms``.
    """

    name: str
    token: str
    epoch: str
    rooms: tuple[RoomInfo, ...]
    lobby: RoomName
    limits: Limits
    time: Time
    server: Annotated[str, Meta(description="program and version")]
    motd: str = ""
    owned: bool = False
    admin: bool = False
    put_out: tuple[Removal, ...] = ()
    asked: str = ""
    left_out: int = 0
    account: AccountId = 0
    names: AccountNames = {}
    id: str = ""


class Ok(Event, frozen=True):
    """Done. For a message: stored, at that place of that room's sequence. What was so already (a setting, a role, a
    mute, a mark, a name) is ``unchanged``: nobody else is told of it."""

    id: str
    room: RoomName | None = None
    seq: int | None = None
    time: Time | None = None
    unchanged: bool = False


class Error(Event, frozen=True):
    """Not done, and why; ``id`` is empty when the request could not be read so far.

    ``code`` is a row of the error table, ``message`` says what happened, ``advice`` what to do next. ``until``
    is when it will be allowed, where that is known; ``message`` says it in UTC.
    """

    code: str
    message: str
    advice: str = ""
    until: Time | None = None
    id: str = ""


class Room(Event, frozen=True):
    """You are in this room now: the answer to ``join``; without ``id`` another device of yours entered
    it, or somebody began a direct conversation with you."""

    room: RoomInfo
    id: str = ""


class Left(Event, frozen=True):
    """You are no longer in this room: another device of yours left it, or (``reason``) you were put out."""

    room: RoomName
    reason: str = ""


class RoomList(Event, frozen=True, tag="rooms"):
    """The rooms there are, the fullest first; as many as an answer may hold, and whether there are ``more``."""

    id: str
    rooms: tuple[RoomLine, ...]
    more: bool = False


class People(Event, frozen=True):
    """Who is in a room and here now, by their names; as many as an answer may hold, and whether there are ``more``."""

    id: str
    room: RoomName
    people: tuple[PersonInfo, ...]
    more: bool = False


class Page(Event, frozen=True, tag="history"):
    """A stretch of a room's log, in order. ``more`` tells whether the log goes on in the direction asked: a page
    is bounded in bytes too, and may hold fewer events than were asked for, but always one where there is one.

    ``first`` is the oldest sequence number still kept: a gap below it cannot be filled. ``names`` has the accounts
    that sent these events: a name there that differs from an event's ``from`` is the account's name now.
    """

    id: str
    room: RoomName
    events: tuple[Raw, ...]
    more: bool
    first: int
    names: AccountNames = {}


class Found(Event, frozen=True):
    """What a search found, newest first. ``cursor`` goes on from there, and is left out where that was all;
    ``behind`` is how many of the newest lines are not searched yet. ``names`` is as in ``history``."""

    id: str
    events: tuple[Raw, ...]
    cursor: int | None = None
    behind: int = 0
    names: AccountNames = {}


class DeviceList(Event, frozen=True, tag="devices"):
    """Your devices."""

    id: str
    devices: tuple[DeviceInfo, ...]


class BanList(Event, frozen=True, tag="bans"):
    """Whom a room keeps out; as many as an answer may hold, and whether there are ``more``."""

    id: str
    room: RoomName
    bans: tuple[BanInfo, ...]
    more: bool = False


class Pong(Event, frozen=True):
    """The answer to ``ping``."""

    id: str
    time: Time


# ---- room events ------------------------------------------------------------------------------


class PersonEvent(RoomEvent, frozen=True, kw_only=True, rename={"sender": "from", "sender_id": "from_id"}):
    """What all lines share that a person caused: the ``sender``'s name at that time, and their account."""

    sender: Annotated[str, Meta(description="name of the person who caused it, at that time")]
    sender_id: AccountId = 0


class Message(PersonEvent, frozen=True, kw_only=True):
    """Something said. ``sent`` is its sender's own clock; ``cid`` the id its sender made for it.

    A history brings it back as it is now: with the text of its last edit and when that was (``edited``),
    with its reactions and whose they are, or, ``deleted``, without its text.

    ``mentions`` are the accounts that its text mentions. ``reactions`` gives for each reaction the names of the people,
    and ``reaction_ids`` their accounts in the same order.
    """

    text: str
    cid: str
    sent: str | None = None
    kind: Literal["text", "action"] = "text"
    reply_to: int | None = None
    edited: Time | None = None
    deleted: bool = False
    reactions: dict[str, tuple[str, ...]] = {}
    mentions: tuple[int, ...] = ()
    reaction_ids: dict[str, tuple[int, ...]] = {}


class Edited(PersonEvent, frozen=True, kw_only=True):
    """The message at ``target`` has another text now. The text is empty where it was edited again or deleted
    since."""

    target: int
    text: str


class Deleted(PersonEvent, frozen=True, kw_only=True):
    """The message at ``target`` was taken back."""

    target: int


class Reacted(PersonEvent, frozen=True, kw_only=True):
    """Somebody put a mark on the message at ``target``, or took theirs off."""

    target: int
    mark: str
    on: bool = True


class Moderated(PersonEvent, frozen=True, kw_only=True):
    """A room's rules or members were changed: ``action`` is kick, ban, unban, mute, unmute, role, private,
    announce_only, slow or keep; ``target`` whom it is about; ``value`` the new state; ``until`` its end."""

    action: str
    target: str = ""
    target_id: AccountId = 0
    value: str = ""
    reason: str = ""
    until: Time | None = None


class TopicChanged(PersonEvent, frozen=True, kw_only=True, tag="topic"):
    """Somebody set the room's topic."""

    text: str


# ---- notices ----------------------------------------------------------------------------------


class Presence(Event, frozen=True):
    """Who came and who went, and how many are here now.

    In a big room the comings and goings of a quarter of a second arrive as one. ``joined_ids``, ``left_ids`` and
    ``left_how`` stand in the order of ``joined`` and ``left``.
    """

    room: RoomName
    count: int
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    joined_ids: tuple[int, ...] = ()
    left_ids: tuple[int, ...] = ()
    left_how: tuple[Departure, ...] = ()


class Renamed(Event, frozen=True):
    """Somebody has another name now."""

    old: str
    new: str
    id: AccountId = 0


class AwayChanged(Event, frozen=True, tag="away"):
    """Somebody is away, or (without ``text``) back."""

    name: str
    text: str | None = None
    id: AccountId = 0


class TypingNotice(Event, frozen=True, tag="typing"):
    """Somebody is writing in this room; it holds for six seconds."""

    room: RoomName
    name: str
    id: AccountId = 0


class ReadUpTo(Event, frozen=True, tag="read"):
    """Another device of yours has read this room up to there."""

    room: RoomName
    seq: int


class Delivered(Event, frozen=True):
    """A direct message of yours reached this person."""

    room: RoomName
    seq: int
    by: str
    by_id: AccountId = 0


class Invited(Event, frozen=True):
    """Somebody lets you into a private room: enter it with ``join``."""

    room: RoomName
    by: str
    by_id: AccountId = 0


class Closing(Event, frozen=True):
    """The server is about to close this connection: a row of the error table, as in ``error``.

    ``retry`` is in how many seconds to come back; without it, not by itself.
    """

    code: str
    message: str
    advice: str = ""
    until: Time | None = None
    retry: float | None = None


AnyEvent: TypeAlias = (
    Welcome
    | Ok
    | Error
    | Room
    | RoomList
    | People
    | Page
    | Found
    | DeviceList
    | BanList
    | Pong
    | Message
    | Edited
    | Deleted
    | Reacted
    | TopicChanged
    | Moderated
    | Left
    | Presence
    | Renamed
    | AwayChanged
    | TypingNotice
    | ReadUpTo
    | Delivered
    | Invited
    | Closing
)
ANSWERS: tuple[type[Event], ...] = (
    Welcome,
    Ok,
    Error,
    Room,
    RoomList,
    People,
    Page,
    Found,
    DeviceList,
    BanList,
    Pong,
)
ROOM_EVENTS: tuple[type[RoomEvent], ...] = (
    Message,
    Edited,
    Deleted,
    Reacted,
    TopicChanged,
    Moderated,
)
NOTICES: tuple[type[Event], ...] = (
    Left,
    Presence,
    Renamed,
    AwayChanged,
    TypingNotice,
    ReadUpTo,
    Delivered,
    Invited,
    Closing,
)
EVENTS: tuple[type[Event], ...] = (*ANSWERS, *ROOM_EVENTS, *NOTICES)
