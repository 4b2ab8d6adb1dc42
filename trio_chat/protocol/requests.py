"""What a client may ask, as frozen structs tagged by ``type``.

Every request carries an ``id`` that its client made up, and its answer carries it back. A field
added later must have a default, so that older peers still decode. The broker decides what a request
does; the table in :mod:`trio_chat.broker.commands` holds one row for each struct here.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

RequestId: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="made by the client; for a message the same id sent twice is stored once",
    ),
]
Seq: TypeAlias = Annotated[int, Meta(ge=0, le=2**53, description="a place in a room's sequence; the first event is 1")]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
"""A whole number that the server made: what neither JSON (RFC 8259, 6) nor a database may hold is refused at once."""
Word: TypeAlias = Annotated[str, Meta(max_length=256)]


class Request(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True, gc=False):
    """What all requests share."""

    id: RequestId


class Deed(Request, frozen=True, kw_only=True):
    """What a request shares that changes something: ``again`` says that it was sent before, over a connection
    that was lost before the answer. What was done already is then acknowledged and not done a second time."""

    again: bool = False


MIN_TOKEN: Final = 32
"""Characters that a token must have which a device made itself: 192 bits, as ``secrets.token_urlsafe(24)`` gives."""


class Hello(Request, frozen=True):
    """Say who you are; the first request where no ``Username`` header was sent.

    Without ``name`` the server makes one up. ``password`` is the server's. A name that is somebody's is
    yours if ``token`` (what an earlier ``welcome`` gave this device) or ``account_password`` (set with
    ``password``) proves it. If nobody has the name, and the token is of an account with another, that is yours.
    A device that claims a name may send a token that it made: at least 32 random characters, kept before they
    are sent, so that the name is its own though the answer be lost. ``quiet`` is for a session that only looks or
    posts: its coming and going is told to nobody, and it does not make its person count as here. Answer:
    ``welcome``.
    """

    name: Word | None = None
    password: Annotated[str, Meta(max_length=1024)] | None = None
    token: Word | None = None
    account_password: Annotated[str, Meta(max_length=1024)] | None = None
    client: Word = ""
    quiet: bool = False


class Send(Request, frozen=True):
    """Say something in a room, or to people (``to``), who with you make up a direct conversation.

    Exactly one of ``room`` and ``to`` is given. ``sent`` is the sender's own clock, RFC 3339 with its
    offset. ``kind`` is ``action`` for what ``/me`` says. ``reply_to`` is the place of the message that this
    answers. ``again`` says that this was sent before and not acknowledged. Answer: ``ok`` with ``room``,
    ``seq`` and ``time``, once the message is stored.
    """

    text: str
    room: Word | None = None
    to: tuple[Word, ...] | None = None
    sent: Annotated[str, Meta(max_length=40)] | None = None
    kind: Literal["text", "action"] = "text"
    reply_to: Seq | None = None
    again: bool = False


class Edit(Deed, frozen=True):
    """Change the text of a message of your own. Answer: ``ok``, and the room gets ``edited``."""

    room: Word
    target: Seq
    text: str


class Delete(Deed, frozen=True):
    """Take back a message: your own, or as a moderator anybody's. Its text is gone from the server; that
    there was a message remains. Answer: ``ok``, and the room gets ``deleted``."""

    room: Word
    target: Seq


class React(Deed, frozen=True):
    """Put a mark on a message, or (``on`` false) take yours off. Answer: ``ok``; the room gets ``reacted``."""

    room: Word
    target: Seq
    mark: Annotated[str, Meta(min_length=1, max_length=32)]
    on: bool = True


class Join(Request, frozen=True):
    """Enter a room, which is made if there is none of that name. Answer: ``room``."""

    room: Word


class Leave(Deed, frozen=True):
    """Go out of a room. Answer: ``ok``."""

    room: Word


class Topic(Deed, frozen=True):
    """Set a room's topic; an empty text clears it. Answer: ``ok``, and the room gets a ``topic`` event."""

    room: Word
    text: str


class Rooms(Request, frozen=True):
    """Ask which rooms there are. Answer: ``rooms``; while it says ``more``, ask on, with ``skip`` for so many as
    came."""

    skip: Number = 0


class Who(Request, frozen=True):
    """Ask who is in a room; without ``room``, in the lobby, so everyone. Answer: ``people``; while it says ``more``,
    ask on, with ``skip`` for so many as came."""

    room: Word | None = None
    skip: Number = 0


class Nick(Deed, frozen=True):
    """Change your name. Answer: ``ok``, and everyone who can see you gets ``renamed``."""

    name: Word


class Away(Request, frozen=True):
    """Say that you are away and why; without ``text``, that you are back. Answer: ``ok``."""

    text: Annotated[str, Meta(max_length=256)] | None = None


