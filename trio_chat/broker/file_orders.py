"""The orders of the door for files: begin an upload, find it, finish it, drop it, and find a file to fetch.

They come without a session. A device proves with its token whose it is, as at the chat's door; the server's password is
not needed beside it. Every order is charged to the account and to the place that it comes from, and one with a wrong
token to the place alone. A file that somebody may not read is unknown to them, whether it is there or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from trio_chat.broker import files, rooms, talk
from trio_chat.broker.admission import holder_of
from trio_chat.broker.ask import Decision
from trio_chat.broker.prices import HELLO
from trio_chat.broker.uploads import UPLOAD_TIME
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.files import ANY_KIND, clean_file_name, size_words
from trio_chat.protocol.names import LOBBY, fold_room
from trio_chat.protocol.text import quoted
from trio_chat.records import SaveFile
from trio_chat.secret_fields import discreet_repr

if TYPE_CHECKING:
    from trio_chat.broker.effects import Effect
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ChatRoom, Person

__all__ = [
    "UPLOAD_TIME",
    "BeginUpload",
    "DropUpload",
    "FileOrder",
    "FileOutcome",
    "FindFile",
    "FindUpload",
    "FinishUpload",
    "decide_file_order",
]


class DeviceOrder(Struct, frozen=True, gc=False):
    """The fields of every order of a device: its ``token``, and the ``address`` that it comes from."""

    token: str
    address: str

    __repr__ = discreet_repr


class BeginUpload(DeviceOrder, frozen=True):
    """Begin an upload of ``size`` bytes, for a message to the ``room``, or to the people in ``to``.

    ``id`` is fresh and cannot be guessed; ``name`` is as the device gave it. Answer: the upload, with a clean name.
    """

    room: str | None
    to: tuple[str, ...]
    name: str
    size: int
    id: str


class FindUpload(DeviceOrder, frozen=True):
    """Find an upload of the device's account that no message carries yet. Answer: the upload."""

    id: str


class DropUpload(DeviceOrder, frozen=True):
    """Delete an upload of the device's account that no message carries yet. Answer: the upload as it was."""

    id: str


class FindFile(DeviceOrder, frozen=True):
    """Find a file whose message the device's account may read now, or a whole upload of the account. Answer: the
    file."""

    id: str


class FinishUpload(Struct, frozen=True, gc=False):
    """All bytes of an upload are in their place, durably: they have the SHA-256 ``digest``, in 64 hexadecimal digits,
    and the media type ``kind``; an image has ``width`` and ``height`` in pixels, 0 if they are not known.

    It comes from the server itself. Answer: the upload; ``unknown_file`` if it was deleted meanwhile.
    """

    id: str
    digest: str
    kind: str = ANY_KIND
    width: int = 0
    height: int = 0


FileOrder: TypeAlias = BeginUpload | FindUpload | DropUpload | FindFile | FinishUpload


class FileOutcome(NamedTuple):
    """The decision about an order, and the seconds that its answer is to wait, because of all that the account and its
    place asked for before."""

    answer: SaveFile | Refusal
    wait: float = 0.0


_COSTS: Final[dict[type[FileOrder], float]] = {BeginUpload: 2.0, FindUpload: 0.5, DropUpload: 1.0, FindFile: 1.0}
"""The price of each order, in which an ordinary message costs 1."""


def decide_file_order(
    registry: Registry, order: FileOrder, now: float, effects: list[Effect], stored: SaveFile | None = None
) -> FileOutcome:
    """Decide an order, with effects appended. ``stored`` is what the store knows of the file that a
    :class:`FindFile` asks for.

    A refused order has no effects.
    """
    decision = Decision(registry, now, effects)
    if isinstance(order, FinishUpload):
        return FileOutcome(_finish(decision, order))
    person = holder_of(registry, order.token)
    cost = HELLO if person is None else _COSTS[type(order)]
    wait, refusal = registry.charges.take_at(None if person is None else person.id, order.address, cost, now)
    if person is None:
        return FileOutcome(refusal or refuse("no_token"), wait)
    refusal = refusal or rooms.banned(registry, registry.rooms[LOBBY], person, order.address, now)
    if refusal is not None:
        return FileOutcome(refusal, wait)
    if isinstance(order, FindFile):
        return FileOutcome(_find_file(registry, person, order, stored), wait)
    return FileOutcome(_HANDLERS[type(order)](decision, person, order), wait)


