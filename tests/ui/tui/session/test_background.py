"""Requests beside the queue of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio
import trio.testing
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.ui.followed import FollowedModel
from trio_chat.errors import Refused
from trio_chat.protocol.events import RoomInfo
from trio_chat.ui.tui.model.effects import AskPeople, Fetch, SayRead
from trio_chat.ui.tui.session.background import BackgroundRequests

if TYPE_CHECKING:
    from trio_chat.client import Chat


def test_a_message_that_is_not_loaded_cannot_be_reached_without_a_connection() -> None:
    model = FollowedModel()
    model.begin(RoomInfo(name="#lobby", last=500, read=20))
    model.room.fetching = ""
    requests = BackgroundRequests(model, lambda: None, lambda _call: None)
    for go in (requests.jump, requests.reach):
        go("#lobby", 20)
        assert model.room.fetching == ""
        assert model.room.log.entries[-1].text == "That message is not loaded, and there is no connection."


async def test_an_event_that_arrives_while_the_program_ends_starts_nothing() -> None:
    model = FollowedModel()
    model.begin(RoomInfo(name="#lobby", last=500, read=20))
    requests = BackgroundRequests(model, lambda: None, lambda _call: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(requests.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    requests.chat = NeverAsked()  # type: ignore[assignment] # the connection's task is not over yet
    requests.apply([Fetch("#lobby", "newest"), SayRead("#lobby", 30), AskPeople("#lobby")])


class NeverAsked:
    """A connection that no request may reach."""


async def test_a_read_position_of_a_room_that_is_gone_meanwhile_is_no_error(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    model = FollowedModel(backlog=0)
    model.begin(RoomInfo(name="#lobby", last=5))
    requests = BackgroundRequests(model, lambda: None, lambda _call: None)
    requests.chat = cast("Chat", Refusing())
    nursery.start_soon(requests.run)
    await wait_all_tasks_blocked()
    requests.apply([SayRead("#lobby", 5)])
    await trio.sleep(5)
    assert not any(entry.kind == "error" for entry in model.room.log.entries)


class Refusing:
    """A connection whose server has no such room."""

    connected = True

    async def read(self, room: str, seq: int) -> None:
        raise Refused("unknown_room", f"There is no room {room}.")
