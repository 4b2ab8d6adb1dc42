"""``join`` from a script: its forms, its lines, its exit status."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.programs import PATIENCE, ServerProgram, Started, elsewhere, environment, past, run, say, write_config
from trio_chat.cli import main
from trio_chat.cli.connecting import given_server
from trio_chat.config import ClientConfig
from trio_chat.errors import UsageError


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


@pytest.fixture
def free_port() -> int:
    return find_free_port()


# ---- which server ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "url", "host", "port", "expected"),
    [
        (None, None, None, None, "ws://configured:1/"),
        ("there", None, None, None, "wss://there:8765/"),
        ("there:9", None, None, None, "wss://there:9/"),
        ("there", None, None, 9, "wss://there:9/"),
        ("wss://there/x", None, None, None, "wss://there:443/x"),
        (None, None, "there", None, "wss://there:8765/"),
        (None, None, "::1", 9, "ws://[::1]:9/"),
        (None, None, None, 9, "ws://configured:9/"),
        (None, "ws://configured:1/", None, None, "ws://configured:1/"),
    ],
)
def test_the_server_is_what_was_given_else_what_is_configured(
    server: str | None, url: str | None, host: str | None, port: int | None, expected: str
) -> None:
    assert given_server(ClientConfig(url="ws://configured:1/"), server, url=url, host=host, port=port).url == expected


@pytest.mark.parametrize(
    ("server", "url", "host", "port"),
    [
        ("there", "ws://x/", None, None),
        ("there", None, "x", None),
        (None, "ws://x/", "x", None),
        (None, None, "x:9", 8),
    ],
)
def test_a_server_given_twice_is_refused(
    server: str | None, url: str | None, host: str | None, port: int | None
) -> None:
    with pytest.raises(UsageError, match="given twice"):
        given_server(ClientConfig(), server, url=url, host=host, port=port)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "b", "c"], "There are 3 arguments"),
        (["ws://a/", "ws://b/"], "Both arguments are URLs"),
        (["ada", "there", "--name", "bob"], "Your name is given twice"),
        (["ada", "http://there/"], "Did you mean ws://there/?"),
        (["--port", "0"], "--port 0 is not a port"),
        (["--url", "ftp://x"], "--url"),
        (["a b", "there"], "'a b' cannot be a name"),
        (["a b@there"], "'a b' cannot be a name"),
        (["ada@there", "--name", "bob"], "Your name is given twice"),
        (
            ["127.0.0.1:9000", "eve"],
            "The name comes first. If eve is your name, use: trio-chat join eve 127.0.0",
        ),
        (["--name", "x" * 40], "it has 40 characters"),
        (["--room", "a b"], "'#a b' cannot be a room's name"),
        (["--time-format", "%Q"], "strftime has no %Q"),
        (["--time-format", "%H:%M%"], "strftime has no %."),
    ],
)
def test_arguments_that_make_no_sense_are_named_and_exit_with_2(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["join", *arguments]) == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["localhost", "eve.invalid:1"], ""),
        (["localhost", "eve-is-no-host"], "The name comes first. If eve-is-no-host is your name, use: "),
        (["eve-is-no-host"], "If eve-is-no-host is your name, use: trio-chat join --name eve-is-no-host"),
        (["ada@eve-is-no-host"], ""),
    ],
)
def test_when_no_server_answers_arguments_that_seem_exchanged_get_a_hint(
    arguments: list[str], hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["join", *arguments]) == 1
    error = capfd.readouterr().err
    assert hint in error
    assert ("is your name" in error) == bool(hint)


# ---- the forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["name host:port", "name@host:port", "name url", "url name", "flags", "host and port"])
def test_every_form_of_the_arguments_comes_in_as_that_name(server: ServerProgram, form: str) -> None:
    authority = f"127.0.0.1:{server.port}"
    arguments = {
        "name host:port": ["ada", authority],
        "name@host:port": [f"ada@{authority}"],
        "name url": ["ada", server.url],
        "url name": [server.url, "ada"],
        "flags": ["--url", server.url, "--name", "ada"],
        "host and port": ["--host", "127.0.0.1", "--port", str(server.port), "--name", "ada"],
    }[form]
    done = run("join", *arguments)
    assert done.status == 0
    assert done.out.startswith("-- You are ada.")
    assert done.err == ""


def test_without_a_name_one_is_who_one_was_last_and_else_the_server_makes_one_up(
    server: ServerProgram, tmp_path: Path
) -> None:
    env = elsewhere(tmp_path)
    done = run("join", f"127.0.0.1:{server.port}", env=env)
    made_up = re.match(r"-- You are user_\d{4}\.", done.out)
    assert made_up
    assert run("join", server.url, env=env).out.startswith(made_up[0])
    run("join", "--name", "noether", server.url, env=env)
    assert run("join", server.url, env=env).out.startswith("-- You are noether.")


def test_server_and_name_come_from_the_environment_or_the_file(server: ServerProgram, tmp_path: Path) -> None:
    env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="eve")
    assert run("join", env=env).out.startswith("-- You are eve.")
    path = write_config(tmp_path, f'[client]\nurl = "{server.url}"\nname = "zoë"\n')
    assert run("join", "--config", path).out.startswith("-- You are zoë.")


# ---- what is said and heard --------------------------------------------------------------------


def test_each_line_of_the_input_is_said_and_all_of_it_is_acknowledged(server: ServerProgram) -> None:
    lines = [f"line {n}" for n in range(20)]
    done = run("join", "ada", server.url, "--room", "pipes", given="\n".join(lines))
    assert done.status == 0
    assert past(server.url, "#pipes") == [("ada", line) for line in lines]
    assert [line.partition("ada: ")[2] for line in done.out.splitlines() if "ada: " in line] == lines
    assert "\x1b" not in done.out


def test_what_was_refused_is_said_and_ends_with_1(server: ServerProgram) -> None:
    done = run("join", "ada", server.url, "--room", "refused", given="one\nhi @siss\n/jion #ops\ntwo\n")
    assert done.status == 1
    assert "! Nobody here is called 'siss'. Nothing was sent." in done.out
    assert "! Unknown command /jion. Did you mean /join?" in done.out
    assert past(server.url, "#refused") == [("ada", "one"), ("ada", "two")]


def test_names_that_nobody_has_are_public_when_the_settings_say_so(server: ServerProgram) -> None:
    flags = ["--room", "public", "--unknown-recipients", "public"]
    done = run("join", "ada", server.url, *flags, given="hi @siss @mom\n")
    assert done.status == 0
    assert past(server.url, "#public") == [("ada", "hi @siss @mom")]


def test_commands_work_line_by_line(server: ServerProgram) -> None:
    typed = "/join dev,/topic plans,/me waves,/who,/rooms,/away lunch,/back,/nick grace,/leave,/quit,never said"
    done = run("join", "fay", server.url, given="\n".join(typed.split(",")))
    assert done.status == 0
    for part in (
        "-- You made #dev: there was no such room. You are in #dev (you are alone there",
        "-- fay set the topic: plans (#dev)",
        "#dev * fay waves",
        "#dev: 1 person",
        "* #dev",
        "-- You are away: lunch",
        "-- You are back.",
        "-- You are grace now.",
        "-- You have left #dev.",
    ):
        assert part in done.out
    assert "never said" not in done.out


def test_who_is_ignored_is_not_heard_in_the_next_run_either_but_by_programs(
    server: ServerProgram, tmp_path: Path
) -> None:
    env = environment(XDG_STATE_HOME=str(tmp_path))
    done = run("join", "iris", server.url, "--room", "quiet", given="/ignore mallory\n", env=env)
    assert "You ignore mallory now, on this device." in done.out
    say(server.url, "mallory", "spam", room="#quiet")
    say(server.url, "bob", "hello", room="#quiet")
    lines = "/ignore\n/who\n"  # the answer to the second comes behind the past
    plain = run("join", "iris", server.url, "--room", "quiet", given=lines, env=env)
    assert "#quiet bob: hello" in plain.out
    assert "You ignore mallory." in plain.out
    assert "spam" not in plain.out
    assert "spam" in run("join", "iris", server.url, "--json", given="/who\n", env=env).out


def test_a_direct_message_is_private_and_its_arrival_is_told(server: ServerProgram) -> None:
    env = environment()
    with (
        Started("join", "ada", server.url, env=env) as ada,
        Started("join", "bob", server.url, env=env) as bob,
        Started("join", "eve", server.url, env=env) as eve,
    ):
        for one in (ada, bob, eve):
            one.wait_for("You are ")
        ada.say("lunch? @bob\n")
        bob.wait_for("ada → bob (private): lunch?")
        ada.wait_for("ada → bob (private): lunch?")
        ada.wait_for("-- ✓ bob has your message: lunch?")
        ada.say("@bob: soon\n/msg bob now\n@ALL: all of you\n")
        for text in ("(private): soon", "(private): now", "#lobby ada: all of you"):
            bob.wait_for(text)
        eve.wait_for("#lobby ada: all of you")
        assert "private" not in eve.out
        for one in (ada, bob, eve):
            one.end_input()
            assert one.wait_exit() == 0


def test_who_is_alone_is_told_so_and_told_when_somebody_comes() -> None:
    with ServerProgram() as server, Started("join", "ada", server.url) as ada:
        ada.wait_for("-- You are ada. Nobody else is here yet; you will be told when somebody comes.")
        with Started("join", "bob", server.url) as bob:
            ada.wait_for("-- bob is here (2 people now)")
            bob.wait_for("-- You are bob. 2 people are here.")
            bob.end_input()
            assert bob.wait_exit() == 0
        ada.wait_for("-- bob has left; you are alone here. You will be told when somebody comes.")


def test_json_is_one_event_a_line_without_secrets(server: ServerProgram) -> None:
    done = run("join", "ada", server.url, "--json", given="hello\n/who\nhi @siss\n/help msg\n")
    assert done.status == 1
    kinds = [event["type"] for event in done.events]
    assert kinds[0] == "welcome"
    assert done.events[0]["token"] == ""
    assert {"people", "error", "note", "message"} <= set(kinds)
    message = next(event for event in done.events if event["type"] == "message")
    assert (message["room"], message["from"], message["text"]) == ("#lobby", "ada", "hello")
    assert next(event["code"] for event in done.events if event["type"] == "error") == "unknown_person"


def test_a_hostile_text_reaches_nobody_raw(server: ServerProgram) -> None:
    with Started("join", "bob", server.url) as bob:
        bob.wait_for("You are bob")
        run("join", "mallory", server.url, given="a\x1b[2Jb\u202ec\x07\n")
        bob.wait_for("mallory: a")
        assert not set("\x1b\x07\u202e") & set(bob.out)


def test_without_any_input_it_ends_quietly(server: ServerProgram) -> None:
    program = ["sh", "-c", 'exec "$@" <&-', "sh", *PROGRAM, "join", "ada", server.url]
    done = subprocess.run(program, capture_output=True, env=environment(), timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# ---- getting in, or not ------------------------------------------------------------------------


def test_a_name_that_is_somebodys_is_refused_with_a_sentence(server: ServerProgram, tmp_path: Path) -> None:
    assert run("join", "ada", server.url).status == 0
    done = run("join", "ADA", server.url, env=elsewhere(tmp_path))
    assert done.status == 1
    assert done.err.startswith("trio-chat: The name ada already has an owner. If it is yours, ")
    assert (done.out, done.err.count("\n")) == ("", 1)


def test_a_password_is_needed_and_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    with ServerProgram("--password-file", str(secret)) as server:
        done = run("join", "ada", server.url)
        assert (done.status, done.err.count("\n")) == (1, 1)
        assert "This server requires a password." in done.err
        done = run("join", "ada", server.url, env=environment(TRIO_CHAT_PASSWORD="wrong"))
        assert (done.status, done.err.count("\n")) == (1, 1)
        assert "The server password is wrong." in done.err
        assert run("join", "ada", server.url, "--password-file", str(secret)).status == 0
        assert run("join", "ada", server.url, env=environment(TRIO_CHAT_PASSWORD="correct horse")).status == 0


def test_when_nobody_answers_one_sentence_says_so(free_port: int) -> None:
    done = run("join", "ada", f"127.0.0.1:{free_port}")
    assert done.status == 1
    assert str(free_port) in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


def test_a_single_word_that_is_no_host_may_have_been_a_name() -> None:
    done = run("join", "no-such-host-at-all")
    assert done.status == 1
    assert "trio-chat join --name no-such-host-at-all" in done.err


def test_with_wait_it_says_what_it_waits_for_and_comes_in_when_the_server_is_up(free_port: int) -> None:
    with Started("join", "ada", f"127.0.0.1:{free_port}", "--wait") as ada:
        ada.wait_for(f"Waiting for 127.0.0.1:{free_port} (no server answers) ... Ctrl-C gives up.")
        with ServerProgram(port=free_port):
            ada.wait_for("You are ada")
            ada.end_input()
            assert ada.wait_exit() == 0


def test_ctrl_c_while_waiting_ends_quietly(free_port: int) -> None:
    with Started("join", "ada", f"127.0.0.1:{free_port}", "--wait") as ada:
        ada.wait_for(f"Waiting for 127.0.0.1:{free_port}")
        ada.signal(signal.SIGINT)
        assert ada.wait_exit() == 130
        assert "Traceback" not in ada.err


# ---- the end -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_quietly_with_its_own_status(
    server: ServerProgram, number: signal.Signals, status: int
) -> None:
    with Started("join", server.url) as one:
        one.wait_for("You are")
        one.signal(number)
        assert one.wait_exit() == status
        assert one.err == ""


def test_when_nobody_reads_the_output_it_ends_quietly(server: ServerProgram) -> None:
    with Started("join", server.url) as one:
        one.wait_for("You are")
        one.stop_reading()
        assert one.wait_exit() == 0
        assert one.err == ""


def test_a_server_that_stops_and_comes_back_has_everybody_back(free_port: int) -> None:
    with Started("join", "ada", f"127.0.0.1:{free_port}", "--wait", "--room", "ops") as ada:
        with ServerProgram(port=free_port) as server:
            ada.wait_for("You are ada")
            server.stop()
        ada.wait_for("-- The server is shutting down. Next try in")
        assert ada.out.count("shutting down") == 1
        ada.say("said meanwhile\n")
        with ServerProgram(port=free_port) as server:
            ada.wait_for("-- Connected again.")
            ada.wait_for("#ops ada: said meanwhile")
            say(server.url, "bob", "welcome back", room="#ops")
            ada.wait_for("#ops bob: welcome back")
            ada.end_input()
            assert ada.wait_exit() == 0
        assert "Traceback" not in ada.err


def test_what_others_said_after_a_restart_before_one_was_back_is_seen(free_port: int) -> None:
    with Started("join", "bob", f"127.0.0.1:{free_port}", "--wait", "--room", "ops") as bob:
        with ServerProgram(port=free_port) as server:
            bob.wait_for("You are in #ops")
            server.stop()
        bob.wait_for("Next try in")
        bob.signal(signal.SIGSTOP)
        with ServerProgram(port=free_port) as server:
            say(server.url, "ada", "said while away", room="#ops")
            say(server.url, "ada", "to everyone")
            bob.signal(signal.SIGCONT)
            bob.wait_for("-- Connected again. The server's history began anew. Nobody else is here yet;")
            bob.wait_for("#ops ada: said while away")
            bob.wait_for("#lobby ada: to everyone")


def test_who_is_idle_is_told_bye_and_it_ends_with_1() -> None:
    with ServerProgram("--idle-timeout", "0.3") as server, Started("join", "ada", server.url) as ada:
        assert ada.wait_exit() == 1
        assert "-- Bye!" in ada.out


def test_lines_behind_a_join_that_is_refused_go_nowhere_until_another_room_is_entered(
    server: ServerProgram, tmp_path: Path
) -> None:
    env = environment(XDG_STATE_HOME=str(tmp_path))
    assert run("join", "pia", server.url, "--room", "#closed", given="/private on\n", env=env).status == 0
    lines = "/join #closed\nthe secret of closed\n/topic about secrets\n@ALL: for all\n/join #open\nin the open\n"
    done = run("join", "quin", server.url, given=lines, env=env)
    assert done.status == 1
    assert done.out.count("You are not in #closed; you are in #lobby.") == 2
    assert "#lobby quin: for all" in done.out
    assert "#open quin: in the open" in done.out
    assert "quin: the secret" not in done.out
