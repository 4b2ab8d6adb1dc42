"""The client's commands and the library, end to end, on a machine that has nothing but what Windows has."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.ports import find_free_port
from tests.programs import Done, ServerProgram, Started, environment, past, say
from tests.pty_driver import PtyProgram

WINDOWS = (sys.executable, str(Path(__file__).parent / "other_system.py"), "windows")
PROGRAM = (*WINDOWS, "-m", "trio_chat")
UNIX = (sys.executable, "-m", "trio_chat")


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


@pytest.fixture
def env(server: ServerProgram, tmp_path: Path) -> dict[str, str]:
    """What a program on the other machine sees, with files of its own."""
    return environment(TRIO_CHAT_URL=server.url, HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path / "state"))


def run(*arguments: str, env: Mapping[str, str], given: str = "", program: tuple[str, ...] = PROGRAM) -> Done:
    with Started(*arguments, env=env, program=program) as one:
        one.give_all(given)
        return Done(one.wait_exit(), one.out, one.err)


# ---- the stand-in itself -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"import {name}"
            for name in ("fcntl", "termios", "resource", "pwd", "grp", "tty", "pty", "readline", "curses")
        ),
        *(f"from signal import {name}" for name in ("SIGHUP", "SIGWINCH", "SIGTSTP", "SIGCONT", "SIGUSR1")),
        *(f"import os; os.{name}" for name in ("O_NOFOLLOW", "O_DIRECTORY", "geteuid", "getuid", "fchown", "fchmod")),
        "import os; os.openpty",
        "import socket; socket.AF_UNIX",
        "import select; select.poll",
        "from select import epoll",
        "import time; time.tzset",
        "import trio.lowlevel; trio.lowlevel.FdStream",
        "import os; os.open('.', os.O_RDONLY)",
        "import os; os.open('x', os.O_RDONLY, dir_fd=0)",
    ],
)
def test_the_stand_in_lacks_what_windows_lacks(statement: str, tmp_path: Path, env: dict[str, str]) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"try:\n    {statement}\n"
        "except (AttributeError, ImportError, PermissionError, NotImplementedError):\n    print('lacks')\n"
    )
    assert run(str(script), env=env, program=WINDOWS).out == "lacks\n"


# ---- the commands ------------------------------------------------------------------------------


def test_join_talks_by_lines_and_the_name_stays_its_own(
    server: ServerProgram, env: dict[str, str], tmp_path: Path
) -> None:
    with Started("join", "--plain", "--name", "ada", "--json", env=env, program=PROGRAM) as ada:
        ada.wait_for('"type":"welcome"')
        say(server.url, "bob", "good morning, 日本")
        ada.wait_for("good morning, 日本")
        ada.say("and to you\n/join #win\nit works\n")
        ada.end_input()
        assert ada.wait_exit() == 0, ada.err
    assert past(server.url, "#win") == [("ada", "it works")]
    done = run("join", "--name", "ada", env=env, given="still ada\n")
    assert done.status == 0, done.err
    assert "You are ada." in done.out
    assert past(server.url)[-1] == ("ada", "still ada")
    tokens = list((tmp_path / "state").rglob("identities/*.json"))
    assert len(tokens) == 1
    assert "ada" in tokens[0].read_text()


def test_send_tail_who_and_search_do_their_work(server: ServerProgram, env: dict[str, str]) -> None:
    with Started("tail", "-n", "5", "#ops", "--name", "watcher", env=env, program=PROGRAM) as tail:
        done = run("send", "--create", "--name", "robot", "#ops", env=env, given="the build is done\r\n")
        assert (done.status, done.out, done.err) == (0, "", "")
        tail.wait_for("robot: the build is done")
        found = run("search", "build", "--json", "--name", "robot", env=env)
        assert json.loads(found.out.splitlines()[0])["text"] == "the build is done", found.err
    with Started("join", "--plain", "--name", "hans", "--room", "ops", env=env, program=PROGRAM) as hans:
        hans.wait_for("#ops")
        who = run("who", "#ops", "--json", env=env)
        assert "hans" in who.out, who.err


def test_a_room_is_logged_once_however_often_it_is_joined(
    server: ServerProgram, env: dict[str, str], tmp_path: Path
) -> None:
    logs = {**env, "TRIO_CHAT_LOG_DIRECTORY": str(tmp_path / "logs")}
    for text in ("first", "second"):
        done = run("join", "--name", "carl", "--room", "con", env=logs, given=f"{text}\n")
        assert done.status == 0, done.err
    (log,) = (tmp_path / "logs").rglob("%63on.*.log")  # con is a device on Windows
    assert [line.partition(" carl: ")[2] for line in log.read_text().splitlines()] == ["first", "second"]


def test_settings_are_shown_checked_and_saved(env: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("# mine\n[client]\npassword = 'hidden'\n")
    shown = run("config", "show", "client", "--config", str(config), env=env)
    assert "***" in shown.out or "hidden" not in shown.out
    assert (shown.status, shown.err) == (0, "")  # no advice about modes, which there are none
    assert run("config", "check", "--config", str(config), env=env).status == 0
    done = run("join", "--name", "dora", "--config", str(config), env=env, given="/set time_format %H.%M --save\n")
    assert done.status == 0, done.err
    assert config.read_text().startswith("# mine\n")
    assert 'time_format = "%H.%M"' in config.read_text()


def test_a_refused_password_is_asked_for_nobody_without_a_person(tmp_path: Path, env: dict[str, str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    with ServerProgram("--password-file", str(secret)) as closed:
        refused = run("join", "ada", closed.url, env=env, given="hello\n")
        assert refused.status == 1
        assert "password" in refused.err
        secret.chmod(0o644)
        admitted = run("join", "ada", closed.url, "--password-file", str(secret), env=env, given="hello\n")
        assert (admitted.status, admitted.err) == (0, "")


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["serve", "--help"], ["admin", "--help"], ["join", "--help"]]
)
def test_every_help_page_is_there(words: list[str], env: dict[str, str]) -> None:
    done = run(*words, env=env)
    assert (done.status, done.err) == (0, "")
    assert done.out


@pytest.mark.parametrize("words", [["serve", "--port", "0"], ["admin", "users"], ["admin", "backup", "x"]])
def test_the_server_says_that_it_does_not_run_there(words: list[str], env: dict[str, str]) -> None:
    done = run(*words, env=env)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("trio-chat: The server does not run on Windows")
    assert "WSL" in done.err


# ---- at a terminal -----------------------------------------------------------------------------


def test_a_terminal_there_gets_line_mode_and_one_sentence_why(server: ServerProgram, env: dict[str, str]) -> None:
    with PtyProgram([*PROGRAM, "join", "erna", server.url], env=env) as erna:
        erna.wait_for("You are erna")
        erna.wait_for("The full screen needs a Unix terminal")
        erna.type("hello from line mode\r")
        say(server.url, "bob", "hello erna")
        erna.wait_for("bob: hello erna")
        erna.type("\x03")
        assert erna.wait_exit() == 130
    assert ("erna", "hello from line mode") in past(server.url)
    with PtyProgram([*PROGRAM, "join", "--plain", "frida", server.url], env=env) as frida:
        frida.wait_for("You are frida")
        assert not frida.shows("full screen")
        frida.type("/quit\r")
        assert frida.wait_exit() == 0


def test_a_password_is_asked_for_at_a_terminal(tmp_path: Path, env: dict[str, str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    with (
        ServerProgram("--password-file", str(secret)) as closed,
        PtyProgram([*PROGRAM, "join", "--plain", "gerd", closed.url], env=env) as gerd,
    ):
        gerd.wait_for("Server password:")
        gerd.type("open sesame\r")
        gerd.wait_for("You are gerd")
        gerd.type("/quit\r")
        assert gerd.wait_exit() == 0


# ---- the library -------------------------------------------------------------------------------

BOT = """
import os
import trio
import trio_chat

