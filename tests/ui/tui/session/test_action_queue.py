"""The queue of submitted actions, with a connection that answers when the test lets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import trio
from trio.testing import wait_all_tasks_blocked

from tests.ui.followed import FollowedModel
from trio_chat.client import Receipt
from trio_chat.protocol.events import Room, RoomInfo
from trio_chat.ui.actions.actions import SendTo
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trio_chat.client import Chat

CONVERSATION = RoomInfo(name="@ada+eve", direct=True, members=("ada", "eve"))


class FakeChat:
    """A connection that notes the requests. ``go`` lets it answer."""

    connected = True

    def __init__(self, model: FollowedModel) -> None:
        self.model = model
        self.asked: list[tuple[Any, ...]] = []
        self.go = trio.Event()
        self.go.set()

    async def _ask(self, *asked: Any) -> None:
        self.asked.append(asked)
        await self.go.wait()

    async def send_to(self, to: Iterable[str], text: str) -> Receipt:
        await self._ask("send_to", tuple(to), text)
        self.model.take(Room(room=CONVERSATION), 0.0, 0.0)
        return Receipt(CONVERSATION.name, 1, "2026-01-31T12:00:00.000Z")


class QueueInLobby:
    """Ada in #lobby, with a queue and a fake connection."""

    def __init__(self) -> None:
        self.model = FollowedModel(backlog=0)
        self.model.begin(RoomInfo(name="#lobby"))
        self.chat = FakeChat(self.model)
        requests = BackgroundRequests(self.model, lambda: None, lambda _call: None)
        requests.chat = cast("Chat", self.chat)
        self.queue = ActionQueue(self.model, requests, lambda: None)

    def shown(self, room: str) -> list[str]:
        return [entry.text for entry in self.model.rooms[room].log.entries]


async def test_a_private_message_is_shown_where_it_was_typed(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.queue.run)
    desk.queue.act(SendTo(("eve",), "ping"))
    await wait_all_tasks_blocked()
    assert desk.chat.asked == [("send_to", ("eve",), "ping")]
    assert desk.shown("#lobby") == ["→ eve (private): ping"]


async def test_a_private_message_typed_in_its_conversation_is_not_shown_twice(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.queue.run)
    desk.model.take(Room(room=CONVERSATION), 0.0, 0.0)
    desk.model.look(CONVERSATION.name)
    desk.queue.act(SendTo(("eve",), "ping"))
    await wait_all_tasks_blocked()
    assert desk.shown("#lobby") == desk.shown(CONVERSATION.name) == []