class Typing(Request, frozen=True):
    """Tell a room that you are writing. Answer: ``ok``; the others get ``typing``."""

    room: Word


class Read(Request, frozen=True):
    """Say up to where you have read a room. Answer: ``ok``; your other devices get ``read``."""

    room: Word
    seq: Seq


class Received(Request, frozen=True):
    """Say that a direct message reached you. Answer: ``ok``; its sender gets ``delivered``."""

    room: Word
    seq: Seq


class History(Request, frozen=True):
    """Ask for a room's past events: those after ``after``, oldest first, or the last before ``before``.

    At most ``limit`` come, fewer where they are long, always in the order of their sequence. With neither, the
    newest. ``since``, a time, stands for the ``after`` of that time. Answer: ``history``; ask on while it says
    ``more``. Questions of one session are answered one after the other, no faster than it reads the answers.
    """

    room: Word
    after: Seq | None = None
    before: Seq | None = None
    since: Annotated[str, Meta(max_length=40)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class Search(Request, frozen=True):
    """Find messages in all that you may read: newest first, all conditions together.

    ``words`` must all occur; ``sender`` is who said it; ``before`` and ``after`` are days or times,
    RFC 3339; ``cursor`` is what the last answer gave, to go on from there. At most ``limit`` come, fewer where they
    are long. Answer: ``found``.
    """

    words: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()
    room: Word | None = None
    sender: Word | None = None
    before: Word | None = None
    after: Word | None = None
    has_link: bool = False
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Number | None = None


class SetPassword(Request, frozen=True, tag="password"):
    """Set the password with which other devices of yours get in under your name. Answer: ``ok``."""

    password: Annotated[str, Meta(min_length=8, max_length=1024)]


class Devices(Request, frozen=True):
    """Ask which devices are yours. Answer: ``devices``."""


class Revoke(Deed, frozen=True):
    """Let a device of yours in no more; its connections end. Answer: ``ok``."""

    device: Number


class Invite(Deed, frozen=True):
    """Let somebody into a private room. Answer: ``ok``; they get ``invited``."""

    room: Word
    name: Word


class Configure(Deed, frozen=True):
    """Change a room's settings, those that are given. Answer: ``ok``; the room gets ``moderated`` for each.

    ``private``: only who is invited may enter. ``announce_only``: only moderators may speak. ``slow``:
    seconds between two messages of one member, 0 for none. ``keep``: days that messages are kept, 0 for
    as long as the server says.
    """

    room: Word
    private: bool | None = None
    announce_only: bool | None = None
    slow: Annotated[float, Meta(ge=0, le=86400)] | None = None
    keep: Annotated[float, Meta(ge=0, le=36500)] | None = None


class SetRole(Deed, frozen=True, tag="role"):
    """Make somebody a room's owner, moderator, or plain member. Answer: ``ok``; the room gets ``moderated``."""

    room: Word
    name: Word
    role: Literal["owner", "moderator", "member"]


class Kick(Deed, frozen=True):
    """Put somebody out of a room; they may come back. Answer: ``ok``; the room gets ``moderated``."""

    room: Word
    name: Word
    reason: Annotated[str, Meta(max_length=256)] = ""


class Ban(Deed, frozen=True):
    """Put somebody out of a room and keep them out, for ``seconds`` or for good.

    Either ``name`` or ``network`` (an address or range, 192.0.2.0/24) is given. Answer: ``ok``; the room
    gets ``moderated``.
    """

    room: Word
    name: Word | None = None
    network: Word | None = None
    seconds: Annotated[float, Meta(gt=0)] | None = None
    reason: Annotated[str, Meta(max_length=256)] = ""


class Unban(Deed, frozen=True):
    """Lift a ban. Answer: ``ok``; the room gets ``moderated``."""

    room: Word
    name: Word | None = None
    network: Word | None = None


class Bans(Request, frozen=True):
    """Ask whom a room keeps out. Answer: ``bans``; while it says ``more``, ask on, with ``skip`` for so many as
    came."""

    room: Word
    skip: Number = 0


class Mute(Deed, frozen=True):
    """Let somebody read but not speak in a room, for ``seconds`` or until unmuted; ``seconds`` 0 unmutes.
    Answer: ``ok``; the room gets ``moderated``."""

    room: Word
    name: Word
    seconds: Annotated[float, Meta(ge=0)] | None = None


class Ping(Request, frozen=True):
    """Ask for a sign of life through the server's whole way. Answer: ``pong``."""


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
    Configure,
    SetRole,
    Kick,
    Ban,
    Unban,
    Bans,
    Mute,
    Ping,
)
