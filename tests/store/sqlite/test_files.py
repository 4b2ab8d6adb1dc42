"""The files of the SQLite store: who may read them, where they may be, and the lock against a second server."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.programs import run_python
from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.store import SqliteStore
from trio_chat.store.sqlite.schema import make_directory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Pen


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put(path: Path, content: bytes) -> None:
    """Write the whole content of a file."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("umask", [0o000, 0o777, 0o022])
async def test_only_its_owner_may_read_the_data_whatever_the_umask(path: Path, pen: Pen, umask: int) -> None:
    before = os.umask(umask)
    try:
        async with SqliteStore.open(path) as store:
            await save(store, [pen.room(1)])
            assert mode(path.parent) == 0o700
            beside = sorted(file.name for file in path.parent.iterdir())
            assert beside == [path.name, f"{path.name}-shm", f"{path.name}-wal", f"{path.name}.lock"]
            for name in beside:
                assert not mode(path.with_name(name)) & 0o077
            assert mode(path) == 0o600
    finally:
        os.umask(before)


def test_a_directory_that_the_umask_hides_from_its_owner_is_opened_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(place: Path, flags: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place), flags)  # as for all but root

    monkeypatch.setattr(os, "open", refuse)
    before = os.umask(0o777)
    try:
        make_directory(tmp_path / "data" / "chat.sqlite3")
    finally:
        os.umask(before)
    assert mode(tmp_path / "data") == 0o700


async def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o750)
    (tmp_path / "data").chmod(0o750)
    async with SqliteStore.open(tmp_path / "data" / "chat"):
        assert mode(tmp_path / "data") == 0o750


async def test_special_characters_in_the_path_have_no_effect(tmp_path: Path, pen: Pen) -> None:
    path = tmp_path / "a b?c#d%41" / "chat ?mode=memory.sqlite3"
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1)])
    assert path.is_file()


async def test_a_second_server_is_refused_with_the_process_id_of_the_first(path: Path) -> None:
    async with SqliteStore.open(path):
        with pytest.raises(StoreError, match=f"in use by another server, process {os.getpid()}"):
            async with SqliteStore.open(path):
                pass
        program = """
            import sys, trio
            from pathlib import Path
            from trio_chat.errors import StoreError
            from trio_chat.store import SqliteStore

            async def main():
                try:
                    async with SqliteStore.open(Path(sys.argv[1])):
                        print("opened")
                except StoreError as error:
                    print(error)

            trio.run(main)
        """
        assert f"process {os.getpid()}." in run_python(program, path)
    assert run_python(program, path) == "opened\n"


async def test_a_failed_opening_releases_the_lock(path: Path) -> None:
    put(path, b"this is no database, only a text that is long enough to be read as one" * 20)
    for _ in range(2):
        with pytest.raises(StoreError, match="is damaged"):
            async with SqliteStore.open(path):
                pass
    put(path, b"")
    async with SqliteStore.open(path):
        pass


@pytest.mark.parametrize("where", ["chat/data", "."])
async def test_a_path_that_cannot_be_a_database_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "chat").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be used|cannot be the database"):
        async with SqliteStore.open(tmp_path / where):
            pass


def test_a_directory_that_is_not_writable_is_refused(tmp_path: Path) -> None:
    program = """
        import os, sys, trio
        from pathlib import Path
        from trio_chat.errors import StoreError
        from trio_chat.store import SqliteStore

        path = Path(sys.argv[1])

        async def main():
            async with SqliteStore.open(path):
                pass
            path.chmod(0o444)
            path.parent.chmod(0o755)
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            else:
                path.parent.chmod(0o555)
            for place in (path, path.with_name("other")):
                try:
                    async with SqliteStore.open(place):
                        print("opened")
                except StoreError as error:
                    print("Look at its owner" in str(error) or "is read-only" in str(error))

        trio.run(main)
    """
    # A place that any user may reach: pytest's own folders are closed to others.
    folder = tmp_path / "d"
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    assert run_python(program, folder / "chat.sqlite3") == "True\nTrue\n"
    folder.chmod(0o755)
