"""The real program, in full screen, in a pseudo-terminal: started, keyed, looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.launching import PROGRAM
from tests.programs import environment
from tests.pty_driver import PtyProgram
from tests.ui.tui.rich_server import LOBBY, Running

SIZES = [(80, 24), (20, 5), (200, 50)]
"""Columns and rows: as a terminal opens, the smallest that is of use, a large window."""


class Screen(PtyProgram):
    """``trio-chat join`` on a terminal; ``under`` another program, that is to start it."""

    def __init__(
        self,
        url: str,
        home: Path,
        *more: str,
        name: str = "ada",
        columns: int = 80,
        rows: int = 24,
        under: Sequence[str] = (),
        **env: str,
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
        for unset in {"NO_COLOR", "COLORFGBG"} - env.keys():
            around.pop(unset, None)
        self.entered: set[str] = set()
        self.command = [*PROGRAM, "join", name, url, "--config", str(config), *more]
        super().__init__(under or self.command, env=around, columns=columns, rows=rows)

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

    def at_sizes(self) -> Iterator[tuple[int, int]]:
        """Give the window each of the sizes in turn: for what is not worth a program of its own at each."""
        for columns, rows in SIZES:
            self.resize(columns, rows)
            self.wait_until(lambda rows=rows: len(self.rows) == rows, f"{columns}x{rows}")  # type: ignore[misc] # bound now
            yield columns, rows

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.type(NAMED.get(key, key))

    def wait_drawn(self) -> None:
        """Wait until all that the program has drawn for the keys so far has been read.

        The screen is drawn row by row and read in portions, so a test of its colours could see half a frame. A key that
        is typed now is drawn in the input, which is the last row.
        """
        self.press("~")
        self.wait_for("~")
        self.press("\x7f")
        self.wait_gone("~")

    def look_away(self) -> None:
        """Take the focus from the window, and wait until that has reached the program."""
        self.press("FocusOut")
        self.wait_drawn()

    def wait_gone(self, text: str) -> None:
        """Wait until a text is on the screen no longer."""
        self.wait_until(lambda: not any(text in row for row in self.rows), f"{text!r} to go")

    def sees(self, *texts: str) -> None:
        """Wait until all of these are on the screen at once, whichever rows they are broken into."""
        self.wait_until(lambda: all(text in self.flat for text in texts), f"{texts} on the screen")

    def enter(self, room: str) -> None:
        """Go into a room."""
        self.type(f"/join {room}\r")
        self.wait_prompt(room)
        self.entered |= {room} - {LOBBY}

    def wait_prompt(self, where: str) -> None:
        """Wait until the input is empty, and its prompt says that it goes there."""
        self.wait_until(lambda: self.prompts(where), f"the prompt to say {where}")

    def prompts(self, where: str) -> bool:
        """Whether the prompt says that the input goes there; a narrow one leaves out its beginning."""
        shown = self.last_row
        return shown == f"→ {where}>" or (shown.startswith("→ …") and shown.endswith(f"{where[-6:]}>"))

    @property
    def flat(self) -> str:
        """The conversation without its breaks: what stands in its column, row behind row."""
        display = self.screen.display
        row = display[1] if len(display) > 8 else ""
        edges = [at for at, cell in enumerate(row) if cell == "│" and not 23 <= at <= 75]
        left, right = edges[0] + 1 if edges else 0, edges[1] if len(edges) > 1 else None
        rows = [row[left:right] if 0 < at < len(display) - 2 else row for at, row in enumerate(display)]
        return " ".join(" ".join(rows).split())

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


class Seat:
    """A program that goes on from test to test. Each test gets a room of its own in it, a size, and no past."""

    def __init__(self, chat: Running, home: Path, *more: str) -> None:
        self._chat = chat
        self.home = home
        self._more = more
        self._screen: Screen | None = None
        self._count = 0

    def sit(self, columns: int, rows: int) -> Screen:
        """The program, in a new room and at this size."""
        chat, screen = self._chat, self._screen
        chat.forget()
        if screen is None or screen.process.poll() is not None:
            screen = self._screen = Screen(chat.url, self.home, *self._more, columns=columns, rows=rows).ready()
        screen.resize(columns, rows)
        screen.press("C-g", "C-g", "M-G", "FocusIn")
        if screen.entered:
            screen.type("".join(f"/leave {room}\r" for room in screen.entered))
            screen.wait_prompt(LOBBY)
            screen.entered.clear()
        self._count += 1
        chat.here = f"#t{self._count}"
        screen.enter(chat.here)
        screen.raw.clear()
        return screen

    def leave(self) -> None:
        """End the program."""
        if self._screen is not None:
            self._screen.__exit__(None, None, None)
            self._screen = None


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
    "C-g": "\x07",
    "FocusIn": "\x1b[I",
    "FocusOut": "\x1b[O",
    "C-d": "\x04",
    "M-a": "\x1ba",
    "M-s": "\x1bs",
    "M-u": "\x1bu",
    "M-h": "\x1bh",
    "M-l": "\x1bl",
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
