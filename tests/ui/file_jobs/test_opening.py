"""Which files are handed to the desktop, and that nothing is ever executed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.ui.with_files import info
from trio_chat.errors import NotDone
from trio_chat.ui.file_jobs.opening import open_file, opener, why_not_opened

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


async def test_the_desktop_gets_the_path_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    fake_opener(tmp_path, f'echo "$#" "$1" "[$TRIO_CHAT_PASSWORD]" > {told}', monkeypatch)
    monkeypatch.setenv("TRIO_CHAT_PASSWORD", "secret")
    await open_file(tmp_path / "a; touch evil.png")
    assert told.read_text() == f"1 {tmp_path}/a; touch evil.png []\n"


async def test_an_opener_that_fails_or_is_missing_costs_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_opener(tmp_path, "exit 3", monkeypatch)
    with pytest.raises(NotDone, match="could not open it"):
        await open_file(tmp_path / "a.png")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(NotDone, match="is not installed"):
        await open_file(tmp_path / "a.png")
