"""Which files are handed to the desktop, and that nothing is ever executed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.ui.with_files import info
from trio_chat.errors import NotDone
from trio_chat.ui.file_jobs.opening import open_file, opener, why_not_opened

PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is nothing to open with")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.pdf", "application/pdf"),
        ("a.log", "text/plain"),
        ("a.mp4", "application/octet-stream"),
    ],
)
def test_harmless_files_are_opened(name: str, kind: str) -> None:
    assert why_not_opened(info(name, kind=kind)) == ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.sh", "text/plain"),
        ("a.desktop", "text/plain"),
        ("a.html", "text/plain"),
        ("a.svg", "text/plain"),
        ("a.exe", "application/octet-stream"),
        ("a.jar", "application/octet-stream"),
        ("a.docm", "application/octet-stream"),
        ("a.png.sh", "image/png"),
        ("a", "text/plain"),
        ("a.png", "application/octet-stream"),
        ("a.png", "text/plain"),
        ("a.txt", "application/octet-stream"),
        ("a.pdf", "text/plain"),
        ("a.mp3", "text/plain"),
        (".txt", "text/plain"),
        ("a\u202egnp.sh", "image/png"),
        ("a.sh\0.png", "application/octet-stream"),
    ],
)
def test_other_files_are_not_opened(name: str, kind: str) -> None:
    assert "is not opened" in why_not_opened(info(name, kind=kind))


def fake_opener(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in the place of the desktop's."""
    program = folder / opener(Path("x"))[0]
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def saved(folder: Path, name: str, data: bytes) -> Path:
    """A file that was fetched."""
    path = folder / name
    path.write_bytes(data)
    return path


async def test_the_desktop_gets_the_path_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    fake_opener(tmp_path, f'echo "$#" "$1" "[$TRIO_CHAT_PASSWORD]" > {told}', monkeypatch)
    monkeypatch.setenv("TRIO_CHAT_PASSWORD", "secret")
    await open_file(saved(tmp_path, "a; touch evil.png", PICTURE))
    assert told.read_text() == f"1 {tmp_path}/a; touch evil.png []\n"


async def test_an_opener_that_fails_or_is_missing_costs_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_opener(tmp_path, "exit 3", monkeypatch)
    with pytest.raises(NotDone, match="could not open it"):
        await open_file(saved(tmp_path, "a.png", PICTURE))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(NotDone, match="is not installed"):
        await open_file(saved(tmp_path, "a.png", PICTURE))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("song.mp3", b"MZ\x90\0\3\0\0\0"),  # Wine would run it
        ("film.mp4", b"PK\3\4\x14\0\0\0META-INF/"),  # Java would
        ("film.mkv", b"\x7fELF\2\1\1\0"),
        ("film.mov", b"MZ\x90\0\3\0\0\0free"),
        ("sound.wav", b"RIFF\0\0\0\0ACON"),
        ("a.png", b"#!/bin/sh\nrm -rf ~\n"),  # the server said image/png
        ("a.pdf", b"\x7fELF\2\1\1\0"),
        ("a.txt", b"MZ\x90\0\3\0\0\0"),
        ("a.sh", b"#!/bin/sh\n"),  # it was saved under a name of the person's own
    ],
)
async def test_bytes_that_are_others_than_the_name_says_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes
) -> None:
    fake_opener(tmp_path, f"touch {tmp_path}/opened", monkeypatch)
    with pytest.raises(NotDone, match="is not opened"):
        await open_file(saved(tmp_path, name, data))
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.mp3", b"ID3\3\0"),
        ("a.mp3", b"\xff\xfb\x90\x64\0"),
        ("a.OGG", b"OggS\0\2"),
        ("a.flac", b"fLaC\0"),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt "),
        ("a.mp4", b"\0\0\0\x20ftypisom"),
        ("a.webm", b"\x1aE\xdf\xa3\x9f"),
        ("a.mov", b"\0\0\0\x08wide"),
        ("a.txt", b"It failed.\n"),
        ("a.pdf", b"%PDF-1.7\n\xe2"),
    ],
)
async def test_sound_films_and_texts_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes
) -> None:
    fake_opener(tmp_path, f"touch {tmp_path}/opened", monkeypatch)
    await open_file(saved(tmp_path, name, data))
    assert (tmp_path / "opened").exists()


async def test_a_link_that_took_the_place_of_a_file_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_opener(tmp_path, f"touch {tmp_path}/opened", monkeypatch)
    link = tmp_path / "a.png"
    link.symlink_to(saved(tmp_path, "b.png", PICTURE))
    with pytest.raises(NotDone, match="could not open it"):
        await open_file(link)
    assert not (tmp_path / "opened").exists()
