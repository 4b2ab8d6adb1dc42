"""Actions of moderators and owners on rooms and the people in them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from trio_chat.addresses import is_this_machine
from trio_chat.protocol.events import BanList, Event
from trio_chat.protocol.spans import show_span
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.sentences import banned_already, muted_already, role_already, so_already

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.ui.model.place import Place


@dataclass(frozen=True, slots=True)
class InvitePerson:
    """Invite a person to a private room."""

    room: str
    name: str


@dataclass(frozen=True, slots=True)
class MakeInviteLink:
    """Make an invite for new people, which ends after so many seconds (``None``: never) and may lead into a room."""

    room: str | None = None
    uses: int = 1
    seconds: float | None = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class ConfigureRoom:
    """Change the settings of a room that are not ``None``."""

    room: str
    private: bool | None = None
    announce_only: bool | None = None
    slow: float | None = None
    keep: float | None = None
    files: bool | None = None
    max_file: int | None = None

    def changes(self) -> dict[str, Any]:
        """The settings to change."""
        return {name: value for name, value in asdict(self).items() if name != "room" and value is not None}


@dataclass(frozen=True, slots=True)
class SetPersonRole:
    """Make a person owner, moderator or plain member of a room."""

    room: str
    name: str
    role: Literal["owner", "moderator", "member"]


@dataclass(frozen=True, slots=True)
class KickPerson:
    """Remove a person from a room."""

    room: str
    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BanPerson:
    """Ban a person or a network from a room, for a number of seconds or without an end."""

    room: str
    name: str | None = None
    network: str | None = None
    seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LiftBan:
    """Lift a ban."""

    room: str
    name: str | None = None
    network: str | None = None


@dataclass(frozen=True, slots=True)
class ListBans:
    """List the bans of a room."""

    room: str


@dataclass(frozen=True, slots=True)
class MutePerson:
    """Mute a person in a room; 0 seconds unmute them, ``None`` has no end."""

    room: str
    name: str
    seconds: float | None = None


RoomAction: TypeAlias = (
    InvitePerson
    | MakeInviteLink
    | ConfigureRoom
    | SetPersonRole
    | KickPerson
    | BanPerson
    | LiftBan
    | ListBans
    | MutePerson
)


async def do_in_room(action: RoomAction, chat: Chat, place: Place) -> list[Event]:
    """Carry out an action on a room. Most results reach the whole room as events. Raises
    :class:`~trio_chat.errors.ChatError` when the action fails."""
    del place
    match action:
        case InvitePerson(room=room, name=name):
            await chat.invite(room, name)
            return [Note(lines=(f"You invited {clean_line(name)} to {room}.",))]
        case MakeInviteLink():
            return [await _make_link(action, chat)]
        case KickPerson(room=room, name=name, reason=reason):
            await chat.kick(room, name, reason)
        case LiftBan(room=room):
            await chat.unban(room, action.name, network=action.network)
        case ListBans(room=room):
            return [BanList(id="", room=room, bans=await chat.bans(room))]
        case _:
            already = await _change(action, chat)
            return [Note(lines=already)] if already else []
    return []


async def _make_link(action: MakeInviteLink, chat: Chat) -> Note:
    """Make an invite; returns the line to send, with what it does."""
    link = await chat.make_invite(action.room, uses=action.uses, seconds=action.seconds)
    whom = "one new person" if action.uses == 1 else f"{action.uses} new people"
    end = "" if action.seconds is None else f" within {show_span(action.seconds)}"
    into = f", who enter {clean_line(action.room)} too" if action.room else ""
    whose = "Send it only to them:"
    if is_this_machine(urlsplit(link).hostname or ""):  # the way in of whoever runs the server
        whose = "Only people on this machine can use it. For others, the operator runs: trio-chat admin invite"
    return Note(lines=(f"This line lets in {whom}{end}{into}. {whose}", f"trio-chat join '{link}'"))


async def _change(action: ConfigureRoom | SetPersonRole | BanPerson | MutePerson, chat: Chat) -> tuple[str, ...]:
    """Make a change; returns the sentences for changes that were so already."""
    match action:
        case ConfigureRoom(room=room):
            changes = action.changes()
            if not await chat.configure(room, **changes):
                return tuple(so_already(room, setting, value) for setting, value in changes.items())
        case SetPersonRole(room=room, name=name, role=role):
            if not await chat.set_role(room, name, role):
                return (role_already(room, name, role),)
        case BanPerson(room=room, name=name, network=network):
            if not await chat.ban(room, name, network=network, seconds=action.seconds, reason=action.reason):
                return (banned_already(room, name or network or ""),)
        case MutePerson(room=room, name=name, seconds=seconds):
            if not await chat.mute(room, name, seconds=seconds):
                return (muted_already(room, name, seconds),)
    return ()
