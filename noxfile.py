"""The project's checks, one session each. Plain ``nox`` runs those that every change must pass."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # also where CI is set: a missing Python is skipped, and said so
nox.options.sessions = ["lint", "types", "layers", "docs", "tests", "without-extras"]

# An environment is made in half the time; Python compiles what it imports. For its options that begin with no-, pip
# reads a 0 as yes.
os.environ["PIP_NO_COMPILE"] = "0"

EARLIER = "aa9bd57a52d4eb4078012b49d3da326d184a92f9"
"""The commit of 0.1.0, with which the session ``compatibility`` tries this version."""

UNIX_ONLY = (
    "trio_chat/server/",
    "trio_chat/store/sqlite/",
    "trio_chat/store/blobs/",
    "trio_chat/store/file_archive.py",
    "trio_chat/cli/control.py",
    "trio_chat/cli/operator.py",
    "trio_chat/cli/over_ssh.py",
    "trio_chat/ui/notify_command.py",
    "trio_chat/ui/plain/prompt.py",
    "trio_chat/ui/terminal/echo.py",
    "trio_chat/ui/terminal/external_editor.py",
    "trio_chat/ui/terminal/terminal.py",
    "trio_chat/ui/tui/",
)
"""The parts of the package that Windows does not run; see docs/reference/platforms.md."""

PROJECT = nox.project.load_toml("pyproject.toml")
LOWEST = "3.11"
SUPPORTED = [LOWEST, "3.12", "3.13"]
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
# The Python that runs nox is tested too, so that at least one Python always is.
PYTHONS = SUPPORTED if CURRENT in SUPPORTED else [*SUPPORTED, CURRENT]
# pytest-xdist: one process more than there are cores, for some tests wait.
SPREAD = ["--numprocesses", str(min(8, 1 + (os.cpu_count() or 1)))]
# Long tests that have the same result on every Python: the examples in the pages, the property tests, whose examples
# are the same in every run, and those that start many programs: to try a machine or a package, to tell a story,
# to look at a terminal.
ONCE = [
    *(
        f"--ignore=tests/{path}"
        for path in (
            *("docs", "portable", "packaging", "secrets", "attacks", "test_sdist.py"),
            *("durability", "files", "benchmarks"),
        )
    ),
    *(
        f"--ignore=tests/cli/test_{name}.py"
        for name in ("hostile_server", "join_terminal", "over_ssh", "streams", "tail", "files", "files_order", "backup")
    ),
    "--ignore-glob=tests/ui/tui/test_screen_*.py",
    "--ignore=tests/ui/preview/test_previews_on_terminals.py",
    "--ignore=tests/broker/test_invariants_bite.py",
    *("-m", "not hypothesis"),
]
# A test that passes on the lowest and on the newest Python passes between them: there the library, server and store are
# tried.
BETWEEN = ["--ignore=tests/cli", "--ignore=tests/ui"]


def _wake_pyenv() -> None:
    """Make pyenv's ``python3.12`` and the like work. Without this they fail for all versions but the selected one."""
    pyenv = shutil.which("pyenv")
    if pyenv is None or "PYENV_VERSION" in os.environ:
        return
    answer = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True, check=False)
    here = [line.strip() for line in answer.stdout.splitlines() if line.strip()[:1].isdigit()]
    if here:
        os.environ["PYENV_VERSION"] = ":".join(reversed(here))


_wake_pyenv()


def _group(name: str) -> list[str]:
    """Return the tools of one session, from ``[dependency-groups]``."""
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, likely faults and formatting with ruff, and the Dockerfile with hadolint."""
    session.install(*_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("hadolint", "Dockerfile")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, strictly: the package, the tests and this file; the package for macOS and Windows too."""
    session.install("-e", ".[test,speed]", *_group("types"))
    session.run("mypy")
    session.run("mypy", "--platform", "darwin", "--cache-dir", ".mypy_cache/darwin", "trio_chat")
    windows = ["--platform", "win32", "--cache-dir", ".mypy_cache/win32", "--no-warn-unreachable", "--no-error-summary"]
    told = session.run("mypy", *windows, "trio_chat", silent=True, success_codes=[0, 1])
    faults = [line for line in str(told or "").splitlines() if ": error: " in line and not line.startswith(UNIX_ONLY)]
    if faults:
        session.error("\n".join(["on Windows:", *faults]))


