"""The server's log: its two forms, and that nothing in it reaches a terminal raw."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator

import pytest
import structlog

from trio_chat.server.log import TextLine, configure

Output = pytest.CaptureFixture[str]
EVIL = "a\x1b[2J\nb\u202e\u200b\x9b\x7f"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_away_from_a_terminal_a_line_is_a_json_object_with_its_time_first(capsys: Output) -> None:
    configure()
    structlog.get_logger().info("joined", name="ada", count=2)
    line = capsys.readouterr().err
    got = json.loads(line)
    assert list(got) == ["timestamp", "level", "event", "name", "count"]
    assert got["timestamp"].endswith("Z")
    assert (got["level"], got["event"], got["name"], got["count"]) == ("info", "joined", "ada", 2)


def test_text_can_be_asked_for(capsys: Output) -> None:
    configure("text")
    structlog.get_logger().warning("joined", name="ada", why="two words")
    words = capsys.readouterr().err.split()
    assert time.strptime(words[0], "%H:%M:%S")  # for people: the day is on their calendar
    assert words[1:] == ["warning", "joined", "name=ada", 'why="two', 'words"']


def test_on_a_terminal_it_is_coloured_text_unless_told_not_to(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    configure()
    structlog.get_logger().info("joined", name="ada")
    assert "\x1b[32minfo" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    configure()
    structlog.get_logger().info("joined", name="ada")
    got = capsys.readouterr().err
    assert "\x1b" not in got
    assert got.endswith(" name=ada\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_strangers_said_is_written_out_and_stays_on_its_line(form: str, capsys: Output) -> None:
    configure("json" if form == "json" else "text")
    structlog.get_logger().info(EVIL, name=EVIL, **{EVIL: [EVIL]})
    got = capsys.readouterr().err
    assert got.count("\n") == 1
    assert got.removesuffix("\n").isprintable()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_in_the_log_and_made_harmless_too(form: str, capsys: Output) -> None:
    configure("json" if form == "json" else "text")
    try:
        int(EVIL)
    except ValueError:
        structlog.get_logger().exception("failed", session=1)
    got = capsys.readouterr().err
    assert "Traceback" in got
    assert "session" in got.splitlines()[0]
    assert got.replace("\n", "").isprintable()
    if form == "text":
        assert all(line.startswith("    ") for line in got.splitlines()[1:])


def test_less_than_the_level_asked_for_is_left_out(capsys: Output) -> None:
    configure("text", "warning")
    log = structlog.get_logger()
    log.info("not this")
    log.warning("this")
    assert "not this" not in (got := capsys.readouterr().err)
    assert "this" in got


def test_a_library_that_logs_the_usual_way_is_heard_in_the_same_form(capsys: Output) -> None:
    configure("json")
    configure("json")  # a second time adds nothing
    logging.getLogger("some-library").warning("%d%% of %s", 5, EVIL)
    logging.getLogger("some-library").info("not this")
    (line,) = capsys.readouterr().err.splitlines()
    got = json.loads(line)
    assert (got["event"], got["level"], got["logger"]) == (f"5% of {EVIL}", "warning", "some-library")


def test_a_library_whose_message_does_not_fit_its_arguments_is_heard_all_the_same(capsys: Output) -> None:
    configure("json")
    record = logging.LogRecord("some-library", logging.WARNING, __file__, 1, "%d", ("x",), None)
    logging.getLogger().handlers[-1].handle(record)  # ours alone: pytest's own would fail the test
    assert json.loads(capsys.readouterr().err)["event"] == "%d"


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("text")

    def broken(text: str) -> int:
        raise BrokenPipeError(text)

    with monkeypatch.context() as patch:
        patch.setattr(sys.stderr, "write", broken)
        structlog.get_logger().error("lost")


def test_a_line_without_fields_ends_with_its_event() -> None:
    line = TextLine(color=False)(None, "info", {"timestamp": "T", "level": "info", "event": "stopped"})
    assert line == "T info    stopped"
