"""Pseudo-terminals that run the real programs, for pages that show the contents of a screen."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Final

import pyte
import pytest

from tests.launching import ask_to_end
from tests.ports import find_free_port

LIMIT: Final = 30.0
"""Seconds within which a line must be on the screen, on a busy machine."""

ROWS, COLUMNS = 60, 160


class Terminal:
    """A program in a pseudo-terminal, with a terminal emulator."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._fd, inner = pty.openpty()
        ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._program = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner, env=environ, start_new_session=True
        )
        os.close(inner)
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    def types(self, lines: list[str]) -> None:
        """Type lines, each with Enter."""
        for line in lines:
            os.write(self._fd, line.encode() + b"\r")

    def types_only(self, text: str) -> None:
        """Type a text, without Enter."""
        os.write(self._fd, text.encode())

    def interrupts(self) -> None:
        """Press Ctrl-C. The program has another controlling terminal, so the signal is sent directly."""
        self._program.send_signal(signal.SIGINT)

    def sees(self, patterns: list[str]) -> None:
        """Wait until lines that match the patterns are on the screen, in this order."""
        deadline = time.monotonic() + LIMIT
        while not self._shows(patterns):
            if time.monotonic() > deadline:
                pytest.fail("\n".join(["not on the screen, in this order:", *patterns, "", *self.lines()]))
            self._read(0.1)

    def ends(self) -> None:
        """Wait until the program has ended, and check that its exit status is 0."""
        deadline = time.monotonic() + LIMIT
        while self._program.poll() is None and time.monotonic() < deadline:
            self._read(0.1)
        assert self._program.poll() == 0, "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The lines on the screen."""
        return [line.rstrip() for line in self._screen.display]

    def close(self) -> None:
        """End the program and close the terminal."""
        ask_to_end(self._program, self._read)
        if self._program.poll() is None:
            self._program.kill()
        self._program.wait()
        os.close(self._fd)

    def _shows(self, patterns: list[str]) -> bool:
        wanted = iter(patterns)
        pattern = next(wanted, None)
        for line in self.lines():
            if pattern is not None and re.search(pattern, line):
                pattern = next(wanted, None)
        return pattern is None

    def _read(self, seconds: float) -> None:
        if select.select([self._fd], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # EIO: the program has ended
                self._stream.feed(os.read(self._fd, 65536))


class Desk:
    """Terminals by name, and the port of the server that runs in one of them."""

    def __init__(self, home: Path) -> None:
        self._environ = {
            **os.environ,
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        self._terminals: dict[str, Terminal] = {}
        self._old: list[Terminal] = []
        self._port = str(find_free_port())

    def close(self) -> None:
        """End all programs."""
        for terminal in [*self._terminals.values(), *self._old]:
            terminal.close()

    def __getitem__(self, who: str) -> Terminal:
        return self._terminals[who]

    def start(self, who: str, command: str) -> None:
        """Start a program in a terminal of that name. It replaces an earlier terminal of the name."""
        if who in self._terminals:
            self._old.append(self._terminals[who])
        command = re.sub(r"\blocalhost$", f"localhost:{self._port}", command)
        terminal = Terminal(["bash", "-c", f"exec {command}"], {**self._environ, "TRIO_CHAT_PORT": self._port})
        self._terminals[who] = terminal

    def sees(self, who: str, lines: list[str]) -> None:
        """Wait until these lines of a page are on that screen, in this order."""
        self[who].sees([self._pattern(line) for line in lines])

    def _pattern(self, line: str) -> str:
        """The pattern of a line of a page: times, the port and seconds may differ, and ``...`` matches anything."""
        pattern = ".*".join(map(re.escape, line.rstrip().replace("8765", self._port).split("...")))
        pattern = re.sub(r"\\\[\d\d:\d\d\\\]", r"\\[\\d\\d:\\d\\d\\]", pattern)
        return re.sub(r"\d\\\.\d\\ seconds", r"\\d+\\.\\d seconds", pattern) + "$"
