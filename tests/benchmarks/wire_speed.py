"""How fast the server is over the wire, and what durability costs: a real server process, real sockets and files.

    python -m tests.benchmarks.wire_speed [--lines 1000000] [--rounds 5] [--folder DIR] [--only latency|throughput]

``latency``: how long a message takes from its sender's send to each receiver, while 200 a second flow and another
connection asks for pages of history and searches; with an empty database and with one of so many lines, second by
second by turns.
``throughput``: acknowledged messages a second from 1, 16 and 200 senders, each of which waits for one acknowledgement
before it says the next thing; of the server as it is, with ``synchronous=NORMAL``, and with a transaction for each
message, by turns. Medians over the rounds; a ratio is the median of the rounds' ratios. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import trio

from tests.benchmarks.store_speed import ROOMS, VOCABULARY, Talk, build
from tests.benchmarks.wire_clients import (
    TEXT_BYTES,
    AckedSender,
    Asker,
    Client,
    Hearer,
    Loop,
    cpu_seconds,
    percentile,
)
from trio_chat.store import DATABASE

RATE: Final = 200
MEMBERS: Final = 20
SPEAKERS: Final = 4
ASKING: Final = 0.25
"""Seconds between two questions; every other is a search."""

SENDERS: Final = (1, 16, 200)
SERVERS: Final = {
    "as it is": ["-m", "trio_chat"],
    "synchronous=NORMAL": ["-m", "tests.benchmarks.wire_server", "normal"],
    "a commit a message": ["-m", "tests.benchmarks.wire_server", "single"],
}
_EVENLY: Final = 0.3
"""Seconds until senders that began run evenly."""

_GRACE: Final = 30.0
_tags = itertools.count(os.getpid() * 1000)


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - this is a program


class Server:
    """A server process over a data directory. ``opened`` is how many seconds it took from its start to listening."""

    def __init__(self, data: Path, command: Sequence[str]) -> None:
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *command, "serve", "--data", str(data), "--port", "0", "--rate", "0"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = ""
        for line in self._process.stderr:
            said += line
            if "listening" in line:
                break
        else:
            raise ChildProcessError(said)
        self.opened = time.perf_counter() - began
        self.port = int(said.rpartition("ws://127.0.0.1:")[2].partition("/")[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=_GRACE)

    @property
    def cpu(self) -> float:
        """CPU seconds that it has used."""
        return cpu_seconds(self._process.pid)


@contextlib.contextmanager
def clients(server: Server, count: int) -> Iterator[list[Client]]:
    """So many clients, under names that nobody has had."""
    tag = f"{next(_tags):x}"
    with contextlib.ExitStack() as stack:
        made = [Client(server.port, f"m{tag}-{number}") for number in range(count)]
        for client in made:
            stack.callback(client.close)
        yield made


# ---- latency --------------------------------------------------------------------------------------


def questions(talk: Talk, lines: int, chance: random.Random) -> Iterator[tuple[str, dict[str, object]]]:
    """Pages from anywhere in the past, and searches for common words, rare ones, and several."""
    while True:
        before = chance.randrange(2, max(3, lines // ROOMS))
        yield "history", {"room": f"#room{chance.randint(1, ROOMS)}", "before": before, "limit": 100}
        words = [talk.word(chance.choice((0, 5, 300, VOCABULARY - 1))) for _ in range(chance.randint(1, 2))]
        yield "search", {"words": words, "limit": 20}


class Flow:
    """Messages that flow through one server, and questions asked meanwhile."""

    def __init__(self, server: Server, made: Sequence[Client], talk: Talk, lines: int) -> None:
        self._server = server
        curious, *self._members = made
        for number in range(1, ROOMS + 1):
            curious.ask("join", room=f"#room{number}")
        self._loop = Loop()
        self._hearer = Hearer()
        for member in self._members:
            member.ask("join", room="#room1")
            self._loop.watch(member, self._hearer.take)
        self._asker = Asker(curious, questions(talk, lines, random.Random(5)))
        self._loop.watch(curious, self._asker.take)
        self._words = " ".join(talk.word(rank) for rank in range(40))
        self.forget()

    def forget(self) -> None:
        """Measure from here on."""
        self._hearer.took.clear()
        self._asker.took.clear()
        self.server_cpu = self.client_cpu = self._passed = 0.0

    def run(self, seconds: float) -> None:
        """Let messages flow for a while, and wait until all have come."""
        heard, cpu, own, began = len(self._hearer.took), self._server.cpu, time.process_time(), time.perf_counter()
        count = int(RATE * seconds)
        for number in range(count):
            due = began + number / RATE
            while time.perf_counter() < due:
                self._loop.turn(due)
            if number % int(RATE * ASKING) == 0:
                self._asker.ask()
            speaker = self._members[number % SPEAKERS]
            text = f"at {time.perf_counter_ns():020d} {self._words}"[:TEXT_BYTES]
            speaker.socket.sendall(speaker.message("#room1", text))
        latest = time.perf_counter() + _GRACE
        while len(self._hearer.took) < heard + count * MEMBERS or self._asker.waits:
            if time.perf_counter() > latest:
                raise TimeoutError(f"{heard + count * MEMBERS - len(self._hearer.took)} deliveries did not come")
            self._loop.turn(time.perf_counter() + 0.01)
        self._passed += time.perf_counter() - began
        self.server_cpu += self._server.cpu - cpu
        self.client_cpu += time.process_time() - own

    def figures(self) -> dict[str, float]:
        """Each figure by its name."""
        took = self._hearer.took
        rows = {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99), "start to listening": self._server.opened}
        for kind, answered in sorted(self._asker.took.items()):
            rows |= {f"{kind}, median": percentile(answered, 0.5), f"{kind}, slowest": max(answered)}
        figures = {f"{name} (ms)": value * 1e3 for name, value in rows.items()}
        return figures | {"server's CPU (% of a core)": self.server_cpu / self._passed * 100}


def flow_by_turns(places: Sequence[Path], seconds: float, lines: int) -> list[Flow]:
    """Start a server over each data directory, and let messages flow a second through one, a second through the
    other, and so on: what else the machine does then befalls them alike."""
    talk = Talk(1)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(data, SERVERS["as it is"])) for data in places]
        flows = [Flow(server, stack.enter_context(clients(server, MEMBERS + 1)), talk, lines) for server in servers]
        for turn in range(math.ceil(seconds) + 1):
            for one in flows if turn % 2 else reversed(flows):
                one.run(1.0)
                if turn == 0:
                    one.forget()
        return flows


def measure_latency(big: Path, lines: int, rounds: int, seconds: float) -> None:
    """Print the latencies with and without many lines."""
    rows: list[list[dict[str, float]]] = []
    busy: list[tuple[float, float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as fresh:
            flows = flow_by_turns([Path(fresh), big], seconds, lines)
        rows.append([one.figures() for one in flows])
        busy += [(one.server_cpu, one.client_cpu) for one in flows]
    say(f"\n{RATE} messages a second from {SPEAKERS} to {MEMBERS}, a page or a search each {ASKING} s;")
    say(f"medians of {rounds} rounds of {seconds:g} s, second by second by turns")
    say(f"{'':<30}{'empty':>10}{f'{lines:,} lines':>18}{'ratio':>8}")
    for name in rows[0][1]:
        empty, full = ([row[which].get(name, 0.0) for row in rows] for which in (0, 1))
        say(f"{name:<30}{statistics.median(empty):>10.2f}{statistics.median(full):>18.2f}{ratio(full, empty):>8}")
    tell_busy(busy)


# ---- throughput -----------------------------------------------------------------------------------


class Work:
    """One server and its senders. By their number, for each round: ``rate`` has messages a second, ``cpu`` the
    server's CPU milliseconds for a thousand messages; ``busy`` has CPU seconds, the server's and the clients'."""

    def __init__(self, server: Server, made: Sequence[Client]) -> None:
        self._server = server
        self._loop = Loop()
        self._senders = [AckedSender(client, f"#{client.name}") for client in made]
        for client, sender in zip(made, self._senders, strict=True):
            self._loop.watch(client, sender.take)
        self.rate: dict[int, list[float]] = {}
        self.cpu: dict[int, list[float]] = {}
        self.busy: list[tuple[float, float]] = []

    def run(self, count: int, seconds: float) -> None:
        """Let so many of them speak for a while."""
        active = self._senders[:count]
        for sender in active:
            sender.going = True
            sender.say()
        self._loop.run(time.perf_counter() + _EVENLY)
        said, cpu, own, began = total(active), self._server.cpu, time.process_time(), time.perf_counter()
        self._loop.run(began + seconds)
        messages, passed = total(active) - said, time.perf_counter() - began
        spent = self._server.cpu - cpu, time.process_time() - own
        for sender in active:
            sender.going = False
        latest = time.perf_counter() + _GRACE
        while any(sender.waits for sender in active):
            if time.perf_counter() > latest:
                raise TimeoutError("not everything was acknowledged")
            self._loop.turn(time.perf_counter() + 0.01)
        self.rate.setdefault(count, []).append(messages / passed)
        self.cpu.setdefault(count, []).append(spent[0] * 1e6 / max(messages, 1))
        self.busy.append(spent)


