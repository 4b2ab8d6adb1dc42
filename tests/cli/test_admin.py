"""``admin``: the same answers from a server that runs and from its database once it is stopped."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.programs import ServerProgram, Started, as_somebody, run, say
from trio_chat.broker.admin import Table
from trio_chat.cli import connecting, control, main
from trio_chat.client import Chat
from trio_chat.records import SaveRoom
from trio_chat.store import DATABASE, SqliteStore

DATA = "data"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / DATA


@pytest.fixture
def server(data: Path) -> Iterator[ServerProgram]:
    with ServerProgram("--data", str(data)) as one:
        yield one


def rows(*arguments: str, data: Path) -> list[dict[str, object]]:
    done = run("admin", *arguments, "--json", "--data", str(data))
    assert (done.status, done.err) == (0, "")
    return done.events


def admin(*arguments: str, data: Path) -> str:
    done = run("admin", *arguments, "--data", str(data))
    assert (done.status, done.err) == (0, "")
    return done.out


def furnish(url: str) -> None:
    """A chat with two people, a room, a ban and a backlog."""

    async def moderate(chat: Chat) -> None:
        await chat.join("#ops")
        await chat.send("#ops", "to ops")
        await chat.ban("#ops", "mallory", seconds=3600, reason="enough")

    say(url, "mallory", "hello")
    as_somebody(url, "ada", moderate)


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_orders_are_carried_out_on_a_running_server_and_on_a_stopped_one(
    server: ServerProgram, data: Path, *, running: bool
) -> None:
    furnish(server.url)
    if not running:
        server.stop()
    assert [(row["name"], row["devices"], row["admin"]) for row in rows("users", data=data)] == [
        ("ada", 1, False),
        ("mallory", 1, False),
    ]
    assert [(row["room"], row["members"], row["events"]) for row in rows("rooms", data=data)] == [
        ("#lobby", 2, 1),
        ("#ops", 1, 2),
    ]
    (ban,) = rows("bans", data=data)
    assert (ban["kept_out_of"], ban["whom"], ban["by"], ban["reason"]) == ("#ops", "mallory", "ada", "enough")
    assert {str(row["figure"]): row["value"] for row in rows("stats", data=data)}["names"] == 2
    assert admin("promote", "ada", data=data) == "ada is an administrator.\n"
    assert [row["admin"] for row in rows("users", data=data)] == [True, False]
    assert admin("demote", "ada", data=data) == "ada is not an administrator any more.\n"
    assert admin("unban", str(ban["number"]), data=data) == f"Ban {ban['number']} is lifted.\n"
    assert admin("bans", data=data) == "There are none.\n"
    assert admin("reset-name", "mallory", data=data).startswith("mallory is free")
    assert [row["name"] for row in rows("users", data=data)] == ["ada"]
    deeds = [(row["actor"], row["action"], row["target"]) for row in rows("audit", data=data)]
    assert deeds == [
        ("ada", "ban", "mallory"),
        ("server", "promote", "ada"),
        ("server", "demote", "ada"),
        ("server", "unban", "mallory"),
        ("server", "reset-name", "mallory"),
    ]
    assert len(rows("audit", "-n", "2", data=data)) == 2
    done = run("admin", "promote", "nobody", "--data", str(data))
    assert done.status == 1
    assert "nobody" in done.err


def test_a_table_is_for_people(server: ServerProgram, data: Path) -> None:
    furnish(server.url)
    head, ada, mallory = admin("users", data=data).splitlines()
    assert head.split() == ["name", "here", "devices", "password", "admin", "created", "seen"]
    assert ada.split()[:5] == ["ada", "0", "1", "no", "no"]
    assert mallory.index("0") == head.index("here")


def test_a_name_that_is_freed_is_anybodys_and_its_holder_is_out(server: ServerProgram, data: Path) -> None:
    with Started("join", "ada", server.url) as ada:
        ada.wait_for("You are ada")
        admin("reset-name", "ada", data=data)
        assert ada.wait_exit() == 1
        assert "Whoever runs the server freed your name." in ada.out


def test_a_backup_made_while_it_runs_is_brought_back(server: ServerProgram, data: Path, tmp_path: Path) -> None:
    furnish(server.url)
    file = tmp_path / "chat.backup"
    assert "is a complete backup" in admin("backup", str(file), data=data)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    say(server.url, "mallory", "after the backup")
    assert run("admin", "restore", str(file), "--data", str(data)).status == 1  # it runs
    server.stop()
    told = admin("restore", str(file), data=data)
    assert "The database before is in" in told
    assert admin("check", data=data).endswith("all is well.\n")
    lines = [json.loads(line) for line in run("admin", "export", "--data", str(data)).out.splitlines()]
    texts = [line["event"]["text"] for line in lines if line["type"] == "event" and line["kind"] == "message"]
    assert texts == ["hello", "to ops"]


def test_who_was_renamed_since_the_backup_is_let_in_under_the_name_it_has(
    server: ServerProgram, data: Path, tmp_path: Path
) -> None:
    async def rename(chat: Chat) -> None:
        admin("backup", str(tmp_path / "chat.backup"), data=data)
        await chat.rename("eve")

    as_somebody(server.url, "ada", rename, listen=True)
    server.stop()
    admin("restore", str(tmp_path / "chat.backup"), data=data)
    with ServerProgram("--data", str(data), port=server.port) as restored:
        done = run("send", "#lobby", "hello", "--name", "eve", "--url", restored.url)
        assert (done.status, done.out) == (0, "")
        told = "You are ada. This server knows your device by that name, and nobody called eve."
        assert done.err == f"trio-chat: {told}\n"
        with Started("join", "eve", restored.url) as eve:
            eve.wait_for(f"-- {told} Nobody else is here yet")
        assert [row["name"] for row in rows("users", data=data)] == ["ada"]


def test_an_export_goes_into_a_new_file_of_ones_own(server: ServerProgram, data: Path, tmp_path: Path) -> None:
    furnish(server.url)
    file = tmp_path / "chat.jsonl"
    assert admin("export", "--json", str(file), data=data).startswith(f"{file} holds ")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    whole = file.read_text()
    done = run("admin", "export", str(file), "--data", str(data))
    assert done.status == 1
    assert "exists already. Choose another name." in done.err
    assert file.read_text() == whole
    assert json.loads(whole.splitlines()[0])["type"] == "export"


def test_a_damaged_database_is_found_out(server: ServerProgram, data: Path) -> None:
    furnish(server.url)
    server.stop()
    file = next(data.glob("*.sqlite3"))
    content = bytearray(file.read_bytes())
    content[8192:12288] = b"\xa5" * 4096
    file.write_bytes(content)
    done = run("admin", "check", "--data", str(data))
    assert done.status == 1
    assert done.out + done.err
    assert "Traceback" not in done.out + done.err


@pytest.mark.parametrize("verb", [["users"], ["audit"], ["check"], ["export"], ["backup", "file"]], ids=lambda v: v[0])
def test_where_there_is_no_database_it_says_so_and_makes_none(verb: list[str], data: Path, tmp_path: Path) -> None:
    verb = [str(tmp_path / word) if word == "file" else word for word in verb]
    done = run("admin", *verb, "--data", str(data))
    assert done.status == 1
    assert "--data" in done.err
    assert not data.exists()


@pytest.mark.parametrize("verb", ["users", "check"])
def test_a_directory_of_somebody_else_is_said(
    verb: str, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look = Path.stat

    def refuse(path: Path, **more: bool) -> os.stat_result:
        if data in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **more)

    monkeypatch.setattr(Path, "stat", refuse)
    assert main(["admin", verb, "--data", str(data)]) == 1
    assert ": Permission denied. Run this as the server's user, who owns it." in capsys.readouterr().err


def test_a_socket_that_a_killed_server_left_behind_is_no_server(server: ServerProgram, data: Path) -> None:
    furnish(server.url)
    server.signal(signal.SIGKILL)
    server.process.wait()
    assert (data / "control.sock").exists()
    assert [row["name"] for row in rows("users", data=data)] == ["ada", "mallory"]


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_the_name_of_an_administrator_is_freed_only_when_asked_for(
    server: ServerProgram, data: Path, *, running: bool
) -> None:
    furnish(server.url)
    admin("promote", "ada", data=data)
    if not running:
        server.stop()
    done = run("admin", "reset-name", "ADA", "--data", str(data))
    assert (done.status, done.out) == (2, "")
    assert done.err == "trio-chat: ADA is an administrator. To do it anyway, add --yes.\n"
    assert [row["admin"] for row in rows("users", data=data)] == [True, False]
    assert admin("reset-name", "ada", "--yes", data=data).startswith("ada is free")
    assert admin("reset-name", "mallory", data=data).startswith("mallory is free")


@pytest.mark.parametrize(("typed", "status", "left"), [("n\n", 1, [True]), ("\n", 1, [True]), ("y\n", 0, [])])
def test_at_a_terminal_the_question_is_asked(
    server: ServerProgram,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    typed: str,
    status: int,
    left: list[bool],
) -> None:
    say(server.url, "ada", "hello")
    admin("promote", "ada", data=data)
    monkeypatch.setattr(connecting, "person_present", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert main(["admin", "reset-name", "ada", "--data", str(data)]) == status
    assert "ada is an administrator. Free the name" in capfd.readouterr().err
    assert [row["admin"] for row in rows("users", data=data)] == left


async def _write_hostile_database(path: Path) -> None:
    async with SqliteStore.open(path) as store:
        await store.commit([SaveRoom(1, "#lobby", "2026")])


def test_nothing_raw_from_another_users_database_reaches_the_terminal(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trio.run(_write_hostile_database, data / DATABASE)
    with contextlib.closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as connection:
        connection.execute('ALTER TABLE rooms ADD COLUMN "\x1b]0;evil\x07\u202emood"')
    assert main(["admin", "check", "--data", str(data)]) == 1
    out = capfd.readouterr().out
    assert "\\x1b]0;evil\\x07\\u202emood" in out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)


def test_nothing_raw_from_another_users_socket_reaches_the_terminal(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = Table(("name\x1b[2J", "seen"), [("ada\x9b", "no time\x1b[2J")])
    monkeypatch.setattr(control, "administer_running", lambda *_: answer)
    for arguments in (["users"], ["promote", "ada"]):
        assert main(["admin", *arguments, "--data", str(data)]) == 0
        out = capfd.readouterr().out
        assert "ada" in out
        assert not {"\x1b", "\x9b"} & set(out)


def test_json_has_escapes_for_what_acts_on_a_terminal(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "ada\x9b\x1b\u202e\x7f\u2028" + "\u0301" * 20
    monkeypatch.setattr(control, "administer_running", lambda *_: Table(("name",), [(name,)]))
    assert main(["admin", "users", "--json", "--data", str(data)]) == 0
    out = capfd.readouterr().out
    assert out.rstrip("\n").isascii()
    assert out.rstrip("\n").isprintable()
    assert json.loads(out) == {"name": name}
