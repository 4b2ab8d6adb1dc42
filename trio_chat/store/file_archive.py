"""Backups with the bytes of files, and the check of these bytes, from outside a server. Not async.

Theory of operation. A backup of a chat with files is a tar archive: the bytes of the files, as ``files/ab/abcdef…``,
and behind them the database as ``chat.sqlite3``. While a server runs, files come and go. So the bytes that are there
are copied first, then the database, then the bytes that its copy names and the archive lacks. If one of those was
removed in that moment, the database is copied again. The archive can have bytes that its database does not name; they
are not restored.

Root restores in a directory of another user as that user: nothing that stands there can lead it elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import sqlite3
import tarfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import trio

from trio_chat.errors import StoreError
from trio_chat.store.blobs import FILES, BlobMissing, DirectoryBlobs
from trio_chat.store.sqlite import maintenance
from trio_chat.store.sqlite.faults import translated
from trio_chat.store.sqlite.lock import is_held
from trio_chat.store.sqlite.private_files import create_private
from trio_chat.store.sqlite.schema import DATABASE, connect, make_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int, int], None]

_BLOB: Final = re.compile(rf"{FILES}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}})")
_PIECE: Final = 1024 * 1024
_TRIES: Final = 5
"""Copies of the database that are made at most, while files are removed in that moment each time."""

_PATIENCE: Final = 10.0
"""Seconds to wait for a lock."""

_NEW: Final = 60.0
"""Seconds for which bytes without a record may be of a file that is just being made."""

_MAGIC: Final = (257, b"ustar")
"""The place of a tar archive's magic (POSIX.1-2001, pax)."""


class _Named(NamedTuple):
    """A blob that the database names: one of the files with these bytes, and the size."""

    file: str
    name: str
    size: int


def has_files(database: Path) -> bool:
    """Whether a chat has files whose bytes a backup should have. Raises ``StoreError``."""
    return bool(_named(database))


def is_archive(file: Path) -> bool:
    """Whether a file is a tar archive. Raises ``StoreError``."""
    with translated(file):
        if not file.is_file():
            return False
        with file.open("rb") as opened:
            opened.seek(_MAGIC[0])
            return opened.read(len(_MAGIC[1])) == _MAGIC[1]


def backup(database: Path, target: Path, progress: Progress | None = None) -> list[str]:
    """Copy the database, the server's key and the bytes of all files into the archive ``target``, while a server runs
    or not.

    An earlier backup at ``target`` is replaced when the new one is complete and on the disk. ``progress`` is called
    with the bytes done and the bytes of all files. Returns a sentence for each thing that is missing from the backup.
    Raises ``StoreError``; then there is no new backup.
    """
    _refuse_other(target)
    existed = target.exists()
    part, copy = (target.with_name(f"{target.name}.{what}") for what in ("partial", "database"))
    for left in (part, copy):
        left.unlink(missing_ok=True)
    try:
        with translated(target):
            out = create_private(part)
            with os.fdopen(out, "wb") as raw, tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
                faults = trio.run(_fill, archive, database, copy, progress, existed)
                _add_database(archive, copy)
                archive.close()
                raw.flush()
                os.fsync(raw.fileno())
            part.replace(target)
            _sync_folder(target.parent)
        return faults
    finally:
        for left in (part, copy):
            left.unlink(missing_ok=True)


async def _fill(
    archive: tarfile.TarFile,
    database: Path,
    copy: Path,
    progress: Progress | None,
    replaces: bool,  # noqa: FBT001 - private
) -> list[str]:
    """Add the bytes of all files, and copy the database that names them."""
    done: dict[str, int] = {}
    async with DirectoryBlobs.open_to_read(database.parent / FILES) as blobs:
        await trio.to_thread.run_sync(_add_blobs, archive, blobs, _named(database), done, progress)
        fault, named = None, {}
        for _ in range(_TRIES):
            fault = await trio.to_thread.run_sync(maintenance.backup, database, copy)
            if fault is not None and replaces:
                raise StoreError(f"{fault} The earlier backup stays as it is, because it may have the key.")
            named = _named(copy)
            lost = await trio.to_thread.run_sync(_add_blobs, archive, blobs, named, done, progress)
            still = _named(database)
            if not any(digest not in still for digest in lost):
                break
        faults = [] if fault is None else [fault]
        for digest, one in named.items():
            if done.get(digest) != one.size:
                faults.append(
                    f"The file {one.name} ({one.file}) is missing or damaged. trio-chat admin check tells more."
                )
    return faults


