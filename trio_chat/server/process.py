"""The server as a process: its signals, its service manager, its share of the machine's files, and the garbage
collector.

SIGTERM and SIGINT end the server. SIGHUP has two meanings. From a terminal that is gone it ends the server too. From
anybody else it has the server read again what may change while it runs.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
from typing import TYPE_CHECKING, Final

import structlog
import trio

from trio_chat.errors import TrioChatError
from trio_chat.server.app import Server, open_server
from trio_chat.server.systemd import ServiceManager, keep_alive, open_manager
from trio_chat.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from trio_chat.config import ServerConfig

_FILES_ON_MACOS: Final = 10240
"""OPEN_MAX: a process of macOS cannot have more, even where its limit says so; see setrlimit(2) there."""
_TERMINAL: Final = "/dev/tty"
"""The terminal of whatever process opens it; it cannot be opened without one."""

log = structlog.get_logger()


async def run(config: ServerConfig, *, announce: Callable[[Server], Awaitable[None]]) -> None:
    """Serve until SIGTERM or SIGINT. A second signal ends the server at once.

    ``announce`` is called with the server once it listens. Raises ``TrioChatError`` when it cannot.
    """
    _raise_file_limit()
    may_hang_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()  # nohup ignores it
    received = trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    with open_manager(os.environ) as manager, received as signals:
        async with open_server(config) as server, trio.open_nursery() as nursery:
            await nursery.start(_run_to_end, server, nursery)
            _spare_collector()
            await announce(server)
            key = server.identity
            words = key.fingerprint.words
            log.info("listening", urls=server.urls, version=__version__, identity=words, key=key.origin)
            life = _Life(server, manager, nursery, may_hang_up=may_hang_up)
            await manager.ready(life.describe())
            nursery.start_soon(life.heed_signals, signals)
            nursery.start_soon(keep_alive, manager, life.probe, life.describe)
    log.info("stopped")


async def _run_to_end(server: Server, nursery: trio.Nursery, *, task_status: trio.TaskStatus[Server]) -> None:
    await server.run(task_status=task_status)
    nursery.cancel_scope.cancel()


class _Life:
    """A running server's answers to signals and to its service manager. ``nursery`` holds all its tasks."""

    def __init__(self, server: Server, manager: ServiceManager, nursery: trio.Nursery, *, may_hang_up: bool) -> None:
        self._server = server
        self._manager = manager
        self._nursery = nursery
        self._may_hang_up = may_hang_up

    def describe(self) -> str:
        """Make the line that ``systemctl status`` shows."""
        if self._server.stopping:
            return "Telling everybody that the server stops."
        storing = "" if self._server.hub.storing.failing is None else "It cannot store messages now: see the log. "
        return f"{storing}Listening on {' '.join(self._server.urls)}, connections: {self._server.gate.inside}."

    async def probe(self) -> None:
        """Return once the hub has answered. At its end the server only has to show that its event loop runs."""
        if not self._server.stopping:
            with contextlib.suppress(trio.BrokenResourceError):  # the hub has just ended, for want of a store
                await self._server.hub.probe()

    async def heed_signals(self, signals: AsyncIterator[int]) -> None:
        """Do what each signal asks for."""
        async for number in signals:
            if number == signal.SIGHUP and not (self._may_hang_up and not _has_terminal()):
                await self._reload()
            elif self._server.stopping:
                log.warning("stopping at once", signal=signal.Signals(number).name)
                self._nursery.cancel_scope.cancel()
            else:
                log.info("stopping", signal=signal.Signals(number).name, connections=self._server.gate.inside)
                self._server.stop()
                await self._manager.stopping(self.describe())

    async def _reload(self) -> None:
        """Read again what may change. The server goes on with what it has if that fails."""
        if self._server.stopping:
            return
        await self._manager.reloading()
        try:
            log.info("reloaded", result=await self._server.reload())
        except TrioChatError as error:
            log.error("not reloaded", error=str(error))  # noqa: TRY400 - the sentence says what is wrong with the file
        await self._manager.ready(self.describe())


def _has_terminal() -> bool:
    """Whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _raise_file_limit() -> None:
    """Allow the process as many sockets as the system permits."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (hard, _FILES_ON_MACOS):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return


def _spare_collector() -> None:
    """Exempt from garbage collection the objects that live as long as the server, and collect less often: with
    thousands of connections, full collections took a third of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
