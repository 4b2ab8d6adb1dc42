"""``log_directory``: the full screen, line mode, a pipe and ``tail`` keep a log of the chat on this machine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.terminals import Terminal
from tests.launching import PROGRAM
from tests.programs import ServerProgram, Started, elsewhere, environment, run, say


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


def logged(directory: Path, stem: str) -> list[str]:
    """The lines of a room's only log, without their times."""
    found = list(directory.glob(f"*/{stem}.*.log"))
    assert len(found) == 1, found
    assert stat.S_IMODE(found[0].stat().st_mode) == 0o600
    return [line.split(" ", 2)[2] for line in found[0].read_text("utf-8").splitlines()]


@pytest.mark.parametrize("plain", [(), ("--plain",)], ids=["full screen", "line mode"])
def test_both_interfaces_keep_a_log(server: ServerProgram, tmp_path: Path, plain: tuple[str, ...]) -> None:
    logs = tmp_path / "logs"
    room = "plain" if plain else "screen"
    command = [*PROGRAM, "join", "--url", server.url, "--name", f"eve-{room}", "--room", room]
    terminal = Terminal([*command, "--log-directory", str(logs), *plain], elsewhere(tmp_path, NO_COLOR="1"))
    try:
        terminal.sees([f"#{room}>"])
        terminal.types(["my own words"])
        terminal.sees(["my own words"])
        say(server.url, "ada", "grüße", room=f"#{room}")
        terminal.sees(["grüße"])
        sent = run("send", f"@eve-{room}", "between us", "--name", "dan", env=environment(TRIO_CHAT_URL=server.url))
        assert sent.status == 0
        terminal.sees(["dan"])
        terminal.types(["/quit"])
        terminal.ends()
    finally:
        terminal.close()
    assert logged(logs, room) == [f"#1 eve-{room}: my own words", "#2 ada: grüße"]
    assert logged(logs, f"@dan+eve-{room}") == ["#1 dan: between us"]


def test_the_full_screen_puts_into_the_log_what_was_said_since_the_last_run(
    server: ServerProgram, tmp_path: Path
) -> None:
    command = [*PROGRAM, "join", "--url", server.url, "--name", "cyd", "--room", "since"]
    for said in ("first", "last"):
        terminal = Terminal([*command, "--log-directory", str(tmp_path / "logs")], elsewhere(tmp_path, NO_COLOR="1"))
        try:
            terminal.sees(["#since>"])
            terminal.types([said])
            terminal.sees([f"{said} ✓"])
            terminal.types(["/quit"])
            terminal.ends()
        finally:
            terminal.close()
        if said == "first":
            say(server.url, "ada", *(f"missed {number}" for number in range(3)), room="#since")
    missed = [f"#{number + 2} ada: missed {number}" for number in range(3)]
    assert logged(tmp_path / "logs", "since") == ["#1 cyd: first", *missed, "#5 cyd: last"]


def test_a_pipe_and_tail_write_each_event_once_into_one_log(server: ServerProgram, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_LOG_DIRECTORY=str(logs))
    with Started("tail", "#both", "--json", env=env) as tail:
        done = run("join", "--name", "bob", "--room", "both", env=elsewhere(tmp_path, **env), given="one\ntwo\n")
        assert done.status == 0
        say(server.url, "ada", "three", room="#both")
        tail.wait_for("three")
    with Started("tail", "-n", "9", "#both", env=env) as tail:
        tail.wait_for("#both ada: three")
    assert logged(logs, "both") == ["#1 bob: one", "#2 bob: two", "#3 ada: three"]


def test_a_log_that_cannot_be_written_is_said_once_on_standard_error(server: ServerProgram, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_LOG_DIRECTORY=str(logs))
    with Started("tail", "-n", "1", "#full", env=env) as tail:
        say(server.url, "ada", "one", room="#full")
        tail.wait_for("ada: one")
        (folder,) = logs.iterdir()
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "moved")
        say(server.url, "ada", "two", "three", room="#full")
        tail.wait_for("ada: three")
        tail.wait_for("cannot be written")
        assert tail.err.count("cannot be written") == 1


def test_a_place_where_no_log_can_be_is_refused_before_connecting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = tmp_path / "config.toml"
    settings.write_text('[client]\nlog_directory = "file"\n')
    for command in (("join",), ("tail",), ("config", "check")):
        done = run(*command, "--config", str(settings))
        assert (done.status, "is not a directory. Name one" in done.out + done.err) == (2, True), (command, done)
