"""The source distribution is the whole source, its metadata read well on an index, and a build can be repeated."""

from __future__ import annotations

import email
import email.policy
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
MADE: Final = frozenset({"__pycache__", "build", "dist", "_build", "htmlcov"})
"""Folders whose contents are made, besides those that begin with a dot or end with ``.egg-info``."""

DOTS: Final = frozenset({".ci", ".dockerignore", ".gitignore"})
"""The names with a dot at the beginning that belong to the source."""


def is_source(path: PurePosixPath) -> bool:
    """Whether a file belongs to the source, by its path from the root."""
    return path.suffix not in {".pyc", ".pyo"} and not any(
        part in MADE or part.endswith(".egg-info") or (part.startswith(".") and part not in DOTS) for part in path.parts
    )


def source_files() -> set[str]:
    """The files of the source, by their paths: those that git does not ignore; in a copy without git, all files."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        ask = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        known = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return {name for name in known.split("\0") if name and (ROOT / name).exists()}
    found = (PurePosixPath(path.relative_to(ROOT).as_posix()) for path in ROOT.rglob("*") if path.is_file())
    return {str(path) for path in found if is_source(path)} - {"PKG-INFO", "setup.cfg"}


def run(command: list[str], folder: Path) -> None:
    """Run a program in a folder, whose package comes before the one that is installed here. It must end with 0."""
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def copy_source(copy: Path) -> None:
    """Copy the source to a new folder."""
    for name in source_files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)


def build(copy: Path, target: str, dist: Path) -> Path:
    """Build one target from a copy of the source; the file that was made."""
    dist.mkdir()
    run([sys.executable, "-c", f"from hatchling.build import build_{target}; build_{target}({str(dist)!r})"], copy)
    (made,) = dist.iterdir()
    return made


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution that was built from a copy of the source, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    copy_source(folder / "copy")
    archive = build(folder / "copy", "sdist", folder / "dist")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.mark.parametrize("target", ["sdist", "wheel"])
def test_the_same_source_makes_the_same_bytes(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made = []
    for name, group, time in (("one", 0o055, 1_000_000_000), ("another", 0, 1_500_000_000)):
        copy_source(tmp_path / name)
        for path in (tmp_path / name).rglob("*"):
            own = path.stat().st_mode & 0o700
            path.chmod(own | (own >> 3 | own >> 6) & group)
            os.utime(path, (time, time))
        made.append(build(tmp_path / name, target, tmp_path / f"dist-{name}"))
    assert made[0].name == made[1].name
    assert made[0].read_bytes() == made[1].read_bytes()


def metadata(unpacked: Path) -> email.message.Message:
    text = (unpacked / "PKG-INFO").read_text("utf-8")
    return email.message_from_string(text, policy=email.policy.compat32)


def test_every_file_of_the_source_is_in_it(unpacked: Path) -> None:
    packed = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert source_files() - packed == set()
    assert {"docs/index.md", "CHANGELOG.md", "CONTRIBUTING.md", "noxfile.py", "tests/broker/machine.py"} <= packed
    assert {name for name in packed if not is_source(PurePosixPath(name)) and ".egg-info/" not in name} == set()


def test_a_program_stays_executable_in_it(unpacked: Path) -> None:
    assert os.access(unpacked / ".ci" / "run", os.X_OK)


def test_tests_pass_in_it(unpacked: Path) -> None:
    """Those that look at files outside of the package; ``nox -s sdist`` runs all."""
    chosen = ["tests/docs/test_readme.py", "tests/cli/test_help.py", "tests/protocol/test_reference.py"]
    chosen += ["tests/store/sqlite/test_first_schema.py", "tests/test_config.py", "-n", "0"]
    run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen], unpacked)


def test_an_index_shows_where_the_project_is(unpacked: Path) -> None:
    urls = dict(url.split(", ", 1) for url in metadata(unpacked).get_all("Project-URL", []))
    assert {"Source", "Documentation", "Changelog"} <= urls.keys()
    for url in urls.values():
        assert url.startswith(urls["Source"])
        assert (ROOT / url.removeprefix(urls["Source"])).exists(), f"{url} is the address of no file"


def test_an_index_shows_the_readme_with_links_that_work_there(unpacked: Path) -> None:
    packed = metadata(unpacked)
    assert packed["Description-Content-Type"] == "text/markdown"
    page = str(packed.get_payload())
    source = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Source"]
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) > 20
    for link in links:
        assert re.match("https?://", link), f"{link} is relative"
        if link.startswith(source):
            assert (ROOT / link.removeprefix(source).partition("#")[0]).exists(), f"{link} is the address of no file"
    assert page.strip().replace(f"]({source}", "](") == (ROOT / "README.md").read_text("utf-8").strip()
