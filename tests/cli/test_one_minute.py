"""A safe chat in one minute: a host and a guest who have never used the program, each with an empty home directory.

The host runs ``serve``, takes the first answer to each question, and sends the line that it shows. The guest pastes the
line. They talk over TLS, and the guest's device knows the host's server by its key. The seconds of each step are
printed (``pytest -s``), and none is asserted.

``ONE_MINUTE_PROGRAMS`` names the program of the host and that of the guest, separated as in ``PATH``: for a test of two
installations. Without it both are the program under test.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from pathlib import Path
from typing import Final

import msgspec

from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.programs import environment
from tests.pty_driver import PtyProgram

HOST, GUEST = 0, 1
LINE: Final = re.compile(rb"trio-chat join '(wss://[^']+#pin=[^'&]+&invite=[^']+)'")


def program(who: int) -> str:
    """The command that starts somebody's ``trio-chat``, for a shell."""
    named = os.environ.get("ONE_MINUTE_PROGRAMS", "")
    return shlex.quote(named.split(os.pathsep)[who]) if named else shlex.join(PROGRAM)


class Watch:
    """Prints the seconds of each step."""

    def __init__(self) -> None:
        self._began = self._step = time.monotonic()

    def tell(self, step: str) -> None:
        now = time.monotonic()
        print(f"{now - self._step:6.2f} s  {step}")  # noqa: T201 - the figures are for whoever runs it with -s
        self._step = now

    def total(self) -> None:
        print(f"{time.monotonic() - self._began:6.2f} s  altogether")  # noqa: T201 - as above


class Home:
    """A person's machine: an empty home directory, and a terminal in which they type command lines."""

    def __init__(self, folder: Path, who: int, user: str, port: int) -> None:
        self.folder = folder / user
        self.folder.mkdir()
        hidden = {name for name in os.environ if name.startswith(("XDG_", "TRIO_CHAT_"))}
        shown = {name: value for name, value in environment(NO_COLOR="1").items() if name not in hidden}
        port_of = {"TRIO_CHAT_PORT": str(port)} if who == HOST else {}  # tests run side by side
        self._env = {**shown, "HOME": str(self.folder), "LOGNAME": user, **port_of}
        self._program = program(who)

    def types(self, line: str) -> PtyProgram:
        """Type a command line that begins with ``trio-chat``, as a shell takes it."""
        command = line.replace("trio-chat", self._program, 1)
        return PtyProgram(["sh", "-c", f"exec {command}"], env=self._env)

    @property
    def known_servers(self) -> list[dict[str, object]]:
        """The servers that this person's device knows."""
        file = self.folder / ".local" / "state" / "trio-chat" / "known-servers.json"
        return list(msgspec.json.decode(file.read_bytes())["servers"])


def answer_first(host: PtyProgram) -> None:
    """Take the first answer to each question of ``serve``."""
    for asked in ("Who can reach it?", "Who may enter?", "not ask again?"):
        host.wait_for(asked)
        host.wait_until(lambda: host.last_row.rstrip().endswith(":"), "a question")
        host.type("\r")


def sent_by(host: PtyProgram) -> str:
    """The line that the host copies. On the screen it is broken into rows; a terminal copies it whole."""
    host.wait_until(lambda: LINE.search(bytes(host.raw)) is not None, "the line to send")
    host.wait_for("once more stops at once")
    found = LINE.search(bytes(host.raw))
    assert found is not None
    return found[0].decode()


def enter(person: PtyProgram, asked: str, answer: str = "\r") -> None:
    person.wait_for(asked)
    person.type(answer)


def test_a_host_and_a_guest_talk_within_a_minute(tmp_path: Path) -> None:
    port, watch = find_free_port(), Watch()
    host, guest = Home(tmp_path, HOST, "hopper", port), Home(tmp_path, GUEST, "noether", port)
    with host.types("trio-chat serve") as server:
        answer_first(server)
        line = sent_by(server)
        watch.tell("the host answers and gets the line to send")
        with guest.types(line) as noether:
            enter(noether, "Your name [noether]")
            noether.wait_for("→ #lobby>")
            watch.tell("the guest pastes it and is in")
            with host.types("trio-chat join") as hopper:
                enter(hopper, "Become its administrator? [y/n]", "y\r")
                enter(hopper, "Your name [hopper]")
                hopper.wait_for("→ #lobby>")
                watch.tell("the host joins too")
                noether.type("hello, is this you?\r")
                hopper.wait_for("hello, is this you?")
                hopper.type("it is\r")
                noether.wait_for("it is")
                watch.tell("they talk")
                watch.total()
                for person in (hopper, noether):
                    person.type("/quit\r")
                    assert person.wait_exit() == 0
                    person.assert_given_back()
        pin = re.search(r"#pin=([\w-]+)", line)
        assert pin is not None
        (known,) = guest.known_servers
        assert (known["fingerprint"], known["tls"]) == (pin[1], True)
        with guest.types("trio-chat join") as noether:
            noether.wait_for("→ #lobby>")
            assert b"Your name" not in noether.raw
            watch.tell("the guest comes back without a question")
        server.type(b"\x03")
        assert server.wait_exit() == 0


def test_a_guest_is_warned_when_another_server_answers_at_the_address_of_the_line(tmp_path: Path) -> None:
    port = find_free_port()
    host, guest = Home(tmp_path, HOST, "hopper", port), Home(tmp_path, GUEST, "noether", port)
    with host.types("trio-chat serve") as server:
        answer_first(server)
        line = sent_by(server)
        server.type(b"\x03")
        assert server.wait_exit() == 0
    (host.folder / ".local" / "share" / "trio-chat").rename(host.folder / "moved")
    with host.types("trio-chat serve") as other:  # at the same address, with a key of its own
        other.wait_for("once more stops at once")
        with guest.types(line) as noether:
            assert noether.wait_exit() == 1
            assert noether.shows("ANOTHER SERVER answers")
            assert b"Your name" not in noether.raw
            noether.assert_given_back()
    assert not (guest.folder / ".local" / "state" / "trio-chat" / "known-servers.json").exists()
