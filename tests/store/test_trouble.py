"""A database that is taken away, replaced or damaged while a server uses it."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from trio_chat.errors import StoreError
from trio_chat.store import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen


def put(path: Path, content: bytes) -> None:
    """Let a file hold that and nothing else."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


async def test_a_database_replaced_under_a_running_server_is_noticed(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path
) -> None:
    await sqlite.commit([pen.room(1), *pen.lines("before")])
    lines = pen.lines("what would be lost")
    copy, aside = tmp_path / "copy", tmp_path / "aside"
    shutil.copyfile(sqlite.path, copy)
    sqlite.path.rename(aside)
    for write in (sqlite.check_writable, partial(sqlite.commit, lines)):
        with pytest.raises(StoreError, match="was removed or renamed while the server runs"):
            await write()
    copy.replace(sqlite.path)
    for write in (sqlite.check_writable, partial(sqlite.commit, lines)):
        with pytest.raises(StoreError, match="was replaced while the server runs"):
            await write()
    aside.replace(sqlite.path)
    await sqlite.commit(lines)


async def test_a_damaged_database_is_said_when_it_is_opened_and_when_it_is_read(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await store.commit([pen.room(1), *pen.lines(*["word " * 50] * 400)])
    whole = await trio.Path(path).read_bytes()
    for damaged in (whole[:8192] + b"\xff" * (len(whole) - 8192), whole[: len(whole) // 2 + 100]):
        put(path, damaged)
        with pytest.raises(StoreError, match="is damaged"):
            async with SqliteStore.open(path) as store:
                await store.read(1, 0, None, 400)
    put(path, whole)
    async with SqliteStore.open(path) as store:
        assert len((await store.read(1, 0, None, 400)).events) == 400


def spoil(path: Path) -> None:
    """Overwrite all but the first pages of a file, in place."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(3 * 4096)
        file.write(b"\xff" * (size - 3 * 4096))


async def test_once_damage_is_found_nothing_more_is_acknowledged(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await store.commit([pen.room(1), *pen.lines(*["word " * 50] * 400)])
    async with SqliteStore.open(path) as store:
        spoil(path)
        with pytest.raises(StoreError, match="is damaged"):
            await store.read(1, 0, None, 400)
        assert "trio-chat admin restore" in (store.damage or "")
        for write in (store.check_writable, partial(store.commit, pen.lines("would be lost"))):
            with pytest.raises(StoreError, match="is damaged"):
                await write()
