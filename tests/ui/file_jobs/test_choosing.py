"""The files that /send means, and where /save puts a file, on a real disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.ui.with_files import info
from trio_chat.errors import NotDone
from trio_chat.protocol.parts import FileInfo
from trio_chat.ui.file_jobs import choosing
from trio_chat.ui.file_jobs.choosing import SavePlace, choose_files, choose_place, download_folder, free_path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, which is the current one and the home."""
    for name in ("a.png", "b.png", "it", "my file.txt", "failed"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "names", "text"),
    [
        ("a.png", ["a.png"], ""),
        ("a.png it failed", ["a.png"], "it failed"),  # there is a file called so
        ("a.png b.png", ["a.png", "b.png"], ""),
        ("a.png ./it failed", ["a.png", "it"], "failed"),
        ("it 'failed' now", ["it", "failed"], "now"),
        ("'my file.txt' see  this", ["my file.txt"], "see  this"),
        (r"my\ file.txt", ["my file.txt"], ""),
        ("~/a.png ~/b.png", ["a.png", "b.png"], ""),
        ("a.png -- b.png is better", ["a.png"], "b.png is better"),
        ("a.png see 1.2.3", ["a.png"], "see 1.2.3"),
        ("a.png done.", ["a.png"], "done."),
        ("a.png two\nlines", ["a.png"], "two\nlines"),
        ("a.png http://example.org/x", ["a.png"], "http://example.org/x"),
    ],
)
def test_paths_and_text(here: Path, argument: str, names: list[str], text: str) -> None:
    files, rest = choose_files(argument)
    assert [file.path for file in files] == [here / name for name in names]
    assert rest == text


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("nowhere.png", "There is no file"),
        ("folder", "is a folder"),
        ("a.png /nowhere", "There is no file"),
        ("a.png 'no such'", "There is no file"),
        ("pipe", "no ordinary file"),
        ("a\0b", "cannot be read"),
        ("~nobody-of-that-name/x", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_said(here: Path, argument: str, why: str) -> None:
    os.mkfifo(here / "pipe")
    with pytest.raises(NotDone, match=why):
        choose_files(argument)


def file_of(data: bytes, name: str = "new.txt") -> FileInfo:
    """A file with these bytes."""
    sha256 = hashlib.sha256(data).hexdigest()
    return FileInfo(id="i", name=name, size=len(data), sha256=sha256)


def test_a_folder_gets_the_file_under_its_own_name(here: Path) -> None:
    assert choose_place(info(), "folder").path == here / "folder" / "build.log"
    assert choose_place(info(), "~/folder/").path == here / "folder" / "build.log"
    assert choose_place(info(), "other.txt") == SavePlace(here / "other.txt")
    assert choose_place(info(), "").path == download_folder() / "build.log"


def test_the_folder_for_downloads_is_the_home_where_there_is_none(here: Path) -> None:
    assert download_folder() == here
    (here / "Downloads").mkdir()
    assert download_folder() == here / "Downloads"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "a\0b", ".bashrc", "CON", "x" * 300 + ".txt"]
)
def test_a_hostile_name_stays_in_the_folder(here: Path, name: str) -> None:
    path = choose_place(info(name), "folder").path
    assert path.parent == here / "folder"
    assert path.name[0] != "."
    path.touch()


def test_what_is_there_already_is_noticed(here: Path) -> None:
    assert choose_place(file_of(b"x"), "a.png") == SavePlace(here / "a.png", taken=True, same=True)
    assert choose_place(file_of(b"y"), "a.png") == SavePlace(here / "a.png", taken=True)
    (here / "link").symlink_to(here / "a.png")
    assert choose_place(file_of(b"x"), "link") == SavePlace(here / "link", taken=True)  # a link is no file of ours
    (here / "dangling").symlink_to(here / "nowhere")
    assert choose_place(file_of(b"x"), "dangling").taken


@pytest.mark.parametrize(
    ("typed", "several", "why"),
    [
        ("nowhere/x", False, "There is no folder"),
        ("nowhere/", False, "There is no folder"),
        ("new", True, "There is no folder"),
        ("a.png/x", False, "There is no folder"),
        ("a\0b", False, "There is no folder|cannot be saved"),
        ("~nobody-of-that-name/x", False, "cannot be saved"),
    ],
)
def test_places_that_do_not_exist(typed: str, *, several: bool, why: str) -> None:
    with pytest.raises(NotDone, match=why):
        choose_place(info(), typed, several=several)


def test_a_folder_of_the_files_name_is_not_taken_for_the_file(here: Path) -> None:
    (here / "folder" / "build.log").mkdir()
    with pytest.raises(NotDone, match="is a folder"):
        choose_place(info(), "folder")


def test_a_free_name_has_a_number(here: Path) -> None:
    assert free_path(here / "new.txt") == here / "new.txt"
    assert free_path(here / "a.png") == here / "a (1).png"
    (here / "a (1).png").symlink_to(here / "nowhere")
    assert free_path(here / "a.png") == here / "a (2).png"
    assert free_path(here / "it") == here / "it (1)"


def test_files_in_words() -> None:
    assert choosing.names_and_size(choose_files("a.png b.png")[0]) == "2 files, 2 bytes"
    assert choosing.names_and_size(choose_files("a.png")[0]) == "a.png, 1 byte"
