"""Refusals: all are counted, and a flood of them is a line a second."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.server.live_server import Log, Serve
from trio_chat.server.refusals import Refusals
from trio_chat.server.tally import Tally

REFUSED = "not admitted"


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
async def refusals(tally: Tally, nursery: trio.Nursery, logged: Log) -> Refusals:
    refusals = Refusals(tally)
    nursery.start_soon(refusals.run)
    return refusals


async def test_a_single_refusal_is_logged_at_once_with_its_fields(
    refusals: Refusals, tally: Tally, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    refusals.note(REFUSED, "wrong_password", "192.0.2.1", name="ada")
    await trio.testing.wait_all_tasks_blocked()
    entry = {"event": REFUSED, "code": "wrong_password", "address": "192.0.2.1", "name": "ada", "log_level": "info"}
    assert logged.entries == [entry]
    assert tally.refusals == {"wrong_password": 1}


async def test_a_flood_of_refusals_is_one_line_a_second_that_sums_it_up(
    refusals: Refusals, tally: Tally, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    refusals.note(REFUSED, "wrong_password", "192.0.2.1")
    await trio.testing.wait_all_tasks_blocked()
    for number in range(30):
        refusals.note(REFUSED, "wrong_password", f"192.0.2.{number % 3}", name=f"guest{number}")
    refusals.note(REFUSED, "wrong_password", "192.0.2.2")
    mock_clock.jump(0.9)
    await trio.testing.wait_all_tasks_blocked()
    assert len(logged.entries) == 1
    mock_clock.jump(0.2)
    await trio.testing.wait_all_tasks_blocked()
    summed = {"code": "wrong_password", "count": 31, "addresses": 3, "most_from": "192.0.2.2", "most": 11}
    assert logged.entries[1:] == [{"event": REFUSED, **summed, "log_level": "warning"}]
    assert tally.refusals == {"wrong_password": 32}
    assert repr(refusals) == "<Refusals: 0 not logged yet>"


async def test_kinds_of_refusals_are_summed_up_apart(
    refusals: Refusals, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    for _ in range(2):
        for code in ("wrong_password", "server_full"):
            refusals.note(REFUSED, code, "192.0.2.1")
        refusals.note("gave way", "server_full", "192.0.2.1")
    await trio.testing.wait_all_tasks_blocked()
    assert [(entry["event"], entry["code"], entry["count"]) for entry in logged.entries] == [
        (REFUSED, "wrong_password", 2),
        (REFUSED, "server_full", 2),
        ("gave way", "server_full", 2),
    ]


async def test_the_addresses_of_a_flood_are_bounded(
    refusals: Refusals, tally: Tally, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    for number in range(5000):
        refusals.note(REFUSED, "server_full", f"2001:db8::{number:x}")
    await trio.testing.wait_all_tasks_blocked()
    (entry,) = logged.entries
    assert (entry["count"], entry["addresses"]) == (5000, 1024)
    assert tally.refusals == {"server_full": 5000}


async def test_what_was_gathered_is_logged_at_the_end(tally: Tally, logged: Log) -> None:
    refusals = Refusals(tally)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refusals.run)
        for _ in range(2):
            refusals.note(REFUSED, "server_full", "192.0.2.1")
            await trio.testing.wait_all_tasks_blocked()
        assert len(logged.entries) == 1
        nursery.cancel_scope.cancel()
    assert len(logged.entries) == 2


async def test_a_server_sums_up_guesses_of_its_password(
    serve: Serve, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(password="secret")
    for _ in range(5):
        assert (await live.refused({"Authorization": "Bearer wrong", "Username": "eve"})).status == 401
    mock_clock.jump(1.1)
    await trio.testing.wait_all_tasks_blocked()
    first, rest = [entry for entry in logged.entries if entry["event"] == REFUSED]
    assert (first["code"], first["name"], first["address"]) == ("wrong_password", "eve", "127.0.0.1")
    assert (rest["count"], rest["most_from"]) == (4, "127.0.0.1")
    assert live.server.hub.tally.refusals == {"wrong_password": 5}
