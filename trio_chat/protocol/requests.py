"""The requests of clients, as frozen structs tagged by ``type``.

Every request carries an ``id`` that its client made, and the answer carries it back. A field that is added later must
have a default, so that older peers still decode. The broker decides what a request does: the table in
:mod:`trio_chat.broker.commands` has one row for each struct here.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from trio_chat.protocol.parts import FileId
from trio_chat.secret_fields import discreet_repr

RequestId: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="made by the client; a message that is sent twice under one id is stored once",
    ),
]
Seq: TypeAlias = Annotated[int, Meta(ge=0, le=2**53, description="a sequence number in the room; the first event is 1")]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
"""A whole number that the server made, no larger than JSON (RFC 8259, 6) and the database can hold."""
Word: TypeAlias = Annotated[str, Meta(max_length=256)]


class Request(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True, gc=False):
    """The fields of every request."""

    id: RequestId

    __repr__ = discreet_repr


class ChangeRequest(Request, frozen=True, kw_only=True):
    """A request that changes something.

    With ``again``, the client says that it sent the request before, over a connection that was lost before the answer.
    If the request was done already, the server acknowledges it and does not do it a second time.
    """

    again: bool = False


MOST_USES: Final = 10_000
"""The most newcomers whom one invite can let in."""

MAX_FILES: Final = 10
"""The most files that one message can carry."""

MIN_TOKEN: Final = 32
"""The minimum length of a token that a device made itself: 192 bits, as ``secrets.token_urlsafe(24)`` gives."""


class Hello(Request, frozen=True):
    """Sign in. This is the first request of a client that sent no ``Username`` header.

    Without ``name`` the server makes a name. ``password`` is the server's password. ``invite`` is the secret of an
    invite, which a newcomer may give in its place. If the name has an owner, the client must prove that it is the
    owner's: with ``token`` (from an earlier ``welcome``) or with ``account_password`` (set with ``password``). If
    nobody has the name, and the token belongs to an account with another name, the client is signed in to that account.

    A device that claims a name may send a token of its own: at least 32 random characters, saved before they are sent,
    so that the name is not lost if the answer is lost. A session that gives the account's password, and no token at
    all, is not remembered as a device. A ``quiet`` session only reads or posts: nobody is told when it starts or ends,
    and its person does not count as online. Answer: ``welcome``.
    """

    name: Word | None = None
    password: Annotated[str, Meta(max_length=1024)] | None = None
    token: Word | None = None
    account_password: Annotated[str, Meta(max_length=1024)] | None = None
    client: Word = ""
    quiet: bool = False
    invite: Word | None = None


class Send(Request, frozen=True):
    """Send a message to a room, or to people.

    Give exactly one of ``room`` and ``to``. The people in ``to`` and you form a direct conversation. ``sent`` is the
    sender's own time, RFC 3339 with its offset. ``kind`` is ``action`` for a message by ``/me``. ``reply_to`` is the
    sequence number of the message that this one replies to. ``again`` means that the message was sent before and not
    acknowledged. ``files`` are files that you uploaded for this message; with them, ``text`` can be empty. Answer:
    ``ok`` with ``room``, ``seq`` and ``time``, once the message is stored.
    """

    text: str
    room: Word | None = None
    to: tuple[Word, ...] | None = None
    sent: Annotated[str, Meta(max_length=40)] | None = None
    kind: Literal["text", "action"] = "text"
    reply_to: Seq | None = None
    again: bool = False
    files: Annotated[tuple[FileId, ...], Meta(max_length=MAX_FILES)] = ()


class Edit(ChangeRequest, frozen=True):
    """Replace the text of your own message; its files stay. Answer: ``ok``; the room gets ``edited``."""

    room: Word
    target: Seq
    text: str


class Delete(ChangeRequest, frozen=True):
    """Delete a message: your own, or as a moderator anybody's.

    The server removes the text and the files; the event itself remains, without them. Answer: ``ok``; the room gets
    ``deleted``.
    """

    room: Word
    target: Seq


class React(ChangeRequest, frozen=True):
    """Add a reaction to a message, or with ``on`` false remove yours.

    ``mark`` is an emoji or a short word. Answer: ``ok``; the room gets ``reacted``.
    """

    room: Word
    target: Seq
    mark: Annotated[str, Meta(min_length=1, max_length=32)]
    on: bool = True


class Join(Request, frozen=True):
    """Join a room. The room is made if it does not exist and ``create`` is true. Answer: ``room``."""

    room: Word
    create: bool = True


class Leave(ChangeRequest, frozen=True):
    """Leave a room. Answer: ``ok``. With ``remove``, its owner, alone in the room, deletes it with all its messages."""

    room: Word
    remove: bool = False


class Topic(ChangeRequest, frozen=True):
    """Set the room's topic; an empty text clears it. Answer: ``ok``; the room gets ``topic``."""

    room: Word
    text: str


