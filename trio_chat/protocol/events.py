"""The events of servers, as frozen structs tagged by ``type``.

An *answer* carries the ``id`` of its request and goes to one session. A *room event* is part of the room's log: it has
``room``, ``seq`` and ``time``, and ``history`` returns it. A *notice* (a join, typing) is not stored, and has none.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

from trio_chat.protocol.parts import (
    AccountId,
    BanInfo,
    DeviceInfo,
    FileInfo,
    FileLimits,
    Removal,
    RoomName,
    Size,
    Time,
)
from trio_chat.secret_fields import discreet_repr

RoleName: TypeAlias = Literal["owner", "moderator", "member"]
AnswerTo: TypeAlias = Annotated[str, Meta(min_length=1)]
MOST_EVENTS: Final = 2**53 - 1
"""The greatest number in a log: requests can still name the place behind it, as ``history`` with ``before`` does."""
Seq: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_EVENTS)]
Position: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_EVENTS)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=86400 * 36500)]
AccountNames: TypeAlias = Annotated[dict[int, str], Meta(description="account numbers, each with its current name")]
LeftHow: TypeAlias = Annotated[
    Literal["quit", "left", "removed"],
    Meta(description="quit: went offline; left: left the room; removed: was kicked or banned"),
]


class Event(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True, gc=False):
    """The base of all events; it has only the tag."""

    __repr__ = discreet_repr


class RoomEvent(Event, frozen=True):
    """The fields of every event in a room's log."""

    room: RoomName
    seq: Seq
    time: Time


# ---- parts of answers -------------------------------------------------------------------------


class RoomInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room, as its member sees it.

    ``first`` and ``last`` are the sequence numbers of the oldest event that is kept and of the newest event; ``first``
    is ``last`` + 1 if none is kept. Only a direct conversation has ``members``; use ``who`` for other rooms. ``read``
    is your read position, which begins where you joined the room (see ``reads_begin`` in ``welcome``), and ``mentions``
    counts your mentions after it; ``mentioned`` has the sequence numbers of the newest of them, at most a hundred.
    ``role`` is your role. ``slow`` is in seconds. ``files`` says whether messages can carry files here, ``max_file`` is
    the greatest file, 0 for the server's own limit.
    """

    name: RoomName
    direct: bool = False
    topic: str = ""
    count: Annotated[int, Meta(ge=0, le=2**53, description="members who are online")] = 0
    members: tuple[str, ...] = ()
    member_ids: Annotated[
        tuple[AccountId, ...], Meta(description="the members' accounts, in the order of members")
    ] = ()
    first: Seq = 1
    last: Position = 0
    read: Position = 0
    mentions: Count = 0
    mentioned: tuple[Seq, ...] = ()
    role: RoleName = "member"
    private: bool = False
    announce_only: bool = False
    slow: Seconds = 0.0
    files: bool = True
    max_file: Size = 0


class RoomLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room in the answer to ``rooms``."""

    name: RoomName
    topic: str = ""
    count: Count = 0
    joined: bool = False
    private: bool = False
    announce_only: bool = False
    slow: Seconds = 0.0


class PersonInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person in the answer to ``who``. ``away`` is the reason that an absent person gave; ``role`` is owner or
    moderator, or empty for a plain member."""

    name: str
    id: AccountId = 0
    away: str | None = None
    since: Annotated[Time, Meta(description="when the person came online")] = ""
    role: str = ""


class Limits(Struct, frozen=True, kw_only=True):
    """The server's limits: characters of a text, bytes of a frame, people in one ``to``."""

    text: Annotated[int, Meta(ge=1)]
    frame: Annotated[int, Meta(ge=1)]
    to: Annotated[int, Meta(ge=0)]


# ---- answers ----------------------------------------------------------------------------------


