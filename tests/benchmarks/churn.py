"""Whether a server's memory and descriptors stay level while people come and go: a real server process, real sockets.

    python -m tests.benchmarks.churn [--hour] [--minutes 2] [--members 100] [--rate 600] [--plot FILE] [--trace]

Members join, leave, talk, search, edit, go and come back: see :mod:`tests.benchmarks.churn_members`. Two of the
product's own clients, ``trio-chat join`` as JSON lines and in full screen, listen beside. Samples are taken all the
time; at the end come a table, a plot (SVG), and the slopes over the last part of the time, when all that is bounded has
filled. The short form has fewer members who do more, so that each does nearly as much as in an hour, and small caches
in the database, which are full soon. It fails if the memory or the descriptors rise more than they may. ``--trace``
runs the server under ``tracemalloc`` and shows where it grew. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tests.benchmarks.churn_members import Crowd
from tests.benchmarks.churn_report import Sample, bytes_a_message, last_part, plot, rise, slope, table
from tests.benchmarks.process_figures import count_descriptors, resident
from tests.benchmarks.server_process import ServerProcess
from tests.benchmarks.wire_clients import cpu_seconds
from trio_chat.store import DATABASE

SAMPLES: Final = 240
"""Samples of a run."""

MOST_MEMORY: Final = 0.02
"""Part of the server's memory that it may gain over the last part of the time: rounding by the allocator, late caches.
A leak of 400 bytes a message gains twice as much in the short form on a machine with nothing else to do."""

LONG_PART: Final = 0.5
"""The last part of an hour in which the memory is to be level."""

SHORT_PART: Final = 0.25
"""The same for the short form, in which the histories of members and the indexes are full only after a minute or more.
"""

MOST_DESCRIPTORS: Final = 3
"""Descriptors that there may be more in the last quarter: connections that end while a sample is taken."""

MOST_REFUSED: Final = 0.05
"""Part of all requests that may be refused: people act on rooms and messages that others have just removed."""

CLIENTS: Final = ("JSON lines", "full screen")
"""The product's own clients that listen beside."""

_GRACE: Final = 120.0
_LATE: Final = 1.0
"""Seconds behind the plan from which on the plan waits: a busy machine must not be followed by a rush."""


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - this is a program


class Server(ServerProcess):
    """A server over a data directory, as it is or with a ``change`` of :mod:`tests.benchmarks.churn_server`."""

    def __init__(self, folder: Path, change: str) -> None:
        self.folder = folder
        self._trace = change == "trace"
        program = ["tests.benchmarks.churn_server", change] if change else ["trio_chat"]
        super().__init__(folder / "log", ["--data", str(folder)], program)

    @property
    def disk(self) -> int:
        """KiB of its database."""
        return sum(path.stat().st_size for path in self.folder.glob(f"{DATABASE}*")) // 1024

    def mark(self) -> None:
        """Under ``--trace``, have it write where it has grown since the last mark."""
        if self._trace:
            self.send_signal(signal.SIGUSR1)