def total(senders: Iterable[AckedSender]) -> int:
    """How much was acknowledged."""
    return sum(sender.acknowledged for sender in senders)


def measure_throughput(counts: Sequence[int], rounds: int, seconds: float) -> None:
    """Print how many messages a second are acknowledged, of each kind of server."""
    works: dict[str, Work] = {}
    with contextlib.ExitStack() as stack:
        for name, command in SERVERS.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(Server(folder, command))
            works[name] = Work(server, stack.enter_context(clients(server, max(counts))))
        for _, count, one in itertools.product(range(rounds), counts, works.values()):
            one.run(count, seconds)
    heads = "".join(f"{f'{count} senders':>14}" for count in counts)
    say(f"\nacknowledged messages a second; each sender in a room of its own; medians of {rounds} rounds by turns")
    say(f"{'':<34}{heads}")
    for name, one in works.items():
        say(f"{name:<34}" + "".join(f"{statistics.median(one.rate[n]):>14,.0f}" for n in counts))
    first, *others = works.items()
    for name, one in others:
        say(f"{f'{first[0]} / {name}':<34}" + "".join(f"{ratio(first[1].rate[n], one.rate[n]):>14}" for n in counts))
    say(f"server's CPU ms for 1,000 messages\n{'':<34}{heads}")
    for name, one in works.items():
        say(f"{name:<34}" + "".join(f"{statistics.median(one.cpu[n]):>14.1f}" for n in counts))
    tell_busy(pair for one in works.values() for pair in one.busy)


