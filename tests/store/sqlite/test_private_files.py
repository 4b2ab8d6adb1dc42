"""Root in the data directory of another user: no link is followed, and no file of a third user is changed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from trio_chat.errors import StoreError
from trio_chat.store import DATABASE, SqliteStore
from trio_chat.store.sqlite import maintenance
from trio_chat.store.sqlite.lock import DatabaseLock, is_held

OTHER = 1234
"""A user who is not root."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The data directory of another user, with a database."""
    folder = tmp_path / "data"
    async with SqliteStore.open(folder / DATABASE):
        pass
    for path in (folder, *folder.iterdir()):
        os.chown(path, OTHER, OTHER)
    return folder


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of root."""
    path = tmp_path / "secret"
    path.write_bytes(b"root's own")
    return path


def is_untouched(secret: Path) -> bool:
    return secret.read_bytes() == b"root's own" and secret.stat().st_uid == 0


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
async def test_a_lock_that_is_a_link_is_refused_and_its_target_stays(data: Path, secret: Path, link: object) -> None:
    lock = data / f"{DATABASE}.lock"
    lock.unlink()
    assert callable(link)
    link(lock, secret)
    with pytest.raises(StoreError, match=r"is a link|second name"):
        DatabaseLock(data / DATABASE)
    with pytest.raises(StoreError, match=r"is a link|second name"):
        is_held(data / DATABASE)
    assert is_untouched(secret)


async def test_a_lock_that_is_a_pipe_is_refused_at_once(data: Path) -> None:
    lock = data / f"{DATABASE}.lock"
    lock.unlink()
    os.mkfifo(lock)
    for attempt in (DatabaseLock, is_held):
        with pytest.raises(StoreError, match="is not a file"):
            attempt(data / DATABASE)


async def test_a_missing_lock_is_made_for_the_owner_of_the_directory(data: Path) -> None:
    lock = data / f"{DATABASE}.lock"
    lock.unlink()
    DatabaseLock(data / DATABASE).release()
    assert (lock.stat().st_uid, lock.stat().st_mode & 0o777) == (OTHER, 0o600)


async def test_root_follows_no_link_of_another_user_to_a_database(data: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure.db"
    with contextlib.closing(sqlite3.connect(treasure)) as connection:
        connection.execute("CREATE TABLE treasure (gold)")
    before = treasure.read_bytes()
    (data / DATABASE).unlink()
    (data / DATABASE).symlink_to(treasure)
    with pytest.raises(StoreError, match="Do this as the owner of the directory"):
        async with SqliteStore.open(data / DATABASE):
            pass
    with pytest.raises(StoreError, match="Do this as the owner of the directory"):
        maintenance.check(data / DATABASE)
    assert treasure.read_bytes() == before
    assert not treasure.with_name("treasure.db-wal").exists()


async def test_a_restored_database_belongs_to_the_owner_and_links_in_its_way_are_not_followed(
    data: Path, secret: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    maintenance.backup(data / DATABASE, copy)
    for suffix in (".restored", ".restored.partial"):
        (data / f"{DATABASE}{suffix}").symlink_to(secret)
    kept = maintenance.restore(copy, data)
    assert kept is not None
    assert (data / DATABASE).stat().st_uid == OTHER
    assert is_untouched(secret)


async def test_a_file_that_was_exchanged_is_not_given_away(data: Path, secret: Path) -> None:
    (data / "fresh").symlink_to(secret)
    with pytest.raises(StoreError, match="is a link"):
        maintenance._give_to_owner(data / "fresh", data)
    assert is_untouched(secret)
