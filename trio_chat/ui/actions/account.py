"""Actions on the own account, its password and its devices, and on what is shown of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from trio_chat.errors import NotDone
from trio_chat.protocol.events import DeviceList, Event
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.spoken import ShowJoins

if TYPE_CHECKING:
    from trio_chat.client import Chat
    from trio_chat.ui.model.place import Place


@dataclass(frozen=True, slots=True)
class AskPassword:
    """Let the person type a new password, which is not shown."""


@dataclass(frozen=True, slots=True)
class SetOwnPassword:
    """Set the own password."""

    password: str

    def __repr__(self) -> str:
        return "SetOwnPassword(password=...)"


@dataclass(frozen=True, slots=True)
class ListDevices:
    """List the own devices."""


@dataclass(frozen=True, slots=True)
class RevokeDevice:
    """Sign out a device."""

    device: int


@dataclass(frozen=True, slots=True)
class ChooseJoins:
    """Choose whose joins and leaves are shown; ``None`` tells whose they are now."""

    which: ShowJoins | None = None


_SHOWN: Final[dict[ShowJoins, str]] = {
    "all": "Everybody's joins and leaves are shown.",
    "spoke": "Joins and leaves are shown of people who spoke in the room in the last 15 minutes.",
    "none": "Joins and leaves are not shown.",
}

AccountAction: TypeAlias = ChooseJoins | AskPassword | SetOwnPassword | ListDevices | RevokeDevice


async def do_account(action: AccountAction, chat: Chat, place: Place) -> list[Event]:
    """Carry out an action on the account. Raises :class:`~trio_chat.errors.ChatError` when it fails."""
    match action:
        case AskPassword():
            why = "A password can only be typed at a terminal, where it is not shown."
            raise NotDone("no_terminal", why, "Join from a terminal, and type /password there.")
        case ChooseJoins(which=which):
            place.show_joins = which or place.show_joins
            return [Note(lines=(_SHOWN[place.show_joins],))]
        case SetOwnPassword(password=password):
            await chat.set_password(password)
            line = f"Your password is set. On another device, join as {place.me} and type it there."
            return [Note(lines=(line,))]
        case ListDevices():
            return [DeviceList(id="", devices=await chat.devices())]
        case RevokeDevice(device=device):
            await chat.revoke(device)
            return [Note(lines=(f"Device {device} is signed out.",))]
