"""The tests that run each line of the package, and the seconds that each test takes.

A change of a line can be noticed only by a test that runs this line, in its own process or in a program that it starts.
One run of all tests under Coverage.py finds those; the changes are then tried with them alone.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.mutants.sites import Change

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "trio_chat"
COPIED: Final = (
    PACKAGE,
    "tests",
    "docs",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "noxfile.py",
)

NOT_TRIED: Final = (
    "tests/broker/test_invariants_bite.py",  # breaks the rules itself
    "tests/docs",
    "tests/compatibility",
    "tests/conformance",
    "tests/mutants",
)
"""Tests of the tests, of the pages, and of other versions."""

_CONFIG: Final = """[run]
source_pkgs = trio_chat
parallel = true
data_file = {data}
context = ${{PYTEST_CURRENT_TEST-}}
disable_warnings = module-not-imported, no-data-collected
"""

_PLUGIN: Final = ("-p", "tests.mutants.contexts", "-p", "no:cacheprovider")


def copy_tree(folder: Path) -> None:
    """Copy the package and its tests into a folder."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
        elif source.exists():
            shutil.copy(source, folder / name)


class LineMap:
    """Which test runs which line. It is of the time when it was made; lines that have moved since are found again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tree = folder / "tree"
        self._lines: Callable[[str], dict[int, list[str]]]
        self.seconds: dict[str, float] = {}

    @classmethod
    def open(cls, folder: Path, jobs: int) -> LineMap:
        """Read the map from a folder; make it first, which takes as long as all tests do, if it is not there."""
        found = cls(folder)
        if not (folder / "data" / "lines").exists():
            found.make(jobs)
        found.read()
        return found

    def make(self, jobs: int) -> None:
        """Run all tests in a copy of the tree, and note the lines that each of them runs."""
        shutil.rmtree(self._folder, ignore_errors=True)
        data = self._folder / "data"
        data.mkdir(parents=True)
        copy_tree(self._tree)
        config = data / "coveragerc"
        config.write_text(_CONFIG.format(data=data / "lines"), "ascii")
        more = {
            "PYTHONPATH": str(self._tree),
            "MUTANTS_MAP": str(data),
            "COVERAGE_PROCESS_START": str(config),
            "COVERAGE_RUN": "true",  # so that programs are asked to end before they are killed
            "TRIO_CHAT_TRIAL_LIMIT": "600",
        }
        left_out = [f"--ignore={path}" for path in NOT_TRIED]
        patience = ["-o", "faulthandler_timeout=900"]
        command = [sys.executable, "-m", "pytest", "-q", *_PLUGIN, *left_out, f"-n{jobs}", *patience]
        subprocess.run(command, cwd=self._tree, env=os.environ | more, check=False)  # a failed test has run its lines
        combine = [sys.executable, "-m", "coverage", "combine", "-q", f"--rcfile={config}"]
        subprocess.run(combine, cwd=data, check=True)

    def read(self) -> None:
        """Read the data. Raises ``FileNotFoundError`` if there is none."""
        from coverage import CoverageData  # noqa: PLC0415 - only the session for changes has it, and mypy is run without

        data = CoverageData(str(self._folder / "data" / "lines"))
        data.read()
        self._lines = data.contexts_by_lineno
        for path in (self._folder / "data").glob("seconds-*.jsonl"):
            for line in path.read_text("utf-8").splitlines():
                name, seconds = json.loads(line)
                self.seconds[name] = seconds

    def tests_of(self, change: Change) -> dict[str, float]:
        """The tests that run the line of a change, with their seconds; none for a line that runs at import only."""
        old = self._tree / change.module
        if not old.exists():
            return {}
        contexts = self._lines(str(old))
        found = set()
        for line in then(old.read_text("utf-8"), (ROOT / change.module).read_text("utf-8"), change.line):
            for context in contexts.get(line, ()):
                found |= {name for name in names(context) if name in self.seconds}
        return {name: self.seconds[name] for name in found}

    def unknown(self, folders: list[str]) -> list[str]:
        """The test files in these folders that are new or changed since the map was made."""
        return [
            path.relative_to(ROOT).as_posix()
            for folder in folders
            for path in sorted((ROOT / folder).rglob("test_*.py"))
            if _differ(path, self._tree / path.relative_to(ROOT))
        ]

    @staticmethod
    def programs(folders: list[str]) -> list[str]:
        """The test files in these folders that start programs."""
        starts = re.compile(r"^from tests\.(?:programs|pty_driver|ui\.tui\.screens) import", re.MULTILINE)
        return [
            path.relative_to(ROOT).as_posix()
            for folder in folders
            for path in sorted((ROOT / folder).rglob("test_*.py"))
            if starts.search(path.read_text("utf-8"))
        ]


def then(old: str, new: str, line: int) -> Iterator[int]:
    """The lines of the old text that a line of the new one was; for a new line, those around it."""
    if old == new:
        yield line
        return
    matcher = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    for _, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if new_from < line <= new_to:
            if old_to - old_from == new_to - new_from:
                yield old_from + line - new_from
            else:
                yield from range(max(old_from, 1), old_to + 2)


def _differ(path: Path, other: Path) -> bool:
    return not other.exists() or path.read_bytes() != other.read_bytes()


def names(context: str) -> list[str]:
    """The test in the name of a context. In a process that was forked, its own follows that of the other process."""
    return [name for name in [re.sub(r" \((setup|call|teardown)\)$", "", context.rsplit("|", maxsplit=1)[-1])] if name]
