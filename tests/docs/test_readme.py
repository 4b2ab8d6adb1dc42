"""README.md, CONTRIBUTING.md, CHANGELOG.md and SECURITY.md agree with the project and with each other."""

from __future__ import annotations

import re
import shlex
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from trio_chat.cli.app import VERBS
from trio_chat.version import __version__

if TYPE_CHECKING:
    from tests.docs.terminals import Desk

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text("utf-8")
START, JOIN, TEST = re.findall(r"^```sh\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_each_command_is_one_line() -> None:
    assert [len(command.splitlines()) for command in (START, JOIN, TEST)] == [1, 1, 1]


def test_continuous_integration_runs_only_the_readmes_test_command() -> None:
    script = ROOT / ".ci" / "run"
    lines = [line for line in script.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == ["set -eu", 'cd "$(dirname "$0")/.."', ".ci/programs", TEST]
    assert script.stat().st_mode & stat.S_IXUSR
    assert (ROOT / ".ci" / "programs").stat().st_mode & stat.S_IXUSR


def test_the_commands_name_programs_and_a_python_version_of_the_project() -> None:
    project = _project()["project"]
    (program,) = project["scripts"]
    for command in (START, JOIN):
        assert f".venv/bin/{program} " in command
    oldest = project["requires-python"].removeprefix(">=")
    assert f"Python {oldest} or\nnewer" in README
    assert ".venv/bin/nox" in shlex.split(TEST)
    assert (ROOT / "noxfile.py").exists()


def test_the_commands_need_only_python_and_the_installed_programs() -> None:
    for command in (START, TEST):
        programs = [part.split()[0] for part in command.split(" && ")]
        assert programs[0] == "python3"
        assert all(program.startswith(".venv/bin/") for program in programs[1:])


def test_the_verbs_of_the_commands_exist() -> None:
    used = set(re.findall(r"trio-chat ([a-z]+)", README))
    assert used <= VERBS.keys()
    assert {"serve", "join", "send", "tail"} <= used


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_to_files_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert "://" in target or (ROOT / target).exists(), f"{page} links to {target}"


def test_the_newest_release_in_the_changelog_is_this_version() -> None:
    releases = re.findall(
        r"^## \[(\d[^]]*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert releases[0] == __version__


def test_security_md_supports_this_version() -> None:
    assert f"| {__version__.rpartition('.')[0]} | yes |" in (ROOT / "SECURITY.md").read_text("utf-8")


def test_each_path_in_the_map_of_contributing_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition("| To change | Start in | Also |")[2].partition("\n\n")[0]
    paths = set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?|\w+\.py)`", section))
    assert len(paths) > 30
    for path in paths:
        assert (ROOT / path).exists() or (ROOT / "trio_chat" / path).exists(), f"CONTRIBUTING.md names {path}: moved?"


def test_the_readme_names_the_licence() -> None:
    assert _project()["project"]["license"] == "MIT"
    assert "[MIT](LICENSE)" in README
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")


def test_the_sample_conversation_matches_the_real_screen(desk: Desk) -> None:
    (picture,) = re.findall(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    welcome, green, *talk, question, typed = picture.splitlines()
    desk.start("server", START.split("&& .venv/bin/")[-1])
    for asked in ("Who can reach it", "Who may enter", "Save this"):
        desk.sees("server", [f"{asked}..."])
        desk["server"].types([""])
    desk.sees("server", ["  Stop       Ctrl-C..."])
    desk.start("bob", "trio-chat join --plain bob localhost")
    desk["bob"].types(["n"])  # he runs the server, and does not want to be its administrator
    desk.sees("bob", ["#lobby>"])
    desk.start("ada", JOIN.removeprefix(".venv/bin/").replace("join ", "join --plain "))
    desk.sees("ada", [welcome])
    desk["bob"].types(["the build is green again"])
    desk.sees("ada", [green])
    desk["ada"].types(["good. what was it?", "@bob: a race in the cache again?"])
    desk.sees("ada", [welcome, green, *talk[:-1]])
    desk.start("eve", "trio-chat join --plain eve localhost")
    desk.sees("ada", talk)
    desk["eve"].types(["who broke the build?"])
    desk.sees("ada", [question])
    desk["ada"].types_only(typed.removeprefix("#lobby> "))
    desk.sees("ada", picture.splitlines())