def _add_blobs(
    archive: tarfile.TarFile,
    blobs: DirectoryBlobs,
    named: dict[str, _Named],
    done: dict[str, int],
    progress: Progress | None,
) -> list[str]:
    """Add the blobs that the archive lacks. Returns the digests of those that are not there."""
    total = sum(one.size for one in named.values())
    lost = []
    for digest in named:
        if digest in done:
            continue
        try:
            reader = blobs.open(digest)
        except BlobMissing:
            lost.append(digest)
            continue
        with os.fdopen(reader.fd, "rb") as source:
            info = tarfile.TarInfo(f"{FILES}/{digest[:2]}/{digest}")
            info.size, info.mode = reader.size, 0o600
            info.mtime = int(os.fstat(source.fileno()).st_mtime)
            hashed = _Hashed(source, lambda more: progress and progress(sum(done.values()) + more, total))
            archive.addfile(info, hashed)
        done[digest] = reader.size if hashed.sha256.hexdigest() == digest else -1
    return lost


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes], moved: Callable[[int], object]) -> None:
        self._file = file
        self._moved = moved
        self._read = 0
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read bytes."""
        data = self._file.read(size)
        self.sha256.update(data)
        self._read += len(data)
        self._moved(self._read)
        return data


def _add_database(archive: tarfile.TarFile, copy: Path) -> None:
    info = tarfile.TarInfo(DATABASE)
    info.size, info.mode, info.mtime = copy.stat().st_size, 0o600, int(copy.stat().st_mtime)
    with copy.open("rb") as source:
        archive.addfile(info, source)


def restore(file: Path, data: Path, progress: Progress | None = None) -> tuple[Path | None, list[str]]:
    """Restore an archive in the data directory ``data``, while no server runs there.

    The bytes of files come first, each checked by its digest, then the database takes the place of the old one, as
    :func:`~trio_chat.store.sqlite.maintenance.restore` does it. So a kill at any moment leaves the old chat or the
    restored one. Bytes of files that were there stay. Returns the path under which the old database is kept, and a
    sentence for each file whose bytes the archive lacks. Raises ``StoreError``.
    """
    path = data / DATABASE
    make_directory(path)
    with translated(path):
        if is_held(path):
            raise StoreError(f"A server is running on {data}. Stop it, then restore.")
    copy = data / f"{DATABASE}.from-archive"
    with translated(file), tarfile.open(file, mode="r:") as archive, _as_owner(data):
        try:
            members = _members(archive, file)
            copy.unlink(missing_ok=True)
            with os.fdopen(create_private(copy), "wb") as out:
                shutil.copyfileobj(_content(archive, members[DATABASE]), out)
            named = _named(copy)
            trio.run(_unpack, archive, members, named, data / FILES, progress)
            missing = [f"The archive lacks the file {one.name} ({one.file})." for one in _absent(named, data)]
            kept = maintenance.restore(copy, data)
        except tarfile.TarError as error:
            raise StoreError(f"{file} is damaged ({error}). Nothing was changed; try an older backup.") from error
        finally:
            copy.unlink(missing_ok=True)
    return kept, missing


def _members(archive: tarfile.TarFile, file: Path) -> dict[str, tarfile.TarInfo]:
    """The members of an archive by their names, all of which must be of a backup."""
    members: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or not (
            member.name == DATABASE or _BLOB.fullmatch(member.name)
        ):
            raise StoreError(f"{file} is not a backup: it has something called {member.name[:80]!r}.")
        members[member.name] = member
    if DATABASE not in members:
        raise StoreError(f"{file} is not a backup, or not all of one: it has no database.")
    return members


async def _unpack(
    archive: tarfile.TarFile,
    members: dict[str, tarfile.TarInfo],
    named: dict[str, _Named],
    place: Path,
    progress: Progress | None,
) -> None:
    wanted = [(digest, f"{FILES}/{digest[:2]}/{digest}") for digest in named]
    total, done = sum(one.size for one in named.values()), 0
    async with DirectoryBlobs.open_directory(place) as blobs:
        for number, (digest, name) in enumerate(wanted):
            done += named[digest].size
            if name not in members:
                continue
            if members[name].size != named[digest].size:
                raise _damaged(name)
            upload = f"restored-{os.getpid()}-{number}"
            await blobs.begin(upload)
            try:
                async with blobs.append(upload, 0) as writer:
                    source = _content(archive, members[name])
                    hashed = hashlib.sha256()
                    while data := source.read(_PIECE):
                        hashed.update(data)
                        await writer.write(data)
                    await writer.save()
                if hashed.hexdigest() != digest:
                    raise _damaged(name)
                (await blobs.seal(upload)).release()
            finally:
                await blobs.discard(upload)
            if progress is not None:
                progress(done, total)


def check(database: Path, progress: Progress | None = None) -> Iterator[str]:
    """Give a sentence for each fault of the bytes of files beside a database: missing, damaged, or without a record.
    Changes nothing. ``progress`` is called with the bytes read and the bytes of all files. Raises ``StoreError``."""
    place = database.parent / FILES
    there: dict[str, int] = trio.run(_digests, place) if place.is_dir() else {}
    named = _named(database)
    total, done = sum(one.size for one in named.values()), 0
    for digest, one in named.items():
        fault = _fault(place, digest, one)
        if fault is not None and digest in _named(database):  # it may have been removed meanwhile
            drop = f"trio-chat admin files --drop {one.file} --data {shlex.quote(str(database.parent))}"
            advice = f"Restore it from a backup, or remove it: {drop}"
            yield f"The file {one.name} ({one.file}) {fault} {advice}"
        done += one.size
        if progress is not None:
            progress(done, total)
    yield from _orphans(place, {digest: size for digest, size in there.items() if digest not in named}, database)


def count_missing(data: Path) -> int:
    """How many files of the messages in the data directory ``data`` have no bytes there. Raises ``StoreError``."""
    return len(_absent(_named(data / DATABASE), data))


async def _digests(place: Path) -> dict[str, int]:
    async with DirectoryBlobs.open_to_read(place) as blobs:
        return dict(await blobs.digests())


def _fault(place: Path, digest: str, one: _Named) -> str | None:
    path = place / digest[:2] / digest
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return f"is missing: there is no {path}."
    except OSError as error:
        return f"cannot be read: {error.strerror}."
    return None if found == digest else f"is damaged: {path} has other bytes than the {one.size} that were sent."


def _orphans(place: Path, others: dict[str, int], database: Path) -> Iterator[str]:
    """Tell of bytes that no file has, unless the server is about to remove them or to make a file of them."""
    with contextlib.closing(connect(database, write=False, patience=_PATIENCE)) as connection:
        dropped = {digest for (digest,) in connection.execute("SELECT digest FROM dropped_blobs")}
    lost: dict[Path, int] = {}
    for digest in others.keys() - dropped - _named(database).keys():
        path = place / digest[:2] / digest
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_ctime > _NEW:
                lost[path] = others[digest]
    if lost:
        yield (
            f"{len(lost)} files in {place} ({sum(lost.values())} bytes) belong to no message, {min(lost)} for one. A "
            "database that another one replaced may know them. If you do not need it any more, delete them."
        )


def _named(database: Path) -> dict[str, _Named]:
    """The blobs that a database names, by their digests. A database of an earlier version names none."""
    with translated(database), contextlib.closing(connect(database, write=False, patience=_PATIENCE)) as connection:
        try:
            rows = connection.execute(
                "SELECT digest, id, name, size FROM files WHERE digest <> '' ORDER BY id"
            ).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return {}
            raise
    return {digest: _Named(file, name, size) for digest, file, name, size in rows}


def _absent(named: dict[str, _Named], data: Path) -> list[_Named]:
    return [one for digest, one in named.items() if not (data / FILES / digest[:2] / digest).is_file()]


def _damaged(name: str) -> StoreError:
    return StoreError(f"The archive is damaged: {name} has other bytes. Nothing was changed; try an older backup.")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None  # noqa: S101 - it is a plain file
    return content


def _refuse_other(target: Path) -> None:
    """Refuse to replace what is no backup, and a backup by one that may lack the key."""
    if target.exists() and not is_archive(target):
        maintenance.refuse_no_backup(target)
    with translated(target):
        maintenance.refuse_in_use(target)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _as_owner(folder: Path) -> Iterator[None]:
    """Run the block with the rights of a directory's owner, if this is root. The files it makes are theirs."""
    there = folder.stat()
    if os.geteuid() != 0 or there.st_uid == 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(there.st_gid)
    os.seteuid(there.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
