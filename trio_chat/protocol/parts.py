"""Parts of events that have no ``type`` of their own, and the kinds of values that they share with events."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

Time: TypeAlias = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds: 2026-01-31T12:00:00.000Z")]
RoomName: TypeAlias = Annotated[
    str, Meta(min_length=1, description="#lobby, #ops, ...; a direct conversation's name starts with @")
]
AccountId: TypeAlias = Annotated[
    int, Meta(ge=0, le=2**53, description="the account's number, which never changes; 0 if it is unknown")
]


class Removal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room from which you were removed while away: ``by`` whom, with which ``action`` (kick, or ban, also of the
    address that you use), and with which ``reason``."""

    room: RoomName
    by: str
    by_id: AccountId = 0
    action: str = "kick"
    reason: str = ""

    @property
    def why(self) -> str:
        """The ``reason`` that ``left`` would have had, if you had been online."""
        did = "banned you" if self.action == "ban" else "removed you"
        return f"{self.by} {did}: {self.reason}" if self.reason else f"{self.by} {did}."


class DeviceInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device of yours: the name of its program, and when it was first and last online."""

    id: int
    client: str
    created: Time
    seen: Time
    current: Annotated[bool, Meta(description="the device that asked")] = False


class BanInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ban of a person or a network; without ``until``, it has no end."""

    by: str
    time: Time
    by_id: AccountId = 0
    name: str | None = None
    id: AccountId = 0
    network: str | None = None
    until: Time | None = None
    reason: str = ""
