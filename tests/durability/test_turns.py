"""Two devices of one person and one of another go and come by turns, killed or not, and the server does too:
each device hears each direct message once, and all agree on what was read. ``nox -s kills`` takes 500 turns."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from tests.ports import find_free_port
from tests.programs import PATIENCE, ServerProgram, Started, environment
from trio_chat.records import Snapshot
from trio_chat.store import DATABASE, SqliteStore

TURNS = int(os.environ.get("TRIO_CHAT_TRIAL_TURNS", "4"))
ROOM = "@ada+bob"
PASSWORD = "a long enough password"
PROGRAM = (sys.executable, str(Path(__file__).with_name("device.py")))


@dataclass
class Device:
    """One device, over all the times that its program ran. ``acknowledged`` has the places of its messages, ``read``
    how far it has said, and was told, that its person has read."""

    person: str
    other: str
    folder: Path
    url: str
    running: Started | None = None
    runs: int = 0
    asked: list[str] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    read: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    _taken: int = 0
    _owed: int = 0

    @property
    def state(self) -> dict[str, str]:
        """The environment of this device's programs."""
        return environment(XDG_STATE_HOME=str(self.folder / "state"))

    def start(self) -> None:
        """Start its program; it comes in when it can."""
        self.folder.mkdir(exist_ok=True)
        file = str(self.folder / "heard.jsonl")
        self.running = Started(self.url, self.person, PASSWORD, ROOM, file, program=PROGRAM, env=self.state)
        self.runs += 1
        self._taken = self._owed = 0

    def stop(self, *, kill: bool) -> None:
        """End its program, or kill it."""
        assert self.running is not None
        with self.running as running:
            if kill:
                running.process.kill()
            else:
                running.end_input()
            status = running.wait_exit()
            self._take()
        assert running.err == ""
        assert kill or status == 0
        self.running = None

    def order(self, **order: object) -> None:
        """Have it do something, and do not wait."""
        assert self.running is not None
        self.running.say(json.dumps(order) + "\n")
        self._owed += 1

    def say(self, count: int) -> None:
        """Have it say something to the other person, in so many messages."""
        texts = [f"{self.folder.name} {len(self.asked) + number}" for number in range(count)]
        self.asked += texts
        self.order(say=texts, to=self.other)

    def wait_done(self) -> dict[str, Any]:
        """Wait until it has done all it was told; its last answer."""
        assert self.running is not None
        deadline = time.monotonic() + PATIENCE
        while self._owed:
            self.running.read(0.05)
            self._take()
            assert self.running.process.poll() is None, f"{self.folder.name} ended: {self.running.err}"
            assert time.monotonic() < deadline, f"{self.folder.name} does not answer: {self.running.err}"
        return self.answer

    def ask(self, **order: object) -> dict[str, Any]:
        """Have it do something; its answer."""
        self.order(**order)
        return self.wait_done()

    def heard(self) -> list[tuple[int, str, bool]]:
        """What it has heard: place, text, and whether that was said while it was away."""
        lines = (self.folder / "heard.jsonl").read_text("utf-8").splitlines()
        return [(seq, text, past) for seq, text, past in map(json.loads, lines)]

    def _take(self) -> None:
        """Take what it has written since the last time."""
        assert self.running is not None
        end = self.running.out.rfind("\n") + 1
        new, self._taken = self.running.out[self._taken : end], max(end, self._taken)
        for line in new.splitlines():
            told = json.loads(line)
            assert "missed" not in told
            if "said" in told:
                self.acknowledged[told["said"]] = told["seq"]
            self.read = max(self.read, told.get("read", 0))
            self.answer = told
            self._owed -= "done" in told


@dataclass
class Trial:
    """The server, the devices, and who is here."""

    folder: Path
    chance: random.Random
    server: ServerProgram
    devices: list[Device]
    restarts: int = 0

    def begin(self) -> None:
        """Let both people in."""
        people = [("ada", "bob", "desk"), ("ada", "bob", "lap"), ("bob", "ada", "phone")]
        self.devices = [Device(person, other, self.folder / name, self.server.url) for person, other, name in people]
        self.devices[0].start()
        self.devices[0].ask(password=PASSWORD)  # with it the other device gets in the first time
        self.devices[2].start()
        self.devices[2].ask(look=True)

    def close(self) -> None:
        """Leave no program running."""
        for program in [self.server, *(device.running for device in self.devices)]:
            if program is not None:
                with program:  # which kills it if it still runs
                    pass

    def restart_server(self, *, kill: bool) -> None:
        """Stop or kill the server under whoever is here, and start it again."""
        with self.server as server:
            if kill:
                server.process.kill()
            else:
                server.stop()
        self.server = start_server(self.folder, self.server.port)
        self.restarts += 1

    @property
    def here(self) -> list[Device]:
        return [device for device in self.devices if device.running is not None]

    def come_and_go(self) -> None:
        """Some go, some come, and not all are away."""
        for device in self.devices:
            if self.chance.random() < 0.5:
                if device.running is None:
                    device.start()
                else:
                    device.stop(kill=self.chance.random() < 0.5)
        if not self.here:
            self.chance.choice(self.devices).start()

    def talk(self, *, restart: bool) -> None:
        """Who is here says something, and reads; one may be killed, or the server stopped, meanwhile."""
        for device in self.here:
            device.say(self.chance.randrange(1, 12))
        if restart:
            self.restart_server(kill=False)
        elif self.chance.random() < 0.4 and len(self.here) > 1:
            time.sleep(self.chance.uniform(0, 0.03))  # not always at the same point
            self.chance.choice(self.here).stop(kill=True)
        for device in self.here:
            device.wait_done()
        for device in self.here:
            device.ask(read=self.chance.random())

    def settle(self) -> list[tuple[int, str]]:
        """Have all here, and wait until each has heard the whole log, which is returned, and knows how far its
        person has read."""
        for device in self.devices:
            if device.running is None:
                device.start()
        log: list[tuple[int, str]] = [(seq, text) for seq, text in self.devices[0].ask(log=True)["log"]]
        for device in self.devices:
            self._wait_caught_up(device, (log[-1][0], self.position(device.person)))
        return log

    def _wait_caught_up(self, device: Device, wanted: tuple[int, int]) -> None:
        deadline = time.monotonic() + PATIENCE
        told = device.ask(look=True)
        while (told["seen"], told["position"]) != wanted:
            assert time.monotonic() < deadline, f"{device.folder.name} stays at {told}, and should be at {wanted}"
            time.sleep(0.01)
            told = device.ask(look=True)

    def position(self, person: str) -> int:
        """How far somebody has read: what any of their devices has said, and was told to be so."""
        return max(device.read for device in self.devices if device.person == person)


