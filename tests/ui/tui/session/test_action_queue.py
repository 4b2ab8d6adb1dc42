"""The queue of submitted actions, with a connection that answers when the test lets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import trio
from trio.testing import wait_all_tasks_blocked

from tests.ui.followed import FollowedModel
from tests.ui.tui.controller.fakes import Desk
from trio_chat.client import Receipt
from trio_chat.client.rooms import RoomView
from trio_chat.errors import Refused
from trio_chat.protocol.events import Invited, Room, RoomInfo
from trio_chat.ui.actions.actions import SendTo
from trio_chat.ui.input.decoder import Typed
from trio_chat.ui.tui.controller.controller import Controller
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.files import ScreenFiles

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
        self.closed: set[str] = set()

    async def _ask(self, *asked: Any) -> None:
        self.asked.append(asked)
        await self.go.wait()

    @property
    def rooms(self) -> dict[str, RoomView]:
        return self.model.known

    async def join(self, room: str) -> RoomView:
        await self._ask("join", room)
        if room in self.closed:
            raise Refused("not_invited", f"{room} is private.")
        view = self.model.known[room] = RoomView.enter(RoomInfo(name=room))
        view.made = room == "#opss"
        return view

    async def leave(self, room: str, *, remove: bool = False) -> None:
        await self._ask("remove" if remove else "leave", room)
        self.model.known.pop(room, None)

    async def configure(self, room: str, **changes: object) -> bool:
        await self._ask("configure", room, changes)
        return True

    async def send(self, room: str, text: str, **more: object) -> Receipt:
        del more
        await self._ask("send", room, text)
        return Receipt(room, 1, "2026-01-31T12:00:00.000Z")

    async def send_to(self, to: Iterable[str], text: str) -> Receipt:
        await self._ask("send_to", tuple(to), text)
        self.model.take(Room(room=CONVERSATION), 0.0, 0.0)
        return Receipt(CONVERSATION.name, 1, "2026-01-31T12:00:00.000Z")


class QueueInLobby(Desk):
    """Ada in #lobby, with a queue whose actions are carried out over a fake connection."""

    def __init__(self) -> None:
        super().__init__()
        self.model.backlog = 0
        self.chat = FakeChat(self.model)
        requests = BackgroundRequests(self.model, lambda: None, lambda _call: None)
        requests.chat = cast("Chat", self.chat)
        self.real = ActionQueue(self.model, requests, lambda: None)
        self.files = ScreenFiles(self.model, requests, lambda: None)
        self.controller = Controller(
            self.model, self.real, requests, self.screen, self.session, keys.bind({}), self.files
        )

    def shown(self, room: str) -> list[str]:
        return [entry.text for entry in self.model.rooms[room].log.entries]