def _begin(decision: Decision, person: Person, order: BeginUpload) -> SaveFile | Refusal:
    registry, settings, uploads = decision.registry, decision.registry.settings, decision.registry.uploads
    name = clean_file_name(order.name)
    room = _find_destination(decision, person, order)
    refusal = room if isinstance(room, Refusal) else files.check_room(registry, room, name, order.size)
    if refusal is not None:
        return refusal
    if len(uploads.of(person.id)) >= settings.max_uploads:
        return refuse("too_many_uploads", limit=settings.max_uploads)
    used = uploads.used_by(person.id) + order.size
    if settings.file_quota and used > settings.file_quota:
        uploads.doubt(person.id, decision.now)
        limit = size_words(settings.file_quota)
        return refuse("quota_full", name=quoted(name), size=size_words(used), limit=limit)
    if settings.files_total and uploads.total_bytes + order.size > settings.files_total:
        uploads.doubt(None, decision.now)
        return refuse("files_full", name=quoted(name), limit=size_words(settings.files_total))
    record = SaveFile(order.id, person.id, name, order.size, ANY_KIND, "", 0, 0, decision.time)
    uploads.begin(record, decision.now)
    decision.persist(record)
    return record


def _find_destination(decision: Decision, person: Person, order: BeginUpload) -> ChatRoom | Refusal | None:
    """The room that an upload is for, if the person may write there; ``None`` for a direct conversation with known
    people."""
    registry = decision.registry
    if order.room is None:
        return talk.check_recipients(registry, person, order.to)
    if order.to:
        return refuse("two_recipients")
    name = order.room if order.room in registry.rooms else fold_room(order.room)
    room = person.rooms.get(name)
    if room is None:
        return registry.no_such_room(name, person) or refuse("not_a_member", room=name)
    if room.direct is not None:
        return talk.check_reachable(registry, room, person)
    refusal = talk.may_speak(registry, room, person, decision.now)
    return room if refusal is None or refusal.code == "too_soon" else refusal  # the wait is over when it is sent


def _own_upload(registry: Registry, person: Person, file: str) -> SaveFile | Refusal:
    record = registry.uploads.get(file)
    return record if record is not None and record.account == person.id else refuse("unknown_file")


def _find_upload(decision: Decision, person: Person, order: FindUpload) -> SaveFile | Refusal:
    return _own_upload(decision.registry, person, order.id)


def _drop_upload(decision: Decision, person: Person, order: DropUpload) -> SaveFile | Refusal:
    record = _own_upload(decision.registry, person, order.id)
    if isinstance(record, SaveFile):
        files.drop_upload(decision, record)
    return record


def _finish(decision: Decision, order: FinishUpload) -> SaveFile | Refusal:
    uploads = decision.registry.uploads
    record = uploads.get(order.id)
    if record is None:
        return refuse("unknown_file")
    record = replace(record, digest=order.digest, kind=order.kind, width=order.width, height=order.height)
    uploads.change(record)
    decision.persist(record)
    return record


def _find_file(registry: Registry, person: Person, order: FindFile, stored: SaveFile | None) -> SaveFile | Refusal:
    upload = registry.uploads.get(order.id)
    if upload is not None:
        if upload.account != person.id:
            return refuse("unknown_file")
        return upload if upload.digest else refuse("unfinished_file", name=quoted(upload.name))
    if stored is None or stored.id != order.id or not _may_read(registry, person, stored):
        return refuse("unknown_file")
    return stored


def _may_read(registry: Registry, person: Person, file: SaveFile) -> bool:
    """Whether a person may read the message that carries a file. One without a message is gone, or has one by now."""
    room = registry.numbered.get(file.room)
    return room is not None and person.id in room.members and file.seq >= room.first


_HANDLERS: Final[dict[type[FileOrder], Callable[[Decision, Person, Any], SaveFile | Refusal]]] = {
    BeginUpload: _begin,
    FindUpload: _find_upload,
    DropUpload: _drop_upload,
}
