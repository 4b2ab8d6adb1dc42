"""Backups with the bytes of files: whole, checked, and never led out of their directory; and the check of the bytes."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from tests.store.committing import save
from tests.store.sqlite.earlier_versions import lay_down
from trio_chat.errors import StoreError
from trio_chat.records import DropFile, SaveFile
from trio_chat.store import DATABASE, SqliteStore, file_archive
from trio_chat.store.blobs import FILES, DirectoryBlobs
from trio_chat.store.sqlite import maintenance

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.store.conftest import Pen

LOG, PICTURE = b"it failed\n" * 400_000, b"\x89PNG picture"


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def record(file: str, name: str, data: bytes, seq: int) -> SaveFile:
    return SaveFile(file, 1, name, len(data), "text/plain", digest_of(data), 0, 0, "2026-01-01T00:00:00.000Z", 1, seq)


async def put(blobs: DirectoryBlobs, upload: str, data: bytes) -> None:
    await blobs.begin(upload)
    async with blobs.append(upload, 0) as writer:
        await writer.write(data)
        await writer.save()
    (await blobs.seal(upload)).release()
    await blobs.discard(upload)


@pytest.fixture
def chat(path: Path, pen: Pen) -> Path:
    """The database of a chat with two files."""

    async def make() -> None:
        async with SqliteStore.open(path) as store, DirectoryBlobs.open_directory(path.parent / FILES) as blobs:
            await put(blobs, "a", LOG)
            await put(blobs, "b", PICTURE)
            await save(store, [pen.room(1), *pen.lines("look", "and this")])
            await save(store, [record("f", "build.log", LOG, 1), record("g", "cat.png", PICTURE, 2)])

    trio.run(make)
    return path


def blob(path: Path, data: bytes) -> Path:
    digest = digest_of(data)
    return path.parent / FILES / digest[:2] / digest


def test_a_backup_brings_the_files_back(chat: Path, tmp_path: Path) -> None:
    file, seen = tmp_path / "chat.backup", list[tuple[int, int]]()
    assert file_archive.has_files(chat)
    assert file_archive.backup(chat, file, lambda done, total: seen.append((done, total))) == []
    assert file.stat().st_mode & 0o777 == 0o600
    assert seen[-1] == (len(LOG) + len(PICTURE),) * 2
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {name.name for name in tmp_path.iterdir()} == {"chat.backup", "data"}
    data = tmp_path / "elsewhere"
    assert file_archive.restore(file, data) == (None, [])
    for content in (LOG, PICTURE):
        assert blob(data / DATABASE, content).read_bytes() == content
    assert maintenance.check(data / DATABASE) == []
    assert list(file_archive.check(data / DATABASE)) == []
    assert sorted(name.name for name in data.iterdir() if not name.name.endswith(".lock")) == [DATABASE, FILES]


def test_a_backup_replaces_an_earlier_one_of_either_kind_and_nothing_else(chat: Path, tmp_path: Path) -> None:
    file = tmp_path / "chat.backup"
    maintenance.backup(chat, file)
    assert not file_archive.is_archive(file)
    for _ in range(2):
        file_archive.backup(chat, file)
        assert file_archive.is_archive(file)
    other = tmp_path / "thesis.txt"
    other.write_text("my thesis")
    with pytest.raises(StoreError, match="is not a backup"):
        file_archive.backup(chat, other)
    assert other.read_text() == "my thesis"
    with pytest.raises(StoreError, match="a server's own database"):
        file_archive.backup(chat, tmp_path / DATABASE)


def test_a_file_that_is_missing_or_damaged_is_told_and_the_rest_is_kept(chat: Path, tmp_path: Path) -> None:
    blob(chat, LOG).unlink()
    blob(chat, PICTURE).write_bytes(b"\x89PNG pictuRe")
    faults = file_archive.backup(chat, tmp_path / "chat.backup")
    assert sorted(fault.partition(" is ")[0] for fault in faults) == ["The file build.log (f)", "The file cat.png (g)"]
    missing, damaged = sorted(file_archive.check(chat))
    assert "build.log (f) is missing: there is no " in missing
    assert "cat.png (g) is damaged: " in damaged
    assert damaged.endswith(f"trio-chat admin files --drop g --data {chat.parent}")  # it may be no server's usual one
    with pytest.raises(StoreError, match="The archive is damaged: files/"):
        file_archive.restore(tmp_path / "chat.backup", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / DATABASE).exists()


def test_an_archive_without_a_file_is_restored_and_says_so(chat: Path, tmp_path: Path) -> None:
    blob(chat, LOG).unlink()
    file_archive.backup(chat, tmp_path / "chat.backup")
    kept, missing = file_archive.restore(tmp_path / "chat.backup", tmp_path / "elsewhere")
    assert (kept, missing) == (None, ["The archive lacks the file build.log (f)."])


def test_files_that_go_while_a_backup_is_made_are_not_missing(
    chat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drop() -> None:
        async with SqliteStore.open(chat) as store, DirectoryBlobs.open_directory(chat.parent / FILES) as blobs:
            await save(store, [DropFile("f")])
            await blobs.remove(digest_of(LOG), store.is_dropped)

    copy = maintenance.backup
    copies = 0

    def copy_and_drop(source: Path, target: Path, *more: Callable[[int, int], None]) -> str | None:
        nonlocal copies
        copies += 1
        fault = copy(source, target, *more)
        if copies == 1:
            trio.run(drop)
        return fault

    # the first look finds no files, as if they had come a moment later
    named = iter([dict[str, file_archive._Named]()])
    look = file_archive._named
    monkeypatch.setattr(file_archive, "_named", lambda database: next(named, look(database)))
    monkeypatch.setattr(maintenance, "backup", copy_and_drop)
    assert file_archive.backup(chat, tmp_path / "chat.backup") == []
    assert copies == 2
    monkeypatch.undo()
    assert file_archive.restore(tmp_path / "chat.backup", tmp_path / "elsewhere")[1] == []


def member(
    name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    return info, data


@pytest.mark.parametrize(
    "hostile",
    [
        member("../evil"),
        member("/etc/evil"),
        member(f"files/ab/../../{'a' * 64}"),
        member(f"files/ab/{'cd' * 32}"),
        member(DATABASE, b"", tarfile.SYMTYPE, "/etc/passwd"),
        member(f"files/ab/ab{'c' * 62}", b"", tarfile.LNKTYPE, "/etc/passwd"),
        member(f"files/ab/ab{'c' * 62}", b"", tarfile.FIFOTYPE),
        member("identity.pem"),
    ],
    ids=lambda one: f"{one[0].name[:20]}-{one[0].type.decode()}",
)
def test_an_archive_with_anything_else_is_refused(
    chat: Path, tmp_path: Path, hostile: tuple[tarfile.TarInfo, bytes]
) -> None:
    file = tmp_path / "chat.backup"
    file_archive.backup(chat, file)
    with tarfile.open(file, "a") as archive:
        archive.addfile(hostile[0], io.BytesIO(hostile[1]))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match="is not a backup: it has something called"):
        file_archive.restore(file, tmp_path / "elsewhere")
    assert [
        new for new in sorted(tmp_path.rglob("*")) if new not in before and new.is_file() and new.suffix != ".lock"
    ] == []


def test_a_broken_archive_leaves_the_chat_as_it_is(chat: Path, tmp_path: Path) -> None:
    file = tmp_path / "chat.backup"
    file_archive.backup(chat, file)
    file.write_bytes(file.read_bytes()[: len(LOG) // 2])
    before = chat.read_bytes()
    with pytest.raises(StoreError, match=r"damaged|not all of one"):
        file_archive.restore(file, chat.parent)
    assert chat.read_bytes() == before
    assert blob(chat, LOG).read_bytes() == LOG


async def test_a_running_server_is_not_restored(path: Path, tmp_path: Path) -> None:
    async with SqliteStore.open(path):
        (tmp_path / "some").write_bytes(b"")
        with pytest.raises(StoreError, match="A server is running"):
            await trio.to_thread.run_sync(file_archive.restore, tmp_path / "some", path.parent)


def test_bytes_of_no_file_are_told_when_they_are_old(chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = blob(chat, b"lost")
    lost.parent.mkdir(exist_ok=True)
    lost.write_bytes(b"lost")
    assert list(file_archive.check(chat)) == []  # it may be of an upload that ends just now
    monkeypatch.setattr(file_archive, "_NEW", -1.0)
    (finding,) = file_archive.check(chat)
    assert finding.startswith(f"1 files in {chat.parent / FILES} (4 bytes) belong to no message, {lost} for one.")


def test_the_export_names_the_files(chat: Path) -> None:
    out = io.BytesIO()
    maintenance.export_json(chat, out)
    assert b'"type":"file","id":"f","account":1,"name":"build.log"' in out.getvalue()


def test_a_database_of_an_earlier_version_names_no_files(path: Path) -> None:
    lay_down(1, path)
    assert not file_archive.has_files(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root restores for another user")
def test_what_root_restores_belongs_to_the_owner_of_the_directory(chat: Path, tmp_path: Path) -> None:
    file_archive.backup(chat, tmp_path / "chat.backup")
    with tempfile.TemporaryDirectory() as place:  # the folder of the test is one that only root may enter
        data = Path(place) / "elsewhere"
        data.mkdir()
        Path(place).chmod(0o711)
        os.chown(data, 12345, 12345)
        file_archive.restore(tmp_path / "chat.backup", data)
        assert {(one.stat().st_uid, one.stat().st_gid) for one in data.rglob("*")} == {(12345, 12345)}
        assert blob(data / DATABASE, LOG).read_bytes() == LOG
    assert (os.geteuid(), os.getegid()) == (0, 0)
