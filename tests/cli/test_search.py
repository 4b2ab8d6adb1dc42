"""``search``: what is found from the shell."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.programs import PATIENCE, Done, ServerProgram, environment, run, say
from trio_chat.cli import main


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        say(one.url, "ada", *(f"tea number {n}" for n in range(1, 31)), room="#tea")
        say(one.url, "ada", "the disk is full", "see https://x.example/disk")
        say(one.url, "bob", "which disk?", "日本語です")
        say(one.url, "ada", "a disk between us", to=["bob"])
        yield one


def search(server: ServerProgram, *arguments: str, name: str = "ada") -> Done:
    """Search, once the server has got round to all that was said."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = run("search", *arguments, env=environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME=name))
        if "cannot be found yet" not in done.err:
            return done
        assert time.monotonic() < deadline


def texts(done: Done) -> list[object]:
    return [event["text"] for event in done.events]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["disk"], ["a disk between us", "which disk?", "see https://x.example/disk", "the disk is full"]),
        (["disk", "full"], ["the disk is full"]),
        (["disk is"], ["the disk is full"]),
        (["is disk"], []),
        (["disk", "--from", "bob"], ["which disk?"]),
        (["disk", "from:@bob"], ["which disk?"]),
        (["disk", "--room", "lobby", "--from", "ada"], ["see https://x.example/disk", "the disk is full"]),
        (["disk", "--room", "@bob"], ["a disk between us"]),
        (["--has-link"], ["see https://x.example/disk"]),
        (["本語"], ["日本語です"]),
        (["disk", "--after", "2100-01-01"], []),
        (["disk", "full", "--after", "2h"], ["the disk is full"]),
        (["disk", "full", "after:1w"], ["the disk is full"]),
        (["disk", "--before", "1d"], []),
        (["disk", "full", "--before", "2100-01-01"], ["the disk is full"]),
        (["tea", "-n", "2"], ["tea number 30", "tea number 29"]),
    ],
)
def test_all_conditions_hold_and_the_newest_come_first(
    server: ServerProgram, arguments: list[str], expected: list[str]
) -> None:
    done = search(server, *arguments, "--json")
    assert texts(done) == expected
    assert done.status == int(not expected)


def test_nobody_finds_what_they_may_not_read(server: ServerProgram) -> None:
    say(server.url, "eve", "hello")
    assert texts(search(server, "disk", "--json", name="eve")) == [
        "which disk?",
        "see https://x.example/disk",
        "the disk is full",
    ]
    assert search(server, "tea", name="eve").status == 1


def test_a_line_has_its_number_and_context_shows_what_stands_around(server: ServerProgram) -> None:
    (line,) = search(server, "tea number 15").out.splitlines()
    assert line.endswith("#tea #15 ada: tea number 15")
    lines = search(server, "tea number 15", "--context", "1").out.splitlines()
    assert [line.partition("ada: ")[2] for line in lines] == ["tea number 14", "tea number 15", "tea number 16"]


def test_more_than_one_answer_holds_is_fetched(server: ServerProgram) -> None:
    assert len(search(server, "tea", "-n", "1000").out.splitlines()) == 30


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--from", "@"],
        ["has:image"],
        ["x", "from:ada", "--from", "bob"],
        ["x", "--before", "soon"],
        ["x", "-n", "0"],
    ],
)
def test_what_is_no_search_ends_with_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["search", *arguments]) == 2
    assert capfd.readouterr().err.startswith("trio-chat: ")
