"""Starts ``trio-chat`` for tests: as a process of its own each time, without importing everything each time.

A test run starts the program some hundred times, and half of the run's CPU time would be Python importing the same
modules. So each worker keeps one process that has them imported and nothing else done. It forks for each program
that is to run; the fork takes its own session, terminal, directory, environment and standard streams, and then runs
``trio_chat`` as ``python -m trio_chat`` would, to the interpreter's own end. Signals, exit statuses and terminals are
those of any process. What a fork cannot take over, as it is settled when Python starts (the locale, ``PYTHON…``
variables), gets a start of its own, and so does whatever is not ``PROGRAM``.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

PROGRAM: Final = (sys.executable, "-m", "trio_chat")
_SETTLED_AT_START: Final = ("PYTHON", "LC_", "LANG")
_REQUEST_BYTES: Final = 1 << 18
_GOODBYE: Final = 10.0
"""Seconds until a program that was asked to end is killed: a server tells its clients and waits for them."""

_NUMBER: Final = struct.Struct("q")
"""What comes through the pipe of a fork: its pid, and at its end its exit status."""


class Running(Protocol):
    """What of :class:`subprocess.Popen` tests use."""

    pid: int
    returncode: int | Any

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


def launch(argv: Sequence[str], *, env: Mapping[str, str], streams: tuple[int, int, int], terminal: bool) -> Running:
    """Start a program in a session of its own, on three file descriptors; the first may become its terminal."""
    settled = {name: value for name, value in env.items() if name.startswith(_SETTLED_AT_START)}
    if tuple(argv[: len(PROGRAM)]) == PROGRAM and settled == _forker().settled:
        return _forker().fork(argv[len(PROGRAM) :], env, streams, terminal=terminal)
    return subprocess.Popen(
        argv,
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        env=dict(env),
        start_new_session=True,
        preexec_fn=_become_controlling if terminal else None,  # noqa: PLW1509 - nothing else makes it the terminal
    )


def unmeasured() -> dict[str, str]:
    """The environment of a program that coverage leaves alone: its imports and its files would be seen by the test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def ask_to_end(program: Running, read: Callable[[float], None]) -> None:
    """Under coverage, ask a program that a test is done with to end, before it is killed: a killed one writes no data
    about the lines that it ran. ``read`` takes its output for so many seconds, for a full pipe would hold it up."""
    if "COVERAGE_RUN" in os.environ:
        program.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _GOODBYE
        while program.poll() is None and time.monotonic() < deadline:
            read(0.02)


def _become_controlling() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class _Forked:
    """A program that was forked. Its status comes through a pipe from the process whose child it is."""

    def __init__(self, status: int) -> None:
        self._status = os.fdopen(status, "rb", buffering=0)
        self.pid = self._read()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = self._read()
            self._status.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.returncode is None:
            select.select([self._status], [], [], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("trio_chat", timeout or 0)
        return status

    def send_signal(self, sig: int, /) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended, and its status is on the way
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def _read(self) -> int:
        answer = self._status.read(_NUMBER.size)
        assert answer, "the process that forks is gone"
        number: int = _NUMBER.unpack(answer)[0]
        return number


class _Forker:
    """The test's side of the process that forks."""

    def __init__(self) -> None:
        self.settled = {name: value for name, value in os.environ.items() if name.startswith(_SETTLED_AT_START)}
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST_BYTES)
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self._end)

    def fork(
        self, arguments: Sequence[str], env: Mapping[str, str], streams: tuple[int, int, int], *, terminal: bool
    ) -> _Forked:
        mine, theirs = os.pipe()
        request = json.dumps([list(arguments), dict(env), str(Path.cwd()), terminal]).encode()
        socket.send_fds(self._requests, [request], [*streams, theirs])
        os.close(theirs)
        return _Forked(mine)

    def _end(self) -> None:
        self._requests.close()
        self._process.wait()


_forker = functools.cache(_Forker)


# ---- the process that forks --------------------------------------------------------------------


def _import_everything() -> None:
    package = importlib.import_module("trio_chat")
    for module in pkgutil.walk_packages(package.__path__, "trio_chat."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # a fork then shares the memory for longer


def _serve(requests: socket.socket) -> list[str] | None:
    """Fork for each request. Return the arguments in the fork, and nothing in the process itself, at the end."""
    children: dict[int, int] = {}
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready = select.select([requests.fileno(), awake], [], [])[0]
        if awake in ready:
            os.read(awake, 4096)
            _bury(children)
        if requests.fileno() not in ready:
            continue
        request, fds, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 4)
        if not request:
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.detach()
            arguments, env, folder, terminal = json.loads(request)
            _become(env, folder, terminal, fds)
            return list(arguments)
        for fd in fds[:3]:
            os.close(fd)
        children[pid] = fds[3]


def _bury(children: dict[int, int]) -> None:
    """Tell the status of those that have ended."""
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            fd = children.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
                os.write(fd, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
            os.close(fd)


def _become(env: dict[str, str], folder: str, terminal: bool, fds: list[int]) -> None:  # noqa: FBT001 - from JSON
    """Take over what a new process would have been given."""
    os.setsid()
    for number, fd in enumerate(fds[:3]):
        os.dup2(fd, number)
    if terminal:
        _become_controlling()
    os.write(fds[3], _NUMBER.pack(os.getpid()))
    os.closerange(3, 1024)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    if "coverage" in sys.modules and (measured := sys.modules["coverage"].Coverage.current()) is not None:
        measured.switch_context(env.get("PYTEST_CURRENT_TEST", ""))  # tests.mutants.lines asks which test ran a line
    reading, writing, telling = (
        os.fdopen(0, encoding="utf-8", closefd=False),
        os.fdopen(1, "w", encoding="utf-8", closefd=False, buffering=1 if os.isatty(1) else -1),
        os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace"),
    )
    sys.stdin, sys.stdout, sys.stderr = reading, writing, telling


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file
    _import_everything()
    given = _serve(socket.socket(fileno=int(sys.argv[1])))
    if given is not None:
        sys.argv = ["trio_chat", *given]
        runpy.run_module("trio_chat", run_name="__main__", alter_sys=True)
