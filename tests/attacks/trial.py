"""Attacks on a server and the people in it: a real server process, real sockets, one attack after another.

    python -m tests.attacks.trial [--only NAME,...] [--seconds 3] [--rounds 3]

Fifty members talk. Beside them a process either attacks or only uses CPU time, by turns, and newcomers from another
network come in. For each attack one line tells: how long the slowest hundredth of all deliveries took in both cases,
the longest time that a newcomer took, the members who were cut off, the memory that the server gained, what the
attacker did and what the server refused. It fails when the deliveries take more than twice as long as beside the
process that uses CPU time, when a newcomer takes more than a second or is not let in, when a member is cut off, or
when the server gains more memory than its settings allow. Linux only.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.attacks.attackers import ATTACKS, PASSWORD, ROOM
from tests.benchmarks.process_figures import resident
from tests.benchmarks.server_process import ServerProcess
from tests.benchmarks.wire_clients import Client, Hearer, Loop, percentile

MEMBERS: Final = 50
RATE: Final = 40.0
"""Messages of the members a second."""

NEWCOMERS: Final = 4.0
"""Newcomers a second."""

MOST_SLOWER: Final = 2.0
MOST_SECONDS: Final = 1.0
"""Seconds that a newcomer may take."""

MOST_MEMORY: Final = 160 * 1024
"""KiB that the server may gain: ``max_outbox_memory`` of 64 MiB, 1,000 connections with a request of 64 KiB each, and
half as much again for the allocator."""

MOST_LINES: Final = 30.0
"""Lines that the server may log in a second: one of each kind of refusal, and the newcomers."""

SETTLING: Final = 0.3
"""Seconds between the beginning of an attack and the first message that counts."""

_GRACE: Final = 30.0


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - this is a program


class Server(ServerProcess):
    """A server over a new data directory, with default limits and a password."""

    def __init__(self, folder: Path) -> None:
        secret = folder / "password"
        secret.write_text(PASSWORD + "\n", "utf-8")
        secret.chmod(0o600)
        super().__init__(folder / "log", ["--data", str(folder / "data"), "--password-file", str(secret)])

    def refused(self) -> Counter[str]:
        """Return its count of refusals, by their reasons, from its metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=_GRACE) as page:
            text = page.read().decode()
        found = re.findall(r'^trio_chat_refus\w*\{[^}]*code="(\w+)"[^}]*\} (\d+)', text, re.MULTILINE)
        return Counter({code: int(count) for code, count in found})


@dataclass
class Figures:
    """The figures of one attack, or of one time beside the process that only uses CPU time."""

    took: list[float] = field(default_factory=list)
    newcomers: list[float] = field(default_factory=list)
    not_let_in: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    gained: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def slow(self) -> float:
        """Seconds that the slowest hundredth of all deliveries took."""
        return percentile(self.took, 0.99) if self.took else float("inf")


class Listener(Hearer):
    """Notes the times of the members' messages, and passes over all others."""

    def take(self, payload: bytes) -> None:
        """Take a payload."""
        if b'"text":"at 0' in payload:
            super().take(payload)


class Members:
    """The members, each from an address of its own, all in one room."""

    def __init__(self, port: int, count: int) -> None:
        self.cut: list[str] = []
        self.expected = 0
        self.loop = Loop(self._hung_up)
        self.clients: list[Client] = []
        self.hearers: list[Listener] = []
        for number in range(count):
            client = Client(port, f"member{number}", source=f"127.10.{number}.1", password=PASSWORD)
            hearer = Listener()
            self.loop.watch(client, hearer.take)
            self.clients.append(client)
            self.hearers.append(hearer)

    def talk(self, seconds: float) -> list[float]:
        """Talk for a while. Returns the seconds that each delivery took."""
        for hearer in self.hearers:
            hearer.took.clear()
        began = time.perf_counter()
        sent = 0
        while (now := time.perf_counter()) < began + seconds:
            if now >= began + sent / RATE:
                speaker = self.clients[sent % len(self.clients)]
                if speaker.name not in self.cut:
                    speaker.send(speaker.message(ROOM, f"at {time.perf_counter_ns():020d}"))
                sent += 1
            self.loop.turn(began + sent / RATE)
        self.expected = sent * len(self.clients)
        end = time.perf_counter() + 3
        while time.perf_counter() < end and self.heard < self.expected:
            self.loop.turn(end)
        return [seconds for hearer in self.hearers for seconds in hearer.took]

    @property
    def heard(self) -> int:
        """The messages that the members heard since they began to talk."""
        return sum(len(hearer.took) for hearer in self.hearers)

    def close(self) -> None:
        """Close all connections."""
        for client in self.clients:
            client.close()

    def _hung_up(self, client: Client) -> None:
        self.loop.forget(client)
        self.cut.append(client.name)


