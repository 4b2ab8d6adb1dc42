"""The service manager that started the server, if it wants to be told how the server does: systemd, ``Type=notify``.

The manager listens on a Unix socket that it names in ``NOTIFY_SOCKET``. Each datagram holds assignments, one a line.
Sources: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5).
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, NoReturn

import structlog
import trio

_SEND_TIMEOUT: Final = 2.0
"""Seconds that a manager may leave its queue full. The server does not wait longer for it."""

_MAX_STATUS: Final = 500
"""Characters of a status line; the manager shows the line on a terminal."""

log = structlog.get_logger()


class ServiceManager:
    """Tells the service manager what the server does. Tells nobody if ``address`` is empty.

    ``watchdog``: seconds after which the manager kills a service that gives no sign of life; infinite if it never
    does. :func:`open_manager` makes an instance. No method raises when the manager cannot be reached: the log says so.
    """

    def __init__(self, address: str, watchdog: float, sock: socket.socket | None) -> None:
        self.watchdog = watchdog
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # unix(7): the abstract namespace
        self._sock = sock
        self._status = ""

    def __repr__(self) -> str:
        return f"<ServiceManager at {self._address!r}, watchdog {self.watchdog:g} s>"

    async def ready(self, status: str) -> None:
        """Say that the server serves, after its start or after :meth:`reloading`."""
        await self._tell("READY=1", status=status)

    async def reloading(self) -> None:
        """Say that the server reads its files again. :meth:`ready` must follow, whatever comes of it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        await self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    async def stopping(self, status: str) -> None:
        """Say that the server began to end."""
        await self._tell("STOPPING=1", status=status)

    async def alive(self, status: str) -> None:
        """Give the sign of life that the manager's watchdog waits for."""
        await self._tell("WATCHDOG=1", status=status)

    async def say(self, status: str) -> None:
        """Set the line that ``systemctl status`` shows, without a sign of life."""
        await self._tell(status=status)

    async def _tell(self, *assignments: str, status: str = "") -> None:
        lines = list(assignments)
        if status and status != self._status:
            lines.append(f"STATUS={' '.join(status.split())[:_MAX_STATUS]}")
            self._status = status
        if self._sock is None or not lines:
            return
        try:
            with trio.fail_after(_SEND_TIMEOUT):
                await _send(self._sock, "\n".join(lines).encode(), self._address)
        except (OSError, trio.TooSlowError) as error:
            why = error.strerror if isinstance(error, OSError) else f"it took nothing for {_SEND_TIMEOUT:g} seconds"
            log.warning("service manager not told", what=lines[0], error=why)


async def _send(sock: socket.socket, datagram: bytes, address: str) -> None:
    """Send a datagram as soon as the receiver's queue has place for it."""
    sock.connect(address)  # poll(2) shows the receiver's queue for a connected socket only
    while True:
        try:
            sock.send(datagram)
        except BlockingIOError:
            await trio.lowlevel.wait_writable(sock)
        else:
            return


@contextlib.contextmanager
def open_manager(environ: Mapping[str, str]) -> Iterator[ServiceManager]:
    """Yield the manager that the environment names, or one that tells nobody. Its socket is closed at the end."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        if address:
            log.warning("service manager not told", error="NOTIFY_SOCKET names no Unix socket", address=address)
        yield ServiceManager("", math.inf, None)
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        yield ServiceManager(address, _read_watchdog(environ), sock)


def _read_watchdog(environ: Mapping[str, str]) -> float:
    """Return the seconds of the watchdog, infinite if there is none or if it waits for another process."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not microseconds:
        return math.inf
    if not (microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0):
        log.warning("no sign of life for the watchdog", error="WATCHDOG_USEC is no time", value=microseconds)
        return math.inf
    return int(microseconds) / 1_000_000


async def keep_alive(
    manager: ServiceManager, probe: Callable[[], Awaitable[object]], describe: Callable[[], str]
) -> NoReturn:
    """Give a sign of life twice in the time of the watchdog, each after ``probe`` has returned. Runs until cancelled.

    A probe that takes longer than half that time gives none, so that the manager restarts a server that is stuck.
    ``describe`` makes the status line. Without a watchdog this only sleeps.
    """
    interval = manager.watchdog / 2
    while True:
        due = trio.current_time() + interval
        if math.isinf(interval):
            await trio.sleep_forever()
        with trio.move_on_after(interval) as scope:
            await probe()
            await manager.alive(describe())
        if scope.cancelled_caught:
            log.error("the hub does not answer", seconds=interval)
            await manager.say("The hub does not answer.")
        await trio.sleep_until(due)
