"""The examples in README.md and docs/ work as the pages say.

A comment before a fenced block, its mark, says what the test does with the block: a MyST comment in docs/ (``% run``),
an HTML comment in README.md (``<!-- run -->``). The blocks of a page run in their order, in a folder of their own:

``run``
    In a ``console`` block, each ``$ command`` (``>`` continues it) must exit with 0. If lines follow the command, it
    must print exactly those; ``...`` stands for any text. The program in a ``python`` block must exit with 0.
``run soon``
    As ``run``, for a result that takes a moment: the commands run again until they print the lines of the page.
``background [until TEXT]``
    A ``console`` block with one command that runs until the end of the page. The test waits until it prints TEXT.
``serve``
    As ``background``, for a server that replaces the page's default server. It listens on a free port, which also
    replaces ``localhost:8765`` in later commands.
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
    """One marked block of a page; ``line`` is its line number, for the report of a failure."""

    what: str
    detail: str
    language: str
    body: str
    line: int


class Step(NamedTuple):
    """One command of a block, and its output on the page (``None`` if the page shows none)."""

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
    """Whether an output matches the one on the page, in which ``...`` stands for any text."""
    pattern = ".*?".join(map(re.escape, wanted.strip().split("...")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


OTHERS: Final = {"small-team.md"}
"""Pages whose steps are not on one machine; :mod:`tests.docs.test_small_team` runs them."""

PAGES: Final = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if blocks(path.read_text("utf-8")) and path.name not in OTHERS
]


@dataclass
class Page:
    """A page under test: its folder, its environment and the programs that it started."""

    folder: Path
    environ: dict[str, str]
    address: str = ""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def try_block(self, block: Block) -> None:
        """Handle one block as its mark says."""
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
        """Run a command and compare its output. With ``again``, repeat the command until the output matches."""
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
        """Start a server on a free port, and use its address from then on."""
        line = self.start(command, '"listening"', TRIO_CHAT_PORT="0", TRIO_CHAT_LOG_FORMAT="json")
        url = json.loads(line)["urls"][0]
        self.environ["TRIO_CHAT_URL"] = url
        self.address = url.removeprefix("ws://").rstrip("/")

    def start(self, command: str, until: str, **more: str) -> str:
        """Start a background command, and return the first line that contains ``until``."""
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
        """Stop the started programs with SIGTERM, the last one first."""
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A page under test, with an empty home directory and the programs of this virtual environment."""
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
def test_marked_examples_work_as_the_page_says(path: Path, page: Page) -> None:
    found = blocks(path.read_text("utf-8"))
    if not any(block.what == "serve" for block in found):
        page.serve()
    for block in found:
        page.try_block(block)


def test_every_mark_is_followed_by_a_block() -> None:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text("utf-8")
        assert len(blocks(text)) == len(_MARK.findall(text)), f"a mark in {path} has no block after it"


def test_there_are_examples_that_run() -> None:
    assert {"README.md", "docs/how-to/scripts.md", "docs/how-to/bot.md"} <= {str(p.relative_to(ROOT)) for p in PAGES}


def test_dots_on_a_page_match_any_text() -> None:
    assert looks_like("12:01 <ada> hello\n", "... <ada> hello")
    assert not looks_like("12:01 <ada> hello\n", "... <bob> hello")
    assert not looks_like("more\n12:01 <ada> hello\nmore\n", "12:01 <ada> hello")
