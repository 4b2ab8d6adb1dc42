"""Restoring a backup in every state of the old database, repeatedly, and with a kill at every step."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.store import DATABASE, SqliteStore
from trio_chat.store.sqlite.identity_file import make_key, open_key, put_into_backup
from trio_chat.store.sqlite.maintenance import backup, check, restore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.store.conftest import Pen

WAL = f"{DATABASE}-wal"
KEPT = f"{DATABASE}.replaced"


@pytest.fixture
async def killed(path: Path, pen: Pen, tmp_path: Path) -> Path:
    """The directory of a server that was killed after it stored ``kept`` and, after a backup, ``later``; the
    latter stands in its WAL alone. The backup lies beside the directory."""
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines("kept")])
    backup(path, tmp_path / "good.backup")
    async with SqliteStore.open(path) as store:
        await save(store, pen.lines("later"))
        shutil.copytree(path.parent, tmp_path / "killed")
    (tmp_path / "killed" / f"{DATABASE}-shm").touch()
    assert (tmp_path / "killed" / WAL).stat().st_size > 0
    return tmp_path / "killed"


async def texts(path: Path) -> list[str]:
    async with SqliteStore.open(path) as store:
        events = (await store.read(1, 0, None, 99)).events
    return [event.decode().rpartition('"text": "')[2].removesuffix('"}') for event in events]


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if not file.name.endswith(".lock")}


def owner_of(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


def spoil(path: Path) -> None:
    path.write_bytes(b"no database any more, but long enough to be taken for one" * 200)


async def test_the_wal_of_a_database_that_was_moved_away_is_not_applied_to_the_restored_one(
    killed: Path, tmp_path: Path
) -> None:
    (killed / DATABASE).rename(tmp_path / "moved")
    kept = restore(tmp_path / "good.backup", killed)
    assert kept == killed / f"{KEPT}-wal"
    assert kept.stat().st_size > 0
    assert names(killed) == {DATABASE, f"{KEPT}-wal"}
    assert await texts(killed / DATABASE) == ["kept"]
    assert check(killed / DATABASE) == []


async def test_each_replaced_database_is_kept_under_a_name_of_its_own(killed: Path, tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path / "wrong" / DATABASE):
        backup(tmp_path / "wrong" / DATABASE, tmp_path / "wrong.backup")
    assert restore(tmp_path / "wrong.backup", killed) == killed / KEPT
    (killed / f"{DATABASE}-shm").touch()  # a server that was killed may leave it; it holds nothing
    assert restore(tmp_path / "good.backup", killed) == killed / f"{KEPT}-2"
    assert restore(tmp_path / "good.backup", killed) == killed / f"{KEPT}-3"
    assert names(killed) == {DATABASE, KEPT, f"{KEPT}-2", f"{KEPT}-3"}
    assert await texts(killed / KEPT) == ["kept", "later"]
    assert await texts(killed / f"{KEPT}-2") == []
    assert await texts(killed / f"{KEPT}-3") == await texts(killed / DATABASE) == ["kept"]


async def test_a_damaged_database_is_kept_with_the_files_beside_it(killed: Path, tmp_path: Path) -> None:
    spoil(killed / DATABASE)
    was = {name: (killed / name).read_bytes() for name in (DATABASE, WAL)}
    kept = restore(tmp_path / "good.backup", killed)
    assert kept == killed / KEPT
    assert names(killed) == {DATABASE, KEPT, f"{KEPT}-wal"}
    assert [kept.read_bytes(), (killed / f"{KEPT}-wal").read_bytes()] == list(was.values())
    assert await texts(killed / DATABASE) == ["kept"]


async def test_without_hard_links_a_copy_of_the_replaced_database_is_kept(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_asked: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        kept = restore(tmp_path / "good.backup", killed)
    assert kept is not None
    assert names(killed) == {DATABASE, KEPT}
    assert kept.stat().st_mode & 0o077 == 0
    assert (await texts(kept), await texts(killed / DATABASE)) == (["kept", "later"], ["kept"])


async def test_a_database_that_is_being_read_is_not_replaced(killed: Path, tmp_path: Path) -> None:
    reader = sqlite3.connect(killed / DATABASE, isolation_level=None)
    reader.execute("SELECT count(*) FROM events").fetchone()
    before = names(killed)
    with pytest.raises(StoreError, match=r"Another program uses .*chat\.sqlite3\. Let it finish"):
        restore(tmp_path / "good.backup", killed)
    assert names(killed) == before
    reader.close()
    restore(tmp_path / "good.backup", killed)
    assert await texts(killed / DATABASE) == ["kept"]


# ---- killed in the middle ---------------------------------------------------------------------------


class Killed(BaseException):
    """The process was killed."""


class Killer:
    """Kills the process before the step with that number: from then on it changes no file."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int) -> None:
        self.left = number
        for name in ("link", "replace", "rename", "unlink", "remove"):
            patch.setattr(os, name, self._mortal(getattr(os, name)))

    def _mortal(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def mortal(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Killed
            return step(*args, **kwargs)

        return mortal


def restore_killed(file: Path, data: Path, number: int) -> bool:
    """Return whether the process reached the step with that number and was killed there."""
    with pytest.MonkeyPatch.context() as patch:
        killer = Killer(patch, number)
        try:
            restore(file, data)
        except Killed:
            return True
        assert killer.left >= 0
        return False


@pytest.mark.parametrize("links", [True, False])
async def test_a_kill_at_any_step_leaves_the_old_or_the_restored_database_whole(
    killed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    links: bool,  # noqa: FBT001 - both ways
) -> None:
    if not links:

        def refuse(*_asked: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    seen: list[list[str]] = []
    dead = True
    while dead:
        data = tmp_path / f"copy{len(seen)}"
        shutil.copytree(killed, data)
        dead = restore_killed(tmp_path / "good.backup", data, len(seen))
        seen.append(await texts(data / DATABASE))
        assert check(data / DATABASE) == []
        if dead:  # what it left is in nobody's way
            restore(tmp_path / "good.backup", data)
            assert await texts(data / DATABASE) == ["kept"]
            assert "later" in await texts(data / KEPT)
            assert {DATABASE, KEPT} <= names(data) <= {DATABASE, KEPT, f"{KEPT}-2"}
    assert len(seen) > 5
    assert seen == sorted(seen, key=len, reverse=True)
    assert seen[0] == ["kept", "later"]
    assert seen[-1] == ["kept"]


async def test_a_kill_at_any_step_leaves_the_key_that_belongs_to_the_database(killed: Path, tmp_path: Path) -> None:
    mine = open_key(killed / DATABASE).pem
    theirs = make_key()
    connection = sqlite3.connect(tmp_path / "good.backup")
    with connection:
        put_into_backup(connection, theirs)
    connection.close()
    seen: list[tuple[list[str], bytes]] = []
    dead = True
    while dead:
        data = tmp_path / f"copy{len(seen)}"
        shutil.copytree(killed, data)
        dead = restore_killed(tmp_path / "good.backup", data, len(seen))
        key = await trio.to_thread.run_sync(open_key, data / DATABASE)  # as a server that starts then
        seen.append((await texts(data / DATABASE), key.pem))
        assert check(data / DATABASE) == []
    assert len(seen) > 7
    assert {(len(said), pem) for said, pem in seen} == {(2, mine), (1, theirs)}


async def test_a_kill_while_a_damaged_database_is_set_aside_never_leads_to_an_empty_one(
    killed: Path, tmp_path: Path
) -> None:
    spoil(killed / DATABASE)
    was = {name: (killed / name).read_bytes() for name in (DATABASE, WAL)}
    number, missing, dead = 0, 0, True
    while dead:
        data = tmp_path / f"copy{number}"
        shutil.copytree(killed, data)
        dead = restore_killed(tmp_path / "good.backup", data, number)
        if dead and DATABASE in names(data):
            assert {name: (data / name).read_bytes() for name in was} == was
        elif dead:
            missing += 1
            with pytest.raises(StoreError, match="is missing"):
                await texts(data / DATABASE)
        if dead:
            restore(tmp_path / "good.backup", data)
        assert await texts(data / DATABASE) == ["kept"]
        assert set(was.values()) <= {file.read_bytes() for file in data.iterdir()}
        number += 1
    assert missing > 2
    assert number > 7


# ---- no database where one was ----------------------------------------------------------------------


@pytest.mark.parametrize("left", [WAL, KEPT, f"{KEPT}-2"])
async def test_no_new_database_is_created_where_files_of_an_earlier_one_are_left(path: Path, left: str) -> None:
    path.parent.mkdir()
    (path.parent / left).write_bytes(b"what is left")
    (path.parent / f"{DATABASE}-shm").touch()
    with pytest.raises(StoreError) as caught:
        await texts(path)
    assert str(caught.value) == (
        f"{path} is missing, but {path.parent / left}, which belongs to it, is still there. Put the database back, or "
        "restore a backup with 'trio-chat admin restore FILE'. To begin with an empty database, move the old files "
        "elsewhere."
    )
    assert names(path.parent) == {left, f"{DATABASE}-shm"}


@pytest.mark.parametrize("left", [WAL, f"{DATABASE}-journal"])
async def test_an_empty_leftover_file_does_not_prevent_a_new_database(path: Path, left: str) -> None:
    path.parent.mkdir()
    (path.parent / left).touch()
    async with SqliteStore.open(path) as store:
        assert (await store.load()).rooms == ()


def link_to(database: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / DATABASE).symlink_to(database)
    return folder


async def test_a_linked_database_is_restored_at_the_target_of_the_link(killed: Path, tmp_path: Path) -> None:
    data = link_to(killed / DATABASE, tmp_path / "data of links")
    assert restore(tmp_path / "good.backup", data) == killed / KEPT
    assert (data / DATABASE).is_symlink()
    assert await texts(data / DATABASE) == ["kept"]
    assert await texts(killed / KEPT) == ["kept", "later"]


async def test_an_unfinished_copy_does_not_prevent_a_new_database(path: Path) -> None:
    path.parent.mkdir()
    for name in (".restored", ".restored.partial", ".lock", "-shm"):
        path.with_name(path.name + name).write_bytes(b"")
    async with SqliteStore.open(path):
        pass
    async with SqliteStore.open(path):
        assert names(path.parent) == {DATABASE, WAL, f"{DATABASE}-shm"}


@pytest.mark.parametrize("is_root", [True, False])
async def test_a_database_that_root_restores_gets_the_owner_of_the_directory(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_root: bool
) -> None:
    given: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0 if is_root else 1000)
    (killed / f"{DATABASE}.lock").unlink(missing_ok=True)

    def fchown(descriptor: int, user: int, group: int) -> None:
        given.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, user, group))

    monkeypatch.setattr(os, "fchown", fchown)
    restore(tmp_path / "good.backup", killed)
    user, group = owner_of(killed)
    made = [f"{DATABASE}.lock", f"{DATABASE}.restored"] if is_root else []
    assert given == [(name, user, group) for name in made]
    assert await texts(killed / DATABASE) == ["kept"]
