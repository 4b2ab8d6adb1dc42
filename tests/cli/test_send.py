"""``send``: from a script, with an exit status that can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import find_free_port
from tests.programs import ServerProgram, Started, elsewhere, environment, past, run
from trio_chat.cli import main


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


@pytest.fixture(scope="module")
def env(server: ServerProgram) -> dict[str, str]:
    return environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="robot")


def test_the_input_is_one_message_and_0_means_acknowledged(server: ServerProgram, env: dict[str, str]) -> None:
    done = run("send", "--create", "#whole", given="done\nand well\n\n", env=env)
    assert (done.status, done.out, done.err) == (0, "", "")
    assert past(server.url, "#whole") == [("robot", "done\nand well")]


def test_the_words_of_the_command_line_are_the_message(server: ServerProgram, env: dict[str, str]) -> None:
    assert run("send", "--create", "#words", "backup", "is done", env=env).status == 0
    assert run("send", "words", "without a number sign", env=env).status == 0
    assert past(server.url, "#words") == [("robot", "backup is done"), ("robot", "without a number sign")]


def test_lines_are_messages_of_their_own_in_their_order(server: ServerProgram, env: dict[str, str]) -> None:
    lines = [f"line {n}" for n in range(150)]
    done = run("send", "--create", "--lines", "#lines", given="\n\n".join(lines), env=env)
    assert (done.status, done.err) == (0, "")
    assert past(server.url, "#lines") == [("robot", line) for line in lines]


def test_a_line_is_sent_when_it_comes_not_when_the_input_ends(server: ServerProgram, env: dict[str, str]) -> None:
    watcher = environment(TRIO_CHAT_URL=server.url)
    with (
        Started("tail", "-n", "9", "#slow", env=watcher) as tail,
        Started("send", "--create", "--lines", "#slow", env=env) as one,
    ):
        one.say("first\n")
        tail.wait_for("robot: first")
        one.say("second\n")
        tail.wait_for("robot: second")
        one.end_input()
        assert one.wait_exit() == 0


def test_people_get_what_is_for_them_and_nobody_else_does(server: ServerProgram, env: dict[str, str]) -> None:
    others = environment(TRIO_CHAT_URL=server.url)
    with Started("join", "bob", server.url, env=others) as bob, Started("join", "eve", server.url, env=others) as eve:
        bob.wait_for("You are bob")
        eve.wait_for("You are eve")
        assert run("send", "@bob", "lunch?", env=env).status == 0
        bob.wait_for("robot → bob (private): lunch?")
        assert run("send", "@bob,@eve", "both of you", env=env).status == 0
        assert run("send", "@ALL", "everyone", env=env).status == 0
        bob.wait_for("#lobby robot: everyone")
        eve.wait_for("#lobby robot: everyone")
        assert "(private): both of you" in bob.out
        assert "(private): both of you" in eve.out
        assert "lunch?" not in eve.out


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["@nobody-like-that", "hi"], "", "Nobody here is called"),
        (["#ops"], "", "The message is empty. Nothing was sent."),
        (["#ops"], " \n", "The message is empty. Nothing was sent."),
        (["--create", "#ops"], "x" * 9000, "the limit is 8000"),
        (["--create", "#ops"], "x" * 100_000, "has 100000 characters; the limit is 8000"),
    ],
)
def test_what_is_not_delivered_ends_with_1_and_a_sentence(
    env: dict[str, str], arguments: list[str], given: str, said: str
) -> None:
    done = run("send", *arguments, given=given, env=env)
    assert done.status == 1
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_room_that_does_not_exist_is_made_only_when_asked(server: ServerProgram, env: dict[str, str]) -> None:
    done = run("send", "#xyz", "typo", env=env)
    assert done.status == 1
    assert done.err == "trio-chat: There is no room '#xyz'. If you want a new room of that name, add --create.\n"
    assert run("send", "--create", "#xyz", "wanted", env=env).status == 0
    assert run("send", "#xyz", "again", env=env).status == 0
    assert past(server.url, "#xyz") == [("robot", "wanted"), ("robot", "again")]


def test_one_line_that_was_refused_does_not_keep_the_others_back(server: ServerProgram, env: dict[str, str]) -> None:
    done = run("send", "--create", "--lines", "#some", given=f"one\n{'x' * 9000}\ntwo\n", env=env)
    assert done.status == 1
    assert past(server.url, "#some") == [("robot", "one"), ("robot", "two")]


def test_when_nobody_answers_it_ends_with_1() -> None:
    done = run("send", "#ops", "hi", "--url", f"ws://127.0.0.1:{find_free_port()}/")
    assert done.status == 1
    assert done.err.count("\n") == 1


def test_under_a_name_that_is_somebodys_nothing_is_delivered(
    server: ServerProgram, env: dict[str, str], tmp_path: Path
) -> None:
    assert run("send", "--create", "#taken", "mine", env=env).status == 0
    done = run(
        "send", "--create", "#taken", "hi", env=elsewhere(tmp_path, **{k: env[k] for k in env if k.startswith("TRIO")})
    )
    assert done.status == 1
    assert "The name robot already has an owner." in done.err
    assert past(server.url, "#taken") == [("robot", "mine")]


def test_beside_an_open_join_of_the_same_person_it_just_works(server: ServerProgram, env: dict[str, str]) -> None:
    with (
        Started("join", "robot", server.url, "--room", "beside") as robot,
        Started("tail", "-n", "9", "#beside", env=env) as tail,  # whichever comes first
    ):
        robot.wait_for("You are in #beside")
        assert run("send", "--create", "#beside", "from beside", env=env).status == 0
        robot.wait_for("#beside robot: from beside")
        tail.wait_for("#beside robot: from beside")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "in quotes: '#ops'"),
        (["#"], "# is not a room."),
        (["@"], "@ is not a person."),
        (["@ALL,@bob", "hi"], "Leave out the other names"),
        (["#no room", "hi"], "cannot be a room's name"),
        (["@bob,@no body", "hi"], "'no body' cannot be a name"),
        (["#ops", "hi", "--name", "a b"], "'a b' cannot be a name"),
        (["--lines", "#ops", "text"], "--lines sends the input, and there is a text too."),
        (["#ops", "hi", "--request-timeout", "soon"], "--request-timeout"),
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_2(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["send", *arguments]) == 2
    assert said in capfd.readouterr().err
