"""The earlier version's clients with this server, this version's clients with the earlier server, and its database.

The earlier version runs from a virtual environment of its own: ``nox -s compatibility``.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.programs import NEW, OLD, Version, device, needs_earlier
from tests.ports import find_free_port
from tests.programs import Done, ServerProgram
from tests.pty_driver import PtyProgram

pytestmark = needs_earlier

PAIRS = [
    pytest.param((NEW, OLD), id="old client, new server"),
    pytest.param((OLD, NEW), id="new client, old server"),
]


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, Path]:
    folders = {name: tmp_path / name for name in ("ada", "bob")}
    for folder in folders.values():
        folder.mkdir()
    return folders


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[ServerProgram, Version]]:
    server_version, client = request.param
    with server_version.serve() as server:
        yield server, client


def past_events(done: Done) -> list[dict[str, Any]]:
    """The events of the backlogs that ``join --json`` showed."""
    return [event for page in done.events if page["type"] == "backlog" for event in page["events"]]


def history(client: Version, url: str, home: Path, room: str = "#ops") -> list[tuple[str, str]]:
    """The messages of a room as ``join --json`` shows them to somebody who comes back."""
    asked = "/who\n"  # its answer comes after the history
    done = client.run("join", "--json", url, "--room", room, "--backlog", "50", home=home, given=asked)
    assert (done.status, done.err) == (0, "")
    messages = [event for event in past_events(done) if (event["type"], event["room"]) == ("message", room)]
    return [(message["from"], message["text"]) for message in messages]


# ---- a client and a server of two versions -----------------------------------------------------


def test_send_tail_who_and_search_work(pair: tuple[ServerProgram, Version], homes: dict[str, Path]) -> None:
    server, client = pair
    ada, bob = homes["ada"], homes["bob"]
    sent = client.run("send", "#ops", "the build is green", "--url", server.url, "--name", "ada", home=ada)
    assert (sent.status, sent.err) == (0, "")
    for arguments, shown in ((["--json"], '"text":"the build is green"'), ([], "#ops ada: the build is green")):
        with client.start("tail", "#ops", "-n", "9", "--url", server.url, *arguments, home=bob) as tail:
            tail.wait_for(shown)
            more = "from a pipe" if arguments else "from another pipe"
            again = client.run("send", "#ops", "--url", server.url, "--name", "ada", home=ada, given=more)
            assert again.status == 0
            tail.wait_for(more)
            tail.signal(signal.SIGINT)
            assert tail.wait_exit() == 130
    who = client.run("who", "--url", server.url, home=bob)
    assert (who.status, who.err) == (0, "")
    found = client.run("search", "green", "--url", server.url, "--name", "ada", home=ada)
    assert found.status == 0
    assert "the build is green" in found.out


def test_a_whole_conversation_in_lines(pair: tuple[ServerProgram, Version], homes: dict[str, Path]) -> None:
    server, client = pair
    arguments = ("join", "--plain", server.url, "--room", "ops")
    with (
        client.start(*arguments, "--name", "ada", home=homes["ada"]) as ada,
        client.start(*arguments, "--name", "bob", home=homes["bob"]) as bob,
    ):
        ada.wait_for("You are ada")
        bob.wait_for("You are bob")
        ada.say("first\n")
        bob.wait_for("#ops ada: first")
        bob.say("/react 👍\n")
        ada.wait_for("👍")
        ada.say("/edit first, mended\n")
        bob.wait_for("first, mended")
        bob.say("/reply 1 an answer\n")
        ada.wait_for("an answer")
        ada.say("/topic plans\n")
        bob.wait_for("plans")
        ada.say("@bob: between us\n")
        bob.wait_for("(private): between us")
        ada.say("said too soon\n/delete\n/nick eve\n")
        bob.wait_for("eve")
        ada.say("under another name\n")
        bob.wait_for("#ops eve: under another name")
        ada.say("/quit\n")
        assert ada.wait_exit() == 0
        bob.say("/quit\n")
        assert bob.wait_exit() == 0
    mended, deleted = ("ada", "first, mended"), ("ada", "")
    said = [mended, ("bob", "an answer"), deleted, ("eve", "under another name")]
    assert history(client, server.url, homes["bob"]) == said


def test_the_full_screen_talks(pair: tuple[ServerProgram, Version], homes: dict[str, Path]) -> None:
    server, client = pair
    command = [*client.program, "join", "ada", server.url, "--room", "ops"]
    with PtyProgram(command, env=device(homes["ada"]), columns=100, rows=24) as ada:
        ada.wait_for("→ #ops>")
        ada.type("hello from the screen\r")
        ada.wait_for("hello from the screen")
        sent = client.run("send", "#ops", "hello back", "--url", server.url, "--name", "bob", home=homes["bob"])
        assert (sent.status, sent.err) == (0, "")
        ada.wait_for("hello back")
        ada.type("/nick eve\r")
        ada.wait_until(lambda: "eve" in ada.picture(), "the new name")
        ada.type("/quit\r")
        assert ada.wait_exit() == 0
        ada.assert_given_back()
    assert history(client, server.url, homes["bob"]) == [("ada", "hello from the screen"), ("bob", "hello back")]


def test_a_name_that_goes_to_somebody_else_leaves_every_message_its_text(
    pair: tuple[ServerProgram, Version], homes: dict[str, Path]
) -> None:
    server, client = pair
    arguments = ("join", "--json", server.url, "--room", "ops")
    first = client.run(*arguments, "--name", "ada", home=homes["ada"], given="said by the first\n/nick eve\n")
    assert first.status == 0
    second = client.run(*arguments, "--name", "bob", home=homes["bob"], given="/nick ada\nsaid by the second\n")
    assert second.status == 0
    said = history(client, server.url, homes["ada"])
    assert said == [("ada", "said by the first"), ("ada", "said by the second")]
    refused = client.run(*arguments, home=homes["bob"], given="/edit 1 not mine\n")
    assert refused.status == 1  # the server knows whose message that is, whatever the client takes it for
    assert history(client, server.url, homes["ada"]) == said


def test_clients_of_both_versions_share_a_room(homes: dict[str, Path]) -> None:
    with NEW.serve() as server:
        arguments = ("join", "--plain", server.url, "--room", "ops")
        with (
            OLD.start(*arguments, "--name", "ada", home=homes["ada"]) as ada,
            NEW.start(*arguments, "--name", "bob", home=homes["bob"]) as bob,
        ):
            ada.wait_for("in #ops")
            bob.wait_for("in #ops")
            for one, other, name in ((ada, bob, "ada"), (bob, ada, "bob")):
                one.say(f"spoken by {name}\n")
                other.wait_for(f"#ops {name}: spoken by {name}")
                other.say("/react 🎉\n")
                one.wait_for("🎉")
                one.say(f"/edit written by {name}\n")
                other.wait_for(f"written by {name}")
            ada.say("/quit\n")
            assert ada.wait_exit() == 0
            bob.wait_for("ada has left")


# ---- the same device, the same database --------------------------------------------------------


def test_a_device_keeps_its_name_and_whom_it_ignores(homes: dict[str, Path]) -> None:
    home = homes["ada"]
    with NEW.serve() as server:
        here = f"localhost:{server.port}"
        assert OLD.run("join", "--plain", "ada", here, home=home, given="/ignore mallory\n").status == 0
        there = f"127.0.0.1:{server.port}"
        done = NEW.run("join", "--plain", "--name", "ada", there, home=home, given="/ignore\n")
        assert (done.status, done.err) == (0, "")
        assert "You are ada." in done.out
        assert "mallory" in done.out
        again = OLD.run("join", "--plain", here, home=home)  # the token is where the earlier version looks for it
        assert "You are ada." in again.out


def test_a_database_of_the_earlier_version_opens(homes: dict[str, Path], tmp_path: Path) -> None:
    ada, bob = homes["ada"], homes["bob"]
    data = str(tmp_path / "data")
    lines = "one\ntwo\n/topic plans\n/react 1 👍\n/edit 2 two, mended\n/nick eve\nthree\n"
    with OLD.serve("--data", data) as server:
        assert OLD.run("join", "--json", "ada", server.url, "--room", "ops", home=ada, given=lines).status == 0
        answers = "/react 1 👍\n@eve: between us\n"
        assert OLD.run("join", "--json", "bob", server.url, "--room", "ops", home=bob, given=answers).status == 0
        before = history(OLD, server.url, bob)
        server.stop()
    with NEW.serve("--data", data, port=server.port) as server:
        for client in (NEW, OLD):
            assert history(client, server.url, bob) == before
        back = NEW.run("join", "--json", server.url, "--room", "ops", home=ada, given="four\n/topic\n")
        assert back.status == 0
        assert back.events[0]["name"] == "eve"  # the token of the earlier version is good
        reactions = [event["reactions"] for event in past_events(back) if event.get("reactions")]
        assert [sorted(event) for event in reactions] == [["👍"]]
        assert "plans" in back.out
        assert history(NEW, server.url, bob) == [*before, ("eve", "four")]
        taken = NEW.run("join", "--json", "eve", server.url, home=bob)
        assert (taken.status, "eve" in taken.err) == (1, True)  # the name is still owned
        server.stop()
    for file in Path(data).glob("*.sqlite3"):
        with contextlib.closing(sqlite3.connect(file)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    done = NEW.run("admin", "check", "--data", data, home=ada)
    assert done.status == 0, done.err


def test_a_server_is_upgraded_under_clients_that_stay(homes: dict[str, Path], tmp_path: Path) -> None:
    data, port = str(tmp_path / "data"), find_free_port()
    with OLD.serve("--data", data, port=port) as server:
        arguments = ("tail", "#ops", "--json", "--url", server.url)
        sent = OLD.run("send", "#ops", "before", "--url", server.url, "--name", "ada", home=homes["ada"])
        assert sent.status == 0
        with (
            OLD.start(*arguments, "--name", "bob", "-n", "9", home=homes["bob"]) as old,
            NEW.start(*arguments, "-n", "9", home=tmp_path / "third") as new,
        ):
            old.wait_for("before")
            new.wait_for("before")
            server.stop()
            with NEW.serve("--data", data, port=port):
                for client in (NEW, OLD):
                    text = f"after, from {client.name}"
                    sent = client.run("send", "#ops", text, "--url", server.url, "--name", "ada", home=homes["ada"])
                    assert (sent.status, sent.err) == (0, "")
                    for tail in (old, new):
                        tail.wait_for(text)
