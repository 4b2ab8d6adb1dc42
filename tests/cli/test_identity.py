"""Who is who after renames, with the real server and the real programs, also after a restart.

ada (carol's friend of old) speaks and becomes eve; bob becomes ada. carol ignores the first ada.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Done, ServerProgram, environment, run
from tests.ui.tui.screens import Screen

ROOM = ("--room", "ops", "--backlog", "50")


class Town:
    """A server with its data, and the people's own devices."""

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        self.folder = folder
        self._servers = servers
        self.server = self._start()

    def _start(self, port: int = 0) -> ServerProgram:
        return self._servers.enter_context(ServerProgram("--data", str(self.folder / "data"), port=port))

    def restart(self) -> None:
        self.server.stop()
        self.server = self._start(self.server.port)

    def device(self, person: str) -> Path:
        """The folder of a person's only device."""
        home = self.folder / person
        home.mkdir(exist_ok=True)
        return home

    def run(self, person: str, *arguments: str, given: str = "") -> Done:
        env = environment(XDG_STATE_HOME=str(self.device(person) / "state"))
        return run(*arguments, given=given, env=env)

    def join(self, person: str, *more: str, given: str = "", status: int = 0) -> str:
        """What a person sees in line mode who comes in, types this and goes; the name is the device's own."""
        done = self.run(person, "join", *more, self.server.url, *ROOM, given=given + "/who\n")
        assert (done.status, done.err) == (status, "")
        return done.out


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """ada and bob have spoken and reacted, carol ignores ada; then ada became eve, and bob ada."""
    with ExitStack() as servers:
        one = Town(tmp_path, servers)
        meet(one)
        yield one
        one.server.stop()


def meet(one: Town) -> None:
    """The story up to the renames."""
    with_names = {"ada": "the first line\n", "bob": "the second line\n/react 1 👍\n", "carol": "/ignore ada\n"}
    for person, lines in with_names.items():
        one.join(person, "--name", person, given=lines)
    one.join("ada", given="/nick eve\n")
    one.join("bob", given="/nick ada\n")


def messages(done: Done) -> list[dict[str, Any]]:
    """The messages in lines of JSON, also those in a backlog."""
    found = [json.loads(line) for line in done.out.splitlines()]
    found = [event for one in found for event in (one["events"] if one["type"] == "backlog" else [one])]
    return [event for event in found if event["type"] == "message"]


@pytest.mark.parametrize("restarted", [False, True], ids=["at once", "after a restart"])
def test_lines_stay_with_who_said_them(town: Town, *, restarted: bool) -> None:
    if restarted:
        town.restart()
    shown = town.join("bob", given="/edit 1 stolen\n/edit 2 the second line, edited\n", status=1)
    assert "#ops ada (now eve): the first line" in shown
    assert "#ops bob (now ada): the second line" in shown
    assert "    👍 ada" in shown
    assert "is not yours" in shown  # the first line is another ada's
    assert "ada edited #2: the second line, edited" in shown

    found = town.run("bob", "search", "from:ada", "--url", town.server.url)
    assert "the second line, edited" in found.out
    assert "the first line" not in found.out
    found = town.run("bob", "search", "from:eve", "--url", town.server.url)
    assert "ada (now eve): the first line" in found.out

    told = messages(town.run("bob", "join", town.server.url, *ROOM, "--json", given="/who\n"))
    first, second = ({key: one.get(key) for key in ("from", "from_id", "reaction_ids")} for one in told[:2])
    assert (first["from"], second["from"]) == ("ada", "bob")
    assert first["from_id"] != second["from_id"]
    assert first["reaction_ids"] == {"👍": [second["from_id"]]}
    found = town.run("bob", "search", "line", "--json", "--url", town.server.url)
    assert {one["from_id"] for one in messages(found)} == {first["from_id"], second["from_id"]}


def test_who_is_ignored_stays_ignored_and_whoever_takes_the_name_is_not(town: Town) -> None:
    town.join("ada", given="more from eve\n")
    town.join("bob", given="more from the new ada\n")
    shown = town.join("carol", given="/ignore\n")
    assert "the first line" not in shown
    assert "more from eve" not in shown
    assert "#ops bob (now ada): the second line" in shown
    assert "#ops ada: more from the new ada" in shown
    assert "You ignore eve." in shown


def test_the_full_screen_offers_nobody_the_lines_of_another(town: Town) -> None:
    with Screen(town.server.url, town.device("bob"), "--room", "ops", name="ada").ready() as bob:
        bob.sees("ada (now eve) the first line", "bob (now ada) the second line")
        bob.press("M-s", "k")
        bob.type("e")
        bob.wait_for("You can edit only your own messages.")
        bob.type("je")
        bob.wait_for("edit>")
        bob.press("C-g")
        bob.type("/quit\r")
        assert bob.wait_exit() == 0
