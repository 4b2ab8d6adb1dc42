"""``admin unit``: the unit, what systemd's own tools say of it, and its command, started as systemd would."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.programs import PATIENCE, Started, run
from trio_chat.cli import unit as unit_module
from trio_chat.cli.unit import Program, find_program, quoted

MOST_EXPOSED: Final = 15
"""The worst score that the unit may get, in tenths. It gets 12: half of that for having a network."""


def make(*arguments: str) -> dict[str, list[str]]:
    """The assignments of a unit that is printed."""
    done = run("admin", "unit", *arguments)
    assert done.status == 0, done.err
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", done.out, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def analyze(*arguments: str) -> str:
    """What systemd-analyze says; it must end with 0."""
    if shutil.which("systemd-analyze") is None and "CI" not in os.environ:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "trio-chat.service"
    path.write_text(run("admin", "unit").out)
    return path


def test_systemd_finds_no_fault_in_it(written: Path) -> None:
    assert "trio-chat.service" not in analyze("verify", str(written))


def test_systemd_finds_it_well_confined(written: Path) -> None:
    analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(written))


def test_the_options_of_serve_are_in_its_command_with_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my chat.toml").write_text("[server]\nport = 9000\n")
    given = ("--config", "my chat.toml", "--motd", "50% off; $HOME", "--allow-origin", "https://a.example")
    (command,) = make(*given, "--allow-origin", "https://b.example", "--no-open", "--user")["ExecStart"]
    assert command.endswith(
        'serve --no-open --allow-origin https://a.example --allow-origin https://b.example --motd "50%% off; $$HOME" '
        f'--config "{tmp_path}/my chat.toml"'
    )


def test_a_service_of_the_system_has_its_own_user_directory_and_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    unit = make("--password-file", str(tmp_path / "password"))
    assert unit["ExecStart"][0].endswith(" serve --password-file %d/password --data %S/trio-chat")
    assert unit["LoadCredential"] == [f"password:{tmp_path}/password"]
    assert (unit["DynamicUser"], unit["StateDirectory"]) == (["yes"], ["trio-chat"])
    assert unit["Type"] == ["notify"]


def test_a_service_of_a_person_reads_the_password_itself(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    unit = make("--user", "--password-file", str(tmp_path / "password"))
    assert unit["ExecStart"][0].endswith(f" serve --password-file {tmp_path}/password")
    assert "LoadCredential" not in unit
    assert "DynamicUser" not in unit
    assert unit["WantedBy"] == ["default.target"]


def test_only_a_low_port_gets_the_right_to_one(tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    file.write_text("[server]\nport = 443\nshutdown_grace = 50.0\n")
    low = make("--config", str(file))
    assert low["AmbientCapabilities"] == low["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert "PrivateUsers" not in low  # it would take the right away
    assert low["TimeoutStopSec"] == ["75"]
    assert make("--config", str(file), "--port", "8443")["CapabilityBoundingSet"] == [""]
    assert make()["CapabilityBoundingSet"] == [""]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--prot", "9000"), "--prot"),
        (("--port", "99999"), "--port must be"),
        (("--data", "/srv/chat"), "/var/lib/trio-chat"),
        (("--config", "/nowhere.toml"), "/nowhere.toml"),
        (("now",), "now"),
    ],
)
def test_a_wrong_option_prints_no_unit(arguments: tuple[str, ...], said: str) -> None:
    done = run("admin", "unit", *arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_a_program_that_others_cannot_reach_is_named(tmp_path: Path) -> None:
    program = tmp_path / "closed" / "trio-chat"
    program.parent.mkdir(mode=0o700)
    named = list(unit_module._closed_to_others(Program((str(program),))))
    assert any(program.is_relative_to(path) for path in named)
    assert not any(
        Path("/bin/sh").is_relative_to(path) for path in unit_module._closed_to_others(Program(("/bin/sh",)))
    )


def test_a_single_file_keeps_what_it_unpacks_in_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "trio-chat.pyz"
    subprocess.run([sys.executable, "-m", "zipapp", "-o", str(archive), "-m", "x:y", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["trio-chat.pyz", "admin", "unit"])
    program = find_program()
    assert program == Program((sys.executable, str(archive)), unpacks=True)
    context = unit_module._read([])
    text = unit_module.make_unit(program, context, unit_module._load(context, user=False), user=False)
    assert "CacheDirectory=trio-chat\nEnvironment=SHIV_ROOT=%C/trio-chat\n" in text


def test_a_program_on_the_path_is_started_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "trio-chat"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["trio-chat"])
    assert find_program() == Program((str(script),))


@pytest.mark.parametrize(
    ("word", "written_as"),
    [
        ("/opt/trio-chat/bin/trio-chat", "/opt/trio-chat/bin/trio-chat"),
        ("", '""'),
        ("a b", '"a b"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$$HOME"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("it's", '"it\'s"'),
    ],
)
def test_a_word_means_to_systemd_what_it_says(word: str, written_as: str) -> None:
    assert quoted(word) == written_as


def test_its_command_starts_a_server_that_says_when_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "password").chmod(0o600)
    unit = make("--password-file", str(tmp_path / "password"), "--port", "0")
    command = unit["ExecStart"][0].replace("%d", str(tmp_path)).replace("%S", str(tmp_path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        program, *arguments = shlex.split(command)
        before = arguments.index("serve")
        with Started(*arguments[before:], program=[program, *arguments[:before]]) as server:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=Listening on ")
            health = run("admin", "health", "--data", str(tmp_path / "trio-chat"))
            assert (health.status, health.err) == (0, "")
            assert "does its work" in health.out
            server.process.send_signal(15)
            assert server.wait_exit() == 0
    assert run("admin", "health", "--data", str(tmp_path / "trio-chat")).status == 1