@nox.session
def layers(session: nox.Session) -> None:
    """Check with import-linter which module imports which."""
    session.install("-e", ".", *_group("layers"))
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages, with warnings as errors, and run the examples that are doctests."""
    session.install("-e", ".[docs]")
    for builder in ("html", "doctest"):
        session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", builder, "docs", f"docs/_build/{builder}")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on the Python that runs nox, and all but the longest on each other supported Python found here."""
    session.install("-e", ".[test,speed]")
    less = ONCE if session.python in (LOWEST, SUPPORTED[-1]) else [*ONCE, *BETWEEN]
    chosen = session.posargs or ([] if session.python == CURRENT else less)
    session.run("pytest", *SPREAD, *chosen)


@nox.session(python=LOWEST, default=False)
def minimums(session: nox.Session) -> None:
    """Run all tests with the oldest versions that pyproject.toml allows, on the oldest Python, as a wheel."""
    # not in create_tmp, which becomes TMPDIR: under the checkout's path, the sockets of tests would have long paths
    bounds = Path(session.virtualenv.location) / "minimums.txt"
    bounds.write_text("".join(f"{line}\n" for line in _lower_bounds()), encoding="utf-8")
    session.install(".[test,speed]", "--constraint", str(bounds))
    session.run("pytest", *SPREAD, *session.posargs)


def _lower_bounds() -> list[str]:
    """Pin each requirement of the package, of its tests and of its extras to the oldest version it allows."""
    project = PROJECT["project"]
    lines = [*project["dependencies"]]
    for extra in ("speed", "images", "test"):
        lines += project["optional-dependencies"][extra]
    pins = []
    for requirement in map(Requirement, lines):
        oldest = [spec.version for spec in requirement.specifier if spec.operator in {">=", "~=", "=="}]
        if len(oldest) != 1:
            message = f"{requirement} has no lower bound"
            raise ValueError(message)
        pins.append(f"{requirement.name}=={oldest[0]}")
    return pins


@nox.session(name="without-extras")
def without_extras(session: nox.Session) -> None:
    """Test the parts that have a second form for users who install the package without its extra ``speed``."""
    session.install(".[test]")
    session.run("python", "-c", "import importlib.util as u; assert not u.find_spec('websockets'), 'an extra is here'")
    session.run("pytest", *SPREAD, *(session.posargs or ["tests/server/net", "tests/server/doors", "tests/client"]))


