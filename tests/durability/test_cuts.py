"""Connections that are dropped, stalled and reset in mid-message, in both directions, lose and double
nothing. ``nox -s kills`` cuts 200 times."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import structlog
import trio
from structlog.testing import capture_logs

from tests.durability import changes
from tests.durability.changes import Changer
from tests.durability.members import Crowd, Member, check
from tests.ports import find_free_port
from trio_chat.config import ServerConfig
from trio_chat.server.app import open_server

CUTS = int(os.environ.get("TRIO_CHAT_TRIAL_CUTS", "12"))
SENDERS = 8
CHANGERS = 2

Fault = Literal["drop", "reset", "stall", "half"]


class Link:
    """One connection through the proxy, and the fault that its next bytes meet."""

    def __init__(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        self.client = client
        self.server = server
        self.fault: tuple[Fault, bool] | None = None
        self.scope = trio.CancelScope()

    async def run(self) -> None:
        try:
            with self.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._pass_on, self.client, self.server, True)
                    nursery.start_soon(self._pass_on, self.server, self.client, False)
        finally:
            for stream in (self.client, self.server):
                stream.socket.close()

    async def _pass_on(self, source: trio.SocketStream, sink: trio.SocketStream, inward: bool) -> None:  # noqa: FBT001 - trio passes arguments by position
        try:
            async for data in source:
                if self.fault is not None and self.fault[1] is inward:
                    await self._break(self.fault[0], bytes(data), sink)
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.scope.cancel()

    async def _break(self, fault: Fault, data: bytes, sink: trio.SocketStream) -> None:
        if fault == "stall":  # nothing more, for ever, while the connection stands
            await trio.sleep_forever()
        if fault == "half":
            await sink.send_all(data[: len(data) // 2])
        if fault == "reset":
            for stream in (self.client, self.server):
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.scope.cancel()
        await trio.lowlevel.checkpoint()


class Proxy:
    """Stands between clients and a server."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.links: list[Link] = []

    async def accept(self, client: trio.SocketStream) -> None:
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self.target)
        except OSError:
            return
        link = Link(client, server)
        self.links.append(link)
        await link.run()
        self.links.remove(link)


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    """The log of the server in this process, which would bury the figures."""
    with capture_logs() as entries:
        yield entries


async def test_broken_connections_lose_and_double_nothing(
    tmp_path: Path, logged: list[structlog.typing.EventDict]
) -> None:
    chance = random.Random(21)
    faults: list[Fault] = ["drop", "reset", "stall", "half"]
    config = ServerConfig(port=0, data=tmp_path / "data", rate=0)
    async with open_server(config) as server, trio.open_nursery() as nursery:
        await nursery.start(server.run)
        proxy = Proxy(server.addresses[0][1])
        port = find_free_port()
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, proxy.accept, listeners)
        url, identities = f"ws://127.0.0.1:{port}/", tmp_path / "identities"
        crowd = Crowd(url, identities, [Member(f"sender{number}") for number in range(SENDERS)])
        changers = [Changer(f"changer{n}", random.Random(n), crowd.done) for n in range(CHANGERS)]
        async with trio.open_nursery() as people:
            await crowd.talk(people)
            for changer in changers:
                await people.start(changer.live, url, identities)
            for _ in range(CUTS):
                await crowd.wait_sent(chance.randrange(1, 60))
                link = chance.choice([link for link in proxy.links if link.fault is None] or proxy.links)
                link.fault = (chance.choice(faults), chance.random() < 0.5)
            await crowd.wait_sent(SENDERS)
            log = await crowd.finish()
            for changer in changers:
                await changer.finish()
            people.cancel_scope.cancel()
        changed = sum([await changes.check(url, identities, changer) for changer in changers])
        nursery.cancel_scope.cancel()
    count = check(crowd, log)
    print(f"{CUTS} cuts, {count} acknowledged messages checked, {len(log)} in the log, 0 lost")  # noqa: T201 - the figure that is quoted
    print(f"{changed} acknowledged changes of messages and rooms checked, each done once")  # noqa: T201 - as above
    assert count >= SENDERS
    assert changed >= CHANGERS
    assert not [entry for entry in logged if entry["log_level"] == "error"]