async def test_a_private_message_is_shown_where_it_was_typed(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.real.act(SendTo(("eve",), "ping"))
    await wait_all_tasks_blocked()
    assert desk.chat.asked == [("send_to", ("eve",), "ping")]
    assert desk.shown("#lobby")[-1] == "→ eve (private): ping"


async def test_a_private_message_typed_in_its_conversation_is_not_shown_twice(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.model.take(Room(room=CONVERSATION), 0.0, 0.0)
    desk.model.look(CONVERSATION.name)
    desk.real.act(SendTo(("eve",), "ping"))
    await wait_all_tasks_blocked()
    assert not any("ping" in text for text in desk.shown("#lobby") + desk.shown(CONVERSATION.name))


async def test_all_that_is_typed_after_a_join_belongs_to_the_new_room(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.chat.go = trio.Event()
    await desk.submit("/join #slow")
    await desk.press(Typed("hello "))
    await wait_all_tasks_blocked()
    assert desk.model.destination(desk.model.typed_line) == ("#slow ...", False)
    desk.chat.go.set()
    await wait_all_tasks_blocked()
    await desk.press(Typed("slow"), "Enter")
    await wait_all_tasks_blocked()
    assert desk.chat.asked == [("join", "#slow"), ("send", "#slow", "hello slow")]
    assert desk.model.rooms["#lobby"].editor.text == ""
    assert not desk.real.is_moving
    assert desk.model.place.bound_for == ""


async def test_lines_behind_several_joins_keep_their_order_and_their_rooms(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.chat.go = trio.Event()
    for line in ("/join #a", "one", "/join #b", "/private on", "two", "/leave", "three"):
        await desk.submit(line)
        await wait_all_tasks_blocked()
    await desk.press(Typed("four"))
    assert desk.model.destination(desk.model.typed_line) == ("#lobby ...", False)
    desk.chat.go.set()
    await wait_all_tasks_blocked()
    await desk.press("Enter")
    await wait_all_tasks_blocked()
    assert desk.chat.asked == [
        ("join", "#a"),
        ("send", "#a", "one"),
        ("join", "#b"),
        ("configure", "#b", {"private": True}),
        ("send", "#b", "two"),
        ("leave", "#b"),
        ("send", "#lobby", "three"),
        ("send", "#lobby", "four"),
    ]


async def test_a_draft_of_the_new_room_makes_way_and_undo_brings_it_back(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.model.take(Room(room=RoomInfo(name="#ops")), 0.0, 0.0)
    desk.model.rooms["#ops"].editor.insert("a draft")
    desk.chat.go = trio.Event()
    await desk.submit("/join #ops")
    await desk.press(Typed("now"))
    await wait_all_tasks_blocked()
    desk.chat.go.set()
    await wait_all_tasks_blocked()
    assert desk.model.room.name == "#ops"
    assert desk.model.room.editor.text == "now"
    await desk.press("C-_")
    assert desk.model.room.editor.text == "a draft"


async def test_a_text_typed_for_a_room_that_was_not_entered_is_asked_about(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.chat.closed = {"#closed"}
    desk.chat.go = trio.Event()
    await desk.submit("/join #closed")
    await desk.press(Typed("the secret"))
    await wait_all_tasks_blocked()
    desk.chat.go.set()
    await wait_all_tasks_blocked()
    await desk.press("Enter")
    await wait_all_tasks_blocked()
    assert desk.chat.asked == [("join", "#closed")]
    assert desk.model.notice == "You typed this for #closed. Enter once more sends it to #lobby."
    await desk.press("Enter")
    await wait_all_tasks_blocked()
    assert desk.chat.asked[1:] == [("send", "#lobby", "the secret")]


async def test_a_conversation_is_opened_and_begun_by_a_text(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    await desk.submit("/query eve")
    await wait_all_tasks_blocked()
    assert desk.shown("#lobby")[-1] == "You have no conversation with eve yet. Begin one: /query eve TEXT"
    await desk.press("C-u")
    await desk.submit("/query eve tea?")
    await wait_all_tasks_blocked()
    assert desk.model.place.room == CONVERSATION.name
    await desk.submit("/join #lobby")
    await wait_all_tasks_blocked()
    await desk.submit("/query EVE")
    await wait_all_tasks_blocked()
    assert desk.model.place.room == CONVERSATION.name
    assert [asked[0] for asked in desk.chat.asked] == ["send_to", "join"]


async def test_leaving_a_conversation_says_what_that_does(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    await desk.submit("/query eve tea?")
    await wait_all_tasks_blocked()
    await desk.submit("/leave")
    await wait_all_tasks_blocked()
    assert desk.model.place.room == "#lobby"
    assert desk.shown("#lobby")[-1] == (
        "You left the conversation with eve. The next message brings it back, with all that was said."
    )


async def test_a_room_that_was_made_by_a_slip_is_told_and_can_be_removed(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.model.take(Room(room=RoomInfo(name="#ops")), 0.0, 0.0)
    await desk.submit("/join #opss")
    await wait_all_tasks_blocked()
    assert desk.shown("#opss") == [
        "You made #opss: there was no such room. Did you mean #ops? /remove #opss deletes this one."
    ]
    await desk.submit("/remove #opss")
    await wait_all_tasks_blocked()
    assert desk.chat.asked[-1] == ("remove", "#opss")
    assert desk.model.place.room == "#lobby"


async def test_a_draft_from_before_stays_where_it_is(nursery: trio.Nursery) -> None:
    desk = QueueInLobby()
    nursery.start_soon(desk.real.run)
    desk.model.take(Invited(room="#plans", by="bob"), 0.0, 0.0)
    await desk.press(Typed("a draft"), "M-k", Typed("plans"), "Enter")
    await wait_all_tasks_blocked()
    assert desk.model.place.room == "#plans"
    assert desk.model.room.editor.text == ""
    assert desk.model.rooms["#lobby"].editor.text == "a draft"
