"""The server's time when the system's clock is set back."""

from __future__ import annotations

import pytest

from tests.server.live_server import Serve
from trio_chat.server.hub.clock import Clock


class Watch:
    """A wall's clock and a stopwatch, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.steady = 1000.0, 5.0
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def after(self, seconds: float) -> float:
        self.wall += seconds
        self.steady += seconds
        return self.clock()


def test_it_is_the_systems_time() -> None:
    watch = Watch()
    assert [watch.after(seconds) for seconds in (0.0, 1.5, 100.0)] == [1000.0, 1001.5, 1101.5]


def test_it_goes_forward_with_the_system() -> None:
    watch = Watch()
    watch.wall += 3600.0
    assert watch.after(1.0) == 4601.0


def test_where_the_system_goes_back_it_neither_follows_nor_stands_still_until_that_has_caught_up() -> None:
    watch = Watch()
    watch.wall -= 60.0
    assert watch.after(10.0) == 1005.0
    assert watch.after(100.0) == 1055.0
    assert watch.after(20.0) == pytest.approx(1070.0)
    assert watch.after(1.0) == pytest.approx(1071.0), "it is the system's time again"


async def test_a_clock_that_was_set_back_does_not_stop_what_waits_for_time_to_pass(serve: Serve) -> None:
    now = [1e9]
    live = await serve(clock=lambda: now[0], handshake_timeout=100.0)
    client = await live.enter()  # which does not say who it is
    await live.get("/healthz")
    broker = live.server.hub.broker
    (session,) = broker.sessions.values()
    session.active = now[0] - 99.98
    broker.watch(session)
    now[0] -= 3600.0
    await live.get("/healthz")
    events, _, _ = await client.wait_closed()
    assert events[-1]["code"] == "hello_timeout"
