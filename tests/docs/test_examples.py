"""The examples in README.md and docs/ do what the pages say.

A comment before a fenced block tells what is done with it. In docs/ it is MyST's (``% run``), in README.md
HTML's (``<!-- run -->``). The blocks of a page run in their order, in a folder of their own:

``run``
    A ``console`` block: each ``$ command`` (``>`` continues it) must end with 0 and, where lines follow it,
    print exactly those; ``...`` stands for anything. A ``python`` block: the program must end with 0.
``run soon``
    The same for what follows a moment later: it is tried again until it prints what the page says.
``background [until TEXT]``
    A ``console`` block of one command, which goes on until the page ends; it is waited for until TEXT is printed.
``serve``
    The same for a server: the page's own, instead of the one that every page has. Its port is any free one;
    where a command says ``localhost:8765``, it is put in.
``file NAME``
    The block is written to that file.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
LIMIT: Final = 30.0  # seconds that one example may take on a busy machine

_BLOCK: Final = re.compile(
    r"^(?:% |<!-- )(?P<what>run|background|serve|file)\b[ ]?(?P<detail>.*?)(?: -->)?\n\n?"
    r"(?P<fence>`{3,})(?P<language>\w+)\n(?P<body>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_MARK: Final = re.compile(r"^(?:% |<!-- )(?:run|background|serve|file)\b", re.MULTILINE)


class Block(NamedTuple):
    """One marked block of a page; ``line`` is where it stands, for whoever reads a failure."""

    what: str
    detail: str
    language: str
    body: str
    line: int


class Step(NamedTuple):
    """One command of a block, and what it is said to print (``None`` where the page does not say)."""

    command: str
    printed: str | None


def blocks(text: str) -> list[Block]:
    """The marked blocks of a page."""
    return [
        Block(m["what"], m["detail"].strip(), m["language"], m["body"], text.count("\n", 0, m.start()) + 1)
        for m in _BLOCK.finditer(text)
    ]


def steps(body: str) -> list[Step]:
    """The commands of a ``console`` block."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        elif found:
            found[-1][1].append(line)
        else:
            pytest.fail(f"a console block must begin with a command, not {line!r}")
    return [Step(command, "\n".join(lines) if lines else None) for command, lines in found]


def looks_like(printed: str, wanted: str) -> bool:
    """Whether a text is the one on the page, in which ``...`` stands for anything."""
    pattern = ".*?".join(map(re.escape, wanted.strip().split("...")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


PAGES: Final = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if blocks(path.read_text("utf-8"))
]


@dataclass
class Page:
    """A page that is being tried: its folder, its environment and the programs it started."""

    folder: Path
    environ: dict[str, str]
    address: str = ""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def try_block(self, block: Block) -> None:
        """Do with one block what its mark says."""
        if block.what == "file":
            (self.folder / block.detail).write_text(block.body, "utf-8")
        elif block.what == "serve":
            (step,) = steps(block.body)
            self.serve(step.command)
        elif block.what == "background":
            (step,) = steps(block.body)
            self.start(step.command, block.detail.removeprefix("until").strip())
        elif block.language == "python":
            self.run(f'{sys.executable} -c "$EXAMPLE"', None, EXAMPLE=block.body)
        else:
            for step in steps(block.body):
                self.run(*step, again=block.detail == "soon")

    def run(self, command: str, printed: str | None, *, again: bool = False, **more: str) -> None:
        """Run a command to its end and compare what it prints; ``again`` and again until it is that."""
        deadline = time.monotonic() + LIMIT
        done = self._run(command, more)
        while again and not looks_like(done.stdout, printed or "") and time.monotonic() < deadline:
            time.sleep(0.1)
            done = self._run(command, more)
        assert done.returncode == 0, f"$ {command}\nended with {done.returncode}:\n{done.stdout}"
        if printed is not None:
            assert looks_like(done.stdout, printed), f"$ {command}\nprinted:\n{done.stdout}\ninstead of:\n{printed}"

    def _run(self, command: str, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", self._here(command)],
            cwd=self.folder,
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def serve(self, command: str = "trio-chat serve") -> None:
        """Start a server on a free port and learn which."""
        line = self.start(command, '"listening"', TRIO_CHAT_PORT="0", TRIO_CHAT_LOG_FORMAT="json")
        url = json.loads(line)["urls"][0]
        self.environ["TRIO_CHAT_URL"] = url
        self.address = url.removeprefix("ws://").rstrip("/")

    def start(self, command: str, until: str, **more: str) -> str:
        """Start what goes on, and return the line in which ``until`` stands."""
        output = self.folder / f".output-{len(self.started)}"
        with output.open("w") as file:
            self.started.append(self._spawn(command, file, more))
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            lines = [line for line in output.read_text("utf-8").splitlines(keepends=True) if until in line]
            if lines and lines[0].endswith("\n"):
                return lines[0]
            assert self.started[-1].poll() is None, f"$ {command}\nended:\n{output.read_text('utf-8')}"
            time.sleep(0.02)
        return pytest.fail(f"$ {command}\ndid not print {until!r}:\n{output.read_text('utf-8')}")

    def _spawn(self, command: str, output: IO[str], more: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", f"exec {self._here(command)}"],
            cwd=self.folder,
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _here(self, command: str) -> str:
        return command.replace("localhost:8765", self.address or "localhost:8765")

    def close(self) -> None:
        """Stop what the page started, the last first; a server and a client both end well by SIGTERM."""
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A page's surroundings: an empty home, and the programs of this environment."""
    programs = Path(sys.executable).parent
    environ = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "TERM": "dumb",
    }
    page = Page(tmp_path, environ)
    try:
        yield page
    finally:
        page.close()


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_marked_examples_do_what_the_page_says(path: Path, page: Page) -> None:
    found = blocks(path.read_text("utf-8"))
    if not any(block.what == "serve" for block in found):
        page.serve()
    for block in found:
        page.try_block(block)


def test_every_mark_stands_before_a_block() -> None:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text("utf-8")
        assert len(blocks(text)) == len(_MARK.findall(text)), f"a mark in {path} has no block behind it"


def test_there_are_examples_that_run() -> None:
    assert {"README.md", "docs/how-to/scripts.md", "docs/how-to/bot.md"} <= {str(p.relative_to(ROOT)) for p in PAGES}


def test_dots_on_a_page_stand_for_anything() -> None:
    assert looks_like("12:01 <ada> hello\n", "... <ada> hello")
    assert not looks_like("12:01 <ada> hello\n", "... <bob> hello")
    assert not looks_like("more\n12:01 <ada> hello\nmore\n", "12:01 <ada> hello")
