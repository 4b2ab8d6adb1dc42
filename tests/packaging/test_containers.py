"""Dockerfile and compose.yaml agree with the program and its settings. ``nox -s chroot`` carries the Dockerfile out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.packaging import dockerfile
from tests.programs import run
from trio_chat.config import ServerConfig, check_server, load

ROOT: Final = Path(__file__).parents[2]
STEPS: Final = dockerfile.read((ROOT / "Dockerfile").read_text("utf-8"))
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVERS: Final = ("alone", "behind")


def image_environment() -> dict[str, str]:
    words = [word for step in STEPS if step.word == "ENV" for word in step.words]
    return dict(word.split("=", 1) for word in words)


def environment(service: str) -> dict[str, str]:
    """The variables of a service, with the defaults of those that compose fills in."""
    given = COMPOSE["services"][service].get("environment", {})
    filled = {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in given.items()}
    return {**image_environment(), **filled}


@pytest.mark.parametrize("service", SERVERS)
def test_the_settings_of_a_service_are_settings_of_the_server(service: str, tmp_path: Path) -> None:
    environ = environment(service)
    empty = tmp_path / "config.toml"
    empty.touch()
    loaded = load(ServerConfig, environ=environ, path=empty)
    assert loaded.warnings == ()  # a variable that is no setting
    check_server(loaded.config)
    assert (loaded.config.host, loaded.config.data) == ("0.0.0.0", Path("/data"))


def test_the_server_behind_caddy_believes_only_the_network_that_caddy_is_in() -> None:
    (subnet,) = (pool["subnet"] for pool in COMPOSE["networks"]["front"]["ipam"]["config"])
    assert environment("behind")["TRIO_CHAT_BEHIND_PROXY"] == subnet
    assert COMPOSE["services"]["behind"]["networks"] == COMPOSE["services"]["caddy"]["networks"] == ["front"]
    assert "ports" not in COMPOSE["services"]["behind"]


def test_caddy_passes_the_chat_on_and_keeps_the_figures() -> None:
    caddyfile = COMPOSE["configs"]["caddyfile"]["content"]
    assert caddyfile.startswith("${CHAT_HOST:-chat.example} {\n")
    assert "reverse_proxy behind:8765\n" in caddyfile
    assert "@inside path /metrics /healthz\n" in caddyfile
    assert caddyfile.count("{") == caddyfile.count("}")


@pytest.mark.parametrize("service", SERVERS)
def test_a_service_is_confined_and_has_time_to_stop(service: str) -> None:
    about = COMPOSE["services"][service]
    assert about["read_only"] is True
    assert about["cap_drop"] == ["ALL"]
    assert about["security_opt"] == ["no-new-privileges:true"]
    assert int(about["stop_grace_period"].removesuffix("s")) > ServerConfig().shutdown_grace + 20
    assert about["volumes"] == ["chat:/data"]


def test_the_commands_of_the_image_are_commands_of_the_program() -> None:
    program, *health = dockerfile.healthcheck(STEPS)
    (entry,) = (step.words for step in STEPS if step.word == "ENTRYPOINT")
    (command,) = (step.words for step in STEPS if step.word == "CMD")
    assert [program] == entry == ["trio-chat"]
    for arguments in (health, command):
        assert run(*arguments, "--help").status == 0
    commands = re.findall(r"exec \w+ trio-chat ([a-z ]+)$", (ROOT / "compose.yaml").read_text("utf-8"), re.MULTILINE)
    assert commands
    for line in commands:
        assert run(*line.split(), "--help").status == 0


def test_the_image_has_a_supported_python_and_runs_as_nobody_special() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for step in STEPS:
        if step.word == "FROM":
            version = re.match(r"python:(\d\.\d+)-slim( AS build)?$", step.rest)
            assert version is not None
            assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]
    (user,) = (step.rest for step in STEPS if step.word == "USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert any(user.partition(":")[0] in step.rest for step in STEPS if step.word == "RUN")


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    seen = {path.relative_to(ROOT).as_posix() for path in dockerfile.context(ROOT)}
    copied = {word.removeprefix("./") for s in STEPS if s.word == "COPY" and not s.flags for word in s.words[:-1]}
    assert copied == {"trio_chat", "pyproject.toml", "README.md", "LICENSE"}
    assert {name.partition("/")[0] for name in seen} == copied
    assert "trio_chat/cli/serve.py" in seen
    assert not any("__pycache__" in name for name in seen)
