"""A program is started for each message that calls the person: bounded in number and time, and never by a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from trio_chat.protocol.events import Message
from trio_chat.ui import notify_command
from trio_chat.ui.notify_command import MOST, NotifyCommand

HOSTILE = "$(touch pwned) `touch pwned`; \x1b]0;x\x07 \u202e"


def message(text: str = HOSTILE) -> Message:
    return Message(room="#ops", seq=7, time="2026-01-31T12:00:00.000Z", sender="bob", sender_id=2, text=text, cid="1")


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """Makes the words of a command from a shell script, which has the folder as its first argument."""

    def make(script: str) -> tuple[str, ...]:
        path = tmp_path / "a program"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        return str(path), str(tmp_path), "two words; $HOME"

    return make


async def until(condition: Callable[[], bool]) -> None:
    """Wait until other processes have made something so."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - another process tells nothing
            await trio.sleep(0.02)


async def test_the_program_gets_the_message_as_json_and_its_arguments_as_they_are(
    program: Callable[[str], tuple[str, ...]], tmp_path: Path, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIO_CHAT_PASSWORD", "secret")
    words = program('cat > "$1/in"; echo "$2$TRIO_CHAT_PASSWORD" > "$1/args"; mv "$1/args" "$1/done"')
    command = NotifyCommand(words, faults.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(command.run)
        command.call(message())
        await until((tmp_path / "done").exists)
        nursery.cancel_scope.cancel()
    given = await trio.Path(tmp_path / "in").read_text()
    assert json.loads(given) | {"type": "message", "room": "#ops", "from": "bob", "text": HOSTILE} == json.loads(given)
    assert "\x1b" not in given
    assert await trio.Path(tmp_path / "done").read_text() == "two words; $HOME\n"
    assert not await trio.Path("pwned").exists()
    assert faults == []


async def test_no_more_programs_run_than_are_of_use(
    program: Callable[[str], tuple[str, ...]], tmp_path: Path, faults: list[str]
) -> None:
    words = program('echo x >> "$1/begun"; while [ ! -e "$1/end" ]; do sleep 0.02; done; echo x >> "$1/ended"')
    command = NotifyCommand(words, faults.append)
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(command.run)
        for _ in range(50):
            command.call(message())
        await until(lambda: begun.exists() and len(begun.read_text()) == 2 * MOST)
        (tmp_path / "end").touch()
        await until(lambda: ended.exists() and len(ended.read_text()) == 2 * MOST)
        await until(lambda: "0 running" in repr(command))
        command.call(message())
        await until(lambda: len(ended.read_text()) == 2 * MOST + 2)
        nursery.cancel_scope.cancel()
    assert faults == []


async def test_a_program_that_does_not_end_is_ended_and_told_once(
    program: Callable[[str], tuple[str, ...]], tmp_path: Path, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_command, "SECONDS", 0.2)
    words = program("trap '' TERM; sleep 60 & echo $! > \"$1/child\"; wait; sleep 60")
    command = NotifyCommand(words, faults.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(command.run)
        command.call(message())
        command.call(message())
        await until(lambda: "0 running" in repr(command))
        nursery.cancel_scope.cancel()
    assert faults == [f"notify_command: {words[0]} did not end within 0.2 seconds and was ended."]


async def test_the_end_of_the_chat_ends_the_programs_and_what_they_have_started(
    program: Callable[[str], tuple[str, ...]], tmp_path: Path, faults: list[str]
) -> None:
    words = program('sleep 60 & echo $! > "$1/child"; mv "$1/child" "$1/pid"; wait')
    command = NotifyCommand(words, faults.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(command.run)
        command.call(message())
        await until((tmp_path / "pid").exists)
        nursery.cancel_scope.cancel()
    child = int((tmp_path / "pid").read_text())
    await until(lambda: not is_running(child))
    assert faults == []


async def test_a_program_that_is_ended_has_a_moment_to_tidy_up(
    program: Callable[[str], tuple[str, ...]], tmp_path: Path, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_command, "_TO_END", 20.0)  # on a busy machine a moment is long
    command = NotifyCommand(
        program('trap \'echo done > "$1/tidied"; exit\' TERM; echo > "$1/ready"; while :; do sleep 0.05; done'),
        faults.append,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(command.run)
        command.call(message())
        await until((tmp_path / "ready").exists)
        nursery.cancel_scope.cancel()
    assert (tmp_path / "tidied").read_text() == "done\n"


def is_running(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("words", "why"), [(("/nowhere/at all",), "could not be started"), (("false",), "status 1")])
async def test_a_failing_program_is_told_once(words: tuple[str, ...], why: str, faults: list[str]) -> None:
    command = NotifyCommand(words, faults.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(command.run)
        for _ in range(3):
            command.call(message())
        await until(lambda: "0 running" in repr(command))
        nursery.cancel_scope.cancel()
    assert len(faults) == 1
    assert why in faults[0]


async def test_without_a_command_nothing_is_started(faults: list[str]) -> None:
    command = NotifyCommand((), faults.append)
    command.call(message())
    assert repr(command) == "<NotifyCommand (), 0 running>"
