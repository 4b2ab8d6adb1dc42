"""Files of messages: which uploads a message may carry, what becomes of them with it, and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trio_chat.broker.state import SAVING_AGAIN
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.files import size_words
from trio_chat.protocol.parts import FileInfo, FileLimits
from trio_chat.protocol.requests import MAX_FILES
from trio_chat.protocol.text import quoted
from trio_chat.records import AuditNote, DropFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.ask import Ask, Decision
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ChatRoom, Person, StoredMessage
    from trio_chat.protocol.requests import Delete, Send
    from trio_chat.records import SaveFile


def limits_for(registry: Registry, person: Person) -> FileLimits | None:
    """The limits for files as a welcome tells them; ``None`` where the server takes none."""
    settings = registry.settings
    if not settings.max_file:
        return None
    used = registry.uploads.used_by(person.id)
    return FileLimits(size=settings.max_file, quota=settings.file_quota, used=used, each=MAX_FILES)


def check_room(registry: Registry, room: ChatRoom | None, name: str, size: int) -> Refusal | None:
    """Whether a message in a room (``None``: in a direct conversation that may not be there yet) may carry a file of
    this size."""
    most, where = registry.settings.max_file, ""
    if not most:
        return refuse("no_files")
    if room is not None:
        if not room.files:
            return refuse("files_off", room=room.name)
        if room.max_file and room.max_file < most:
            most, where = room.max_file, f" in {room.name}"
    if size > most:
        return refuse("too_large", name=quoted(name), size=size_words(size), where=where, limit=size_words(most))
    return None


def info_of(file: SaveFile) -> FileInfo:
    """A file as messages tell of it."""
    return FileInfo(
        id=file.id,
        name=file.name,
        size=file.size,
        kind=file.kind,
        sha256=file.digest,
        width=file.width,
        height=file.height,
    )


def find_sendable(
    registry: Registry, person: Person, room: ChatRoom, ids: Sequence[str]
) -> tuple[FileInfo, ...] | Refusal:
    """The files that a person wants to send to a room. Each must be a whole upload of theirs, and the room must take
    it."""
    if len(set(ids)) < len(ids):
        return refuse("bad_field", why="files names a file twice")
    found: list[FileInfo] = []
    for file in ids:
        record = registry.uploads.get(file)
        if record is None or record.account != person.id:
            return refuse("unknown_file")
        if not record.digest:
            return refuse("unfinished_file", name=quoted(record.name))
        refusal = check_room(registry, room, record.name, record.size)
        if refusal is not None:
            return refusal
        found.append(info_of(record))
    return tuple(found)


def carry(ask: Ask[Send], room: ChatRoom, seq: int, ids: Sequence[str]) -> None:
    """Bind uploads to the message that carries them from now on. The audit log tells of files in rooms; direct
    conversations are nobody's business."""
    uploads = ask.registry.uploads
    for file in ids:
        record = uploads.get(file)
        if record is None:
            continue
        uploads.hand_over(record)
        ask.persist(replace(record, room=room.id, seq=seq))
        if room.direct is None:
            detail = f"{record.name}, {size_words(record.size)}"
            ask.persist(AuditNote(ask.time, ask.person.name.shown, "file", room.name, detail=detail))


def drop_carried(ask: Ask[Delete], stored: StoredMessage) -> None:
    """Delete the files of a message that is deleted."""
    for file in stored.message.files:
        ask.persist(DropFile(file.id))
    if stored.message.files:
        ask.registry.uploads.note_removed(stored.sender)


def drop_uploads(decision: Decision, account: int) -> None:
    """Delete all uploads of an account; the files that messages carry stay with them."""
    uploads = decision.registry.uploads
    for file in uploads.of(account):
        record = uploads.get(file)
        if record is not None:
            drop_upload(decision, record)


def drop_upload(decision: Decision, record: SaveFile) -> None:
    """Delete an upload."""
    decision.registry.uploads.drop(record)
    decision.persist(DropFile(record.id))


def drop_ended(decision: Decision) -> None:
    """Delete the uploads whose time is over. If that cannot be stored, it is tried again."""
    uploads = decision.registry.uploads
    for record in uploads.ended(decision.now):
        drop_upload(decision, record)
    uploads.wait_for_next(decision.now + SAVING_AGAIN)
