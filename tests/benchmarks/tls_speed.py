"""What TLS costs a server: the same work plain and over TLS, by turns in one run, with real server processes.

    python -m tests.benchmarks.tls_speed [--members 500] [--rounds 5] [--storm 1000] [--only rooms|storm]

``rooms``: the server's CPU time for a delivery in one room, and its memory for a connection. S1: 4 senders say 16
things each at once, and again when all have come to everybody, so that the server gathers many messages into one
write. S1w: one sender and one message, so that nothing can be gathered. Memory is resident memory, at first and after
the talk.
``storm``: the latency of a message between two bystanders, undisturbed and while so many clients connect, speak, and
hang up as fast as they can.

The handshakes are those of a P-256 certificate. Figures are medians over the rounds; a ratio is the median of the
rounds' ratios. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import multiprocessing
import os
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.process_figures import resident
from tests.benchmarks.server_process import ServerProcess
from tests.benchmarks.wire_clients import TEXT_BYTES, Client, Loop, cpu_seconds, percentile
from tests.certificates import make_certificate

KINDS: Final = ("plain", "TLS")
SCENES: Final = {"S1": (4, 16), "S1w": (1, 1)}
"""Senders, and the messages that each of them sends at once."""

_GRACE: Final = 60.0
_EVERY: Final = 0.01
"""Seconds between two messages of the bystanders."""

_LIMITS: Final = ("--rate", "0", "--per-address", "0", "--max-connections", "10000", "--names", "guest")


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - this is a program


def client_context(kind: str) -> ssl.SSLContext | None:
    """The client's side of TLS, which looks at no certificate; none for plain."""
    if kind == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, ServerProcess]]:
    """A server of each kind, which keeps nothing on disk."""
    cert, key = make_certificate("127.0.0.1").write(folder)
    with contextlib.ExitStack() as stack:
        made = {}
        for kind in KINDS:
            options = ["--memory", *_LIMITS]
            if kind == "TLS":
                options += ["--cert", str(cert), "--key", str(key)]
            made[kind] = stack.enter_context(ServerProcess(folder / f"{kind}.log", options))
        yield made


class Room:
    """Members of one room of a server."""

    def __init__(self, server: ServerProcess, kind: str, count: int) -> None:
        self.server = server
        context = client_context(kind)
        self.idle = self.rest = 0.0
        before = resident(server.pid)[0]
        self.members = [Client(server.port, f"m{number}", context=context) for number in range(count)]
        for member in self.members:
            member.ask("join", room="#room")
        self.idle = (resident(server.pid)[0] - before) / count
        self._before = before
        self._loop = Loop()
        self._delivered = 0
        for member in self.members:
            self._loop.watch(member, self._take)
        self.cpu: dict[str, list[float]] = {name: [] for name in SCENES}

    def _take(self, payload: bytes) -> None:
        if payload.startswith(b'{"type":"message"'):
            self._delivered += 1
        elif payload.startswith(b'{"type":"error"'):
            raise ConnectionError(payload.decode())

    def run(self, name: str, seconds: float) -> None:
        """Let messages flow for a while; note the server's CPU microseconds for a delivery."""
        senders, window = SCENES[name]
        count, text = len(self.members), "x" * TEXT_BYTES
        began, cpu = time.perf_counter(), cpu_seconds(self.server.pid)
        sent, self._delivered = 0, 0
        while time.perf_counter() < began + seconds:
            if self._delivered == sent * count:
                for member in self.members[:senders]:
                    member.socket.sendall(b"".join(member.message("#room", text) for _ in range(window)))
                sent += senders * window
            self._loop.turn(time.perf_counter() + 0.01)
        latest = time.perf_counter() + _GRACE
        while self._delivered < sent * count:
            if time.perf_counter() > latest:
                raise TimeoutError(f"{sent * count - self._delivered} deliveries did not come")
            self._loop.turn(time.perf_counter() + 0.01)
        self.cpu[name].append((cpu_seconds(self.server.pid) - cpu) / self._delivered * 1e6)

    def weigh(self) -> None:
        """Note the memory of a connection, now that everybody has said something."""
        for member in self.members:
            member.ask("ping")
        self.rest = (resident(self.server.pid)[0] - self._before) / len(self.members)


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(value / other for value, other in zip(values, others, strict=True))


def measure_rooms(folder: Path, members: int, rounds: int, seconds: float) -> None:
    """Print what a delivery and a connection cost."""
    with servers(folder) as made:
        rooms = {kind: Room(server, kind, members) for kind, server in made.items()}
        for _ in range(rounds):
            for name in SCENES:
                for room in rooms.values():
                    room.run(name, seconds)
        for room in rooms.values():
            room.weigh()
    plain, tls = rooms["plain"], rooms["TLS"]
    say(f"\none room of {members}; medians of {rounds} rounds of {seconds:g} s by turns")
    say(f"{'':<34}{'plain':>10}{'TLS':>10}{'ratio':>8}")
    for name in SCENES:
        values = statistics.median(plain.cpu[name]), statistics.median(tls.cpu[name])
        row = f"{name}, CPU us a delivery"
        say(f"{row:<34}{values[0]:>10.2f}{values[1]:>10.2f}{ratio(tls.cpu[name], plain.cpu[name]):>8.2f}")
    for row, one, other in (("idle", plain.idle, tls.idle), ("after the talk", plain.rest, tls.rest)):
        text = f"KiB a connection, {row}"
        say(f"{text:<34}{one:>10.1f}{other:>10.1f}{other - one:>+8.1f}")


