"""The cost of transfers for the chat, and their speed: a real server, real sockets and files, nginx beside it.

    python -m tests.benchmarks.files [--people 200] [--transfers 10] [--mib 100] [--rounds 5] [--folder DIR]

``chat``: how long a message takes to each of the people, without and with so many uploads and downloads at once, by
turns, for equally long; and the memory of the server. Those who transfer stand for other machines, so they run when
nobody else wants a core (``SCHED_IDLE``). The server and those who chat have the usual priority. A spell has some sixty
messages, so the slowest of them alone decides its p99: the ratio is that of the messages of all rounds.
``downloads``: bytes a second of so many at once, by turns with nginx that sends the same file.
``uploads``: bytes a second of so many at once, by turns with a process for each that reads a socket into SHA-256, and
writes nothing.

The ratios of throughput are the median of the rounds'. Without ``--memory`` messages are stored in SQLite, as
usual. The machine's own load befalls both sides alike. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.file_load import connect, download, together, upload
from tests.benchmarks.process_figures import resident
from tests.benchmarks.server_process import ServerProcess
from tests.benchmarks.wire_clients import TEXT_BYTES, Client, Hearer, Loop, percentile
from tests.nginx import find_nginx, nginx_before
from tests.ports import find_free_port

RATE: Final = 20
"""Messages a second, each for all people."""

SPEAKERS: Final = 4
_GRACE: Final = 60.0
_SAMPLING: Final = 0.02
_SETTLING: Final = 2.0
"""Seconds of talk before anything is measured."""

_MIB: Final = 1 << 20

_HASHING: Final = """\
import hashlib, socket, sys
listening = socket.socket(fileno=int(sys.argv[1]))
connection, _ = listening.accept()
digest, place = hashlib.sha256(), bytearray(1 << 18)
while size := connection.recv_into(place):
    digest.update(memoryview(place)[:size])
connection.sendall(digest.digest())
"""
"""The reference for an upload: the bytes of a socket go into SHA-256, and nowhere else."""


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - this is a program


class Chat:
    """People who talk in the lobby, and how long each message took to each of them, in seconds."""

    def __init__(self, port: int, people: int) -> None:
        self.people = [Client(port, f"person{number}") for number in range(people)]
        self._hearer, self._loop = Hearer(), Loop()
        for person in self.people:
            self._loop.watch(person, self._hearer.take)

    def talk(self, going: Callable[[float], bool]) -> list[float]:
        """Talk while ``going`` says so of the seconds that passed, and wait until all have heard all."""
        took = self._hearer.took = []
        began, count = time.perf_counter(), 0
        while going(time.perf_counter() - began):
            due = began + count / RATE
            while time.perf_counter() < due:
                self._loop.turn(due)
            text = f"at {time.perf_counter_ns():020d}".ljust(TEXT_BYTES, "x")
            speaker = self.people[count % SPEAKERS]
            speaker.socket.sendall(speaker.message("#lobby", text))
            count += 1
        latest = time.perf_counter() + _GRACE
        while len(took) < count * len(self.people):
            if time.perf_counter() > latest:
                raise TimeoutError(f"{count * len(self.people) - len(took)} deliveries did not come")
            self._loop.turn(time.perf_counter() + 0.01)
        return took

    def close(self) -> None:
        """Let all go."""
        for person in self.people:
            person.close()


class Memory:
    """The greatest anonymous memory of a process while it is watched, in KiB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self.most = 0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLING):
            self.most = max(self.most, resident(self._pid)[1])

    def stop(self) -> int:
        """Stop watching; return the greatest."""
        self._over.set()
        self._thread.join()
        return max(self.most, resident(self._pid)[1])


class Bench:
    """A server whose lobby has a message with a file, people who may fetch it, and where else the file is."""

    def __init__(self, folder: Path, server: ServerProcess, given: argparse.Namespace) -> None:
        self.server = server
        self.transfers: int = given.transfers
        self.size: int = int(given.mib * _MIB)
        self.file = folder / "file.bin"
        with self.file.open("wb") as opened:
            for _ in range(0, self.size, _MIB):
                opened.write(os.urandom(min(_MIB, self.size)))
            opened.truncate(self.size)
        people = [Client(server.port, f"mover{number}") for number in range(given.transfers)]
        self.tokens = [person.token for person in people]
        self.path = upload(server.port, self.tokens[0], self.file)
        people[0].ask("send", room="#lobby", text="here it is", files=[self.path.rpartition("/")[2]])
        for person in people:
            person.close()

    def load(self, *, idle: bool = False, uploads: bool = True, downloads: bool = True) -> subprocess.Popen[str]:
        """Start as many uploads and downloads in a process of their own. ``idle``: it takes what others leave."""
        counts = ["--uploads", str(self.transfers * uploads), "--downloads", str(self.transfers * downloads)]
        where = [str(self.server.port), str(self.file), "--path", self.path, *["--idle"] * idle]
        tokens = f"--tokens={','.join(self.tokens)}"  # one may begin with a dash
        command = [sys.executable, "-m", "tests.benchmarks.file_load", *where, *counts, tokens]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def rate(self, seconds: float) -> float:
        """MiB a second, if all files took so long."""
        return self.transfers * self.size / _MIB / seconds


def finish(process: subprocess.Popen[str]) -> dict[str, float]:
    """Wait for a load and return its times."""
    said, _ = process.communicate(timeout=_GRACE * 10)
    if process.returncode:
        raise ChildProcessError(f"The transfers failed with status {process.returncode}.")
    times: dict[str, float] = json.loads(said)
    return times