class Rooms(Request, frozen=True):
    """List the rooms.

    Answer: ``rooms``. While the answer says ``more``, ask again with ``skip``, the number of rooms received so far.
    """

    skip: Number = 0


class Who(Request, frozen=True):
    """List the people in a room; without ``room``, in the lobby, which means everyone.

    Answer: ``people``. While the answer says ``more``, ask again with ``skip``, the number of people received so far.
    """

    room: Word | None = None
    skip: Number = 0


class Nick(ChangeRequest, frozen=True):
    """Change your name. Answer: ``ok``; everyone who shares a room with you gets ``renamed``."""

    name: Word


class Away(Request, frozen=True):
    """Say that you are away and why; without ``text``, that you are back. Answer: ``ok``."""

    text: Annotated[str, Meta(max_length=256)] | None = None


class Typing(Request, frozen=True):
    """Tell a room that you are typing. Answer: ``ok``; the others get ``typing``."""

    room: Word


class Read(Request, frozen=True):
    """Set your read position in a room. Answer: ``ok``; your other devices get ``read``."""

    room: Word
    seq: Seq


class Received(Request, frozen=True):
    """Say that a direct message reached you. Answer: ``ok``; its sender gets ``delivered``."""

    room: Word
    seq: Seq


class History(Request, frozen=True):
    """Get past events of a room, in the order of their sequence numbers.

    With ``after``, you get the events that follow that number; with ``before``, the last ones before that number; with
    ``since``, a time, the events from that time on; with none of them, the newest. At most ``limit`` events come, fewer
    if they are long. Answer: ``history``; ask again while it says ``more``. The server answers the questions of one
    session one after the other, no faster than the session reads the answers.
    """

    room: Word
    after: Seq | None = None
    before: Seq | None = None
    since: Annotated[str, Meta(max_length=40)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class Search(Request, frozen=True):
    """Find messages in all rooms that you can read, the newest first. All conditions apply together.

    A message must contain all ``words``. ``sender`` is the name of its sender. ``before`` and ``after`` are days or
    times, RFC 3339. With ``has_file``, a message must carry a file; ``file`` has words of a name that one of its files
    must have. ``cursor`` comes from the last answer and continues there. At most ``limit`` messages come, fewer
    if they are long. Answer: ``found``.
    """

    words: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()
    room: Word | None = None
    sender: Word | None = None
    before: Word | None = None
    after: Word | None = None
    has_link: bool = False
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Number | None = None
    has_file: bool = False
    file: Word | None = None


class SetPassword(Request, frozen=True, tag="password"):
    """Set the password with which other devices sign in to your account. Answer: ``ok``."""

    password: Annotated[str, Meta(min_length=8, max_length=1024)]


class Devices(Request, frozen=True):
    """List your devices. Answer: ``devices``."""


class Revoke(ChangeRequest, frozen=True):
    """Sign out one of your devices and end its connections. Answer: ``ok``."""

    device: Number


class Invite(ChangeRequest, frozen=True):
    """Invite somebody to a private room. Answer: ``ok``; they get ``invited``."""

    room: Word
    name: Word


class MakeInvite(Request, frozen=True, tag="make_invite"):
    """Make an invite, which lets some newcomers into the server without its password.

    It lets in ``uses`` of them, for ``seconds`` or without an end; they enter ``room``, if one is given. You must be a
    moderator of the lobby, and of the room. Answer: ``invite_made``.
    """

    room: Word | None = None
    uses: Annotated[int, Meta(ge=1, le=MOST_USES)] = 1
    seconds: Annotated[float, Meta(gt=0)] | None = None


class Configure(ChangeRequest, frozen=True):
    """Change the settings of a room; settings that are not given stay.

    ``private``: only invited people can join. ``announce_only``: only moderators can write. ``slow``: seconds between
    two messages of one member, 0 for none. ``keep``: days for which messages are kept, 0 for the server's own limit.
    ``files``: messages can carry files. ``max_file``: the greatest file in bytes, 0 for the server's own limit. Answer:
    ``ok``; the room gets ``moderated`` for each setting that changed.
    """

    room: Word
    private: bool | None = None
    announce_only: bool | None = None
    slow: Annotated[float, Meta(ge=0, le=86400)] | None = None
    keep: Annotated[float, Meta(ge=0, le=36500)] | None = None
    files: bool | None = None
    max_file: Number | None = None


class SetRole(ChangeRequest, frozen=True, tag="role"):
    """Make somebody an owner, a moderator or a plain member. Answer: ``ok``; the room gets ``moderated``."""

    room: Word
    name: Word
    role: Literal["owner", "moderator", "member"]


class Kick(ChangeRequest, frozen=True):
    """Remove somebody from a room; they can come back. Answer: ``ok``; the room gets ``moderated``."""

    room: Word
    name: Word
    reason: Annotated[str, Meta(max_length=256)] = ""


class Ban(ChangeRequest, frozen=True):
    """Remove somebody from a room and keep them out, for ``seconds`` or without an end.

    Give either ``name`` or ``network`` (an address or a range, 192.0.2.0/24). Answer: ``ok``; the room gets
    ``moderated``.
    """

    room: Word
    name: Word | None = None
    network: Word | None = None
    seconds: Annotated[float, Meta(gt=0)] | None = None
    reason: Annotated[str, Meta(max_length=256)] = ""


class Unban(ChangeRequest, frozen=True):
    """Lift a ban. Answer: ``ok``; the room gets ``moderated``."""

    room: Word
    name: Word | None = None
    network: Word | None = None


class Bans(Request, frozen=True):
    """List the bans of a room.

    Answer: ``bans``. While the answer says ``more``, ask again with ``skip``, the number of bans received so far.
    """

    room: Word
    skip: Number = 0


class Mute(ChangeRequest, frozen=True):
    """Let somebody read but not write, for ``seconds`` or without an end; 0 seconds unmute.

    Answer: ``ok``; the room gets ``moderated``.
    """

    room: Word
    name: Word
    seconds: Annotated[float, Meta(ge=0)] | None = None


class Ping(Request, frozen=True):
    """Ask the hub for a sign of life. Answer: ``pong``."""


AnyRequest: TypeAlias = (
    Hello
    | Send
    | Edit
    | Delete
    | React
    | Join
    | Leave
    | Topic
    | Rooms
    | Who
    | Nick
    | Away
    | Typing
    | Read
    | Received
    | History
    | Search
    | SetPassword
    | Devices
    | Revoke
    | Invite
    | MakeInvite
    | Configure
    | SetRole
    | Kick
    | Ban
    | Unban
    | Bans
    | Mute
    | Ping
)
REQUESTS: tuple[type[Request], ...] = (
    Hello,
    Send,
    Edit,
    Delete,
    React,
    Join,
    Leave,
    Topic,
    Rooms,
    Who,
    Nick,
    Away,
    Typing,
    Read,
    Received,
    History,
    Search,
    SetPassword,
    Devices,
    Revoke,
    Invite,
    MakeInvite,
    Configure,
    SetRole,
    Kick,
    Ban,
    Unban,
    Bans,
    Mute,
    Ping,
)
