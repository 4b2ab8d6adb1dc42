"""``tail``: follows rooms, for a person or another program, and ends quietly."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.ports import find_free_port
from tests.programs import ServerProgram, Started, as_somebody, elsewhere, environment, run, say
from trio_chat.cli.tail import _read_back
from trio_chat.client import Chat
from trio_chat.protocol.events import Message, Page


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


@pytest.fixture(scope="module")
def env(server: ServerProgram) -> dict[str, str]:
    return environment(TRIO_CHAT_URL=server.url)


def test_it_shows_its_rooms_and_no_other(server: ServerProgram, env: dict[str, str]) -> None:
    with Started("tail", "-n", "1", "#a", "b", env=env) as tail:
        say(server.url, "ada", "before", room="#a")
        tail.wait_for("#a ada: before")
        say(server.url, "ada", "elsewhere", room="#lobby")
        say(server.url, "ada", "in b", room="#b")
        say(server.url, "ada", "last", room="#a")
        tail.wait_for("#a ada: last")
        assert "#b ada: in b" in tail.out
        assert "elsewhere" not in tail.out
        assert "\x1b" not in tail.out


def test_without_a_room_it_shows_the_lobby(server: ServerProgram, env: dict[str, str]) -> None:
    say(server.url, "ada", "for everyone")
    with Started("tail", "-n", "1", env=env) as tail:
        tail.wait_for("#lobby ada: for everyone")


def test_json_is_one_event_a_line(server: ServerProgram, env: dict[str, str]) -> None:
    say(server.url, "ada", "in the backlog", "one\ntwo", room="#json")
    with Started("tail", "--json", "-n", "9", "#json", env=env) as tail:
        tail.wait_for("one\\ntwo")
        say(server.url, "ada", "\x1b[31mlive", room="#json")
        tail.wait_for("live")
        events = [json.loads(line) for line in tail.out.splitlines()]
    assert [(event["type"], event["room"], event["seq"]) for event in events] == [
        ("message", "#json", 1),
        ("message", "#json", 2),
        ("message", "#json", 3),
    ]
    assert [event["text"] for event in events[:2]] == ["in the backlog", "one\ntwo"]


def test_the_backlog_is_as_long_as_was_asked_for_and_nothing_comes_twice(
    server: ServerProgram, env: dict[str, str]
) -> None:
    say(server.url, "ada", *(f"n{n}" for n in range(10)), room="#back")
    with Started("tail", "-n", "3", "#back", env=env) as tail:
        tail.wait_for("n9")
        say(server.url, "ada", "n10", room="#back")
        tail.wait_for("n10")
        said = [line.rpartition(" ")[2] for line in tail.out.splitlines()]
    assert said == ["n7", "n8", "n9", "n10"]


def test_a_reader_that_has_seen_enough_ends_it_with_0(server: ServerProgram, env: dict[str, str]) -> None:
    say(server.url, "ada", "enough", room="#head")
    with Started("tail", "-n", "1", "#head", env=env) as tail:
        tail.wait_for("enough")
        tail.stop_reading()
        assert tail.wait_exit() == 0
        assert tail.err == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_quietly(
    server: ServerProgram, env: dict[str, str], number: signal.Signals, status: int
) -> None:
    say(server.url, "ada", "here", room="#sig")
    with Started("tail", "-n", "1", "#sig", env=env) as tail:
        tail.wait_for("here")
        tail.signal(number)
        assert tail.wait_exit() == status
        assert tail.err == ""


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_it_comes_back_by_itself_and_misses_nothing(form: list[str]) -> None:
    port = find_free_port()
    env = environment(TRIO_CHAT_URL=f"ws://127.0.0.1:{port}/")
    with Started("tail", "-n", "9", "#ops", *form, "--wait", env=env) as tail:
        with ServerProgram(port=port) as server:
            for n in range(3):
                say(server.url, "ada", f"before {n}", room="#ops")
            tail.wait_for("before 2")
            server.stop()
        tail.wait_for('"type":"disconnected"' if form else "The server is shutting down. Next try in")
        with ServerProgram(port=port) as server:
            tail.wait_for('"type":"reconnected"' if form else "Connected again.")
            say(server.url, "ada", "after", room="#ops")
            tail.wait_for("after")
        if not form:
            assert [line.rpartition(": ")[2] for line in tail.out.splitlines()] == [
                "before 0",
                "before 1",
                "before 2",
                "after",
            ]


def test_a_configured_name_that_is_somebodys_gives_way_but_a_named_one_does_not(
    server: ServerProgram, tmp_path: Path
) -> None:
    env = elsewhere(tmp_path, TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="ada")
    say(server.url, "ada", "hello", room="#way")
    with Started("tail", "-n", "1", "#way", env=env) as tail:
        tail.wait_for("hello")
    done = run("tail", "#way", "--name", "ada", env=env)
    assert done.status == 1
    assert "The name ada already has an owner." in done.err


def test_since_a_number_or_a_time_shows_what_came_from_then_on(server: ServerProgram) -> None:
    env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="eve")
    say(server.url, "eve", *(f"text {n}" for n in range(1, 6)), room="#since")
    for arguments, shown in (
        (["--since", "4"], ["text 4", "text 5"]),
        (["--since", "1h"], [f"text {n}" for n in range(1, 6)]),
        (["--since", "2020-01-31", "-n", "2"], ["text 4", "text 5"]),
        (["--since", "2"], [f"text {n}" for n in range(2, 6)]),
    ):
        with Started("tail", *arguments, "#since", env=env) as tail:
            tail.wait_for("text 5")
            assert re.findall(r"text \d", tail.out) == shown
    done = run("tail", "--since", "9" * 5000, env=env)
    assert (done.status, "is not a time. Give" in done.err, "Traceback" in done.err) == (2, True, False)
    done = run("tail", "--since", "soon", env=env)
    assert done.status == 2
    assert "--since soon is not a time." in done.err


def test_who_was_put_out_of_a_room_is_told_and_enters_it_again_if_they_may(server: ServerProgram) -> None:
    env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="kim")
    for name in ("lou", "kim"):
        say(server.url, name, "hello", room="#out")

    async def put_out(chat: Chat) -> None:
        await chat.kick("#out", "kim", "take a walk")

    async def keep_out(chat: Chat) -> None:
        await chat.ban("#out", "kim")

    as_somebody(server.url, "lou", put_out)
    with Started("tail", "-n", "1", "#OUT", env=env) as tail:
        tail.wait_for("trio-chat: While you were away, lou kicked you from #out: take a walk\n")
        tail.wait_for("lou kicked kim from #out: take a walk")
        as_somebody(server.url, "lou", keep_out)
        tail.wait_for("trio-chat: You are no longer in #out: lou banned you.\n")
    done = run("tail", "#out", "--json", env=env)
    assert (done.status, done.events) == (1, [{"type": "left", "room": "#out", "reason": "lou banned you."}])
    assert done.err == "trio-chat: You are banned from #out. Ask a moderator of #out.\n"


def test_a_direct_conversation_is_followed_by_the_people_in_it(server: ServerProgram, tmp_path: Path) -> None:
    env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="uma")
    for name in ("vic", "wim"):
        say(server.url, name, "hello", room="#lobby")
    say(server.url, "uma", "hello", room="#lobby")
    done = run("tail", "@vic", env=env)
    assert done.status == 2
    assert done.err == ("trio-chat: You have no conversation with vic yet. Start one: trio-chat send @vic hello\n")
    assert run("send", "@vic", "psst", env=env).status == 0
    assert run("send", "@vic,wim", "to both", env=env).status == 0
    for arguments, shown in ((["@vic"], "psst"), (["@wim+vic"], "to both"), (["@vic,@wim"], "to both")):
        with Started("tail", "-n", "5", *arguments, env=env) as tail:
            tail.wait_for(shown)
            assert tail.out.count("\n") == 1
    done = run("tail", "@v c", env=env)
    assert (done.status, "'v c' cannot be a name" in done.err) == (2, True)


class PastOfARoom:
    """A connection that gives the past of a room, three events a page."""

    def __init__(self, last: int) -> None:
        self._last = last

    async def history(self, room: str, *, before: int | None, limit: int) -> Page:
        end = self._last if before is None else before - 1
        first = max(1, end - min(limit, 3) + 1)
        events = tuple(
            Message(room=room, seq=n, time="", sender="ada", text="", cid="c") for n in range(first, end + 1)
        )
        return Page(id="", room=room, events=events, first=1, more=first > 1)  # type: ignore[arg-type] # decoded, as the client does


@pytest.mark.parametrize(("wanted", "first"), [(1, 8), (2, 5), (99, 1)])
async def test_as_many_pages_are_read_back_as_are_needed_without_a_gap_or_an_event_twice(
    wanted: int, first: int
) -> None:
    past = cast("Chat", PastOfARoom(10))
    events = await _read_back(past, "#a", wanted, lambda event: event.seq % 5 == 0)
    assert [event.seq for event in events] == list(range(first, 11))
