"""Whether the values in an event make sense, checked where the event is decoded. Pure.

The bounds of numbers stand with the fields in :mod:`.events`, and msgspec checks them. Here is the rest: times that no
calendar has, lists whose parts belong together, and a welcome without its lobby. So no later code meets a value that no
working server gives.

An event whose own values are impossible is refused. Where only a minor value is, the event is kept without it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from trio_chat.protocol import events, parts
from trio_chat.protocol.events import (
    AnyEvent,
    BanList,
    Closing,
    DeviceList,
    Error,
    InviteMade,
    Message,
    Moderated,
    Page,
    People,
    Presence,
    Room,
    RoomInfo,
    Welcome,
)
from trio_chat.protocol.files import ANY_KIND, clean_file_name, is_digest, is_kind
from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.requests import MAX_FILES

MOST_RETRY: Final = 24 * 3600.0
"""Seconds that a server may ask its clients to stay away."""

_YEARS: Final = range(1971, 9999)
"""Years whose times can be shown in every zone."""

_TIME: Final = get_type_hints(events.RoomEvent, include_extras=True)["time"].__metadata__[0]


def is_time(text: str) -> bool:
    """Whether a text is a time with a zone that can be shown in every other zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return moment.tzinfo is not None and moment.year in _YEARS


def _times_of(kind: type[Struct]) -> tuple[str, ...]:
    """The names of the fields that hold a time."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name in kind.__struct_fields__ if _TIME in _metadata(hints[name]))


def _metadata(hint: Any) -> tuple[object, ...]:  # noqa: ANN401 - a type annotation has no type of its own
    found: tuple[object, ...] = getattr(hint, "__metadata__", ())
    return found + tuple(one for part in getattr(hint, "__args__", ()) for one in _metadata(part))


_END: Final = "until"
"""The field with a time that is only told on: an event without it says as much as it can."""

_KINDS: Final[tuple[type[Struct], ...]] = (*events.EVENTS, events.PersonInfo, parts.DeviceInfo, parts.BanInfo)
_TIMES: Final = {kind: tuple(name for name in _times_of(kind) if name != _END) for kind in _KINDS}


def make_sound(event: AnyEvent) -> AnyEvent:
    """Check a decoded event; returns it, or where a minor value is impossible, one without that.

    Raises ``msgspec.ValidationError`` for an event that makes no sense.
    """
    _check_times(event)
    match event:
        case Message(sent=sent, files=files) if files or (sent is not None and not is_time(sent)):
            # sent is the sender's own clock, which says whatever the sender likes
            clock = sent if sent is not None and is_time(sent) else None
            return replace(event, sent=clock, files=_sound_files(files))
        case Closing() | Error() | Moderated() | InviteMade():
            return _with_sound_end(event)
        case Presence():
            return _with_sound_lists(event)
        case Room(room=info):
            return replace(event, room=_sound_room(info))
        case Welcome():
            return _sound_welcome(event)
        case People(people=parts) | DeviceList(devices=parts):
            for part in parts:
                _check_times(part)
        case BanList(bans=bans):
            for ban in bans:
                _check_times(ban)
            return replace(event, bans=tuple(ban if _ends(ban.until) else replace(ban, until=None) for ban in bans))
        case Page(events=lines, last=last, first=first) if last and first > last + 1:
            raise msgspec.ValidationError(f"A page of {len(lines)} events begins after the end of its log")
        case _:
            pass
    return event


def _check_times(part: Struct) -> None:
    for name in _TIMES.get(type(part), ()):
        time = getattr(part, name)
        if time and not is_time(time):
            raise msgspec.ValidationError(f"Impossible time {time[:40]!r} - at `$.{name}`")


def _ends(until: str | None) -> bool:
    return until is None or is_time(until)


def _with_sound_end(
    event: Closing | Error | Moderated | InviteMade,
) -> Closing | Error | Moderated | InviteMade:
    if not _ends(event.until):
        event = replace(event, until=None)
    if isinstance(event, Closing) and event.retry is not None:
        return replace(event, retry=min(max(event.retry, 0.0), MOST_RETRY))
    return event


def _with_sound_lists(event: Presence) -> Presence:
    """A notice whose lists belong together; a list of another length tells of nobody."""
    return replace(
        event,
        joined_ids=_as_long(event.joined_ids, event.joined),
        joined_roles=_as_long(event.joined_roles, event.joined),
        left_ids=_as_long(event.left_ids, event.left),
        left_how=_as_long(event.left_how, event.left),
    )


T = TypeVar("T")


def _as_long(given: tuple[T, ...], names: tuple[str, ...]) -> tuple[T, ...]:
    return given if len(given) == len(names) else ()


def _sound_files(files: tuple[FileInfo, ...]) -> tuple[FileInfo, ...]:
    """The files that can be fetched and checked, with names that files can have here."""
    return tuple(
        replace(file, name=clean_file_name(file.name), kind=file.kind if is_kind(file.kind) else ANY_KIND)
        for file in files[:MAX_FILES]
        if is_digest(file.sha256)
    )


def _sound_room(info: RoomInfo) -> RoomInfo:
    if info.first > info.last + 1:
        raise msgspec.ValidationError(f"The log of {info.name[:40]!r} begins after its end")
    return replace(
        info,
        read=min(info.read, info.last),
        mentioned=tuple(seq for seq in info.mentioned if seq <= info.last),
        member_ids=_as_long(info.member_ids, info.members),
    )


def _sound_welcome(event: Welcome) -> Welcome:
    rooms = tuple(map(_sound_room, event.rooms))
    if event.lobby not in {room.name for room in rooms}:
        raise msgspec.ValidationError(f"The lobby {event.lobby[:40]!r} is not among the rooms")
    return replace(event, rooms=rooms)
