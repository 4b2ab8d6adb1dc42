"""Standard streams that are missing, full, or no longer read: no command takes them for success, or crashes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import PATIENCE, ServerProgram, environment, say

FULL = "trio-chat: Cannot write the output: No space left on device.\n"
MISSING = "trio-chat: Cannot write the output: Bad file descriptor.\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server with a message; yields the variables that lead commands to it."""
    data = str(tmp_path_factory.mktemp("data"))
    with ServerProgram("--data", data) as server:
        say(server.url, "bob", "needle in the hay")
        yield {"TRIO_CHAT_URL": server.url, "TRIO_CHAT_DATA": data}


def shell(redirections: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, with redirections as a person would type them."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "trio_chat", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=env,
    )


WRITING = {
    "who": ["who"],
    "search": ["search", "needle"],
    "tail": ["tail", "-n", "1"],
    "join": ["join"],
    "--version": ["--version"],
    "config show": ["config", "show"],
    "config check": ["config", "check"],
    "completion": ["completion", "bash"],
    "admin users": ["admin", "users"],
    "admin check": ["admin", "check"],
    "admin export": ["admin", "export"],
}


@pytest.mark.parametrize("arguments", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize(("redirection", "sentence"), [(">/dev/full", FULL), (">&-", MISSING)])
def test_output_that_cannot_be_written_is_said_and_fails(
    served: dict[str, str], tmp_path: Path, arguments: list[str], redirection: str, sentence: str
) -> None:
    done = shell(redirection, *arguments, env=environment(**served, XDG_STATE_HOME=str(tmp_path)))
    assert (done.returncode, done.stderr) == (1, sentence)
    assert not list(tmp_path.rglob("crash-*"))


@pytest.mark.parametrize("redirection", ["2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["who", "--nosuch"], 2),
        ([], 2),
        (["admin"], 2),
        (["who", "#nowhere"], 1),
        (["config", "check", "--config", "/nonexistent"], 2),
        (["send", "#lobby", "a word"], 0),
    ],
    ids=str,
)
def test_a_missing_stream_changes_no_other_exit_status(
    served: dict[str, str], tmp_path: Path, arguments: list[str], status: int, redirection: str
) -> None:
    done = shell(redirection, *arguments, env=environment(**served, XDG_STATE_HOME=str(tmp_path)))
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("crash-*"))


@pytest.mark.parametrize("arguments", [["who"], ["admin", "users"]], ids=str)
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-"])
def test_a_missing_standard_error_or_input_does_not_disturb_a_command_that_does_not_need_it(
    served: dict[str, str], tmp_path: Path, arguments: list[str], redirection: str
) -> None:
    done = shell(redirection, *arguments, env=environment(**served, XDG_STATE_HOME=str(tmp_path)))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_server_without_standard_error_starts_and_loses_only_its_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-m", "trio_chat", "serve", "--port", "0", "--data", str(data)]
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$@" 2>&- >&- <&-', "sh", *command], env=environment(XDG_STATE_HOME=str(tmp_path))
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (data / "control.sock").exists() and time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        assert process.poll() is None
        for number in range(3):  # no file or socket of the server got the number of a standard stream
            assert Path(f"/proc/{process.pid}/fd/{number}").readlink() == Path(os.devnull)
    finally:
        process.terminate()
        assert process.wait(30) == 0
