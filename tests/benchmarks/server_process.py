"""A server as a process of its own, whose log goes to a file."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

_GRACE: Final = 30.0
"""Seconds that a server may take to listen, and to end."""


class ServerProcess:
    """Runs ``serve`` of a module with some options, on a free port. It is killed at the end of the block, unless it has
    ended. Raises ``ChildProcessError`` with its log if it does not listen."""

    def __init__(self, log: Path, options: Sequence[str], program: Sequence[str] = ("trio_chat",)) -> None:
        self._log = log
        command = [sys.executable, "-m", *program, "serve", "--port", "0", *options]
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr)
        deadline = time.monotonic() + _GRACE
        while "listening" not in self.log:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                raise ChildProcessError(self.log)
            time.sleep(0.05)
        self.port = int(self.log.rpartition("://127.0.0.1:")[2].partition("/")[0])
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self._log.read_text("utf-8")

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self) -> int:
        """Stop it and return its exit status."""
        self.send_signal(signal.SIGINT)
        return self._process.wait(_GRACE)
