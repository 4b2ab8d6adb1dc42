"""Changes one operator at a time in a copy of the package, and counts the changes that the tests notice.

    python -m tests.mutants [--count 200] [--seed N] [--minutes 60] [--only broker,store] [--folder .mutants] [--again]

A change that no test notices is a behaviour that no test protects, or one that cannot matter; README.md beside this
file says which kinds cannot. The sample follows from the seed, and each package has its share by its number of places.

First all tests run once, to find those that run each line. Each change is then tried with the tests that run its line:
those named for its module first, then the quick ones of the nearest packages. The first that fails ends the trial,
if ``tests.mutants.trial`` finds that the change is the cause. The outcomes are kept in the folder, so that a run that
was interrupted goes on; with ``--again`` the changes that survived are tried anew, after new tests. The survivors are
listed at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.mutants.lines import NOT_TRIED, PACKAGE, ROOT, LineMap
from tests.mutants.sites import Change, changes_in
from tests.mutants.trial import Copies, Outcome

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

ALL: Final = ("broker", "server", "client", "ui", "cli")
"""The same for a module beside the packages."""

SEEN_IN_PROGRAMS: Final = {"client", "ui", "cli", "config", "output"}
"""Packages that whole programs show; a program that a test kills does not tell which lines it has run."""

LEFT_OUT: Final = ("version", "__main__", "reference", "examples")
"""Modules that decide nothing at run time: the version, and the sources of the pages."""


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - this is a program


def all_changes(only: Sequence[str]) -> dict[str, list[Change]]:
    """Every change in the package, by the subpackage, or the module, that it is in."""
    found: dict[str, list[Change]] = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        part = part_of(module)
        if path.stem not in LEFT_OUT and (not only or part in only):
            found.setdefault(part, []).extend(changes_in(module, path.read_bytes()))
    return {part: changes for part, changes in found.items() if changes}


def part_of(module: str) -> str:
    """The subpackage that a module is in, or its own name."""
    return module.split("/")[1].removesuffix(".py")


def sample(found: dict[str, list[Change]], count: int, seed: int) -> list[Change]:
    """So many changes, of each part as many as fit its number of places, in an order by chance.

    The chance of a change is its own, so that it stays in the sample while the rest of the source changes.
    """

    def chance(change: Change) -> bytes:
        return hashlib.sha256(f"{seed} {change.key}".encode()).digest()

    total = sum(map(len, found.values()))
    chosen: list[Change] = []
    for changes in found.values():
        chosen += sorted(changes, key=chance)[: max(1, round(count * len(changes) / total))]
    return sorted(chosen, key=chance)[:count]


def tests_for(change: Change, lines: LineMap) -> list[str]:
    """The tests that can notice a change, as arguments to pytest, the best first."""
    module = Path(change.module).with_suffix("")
    folders = [f"tests/{name}" for name in ABOVE.get(part_of(change.module), ALL)]
    new = lines.unknown(folders)
    own = _own_files(module)
    known = lines.tests_of(change)
    if not known:
        return [*own, *folders, *(["tests"] if len(module.parts) == 2 else [])]

    def rank(test: str) -> tuple[int, float]:
        file = test.partition("::")[0]
        distance = next((at for at, folder in enumerate(folders) if file.startswith(folder)), len(folders))
        return (0 if file in own else 1 + (distance > 1)), known[test]

    chosen = sorted((test for test in known if test.partition("::")[0] not in new), key=rank)
    first = [file for file in new if file in own]
    rest = [file for file in new if file not in own]
    near = sum(rank(test)[0] == 0 for test in chosen)
    programs = lines.programs(folders) if part_of(change.module) in SEEN_IN_PROGRAMS else []
    return [*first, *chosen[:near], *rest, *chosen[near:], *(file for file in programs if file not in new)]


def _own_files(module: Path) -> list[str]:
    """The test files that are named for a module, or import it."""
    dotted = ".".join(module.parts)
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path.stem == f"test_{module.name}" or re.search(rf"\b{re.escape(dotted)}\b", path.read_text("utf-8"))
    ]
    return [file for file in found if not file.startswith(NOT_TRIED)]


class Record:
    """The outcomes so far, in a file of the folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known: dict[str, dict[str, str]] = {}
        if path.exists():
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            self.known = {line["key"]: line for line in lines}  # a later line counts

    def add(self, outcome: Outcome) -> None:
        """Write an outcome down."""
        line = {"key": outcome.change.key, "how": outcome.how, "by": outcome.by}
        self.known[outcome.change.key] = line
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def try_all(changes: Sequence[Change], lines: LineMap, record: Record, options: argparse.Namespace) -> None:
    """Try the changes whose outcome is not known, one after another, until the time is over."""
    deadline = time.monotonic() + options.minutes * 60
    done = {"noticed"} if options.again else {"noticed", "survived"}
    left = [change for change in changes if record.known.get(change.key, {}).get("how") not in done]
    with tempfile.TemporaryDirectory(prefix="m") as folder:
        copies = Copies(Path(folder))
        for number, change in enumerate(left, start=1):
            if time.monotonic() > deadline:
                return
            outcome = copies.trial(change, tests_for(change, lines), options.budget)
            record.add(outcome)
            how = f"{outcome.how:8} {outcome.seconds:5.0f} s {outcome.tests:5} tests"
            say(f"{number:4} of {len(left)} {how}  {change}  {outcome.by}")


def tell(changes: Sequence[Change], record: Record) -> int:
    """Print the rate, by package too, and the survivors; return how many there are."""
    how = {change: record.known.get(change.key, {}).get("how", "not tried") for change in changes}
    counts = Counter(how.values())
    tried = counts["noticed"] + counts["survived"]
    say(f"\n{counts['noticed']} of {tried} changes were noticed; {counts['not tried']} were not tried")
    parts = Counter(part_of(change.module) for change in changes if how[change] != "not tried")
    noticed = Counter(part_of(change.module) for change in changes if how[change] == "noticed")
    say(", ".join(f"{part} {noticed[part]} of {count}" for part, count in sorted(parts.items())))
    for change in changes:
        if how[change] == "survived":
            say(f"survived: {change}\n          {change.text}")
    return counts["survived"]


def main() -> int:
    """Sample, try, and tell the rate; the exit status is 1 if a change was not noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--budget", type=float, default=240.0, help="seconds for all tests of a change that survives")
    parser.add_argument("--only", default="", help="subpackages, with commas between them")
    parser.add_argument("--folder", type=Path, default=ROOT / ".mutants", help="for the map of lines, and the outcomes")
    parser.add_argument("--again", action="store_true", help="try those that survived once more")
    parser.add_argument("--jobs", type=int, default=2, help="processes with which the map of lines is made")
    options = parser.parse_args()
    found = all_changes([part for part in options.only.split(",") if part])
    changes = sample(found, options.count, options.seed)
    say(f"seed {options.seed}: {len(changes)} of {sum(map(len, found.values()))} places")
    lines = LineMap.open(options.folder.resolve() / "map", options.jobs)
    record = Record(options.folder / "outcomes.jsonl")
    try:
        try_all(changes, lines, record, options)
    except KeyboardInterrupt:
        say("interrupted: run it again with this seed to go on")
    return int(tell(changes, record) > 0)


if __name__ == "__main__":
    sys.exit(main())