@contextlib.contextmanager
def clients_beside(port: int, folder: Path) -> Iterator[list[int]]:
    """The product's own clients, as JSON lines and in full screen, in some rooms. Yields their process numbers."""
    url = f"ws://127.0.0.1:{port}/"
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    world = os.environ | {
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder),
        "TERM": "xterm-256color",
    }
    program = [sys.executable, "-m", "trio_chat", "join"]
    lines = subprocess.Popen(
        [*program, "lines", url, "--json"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=world
    )
    full = subprocess.Popen(
        [*program, "full", url],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=world,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - nothing else makes it the terminal
    )
    os.close(terminal)
    threading.Thread(target=_drain, args=(screen,), daemon=True).start()
    try:
        assert lines.stdin is not None
        for number in range(4):
            lines.stdin.write(f"/join #room{number}\n".encode())
            lines.stdin.flush()
            time.sleep(0.5)
            os.write(screen, f"/join #room{number}\r".encode())
            time.sleep(0.5)
        yield [lines.pid, full.pid]
    finally:
        for process in (lines, full):
            process.terminate()
            process.wait(_GRACE)
        if lines.stdin is not None:
            lines.stdin.close()


def _drain(screen: int) -> None:
    """Read a terminal until its program is gone."""
    with contextlib.suppress(OSError):
        while os.read(screen, 1 << 16):
            pass
    os.close(screen)


def take_sample(server: Server, crowd: Crowd, clients: Sequence[int], began: float) -> Sample:
    """Take a sample now."""
    memory, anonymous = resident(server.pid)
    connected = crowd.connected
    beside = tuple(resident(pid)[0] for pid in clients)
    spare = count_descriptors(server.pid) - connected - len(clients)
    return Sample(time.monotonic() - began, memory, anonymous, spare, connected, crowd.messages, server.disk, beside)


def run(server: Server, crowd: Crowd, rate: float, seconds: float) -> list[Sample]:
    """Let the crowd act for a while."""
    samples: list[Sample] = []
    with clients_beside(server.port, server.folder) as clients:
        began = planned = time.monotonic()
        due = 0.0
        while planned - began < seconds:
            now = time.monotonic()
            planned = max(planned + 1 / rate, now - _LATE)
            crowd.loop.turn(0.0)  # what has come is taken also when the plan is late
            while time.monotonic() < planned:
                crowd.loop.turn(time.perf_counter() + max(0.0, planned - time.monotonic()))
            crowd.act(planned)
            if planned - began >= due:
                samples.append(take_sample(server, crowd, clients, began))
                if len(samples) in {1, SAMPLES // 2}:
                    server.mark()
                due += seconds / SAMPLES
    server.mark()
    return samples


def _memory_of(client: int, sample: Sample) -> float:
    return sample.clients[client]


def judge(samples: Sequence[Sample], crowd: Crowd, part: float) -> list[str]:
    """Print the slopes over the last part of the time, and return what is wrong."""
    end = last_part(samples, part)
    minutes = (end[-1].seconds - end[0].seconds) / 60
    gained = slope(end, lambda one: one.memory) * minutes
    more = rise(samples, lambda one: one.spare)
    say(f"over the last {minutes:.1f} minutes:")
    say(f"  server: {gained / max(minutes, 1e-9):+.1f} KiB a minute, {bytes_a_message(end):+.1f} bytes a message")
    for at, name in enumerate(CLIENTS):
        growth = slope(end, partial(_memory_of, at))
        say(f"  client in {name}: {growth:+.1f} KiB a minute")
    say(f"  descriptors: {more:+.0f} in the last quarter")
    asked = sum(crowd.done.values()) + sum(crowd.refused.values())
    refused = sum(crowd.refused.values()) / max(asked, 1)
    wrong = []
    if gained > MOST_MEMORY * end[0].memory:
        wrong.append(f"the server's memory grew by {gained:.0f} KiB, more than {MOST_MEMORY:.0%}")
    if more > MOST_DESCRIPTORS:
        wrong.append(f"the server has {more:.0f} more descriptors")
    if refused > MOST_REFUSED:
        wrong.append(f"{refused:.1%} of the requests were refused: this is another load than the planned one")
    return wrong


def main() -> int:
    """Run the churn; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hour", action="store_true", help="60 minutes, 500 members, 150 actions a second")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--members", type=int)
    parser.add_argument("--rate", type=float, help="actions a second")
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--plot", type=Path, default=Path("churn.svg"))
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    minutes, members, rate = (60.0, 500, 150.0) if options.hour else (2.0, 100, 600.0)
    minutes, members, rate = options.minutes or minutes, options.members or members, options.rate or rate
    change = "trace" if options.trace else "" if options.hour else "small"
    title = f"{members} members, {rate:g} actions a second, {minutes:g} minutes, seed {options.seed}"
    say(title)
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), change) as server:
        crowd = Crowd(server.port, members, options.seed)
        crowd.enter()
        samples = run(server, crowd, rate, minutes * 60)
        crowd.leave()
        used, status, log = cpu_seconds(server.pid), server.stop(), server.log
    say(table(samples))
    done = ", ".join(f"{kind} {count}" for kind, count in crowd.done.most_common())
    say(f"done: {done}; returns {crowd.returns}, visits {crowd.visits}, deliveries {crowd.deliveries}")
    say(f"refused: {dict(crowd.refused.most_common())}; connections closed by the server: {crowd.lost}")
    say(f"the server's CPU: {used / (minutes * 60):.0%} of a core")
    options.plot.write_text(plot(samples, title), "utf-8")
    say(f"plot: {options.plot}")
    if options.trace:
        say(log)
    wrong = judge(samples, crowd, LONG_PART if options.hour else SHORT_PART)
    if status:
        wrong.append(f"the server ended with {status}:\n{log[-2000:]}")
    if "Traceback" in log:
        wrong.append(f"the server logged an error:\n{log[-2000:]}")
    for fault in wrong:
        say(f"FAILED: {fault}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
