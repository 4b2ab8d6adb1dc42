"""People who come, talk, search and go leave nothing open behind them. ``nox -s churn`` does it at length."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from tests.benchmarks.churn_members import Crowd
from tests.benchmarks.process_figures import count_descriptors
from tests.programs import PATIENCE, ServerProgram

ACTIONS = 1200
MEMBERS = 20
RATE = 60
"""Actions in a second of the crowd's own time, which goes as fast as the server answers."""

EXPECTED = {"not_a_member", "unknown_room", "unknown_message", "unknown_person"}
"""Refusals for which a member is too late: somebody else has just left, renamed or removed."""


def figures(server: ServerProgram) -> dict[str, float]:
    with urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=PATIENCE) as page:
        lines = [line.split() for line in page.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def wait_until(reached: Callable[[], bool], server: ServerProgram) -> None:
    """Wait until something is reached, or show how the server stands."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"{count_descriptors(server.process.pid)} descriptors, {figures(server)}"
        time.sleep(0.05)


def let_act(crowd: Crowd, count: int) -> None:
    """Let everyone come in, and do so many things; wait until all is answered."""
    crowd.enter()
    for action in range(count):
        crowd.act(action / RATE)
        crowd.loop.turn(time.perf_counter() + 0.001)
    deadline = time.perf_counter() + PATIENCE
    while crowd.pending:
        assert time.perf_counter() < deadline, f"{crowd.pending} requests were not answered"
        crowd.loop.turn(time.perf_counter() + 0.05)


def let_go(crowd: Crowd, server: ServerProgram, descriptors: int) -> dict[str, float]:
    """Let everyone go, and wait until the server has no more than so many descriptors and no connection."""
    crowd.leave()
    wait_until(lambda: count_descriptors(server.process.pid) <= descriptors, server)
    wait_until(lambda: figures(server)["trio_chat_connections"] == 0, server)
    return figures(server)


def test_a_crowd_that_comes_and_goes_leaves_no_connection_and_no_descriptor(tmp_path: Path) -> None:
    with ServerProgram("--data", str(tmp_path), "--rate", "0") as server:
        crowd = Crowd(server.port, MEMBERS, seed=9)
        figures(server)
        before = count_descriptors(server.process.pid)
        let_act(crowd, ACTIONS)
        wait_until(lambda: figures(server)["trio_chat_people"] == crowd.connected, server)
        last = let_go(crowd, server, before)
        server.stop()
        assert "Traceback" not in server.err
    assert (last["trio_chat_people"], last["trio_chat_outbox_bytes"], last["trio_chat_inbox_items"]) == (0, 0, 0)
    assert crowd.lost == 0
    assert {refusal.partition(": ")[2] for refusal in crowd.refused} <= EXPECTED
    assert min(crowd.done[kind] for kind in ("send", "edit", "delete", "react", "search", "leave", "nick")) > 0
    assert min(crowd.returns, crowd.visits) > 0
