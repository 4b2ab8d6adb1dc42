"""Requests beside the queue of actions."""

from __future__ import annotations

import trio
import trio.testing

from tests.ui.followed import FollowedModel
from trio_chat.protocol.events import RoomInfo
from trio_chat.ui.tui.model.effects import AskPeople, Fetch, SayRead
from trio_chat.ui.tui.session.background import BackgroundRequests


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