class Newcomers(threading.Thread):
    """People from another network, who come in one after another until they are told to stop."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.over = threading.Event()
        self.took: list[float] = []
        self.refused: Counter[str] = Counter()

    def run(self) -> None:
        """Come in and go."""
        number = 0
        while not self.over.wait(1 / NEWCOMERS):
            number += 1
            began = time.perf_counter()
            try:
                Client(
                    self._port,
                    f"guest{time.monotonic_ns():x}",
                    source=f"127.20.{number % 250}.{1 + number // 250}",
                    password=PASSWORD,
                    timeout=5.0,
                ).close()
            except OSError as error:
                self.refused[str(error).partition("\n")[0][:60]] += 1
            self.took.append(time.perf_counter() - began)


def sample_memory(pid: int, over: threading.Event, found: list[int]) -> None:
    """Note the memory of a process, in KiB, until told to stop."""
    while not over.wait(0.1):
        found.append(resident(pid)[0])


def put_to_test(server: Server, members: Members, attack: str, seconds: float) -> Figures:
    """Let the members talk while a process attacks."""
    figures = Figures()
    before, refused = resident(server.pid)[0], server.refused()
    memory: list[int] = [before]
    command = [sys.executable, "-m", "tests.attacks.attackers", attack, str(server.port)]
    with subprocess.Popen([*command, str(seconds + SETTLING + 0.5)], stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout is not None
        attacker.stdout.readline()
        newcomers = Newcomers(server.port)
        sampler = threading.Thread(target=sample_memory, args=(server.pid, newcomers.over, memory), daemon=True)
        members.loop.run(time.perf_counter() + SETTLING)
        newcomers.start()
        sampler.start()
        figures.took = members.talk(seconds)
        figures.missed = members.expected - members.heard
        newcomers.over.set()
        newcomers.join(_GRACE)
        figures.done = Counter(json.loads(attacker.communicate(timeout=_GRACE)[0] or "{}"))
    figures.newcomers, figures.not_let_in = newcomers.took, newcomers.refused
    figures.gained = max(memory) - before
    members.loop.run(time.perf_counter() + SETTLING)
    figures.refused = server.refused() - refused
    return figures


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common(5)) or "nothing"


def report(attack: str, quiet: Sequence[Figures], attacked: Sequence[Figures], members: Members) -> list[str]:
    """Print what an attack did, and return what is wrong."""
    slow = statistics.median(one.slow for one in attacked)
    ratio = slow / statistics.median(one.slow for one in quiet)
    longest = max((took for one in attacked for took in one.newcomers), default=0.0)
    gained = max(one.gained for one in attacked)
    say(
        f"{attack:28} p99 {slow * 1000:7.1f} ms, {ratio:5.2f} x; newcomer {longest * 1000:6.0f} ms; "
        f"+{gained / 1024:5.1f} MiB; cut {len(members.cut)}"
    )
    say(f"{'':28} it did: {_list(sum((one.done for one in attacked), Counter[str]()))}")
    say(f"{'':28} refused: {_list(sum((one.refused for one in attacked), Counter[str]()))}")
    wrong = losses(attacked, members)
    if ratio > MOST_SLOWER:
        wrong.append(f"deliveries took {ratio:.1f} times as long as beside a process that only uses CPU time")
    if longest > MOST_SECONDS:
        wrong.append(f"a newcomer took {longest:.2f} s")
    return wrong


def losses(attacked: Sequence[Figures], members: Members) -> list[str]:
    """Return what members and newcomers lost, and whether the server's memory grew too much; nothing about times."""
    wrong = []
    refused = sum((one.not_let_in for one in attacked), Counter[str]())
    if refused:
        wrong.append(f"newcomers were not let in: {_list(refused)}")
    if members.cut:
        wrong.append(f"{len(members.cut)} members were cut off")
    missed = sum(one.missed for one in attacked)
    if missed and not members.cut:
        wrong.append(f"{missed} deliveries did not come")
    gained = max(one.gained for one in attacked)
    if gained > MOST_MEMORY:
        wrong.append(f"the server gained {gained / 1024:.0f} MiB")
    return wrong


def faults_of_server(server: Server, seconds: float) -> list[str]:
    """Stop a server that was attacked for so many seconds, and return what is wrong with it and its log."""
    status, log = server.stop(), server.log
    wrong = [f"the server ended with {status}: {log[-2000:]}"] if status else []
    if "Traceback" in log:
        wrong.append(f"the server logged a bug: {log[-2000:]}")
    lines = len(log.splitlines())
    if lines > 50 + MOST_LINES * seconds:
        wrong.append(f"the server logged {lines} lines")
    return wrong


def try_attack(attack: str, rounds: int, seconds: float) -> list[str]:
    """Put a new server to the test by one attack. Returns what is wrong."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        members = Members(server.port, MEMBERS)
        quiet, attacked = [], []
        for _ in range(rounds):
            quiet.append(put_to_test(server, members, "burn", seconds))
            attacked.append(put_to_test(server, members, attack, seconds))
        wrong = report(attack, quiet, attacked, members)
        members.close()
        wrong += faults_of_server(server, time.monotonic() - began)
    return [f"{attack}: {fault}" for fault in wrong]


def main() -> int:
    """Run the attacks; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(ATTACKS), help="names of attacks, with commas between them")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    wrong: list[str] = []
    for attack in options.only.split(","):
        wrong += try_attack(attack, options.rounds, options.seconds)
    for fault in wrong:
        say(f"FAILED: {fault}")
    say(f"{len(options.only.split(','))} attacks, {len(wrong)} faults")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
