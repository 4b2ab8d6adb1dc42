"""Changes one operator at a time in a copy of the package, and counts the changes that the tests notice.

    python -m tests.mutants [--count 200] [--seed N] [--minutes 60] [--only broker,store] [--jobs 2] [--steps 3]

A change that no test notices is a behaviour that no test protects, or one that cannot matter. Each is tried with the
tests of its module first, then with those of its package, then with those of the packages above; the first test that
fails ends the trial. The sample follows from the seed, and each package has its share by its number of places. At the
end the survivors are listed. Tests by Hypothesis, which take long, come in the last step.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import queue
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.sites import Change, changes_in

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

ABOVE: Final = {
    "broker": ("broker", "server"),
    "protocol": ("protocol", "broker", "client", "ui"),
    "store": ("store", "server"),
    "server": ("server", "broker"),
    "client": ("client", "ui", "cli"),
    "ui": ("ui", "cli"),
    "cli": ("cli",),
    "config": ("cli", "server"),
}
"""The folders of tests that see a change in a package, the nearest first."""

LEFT_OUT: Final = ("version", "__main__", "reference", "examples")
"""Modules that decide nothing at run time: the version, and the sources of the pages."""

MARK: Final = "MUTANT_OF"
"""A variable in the environment of each trial, by which the programs that it leaves behind are found."""

SLOWEST: Final = "tests/broker/test_invariants_bite.py"
"""Tests of the tests, which break the rules themselves."""

STEP: Final = 420.0
"""Seconds that the tests of one step may take."""

MEMORY: Final = 4 << 30
"""Bytes of address space of a trial: a loop that a change made endless may fill a list."""

_MISUSED: Final = 4
"""The exit status of pytest that was called with wrong arguments."""

TEST: Final = 90.0
"""Seconds that one test may take: a change may make a loop endless."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: ``noticed`` by a test, ``survived``, or ``unfinished`` when a step took too long."""

    change: Change
    how: str
    by: str
    seconds: float


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - this is a program


def all_changes(only: Sequence[str]) -> dict[str, list[Change]]:
    """Every change in the package, by the subpackage, or the module, that it is in."""
    found: dict[str, list[Change]] = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        part = module.split("/")[1].removesuffix(".py")
        if path.stem not in LEFT_OUT and (not only or part in only):
            found.setdefault(part, []).extend(changes_in(module, path.read_bytes()))
    return {part: changes for part, changes in found.items() if changes}


def sample(found: dict[str, list[Change]], count: int, seed: int) -> list[Change]:
    """So many changes, of each part as many as fit its number of places, in an order by chance."""
    chance = random.Random(seed)
    total = sum(map(len, found.values()))
    chosen: list[Change] = []
    for changes in found.values():
        chosen += chance.sample(changes, min(len(changes), max(1, round(count * len(changes) / total))))
    chance.shuffle(chosen)
    return chosen[:count]


