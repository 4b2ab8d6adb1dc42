"""The server as a process: its signals, its share of the machine's files, and the garbage collector."""

from __future__ import annotations

import contextlib
import gc
import resource
import signal
from typing import TYPE_CHECKING

import structlog
import trio

from trio_chat.server.app import Server, open_server
from trio_chat.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from trio_chat.config import ServerConfig

log = structlog.get_logger()


async def run(config: ServerConfig, *, announce: Callable[[list[str]], None]) -> None:
    """Serve until SIGTERM or SIGINT. A second signal ends the server at once.

    ``announce`` is called with the URLs once the server listens. Raises ``TrioChatError`` when it cannot.
    """
    _raise_file_limit()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with open_server(config) as server, trio.open_nursery() as nursery:
            await nursery.start(_run_to_end, server, nursery)
            _spare_collector()
            announce(server.urls)
            log.info("listening", urls=server.urls, version=__version__)
            nursery.start_soon(_stop_on_signal, signals, server, nursery)
    log.info("stopped")


async def _run_to_end(server: Server, nursery: trio.Nursery, *, task_status: trio.TaskStatus[Server]) -> None:
    await server.run(task_status=task_status)
    nursery.cancel_scope.cancel()


async def _stop_on_signal(signals: AsyncIterator[int], server: Server, nursery: trio.Nursery) -> None:
    stopping = False
    async for number in signals:
        if stopping:
            log.warning("stopping at once", signal=signal.Signals(number).name)
            nursery.cancel_scope.cancel()
        else:
            log.info("stopping", signal=signal.Signals(number).name, connections=server.gate.inside)
            server.stop()
            stopping = True


def _raise_file_limit() -> None:
    """Allow the process as many sockets as the system permits."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _spare_collector() -> None:
    """Exempt from garbage collection the objects that live as long as the server, and collect less often: with
    thousands of connections, full collections took a third of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
