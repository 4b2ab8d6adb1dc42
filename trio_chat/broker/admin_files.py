"""The operator's order about files: list those of everybody, of a room or of a person, or remove one.

The records of files are read from the store before the order is carried out: :func:`files_asked` says which. A message
keeps its line about a file that was removed; the file itself is unknown from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.broker import files
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.files import size_words
from trio_chat.protocol.names import check_name, check_room
from trio_chat.protocol.text import quoted
from trio_chat.records import AuditNote, DropFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.ask import Decision
    from trio_chat.broker.registry import Registry
    from trio_chat.records import SaveFile

MOST_LISTED: Final = 1000
"""The most files in one list, the newest: more than fit a screen, little enough for one answer."""


class FilesAsked(NamedTuple):
    """The files that an order needs from the store: the one with an id, or the newest ones of a room, of an account, or
    of all."""

    file: str | None = None
    room: int | None = None
    account: int | None = None


def files_asked(registry: Registry, name: str, drop: str) -> FilesAsked | Refusal:
    """Which files an order needs. ``name`` is that of a room (it begins with ``#`` or ``@``) or of a person, or empty;
    ``drop`` is the id of a file to remove, or empty."""
    if drop:
        return FilesAsked(file=drop)
    if not name:
        return FilesAsked()
    if name[0] in "#@":
        checked = check_room(name) if name[0] == "#" else name
        room = None if isinstance(checked, Refusal) else registry.rooms.get(checked)
        return FilesAsked(room=room.id) if room is not None else refuse("unknown_room", room=quoted(name), near="")
    forms = check_name(name)
    person = None if isinstance(forms, Refusal) else registry.people.get(forms.key)
    if person is None:
        return refuse("unknown_person", name=quoted(name), near="", done="done")
    return FilesAsked(account=person.id)


HEADINGS: Final = ("id", "name", "bytes", "kind", "by", "room", "message", "began")
"""The columns of the list of files. An upload has no room and no message; its kind is empty until all bytes are
there."""


def rows_of(registry: Registry, found: Sequence[SaveFile]) -> list[tuple[str | int | float | bool | None, ...]]:
    """A row for each file, as :data:`HEADINGS` says."""
    rows: list[tuple[str | int | float | bool | None, ...]] = []
    for file in found:
        room, sender = registry.numbered.get(file.room), registry.persons.get(file.account)
        kind = file.kind if file.digest else ""
        by = "" if sender is None else sender.name.shown
        where = "" if room is None else room.name
        rows.append((file.id, file.name, file.size, kind, by, where, file.seq or None, file.time))
    return rows


def remove(decision: Decision, found: Sequence[SaveFile], actor: str) -> Refusal | None:
    """Remove one file, or an upload."""
    if not found:
        return refuse("unknown_file")
    registry, file = decision.registry, found[0]
    upload = registry.uploads.get(file.id)
    if upload is not None:
        files.drop_upload(decision, upload)
    else:
        decision.persist(DropFile(file.id))
        registry.uploads.note_removed(file.account)
    room, sender = registry.numbered.get(file.room), registry.persons.get(file.account)
    decision.persist(
        AuditNote(
            decision.time,
            actor,
            "drop-file",
            "" if room is None else room.name,
            "" if sender is None else sender.name.shown,
            f"{file.name}, {size_words(file.size)}",
        )
    )
    return None
