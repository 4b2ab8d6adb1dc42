"""Whatever a server says, before the login and after it, nothing of it acts on the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.hostile_server import HOSTILE, WELL_FORMED, Author, HostileServer, World, faults, half_a_character
from tests.launching import PROGRAM
from tests.programs import elsewhere, environment
from tests.pty_driver import PtyProgram
from trio_chat.protocol import codec, events

WORLDS: Final[tuple[World, ...]] = ("texts", "names", "times")
COMMANDS: Final = {
    "send": ["send", "#lobby", "hello"],
    "tail": ["tail"],
    "tail --json": ["tail", "--json"],
    "who": ["who"],
    "who --json": ["who", "--json"],
    "search": ["search", "needle"],
    "search --json": ["search", "needle", "--json"],
    "search --context": ["search", "needle", "--context", "1"],
}
MODES: Final = {"full screen": ["join"], "line mode": ["join", "--plain"], "json": ["join", "--json"]}
TALKING: Final = (MODES["full screen"], MODES["line mode"])
ERROR: Final = {"type": "error", "code": HOSTILE, "message": HOSTILE, "advice": HOSTILE, "until": HOSTILE, "id": ""}


class Terminal(PtyProgram):
    """A command on a terminal, and what it wrote there."""

    def __init__(self, server: HostileServer, folder: Path, command: Sequence[str], columns: int = 120) -> None:
        verb, *rest = command
        around = elsewhere(folder, TERM_PROGRAM="iTerm.app", XDG_CONFIG_HOME=str(folder))
        around.pop("COLORFGBG", None)
        argv = [*PROGRAM, verb, "--url", server.url, "--name", "ada", *rest]
        super().__init__(argv, env=around, columns=columns, rows=40)

    def wait_hostile(self, times: int = 1) -> None:
        """Wait until hostile text has come to the terminal, so many times at least."""
        self.wait_until(lambda: self.raw.count(b"EVIL") >= times, f"hostile text, {times} times")

    def wait_sentence(self) -> None:
        """Wait until the program has said why it cannot go on, asks a question, or has ended."""
        said = (b"127.0.0.1", b"Server password:", b"Another name:")
        self.wait_until(lambda: any(text in self.raw for text in said) or self.process.poll() is not None, "a sentence")

    def end(self) -> bytes:
        """End it if it goes on; all that it wrote."""
        while self.process.poll() is None:
            self.type("\x03")
            self.read(0.1)
        self.wait_exit()
        return bytes(self.raw)


def test_the_check_finds_what_acts_on_a_terminal() -> None:
    assert len(faults(HOSTILE.encode())) > 20
    assert faults(b"\x1b]2;owned\x1b\\") != []
    assert faults(b"\x1b[31337mx") != []
    assert faults("\x1b[1m\x1b]2;#lobby\x07ok ␛[2J\r\n".encode()) == []


def test_every_text_of_every_event_is_hostile() -> None:
    for kind in events.EVENTS:
        event = Author("names").event(kind)
        assert isinstance(codec.decode_event(json.dumps(event)), kind)  # an impossible time would be refused here
        assert [text for text in _texts(event) if "EVIL" not in text and text != WELL_FORMED] == []
        assert [text for text in _texts(Author("times").event(kind)) if "EVIL" not in text] == []


def _texts(value: object) -> Iterator[str]:
    """The texts in an event, but its type and the words of a fixed list."""
    listed = {"member", "left", "quit", "action", "text"}
    match value:
        case str() if value not in listed:
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for key, item in value.items():
                if key != "type":
                    yield from _texts(item)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_lets_nothing_through(command: list[str], world: World, tmp_path: Path) -> None:
    with HostileServer(world) as server, Terminal(server, tmp_path, command) as terminal:
        if command[0] == "tail" and world == "texts":
            terminal.wait_hostile(5)
        elif command[0] != "tail":
            terminal.wait_exit()
        elif world == "names":
            terminal.wait_hostile()
        else:  # no event has a possible time, so none is shown
            terminal.wait_until(server.said.is_set, "the server")
        assert faults(terminal.end()) == []


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_an_interface_lets_nothing_through(mode: list[str], world: World, tmp_path: Path) -> None:
    with HostileServer(world) as server, Terminal(server, tmp_path, mode) as terminal:
        terminal.wait_hostile()
        for line in ("hello", "again", "/who", "/rooms", "/devices", "/bans", "/topic", "/search needle"):
            shown = len(terminal.raw)
            terminal.type(f"{line}\r")
            terminal.wait_until(lambda shown=shown: len(terminal.raw) > shown, "an answer")  # type: ignore[misc] # bound now
        if mode == MODES["full screen"]:
            terminal.wait_for("search")
            terminal.type("\x1b")  # closes what was found
            terminal.wait_until(lambda: not terminal.shows("┌─"), "the conversation")
        terminal.wait_hostile(11)
        shown = terminal.raw.count(b"EVIL")
        terminal.type("/away bye\r")  # then the server says goodbye
        terminal.wait_until(lambda: terminal.raw.count(b"EVIL") > shown, "the goodbye")
        assert faults(terminal.end()) == []


REFUSALS: Final = {status: json.dumps(ERROR) for status in (400, 401, 403, 404, 409, 426, 429, 500, 503)}


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize(
    "command", [COMMANDS["send"], MODES["full screen"], MODES["line mode"]], ids=lambda one: one[-1]
)
def test_a_refused_upgrade_lets_nothing_through(command: list[str], status: int, tmp_path: Path) -> None:
    body = REFUSALS[status].encode()
    reason = HOSTILE.translate(dict.fromkeys(map(ord, "\r\n"))).encode()
    head = b"HTTP/1.1 %d %b\r\nServer: %b\r\nContent-Length: %d\r\n\r\n%b"
    said = HostileServer(head=head % (status, b"No", b"\xc2\x9b7m", len(body), body))
    with said as server, Terminal(server, tmp_path, command) as terminal:
        terminal.wait_hostile()
        assert faults(terminal.end()) == []
    foreign = HostileServer(head=head % (status, reason, reason, 4, b"\x1b[2J"))
    with foreign as server, Terminal(server, tmp_path, command) as terminal:
        terminal.wait_sentence()
        assert faults(terminal.end()) == []


FIRST: Final = {
    "an error": ERROR,
    "a goodbye": {"type": "closing", "code": "banned", "message": HOSTILE, "advice": HOSTILE},
    "a name that is taken": {**ERROR, "code": "name_taken"},
    "a wrong password": {**ERROR, "code": "wrong_account_password"},
    "no event": {"type": HOSTILE, HOSTILE: [HOSTILE]},
    "no JSON": HOSTILE,
    "half a character": half_a_character(),
    "a wrong field": {"type": "welcome", "rooms": HOSTILE},
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST.keys())
@pytest.mark.parametrize(
    "command", [COMMANDS["who"], MODES["full screen"], MODES["line mode"]], ids=lambda one: one[-1]
)
def test_a_first_word_that_is_no_welcome_lets_nothing_through(
    command: list[str], first: dict[str, object] | str, tmp_path: Path
) -> None:
    with HostileServer(first=first) as server, Terminal(server, tmp_path, command) as terminal:
        if isinstance(first, dict) and first.get("message"):
            terminal.wait_hostile()
        else:
            terminal.wait_sentence()
        assert faults(terminal.end()) == []


@pytest.mark.parametrize(
    "command", [COMMANDS["who"], MODES["full screen"], MODES["line mode"]], ids=lambda one: one[-1]
)
def test_a_reason_of_a_close_frame_and_a_foreign_greeting_let_nothing_through(
    command: list[str], tmp_path: Path
) -> None:
    reason = "EVIL\x1b]0;pwned\x07\x9b7m\u202e\r\n-- fake"
    for server in (HostileServer(close=reason), HostileServer(head=b"SSH-2.0-\x1b]0;x\x07\xc2\x9b7m\r\n")):
        with server, Terminal(server, tmp_path, command) as terminal:
            terminal.wait_sentence()
            assert faults(terminal.end()) == []


LOGGING: Final = """
import logging, structlog
from tests.hostile_server import HOSTILE
from trio_chat.server.log import configure

configure("text", "debug")
log = structlog.get_logger()
log.warning(HOSTILE, name=HOSTILE, **{HOSTILE: [HOSTILE]})
logging.getLogger(HOSTILE).error("said %s", HOSTILE)
try:
    raise ValueError(HOSTILE)
except ValueError:
    log.exception("failed")
"""
"""A server's log, of which every part is hostile."""


def test_a_log_on_a_terminal_lets_nothing_through() -> None:
    root = str(Path(__file__).parents[2])
    with PtyProgram([sys.executable, "-c", LOGGING], env=environment(PYTHONPATH=root), columns=200, rows=40) as server:
        assert server.wait_exit() == 0
        assert server.raw.count(b"EVIL") > 5
        assert b"\x1b[33mwarning" in server.raw
        assert faults(bytes(server.raw)) == []
