"""A disk that files fill, and one that fails: files leave the chat its space, and nothing is lost unseen."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from trio_chat.errors import StoreError
from trio_chat.records import Line, SaveRoom
from trio_chat.store import DATABASE, STORED, SqliteStore
from trio_chat.store.blobs import FILES, BlobsFull, DirectoryBlobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_chat.store.blobs import BlobWriter

MIB = 1 << 20
TIME = "2026-01-01T00:00:00.000Z"


async def fill(writer: BlobWriter) -> None:
    for _ in range(24 * MIB // 65536):
        await writer.write(bytes(65536))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
async def test_uploads_fill_a_disk_and_messages_are_stored_on_it(small_disk: Path) -> None:
    data = small_disk / "data"
    async with (
        SqliteStore.open(data / DATABASE) as store,
        DirectoryBlobs.open_directory(data / FILES, reserve=8 * MIB) as blobs,
    ):
        assert await store.commit([SaveRoom(1, "#lobby", TIME)]) == STORED
        await blobs.begin("a")
        async with blobs.append("a", 0) as writer:
            with pytest.raises(BlobsFull):
                await fill(writer)
        for seq in range(1, 101):
            line = Line(1, seq, TIME, 1, "", "message", "x" * 4000, None, b"y" * 4000)
            assert await store.commit([line]) == STORED
        size = await blobs.size("a")
        assert size is not None
        assert 8 * MIB < size < 16 * MIB


async def test_a_disk_with_little_space_takes_no_upload_and_gives_files_out(tmp_path: Path) -> None:
    async with DirectoryBlobs.open_directory(tmp_path, reserve=0) as blobs:
        await blobs.begin("a")
        async with blobs.append("a", 0) as writer:
            await writer.write(b"abc")
            await writer.save()
        sealed = await blobs.seal("a")
        sealed.release()
    async with DirectoryBlobs.open_directory(tmp_path, reserve=1 << 62) as blobs:  # more than any disk has
        with pytest.raises(BlobsFull, match="full"):
            await blobs.begin("b")
        async with blobs.append("a", 3) as writer:
            with pytest.raises(BlobsFull, match="full"):
                await writer.write(b"def")
        assert await blobs.size("a") == 3
        blobs.open(sealed.digest).close()


async def test_a_limit_of_the_system_for_a_file_counts_as_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> int:
        raise OSError(errno.EFBIG, "File too large")

    async with DirectoryBlobs.open_directory(tmp_path) as blobs:
        await blobs.begin("a")
        monkeypatch.setattr(os, "pwrite", too_large)
        async with blobs.append("a", 0) as writer:
            with pytest.raises(BlobsFull):
                await writer.write(b"abc")


async def test_bytes_that_could_not_be_synced_do_not_count_at_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Linux forgets that it could not write a page: the next sync succeeds, and the bytes are not on the disk.
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with DirectoryBlobs.open_directory(tmp_path) as blobs:
        await blobs.begin("a")
        async with blobs.append("a", 0) as writer:
            await writer.write(b"abc")
            assert await writer.save() == 3
            await writer.write(b"def")
            with monkeypatch.context() as broken:
                for name in ("fsync", "fdatasync"):
                    broken.setattr(os, name, fail, raising=False)
                with pytest.raises(StoreError):
                    await writer.save()
        assert await blobs.size("a") == 3
        async with blobs.append("a", 3) as writer:
            await writer.write(b"ghi")
            assert await writer.save() == 6
        sealed = await blobs.seal("a")
        sealed.release()
        with os.fdopen(blobs.open(sealed.digest).fd, "rb") as file:
            assert file.read() == b"abcghi"
