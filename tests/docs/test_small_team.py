"""The page for a small team works when its steps are typed by hand: the server's on one machine, Ada's on hers.

To the marks of :mod:`tests.docs.test_examples` come those for Ada's machine, which shares nothing with the server's but
the network: ``% terminal ada`` starts a program in a terminal, ``% types ada`` types lines, ``% answers ada`` types
what must not be seen, and ``% sees ada`` waits until each line of the block is somewhere on the screen. The commands of
a ``% cron`` block change a crontab; after the block, each of its lines runs as cron would run it.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.docs.terminals import Terminal
from tests.docs.test_examples import Block, Page, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path(__file__).parents[2] / "docs" / "tutorial" / "small-team.md"
TEXT: Final = PAGE.read_text("utf-8")
ADAS: Final = "terminal|types|answers|sees"
STEP: Final = re.compile(
    rf"^% (?P<what>run|file|serve|cron|{ADAS}) ?(?P<detail>[^\n]*)\n```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PROGRAMS: Final = Path(sys.executable).parent

CRONTAB: Final = """#!/bin/sh
table="$(dirname "$0")/table"
case "$1" in -l) cat "$table";; -) cat > "$table";; esac
"""


class Team:
    """The server's machine, with a folder and a crontab, and Ada's."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path / "server"
        self.adas_home = tmp_path / "ada"
        self.programs = tmp_path / "programs"
        folder = self.home / "team-chat"
        for path in (folder, self.adas_home, self.programs):
            path.mkdir(parents=True)
        crontab = self.programs / "crontab"
        crontab.write_text(CRONTAB)
        crontab.chmod(stat.S_IRWXU)
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TRIO_CHAT_"))}
        places = os.pathsep.join(map(str, (self.programs, PROGRAMS, os.environ["PATH"])))
        environ = {**plain, "HOME": str(self.home), "PATH": places, "PYTHONUNBUFFERED": "1", "TERM": "dumb"}
        self.server = Page(folder, environ)
        self.ada: Terminal | None = None

    def do(self, block: Block) -> None:
        """Do one step of the page."""
        if block.what == "cron":
            for step in block.body.splitlines():
                assert step.startswith("$ ")
            self.server.run("\n".join(line.removeprefix("$ ") for line in block.body.splitlines()), None)
            self.run_crontab()
        elif block.what == "terminal":
            self.ada = Terminal(shlex.split(self.near(block.body.removeprefix("$ "))), self.adas_environment())
        elif block.what in {"types", "answers"}:
            assert self.ada is not None
            self.ada.types(block.body.splitlines())
        elif block.what == "sees":
            assert self.ada is not None
            self.ada.sees([re.escape(line) for line in block.body.splitlines()])
        else:
            self.server.try_block(block)

    def near(self, command: str) -> str:
        """A command with the name of the page's server replaced by where the server is."""
        port = self.server.address.rpartition(":")[2]
        return command.replace("chat.example", f"127.0.0.1:{port}")

    def adas_environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TRIO_CHAT_"))}
        path = os.pathsep.join((str(PROGRAMS), os.environ["PATH"]))
        return {**plain, "HOME": str(self.adas_home), "PATH": path, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}

    def run_crontab(self) -> None:
        """Run each line of the crontab with the environment of crontab(5), in the home directory."""
        lines = (self.programs / "table").read_text().splitlines()
        assert lines, "the crontab is empty"
        for line in lines:
            assert "%" not in line, "cron takes % for the end of a line"
            command = line.split(maxsplit=5)[5]
            environ = {"HOME": str(self.home), "LOGNAME": "chat", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
            environ["TRIO_CHAT_URL"] = self.server.environ["TRIO_CHAT_URL"]  # the page's server has the default port
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd=self.home, env=environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def close(self) -> None:
        """End all programs."""
        if self.ada is not None:
            self.ada.close()
        self.server.close()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """Both machines; their programs end with the test."""
    team = Team(tmp_path)
    try:
        yield team
    finally:
        team.close()


def found() -> list[Block]:
    """The steps of the page."""
    return [
        Block(m["what"], m["detail"], m["language"], m["body"], TEXT.count("\n", 0, m.start()))
        for m in STEP.finditer(TEXT)
    ]


def test_the_page_works_as_written_on_two_machines_and_under_cron(team: Team) -> None:
    for step in found():
        team.do(step)
    backup = team.server.folder / "night.backup"
    assert backup.stat().st_size
    assert backup.stat().st_mode & 0o077 == 0


def test_every_command_of_the_page_is_a_step() -> None:
    marked = sum(step.body.count("\n$ ") + step.body.startswith("$ ") for step in found())
    assert marked == len(re.findall(r"^\$ ", TEXT, re.MULTILINE))
    assert len(found()) == len(re.findall(rf"^% (?:run|file|serve|cron|{ADAS})\b", TEXT, re.MULTILINE))
    assert blocks(TEXT), "the marks are those of the other pages"
