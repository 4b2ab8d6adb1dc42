"""Try a program that was installed somewhere: its server, and two people who chat. Only Python's library is used."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Final

PATIENCE: Final = 60.0
"""Seconds that a step may take on a busy machine."""


class Running:
    """A program whose output is read as it comes."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._text: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._text.append(line)

    @property
    def text(self) -> str:
        """All that it has written so far, to either stream."""
        return "".join(self._text)

    def wait_for(self, part: str) -> str:
        """Wait until it has written a line with this in it; that line."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in list(self._text):
                if part in line:
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"{self.process.args!r} did not write {part!r}:\n{self.text}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def running(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Running]:
    """Run a program for the block. It is killed at the end if it is still there."""
    program = Running(command, environ)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait()
        for stream in (program.process.stdin, program.process.stdout, program.process.stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def run(command: Sequence[str], environ: Mapping[str, str], *, status: int = 0) -> str:
    """Run a program to its end, which must have this exit status; what it wrote."""
    done = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == status, f"{command!r} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def chat(program: Sequence[str], environ: Mapping[str, str], *serve: str) -> None:
    """Start the program's server, and let two people talk by the program's own commands. Then stop it with SIGTERM."""
    with running([*program, "serve", "--port", "0", "--log-format", "json", *serve], environ) as server:
        url = json.loads(server.wait_for('"listening"'))["urls"][0]
        with running([*program, "join", "ada", url, "--plain"], environ) as ada:
            ada.wait_for("You are ada")
            run([*program, "send", "#lobby", "hello from bob", "--name", "bob", "--url", url], environ)
            ada.wait_for("bob: hello from bob")
            assert server.end() == 0, server.text
            ada.wait_for("shut")


def seconds(program: Sequence[str], environ: Mapping[str, str]) -> float:
    """The seconds that the shortest command takes."""
    began = time.perf_counter()
    run([*program, "--version"], environ)
    return time.perf_counter() - began


def clean_environment(home: str, **more: str) -> dict[str, str]:
    """The environment of somebody who has just logged in."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR", "PYENV_VERSION"}}
    return {**kept, "HOME": home, "LANG": "C.UTF-8", **more}