class Welcome(Event, frozen=True):
    """You are signed in. ``id`` is empty if the credentials were in headers.

    ``token`` will prove that ``name`` is yours; save it where only you can read it. It is empty if the server does not
    remember your device: you sent none, or the account has as many devices as it may have. If ``epoch`` changes, the
    server's history started anew, and earlier sequence numbers mean nothing. ``owned`` says whether a name that is
    claimed now gets an owner. ``put_out`` lists rooms from which you were removed while away, until a session that is
    not ``quiet`` was told. ``asked`` is the name that you asked for, if nobody has it and your token belongs to an
    account with another name; you are then signed in under that name, ``name``.

    ``rooms`` has all your rooms, but only as many of your direct conversations as fit, those first that you have read.
    ``left_out`` says how many are missing; you get the messages of those as well, and can ask for their ``history``.

    ``account`` is your account's number. ``names`` has the people of the direct conversations in ``rooms``.
    ``reads_begin`` says that every read position begins where its member joined the room, so that a position of 0 means
    that you have read nothing of it; servers of earlier versions also gave 0 for a room that you never looked at.

    ``files`` has the limits for files; without it, the server takes none.
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
    left_out: Count = 0
    account: AccountId = 0
    names: AccountNames = {}
    reads_begin: bool = False
    files: FileLimits | None = None
    id: str = ""


class Ok(Event, frozen=True):
    """The request is done. For a message: it is stored, with that sequence number in that room. ``unchanged``: nothing
    changed, because the setting, role, mute, reaction or name was the same before; nobody else is told."""

    id: AnswerTo
    room: RoomName | None = None
    seq: Seq | None = None
    time: Time | None = None
    unchanged: bool = False


class Error(Event, frozen=True):
    """The request is not done. ``id`` is empty if it could not be read.

    ``code`` is a row of the error table, ``message`` says what happened, and ``advice`` what to do next. ``until`` is
    the time from which the request is allowed, if that is known; ``message`` gives it in UTC.
    """

    code: str
    message: str
    advice: str = ""
    until: Time | None = None
    id: str = ""


class Room(Event, frozen=True):
    """You are in this room now: the answer to ``join``. Without ``id``, another device of yours joined it, or somebody
    started a direct conversation with you. ``made``: the room did not exist, and this request made it."""

    room: RoomInfo
    id: str = ""
    made: bool = False


class Left(Event, frozen=True):
    """You are no longer in this room: another device of yours left it, or (with ``reason``) you were removed."""

    room: RoomName
    reason: str = ""


class RoomList(Event, frozen=True, tag="rooms"):
    """The rooms, those with the most people first. ``more`` says whether there are further rooms."""

    id: AnswerTo
    rooms: tuple[RoomLine, ...]
    more: bool = False


class People(Event, frozen=True):
    """The members of a room who are online, by name. ``more`` says whether there are further people."""

    id: AnswerTo
    room: RoomName
    people: tuple[PersonInfo, ...]
    more: bool = False


class Page(Event, frozen=True, tag="history"):
    """A part of a room's log, in order.

    ``more`` says whether the log continues in the direction that was asked for. A page is also bounded in bytes: it may
    hold fewer events than asked for, but at least one if there is one. ``first`` is the oldest sequence number that is
    kept; a gap below it cannot be filled. ``names`` has the senders' accounts: if a name there differs from an event's
    ``from``, it is the account's name now. ``last`` is the newest sequence number of the room when you asked: later
    events are not in the page, for you get them as they happen.
    """

    id: AnswerTo
    room: RoomName
    events: tuple[Raw, ...]
    more: bool
    first: Seq
    names: AccountNames = {}
    last: Position = 0


class Found(Event, frozen=True):
    """The messages that a search found, newest first. ``cursor`` continues the search; it is missing if there are no
    more. ``behind`` is the number of new messages that are not indexed yet. ``names`` is as in ``history``."""

    id: AnswerTo
    events: tuple[Raw, ...]
    cursor: Count | None = None
    behind: Count = 0
    names: AccountNames = {}


class DeviceList(Event, frozen=True, tag="devices"):
    """Your devices. The answer to ``devices``."""

    id: AnswerTo
    devices: tuple[DeviceInfo, ...]


class BanList(Event, frozen=True, tag="bans"):
    """The bans of a room. ``more`` says whether there are further bans."""

    id: AnswerTo
    room: RoomName
    bans: tuple[BanInfo, ...]
    more: bool = False


class InviteMade(Event, frozen=True, tag="invite_made"):
    """The invite that you made: its number, and the secret, which is told to nobody else.

    ``identity`` is the fingerprint of the server's key (SHA-256, as Base64 for URLs), which the link to the server
    needs too. The invite lets in ``uses`` newcomers, ``until`` then if there is an end, who enter the ``room`` if there
    is one.
    """

    id: AnswerTo
    number: Count
    secret: str
    identity: str = ""
    uses: Count = 1
    until: Time | None = None
    room: RoomName | None = None


class Pong(Event, frozen=True):
    """The answer to ``ping``."""

    id: AnswerTo
    time: Time


# ---- room events ------------------------------------------------------------------------------


class PersonEvent(RoomEvent, frozen=True, kw_only=True, rename={"sender": "from", "sender_id": "from_id"}):
    """The fields of every room event that a person caused: their name at that time, and their account."""

    sender: Annotated[str, Meta(description="name of the person who caused the event, at that time")]
    sender_id: AccountId = 0


class Message(PersonEvent, frozen=True, kw_only=True):
    """A message. ``sent`` is the sender's own time; ``cid`` is the id that the sender's client made.

    ``history`` returns it as it is now: with the text and time of its last edit (``edited``) and its reactions, or, if
    it is ``deleted``, without its text. ``mentions`` has the accounts that the text mentions. ``reactions`` has the
    names of the people for each reaction, and ``reaction_ids`` has their accounts in the same order.

    A message with ``files`` has a line for each of them at the end of its text, for clients that know nothing of files:
    ``[file]``, a space, the name, a comma, a space, the size. A file that is listed can be gone: then it is not found.
    """

    text: str
    cid: str
    sent: str | None = None
    kind: Literal["text", "action"] = "text"
    reply_to: Seq | None = None
    edited: Time | None = None
    deleted: bool = False
    reactions: dict[str, tuple[str, ...]] = {}
    mentions: tuple[int, ...] = ()
    reaction_ids: dict[str, tuple[int, ...]] = {}
    files: tuple[FileInfo, ...] = ()


class Edited(PersonEvent, frozen=True, kw_only=True):
    """The message at ``target`` has a new text, which mentions the accounts in ``mentions`` (missing from servers of
    earlier versions). The text is empty if the message was edited again or deleted later. Its files stay, and the text
    has their lines."""

    target: Seq
    text: str
    mentions: tuple[int, ...] | None = None


class Deleted(PersonEvent, frozen=True, kw_only=True):
    """The message at ``target`` was deleted."""

    target: Seq


class Reacted(PersonEvent, frozen=True, kw_only=True):
    """Somebody added a reaction to the message at ``target``, or removed theirs."""

    target: Seq
    mark: str
    on: bool = True


class Moderated(PersonEvent, frozen=True, kw_only=True):
    """A moderator changed the settings or members of the room. ``action`` is kick, ban, unban, mute, unmute, role,
    private, announce_only, slow, keep, files or max_file; ``target`` is the person concerned, ``value`` the new state,
    ``until`` its end."""

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
    """The people who joined and left, and the number of members online.

    In a big room, all joins and leaves of a quarter of a second come as one notice. ``joined_ids``, ``joined_roles``,
    ``left_ids`` and ``left_how`` are in the order of ``joined`` and ``left``. ``joined_roles`` are as in ``people``;
    they are missing if all who joined are plain members.
    """

    room: RoomName
    count: Count
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    joined_ids: tuple[int, ...] = ()
    left_ids: tuple[int, ...] = ()
    left_how: tuple[LeftHow, ...] = ()
    joined_roles: tuple[str, ...] = ()


class Renamed(Event, frozen=True, rename={"id": "account"}):
    """Somebody changed their name."""

    old: str
    new: str
    id: AccountId = 0


class AwayChanged(Event, frozen=True, tag="away", rename={"id": "account"}):
    """Somebody is away, or without ``text`` is back."""

    name: str
    text: str | None = None
    id: AccountId = 0


class TypingNotice(Event, frozen=True, tag="typing", rename={"id": "account"}):
    """Somebody is typing in this room. It is valid for six seconds."""

    room: RoomName
    name: str
    id: AccountId = 0


class ReadUpTo(Event, frozen=True, tag="read"):
    """Another device of yours set your read position in this room."""

    room: RoomName
    seq: Position


class Delivered(Event, frozen=True):
    """A direct message of yours reached this person."""

    room: RoomName
    seq: Seq
    by: str
    by_id: AccountId = 0


class Invited(Event, frozen=True):
    """Somebody invited you to a private room: join it with ``join``."""

    room: RoomName
    by: str
    by_id: AccountId = 0


class Closing(Event, frozen=True):
    """The server is about to close this connection.

    ``code``, ``message``, ``advice`` and ``until`` are as in ``error``. ``retry`` is the number of seconds after which
    to reconnect; without it, do not reconnect automatically.
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
    | InviteMade
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
    *(Welcome, Ok, Error, Room, RoomList, People, Page, Found),
    *(DeviceList, BanList, InviteMade, Pong),
)
ROOM_EVENTS: tuple[type[RoomEvent], ...] = (Message, Edited, Deleted, Reacted, TopicChanged, Moderated)
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