async def main():
    async with trio_chat.connect(os.environ["TRIO_CHAT_URL"], name="bot") as chat:
        await chat.send("#lobby", "from the library")
        async for event in chat:
            if getattr(event, "text", "") == "from the library":
                print(event.sender)
                break

trio.run(main)
"""


def test_the_library_sends_and_receives(server: ServerProgram, env: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "bot.py"
    script.write_text(BOT)
    done = run(str(script), env=env, program=WINDOWS)
    assert (done.status, done.out, done.err) == (0, "bot\n", "")


def test_a_server_that_is_not_there_is_a_sentence(env: dict[str, str]) -> None:
    done = run("who", "--url", f"ws://127.0.0.1:{find_free_port()}/", env=env)
    assert done.status == 1
    assert done.err.startswith("trio-chat: ")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("time_format", "status"), [("%k:%M", 2), ("%-H:%M", 2), ("%#H:%M", 0), ("%H:%M:%S.%f", 0)])
def test_a_time_format_is_checked_against_the_codes_of_windows(
    time_format: str, status: int, env: dict[str, str]
) -> None:
    done = run("who", "--time-format", time_format, env=env)
    assert done.status == status, done.err
    assert ("strftime has no" in done.err) is bool(status)


def test_the_same_tokens_are_read_by_both_systems(server: ServerProgram, env: dict[str, str]) -> None:
    assert run("join", "--name", "ines", env=env, given="from there\n").status == 0
    assert run("join", "--name", "ines", env=env, given="from here\n", program=UNIX).status == 0
    assert past(server.url)[-2:] == [("ines", "from there"), ("ines", "from here")]


def test_a_server_with_tls_is_pinned_listed_and_forgotten(env: dict[str, str], tmp_path: Path) -> None:
    with ServerProgram("--data", str(tmp_path / "data"), "--host", "0.0.0.0", "--open") as server:
        url = f"wss://127.0.0.1:{server.port}/"
        assert run("join", "--name", "kurt", url, env=env, given="over TLS\n").status == 0
        assert run("join", "--name", "kurt", url, env=env, given="again\n").status == 0
        known = json.loads(run("trust", "list", "--json", env=env).out.splitlines()[0])
        assert known["server"] == f"127.0.0.1:{server.port}"
        assert known["fingerprint"]
        assert run("trust", "forget", f"127.0.0.1:{server.port}", env=env).status == 0
        assert run("trust", "list", "--json", env=env).out == ""
        server.stop()


def test_ssh_is_for_unix(env: dict[str, str]) -> None:
    done = run("join", "--ssh", env={**env, "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"})
    assert done.status == 2
    assert "needs a Unix machine" in done.err


def test_a_person_at_a_terminal_there_is_asked_for_a_name_and_for_the_server(
    server: ServerProgram, env: dict[str, str], tmp_path: Path
) -> None:
    del env["TRIO_CHAT_URL"]
    with PtyProgram([*PROGRAM, "join", server.url], env=env) as newcomer:
        newcomer.wait_for("name")
        newcomer.type("lena\r")
        newcomer.wait_for("You are lena")
        newcomer.type("/quit\r")
        assert newcomer.wait_exit() == 0
    with ServerProgram() as other, PtyProgram([*PROGRAM, "join", "lena", other.url], env=env) as again:
        again.wait_for("You are lena")
        again.type("/quit\r")
        assert again.wait_exit() == 0
    with PtyProgram([*PROGRAM, "join"], env=env) as choosing:
        choosing.wait_for("Number [1]")
        choosing.type(f"127.0.0.1:{server.port}\r")
        choosing.wait_for("You are lena")
        choosing.type("\x03")
        assert choosing.wait_exit() == 130
