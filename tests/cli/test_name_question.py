"""A guest who leaves out the name is asked for it at a terminal, in line mode and in the full screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.programs import ServerProgram, elsewhere, run, say
from tests.pty_driver import PtyProgram


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


def join(server: ServerProgram, home: Path, *more: str, columns: int = 80, rows: int = 24) -> PtyProgram:
    env = elsewhere(home, NO_COLOR="1", LOGNAME="noether")
    return PtyProgram([*PROGRAM, "join", *more, server.url], env=env, columns=columns, rows=rows)


def test_enter_alone_takes_the_systems_name_and_nobody_is_asked_again(server: ServerProgram, tmp_path: Path) -> None:
    for _ in range(2):
        with join(server, tmp_path, "--plain") as guest:
            if not (tmp_path / "elsewhere" / "trio-chat").exists():
                guest.wait_for("Your name [noether]: ")
                guest.type("\r")
            guest.wait_for("-- You are noether.")
            guest.type("/quit\r")
            assert guest.wait_exit() == 0
            assert guest.raw.count(b"Your name") <= 1
        assert (tmp_path / "elsewhere" / "trio-chat").exists()


def test_a_name_that_will_not_do_is_asked_again_with_the_reason(server: ServerProgram, tmp_path: Path) -> None:
    say(server.url, "ada", "hello")
    with join(server, tmp_path, "--plain") as guest:
        guest.wait_for("Your name [noether]: ")
        guest.type("a b\r")
        guest.wait_for("cannot be a name")
        guest.type("ada\r")
        guest.wait_for("The name ada already has an owner.")
        guest.wait_asked("Account password: ")
        guest.type("\r")
        guest.wait_for("Another name [noether]: ")
        guest.type("emmy\r")
        guest.wait_for("-- You are emmy.")


def test_a_made_up_name_is_only_for_those_who_ask_for_it(server: ServerProgram, tmp_path: Path) -> None:
    with join(server, tmp_path, "--plain") as guest:
        guest.wait_for("* lets the server make one up.")
        guest.type("*\r")
        guest.wait_for("-- You are user_")


def test_no_name_is_claimed_by_somebody_who_leaves_the_question(server: ServerProgram, tmp_path: Path) -> None:
    with join(server, tmp_path, "--plain") as guest:
        guest.wait_for("Your name [noether]: ")
        guest.type(b"\x03")
        assert guest.wait_exit() == 130
        guest.assert_given_back()
    assert not (tmp_path / "elsewhere" / "trio-chat" / "identities").exists()


def test_a_script_is_never_asked(server: ServerProgram, tmp_path: Path) -> None:
    assert run("join", server.url, env=elsewhere(tmp_path)).out.startswith("-- You are user_")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 5), (200, 50)])
def test_the_full_screen_asks_too(server: ServerProgram, tmp_path: Path, columns: int, rows: int) -> None:
    with join(server, tmp_path, columns=columns, rows=rows) as guest:
        guest.wait_for("Your name")
        guest.type("a b\r")
        guest.wait_until(lambda: "cannot be a" in " ".join(row.strip("│ ") for row in guest.rows), "the reason")
        guest.type(f"emmy{columns}\r")
        guest.wait_until(
            lambda: "connecting" not in guest.rows[-2] and "offline" not in guest.last_row and ">" in guest.last_row,
            "the prompt of the lobby",
        )
        guest.type("/quit\r")
        assert guest.wait_exit() == 0
    assert run("join", server.url, env=elsewhere(tmp_path)).out.startswith(f"-- You are emmy{columns}.")
