"""A server whose wall clock is set while people talk: stamps follow it, and whatever lasts goes on evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.server.raw_client import until
from tests.server.test_accounts import told
from tests.server.test_rooms import code_of

if TYPE_CHECKING:
    from pathlib import Path

    import trio.testing

    from tests.server.live_server import LiveServer, Serve
    from tests.server.raw_client import Json, RawClient

HOUR = 3600.0
DAY = 24 * HOUR
START = 1.8e9  # 2027-01-15T08:00:00Z


class Clocks:
    """The clocks of one machine, over restarts of the server: time ``passes``, and the wall clock is ``set``."""

    def __init__(self) -> None:
        self.wall = START
        self.steady = 500.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    @property
    def settings(self) -> dict[str, Any]:
        return {"clock": lambda: self.wall, "steady": lambda: self.steady}


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


async def moderated(live: LiveServer) -> tuple[RawClient, RawClient]:
    """Ada owns #ops, and bob is in it."""
    ada, bob = await live.join_all("ada", "bob")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    return ada, bob


async def bans(ada: RawClient) -> list[Json]:
    found: list[Json] = (await ada.ask("bans", room="#ops"))["bans"]
    return found


async def test_stamps_are_right_as_soon_as_the_wall_clock_is(serve: Serve, clocks: Clocks) -> None:
    live = await serve(**clocks.settings)
    ada = await live.join("ada")
    times = [(await ada.say("one"))["time"]]
    clocks.wall += HOUR
    times.append((await ada.say("two"))["time"])
    clocks.passes(1.0)
    clocks.wall -= HOUR
    times.append((await ada.say("three"))["time"])
    assert times == ["2027-01-15T08:00:00.000Z", "2027-01-15T09:00:00.000Z", "2027-01-15T08:00:01.000Z"]
    page = await ada.ask("history", room="#lobby")
    assert [(event["seq"], event["text"]) for event in page["events"]] == [(1, "one"), (2, "two"), (3, "three")]


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_a_ban_lasts_as_long_as_it_says_while_the_wall_clock_is_set(
    serve: Serve, clocks: Clocks, by: float
) -> None:
    live = await serve(**clocks.settings)
    ada, bob = await moderated(live)
    await ada.ask("ban", room="#ops", name="bob", seconds=60)
    clocks.wall += by
    clocks.passes(59.0)
    refused = await bob.ask("join", room="#ops")
    assert code_of(refused) == "banned_here"
    assert refused["until"] == (await bans(ada))[0]["until"], "both say the time that the wall clock will show then"
    clocks.wall -= by
    clocks.passes(1.0)
    assert code_of(await bob.ask("join", room="#ops")) == "room"


@pytest.mark.parametrize("orderly", [True, False], ids=["set right before the end", "set right while no server ran"])
async def test_a_ban_from_a_moment_when_the_wall_clock_was_ahead_does_not_last_longer_after_a_restart(
    serve: Serve, clocks: Clocks, tmp_path: Path, *, orderly: bool
) -> None:
    live = await serve(data=tmp_path, **clocks.settings)
    ada, bob = await moderated(live)
    clocks.wall += HOUR
    await ada.ask("ban", room="#ops", name="bob", seconds=5)
    if orderly:
        clocks.wall -= HOUR
        await ada.ask("ping")
    await live.end()
    if not orderly:
        clocks.wall -= HOUR
    clocks.passes(4.0)
    live = await serve(data=tmp_path, **clocks.settings)
    bob = await live.look("bob", bob.token)
    refused = await bob.ask("join", room="#ops")
    assert (code_of(refused), refused["until"]) == ("banned_here", "2027-01-15T08:00:05.000Z")
    clocks.passes(1.0)
    assert code_of(await bob.ask("join", room="#ops")) == "room"


async def test_a_mute_lasts_as_long_as_it_says_over_a_restart_with_a_wall_clock_that_is_ahead(
    serve: Serve, clocks: Clocks, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path, **clocks.settings)
    ada, bob = await moderated(live)
    await ada.ask("mute", room="#ops", name="bob", seconds=60)
    await live.end()
    clocks.wall += HOUR
    live = await serve(data=tmp_path, **clocks.settings)
    bob = await live.look("bob", bob.token)
    refused = await bob.say("x", "#ops")
    assert (code_of(refused), refused["until"]) == ("may_not_speak", "2027-01-15T09:01:00.000Z")
    clocks.passes(60.0)
    assert code_of(await bob.say("x", "#ops")) == "ok"


