"""``join`` without a server: the known servers, to choose from at a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.programs import ServerProgram, elsewhere, run
from tests.pty_driver import PtyProgram
from trio_chat.cli.server_list import ListedServer, address_of, day_of, list_lines
from trio_chat.client.address import parse_given
from trio_chat.client.known_servers import KnownServers
from trio_chat.client.server_records import KnownServer

LIST = [
    ListedServer("wss://chat.example:8765/", "noether", "today"),
    ListedServer("wss://192.0.2.7:8765/", "ada", "yesterday"),
    ListedServer("127.0.0.1:8765", "", "2026-11-02"),
]


def test_the_list_is_aligned_and_shows_as_much_as_there_is_room_for() -> None:
    assert list_lines(LIST, 80, 24) == [
        "Which server?",
        " 1  chat.example:8765  noether  today",
        " 2  192.0.2.7:8765     ada      yesterday",
        " 3  127.0.0.1:8765              2026-11-02",
    ]
    assert list_lines(LIST, 40, 24)[1:3] == [" 1  chat.example:8765  noether", " 2  192.0.2.7:8765     ada"]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 5), (200, 50)])
def test_the_list_and_its_question_are_visible_at_once(columns: int, rows: int) -> None:
    lines = list_lines([ListedServer(f"wss://192.0.2.{n}:99/", "ada", "today") for n in range(100)], columns, rows)
    assert all(len(line) <= columns for line in lines)
    assert len(lines) + 1 <= rows
    assert lines[-1] == f" and {100 - (len(lines) - 2)} more"


@pytest.mark.parametrize(
    ("server", "address"),
    [
        (KnownServer(address="192.0.2.7:8765", tls=True), "wss://192.0.2.7:8765/"),
        (KnownServer(address="192.0.2.7:8765"), "ws://192.0.2.7:8765/"),
        (KnownServer(address="fd00::7:8765", tls=True), "wss://[fd00::7]:8765/"),
        (KnownServer(address="127.0.0.1:8765"), "127.0.0.1:8765"),
        (KnownServer(address="127.0.0.1:8765", tls=True), "wss://127.0.0.1:8765/"),
    ],
)
def test_a_known_server_is_joined_as_it_was_reached(server: KnownServer, address: str) -> None:
    assert address_of(server) == address
    assert parse_given(address).explicit == ("://" in address)


def test_days_are_said_as_people_say_them() -> None:
    today = dt.date(2026, 11, 30)
    noon = dt.datetime(2026, 11, 30, 12).astimezone().timestamp()
    assert [day_of(noon - days * 86400, today) for days in range(3)] == ["today", "yesterday", "2026-11-28"]
    assert day_of(0.0, today) == ""


# ---- at a terminal ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ServerProgram, ServerProgram]]:
    with ServerProgram("--motd", "first") as first, ServerProgram("--motd", "second") as second:
        yield first, second


_guests = count()


def know(home: Path, *servers: ServerProgram) -> None:
    """Let a device know these servers, the last one as the one used last."""
    times = count(1.0)
    known = KnownServers(home / "elsewhere" / "trio-chat", clock=lambda: next(times) * 1000)
    for server in servers:
        known.meet(server.url, None, verified=False, tls=False)


def join(home: Path, *more: str, columns: int = 80, rows: int = 24, **env: str) -> PtyProgram:
    name = f"guest{next(_guests)}"
    command = [*PROGRAM, "join", "--plain", "--name", name, *more]
    return PtyProgram(command, env=elsewhere(home, NO_COLOR="1", **env), columns=columns, rows=rows)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 5)])
@pytest.mark.parametrize(("answer", "motd"), [("", "second"), ("1", "second"), ("2", "first")])
def test_a_number_or_enter_chooses_the_last_used_first(
    servers: tuple[ServerProgram, ServerProgram], tmp_path: Path, answer: str, motd: str, columns: int, rows: int
) -> None:
    know(tmp_path, *servers)
    with join(tmp_path, columns=columns, rows=rows) as guest:
        guest.wait_for("Number [1]: ")
        guest.type(f"{answer}\r")
        guest.wait_until(lambda: motd in " ".join(guest.everything), motd)


def test_a_wrong_number_is_asked_again_and_an_address_will_do(
    servers: tuple[ServerProgram, ServerProgram], tmp_path: Path
) -> None:
    know(tmp_path, *servers)
    with ServerProgram("--motd", "third") as third, join(tmp_path) as guest:
        guest.wait_for("Number [1]: ")
        guest.type("3\r")
        guest.wait_until(lambda: guest.raw.count(b"Number [1]: ") == 2, "the question again")
        guest.wait_for("Type a number from 1 to 2.")
        guest.type("ftp://chat.example\r")
        guest.wait_until(lambda: guest.raw.count(b"Number [1]: ") == 3, "the question again")
        guest.wait_for("must begin with ws:// or wss://")
        guest.type(f"{third.url}\r")
        guest.wait_for("third")


def test_who_leaves_the_list_has_joined_nothing(servers: tuple[ServerProgram, ServerProgram], tmp_path: Path) -> None:
    know(tmp_path, *servers)
    with join(tmp_path) as guest:
        guest.wait_for("Number [1]: ")
        guest.type(b"\x03")
        assert guest.wait_exit() == 130
        guest.assert_given_back()


def test_the_only_server_is_joined_at_once(servers: tuple[ServerProgram, ServerProgram], tmp_path: Path) -> None:
    know(tmp_path, servers[1])
    with join(tmp_path) as guest:
        guest.wait_for("second")
        assert b"Which server?" not in guest.raw


def test_a_server_in_the_settings_is_joined_at_once(
    servers: tuple[ServerProgram, ServerProgram], tmp_path: Path
) -> None:
    know(tmp_path, *servers)
    with join(tmp_path, TRIO_CHAT_URL=servers[0].url) as guest:
        guest.wait_for("first")
        assert b"Which server?" not in guest.raw


def test_ones_own_server_is_on_the_list_while_it_runs(
    servers: tuple[ServerProgram, ServerProgram], tmp_path: Path
) -> None:
    know(tmp_path, servers[0])
    env = elsewhere(tmp_path, TRIO_CHAT_PORT=str(find_free_port()))
    command = [*PROGRAM, "serve", "--data", str(tmp_path / "data"), "--motd", "own"]
    with PtyProgram(command, env=env, columns=120, rows=30) as own:
        own.wait_for("Listening")
        with join(tmp_path) as guest:
            guest.wait_for("Number [1]: ")
            guest.wait_for(f" 2  127.0.0.1:{env['TRIO_CHAT_PORT']}")
            guest.type("2\r")
            guest.wait_for("[y/n]")
            guest.type("n\r")
            guest.wait_for("own")
    with join(tmp_path) as guest:
        guest.wait_for("first")


def test_a_script_is_not_asked(servers: tuple[ServerProgram, ServerProgram], tmp_path: Path) -> None:
    know(tmp_path, *servers)
    done = run("join", env=elsewhere(tmp_path, TRIO_CHAT_URL=""))
    assert "Which server?" not in done.out + done.err
