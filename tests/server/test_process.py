"""SIGHUP in its two meanings: the terminal is gone, and files are to be read again."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import sys
import time
from pathlib import Path

from tests.programs import ServerProgram
from tests.pty_driver import PATIENCE, PtyProgram

SERVE = [sys.executable, "-m", "trio_chat", "serve", "--memory", "--port", "0"]


def port_of(program: PtyProgram) -> int:
    program.wait_for("Ctrl-C")
    found = re.search(r"ws://127\.0\.0\.1:(\d+)/", "\n".join(program.everything))
    assert found is not None
    return int(found[1])


def wait_for_line(log: Path, text: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while text not in log.read_text():
        assert time.monotonic() < deadline, f"waited in vain for {text!r}: {log.read_text()}"
        time.sleep(0.05)


def test_a_terminal_that_is_gone_ends_the_server_cleanly() -> None:
    with PtyProgram(SERVE, env=os.environ) as program:
        program.wait_for("Ctrl-C")
        program.hang_up()
        assert program.wait_exit() == 0


def test_sighup_from_somebody_else_leaves_the_terminals_server_running() -> None:
    with PtyProgram(SERVE, env=os.environ) as program:
        port = port_of(program)
        program.signal(signal.SIGHUP)
        program.wait_for("reloaded")
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_server_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    under_nohup = f"trap '' HUP; exec {shlex.join(SERVE)} 2> {shlex.quote(str(log))}"
    with PtyProgram(["sh", "-c", under_nohup], env=os.environ) as program:
        port = port_of(program)
        program.hang_up()
        program.signal(signal.SIGHUP)
        wait_for_line(log, "reloaded")
        socket.create_connection(("127.0.0.1", port)).close()


def test_sighup_without_a_terminal_ends_nothing() -> None:
    with ServerProgram() as server:
        server.signal(signal.SIGHUP)
        server.wait_for('"event": "reloaded"')
        socket.create_connection(("127.0.0.1", server.port)).close()
        server.stop()
