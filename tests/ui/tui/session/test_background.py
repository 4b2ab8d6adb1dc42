"""Requests beside the queue of actions."""

from __future__ import annotations

from tests.ui.followed import FollowedModel
from trio_chat.protocol.events import RoomInfo
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
