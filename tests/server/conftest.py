"""Servers on loopback, their clients, and a look at the server's log."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from tests.server.live_server import LiveServer, Log, Serve, run_live_server
from trio_chat.config import ServerConfig
from trio_chat.server.hub.clock import Clock
from trio_chat.store import Store


@pytest.fixture
def logged() -> Iterator[Log]:
    """The server's log; an error that the test did not take out fails it."""
    with capture_logs() as entries:
        log = Log(entries)
        yield log
    assert log.errors == []


@pytest.fixture
async def serve(logged: Log, nursery: trio.Nursery) -> AsyncIterator[Serve]:
    """Start a server, with any of its settings; it ends with the test. No rate limit unless asked for, and
    nothing on disk unless a folder (``data``) is given. ``clock`` is its wall clock and, unless ``steady`` is given,
    also what it measures durations by."""
    servers: list[LiveServer] = []

    async def start(
        *,
        store: Store | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
        boot: str = "one boot",
        **settings: Any,
    ) -> LiveServer:
        memory = "data" not in settings
        config = ServerConfig(**{"port": 0, "rate": 0.0, "memory": memory, **settings})
        clocks = partial(Clock, wall=clock, steady=steady or clock, boot=boot)
        servers.append(await nursery.start(partial(run_live_server, config, store=store, clock=clocks)))
        return servers[-1]

    yield start
    for live in servers:
        live.send_everyone_away()