def measure_chat(bench: Bench, people: int, rounds: int) -> dict[str, float]:
    """Let people talk without and with transfers, by turns."""
    chat = Chat(bench.server.port, people)
    quiet: list[float] = []
    busy: list[float] = []
    memory = Memory(bench.server.pid)
    chat.talk(lambda passed: passed < _SETTLING)
    before = memory.stop()
    memory = Memory(bench.server.pid)
    for number in range(rounds):
        load = bench.load(idle=True)
        began = time.perf_counter()
        with_them = chat.talk(lambda _, load=load: load.poll() is None)  # type: ignore[misc] # load is bound
        seconds = time.perf_counter() - began
        finish(load)
        without = chat.talk(lambda passed, seconds=seconds: passed < seconds)  # type: ignore[misc] # as above
        quiet += without
        busy += with_them
        slow, usual = percentile(with_them, 0.99), percentile(without, 0.99)
        say(f"  round {number + 1}: p99 {usual * 1e3:.1f} ms without, {slow * 1e3:.1f} ms with them")
    grown = memory.stop() - before
    chat.close()
    return {
        "chat without transfers: p50 (ms)": percentile(quiet, 0.5) * 1e3,
        "chat without transfers: p99 (ms)": percentile(quiet, 0.99) * 1e3,
        "chat with transfers: p50 (ms)": percentile(busy, 0.5) * 1e3,
        "chat with transfers: p99 (ms)": percentile(busy, 0.99) * 1e3,
        "p99 with / without": percentile(busy, 0.99) / percentile(quiet, 0.99),
        "server's memory beyond that of the chat (MiB)": grown / 1024,
    }


def measure_downloads(bench: Bench, folder: Path, rounds: int) -> dict[str, float]:
    """Fetch the file from the server and from nginx, by turns."""
    port = find_free_port()
    place = f"sendfile on; server {{ listen 127.0.0.1:{port}; location / {{ root {bench.file.parent}; }} }}"
    ours: list[float] = []
    theirs: list[float] = []
    with nginx_before(place, port, folder / "nginx"):

        def from_nginx() -> float:
            jobs = [lambda: download(port, f"/{bench.file.name}", bench.size)] * bench.transfers
            return bench.rate(together(jobs))

        def from_server() -> float:
            tokens = iter(bench.tokens)
            jobs = [lambda: download(bench.server.port, bench.path, bench.size, next(tokens))] * bench.transfers
            return bench.rate(together(jobs))

        for number in range(rounds):
            for one in (from_nginx, from_server) if number % 2 else (from_server, from_nginx):
                (ours if one is from_server else theirs).append(one())
    return compared("downloads", "nginx", ours, theirs)


def measure_uploads(bench: Bench, rounds: int) -> dict[str, float]:
    """Send the file to the server, and to processes that hash what comes, by turns."""
    ours: list[float] = []
    theirs: list[float] = []

    def to_server() -> float:
        return bench.rate(finish(bench.load(downloads=False))["uploads"])

    def to_hashing() -> float:
        with hashing(bench.transfers) as ports:
            return bench.rate(together([lambda port=port: pour(port, bench.file) for port in ports]))  # type: ignore[misc] # port is bound

    for number in range(rounds):
        for one in (to_server, to_hashing) if number % 2 else (to_hashing, to_server):
            (ours if one is to_server else theirs).append(one())
    return compared("uploads", "a socket into SHA-256", ours, theirs)


@contextlib.contextmanager
def hashing(count: int) -> Iterator[list[int]]:
    """So many processes that hash what a connection brings; their ports."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            number = listening.fileno()
            process = subprocess.Popen([sys.executable, "-S", "-c", _HASHING, str(number)], pass_fds=[number])
            stack.callback(process.wait)
            stack.callback(process.terminate)
            ports.append(int(listening.getsockname()[1]))
        time.sleep(0.5)  # until all have started
        yield ports


def pour(port: int, file: Path) -> None:
    """Send a file to a hashing process, and wait for the digest."""
    with connect(port) as sock, file.open("rb") as opened:
        sock.sendfile(opened)
        sock.shutdown(socket.SHUT_WR)
        if len(sock.recv(64)) != 32:
            raise ConnectionError("no digest came")


def compared(what: str, with_what: str, ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """The figures of two sides that were measured by turns."""
    return {
        f"{what} (MiB/s)": statistics.median(ours),
        f"{with_what} (MiB/s)": statistics.median(theirs),
        f"{what} / {with_what}": statistics.median(one / other for one, other in zip(ours, theirs, strict=True)),
    }


def measure(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Run all measurements. Returns each figure by its name."""
    place = ["--memory"] if given.memory else ["--data", str(folder / "data")]
    options = [*place, "--rate", "0", "--address-rate", "0", "--max-transfers", "256"]
    more = ["--max-file", str(1 << 30), "--file-quota", str(1 << 32), "--files-total", str(1 << 36)]
    figures: dict[str, float] = {}
    with ServerProcess(folder / "server.log", [*options, *more]) as server:
        bench = Bench(folder, server, given)
        say(f"{given.transfers} uploads and downloads of {given.mib:g} MiB beside {given.people} people")
        figures |= measure_chat(bench, given.people, given.rounds)
        if find_nginx() is not None:
            figures |= measure_downloads(bench, folder, given.rounds)
        figures |= measure_uploads(bench, given.rounds)
        server.send_signal(signal.SIGINT)
    return figures


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--transfers", type=int, default=10)
    parser.add_argument("--mib", type=float, default=100.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--memory", action="store_true", help="have the server store no messages on the disk")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        Path(folder).chmod(0o755)  # nginx reads it as another user
        figures = measure(Path(folder), given)
    for name, figure in figures.items():
        say(f"{name:48} {figure:10.2f}")
    return figures


if __name__ == "__main__":
    main()
