"""Blobs in a directory: uploads that go on, seals that can be done again, removal, a full disk, links."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from trio_chat.errors import StoreError
from trio_chat.store.blobs import BlobBusy, BlobMissing, BlobsFull, DirectoryBlobs, directory

DATA = bytes(range(256)) * 100
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobs]:
    async with DirectoryBlobs.open_directory(tmp_path / "files") as opened:
        yield opened


async def add(blobs: DirectoryBlobs, upload: str, data: bytes, offset: int = 0) -> int:
    async with blobs.append(upload, offset) as writer:
        await writer.write(data)
        return await writer.save()


async def put(blobs: DirectoryBlobs, upload: str, data: bytes) -> str:
    await blobs.begin(upload)
    await add(blobs, upload, data)
    sealed = await blobs.seal(upload)
    sealed.release()
    await blobs.discard(upload)
    return sealed.digest


def read(blobs: DirectoryBlobs, digest: str) -> bytes:
    reader = blobs.open(digest)
    try:
        return os.pread(reader.fd, reader.size + 1, 0)
    finally:
        reader.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list descriptors")
async def test_a_directory_that_is_closed_keeps_no_descriptor(tmp_path: Path) -> None:
    def descriptors() -> list[Path]:
        found = [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
        return [place for place in found if place.is_relative_to(tmp_path)]

    async with DirectoryBlobs.open_directory(tmp_path / "files") as opened:
        await put(opened, "a", DATA)
        assert read(opened, DIGEST) == DATA
        assert descriptors()
    assert descriptors() == []


async def test_what_was_saved_is_on_the_disk(blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    await blobs.begin("a")
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd: synced.append(os.fstat(fd).st_size), raising=False)
    async with blobs.append("a", 0) as writer:
        await writer.write(DATA)
        synced.clear()
        await writer.save()
        assert synced == [len(DATA)]


async def test_an_upload_grows_and_becomes_a_blob(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    assert await blobs.size("a") is None
    await blobs.begin("a")
    assert await blobs.size("a") == 0
    assert await add(blobs, "a", DATA[:1000]) == 1000
    assert await add(blobs, "a", DATA[1000:], 1000) == len(DATA)
    assert await blobs.uploads() == ["a"]
    sealed = await blobs.seal("a")
    assert (sealed.digest, sealed.first) == (DIGEST, DATA[:4096])
    sealed.release()
    await blobs.discard("a")
    assert await blobs.uploads() == []
    assert await blobs.digests() == [(DIGEST, len(DATA))]
    assert read(blobs, DIGEST) == DATA
    path = tmp_path / "files" / DIGEST[:2] / DIGEST
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}


async def test_a_hash_is_computed_anew_after_a_restart_and_after_a_step_back(tmp_path: Path) -> None:
    async with DirectoryBlobs.open_directory(tmp_path) as before:
        await before.begin("a")
        await add(before, "a", DATA[:1000] + b"wrong")
    async with DirectoryBlobs.open_directory(tmp_path) as blobs:
        assert await blobs.size("a") == 1005
        await add(blobs, "a", DATA[1000:2000], 1000)  # what was behind is removed
        async with blobs.append("a", 2000) as writer:
            await writer.write(b"wrong")
            assert await writer.drop() == 2000
        assert await blobs.size("a") == 2000
        await add(blobs, "a", DATA[2000:], 2000)
        assert (await blobs.seal("a")).digest == DIGEST


async def test_one_writer_at_a_time_and_not_behind_the_end(blobs: DirectoryBlobs) -> None:
    await blobs.begin("a")
    async with blobs.append("a", 0):
        with pytest.raises(BlobBusy):
            await add(blobs, "a", b"x")
    with pytest.raises(BlobMissing):
        await add(blobs, "a", b"x", 5)
    with pytest.raises(BlobMissing):
        await add(blobs, "b", b"x")
    await add(blobs, "a", b"x")


async def test_a_seal_can_be_done_again_until_the_upload_is_discarded(blobs: DirectoryBlobs) -> None:
    await blobs.begin("a")
    await add(blobs, "a", DATA)
    assert (await blobs.seal("a")).digest == DIGEST
    assert await blobs.size("a") == len(DATA)
    assert (await blobs.seal("a")).digest == DIGEST


async def yes(_: str) -> bool:
    await trio.lowlevel.checkpoint()
    return True


async def no(_: str) -> bool:
    await trio.lowlevel.checkpoint()
    return False


async def test_equal_bytes_are_stored_once_and_are_not_removed_while_they_are_pinned(blobs: DirectoryBlobs) -> None:
    assert await put(blobs, "a", DATA) == await put(blobs, "b", DATA) == DIGEST
    assert await blobs.digests() == [(DIGEST, len(DATA))]
    await blobs.begin("c")
    await add(blobs, "c", DATA)
    sealed = await blobs.seal("c")
    assert not await blobs.remove(DIGEST, yes)
    assert read(blobs, DIGEST) == DATA
    sealed.release()
    assert not await blobs.remove(DIGEST, no)  # another file has these bytes
    assert await blobs.digests()
    assert await blobs.remove(DIGEST, yes)
    assert await blobs.remove(DIGEST, yes)
    with pytest.raises(BlobMissing):
        blobs.open(DIGEST)


async def test_a_damaged_blob_is_replaced_by_the_whole_one(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    await put(blobs, "a", DATA)
    (tmp_path / "files" / DIGEST[:2] / DIGEST).write_bytes(b"short")
    await put(blobs, "b", DATA)
    assert read(blobs, DIGEST) == DATA


async def test_a_blob_with_other_bytes_of_the_same_size_is_replaced_and_the_seal_can_be_done_again(
    blobs: DirectoryBlobs, tmp_path: Path
) -> None:
    await put(blobs, "a", DATA)
    place = tmp_path / "files" / DIGEST[:2] / DIGEST
    place.write_bytes(bytes(len(DATA)))  # as a failing disk leaves it; a restored backup mends it
    await blobs.begin("b")
    await add(blobs, "b", DATA)
    for _ in range(2):  # the server may have been killed before the digest was stored
        (await blobs.seal("b")).release()
        assert read(blobs, DIGEST) == DATA
    assert await blobs.uploads() == ["b"]


async def test_a_strange_name_among_the_uploads_is_passed_over(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    await blobs.begin("a")
    (tmp_path / "files" / "partial" / ".nfs0001.tmp").touch()
    assert await blobs.uploads() == ["a"]


async def test_a_file_system_without_second_names_moves_the_upload(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    await put(blobs, "a", DATA)
    assert read(blobs, DIGEST) == DATA


async def test_a_full_disk_is_told_from_a_broken_one(blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    await blobs.begin("a")
    for number, kind in ((errno.ENOSPC, BlobsFull), (errno.EDQUOT, BlobsFull), (errno.EIO, StoreError)):

        def fail(*_: object, number: int = number) -> int:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", fail)
            with pytest.raises(kind, match="Cannot write to an upload"):
                await add(blobs, "a", b"x")
    assert await add(blobs, "a", b"x") == 1


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "a\x00", "a" * 65, "é"])
async def test_no_name_leads_out_of_the_directory(blobs: DirectoryBlobs, name: str) -> None:
    for ask in (blobs.begin, blobs.size, blobs.seal, blobs.discard):
        with pytest.raises(BlobMissing):
            await ask(name)
    with pytest.raises(BlobMissing):
        await blobs.remove(name, yes)
    with pytest.raises(BlobMissing):
        blobs.open(name)


async def test_no_link_is_followed(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "files" / "partial" / "a").symlink_to(secret)
    with pytest.raises(StoreError):
        await add(blobs, "a", b"x")
    with pytest.raises(StoreError):
        await blobs.seal("a")
    (tmp_path / "files" / DIGEST[:2]).mkdir()
    (tmp_path / "files" / DIGEST[:2] / DIGEST).symlink_to(secret)
    with pytest.raises(StoreError):
        blobs.open(DIGEST)
    os.mkfifo(tmp_path / "files" / "partial" / "b")
    with pytest.raises(StoreError):
        await blobs.seal("b")
    assert secret.read_text() == "secret"


async def test_a_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "files").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="Cannot use"):
        async with DirectoryBlobs.open_directory(tmp_path / "files"):
            raise AssertionError


async def test_a_cancelled_write_is_done_and_leaves_a_good_upload(blobs: DirectoryBlobs) -> None:
    await blobs.begin("a")
    with trio.CancelScope() as scope:
        async with blobs.append("a", 0) as writer:
            await writer.write(DATA[:1000])
            scope.cancel()
            try:
                await writer.write(DATA[1000:])
            finally:
                with trio.CancelScope(shield=True):
                    saved = await writer.save()
    assert saved in {1000, len(DATA)}
    await add(blobs, "a", DATA[saved:], saved)
    assert (await blobs.seal("a")).digest == DIGEST


async def test_uploads_write_two_pieces_at_a_time(blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    writing: set[int] = set()
    pwrite = os.pwrite

    def note(fd: int, data: memoryview, offset: int) -> int:
        writing.add(fd)
        trio.from_thread.run(trio.testing.wait_all_tasks_blocked)  # until the others have begun, or wait for us
        at_once.append(len(writing))
        done = pwrite(fd, data, offset)
        writing.discard(fd)
        return done

    monkeypatch.setattr(os, "pwrite", note)
    names = [f"upload{number}" for number in range(5)]
    for name in names:
        await blobs.begin(name)
    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(add, blobs, name, DATA)
    assert len(at_once) == 5
    assert max(at_once) <= 2
    assert [await blobs.size(name) for name in names] == [len(DATA)] * 5


async def test_an_upload_leaves_only_little_to_the_disk_at_a_time(
    blobs: DirectoryBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = directory._sync_data
    synced: list[int] = []

    def note(fd: int) -> None:
        synced.append(os.fstat(fd).st_size)
        sync(fd)

    monkeypatch.setattr(directory, "_sync_data", note)
    piece = bytes(directory._UNSYNCED // 4)
    await blobs.begin("a")
    async with blobs.append("a", 0) as writer:
        for _ in range(10):
            await writer.write(piece)
        assert synced == [directory._UNSYNCED, 2 * directory._UNSYNCED]
        await writer.drop()
    assert await blobs.size("a") == 0
