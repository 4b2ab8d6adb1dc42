"""The server's password is asked for once on a device, kept for that server alone, and asked again when it changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.programs import ServerProgram, elsewhere, run
from tests.pty_driver import PtyProgram

ASKS = "Server password:"


@contextmanager
def serving(folder: Path, password: str, port: int = 0) -> Iterator[ServerProgram]:
    secret = folder / "password"
    secret.write_text(f"{password}\n")
    secret.chmod(0o600)
    with ServerProgram("--password-file", str(secret), "--data", str(folder / "data"), port=port) as server:
        yield server


def join(server: ServerProgram, home: Path, *more: str, plain: bool = True, name: str = "ada") -> PtyProgram:
    flags = ["--plain"] if plain else []
    command = [*PROGRAM, "join", *flags, name, f"127.0.0.1:{server.port}", *more]
    return PtyProgram(command, env=elsewhere(home, NO_COLOR="1"), columns=90, rows=20)


def leave(ada: PtyProgram) -> None:
    ada.wait_until(lambda: ada.last_row.rstrip().endswith("#lobby>"), "the prompt of the lobby")
    ada.type("/quit\r")
    assert ada.wait_exit() == 0


def kept(home: Path) -> list[Path]:
    """The state files of a device that have a password in them."""
    files = [path for path in (home / "elsewhere").rglob("*") if path.is_file()]
    return [path for path in files if b"horse" in path.read_bytes()]


@pytest.mark.parametrize("plain", [True, False], ids=["line mode", "full screen"])
def test_it_is_asked_once_and_then_used_by_every_command(tmp_path: Path, *, plain: bool) -> None:
    with serving(tmp_path, "correct horse") as server:
        with join(server, tmp_path, plain=plain) as ada:
            if plain:
                ada.wait_asked(ASKS)
            ada.wait_for(ASKS)
            ada.type("correct horse\r")
            leave(ada)
        (file,) = kept(tmp_path)
        assert file.stat().st_mode & 0o777 == 0o600
        with join(server, tmp_path, plain=plain) as ada:
            leave(ada)
            assert ASKS.encode() not in ada.raw
        assert run("who", "--url", server.url, env=elsewhere(tmp_path)).status == 0


def test_a_changed_one_is_asked_again_and_replaces_it(tmp_path: Path) -> None:
    with serving(tmp_path, "old horse") as server:
        with join(server, tmp_path) as ada:
            ada.wait_asked(ASKS)
            ada.type("old horse\r")
            leave(ada)
        server.stop()
    with serving(tmp_path, "new horse", server.port) as server:
        with join(server, tmp_path) as ada:
            ada.wait_for("The server password is wrong.")
            ada.wait_asked(ASKS)
            ada.type("new horse\r")
            leave(ada)
        (file,) = kept(tmp_path)
        assert b"old horse" not in file.read_bytes()
        with join(server, tmp_path) as ada:
            leave(ada)
            assert ASKS.encode() not in ada.raw


def test_a_wrong_one_is_not_kept(tmp_path: Path) -> None:
    with serving(tmp_path, "correct horse") as server, join(server, tmp_path) as ada:
        ada.wait_asked(ASKS)
        ada.type("wrong horse\r")
        ada.wait_asked(ASKS, 2)
        assert kept(tmp_path) == []


def test_nothing_is_kept_or_used_by_those_who_say_so(tmp_path: Path) -> None:
    with serving(tmp_path, "correct horse") as server:
        for flags in ([], ["--no-remember"]):
            with join(server, tmp_path, *flags) as ada:
                ada.wait_asked(ASKS)
                ada.type("correct horse\r")
                leave(ada)
        guest = tmp_path / "guest"
        guest.mkdir()
        with join(server, guest, "--no-remember", name="bob") as bob:
            bob.wait_asked(ASKS)
            bob.type("correct horse\r")
            leave(bob)
        assert kept(guest) == []


def test_it_is_forgotten_with_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, "correct horse") as server:
        with join(server, tmp_path) as ada:
            ada.wait_asked(ASKS)
            ada.type("correct horse\r")
            leave(ada)
        assert run("trust", "forget", f"127.0.0.1:{server.port}", env=elsewhere(tmp_path)).status == 0
        assert kept(tmp_path) == []
        with join(server, tmp_path) as ada:
            ada.wait_asked(ASKS)


def test_a_server_for_one_run_has_none(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    with ServerProgram("--password-file", str(secret), "--memory") as server:
        with join(server, tmp_path) as ada:
            ada.wait_asked(ASKS)
            ada.type("correct horse\r")
            leave(ada)
        assert kept(tmp_path) == []