def steps_for(change: Change, root: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The tests in ``root`` of each step, as arguments to pytest, and the marks with which they are chosen."""
    quick = ["-m", "not hypothesis and not search"]
    module = Path(change.module).with_suffix("")
    dotted = ".".join(module.parts)
    part = module.parts[1]
    folders = [f"tests/{name}" for name in ABOVE.get(part, ())]
    own = [
        str(path.relative_to(root))
        for path in sorted((root / "tests").rglob("test_*.py"))
        if path.stem == f"test_{module.name}" or re.search(rf"\b{re.escape(dotted)}\b", path.read_text("utf-8"))
    ]
    own = [path for path in own if not path.startswith(("tests/docs", "tests/compatibility", "tests/mutants"))]
    quick.append(f"--ignore={SLOWEST}")
    if own:
        yield own, quick
    if folders:
        yield folders[:1], quick
        yield folders[1:] + folders[:1], [f"--ignore={SLOWEST}"]
    else:
        yield ["tests/cli", "tests/test_errors.py", "tests/test_config.py", "tests/broker"], quick


class Copy:
    """A copy of the package and its tests in a folder, in which one change at a time is tried."""

    def __init__(self, folder: Path, steps: int) -> None:
        self._folder = folder
        self._steps = steps
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
            elif source.exists():
                shutil.copy(source, folder / name)

    def trial(self, change: Change) -> Outcome:
        """Try a change."""
        began = time.monotonic()
        path = self._folder / change.module
        source = path.read_bytes()
        path.write_bytes(change.apply(source))
        try:
            compile(path.read_bytes(), change.module, "exec")
            for tests, marks in itertools.islice(steps_for(change, self._folder), self._steps):
                status, by = self._run([*tests, *marks], str(change))
                if status is None:
                    return Outcome(change, "unfinished", " ".join(tests), time.monotonic() - began)
                if status:
                    return Outcome(change, "noticed", by, time.monotonic() - began)
            return Outcome(change, "survived", "", time.monotonic() - began)
        finally:
            path.write_bytes(source)

    def _run(self, chosen: list[str], name: str) -> tuple[int | None, str]:
        """Run tests; their status, ``None`` when that took too long, and the first that failed."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *chosen]
        more = {
            MARK: name,
            "PYTHONPATH": str(self._folder),
            "PYTHONDONTWRITEBYTECODE": "1",  # a changed file may have the time and size of the one before
            "TRIO_CHAT_TRIAL_LIMIT": str(TEST),
        }
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            env=os.environ | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        with contextlib.suppress(OSError):  # Linux: a new session is a group of its own to the scheduler
            Path(f"/proc/{process.pid}/autogroup").write_text(str(os.nice(0)), "ascii")
        try:
            said = process.communicate(timeout=STEP)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None, ""
        finally:
            end_all(name)
        if process.returncode == _MISUSED:
            raise RuntimeError(f"pytest cannot be run so: {command}\n{said}")
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
        return int(process.returncode not in {0, 5}), failed[1] if failed else said[-200:].strip()


def end_all(name: str) -> None:
    """End the programs that a trial has left behind."""
    mark = f"{MARK}={name}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


def run(changes: Sequence[Change], jobs: int, minutes: float, steps: int) -> list[Outcome]:
    """Try the changes, several at a time, until all are tried or the time is over."""
    deadline = time.monotonic() + minutes * 60
    waiting: queue.SimpleQueue[Change] = queue.SimpleQueue()
    for change in changes:
        waiting.put(change)
    outcomes: list[Outcome] = []

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="m") as folder:
            copy = Copy(Path(folder), steps)
            while time.monotonic() < deadline:
                try:
                    change = waiting.get_nowait()
                except queue.Empty:
                    return
                outcome = copy.trial(change)
                outcomes.append(outcome)
                say(f"{len(outcomes):4} {outcome.how:10} {outcome.seconds:5.0f} s  {change}  {outcome.by}")

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return outcomes


def main() -> int:
    """Sample, try, and tell the rate; the exit status is 1 if a change was not noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--only", default="", help="subpackages, with commas between them")
    parser.add_argument("--steps", type=int, default=3, help="2: leave out the tests of the packages above")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1)))
    options = parser.parse_args()
    found = all_changes([part for part in options.only.split(",") if part])
    changes = sample(found, options.count, options.seed)
    say(f"seed {options.seed}: {len(changes)} of {sum(map(len, found.values()))} places")
    outcomes = run(changes, options.jobs, options.minutes, options.steps)
    counts = Counter(outcome.how for outcome in outcomes)
    parts = Counter(outcome.change.module.split("/")[1].removesuffix(".py") for outcome in outcomes)
    noticed = Counter(
        outcome.change.module.split("/")[1].removesuffix(".py") for outcome in outcomes if outcome.how == "noticed"
    )
    say(f"\n{counts['noticed']} of {len(outcomes)} changes were noticed; {len(changes) - len(outcomes)} were not tried")
    say(", ".join(f"{part} {noticed[part]} of {count}" for part, count in sorted(parts.items())))
    for outcome in outcomes:
        if outcome.how != "noticed":
            say(f"{outcome.how}: {outcome.change}")
    return int(counts["noticed"] < len(outcomes))


if __name__ == "__main__":
    sys.exit(main())
