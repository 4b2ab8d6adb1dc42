"""Looking into real folders: hidden names, odd names, large ones, and those that never answer."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from trio_chat.ui.commands.path_completion import TypedPath, path_at
from trio_chat.ui.file_jobs import folders
from trio_chat.ui.file_jobs.folders import Folders, existing_files, find_names


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, which is the current one and the home."""
    for name in ("build.log", "Build.md", ".hidden", "my file.txt", "b\u202eevil.txt", "new\nline"):
        (tmp_path / name).write_text("x")
    (tmp_path / "builds").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def names(line: str) -> list[str]:
    """The names that Tab finds behind a line."""
    typed = path_at(line, len(line))
    assert typed is not None
    return [one.name + "/" * one.is_folder for one in find_names(typed)]


@pytest.mark.usefixtures("here")
def test_names_are_found_that_can_be_typed() -> None:
    assert names("/send ") == ["Build.md", "build.log", "builds/", "my file.txt"]
    assert names("/send build") == ["build.log", "builds/"]  # the exact letters win
    assert names("/send bUi") == ["Build.md", "build.log", "builds/"]
    assert names("/send .") == [".hidden"]
    assert names("/send ~/my") == ["my file.txt"]
    assert names("/send nowhere/") == []
    assert names("/send build.log/") == []
    assert names("/send ~nobody-of-that-name/") == []
    assert names("/send a\0b/") == []


def test_a_large_folder_is_bounded(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        (here / f"n{number}").touch()
    assert len(names("/send n")) == folders.MOST_FOUND
    monkeypatch.setattr(folders, "MOST_READ", 50)
    assert len(names("/send n")) <= 50


async def test_a_folder_is_read_in_a_thread(here: Path) -> None:
    del here
    ran_in: list[int] = []

    async def in_thread(function: object, *args: object) -> object:
        def noting() -> object:
            ran_in.append(threading.get_ident())
            return function(*args)  # type: ignore[operator]

        return await trio.to_thread.run_sync(noting)

    found = await Folders(in_thread).complete(TypedPath(6, 6, "", "my"))
    assert found is not None
    assert found.candidates == ('"my file.txt"',)
    assert ran_in != [threading.get_ident()]


async def test_a_folder_that_never_answers_is_given_up(autojump_clock: MockClock) -> None:
    del autojump_clock

    async def never(*_args: object) -> object:
        await trio.sleep_forever()

    looking = Folders(never)
    assert await looking.complete(TypedPath(6, 6, "", "")) is None
    assert await looking.find_files([("/a",)]) == ()
    assert trio.current_time() > 0


def test_only_ordinary_files_that_all_exist_are_dropped_files(here: Path) -> None:
    log, folder = str(here / "build.log"), str(here / "builds")
    assert existing_files([(log,)]) == (here / "build.log",)
    assert existing_files([("~/build.log",)]) == (here / "build.log",)
    assert existing_files([(log, "/nowhere")]) == ()
    assert existing_files([(folder,)]) == ()
    assert existing_files([("/nowhere",), (log,)]) == (here / "build.log",)
    os.mkfifo(here / "pipe")
    assert existing_files([(str(here / "pipe"),)]) == ()