async def test_times_of_ends_are_stored_anew_when_the_wall_clock_is_set(
    serve: Serve, clocks: Clocks, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path, **clocks.settings)
    ada, _ = await moderated(live)
    await live.join("eve")
    await ada.ask("mute", room="#ops", name="bob", seconds=60)
    await ada.ask("ban", room="#ops", name="eve", seconds=60)
    await ada.ask("ban", room="#ops", network="192.0.2.7")
    clocks.wall -= HOUR
    await ada.ask("ping")
    stored = await live.store.load()
    assert [ban.until for ban in stored.bans] == ["2027-01-15T07:01:00.000Z", None]
    assert [member.muted_until for member in stored.members if member.muted_until] == ["2027-01-15T07:01:00.000Z"]
    assert stored.clock is not None
    assert stored.clock.ahead == -HOUR
    assert [ban.get("until") for ban in await bans(ada)] == ["2027-01-15T07:01:00.000Z", None]


async def test_after_a_start_of_the_system_stored_ends_are_the_wall_clocks_times(
    serve: Serve, clocks: Clocks, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path, **clocks.settings)
    ada, bob = await moderated(live)
    clocks.wall -= HOUR  # it was an hour ahead when the server started
    await ada.ask("ban", room="#ops", name="bob", seconds=60)
    await live.end()
    clocks.steady = 3.0  # the system is started again
    clocks.wall += 30.0
    live = await serve(data=tmp_path, boot="another boot", **clocks.settings)
    bob = await live.look("bob", bob.token)
    assert code_of(await bob.ask("join", room="#ops")) == "banned_here"
    clocks.passes(30.0)
    assert code_of(await bob.ask("join", room="#ops")) == "room"


async def test_the_wait_between_messages_of_a_slow_room_is_as_long_as_it_says(serve: Serve, clocks: Clocks) -> None:
    live = await serve(**clocks.settings)
    ada, bob = await moderated(live)
    await ada.ask("configure", room="#ops", slow=30)
    assert code_of(await bob.say("one", "#ops")) == "ok"
    clocks.wall += HOUR
    assert code_of(await bob.say("two", "#ops")) == "too_soon"
    clocks.wall -= 2 * HOUR
    clocks.passes(30.0)
    assert code_of(await bob.say("two", "#ops")) == "ok"


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves and comes back"])
async def test_the_wait_of_a_slow_room_goes_on_over_a_restart(
    serve: Serve, clocks: Clocks, tmp_path: Path, *, leaves: bool
) -> None:
    live = await serve(data=tmp_path, **clocks.settings)
    ada, bob = await moderated(live)
    await ada.ask("configure", room="#ops", slow=30)
    assert code_of(await bob.say("one", "#ops")) == "ok"
    if leaves:
        await bob.ask("leave", room="#ops")
    await live.end()
    clocks.wall += HOUR
    clocks.passes(29.0)
    live = await serve(data=tmp_path, **clocks.settings)
    bob = await live.look("bob", bob.token)
    if leaves:
        await bob.ask("join", room="#ops")
    assert code_of(await bob.say("two", "#ops")) == "too_soon"
    clocks.passes(1.0)
    assert code_of(await bob.say("two", "#ops")) == "ok"


async def test_a_message_from_the_future_lets_nobody_wait_longer_than_the_room_says(
    serve: Serve, clocks: Clocks, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path, **clocks.settings)
    ada, bob = await moderated(live)
    await ada.ask("configure", room="#ops", slow=30)
    clocks.wall += HOUR
    assert code_of(await bob.say("one", "#ops")) == "ok"
    await live.end()
    clocks.wall -= HOUR
    live = await serve(data=tmp_path, boot="another boot", **clocks.settings)
    bob = await live.look("bob", bob.token)
    assert code_of(await bob.say("two", "#ops")) == "too_soon"
    clocks.passes(30.0)
    assert code_of(await bob.say("two", "#ops")) == "ok"


async def test_a_name_does_not_become_free_because_the_wall_clock_is_a_year_ahead(serve: Serve, clocks: Clocks) -> None:
    live = await serve(name_expiry=30, **clocks.settings)
    ada = await live.join("ada")
    ada.hang_up()
    await until(lambda: not live.server.hub.broker.here)
    clocks.wall += 365 * DAY
    assert told(await live.refused({"Username": "ada"})) == (409, "name_owned")


async def test_no_message_is_removed_because_the_wall_clock_is_a_year_ahead(
    serve: Serve, clocks: Clocks, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(keep=30, **clocks.settings)
    ada = await live.join("ada")
    await ada.say("this stays")
    clocks.wall += 365 * DAY
    mock_clock.jump(HOUR + 1)
    await ada.ask("ping")
    lobby = live.server.hub.broker.rooms["#lobby"]
    clocks.wall -= 365 * DAY
    clocks.passes(31 * DAY)
    assert lobby.first == 1
    mock_clock.jump(HOUR + 1)
    await until(lambda: lobby.first == 2)
