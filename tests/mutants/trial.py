"""The trial of one change: tests run in a copy of the package with the change in it, until one fails.

A failure counts only if it comes from the change. On a busy machine a test may fail by itself, and a limit of time may
pass. So the test that failed is run again, at once: without the change, where it has to pass, and once more with it,
where it has to fail again. A test that does not is left out, and the trial goes on behind it.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.lines import copy_tree
from tests.mutants.sites import Change

MARK: Final = "MUTANT_OF"
"""A variable in the environment of each trial, by which the programs that it leaves behind are found."""

MEMORY: Final = 4 << 30
"""Bytes of address space of a trial: a loop that a change made endless may fill a list."""

TEST: Final = 30.0
"""Seconds that one test may take: a change may make a loop endless, which has to fail within the budget."""

_MISUSED: Final = 4
"""The exit status of pytest that was called with wrong arguments."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: ``noticed`` by a test, or ``survived`` so many tests."""

    change: Change
    how: str
    by: str
    tests: int
    seconds: float


class Copies:
    """Two copies of the package and its tests: in one of them a change is tried, the other one stays as it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed, self._plain = folder / "changed", folder / "plain"
        copy_tree(self._changed)
        copy_tree(self._plain)

    def trial(self, change: Change, tests: Sequence[str], budget: float) -> Outcome:
        """Try a change with tests, in their order, for at most this many seconds of them that survive."""
        began = time.monotonic()
        path = self._changed / change.module
        source = path.read_bytes()
        path.write_bytes(change.apply(source))
        left = list(tests)
        try:
            compile(path.read_bytes(), change.module, "exec")
            while left and time.monotonic() < began + budget:
                failed = self._run(self._changed, left, began + budget - time.monotonic())
                if failed is None:
                    break
                if self._is_caused(failed):
                    return Outcome(change, "noticed", failed, len(tests), time.monotonic() - began)
                left = behind(left, failed)
            return Outcome(change, "survived", "", len(tests), time.monotonic() - began)
        finally:
            path.write_bytes(source)

    def _is_caused(self, failed: str) -> bool:
        """Whether a test that failed with the change passes without it, and fails again with it."""
        if not failed:  # pytest did not even begin: the change is in everything
            return self._run(self._plain, ["tests/test_errors.py"], TEST * 3) is None
        if self._run(self._plain, [failed], TEST * 3) is not None:
            return False
        return self._run(self._changed, [failed], TEST * 3) is not None

    def _run(self, tree: Path, chosen: Sequence[str], limit: float) -> str | None:
        """Run tests until one fails, and return its name; ``None`` when all passed, or as many as fit into the time."""
        listed = self._folder / "chosen.txt"
        listed.write_text("".join(f"{name}\n" for name in chosen), "utf-8")
        current = self._folder / "current"
        current.unlink(missing_ok=True)
        options = ["-x", "-q", "--tb=short", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
        end = ["-o", f"faulthandler_timeout={TEST * 1.5}"]  # where even the limit of a test does not help
        command = [sys.executable, "-m", "pytest", *options, "-p", "tests.mutants.contexts", *end, f"@{listed}"]
        more = {
            MARK: self._folder.name,
            "PYTHONPATH": str(tree),
            "PYTHONDONTWRITEBYTECODE": "1",  # a changed file may have the time and size of the one before
            "TRIO_CHAT_TRIAL_LIMIT": str(TEST),
            "MUTANTS_MAP": str(self._folder),
        }
        process = subprocess.Popen(
            command,
            cwd=tree,
            env=os.environ | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        with contextlib.suppress(OSError):  # Linux: a new session is a group of its own to the scheduler
            Path(f"/proc/{process.pid}/autogroup").write_text(str(os.nice(0)), "ascii")
        try:
            said = process.communicate(timeout=max(limit, TEST * 2))[0]
        except subprocess.TimeoutExpired:
            process.kill()
            end_all(self._folder.name)  # a program that is left holds the output open
            process.communicate()
            return None
        finally:
            end_all(self._folder.name)
        if process.returncode == _MISUSED and "not found:" in said:  # a test is no longer there
            gone = {line.rpartition("/tests/")[2] for line in re.findall(r"not found: (\S.*)", said)}
            return self._run(tree, _without(chosen, gone), limit) if gone else None
        if process.returncode in {0, 5}:
            return None
        failed = re.search(r"^(?:FAILED|ERROR) (\S+\.py(?:::.+?)?)(?: - |$)", said, re.MULTILINE)
        if failed is not None:
            return failed[1]
        return current.read_text("utf-8") if current.exists() else ""  # the test that ended the process


def behind(tests: Sequence[str], failed: str) -> list[str]:
    """The tests that come behind one that failed by itself."""
    for at, test in enumerate(tests):
        if failed == test:
            return list(tests[at + 1 :])
    file = failed.partition("::")[0]  # it was chosen as part of its file
    return [test for test in tests if test.partition("::")[0] != file]


def _without(tests: Sequence[str], gone: set[str]) -> list[str]:
    left = [test for test in tests if test.removeprefix("tests/") not in gone]
    return left if len(left) < len(tests) else []


def end_all(name: str) -> None:
    """End the programs that a trial has left behind."""
    mark = f"{MARK}={name}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
