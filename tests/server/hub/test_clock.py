"""The server's two clocks when the system's wall clock is set."""

from __future__ import annotations

import pytest

from tests.server.live_server import Serve
from trio_chat.records import SaveClock
from trio_chat.server.hub.clock import Clock, read_boot, seconds_running

HOUR = 3600.0


class Watch:
    """A wall clock and a stopwatch, moved by hand."""

    def __init__(self, kept: SaveClock | None = None, *, boot: str = "first", wall: float = 1e9) -> None:
        self.wall, self.steady = wall, 5.0
        self.clock = Clock(kept, wall=lambda: self.wall, steady=lambda: self.steady, boot=boot)

    def after(self, seconds: float) -> float:
        self.wall += seconds
        self.steady += seconds
        return self.clock()

    def stamp(self) -> float:
        now, relation = self.clock.read()
        return now + relation.ahead


def test_steady_time_begins_at_the_wall_clock_and_goes_on_with_it() -> None:
    watch = Watch()
    assert [watch.after(seconds) for seconds in (0.0, 1.5, 100.0)] == [1e9, 1e9 + 1.5, 1e9 + 101.5]
    assert watch.stamp() == watch.wall


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_steady_time_does_not_notice_that_the_wall_clock_is_set_and_stamps_follow_at_once(by: float) -> None:
    watch = Watch()
    watch.wall += by
    assert watch.after(1.0) == 1e9 + 1.0
    assert watch.stamp() == watch.wall
    watch.wall -= by
    assert watch.after(1.0) == 1e9 + 2.0
    assert watch.stamp() == watch.wall == 1e9 + 2.0


def test_two_readings_a_moment_apart_are_no_setting_of_the_wall_clock() -> None:
    watch = Watch()
    _, before = watch.clock.read()
    watch.wall += 0.09
    assert watch.clock.read()[1] is before


def test_steady_time_goes_on_over_a_restart_of_the_server() -> None:
    watch = Watch()
    watch.after(10.0)
    _, kept = watch.clock.read()
    again = Watch(kept, wall=1e9 + HOUR)  # set while no server ran
    again.steady = watch.steady
    assert again.after(1.0) == 1e9 + 11.0
    assert again.clock.read()[1].ahead == HOUR - 10.0


@pytest.mark.parametrize("boot", ["second", ""])
def test_after_a_start_of_the_system_steady_time_begins_at_the_wall_clock(boot: str) -> None:
    watch = Watch(SaveClock("first" if boot else "", 1e9 - 77.0, HOUR), boot=boot)
    assert watch.clock() == 1e9
    assert watch.clock.read()[1].ahead == 0.0


@pytest.mark.parametrize(("by", "earlier"), [(HOUR, 1e9), (-HOUR, 1e9 - HOUR)])
def test_of_both_clocks_the_earlier_one_decides_about_age(by: float, earlier: float) -> None:
    watch = Watch()
    watch.wall += by
    assert watch.clock.earlier() == earlier


def test_the_system_says_how_long_it_has_been_running_and_which_start_that_is_since() -> None:
    assert 0 < seconds_running() <= seconds_running()
    assert read_boot() == read_boot()


async def test_a_clock_that_was_set_back_does_not_stop_what_waits_for_time_to_pass(serve: Serve) -> None:
    wall = [1e9]
    live = await serve(clock=lambda: wall[0], steady=seconds_running, handshake_timeout=100.0)
    client = await live.enter()  # which does not say who it is
    await live.get("/healthz")
    broker = live.server.hub.broker
    (session,) = broker.sessions.values()
    session.active -= 99.98
    broker.watch(session)
    wall[0] -= HOUR
    await live.get("/healthz")
    events, _, _ = await client.wait_closed()
    assert events[-1]["code"] == "hello_timeout"
