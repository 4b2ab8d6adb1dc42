"""Two people who have never met the program: the host's prints a line, the guest pastes it, and they talk.

By default both use the program under test. ``nox -s one-minute`` gives each one an installation of their own, and fails
if they do not talk within a minute.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.pty_driver import PtyProgram

GIVEN: Final = os.environ.get("TRIO_CHAT_TRIAL_PROGRAMS", "")
HOST, GUEST = [(path,) for path in GIVEN.split(os.pathsep)] if GIVEN else (PROGRAM, PROGRAM)
IN_A_MINUTE: Final = bool(GIVEN)


def at_home(program: Sequence[str], home: Path, *arguments: str, **more: str) -> PtyProgram:
    """Start a program in the world of somebody who has just logged in, on a wide terminal."""
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    env = {**kept, "HOME": str(home), "TERM": "xterm-256color", "NO_COLOR": "1", **more}
    return PtyProgram([*program, *arguments], env=env, columns=200, rows=60)


def test_a_host_prints_a_line_a_guest_pastes_it_and_they_talk(tmp_path: Path) -> None:
    began = time.perf_counter()

    def step(text: str) -> None:
        print(f"{time.perf_counter() - began:6.1f} s  {text}")  # noqa: T201 - the report

    port = str(find_free_port())
    # the address stands in the line, so that no test depends on the machine's networks
    reached = {"TRIO_CHAT_PORT": port, "TRIO_CHAT_PUBLIC_HOST": "127.0.0.1"}
    with at_home(HOST, tmp_path / "host", "serve", **reached) as server:
        for times in (1, 2):
            server.wait_until(lambda times=times: server.raw.count(b"Number [1]: ") == times, "a question")  # type: ignore[misc] # mypy infers no type for a default
            server.type("\r")
        server.wait_for("[Y/n]: ")
        server.type("\r")
        server.wait_until(lambda: "invite=" in "".join(server.everything), "the line for a friend")
        link = re.findall(r"trio-chat join '(wss://\S+?)'", "".join(server.everything))[0]
        assert link.startswith(f"wss://127.0.0.1:{port}/#pin=")
        step("the host's server prints the line, after three times Enter")
        with at_home(GUEST, tmp_path / "guest", "join", link) as eve:
            eve.wait_for("Your name:")
            step("the guest has pasted it, and is asked for a name")
            eve.type("eve\r")
            eve.wait_for("1 here")
            step("the guest is in")
            with at_home(HOST, tmp_path / "host", "join", "ada", f"127.0.0.1:{port}") as ada:
                ada.wait_for("[y/n]")
                ada.type("y\r")
                ada.wait_for("2 here")
                ada.type("welcome, eve\r")
                eve.wait_for("welcome, eve")
                eve.type("hello, ada\r")
                ada.wait_for("hello, ada")
                step("they talk")
    seconds = time.perf_counter() - began
    (known,) = json.loads((tmp_path / "guest/.local/state/trio-chat/known-servers.json").read_text())["servers"]
    assert (known["address"], known["tls"]) == (f"127.0.0.1:{port}", True)
    assert f"#pin={known['fingerprint']}&invite=" in link
    assert seconds < 60 or not IN_A_MINUTE
