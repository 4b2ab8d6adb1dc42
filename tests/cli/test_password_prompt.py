"""A password asked for at a terminal is never seen, and the terminal is given back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.programs import ServerProgram, elsewhere, environment, run
from tests.pty_driver import PtyProgram


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProgram]:
    secret = tmp_path_factory.mktemp("house") / "password"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    with ServerProgram("--password-file", str(secret)) as one:
        yield one


def join(server: ServerProgram, name: str = "ada", env: dict[str, str] | None = None) -> PtyProgram:
    env = environment(NO_COLOR="1") if env is None else env
    return PtyProgram([*PROGRAM, "join", "--plain", name, server.url], env=env, columns=90, rows=20)


def test_a_password_is_asked_for_without_showing_it(server: ServerProgram) -> None:
    with join(server) as ada:
        ada.wait_for("This server requires a password.")
        ada.wait_asked("Server password:")
        ada.type("wrong\r")
        ada.wait_for("The server password is wrong.")
        ada.wait_asked("Server password:", 2)
        ada.type("correct horse\r")
        ada.wait_for("#lobby> ")
        assert b"horse" not in ada.raw


def test_after_three_wrong_ones_it_is_over(server: ServerProgram) -> None:
    with join(server) as eve:
        for tries in range(1, 4):
            eve.wait_asked("Server password:", tries)
            eve.type("wrong\r")
        assert eve.wait_exit() == 1
        eve.assert_given_back()


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_at_the_prompt_gives_the_terminal_back(server: ServerProgram, name: str, status: int) -> None:
    with join(server) as ada:
        ada.wait_asked("Server password:")
        ada.signal(signal.Signals[name])
        assert ada.wait_exit() == status
        ada.assert_given_back()


def press_until_stopped(terminal: PtyProgram) -> None:
    """Press Ctrl-Z, and once more a second later where the first came in the instant before the program reads: a
    signal is heeded then with the next key."""
    looks = count()

    def stopped() -> bool:
        if next(looks) % 20 == 0:
            terminal.type("\x1a")
        return any("Stopped" in row for row in terminal.rows)

    terminal.wait_until(stopped, "the program to be stopped")


def test_after_ctrl_z_and_fg_it_is_still_not_shown(server: ServerProgram) -> None:
    shell = ["/bin/bash", "--norc", "--noprofile", "-i"]
    with PtyProgram(shell, env=environment(PS1="shell$ ", NO_COLOR="1"), columns=100) as terminal:
        terminal.wait_for("shell$")
        terminal.type(f"{' '.join(PROGRAM)} join --plain ada {server.url}\r")
        terminal.wait_asked("Server password:")
        press_until_stopped(terminal)
        terminal.type("stty -a | grep -o ' icanon\\| echo ' | tr -d '\\n'; echo '=modes'\r")
        terminal.wait_for(" icanon echo =modes")
        terminal.type("fg\r")
        terminal.wait_asked("Server password:", 2)
        terminal.type("correct horse\r")
        terminal.wait_for("#lobby> ")
        assert b"horse" not in terminal.raw
        terminal.type("\x04")
        terminal.wait_until(lambda: terminal.last_row.startswith("shell$"), "the shell")
        terminal.type("stty -a | grep -o ' echo '; echo '=modes again'\r")
        terminal.wait_until(lambda: "=modes again" in terminal.rows, "the modes")
        assert " echo" in terminal.rows


def test_a_password_set_unseen_lets_another_device_in(tmp_path: Path) -> None:
    with ServerProgram() as server, join(server, "lovelace") as one:
        one.wait_for("#lobby> ")
        one.type("/password\r")
        one.wait_for("New password")
        one.type("correct horse\r")
        one.wait_for("Repeat it")
        one.type("correct horse\r")
        one.wait_for("Your password is set.")
        with join(server, "lovelace", elsewhere(tmp_path, NO_COLOR="1")) as other:
            other.wait_asked("Account password:")
            other.type("wrong horse\r")
            other.wait_for("The password for lovelace is wrong.")
            other.wait_asked("Account password:", 2)
            other.type("correct horse\r")
            other.wait_for("#lobby> ")
            assert any("-- You are lovelace." in row for row in other.everything)
            assert b"horse" not in other.raw
        assert b"horse" not in one.raw


def test_a_server_password_that_changed_meanwhile_is_asked_for_and_the_chat_goes_on(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    port = find_free_port()
    with ServerProgram(port=port) as server, join(server) as ada:
        ada.wait_for("#lobby> ")
        server.signal(signal.SIGKILL)
        ada.wait_for("(offline)> ")
        with ServerProgram("--password-file", str(secret), port=port):
            ada.wait_asked("Server password:")
            assert sum("This server requires a password." in row for row in ada.everything) == 1
            ada.type("correct horse\r")
            ada.wait_for("#lobby> ")
            ada.type("still here\r")
            ada.wait_for("#lobby ada: still here")
            ada.type("/quit\r")
            assert ada.wait_exit() == 0
            ada.assert_given_back()


def test_a_link_is_asked_for_without_showing_it_to_anybody(tmp_path: Path) -> None:
    with ServerProgram("--data", str(tmp_path / "data"), "--admit", "invites") as server:
        made = run("admin", "invite", "--data", str(tmp_path / "data"), "--url", server.url)
        link = next(word.strip("'") for word in made.out.split() if "#pin=" in word)
        argv = [*PROGRAM, "join", "--plain", "ada", "-"]
        with PtyProgram(argv, env=elsewhere(tmp_path, NO_COLOR="1"), columns=90, rows=20) as ada:
            ada.wait_asked("Link:")
            ada.type(f"{link}\r")
            ada.wait_for("#lobby> ")
            assert link.partition("invite=")[2].encode() not in ada.raw
        server.stop()


def test_without_a_terminal_no_link_is_asked_for() -> None:
    refused = run("join", "-", given=f"{'x' * 22}\n")
    assert (refused.status, refused.out) == (2, "")
    assert "no terminal" in refused.err
