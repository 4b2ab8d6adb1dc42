"""What ends the program: exit statuses, sentences, and reports of bugs."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import IO

import click
import pytest

from tests.launching import unmeasured
from trio_chat import cli
from trio_chat.cli import app as app_module
from trio_chat.cli import main
from trio_chat.errors import ConfigError, NotAdmitted, NotDone, TrioChatError, UsageError

Output = pytest.CaptureFixture[str]
Raise = Callable[[BaseException], int]


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Raise:
    """Run the program with a verb that raises; its reports go to a folder of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def run(error: BaseException) -> int:
        def fail() -> None:
            raise error

        monkeypatch.setattr(app_module.LazyGroup, "get_command", lambda *_: click.Command("who", callback=fail))
        return main(["who"])

    return run


def from_prompt(cause: BaseException) -> click.Abort:
    """What click raises when a prompt is broken off: an error in whose context the cause is."""
    error = click.Abort()
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (TrioChatError("It failed."), 1, "trio-chat: It failed.\n"),
        (NotAdmitted("name_taken", "It is taken.", "Choose."), 1, "trio-chat: It is taken. Choose.\n"),
        (
            NotDone("unknown_room", "There is no room #x.", "/rooms lists the rooms."),
            1,
            "trio-chat: There is no room #x.\n",
        ),
        (ConfigError("a:1: x.\na:2: y."), 2, "trio-chat: a:1: x.\ntrio-chat: a:2: y.\n"),
        (UsageError("Not so."), 2, "trio-chat: Not so.\n"),
        (ExceptionGroup("", [ExceptionGroup("", [TrioChatError("Deep.")])]), 1, "trio-chat: Deep.\n"),
        (ExceptionGroup("", [TrioChatError("A."), UsageError("B.")]), 2, "trio-chat: A.\ntrio-chat: B.\n"),
        (TrioChatError("\x1b]0;evil\x07\u202ex"), 1, "trio-chat: \\x1b]0;evil\\x07\\u202ex\n"),
        (KeyboardInterrupt(), 130, ""),
        (BaseExceptionGroup("", [KeyboardInterrupt(), TrioChatError("A.")]), 130, ""),
        (from_prompt(KeyboardInterrupt()), 130, ""),
        (from_prompt(EOFError()), 1, "trio-chat: The input ended before the question was answered.\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0, ""),
        (ExceptionGroup("", [BrokenPipeError(errno.EPIPE, "Broken pipe")]), 0, ""),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "trio-chat: Cannot write the output: No space left"),
        (SystemExit(3), 3, ""),
        (SystemExit(None), 0, ""),
        (click.FileError("x", "gone"), 1, "trio-chat: Could not open file"),
    ],
    ids=repr,
)
def test_each_end_has_its_status_and_its_sentence(
    raising: Raise, capsys: Output, tmp_path: Path, error: BaseException, status: int, says: str
) -> None:
    assert raising(error) == status
    got = capsys.readouterr()
    assert got.err.startswith(says)
    assert (got.err == "") == (says == "")
    assert got.out == ""
    assert not list(tmp_path.rglob("crash-*"))


LONG = "ws://127.0.0.1:8765/a/path/that/is/longer/than/the/row"
WRAPPED = {
    0: [f"trio-chat: Nobody answers at {LONG} に います。 Is it running?", "trio-chat: b"],
    30: ["trio-chat: Nobody answers at", f"  {LONG}", "  に います。 Is it running?", "trio-chat: b"],
    20: ["trio-chat: Nobody", "  answers at", f"  {LONG}", "  に います。 Is it", "  running?", "trio-chat: b"],
}


@pytest.mark.parametrize("columns", WRAPPED)
def test_at_a_terminal_sentences_are_broken_between_words(
    raising: Raise, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    terminal, program_side = os.openpty()
    termios.tcsetwinsize(program_side, (24, columns))
    with os.fdopen(program_side, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert raising(TrioChatError(f"Nobody answers at {LONG} に います。 Is it running?\nb")) == 1
        written = b""
        while written.count(b"\n") < len(WRAPPED[columns]):  # a terminal gives what it has got so far
            written += os.read(terminal, 4096)
    os.close(terminal)
    assert written.decode().splitlines() == WRAPPED[columns]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret of the program"),
        ExceptionGroup("", [ValueError("secret of the program"), TrioChatError("A.")]),
        BaseExceptionGroup("", [ValueError("secret of the program"), KeyboardInterrupt()]),
        FileNotFoundError(errno.ENOENT, "secret of the program", "x"),
    ],
    ids=repr,
)
def test_a_bug_goes_into_a_file_that_is_named_and_no_traceback_to_the_person(
    raising: Raise, capsys: Output, tmp_path: Path, error: BaseException
) -> None:
    assert raising(error) == 1
    got = capsys.readouterr()
    (report,) = tmp_path.rglob("crash-*.log")
    assert str(report) in got.err
    assert "Traceback" not in got.err
    assert "secret" not in got.err
    assert "secret of the program" in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_bug_whose_report_cannot_be_written_is_still_said(
    raising: Raise, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert raising(ValueError("x")) == 1
    assert "Stopped by a bug (ValueError), and the report about it cannot be written" in capsys.readouterr().err


def test_an_interruption_while_the_program_loads_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    assert main([]) == 130
    assert capsys.readouterr().err == ""


def program(*arguments: str, first: str = "", stdout: int | IO[bytes]) -> subprocess.CompletedProcess[bytes]:
    """Run trio-chat as a program of its own, after the line ``first``, and wait for its end."""
    script = f"import sys\n{first}\nfrom trio_chat.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        env=unmeasured(),
    )


def test_an_output_that_takes_no_more_is_said_in_a_sentence(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        done = program(
            "--version", first="import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))", stdout=out
        )
    assert done.stderr == b"trio-chat: Cannot write the output: File too large.\n"
    assert done.returncode == 1


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = program("--help", stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_in_the_middle_of_an_import_ends_the_program_without_further_imports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    monkeypatch.setitem(sys.modules, "trio_chat.cli.faults", None)  # an import of it fails
    assert cli.main(["who"]) == 130
    assert capsys.readouterr() == ("", "")
