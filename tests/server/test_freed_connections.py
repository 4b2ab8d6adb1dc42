"""A connection that has ended is freed at once, and does not wait for the garbage collector, which comes rarely."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest
from wsproto.frame_protocol import FrameProtocol

from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import close_frame, frame, until
from trio_chat.errors import refuse
from trio_chat.server.net.connection import Connection


@pytest.fixture
def no_collector() -> Iterator[None]:
    """No garbage is collected during the test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def connections() -> int:
    return sum(type(one) is Connection for one in gc.get_objects())


def parsers() -> int:
    """Count wsproto's parsers on a server's side; the test's own clients have others."""
    return sum(type(one) is FrameProtocol and not one.client for one in gc.get_objects())


async def hang_up(live: LiveServer) -> None:
    (await live.join("ada")).hang_up()


async def reset(live: LiveServer) -> None:
    (await live.join("ada")).reset()


async def say_goodbye(live: LiveServer) -> None:
    ada = await live.join("ada")
    await ada.send(close_frame())
    await ada.wait_closed()


async def break_the_rules(live: LiveServer) -> None:
    ada = await live.join("ada")
    await ada.send(frame(b"\xff", opcode=1))
    await ada.wait_closed()


async def be_sent_away(live: LiveServer) -> None:
    ada = await live.join("ada")
    live.peer_of(ada).close(refuse("internal"))
    await ada.wait_closed()


async def read_a_page(live: LiveServer) -> None:
    assert (await live.get("/healthz")).status == 200


async def be_refused(live: LiveServer) -> None:
    client = await live.knock()
    assert (await client.upgrade({"Username": "@"})).status == 400


async def talk_nonsense(live: LiveServer) -> None:
    client = await live.knock()
    await client.send(b"\x00\x01\x02\r\n\r\n")
    await client.read_to_end()


@pytest.mark.parametrize(
    "come_and_go",
    [hang_up, reset, say_goodbye, break_the_rules, be_sent_away, read_a_page, be_refused, talk_nonsense],
)
@pytest.mark.usefixtures("no_collector")
async def test_nothing_is_left_of_a_connection(
    serve: Serve, come_and_go: Callable[[LiveServer], Awaitable[None]]
) -> None:
    before, before_parsers = connections(), parsers()  # of tests that failed
    live = await serve()
    await come_and_go(live)
    for client in live.clients:
        client.hang_up()
    await until(lambda: live.server._sockets == 0)
    await until(lambda: connections() == before)
    assert parsers() == before_parsers
