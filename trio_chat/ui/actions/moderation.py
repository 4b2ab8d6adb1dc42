"""What a person can do with rooms that are theirs to keep in order, and with their own account."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from trio_chat.errors import NotDone
from trio_chat.protocol.events import BanList, DeviceList, Event
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.sentences import banned_already, muted_already, role_already, so_already

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.ui.model.place import Place


@dataclass(frozen=True, slots=True)
class InvitePerson:
    """Let somebody into a private room."""

    room: str
    name: str


@dataclass(frozen=True, slots=True)
class ConfigureRoom:
    """Change what is given of a room's settings."""

    room: str
    private: bool | None = None
    announce_only: bool | None = None
    slow: float | None = None
    keep: float | None = None

    def wanted(self) -> dict[str, Any]:
        """The settings that are given."""
        return {name: value for name, value in asdict(self).items() if name != "room" and value is not None}


@dataclass(frozen=True, slots=True)
class SetPersonRole:
    """Make somebody owner, moderator or plain member of a room."""

    room: str
    name: str
    role: Literal["owner", "moderator", "member"]


@dataclass(frozen=True, slots=True)
class KickPerson:
    """Put somebody out of a room."""

    room: str
    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BanPerson:
    """Keep somebody, or a network, out of a room, for so many seconds or for good."""

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
    """Show whom a room keeps out."""

    room: str


@dataclass(frozen=True, slots=True)
class MutePerson:
    """Let somebody read but not speak; 0 seconds let them speak again, none are for good."""

    room: str
    name: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class AskPassword:
    """Have the person type a new password, unseen."""


@dataclass(frozen=True, slots=True)
class SetOwnPassword:
    """Set one's own password."""

    password: str

    def __repr__(self) -> str:
        return "SetPassword(password=...)"


@dataclass(frozen=True, slots=True)
class ListDevices:
    """Show one's devices."""


@dataclass(frozen=True, slots=True)
class RevokeDevice:
    """Let a device in no more."""

    device: int


RoomAction: TypeAlias = (
    InvitePerson | ConfigureRoom | SetPersonRole | KickPerson | BanPerson | LiftBan | ListBans | MutePerson
)
AccountAction: TypeAlias = AskPassword | SetOwnPassword | ListDevices | RevokeDevice


async def do_in_room(action: RoomAction, chat: Chat, place: Place) -> list[Event]:
    """Do one of these; what comes of most, the room hears. Raises :class:`~trio_chat.errors.ChatError`."""
    del place
    match action:
        case InvitePerson(room=room, name=name):
            await chat.invite(room, name)
            return [Note(lines=(f"{clean_line(name)} may enter {room}, and is told so.",))]
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


async def _change(action: ConfigureRoom | SetPersonRole | BanPerson | MutePerson, chat: Chat) -> tuple[str, ...]:
    """Do what may be so already; then, what to say of it."""
    match action:
        case ConfigureRoom(room=room):
            wanted = action.wanted()
            if not await chat.configure(room, **wanted):
                return tuple(so_already(room, setting, value) for setting, value in wanted.items())
        case SetPersonRole(room=room, name=name, role=role):
            if not await chat.set_role(room, name, role):
                return (role_already(room, name, role),)
        case BanPerson(room=room, name=whom, network=network):
            if not await chat.ban(room, whom, network=network, seconds=action.seconds, reason=action.reason):
                return (banned_already(room, whom or network or ""),)
        case MutePerson(room=room, name=name, seconds=seconds):
            if not await chat.mute(room, name, seconds=seconds):
                return (muted_already(room, name, seconds),)
    return ()


async def do_account(action: AccountAction, chat: Chat, place: Place) -> list[Event]:
    """Do one of these. Raises :class:`~trio_chat.errors.ChatError` for what could not be done."""
    match action:
        case AskPassword():
            why = "A password is asked for at a terminal only, where nobody sees it."
            raise NotDone("no_terminal", why, "Join at one, and write /password there.")
        case SetOwnPassword(password=password):
            await chat.set_password(password)
            line = f"Your password is set. On another device, join as {place.me}; it is asked for there."
            return [Note(lines=(line,))]
        case ListDevices():
            return [DeviceList(id="", devices=await chat.devices())]
        case RevokeDevice(device=device):
            await chat.revoke(device)
            return [Note(lines=(f"Device {device} is let in no more.",))]
