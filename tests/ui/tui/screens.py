"""The real program, in full screen, in a pseudo-terminal: started, keyed, looked at."""

from __future__ import annotations

import os
from pathlib import Path

from tests.launching import PROGRAM
from tests.programs import environment
from tests.pty_driver import PtyProgram

SIZES = [(80, 24), (20, 5), (200, 50)]


class Screen(PtyProgram):
    """``trio-chat join`` on a terminal."""

    def __init__(
        self, url: str, home: Path, *more: str, name: str = "ada", columns: int = 80, rows: int = 24, **env: str
    ) -> None:
        self.home = home
        config = home / "config.toml"
        if not config.exists():
            config.write_text("", "utf-8")
        around = environment(
            XDG_STATE_HOME=str(home / "state"),
            XDG_CONFIG_HOME=str(home),
            **env,
        )
        around.pop("NO_COLOR", None) if "NO_COLOR" not in env else None
        super().__init__(
            [*PROGRAM, "join", name, url, "--config", str(config), *more], env=around, columns=columns, rows=rows
        )

    def ready(self) -> Screen:
        """Wait until one is in."""
        self.wait_until(
            lambda: (
                any("→ #" in row or "→ @" in row or ">" in row for row in self.rows)
                and not any("connecting" in row or "offline" in row for row in self.rows)
            ),
            "the first room",
        )
        return self

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.type(NAMED.get(key, key))

    def wait_gone(self, text: str) -> None:
        """Wait until a text is on the screen no longer."""
        self.wait_until(lambda: not any(text in row for row in self.rows), f"{text!r} to go")

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    def row_of(self, text: str) -> int:
        return next(at for at, row in enumerate(self.screen.display) if text in row)

    def style(self, text: str) -> object:
        """The cell where a text begins."""
        row = self.row_of(text)
        return self.screen.buffer[row][self.screen.display[row].index(text)]

    def cpu(self) -> float:
        """Seconds of CPU time that the program has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


NAMED = {
    "Enter": "\r",
    "Esc": "\x1b",
    "Tab": "\t",
    "Up": "\x1b[A",
    "Down": "\x1b[B",
    "PageUp": "\x1b[5~",
    "PageDown": "\x1b[6~",
    "F1": "\x1bOP",
    "C-k": "\x0b",
    "C-c": "\x03",
    "C-z": "\x1a",
    "C-r": "\x12",
    "C-a": "\x01",
    "C-e": "\x05",
    "C-w": "\x17",
    "C-y": "\x19",
    "C-_": "\x1f",
    "C-x": "\x18",
    "C-u": "\x15",
    "C-d": "\x04",
    "M-a": "\x1ba",
    "M-s": "\x1bs",
    "M-u": "\x1bu",
    "M-Enter": "\x1b\r",
    "M-1": "\x1b1",
    "M-2": "\x1b2",
    "M-3": "\x1b3",
    "M-b": "\x1bb",
    "M-G": "\x1bG",
    "M-n": "\x1bn",
    "M-r": "\x1br",
    "M-/": "\x1b/",
    "M-p": "\x1bp",
}
