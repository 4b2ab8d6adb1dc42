"""A person who runs the server is asked once at ``join`` whether to become its administrator."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.terminals import Terminal
from tests.launching import PROGRAM
from tests.programs import ServerProgram, environment, run
from trio_chat.cli import operator
from trio_chat.cli.operator import Operator, ask_operator, noted

ASKS = "You run this server, and it has no administrator yet"


@pytest.fixture(autouse=True)
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account of this machine under which everything runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProgram]:
    with ServerProgram("--data", str(tmp_path / "data")) as one:
        yield one


class Joined:
    """A person's ``join`` in a terminal."""

    def __init__(self, server: ServerProgram, name: str, *flags: str, env: dict[str, str] | None = None) -> None:
        command = [*PROGRAM, "join", name, f"127.0.0.1:{server.port}", *flags]
        self.terminal = Terminal(command, environment(**(env or {})))

    def __enter__(self) -> Terminal:
        return self.terminal

    def __exit__(self, *_: object) -> None:
        self.terminal.close()


def admins(tmp_path: Path) -> set[str]:
    done = run("admin", "users", "--json", "--data", str(tmp_path / "data"))
    return {row["name"] for row in map(json.loads, done.out.splitlines()) if row["admin"]}


@pytest.mark.parametrize("flags", [("--plain",), ()], ids=["line mode", "full screen"])
def test_both_interfaces_ask_before_they_begin_and_a_yes_is_done(
    server: ServerProgram, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    with Joined(server, "ada", *flags) as ada:
        ada.sees([ASKS])
        assert "#lobby" not in "\n".join(ada.lines())
        ada.types(["what?", "y"])
        ada.sees(["ada is an administrator of this server"])
        ada.sees(["#lobby>"])
        ada.types(["/quit"])
        ada.ends()
    assert admins(tmp_path) == {"ada"}
    with Joined(server, "bob", "--plain") as bob:  # there is one now
        bob.sees(["You are bob"])
        assert ASKS not in "\n".join(bob.lines())


def test_a_no_is_remembered_for_this_server(server: ServerProgram, tmp_path: Path) -> None:
    with Joined(server, "ada", "--plain") as ada:
        ada.sees([ASKS])
        ada.types(["n"])
        ada.sees(["admin promote NAME", "You are ada"])
    for name in ("ada", "bob"):
        with Joined(server, name, "--plain") as again:
            again.sees([f"You are {name}"])
            assert ASKS not in "\n".join(again.lines())
    assert admins(tmp_path) == set()


def test_another_account_is_not_asked(server: ServerProgram, tmp_path: Path) -> None:
    with Joined(server, "eve", "--plain", env={"XDG_STATE_HOME": str(tmp_path / "eve")}) as eve:
        eve.sees(["You are eve"])
        assert ASKS not in "\n".join(eve.lines())


def test_only_whoever_runs_a_server_by_invite_joins_it_without_one(tmp_path: Path) -> None:
    plain = ("--tls", "off", "--behind-proxy", "192.0.2.1")
    with ServerProgram("--data", str(tmp_path / "data"), "--host", "0.0.0.0", *plain) as server:
        for name in ("ada", "bob"):  # each is a newcomer, and both sit at the account that runs the server
            with Joined(server, name, "--plain") as person:
                if name == "ada":
                    person.sees([ASKS])
                    person.types(["n"])
                person.sees([f"You are {name}"])
        with Joined(server, "eve", "--plain", env={"XDG_STATE_HOME": str(tmp_path / "eve")}) as eve:
            eve.sees(["This server takes new people by invite only"])


def test_a_pipe_is_never_asked(server: ServerProgram) -> None:
    done = run("join", "ada", f"127.0.0.1:{server.port}", given="hello\n")
    assert done.status == 0
    assert "administrator" not in done.out + done.err


def test_a_socket_that_another_user_owns_counts_for_nothing(
    server: ServerProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator, "_ask", lambda: True)
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: 4711)
        assert ask_operator(server.url) is None
    assert ask_operator(server.url) is not None


def test_only_the_server_at_that_port_of_this_machine_counts(
    server: ServerProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator, "_ask", lambda: True)
    assert ask_operator(server.url.replace("127.0.0.1", "chat.example")) is None
    other = f"ws://127.0.0.1:{server.port + 1}/"
    with noted(tmp_path / "data", [other]):  # a note of a server that is not there any more
        assert ask_operator(other) is None


def test_an_input_that_ends_is_no_answer(server: ServerProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "_ask", lambda: None)
    assert ask_operator(server.url) is None
    monkeypatch.setattr(operator, "_ask", lambda: True)
    assert ask_operator(server.url) is not None


def test_nobody_is_promoted_on_a_server_that_is_another_than_the_one_that_let_them_in(
    server: ServerProgram, tmp_path: Path
) -> None:
    assert run("join", "ada", f"127.0.0.1:{server.port}", given="hello\n").status == 0
    mine = Operator(tmp_path / "data", "epoch")
    assert "another server than yours" in mine.promote("ada", "another epoch")
    assert admins(tmp_path) == set()
    assert "ada is an administrator" in mine.promote("ada", "epoch")
    assert "Nobody" in mine.promote("nobody", "epoch")
    server.stop()
    assert "the server has stopped" in mine.promote("ada", "epoch")


def test_the_note_of_a_server_goes_with_it(server: ServerProgram, tmp_path: Path) -> None:
    note = tmp_path / "state" / "trio-chat" / "serving" / f"{server.port}.json"
    assert json.loads(note.read_text()) == {"data": str(tmp_path / "data")}
    server.stop()
    assert not note.exists()