def start_server(folder: Path, port: int) -> ServerProgram:
    return ServerProgram("--data", str(folder / "data"), "--rate", "0", port=port)


@contextmanager
def trial(folder: Path, seed: int) -> Iterator[Trial]:
    """A trial in this folder, in which no program is left running."""
    one = Trial(folder, random.Random(seed), start_server(folder, find_free_port()), [])
    try:
        one.begin()
        yield one
    finally:
        one.close()


def check_log(trial: Trial, log: list[tuple[int, str]]) -> None:
    """The log has each message once, where it was said to be, and each device has heard just that."""
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1)), "the sequence has a gap"
    places = {text: seq for seq, text in log}
    assert len(places) == len(log), "a message is stored twice"
    assert places.keys() <= {text for device in trial.devices for text in device.asked}
    for device in trial.devices:
        for text, seq in device.acknowledged.items():
            assert places.get(text) == seq, f"{text!r} was acknowledged at {seq} and is at {places.get(text)}"
        heard = [(seq, text) for seq, text, _ in device.heard()]
        assert heard == log, f"{device.folder.name} has not heard what the log has, each once"


def check_programs(trial: Trial, log: list[tuple[int, str]]) -> None:
    """``trio-chat join``, as either person on any device, shows all of it once, and how far it was read."""
    size = str(len(log) + 1)
    joins = [
        (device, Started("join", device.person, trial.server.url, "--json", "--backlog", size, env=device.state))
        for device in trial.devices
    ]
    with ExitStack() as stack:
        for _, join in joins:
            stack.enter_context(join)
        for device, join in joins:
            join.wait_for('"unread_from"')
            told = map(json.loads, join.out[: join.out.rfind("\n")].splitlines())
            (backlog,) = [event for event in told if event["type"] == "backlog" and event["room"] == ROOM]
            assert [(event["seq"], event["text"]) for event in backlog["events"]] == log
            position = trial.position(device.person)
            assert backlog["unread"] == len(log) - position
            assert backlog["unread_from"] == (position + 1 if position < len(log) else None)
            join.end_input()
            assert join.wait_exit() == 0


def stored_positions(path: Path) -> dict[str, int]:
    """How far each has read, as the database says."""

    async def load() -> Snapshot:
        async with SqliteStore.open(path) as store:
            return await store.load()

    snapshot = trio.run(load)
    (room,) = [state.room.id for state in snapshot.rooms if state.room.name == ROOM]
    names = {account.id: account.name for account in snapshot.accounts}
    return {names[read.account]: read.seq for read in snapshot.reads if read.room == room}


def test_devices_that_come_and_go_hear_each_direct_message_once_and_agree_on_what_was_read(tmp_path: Path) -> None:
    with trial(tmp_path, seed=22) as one:
        for turn in range(TURNS):
            one.come_and_go()
            one.talk(restart=turn == TURNS // 3)
            if turn == TURNS // 2:
                one.settle()
                one.restart_server(kill=True)
                one.settle()  # what the server forgot of the last seconds' reading, it is told again
        log = one.settle()
        for device in one.devices:
            device.stop(kill=False)
        check_programs(one, log)
        one.server.stop()
        check_log(one, log)
        positions = {person: one.position(person) for person in ("ada", "bob")}
        assert stored_positions(tmp_path / "data" / DATABASE) == positions
    runs = sum(device.runs for device in one.devices)
    away = sum(past for device in one.devices for _, _, past in device.heard())
    print(  # noqa: T201 - the figures that are quoted
        f"{TURNS} turns, {runs} runs of 3 devices, {one.restarts} of the server, {len(log)} messages, each once; "
        f"{away} came to a device that had been away; read up to {positions}"
    )
    assert away