# ---- both -----------------------------------------------------------------------------------------


def ratio(values: Sequence[float], others: Sequence[float]) -> str:
    """The median of the rounds' ratios."""
    ratios = [value / other for value, other in zip(values, others, strict=True) if other]
    return f"{statistics.median(ratios):.2f}" if ratios else "-"


def tell_busy(pairs: Iterable[tuple[float, float]]) -> None:
    """Say how much CPU the clients used beside the server, and whether it is they who were measured."""
    server, own = (sum(values) for values in zip(*pairs, strict=True))
    say(
        f"the clients used {own / max(server, 0.01):.2f} of the server's CPU time"
        + ("" if own < server else ": TOO MUCH")
    )


def main() -> None:
    """Build and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12.0, help="of latency in each round")
    parser.add_argument("--blocks", type=int, default=15, help="rounds of a second of throughput")
    parser.add_argument("--senders", type=int, nargs="+", default=SENDERS)
    parser.add_argument("--folder", type=Path, help="where the big database is, or is to be built and kept")
    parser.add_argument("--only", choices=("latency", "throughput"))
    options = parser.parse_args()
    gc.disable()  # the clients' collector would stand in the latencies
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if options.only != "throughput":
            if not (folder / DATABASE).exists():
                trio.run(build, folder / DATABASE, Talk(1), options.lines)
            measure_latency(folder, options.lines, options.rounds, options.seconds)
        if options.only != "latency":
            measure_throughput(options.senders, options.blocks, 1.0)


if __name__ == "__main__":
    main()
