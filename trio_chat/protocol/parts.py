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


FileId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, description="made by the server; hard to guess")]
Size: TypeAlias = Annotated[int, Meta(ge=0, le=2**53, description="in bytes")]


class FileInfo(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A file that a message carries.

    ``kind`` is its media type, which the server found in its bytes. ``sha256`` is in 64 hexadecimal digits. ``width``
    and ``height`` are of an image, in pixels; 0 if they are not known.
    """

    id: FileId
    name: str
    size: Size
    sha256: str
    kind: str = "application/octet-stream"
    width: Annotated[int, Meta(ge=0, le=2**31)] = 0
    height: Annotated[int, Meta(ge=0, le=2**31)] = 0


class FileLimits(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The server's limits for files: ``size`` of one file, ``quota`` for the files of one account together (0 for no
    limit), of which ``used`` bytes are taken, and ``each``, the number of files in one message."""

    size: Size
    quota: Size = 0
    used: Size = 0
    each: Annotated[int, Meta(ge=1, le=2**53)] = 10


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

    id: Annotated[int, Meta(ge=0, le=2**53)]
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
