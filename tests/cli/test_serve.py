"""``serve``: its refusals, and the whole program from start to clean end."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trio_chat.cli import main

SECONDS = 60
"""No program of a test lives longer; it is killed then."""

Output = pytest.CaptureFixture[str]
SERVE = [sys.executable, "-m", "trio_chat", "serve", "--port", "0"]


# ---- refusals ---------------------------------------------------------------------------------


def test_settings_that_contradict_each_other_about_who_gets_in_are_a_usage_error(capsys: Output) -> None:
    assert main(["serve", "--open", "--admit", "accounts"]) == 2
    assert "admit = accounts keeps out people that --open lets in" in capsys.readouterr().err


def test_a_fault_in_the_settings_file_is_named_and_nothing_started(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "chat.toml"
    file.write_text("[server]\nport = 70000\n")
    assert main(["serve", "--config", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"trio-chat: {file}:2: port must be ")


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trio_chat", "serve", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_a_port_in_use_is_said_in_one_sentence_with_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("-p", str(port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 is in use" in done.stderr


def test_a_host_that_does_not_exist_is_said_in_one_sentence_with_status_1() -> None:
    done = run("--host", "no such host", "--open")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no such host" in done.stderr


# ---- the whole program ------------------------------------------------------------------------


@contextlib.contextmanager
def serving(*arguments: str, **popen: Any) -> Iterator[subprocess.Popen[str]]:
    """Start ``serve`` on a free port and kill it at the end, should it still be there."""
    process = subprocess.Popen(
        [*SERVE, *arguments], **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | popen)
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_with_status_0(number: int) -> None:
    with serving() as server:
        assert server.stderr is not None
        assert "listening" in server.stderr.readline()
        server.send_signal(number)
        out, log = server.communicate(timeout=SECONDS)
    assert (server.returncode, out) == (0, "")
    assert "Traceback" not in log


def test_without_a_terminal_there_is_no_banner_and_the_log_says_where_it_listens() -> None:
    with serving("--log-format", "auto") as server:
        assert server.stderr is not None
        line = json.loads(server.stderr.readline())
        assert line["event"] == "listening"
        host, port = re.fullmatch(r"ws://(.+):(\d+)/", line["urls"][0]).groups()  # type: ignore[union-attr]  # None fails the test as well
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
        server.terminate()
        assert server.communicate(timeout=SECONDS)[0] == ""


def test_beyond_this_machine_the_log_says_where_nothing_is_encrypted() -> None:
    with serving("--host", "0.0.0.0", "--open", "--tls", "off", "--behind-proxy", "192.0.2.9") as server:
        assert server.stderr is not None
        events = {json.loads(server.stderr.readline())["event"] for _ in range(2)}
        assert events == {"listening", "not encrypted"}


def test_a_service_that_takes_people_by_invite_says_how_to_make_one_and_makes_none(tmp_path: Path) -> None:
    with serving("--host", "0.0.0.0", "--data", str(tmp_path)) as server:
        assert server.stderr is not None
        lines = [server.stderr.readline() for _ in range(2)]
        told = {line["event"]: line for line in map(json.loads, lines)}
        assert told["newcomers need an invite"]["advice"].startswith("trio-chat admin invite ")
        server.terminate()
        out, log = server.communicate(timeout=SECONDS)
        assert "invite=" not in out + log + "".join(lines)
    listed = subprocess.run(
        [*SERVE[:3], "admin", "invites", "--json", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert listed.stdout == ""


def read_until(terminal: int, mark: str) -> str:
    """Read a pseudo-terminal until ``mark`` has come, or it is closed."""
    text = ""
    end = time.monotonic() + SECONDS
    while mark not in text and select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the other end is closed
            break
        if not data:
            break
        text += data.decode()
    return text


@pytest.mark.parametrize("colored", [True, False])
def test_on_a_terminal_it_shows_a_banner_in_colour_unless_told_not_to_and_ctrl_c_stops_it(
    colored: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "NO_COLOR": "" if colored else "1"}
    try:
        with serving(stdin=theirs, stdout=theirs, stderr=theirs, env=environ, start_new_session=True) as server:
            text = read_until(ours, "Ctrl-C")
            assert re.search(r"trio-chat join 127\.0\.0\.1:\d+\r\n", text)
            assert ("\x1b[" in text) == colored
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=SECONDS) == 0
            os.close(theirs)
            theirs = -1
            assert "Traceback" not in read_until(ours, "\0")
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)
