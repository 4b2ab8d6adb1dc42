"""The input is edited in another program; whatever that does to the file, a sentence says it and no text is lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from trio_chat.ui.terminal.external_editor import MOST, EditedText, edit


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def editor(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a program of a shell script the editor."""
    program = folder / "an editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{program}'")


def files(folder: Path) -> dict[str, str]:
    """The files in a folder, each with its text; only their owner can read them."""
    found = list(folder.iterdir()) if folder.exists() else []
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in found)
    return {str(file): file.read_text() for file in found}


async def test_the_edited_text_comes_back(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(tmp_path, "printf ' and more\\n' >> \"$1\"", monkeypatch)
    assert await edit("begun", kept) == EditedText("begun and more")
    assert files(kept) == {}


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ('rm "$1"', "could not be read: No such file or directory."),
        ('rm "$1"; mkdir "$1"', "Is a directory|left no file"),
        ('rm "$1"; mkfifo "$1"', "left no file with a text."),
        ('rm -r "$(dirname "$1")"', "could not be read: No such file or directory."),
        ('echo x > "$1"; exit 3', "ended with status 3."),
        ("kill -9 $$", "was ended by signal 9."),
    ],
)
async def test_a_program_that_leaves_no_text_leaves_the_input_as_it_was(
    script: str, why: str, tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, script, monkeypatch)
    text, told = await edit("begun", kept)
    assert text == "begun"
    assert any(part in told for part in why.split("|"))
    assert files(kept) == {}


async def test_the_text_of_a_program_that_was_killed_is_kept(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, 'printf written > "$1"; kill -9 $$', monkeypatch)
    text, told = await edit("begun", kept)
    assert (text, list(files(kept).values())) == ("begun", ["written"])
    assert next(iter(files(kept))) in told


async def test_a_text_that_is_too_long_for_the_input_is_kept_in_a_private_file(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, f"head -c {MOST + 1} /dev/zero | tr '\\0' x > \"$1\"", monkeypatch)
    text, told = await edit("begun", kept)
    ((name, content),) = files(kept).items()
    assert (text, content) == ("begun", "x" * (MOST + 1))
    assert told == f"The edited text has {MOST + 1} characters, too many for the input. It is in {name}."


async def test_a_program_that_cannot_be_started_is_named(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    for command, why in (("/nowhere/ed -x", "/nowhere/ed could not be started"), ("vi '", "could not be started")):
        monkeypatch.setenv("EDITOR", command)
        text, told = await edit("begun", kept)
        assert text == "begun"
        assert why in told


async def test_without_a_program_it_is_vi(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vi").write_text('#!/bin/sh\nprintf vi > "$1"\n')
    (tmp_path / "vi").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("VISUAL", "")
    monkeypatch.setenv("EDITOR", "  ")
    assert await edit("begun", kept) == EditedText("vi")


async def test_a_folder_that_takes_no_file_is_told(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    monkeypatch.setenv("EDITOR", "true")
    text, told = await edit("begun", kept)
    assert (text, told) == ("begun", "There is no place for the editor's file: No such file or directory.")
