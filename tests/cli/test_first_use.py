"""The questions of ``serve`` at a terminal when nothing is set up yet."""

from __future__ import annotations

import json
import signal
import tomllib
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.programs import Started, environment
from tests.pty_driver import PtyProgram

ASKED = "Who can reach it?"


def world(home: Path) -> dict[str, str]:
    """What a program sees on a machine on which nothing is set up, but the port, which tests have to choose."""
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
    return environment(NO_COLOR="1", TRIO_CHAT_PORT=str(find_free_port()), **folders)


def serve(home: Path, *more: str, columns: int = 80, rows: int = 24, host: str = "") -> PtyProgram:
    env = world(home) | ({"TRIO_CHAT_HOST": host} if host else {})
    return PtyProgram([*PROGRAM, "serve", *more], env=env, columns=columns, rows=rows)


def saved(home: Path) -> dict[str, object]:
    """The settings file that the answers are in."""
    return tomllib.loads((home / "config" / "trio-chat" / "config.toml").read_text())


def wait_told(host: PtyProgram, text: str) -> None:
    """Wait until a text was told, however it is broken into rows; it may have left the screen."""
    host.wait_until(lambda: text in " ".join(" ".join(host.everything).split()), text)


def stop(host: PtyProgram) -> None:
    wait_told(host, "Ctrl-C; once more stops at once")
    host.type(b"\x03")
    assert host.wait_exit() == 0
    host.assert_given_back()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 5), (200, 50)])
def test_a_host_who_stays_on_this_machine_is_asked_two_questions_once(tmp_path: Path, columns: int, rows: int) -> None:
    with serve(tmp_path, columns=columns, rows=rows) as host:
        host.wait_for("Number [1]: ")
        host.type("2\r")
        host.wait_for("[Y/n]: ")
        host.type("\r")
        wait_told(host, "Saved. To be asked again,")
        wait_told(host, "no other machine can connect")
        stop(host)
    assert saved(tmp_path) == {"server": {"host": "127.0.0.1"}}
    with serve(tmp_path, columns=columns, rows=rows) as host:
        wait_told(host, "no other machine can connect")
        assert ASKED.encode() not in host.raw
        stop(host)


def test_a_password_is_asked_twice_unseen_and_saved_where_only_the_host_can_read_it(tmp_path: Path) -> None:
    with serve(tmp_path) as host:
        host.wait_for("Number [1]: ")
        host.type("\r")
        host.wait_for("Who may enter?")
        host.wait_until(lambda: host.raw.count(b"Number [1]: ") == 2, "the second question")
        host.type("2\r")
        for times, first, second in ((1, "correct horse", "wrong"), (2, "correct horse", "correct horse")):
            host.wait_asked("The password: ", times)
            host.type(f"{first}\r")
            host.wait_asked("The same again: ", times)
            host.type(f"{second}\r")
        host.wait_for("[Y/n]: ")
        host.type("y\r")
        host.wait_for("everybody who has the password")
        stop(host)
        assert b"horse" not in host.raw
    assert saved(tmp_path) == {"server": {"host": "0.0.0.0", "password": "correct horse"}}
    assert (tmp_path / "config" / "trio-chat" / "config.toml").stat().st_mode & 0o777 == 0o600


def test_an_open_chat_is_only_for_those_who_say_so_and_unsaved_answers_are_for_once(tmp_path: Path) -> None:
    with serve(tmp_path) as host:
        host.wait_for("Number [1]: ")
        host.type("four\r")
        host.wait_for("Type a number from 1 to 2")
        host.type("1\r")
        host.wait_for("Who may enter?")
        host.type("3\r")
        host.wait_for("[Y/n]: ")
        host.type("n\r")
        host.wait_for("everybody, without a password")
        stop(host)
    assert not (tmp_path / "config").exists()
    with serve(tmp_path) as host:
        host.wait_for(ASKED)


@pytest.mark.parametrize(("key", "status"), [(b"\x03", 130), (b"\x04", 1)])
def test_a_host_who_leaves_the_questions_has_started_and_saved_nothing(tmp_path: Path, key: bytes, status: int) -> None:
    with serve(tmp_path) as host:
        host.wait_for("Number [1]: ")
        host.type(key)
        assert host.wait_exit() == status
        host.assert_given_back()
        assert b"Traceback" not in host.raw
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("decided", ["flag", "variable", "file", "config"])
def test_nothing_is_asked_where_something_is_decided(tmp_path: Path, decided: str) -> None:
    file = tmp_path / "config" / "trio-chat" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[server]\nmotd = 'hello'\n" if decided == "file" else "[client]\ntyping = false\n")
    more = {"flag": ["--memory"], "config": ["--config", str(file)]}.get(decided, [])
    with serve(tmp_path, *more, host="127.0.0.1" if decided == "variable" else "") as host:
        stop(host)
        assert ASKED.encode() not in host.raw


def test_a_settings_file_of_the_client_alone_is_no_set_up_of_the_server(tmp_path: Path) -> None:
    file = tmp_path / "config" / "trio-chat" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[client]\ntyping = false  # as others need not know\n")
    with serve(tmp_path) as host:
        host.wait_for("Number [1]: ")
        host.type("2\r")
        host.wait_for("[Y/n]: ")
        host.type("\r")
        stop(host)
    assert saved(tmp_path) == {"client": {"typing": False}, "server": {"host": "127.0.0.1"}}
    assert "# as others need not know" in file.read_text()


def test_where_nobody_can_answer_nothing_is_asked(tmp_path: Path) -> None:
    with Started("serve", env=world(tmp_path)) as server:
        server.wait_for('"event": "listening"')
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        assert server.out == ""
        assert all(json.loads(line) for line in server.err.splitlines())
    assert not (tmp_path / "config").exists()
