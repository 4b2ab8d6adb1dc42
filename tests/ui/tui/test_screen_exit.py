"""The full screen in a pseudo-terminal: whatever ends it, the terminal is given back."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import sys
from pathlib import Path

import pytest

from tests.programs import ServerProgram
from tests.ui.tui.rich_server import LOBBY, Running
from tests.ui.tui.screens import Screen

SMALL, USUAL, LARGE = (20, 5), (80, 24), (200, 50)


def gone(house: Running) -> bool:
    """Whether the server has nobody any more, so that every name is free again."""
    return house.server.open_streams == 0


@pytest.mark.parametrize(
    ("number", "status", "size"),
    [
        (signal.SIGTERM, 143, USUAL),
        (signal.SIGTERM, 143, SMALL),
        (signal.SIGHUP, 129, LARGE),
        (signal.SIGINT, 130, SMALL),
    ],
)
def test_a_signal_gives_the_terminal_back(
    house: Running, tmp_path: Path, number: signal.Signals, status: int, size: tuple[int, int]
) -> None:
    with Screen(house.url, tmp_path, columns=size[0], rows=size[1]).ready() as ada:
        ada.signal(number)
        assert ada.wait_exit() == status
        ada.assert_given_back()
        assert b"\x1b[?1000l" in ada.raw
        assert ada.raw.rindex(b"\x1b[?1004l") > ada.raw.rindex(b"\x1b[?1004h")
        ada.wait_until(lambda: gone(house), "the name to be free")


@pytest.mark.parametrize("size", [USUAL, SMALL, LARGE])
def test_a_terminal_that_hangs_up_ends_it_and_frees_the_name(
    house: Running, tmp_path: Path, size: tuple[int, int]
) -> None:
    with Screen(house.url, tmp_path, columns=size[0], rows=size[1]).ready() as ada:
        ada.type("half a thought")
        ada.wait_until(lambda: "thought" in ada.last_row, "the draft")
        ada.hang_up()
        assert ada.wait_exit() == 129
        ada.wait_until(lambda: gone(house), "the name to be free")
    assert not list((tmp_path / "state" / "trio-chat").glob("crash-*.txt"))
    with Screen(house.url, tmp_path, columns=size[0], rows=size[1]).ready() as ada:
        ada.wait_until(lambda: ada.last_row.endswith("thought"), "the draft, as it was")


@pytest.mark.parametrize("key", ["C-c", "C-d"])
def test_a_key_gives_the_terminal_back(house: Running, tmp_path: Path, key: str) -> None:
    with Screen(house.url, tmp_path).ready() as ada:
        ada.press(key)
        assert ada.wait_exit() == (130 if key == "C-c" else 0)
        ada.assert_given_back()


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again(house: Running, tmp_path: Path) -> None:
    with Screen(house.url, tmp_path, under=("sh", "-i"), PS1="shell: ", ENV="") as ada:
        ada.wait_for("shell: ")
        ada.type(f"{shlex.join(ada.command)}\r")
        ada.ready()
        house.say("before", room=LOBBY)
        ada.wait_for("before")
        ada.type("draft")
        ada.press("C-z")
        ada.wait_until(lambda: b"\x1b[?1049l" in ada.raw and "shell:" in ada.last_row, "the shell")
        assert ada.echoes
        assert not ada.screen.cursor.hidden
        house.say("meanwhile", room=LOBBY)
        ada.resize(60, 10)
        ada.screen.reset()
        ada.type("fg\r")
        ada.wait_for("meanwhile")
        ada.wait_until(lambda: ada.last_row == "→ #lobby> draft" and len(ada.rows) == 10, "the screen as it was")
        ada.press("C-u")
        ada.type("/quit\r")
        ada.wait_until(lambda: "shell:" in ada.last_row, "the shell")
        ada.type("exit\r")
        assert ada.wait_exit() == 0


def test_the_death_of_the_server_leaves_a_screen_that_can_be_left(tmp_path: Path) -> None:
    with ServerProgram() as server, Screen(server.url, tmp_path).ready() as ada:
        server.process.kill()
        ada.wait_for("no connection for")
        ada.press("C-c")
        assert ada.wait_exit() == 130
        ada.assert_given_back()


@pytest.mark.parametrize("size", [USUAL, SMALL])
def test_an_error_in_a_task_gives_the_terminal_back_and_leaves_a_report(
    house: Running, tmp_path: Path, size: tuple[int, int]
) -> None:
    breaker = tmp_path / "broken"
    breaker.mkdir()
    (breaker / "sitecustomize.py").write_text(
        "import trio_chat.ui.model.fuzzy as finding\n"
        "def fuzzy(*args):\n"
        "    raise RuntimeError('broken on purpose')\n"
        "finding.fuzzy = fuzzy\n"
    )
    path = os.pathsep.join([str(breaker), *sys.path])
    with Screen(house.url, tmp_path, PYTHONPATH=path, columns=size[0], rows=size[1]).ready() as ada:
        ada.press("C-k")
        assert ada.wait_exit() == 1
        ada.assert_given_back()
        assert b"A report is in" in ada.raw
        assert b"Traceback" not in ada.raw
        reports = list((tmp_path / "state" / "trio-chat").glob("crash-*.txt"))
        assert len(reports) == 1
        assert str(reports[0]).encode() in ada.raw
        assert "broken on purpose" in reports[0].read_text()
        assert stat.S_IMODE(reports[0].stat().st_mode) == 0o600
        ada.wait_until(lambda: gone(house), "the name to be free")
