"""The project's checks, one session each. Plain ``nox`` runs those that every change must pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # also where CI is set: a missing Python is skipped, and said so
nox.options.sessions = ["lint", "types", "layers", "docs", "tests"]

os.environ["PIP_NO_COMPILE"] = "1"  # an environment is made in half the time; Python compiles what it imports

PROJECT = nox.project.load_toml("pyproject.toml")
LOWEST = "3.11"
SUPPORTED = [LOWEST, "3.12", "3.13"]
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
# Whatever Python runs nox is tested too, so that at least one always is.
PYTHONS = SUPPORTED if CURRENT in SUPPORTED else [*SUPPORTED, CURRENT]
# pytest-xdist: one process more than there are cores, for some tests wait.
SPREAD = ["--numprocesses", str(min(8, 1 + (os.cpu_count() or 1)))]
# What comes out the same on every Python and takes long: the examples in the pages, and searches through what may
# happen, whose examples are the same in every run.
ONCE = ["--ignore=tests/docs", "--ignore=tests/broker/test_invariants_bite.py", "-m", "not hypothesis"]


def _wake_pyenv() -> None:
    """Let pyenv's ``python3.12`` and the like run; without this they fail for all but the chosen version."""
    pyenv = shutil.which("pyenv")
    if pyenv is None or "PYENV_VERSION" in os.environ:
        return
    answer = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True, check=False)
    here = [line.strip() for line in answer.stdout.splitlines() if line.strip()[:1].isdigit()]
    if here:
        os.environ["PYENV_VERSION"] = ":".join(reversed(here))


_wake_pyenv()


def _group(name: str) -> list[str]:
    """The tools of one session, from ``[dependency-groups]``."""
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def lint(session: nox.Session) -> None:
    """Style and likely faults: ruff's rules and its formatting."""
    session.install(*_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly: mypy over the package, the tests and this file."""
    session.install("-e", ".[test,speed]", *_group("types"))
    session.run("mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Who may import whom: import-linter's contracts."""
    session.install("-e", ".", *_group("layers"))
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages, where a warning is an error, and run the examples marked as doctests."""
    session.install("-e", ".[docs]")
    for builder in ("html", "doctest"):
        session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", builder, "docs", f"docs/_build/{builder}")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on the Python that runs nox, and all but the longest on each other supported one that is here."""
    session.install("-e", ".[test,speed]")
    chosen = session.posargs or ([] if session.python == CURRENT else ONCE)
    session.run("pytest", *SPREAD, *chosen)


@nox.session(python=LOWEST, default=False)
def minimums(session: nox.Session) -> None:
    """Run all tests with the oldest versions that pyproject.toml allows, on the oldest Python, as a wheel."""
    bounds = Path(session.create_tmp()) / "minimums.txt"
    bounds.write_text("".join(f"{line}\n" for line in _lower_bounds()), encoding="utf-8")
    shutil.rmtree("build", ignore_errors=True)  # what an earlier build left there would get into the wheel
    session.install(".[test,speed]", "--constraint", str(bounds))
    session.run("pytest", *SPREAD, *session.posargs)


def _lower_bounds() -> list[str]:
    """Pin each requirement of the package, of its tests and of its extras to the oldest version it allows."""
    project = PROJECT["project"]
    lines = [*project["dependencies"]]
    for extra in ("speed", "test"):
        lines += project["optional-dependencies"][extra]
    pins = []
    for requirement in map(Requirement, lines):
        oldest = [spec.version for spec in requirement.specifier if spec.operator in {">=", "~=", "=="}]
        if len(oldest) != 1:
            message = f"{requirement} has no lower bound"
            raise ValueError(message)
        pins.append(f"{requirement.name}=={oldest[0]}")
    return pins


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Show which lines and branches no test runs."""
    session.install("-e", ".[test,speed]", *_group("coverage"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session(default=False)
def screens(session: nox.Session) -> None:
    """Make the pictures of the full screen in docs/screens, from a terminal emulator's cells."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.ui.tui.pictures", "docs/screens")


@nox.session(name="screen-speed", default=False)
def screen_speed(session: nox.Session) -> None:
    """Measure the full screen: memory, redraws, load, idling, start; fails where it is too slow."""
    session.install("-e", ".[test,speed]")
    session.run("python", "-m", "tests.benchmarks.tui_speed", *session.posargs)


@nox.session(name="wire-speed", default=False)
def wire_speed(session: nox.Session) -> None:
    """Measure the server over the wire: delivery latency beside a big database, and durable messages a second."""
    session.install("-e", ".[test,speed]")
    session.run("python", "-m", "tests.benchmarks.wire_speed", *session.posargs)


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """Kill the server 200 times, break its connections 200 times, let devices come and go: nothing said is lost."""
    session.install("-e", ".[test,speed]")
    trial = {
        "TRIO_CHAT_TRIAL_KILLS": "200",
        "TRIO_CHAT_TRIAL_CUTS": "200",
        "TRIO_CHAT_TRIAL_TURNS": "500",
        "TRIO_CHAT_TRIAL_LIMIT": "3600",
    }
    patience = ("-o", "faulthandler_timeout=3700")  # else pytest itself ends a test after 180 seconds
    session.run("pytest", "-s", *patience, "tests/durability", *session.posargs, env=trial)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Let the broker's state machine run long."""
    session.install("-e", ".[test,speed]")
    long = {"HYPOTHESIS_PROFILE": "long", "TRIO_CHAT_TRIAL_LIMIT": "3600"}
    session.run("pytest", "-o", "faulthandler_timeout=3700", "tests/broker/test_machine.py", *session.posargs, env=long)
