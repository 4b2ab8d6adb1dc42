"""``join`` at a terminal: what is typed stays whole, and the terminal is given back after every kind of end."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.programs import ServerProgram, Started, elsewhere, environment, past, say
from tests.pty_driver import PtyProgram


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


def join(server: ServerProgram | str, name: str = "ada", *more: str, columns: int = 60, rows: int = 15) -> PtyProgram:
    url = server if isinstance(server, str) else server.url
    command = [*PROGRAM, "join", "--plain", name, url, *more]
    return PtyProgram(command, env=environment(NO_COLOR="1"), columns=columns, rows=rows)


def test_what_is_typed_is_said_and_shown_once_above_the_prompt(server: ServerProgram) -> None:
    with join(server) as ada:
        ada.wait_for("#lobby> ")
        ada.type("hello there\r")
        ada.wait_for("#lobby ada: hello there")
        ada.wait_until(lambda: ada.last_row == "#lobby>", "an empty prompt")
        assert sum("hello there" in row for row in ada.rows) == 1
        ada.type("/quit\r")
        assert ada.wait_exit() == 0
        ada.assert_given_back()
        assert "ada: hello there" in ada.last_row


def test_arriving_messages_do_not_tear_what_is_being_typed(server: ServerProgram) -> None:
    with join(server, columns=40, rows=20) as ada:
        ada.wait_for("#lobby> ")
        typed = "a long line that takes more than one row of this window"
        for character in typed:
            ada.type(character)
            ada.read()
        ada.wait_for("window")
        ada.type(b"\x01")  # the cursor to the begin
        say(server.url, "eve", *(f"message {n} from eve, long enough to take two rows" for n in range(12)))
        ada.wait_for("-- eve has left")
        rows = ada.everything
        joined = "".join(rows)
        for n in range(12):
            assert joined.count(f"#lobby eve: message {n} from eve") == 1
        assert joined.count(typed.replace(" ", "")) == 0
        at = next(i for i, row in enumerate(rows) if row.startswith("#lobby> "))
        assert "".join(rows[at:]).removeprefix("#lobby> ").replace(" ", "") == typed.replace(" ", "")
        assert " ".join(row.strip() for row in rows[:at]).endswith("You will be told when somebody comes.")
        ada.type("so: ")
        ada.wait_for("#lobby> so: a long line")
        ada.type("\r")
        ada.wait_for("#lobby ada: so: a long line")
        assert ("ada", f"so: {typed}") in past(server.url)


def test_the_prompt_shows_where_the_line_would_go(server: ServerProgram) -> None:
    with join(server, "ada", "--room", "ops") as ada:
        ada.wait_for("#ops> ")
        ada.type("@bob: hi")
        ada.wait_for("→ bob (private)> @bob: hi")
        ada.type(b"\x15see you @bob @eve")
        ada.wait_for("→ bob, eve (private)> see you @bob @eve")
        ada.type(b"\x15@ALL: hi")
        ada.wait_for("→ everyone> @ALL: hi")
        ada.type(b"\x15\x15")
        ada.wait_until(lambda: ada.last_row == "#ops>", "the room's own prompt")


def test_an_unknown_recipient_is_an_error_and_nothing_is_sent(server: ServerProgram) -> None:
    with join(server) as ada:
        ada.wait_for("#lobby> ")
        ada.type("secret @nobody-here\r")
        ada.wait_for("! Nobody here is called 'nobody-here'. Nothing was sent.")
        assert not any("secret" in text for _, text in past(server.url))


def test_keys_edit_the_line_as_emacs_and_readline_taught(server: ServerProgram) -> None:
    with join(server) as ada:
        ada.wait_for("#lobby> ")
        ada.type("two three\x01one \x1b[F!\x17\x7fx\x7f\x15\x19\r")
        ada.wait_for("#lobby ada: one two")
        ada.type("\x1b[A")
        ada.wait_until(lambda: ada.last_row.startswith("#lobby> one two"), "the line before")
        ada.type("\x1b[B\x12two")
        ada.wait_for("search 'two': one two")
        ada.type("\x07")
        ada.wait_until(lambda: ada.last_row == "#lobby>", "an empty prompt")


def test_a_paste_and_alt_enter_make_one_message_of_several_lines(server: ServerProgram) -> None:
    with join(server, "ada", "--room", "paste") as ada:
        ada.wait_for("#paste> ")
        ada.type("\x1b[200~one\r\ntwo\x1b[31m\x1b[201~\x1b\rthree")
        ada.wait_for("  three")
        ada.type("\r")
        ada.wait_for("#paste ada: one")
        assert past(server.url, "#paste") == [("ada", "one\ntwo[31m\nthree")]


def test_wide_and_joined_characters_go_as_one(server: ServerProgram) -> None:
    with join(server, "ada", "--room", "wide") as ada:
        ada.wait_for("#wide> ")
        ada.type("日本👩‍👩‍👧x\x7f\x7f\x7f語\r")
        ada.wait_for("#wide ada: 日")
        assert past(server.url, "#wide") == [("ada", "日語")]


def test_tab_completes_names_and_commands(server: ServerProgram) -> None:
    with join(server, "grace") as grace:
        grace.wait_for("#lobby> ")
        with join(server) as ada:
            ada.wait_for("#lobby> ")
            ada.type("/to\t")
            ada.wait_for("#lobby> /topic")
            ada.type("\x15all done\r")
            ada.wait_for("#lobby ada: all done")
            ada.type("@gr\tlunch?\r")
            grace.wait_for("ada → grace (private): lunch?")
            ada.wait_for("✓ grace has your message: lunch?")


def test_a_message_that_names_the_reader_rings(server: ServerProgram) -> None:
    with join(server) as ada:
        ada.wait_for("#lobby> ")
        say(server.url, "eve", "quiet", "look @ada")
        ada.wait_for("look @ada")
        ada.wait_until(lambda: ada.raw.count(b"\a") == 1, "the bell")


@pytest.mark.parametrize("columns", [30, 100])
def test_a_window_of_another_size_shows_the_line_once(server: ServerProgram, columns: int) -> None:
    with join(server, columns=60) as ada:
        ada.wait_for("#lobby> ")
        typed = "the quick brown fox jumps over the lazy dog"
        ada.type(typed)
        ada.wait_for("lazy dog")
        ada.resize(columns, 15)
        say(server.url, "eve", f"after the change to {columns}")
        ada.wait_for("-- eve has left")
        ada.wait_for(f"after the change to {columns}")  # later than the notice, while the first page is on its way
        joined = "".join(ada.rows).replace(" ", "")
        assert joined.count("thequickbrown") == 1
        assert joined.count(f"afterthechangeto{columns}") == 1
        assert joined.endswith(typed.replace(" ", ""))


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("ctrl-d", 0),
        ("ctrl-c", 130),
        ("ctrl-c in the middle of a line", 130),
        ("/quit", 0),
        ("SIGINT", 130),
        ("SIGTERM", 143),
        ("SIGHUP", 129),
    ],
)
def test_the_terminal_is_given_back_after_every_kind_of_end(server: ServerProgram, end: str, status: int) -> None:
    with join(server) as ada:
        ada.wait_for("#lobby> ")
        match end:
            case "ctrl-d":
                ada.type("\x04")
            case "ctrl-c":
                ada.type("\x03")
            case "ctrl-c in the middle of a line":
                ada.type("half a li\x03")
            case "/quit":
                ada.type("/quit\r")
            case name:
                ada.signal(signal.Signals[name])
        assert ada.wait_exit() == status
        ada.assert_given_back()
        assert "Traceback" not in ada.raw.decode()
        assert not any(row.startswith("#lobby>") for row in ada.rows)


def test_the_terminal_is_given_back_when_the_server_ends_it() -> None:
    with ServerProgram("--idle-timeout", "1.5") as server, join(server) as ada:
        ada.wait_for("-- Bye!")
        assert ada.wait_exit() == 1
        ada.assert_given_back()
        assert not any(row.startswith("#lobby>") for row in ada.rows)


def test_an_error_of_the_programs_own_gives_the_terminal_back(server: ServerProgram, tmp_path: Path) -> None:
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import trio_chat.ui.terminal.painting\n"
        "def fail(*_, **__): raise ZeroDivisionError\n"
        "trio_chat.ui.terminal.painting.lay_out = fail\n"
    )
    env = environment(PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    with PtyProgram([*PROGRAM, "join", "--plain", "ada", server.url], env=env) as ada:
        assert ada.wait_exit() == 1
        ada.assert_given_back()
        assert "Traceback" not in ada.raw.decode()
        assert "Stopped by a bug (ExceptionGroup)" in "".join(ada.screen.display)


def test_a_terminal_that_is_gone_ends_it_and_frees_the_name(server: ServerProgram) -> None:
    with join(server, "gone") as ada:
        ada.wait_for("#lobby> ")
        ada.hang_up()
        assert ada.wait_exit() == 129
    with join(server, "gone") as again:
        again.wait_for("#lobby> ")
        assert any("You are gone" in row for row in again.everything)


def test_a_killed_server_is_noticed_and_the_line_being_typed_outlives_it() -> None:
    port = find_free_port()
    with ServerProgram(port=port) as server, join(server) as ada:
        ada.wait_for("#lobby> ")
        ada.type("half a line")
        ada.wait_for("#lobby> half a line")
        server.signal(signal.SIGKILL)
        ada.wait_for("-- The connection was lost.")
        ada.wait_for("#lobby (offline)> half a line")
        ada.type(" more\r")
        ada.wait_for("It will be sent when the connection is back.")
        with ServerProgram(port=port) as again:
            ada.wait_for("-- Connected again.")
            ada.wait_for("#lobby ada: half a line more")
            assert past(again.url) == [("ada", "half a line more")]
            ada.type("\x04")
            assert ada.wait_exit() == 0
        ada.assert_given_back()


def test_leaving_while_offline_says_what_was_not_acknowledged() -> None:
    with ServerProgram() as server, join(server) as ada:
        ada.wait_for("#lobby> ")
        server.signal(signal.SIGKILL)
        ada.wait_for("(offline)> ")
        ada.type("lost\r\x04")
        assert ada.wait_exit() == 1
        assert ada.rows[-2:] == ["! One line was not acknowledged:", "  lost"]
        ada.assert_given_back()


def test_connecting_that_takes_long_is_said_until_it_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, and nobody says anything
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        with join(where) as ada:
            ada.wait_for(f"trio-chat: Connecting to {where} ...")
            ada.type("\x03")
            assert ada.wait_exit() == 130


def test_connecting_that_is_quick_is_not_worth_a_word(server: ServerProgram) -> None:
    with join(server) as ada:
        ada.wait_for("#lobby> ")
        ada.type("at once\r")
        ada.wait_for("#lobby ada: at once")
        assert b"Connecting" not in ada.raw


def test_programs_of_others_learn_that_somebody_types_and_people_are_not_disturbed(server: ServerProgram) -> None:
    with Started("join", "bob", server.url, "--json") as bob, join(server, "eve") as eve, join(server) as ada:
        bob.wait_for('"welcome"')
        eve.wait_for("#lobby> ")
        ada.wait_for("#lobby> ")
        eve.type("half a line")
        ada.type("finished")
        bob.wait_for('{"type":"typing","room":"#lobby","name":"ada","account":')
        ada.type("\r")
        eve.wait_for("#lobby ada: finished")
        eve.wait_until(lambda: eve.last_row == "#lobby> half a line", "what eve typed")
        assert not any("typing" in row for row in eve.rows)


def test_ctrl_z_gives_the_terminal_back_to_the_shell_and_fg_goes_on(server: ServerProgram) -> None:
    shell = ["/bin/bash", "--norc", "--noprofile", "-i"]
    with PtyProgram(shell, env=environment(PS1="shell$ ", NO_COLOR="1"), columns=100) as terminal:
        terminal.wait_for("shell$")
        terminal.type(f"{' '.join(PROGRAM)} join --plain ada {server.url}\r")
        terminal.wait_for("#lobby> ")
        terminal.type("half a line\x1a")
        terminal.wait_for("Stopped")
        terminal.type("stty -a | grep -o ' icanon\\| echo ' | tr -d '\\n'; echo '=modes'\r")
        terminal.wait_for(" icanon echo =modes")
        terminal.type("fg\r")
        terminal.wait_for("#lobby> half a line")
        terminal.type(" goes on\r")
        terminal.wait_for("#lobby ada: half a line goes on")
        terminal.type("\x04")
        terminal.wait_until(lambda: terminal.last_row.startswith("shell$"), "the shell")


def test_a_stop_where_no_shell_can_go_on_does_not_stop_it(server: ServerProgram) -> None:
    with join(server) as ada:
        ada.wait_for("#lobby> ")
        ada.type("not")
        ada.wait_for("#lobby> not")
        ada.signal(signal.SIGTSTP)
        ada.type(" stopped\r")
        ada.wait_for("#lobby ada: not stopped")
        ada.type("\x04")
        assert ada.wait_exit() == 0
        ada.assert_given_back()


def join_elsewhere(server: ServerProgram, folder: Path, name: str) -> PtyProgram:
    env = elsewhere(folder, NO_COLOR="1")
    return PtyProgram([*PROGRAM, "join", "--plain", name, server.url], env=env, columns=90, rows=20)


def test_a_name_that_is_somebodys_is_asked_for_again(server: ServerProgram, tmp_path: Path) -> None:
    say(server.url, "ada", "mine")
    with join_elsewhere(server, tmp_path, "ada") as other:
        other.wait_for("The name ada already has an owner.")
        other.wait_asked("Account password: ")
        other.type("\r")
        other.wait_for("Another name: ")
        other.type("hopper\r")
        other.wait_for("#lobby> ")
        assert any("-- You are hopper." in row for row in other.everything)


def test_what_was_said_since_one_left_stands_under_a_line_of_its_own(server: ServerProgram) -> None:
    with join(server, "kay", "--room", "news", columns=90, rows=20) as kay:
        kay.wait_for("#news> ")
        say(server.url, "eve", "seen", room="#news")
        kay.wait_for("eve: seen")
        kay.type("/quit\r")
        assert kay.wait_exit() == 0
    say(server.url, "eve", "new to kay", room="#news")
    with join(server, "kay", columns=90, rows=20) as kay:
        kay.wait_for("eve: new to kay")
        rows = [row for row in kay.rows if "#news" in row]
        at = next(n for n, row in enumerate(rows) if "new in #news since you left" in row)
        assert rows[at - 1].endswith("eve: seen")
        assert rows[at + 1].endswith("eve: new to kay")


def test_a_dumb_terminal_gets_lines_and_no_escape_sequence(server: ServerProgram) -> None:
    env = environment(TERM="dumb")
    with PtyProgram([*PROGRAM, "join", "--plain", "ada", server.url], env=env) as ada:
        ada.wait_until(lambda: b"You are ada" in ada.raw, "the greeting")  # what was said before may scroll it away
        ada.type("in lines\r")
        ada.wait_for("#lobby ada: in lines")
        assert b"\x1b" not in ada.raw
        ada.type("\x04")
        assert ada.wait_exit() == 0
        ada.assert_given_back()


def test_a_message_that_calls_the_person_starts_their_program(server: ServerProgram, tmp_path: Path) -> None:
    called, config = tmp_path / "called", tmp_path / "config.toml"
    config.write_text(f'[client]\nnotify_command = ["tee", "-a", "{called}"]\n')
    with join(server, "ada", "--config", str(config)) as ada:
        ada.wait_for("#lobby> ")
        say(server.url, "eve", "nothing for her", "@ada look")
        ada.wait_until(lambda: called.exists() and called.read_text().endswith("}\n"), "the program")
        (event,) = map(json.loads, called.read_text().splitlines())
        assert (event["type"], event["from"], event["text"]) == ("message", "eve", "@ada look")
        ada.wait_for("eve: @ada look")
