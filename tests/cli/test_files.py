"""``send --file``, ``get`` and ``files``: files from the shell, with exit statuses that can be trusted."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.programs import ServerProgram, environment, run
from tests.pty_driver import PtyProgram

BIG = 100_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram("--memory") as one:
        yield one


@pytest.fixture(scope="module")
def env(server: ServerProgram) -> dict[str, str]:
    return environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="robot")


@pytest.fixture
def build_log(tmp_path: Path) -> Path:
    path = tmp_path / "build.log"
    path.write_text("it failed here\n")
    return path


def listed(room: str, env: dict[str, str]) -> list[dict[str, object]]:
    done = run("files", room, "--json", env=env)
    return [json.loads(line) for line in done.out.splitlines()]


def test_a_file_and_a_text_are_one_message_and_0_means_acknowledged(env: dict[str, str], build_log: Path) -> None:
    done = run("send", "--create", "--file", str(build_log), "#one", "it failed", env=env)
    assert (done.status, done.out, done.err) == (0, "", "")
    (file,) = listed("#one", env)
    assert (file["name"], file["size"], file["from"], file["room"]) == ("build.log", 15, "robot", "#one")
    found = run("search", "has:file", "in:#one", "--json", env=env)
    assert [each["name"] for each in json.loads(found.out)["files"]] == ["build.log"]
    shown = run("search", "has:file", "in:#one", env=env)
    assert "it failed" in shown.out
    assert "build.log" in shown.out


def test_the_input_is_a_file_with_the_name_that_is_given(env: dict[str, str], build_log: Path) -> None:
    done = run("send", "--create", "--file", "-", "--name", "log.txt", "#input", given="a\nb\n", env=env)
    assert (done.status, done.err) == (0, "")
    (file,) = listed("#input", env)
    assert (file["name"], file["size"], file["from"]) == ("log.txt", 4, "robot")
    assert run("send", "--file", str(build_log), "--as", "watcher", "#input", env=env).status == 0
    assert [file["from"] for file in listed("#input", env)] == ["watcher", "robot"]


def test_several_files_are_one_message_and_get_saves_them_all(
    env: dict[str, str], build_log: Path, tmp_path: Path
) -> None:
    other = tmp_path / "core"
    other.write_bytes(bytes(range(256)))
    assert run("send", "--create", "--file", str(build_log), "--file", str(other), "#two", env=env).status == 0
    folder = tmp_path / "saved"
    folder.mkdir()
    for again in ("", " (1)"):
        done = run("get", "#two/1", "-o", str(folder), env=env)
        assert (done.status, done.err) == (0, "")
        assert [Path(line).name for line in done.out.splitlines()] == [f"build{again}.log", f"core{again}"]
    assert (folder / "core (1)").read_bytes() == other.read_bytes()
    done = run("get", "#two", "1", "-o", str(folder / "single"), env=env)
    assert (done.status, "Give a folder" in done.err) == (2, True)
    assert run("get", "#two/1", "-o", "-", env=env).status == 2


def test_get_takes_an_id_and_writes_to_the_output_or_a_path(
    env: dict[str, str], build_log: Path, tmp_path: Path
) -> None:
    assert run("send", "--create", "--file", str(build_log), "#id", env=env).status == 0
    (file,) = listed("#id", env)
    done = run("get", str(file["id"]), "-o", "-", env=env)
    assert (done.status, done.out, done.err) == (0, "it failed here\n", "")
    target = tmp_path / "x.log"
    assert run("get", str(file["id"]), "-o", str(target), env=env).status == 0
    assert target.read_text() == "it failed here\n"
    refused = run("get", str(file["id"]), "-o", str(target), env=env)
    assert (refused.status, "exists already" in refused.err) == (2, True)
    assert run("get", str(file["id"]), "-o", str(target), "--overwrite", env=env).status == 0


def test_files_are_listed_with_tabs_for_programs(env: dict[str, str], build_log: Path) -> None:
    assert run("send", "--create", "--file", str(build_log), "#tabs", env=env).status == 0
    done = run("files", "#tabs", env=env)
    message, _, sender, size, file, name = done.out.rstrip("\n").split("\t")
    assert (done.status, message, sender, size, name) == (0, "#tabs/1", "robot", "15", "build.log")
    assert file == listed("#tabs", env)[0]["id"]
    with PtyProgram([*PROGRAM, "files", "#tabs"], env=env, columns=120) as table:
        table.wait_for("NAME")
        table.wait_for("15 bytes")
        assert table.wait_exit() == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["send", "--file", "nothing-here", "#lobby"], 2, "Cannot read"),
        (["send", "--file", ".", "#lobby"], 2, "is a folder"),
        (["send", "--lines", "--file", "x", "#lobby"], 2, "Leave one of them out"),
        (["send", "--file", "-", "--file", "-", "#lobby"], 2, "can be sent once"),
        (["send", "--file", "x", "--file", "y", "--name", "z", "#lobby"], 2, "--name names one file"),
        (["send", "--file", __file__, "#no-such-room"], 1, "--create"),
        (["get"], 2, "Give a message"),
        (["get", "#lobby"], 2, "its number is missing"),
        (["get", "#lobby/999999"], 1, "There is no message 999999"),
        (["get", "NoSuchFileAtAll1234567"], 1, "It may have been deleted"),
        (["get", "build.log"], 2, "build.log is neither a message, such as '#ops/12', nor the id of a file."),
        (["get", "@nobody/1"], 1, "You have no conversation"),
        (["files", "#no-such-room"], 1, "no-such-room"),
    ],
)
def test_what_cannot_be_done_is_told_with_1_or_2(
    env: dict[str, str], arguments: list[str], status: int, said: str
) -> None:
    done = run(*arguments, env=env)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert "Traceback" not in done.err


@contextlib.contextmanager
def slowed(server: ServerProgram) -> Iterator[None]:
    """Let a server work for a tenth of the time, so that a transfer takes seconds on any machine."""
    over = threading.Event()

    def slow() -> None:
        while not over.is_set():
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(0.05)
            server.process.send_signal(signal.SIGCONT)
            time.sleep(0.005)

    thread = threading.Thread(target=slow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_progress_is_shown_on_a_terminal_and_ctrl_c_leaves_what_can_be_resumed(
    server: ServerProgram, env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(random.Random(1).randbytes(1_000_000) * (BIG // 1_000_000))
    arguments = ("send", "--create", "--file", str(path), "#big")
    with slowed(server), PtyProgram([*PROGRAM, *arguments], env=env, columns=200) as sending:
        sending.wait_for("MiB of 95.4 MiB")
        sending.signal(signal.SIGINT)
        assert sending.wait_exit() == 130
        sending.wait_for("The same command goes on there")
        assert "Traceback" not in "\n".join(sending.everything)
    assert run("files", "#big", env=env).status == 1
    assert run(*arguments, env=env).status == 0
    assert [file["size"] for file in listed("#big", env)] == [BIG]
    fetch = ("get", "#big/1", "-o", str(tmp_path / "back"))
    with slowed(server), PtyProgram([*PROGRAM, *fetch], env=env, columns=200) as fetching:
        fetching.wait_for("MiB of 95.4 MiB")
        fetching.signal(signal.SIGINT)
        assert fetching.wait_exit() == 130
        fetching.wait_for("Stopped. big.bin is not complete; the same command goes on where it ended.")
    done = run(*fetch, env=env)
    assert done.status == 0
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert not os.access(tmp_path / "back", os.X_OK)