@nox.session(default=False)
def sdist(session: nox.Session) -> None:
    """Build the source distribution, unpack it, and run all tests there."""
    session.install("build")
    with tempfile.TemporaryDirectory() as temporary:
        session.run("python", "-m", "build", "--sdist", "--outdir", temporary, ".")
        (archive,) = Path(temporary).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
        with session.chdir(Path(temporary, archive.name.removesuffix(".tar.gz"))):
            session.install(".[test,speed]")
            session.run("pytest", *SPREAD, *session.posargs)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Make the wheel, the source distribution and trio-chat.pyz in dist. The same commit makes the same bytes."""
    session.install(*_group("build"))
    shutil.rmtree("dist", ignore_errors=True)
    _build(session, Path("dist"))


@nox.session(default=False)
def install(session: nox.Session) -> None:
    """Build twice and compare, then try each way to install the program in an empty place: chat, and stop."""
    session.install(*_group("build"), "pipx", "uv")
    with tempfile.TemporaryDirectory() as temporary:
        first, second = Path(temporary, "first"), Path(temporary, "second")
        _build(session, first)
        _build(session, second)
        for made in sorted(first.iterdir()):
            if made.read_bytes() != (second / made.name).read_bytes():
                session.error(f"two builds of {made.name} differ")
            session.log(f"two builds of {made.name} are the same")
        session.run("python", "-m", "tests.packaging.ways", str(first), *session.posargs)


@nox.session(default=False)
def chroot(session: nox.Session) -> None:
    """Carry out the Dockerfile in directories made by debootstrap, and run what it makes. Needs root, and no engine."""
    if os.getuid() != 0 or shutil.which("debootstrap") is None:
        session.skip("this needs root, and the program debootstrap")
    session.run("python", "-m", "tests.packaging.chroot")


@nox.session(name="one-minute", default=False)
def one_minute(session: nox.Session) -> None:
    """Install the wheel for a host and a guest who have nothing: the host prints a line, the guest pastes it."""
    session.install("build", "-e", ".[test]")
    with tempfile.TemporaryDirectory() as temporary:
        session.run("python", "-m", "build", "--wheel", "--outdir", temporary, ".")
        (wheel,) = Path(temporary).glob("*.whl")
        programs = []
        for person in ("host", "guest"):
            began = time.monotonic()
            home = Path(temporary, person)
            session.run("python", "-m", "venv", str(home))
            session.run(str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel), external=True)
            session.log(f"{person}: installed in {time.monotonic() - began:.1f} s")
            programs.append(str(home / "bin" / "trio-chat"))
        given = {"TRIO_CHAT_TRIAL_PROGRAMS": os.pathsep.join(programs)}
        session.run("pytest", "-s", "tests/packaging/test_one_minute.py", *session.posargs, env=given)


def _build(session: nox.Session, folder: Path) -> None:
    """Build all three into a folder."""
    environ = {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or _commit_time() or "1577836800"}
    session.run("python", "-m", "build", "--outdir", str(folder), ".", env=environ)
    (wheel,) = folder.glob("*.whl")
    session.run("python", "-m", "tests.packaging.pyz", str(wheel), *SUPPORTED, env=environ)


def _commit_time() -> str:
    """Return the time of the commit that is checked out, in seconds since 1970; empty outside of a git clone."""
    if shutil.which("git") is None:
        return ""
    ask = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Show the lines and branches that no test runs."""
    session.install("-e", ".[test,speed]", *_group("coverage"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *SPREAD, *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session(default=False)
def screens(session: nox.Session) -> None:
    """Draw the pictures of the full screen in docs/screens from the cells of a terminal emulator."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.ui.tui.pictures", "docs/screens")
    session.run("python", "-m", "tests.ui.tui.file_pictures", "docs/screens")


@nox.session(name="screen-speed", default=False)
def screen_speed(session: nox.Session) -> None:
    """Measure the full screen: memory, redraws, load, idling, start. Fails if it is too slow."""
    session.install("-e", ".[test,speed]")
    session.run("python", "-m", "tests.benchmarks.tui_speed", *session.posargs)


@nox.session(name="wire-speed", default=False)
def wire_speed(session: nox.Session) -> None:
    """Measure the server over the wire: delivery latency beside a big database, and durable messages a second."""
    session.install("-e", ".[test,speed]")
    session.run("python", "-m", "tests.benchmarks.wire_speed", *session.posargs)


@nox.session(name="file-speed", default=False)
def file_speed(session: nox.Session) -> None:
    """Measure transfers: what they cost the chat beside them, downloads beside nginx, uploads beside a bare hash."""
    session.install("-e", ".[test,speed]")
    session.run("python", "-m", "tests.benchmarks.files", *session.posargs)


@nox.session(default=False)
def churn(session: nox.Session) -> None:
    """Let people come, talk, search and go for 2 minutes (``-- --hour``: 500 of them, an hour): memory stays level."""
    session.install("-e", ".[test,speed]")
    picture = Path(session.create_tmp()) / "churn.svg"
    session.run("python", "-m", "tests.benchmarks.churn", "--plot", str(picture), *session.posargs)


@nox.session(default=False)
def attacks(session: nox.Session) -> None:
    """Attack a server in which 50 people talk, in each way that we know: nobody is held up or locked out."""
    session.install("-e", ".[test,speed]")
    session.run("python", "-m", "tests.attacks.trial", *session.posargs)


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """Kill the server 200 times, cut connections 200 times, let devices come and go: no acknowledged line is lost."""
    session.install("-e", ".[test,speed]")
    trial = {
        "TRIO_CHAT_TRIAL_KILLS": "200",
        "TRIO_CHAT_TRIAL_CUTS": "200",
        "TRIO_CHAT_TRIAL_TURNS": "500",
        "TRIO_CHAT_TRIAL_LIMIT": "3600",
    }
    patience = ("-o", "faulthandler_timeout=3700")  # otherwise pytest ends a test after 180 seconds
    session.run("pytest", "-s", *patience, "tests/durability", *session.posargs, env=trial)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Run all random searches for long: the state machines, and the properties. The same seed finds the same."""
    session.install("-e", ".[test,speed]")
    long = {"HYPOTHESIS_PROFILE": "long", "TRIO_CHAT_TRIAL_LIMIT": "3600"}
    patience = ("-o", "faulthandler_timeout=3700")  # otherwise pytest ends a test after 180 seconds
    chosen = [*session.posargs]
    if not any(argument.startswith("--hypothesis-seed") for argument in chosen):
        chosen.append(f"--hypothesis-seed={random.SystemRandom().randrange(10**9)}")
    session.log(f"to repeat it: nox -s fuzz -- {' '.join(chosen)}")
    session.run("pytest", *SPREAD, *patience, "-m", "hypothesis or search", *chosen, env=long)


@nox.session(default=False)
def conformance(session: nox.Session) -> None:
    """Play the Autobahn test suite's cases 1 to 7, 9 and 10 at an echo server on the product's own wire."""
    session.install("-e", ".[test,speed]")
    session.run("pytest", "tests/conformance", *session.posargs, env={"TRIO_CHAT_CONFORMANCE": "1"})


@nox.session(default=False)
def tus(session: nox.Session) -> None:
    """Upload with tuspy, tus-js-client and a client of our own, through two hundred broken connections and kills.

    Without node, tus-js-client is left out, which is said. ``-- --seed=7`` is another run.
    """
    session.install("-e", ".[test,speed]")
    seed = next((one.removeprefix("--seed=") for one in session.posargs if one.startswith("--seed=")), "11")
    with tempfile.TemporaryDirectory() as temporary:
        environment, modules = Path(temporary, "python"), Path(temporary, "node")
        env = {"TRIO_CHAT_TRIAL_BREAKS": "200", "TRIO_CHAT_TRIAL_SEED": seed, "TRIO_CHAT_TRIAL_LIMIT": "1200"}
        session.run("python", "-m", "venv", str(environment))
        python = str(environment / "bin" / "python")
        session.run(python, "-m", "pip", "install", "--quiet", "tuspy~=1.1", external=True)
        env["TRIO_CHAT_TRIAL_TUSPY"] = python
        if shutil.which("node") is None or shutil.which("npm") is None:
            session.warn("tus-js-client is left out: it needs node and npm")
        else:
            modules.mkdir()
            install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(modules)]
            session.run(*install, "tus-js-client@4", external=True)
            env["TRIO_CHAT_TRIAL_TUS_JS"] = str(modules)
        session.run("pytest", "-s", "tests/files", env=env)


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Change one operator at a time in 200 places of a copy, and list the changes that no test notices."""
    session.install("-e", ".[test,speed]", *_group("coverage"))
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session(default=False)
def compatibility(session: nox.Session) -> None:
    """Try this version with 0.1.0: clients and servers of both versions, one database, one device's files."""
    known = ["git", "cat-file", "-e", f"{EARLIER}^{{commit}}"]
    if shutil.which("git") is None or subprocess.run(known, capture_output=True, check=False).returncode:
        session.skip(f"this checkout has no history with {EARLIER[:7]} in it; a full git clone has")
    session.install("-e", ".[test,speed]")
    with tempfile.TemporaryDirectory() as temporary:
        source, environment = Path(temporary, "source"), Path(temporary, "environment")
        archive = Path(temporary, "source.tar")
        session.run("git", "archive", f"--output={archive}", EARLIER, external=True)
        with tarfile.open(archive) as tar:
            tar.extractall(source, filter="data")
        session.run("python", "-m", "venv", str(environment))
        session.run(str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", str(source), external=True)
        earlier = {"TRIO_CHAT_EARLIER": str(environment / "bin" / "trio-chat")}
        session.run("pytest", *SPREAD, "tests/compatibility", *session.posargs, env=earlier)
