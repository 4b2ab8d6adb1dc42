"""Two versions of the program: this one, and the earlier one in its own virtual environment."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.launching import PROGRAM
from tests.programs import Done, ServerProgram, Started, environment

EARLIER: Final = os.environ.get("TRIO_CHAT_EARLIER", "")
"""The earlier version's command. The nox session ``compatibility`` makes it and names it here."""

needs_earlier = pytest.mark.skipif(not EARLIER, reason="needs the earlier version: run nox -s compatibility")


class Version(NamedTuple):
    """A version of the program: its name in the tests' output, and what starts it."""

    name: str
    program: Sequence[str]

    def start(self, *arguments: str, home: Path) -> Started:
        """Start a command on the device whose files are in ``home``."""
        return Started(*arguments, program=self.program, env=device(home))

    def run(self, *arguments: str, home: Path, given: str = "") -> Done:
        """Run a command to its end, with some input."""
        with self.start(*arguments, home=home) as program:
            giving = threading.Thread(target=program.give_all, args=(given,))
            giving.start()
            status = program.wait_exit()
            giving.join()
            return Done(status, program.out, program.err)

    def serve(self, *arguments: str, port: int = 0) -> ServerProgram:
        """Start a server."""
        return ServerProgram(*arguments, port=port, program=self.program)


NEW: Final = Version("new", PROGRAM)
OLD: Final = Version("0.1.0", (EARLIER,))


def device(home: Path) -> dict[str, str]:
    """The environment of a program on the device whose files are in ``home``."""
    return environment(HOME=str(home), XDG_STATE_HOME=str(home / "state"), NO_COLOR="1")
