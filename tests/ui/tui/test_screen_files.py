"""Files between two real programs and a real server: in the full screen, in line mode, over a restart and hostile
names."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.programs import ServerProgram, as_somebody
from tests.pty_driver import PtyProgram
from tests.ui.tui.screens import Screen
from trio_chat.client import Chat

LARGE = 24 * 1024 * 1024


def home_of(folder: Path, name: str) -> Path:
    """A home with a folder for downloads."""
    home = folder / name
    (home / "Downloads").mkdir(parents=True)
    return home


def screen(server: ServerProgram, home: Path, name: str, *more: str, columns: int = 80, rows: int = 24) -> Screen:
    """A full screen whose user has this home."""
    return Screen(server.url, home, *more, name=name, columns=columns, rows=rows, HOME=str(home))


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 5), (200, 50)])
def test_a_file_is_sent_seen_and_saved(tmp_path: Path, columns: int, rows: int) -> None:
    here, there = home_of(tmp_path, "a"), home_of(tmp_path, "b")
    (here / "my build.log").write_bytes(data := os.urandom(5000))
    with (
        ServerProgram() as server,
        screen(server, here, "ada").ready() as ada,
        screen(server, there, "bob", columns=columns, rows=rows).ready() as bob,
    ):
        ada.type("/send ~/my\t")
        ada.wait_for('"~/my build.log"')
        ada.type("see\r")
        ada.sees("↓ my build.log", "4.9 KiB")
        bob.wait_for(".log")
        bob.press("M-s", "Enter")
        saved = there / "Downloads" / "my build.log"
        bob.wait_until(saved.exists, "the file to be saved")
        assert saved.read_bytes() == data
        assert not saved.stat().st_mode & 0o111
        bob.wait_for("done")
        saved.write_text("mine")
        bob.press("M-s", "Enter")
        bob.wait_for("A file of that name" if rows > 5 else "keep both")
        bob.press("Enter")
        bob.wait_until((there / "Downloads" / "my build (1).log").exists, "both to be kept")
        assert saved.read_text() == "mine"


def test_a_dropped_file_is_offered(tmp_path: Path) -> None:
    home = home_of(tmp_path, "a")
    (home / "my file.txt").write_text("x")
    with ServerProgram() as server, screen(server, home, "ada").ready() as ada:
        ada.type(f"\x1b[200~'{home}/my file.txt' \x1b[201~")
        ada.wait_for("my file.txt, 1 byte, to #lobby.")
        ada.type("c")
        ada.wait_for("> /send ")
        ada.type("look\r")
        ada.sees("look", "↓ my file.txt", "1 byte")


def test_sending_goes_on_after_the_end_of_the_program(tmp_path: Path) -> None:
    home = home_of(tmp_path, "a")
    (home / "big.iso").write_bytes(data := os.urandom(LARGE))
    digests: list[str] = []

    async def fetch(chat: Chat) -> None:
        page = await chat.history("#lobby")
        digests.extend(file.sha256 for event in page.events for file in getattr(event, "files", ()))

    with ServerProgram() as server:
        with screen(server, home, "ada").ready() as ada:
            ada.type("/send ~/big.iso the first\r")
            ada.wait_for("24.0 MiB, to #lobby.")
            ada.process.kill()  # before the answer: nothing was begun
            ada.process.wait()
        with screen(server, home, "ada").ready() as ada:
            ada.type("/send ~/big.iso the second\r")
            ada.wait_for("24.0 MiB, to #lobby.")
            ada.press("Enter")
            ada.wait_until(lambda: any((home / "state").rglob("uploads/*/*.json")), "the journal")
            ada.process.kill()
            ada.process.wait()
        with screen(server, home, "ada").ready() as ada:
            ada.sees("the second", "↓ big.iso")  # from the journal, unless it was quicker than the signal
        as_somebody(server.url, "eve", fetch)
    assert digests == [hashlib.sha256(data).hexdigest()]


def test_hostile_names_stay_in_the_folder(tmp_path: Path) -> None:
    home = home_of(tmp_path, "b")
    data = tmp_path / "data"
    data.write_text("x")

    async def send(chat: Chat) -> None:
        for name in ("../../.profile", "a\u202egnp.exe", "CON", "x" * 300 + ".txt", "\x1b[2Jclear.txt", ".hidden"):
            await chat.send_file("#lobby", data, name=name)

    with ServerProgram() as server, screen(server, home, "bob", columns=60).ready() as bob:
        as_somebody(server.url, "eve", send)
        bob.wait_for("hidden")
        assert "eve" in bob.text  # nothing cleared the screen
        folder = home / "Downloads"

        def saved() -> list[str]:
            return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".part"))

        for number in range(1, 7):
            bob.type(f"/save {number}\r")
            bob.wait_until(lambda: len(saved()) == number, "the file to be saved")  # noqa: B023
        assert all(len(name.encode()) <= 255 and name.isprintable() and name[0] != "." for name in saved()), saved()
        assert {path.name for path in home.iterdir()} <= {"Downloads", "config.toml", "state", "trio-chat"}
        bob.type("/open 5\r")
        bob.sees("is not opened")


def test_line_mode_sends_and_saves(tmp_path: Path) -> None:
    here, there = home_of(tmp_path, "a"), home_of(tmp_path, "b")
    (here / "build.log").write_text("it failed")
    with (
        ServerProgram() as server,
        screen(server, here, "ada", "--plain") as ada,
        screen(server, there, "bob", "--plain") as bob,
    ):
        for one in (ada, bob):
            PtyProgram.wait_for(one, "#lobby>")
        ada.type("/send ~/bui\t")
        PtyProgram.wait_for(ada, "> /send ~/build.log ")
        ada.type("see this\r")
        PtyProgram.wait_for(bob, "[file] build.log, 9 bytes, text")
        bob.type("/save\r")
        PtyProgram.wait_for(bob, "Saved: ")
        assert (there / "Downloads" / "build.log").read_text() == "it failed"
