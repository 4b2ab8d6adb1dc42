"""``who``: a neat table of who is there, or JSON."""

from __future__ import annotations

import json
import re

import pytest

from tests.ports import find_free_port
from tests.programs import ServerProgram, Started, environment, run
from trio_chat.cli import main


def test_it_shows_who_is_there_since_when_and_who_is_away_but_not_itself() -> None:
    with ServerProgram() as server:
        env = environment(TRIO_CHAT_URL=server.url)
        with Started("join", "ada", server.url) as ada, Started("join", "日本", server.url, "--room", "ops") as other:
            ada.say("/away lunch\n")
            ada.wait_for("You are away")
            other.wait_for("You are in #ops")
            done = run("who", env=env)
            assert done.status == 0
            assert re.fullmatch(
                r"#lobby: 2 people\nname  since\nada   \d\d:\d\d  away: lunch\n日本  \d\d:\d\d\n", done.out
            )
            assert run("who", "ops", env=env).out.startswith("#ops: 1 person\n")
            event = json.loads(run("who", "#OPS", "--json", env=env).out)
            assert (event["type"], event["room"]) == ("people", "#ops")
            assert "id" not in event  # nobody asked under one
            assert [person["name"] for person in event["people"]] == ["日本"]
            assert run("who", env={**env, "TRIO_CHAT_NAME": "ada"}).status == 0
        done = run("who", "#nowhere", env=env)
        assert done.status == 1
        assert done.err == "trio-chat: There is no room '#nowhere'.\n"  # /rooms is nothing for a shell


def test_when_nobody_answers_it_ends_with_1() -> None:
    done = run("who", "--port", str(find_free_port()))
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["who", "lob by"], "'#lob by' cannot be a room's name"),
        (["who", "--name", "a b"], "'a b' cannot be a name"),
        (["who", "--time-format", "%Q"], "strftime has no %Q"),
        (["tail", "#lob by"], "'#lob by' cannot be a room's name"),
        (["who", "@ada"], "@ada is a person. Give a room, such as '#ops'."),
        (["tail", "-n", "-1"], "--backlog must be a whole number of 0 or more, not '-1'."),
        (["search", "-n", "many", "x"], "--limit must be a whole number from 1 to 100000, not 'many'."),
        (["search", "--context", "101", "x"], "--context must be a whole number from 0 to 100, not '101'."),
        (["tail", "--name", "-"], "'-' cannot be a name"),
        (["tail", "--time-format", "%H:%"], "strftime has no %"),
    ],
)
def test_a_command_line_that_cannot_be_ends_with_2_before_any_connection(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capfd.readouterr().err


def test_help_costs_no_connection(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["who", "--help"]) == 0
    assert "trio-chat who '#ops'" in capfd.readouterr().out