# ---- the storm -------------------------------------------------------------------------------------


def storm(port: int, kind: str, count: int, workers: int) -> None:
    """Have so many clients come, say hello and hang up, some at a time, in processes of their own."""
    context = multiprocessing.get_context("fork")
    parts = [context.Process(target=_come_and_go, args=(port, kind, count // workers, n)) for n in range(workers)]
    for part in parts:
        part.start()
    for part in parts:
        part.join()


def _come_and_go(port: int, kind: str, count: int, worker: int) -> None:
    os.nice(10)  # clients have machines of their own: those here must not take the server's core
    context = client_context(kind)
    for number in range(count):
        with contextlib.suppress(OSError):
            Client(port, f"s{worker}-{number}", context=context).close()


class Bystanders:
    """Two people who talk while others come. ``took`` has the seconds from a message's sending to its arrival."""

    def __init__(self, port: int, kind: str) -> None:
        self._speaker, hearer = (Client(port, name, context=client_context(kind)) for name in ("ada", "bob"))
        for client in (self._speaker, hearer):
            client.ask("join", room="#quiet")
        self._loop = Loop()
        self._loop.watch(self._speaker, lambda _payload: None)
        self._loop.watch(hearer, self._take)
        self._heard = 0
        self.took: list[float] = []

    def _take(self, payload: bytes) -> None:
        self._heard += payload.startswith(b'{"type":"message"')

    def talk(self, until: multiprocessing.process.BaseProcess | float) -> None:
        """Talk for so many seconds, or until a process has ended."""
        end = time.perf_counter() + until if isinstance(until, float) else 0.0
        while time.perf_counter() < end if isinstance(until, float) else until.is_alive():
            began, heard = time.perf_counter(), self._heard
            self._speaker.socket.sendall(self._speaker.message("#quiet", "x" * TEXT_BYTES))
            while self._heard == heard:
                self._loop.turn(began + _GRACE)
                if time.perf_counter() > began + _GRACE:
                    raise TimeoutError("a bystander's message did not come")
            self.took.append(time.perf_counter() - began)
            self._loop.run(time.perf_counter() + _EVERY)


def measure_storm(folder: Path, count: int, rounds: int, workers: int) -> None:
    """Print the latency of the bystanders."""
    context = multiprocessing.get_context("fork")
    took: dict[tuple[str, str], list[float]] = {(kind, when): [] for kind in KINDS for when in ("calm", "storm")}
    cpu: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with servers(folder) as made:
        people = {kind: Bystanders(server.port, kind) for kind, server in made.items()}
        for _ in range(rounds):
            for kind, server in made.items():
                one = people[kind]
                one.took = took[kind, "calm"]
                one.talk(2.0)
                one.took = took[kind, "storm"]
                used = cpu_seconds(server.pid)
                process = context.Process(target=storm, args=(server.port, kind, count, workers))
                process.start()
                one.talk(process)
                process.join()
                cpu[kind].append((cpu_seconds(server.pid) - used) / count * 1e3)
    say(f"\n{count} clients come and go, {workers} at a time; {rounds} rounds by turns")
    say(f"{'':<34}{'plain':>10}{'TLS':>10}{'ratio':>8}")
    for when in ("calm", "storm"):
        for share in (0.5, 0.99, 1.0):
            plain, tls = (percentile(took[kind, when], share) * 1e3 for kind in KINDS)
            name = f"{when}, p{share * 100:g} (ms)" if share < 1 else f"{when}, slowest (ms)"
            say(f"{name:<34}{plain:>10.2f}{tls:>10.2f}{tls / plain:>8.2f}")
    plain, tls = (statistics.median(cpu[kind]) for kind in KINDS)
    say(f"{'CPU ms for each that came':<34}{plain:>10.2f}{tls:>10.2f}{ratio(cpu['TLS'], cpu['plain']):>8.2f}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each scene in each round")
    parser.add_argument("--storm", type=int, default=1000, help="clients in each storm")
    parser.add_argument("--workers", type=int, default=32, help="clients of a storm at a time")
    parser.add_argument("--only", choices=("rooms", "storm"))
    options = parser.parse_args()
    gc.disable()  # the clients' collector would stand in the latencies
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "storm":
            measure_rooms(Path(folder), options.members, options.rounds, options.seconds)
        if options.only != "rooms":
            measure_storm(Path(folder), options.storm, options.rounds, options.workers)


if __name__ == "__main__":
    main()
