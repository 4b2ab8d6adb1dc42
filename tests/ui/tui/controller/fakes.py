"""A controller without a terminal and without a server: the screen and the session only note what is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.ui.file_jobs.standin import at_once
from tests.ui.followed import FollowedModel
from trio_chat.output import Control
from trio_chat.protocol.events import Message, RoomInfo
from trio_chat.ui.actions.actions import Action, SendRoom
from trio_chat.ui.input.decoder import Key, Press, Typed
from trio_chat.ui.tui.controller.controller import Controller
from trio_chat.ui.tui.controller.interfaces import DrawnScreen
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Pane
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.files import ScreenFiles


@dataclass
class FakeScreen:
    """Notes the calls of :class:`~trio_chat.ui.tui.controller.interfaces.ScreenOutput`."""

    calls: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    selection: tuple[tuple[int, int], tuple[int, int]] | None = None
    drawn: DrawnScreen | None = None

    def write(self, sequence: Control) -> None:
        self.written.append(sequence)

    def repaint(self) -> None:
        self.calls.append("repaint")

    def scroll(self, rows: int) -> None:
        self.calls.append(f"scroll {rows}")

    def scroll_pages(self, pages: int) -> None:
        self.calls.append(f"pages {pages}")

    def toggle_rooms(self) -> None:
        self.calls.append("rooms")

    def toggle_people(self) -> None:
        self.calls.append("people")

    def use_theme(self, name: str) -> None:
        self.calls.append(f"theme {name}")


@dataclass
class FakeSession:
    """Notes the calls of :class:`~trio_chat.ui.tui.controller.interfaces.SessionControl`."""

    calls: list[str] = field(default_factory=list)

    def remember_line(self, text: str) -> None:
        self.calls.append(f"line {text}")

    def answer_login(self, text: str | None) -> None:
        self.calls.append(f"answer {text}")

    def end(self, status: int, farewell: str = "") -> None:
        self.calls.append(f"end {status}{farewell}")

    def leave_soon(self) -> None:
        self.calls.append("leave soon")

    async def leave(self) -> None:
        self.calls.append("leave")

    async def suspend(self) -> None:
        self.calls.append("suspend")

    async def edit_outside(self) -> None:
        self.calls.append("edit outside")


class NotingQueue(ActionQueue):
    """A queue whose actions are never carried out."""

    def __init__(self, model: ChatModel, requests: BackgroundRequests) -> None:
        super().__init__(model, requests, lambda: None)
        self.actions: list[Action | tuple[SendRoom, int | None]] = []

    def act(self, action: Action, give_back: Callable[[], None] = lambda: None) -> None:
        del give_back
        self.actions.append(action)

    def say(self, action: SendRoom, reply_to: int | None) -> None:
        self.actions.append((action, reply_to))


class Desk:
    """Ada in #lobby, at a controller with fakes around it. Message 1 is hers, message 2 is bob's."""

    def __init__(self) -> None:
        self.model = FollowedModel()
        self.model.begin(RoomInfo(name="#lobby", last=2, read=2))
        self.model.room.fetching = ""
        time = "2026-01-31T12:00:00.000Z"
        for seq, sender in ((1, "ada"), (2, "bob")):
            event = Message(room="#lobby", seq=seq, time=time, sender=sender, cid="", text=f"from {sender}")
            self.model.take(event, 0.0, 0.0)
        self.screen, self.session = FakeScreen(), FakeSession()
        self.requests = requests = BackgroundRequests(self.model, lambda: None, lambda _call: None)
        self.queue = NotingQueue(self.model, requests)
        self.files = ScreenFiles(self.model, requests, lambda: None, at_once)
        self.controller = Controller(
            self.model, self.queue, requests, self.screen, self.session, keys.bind({}), self.files
        )

    @property
    def pane(self) -> Pane | None:
        """The open pane."""
        return self.model.pane

    async def press(self, *pressed: Key | str) -> None:
        """Press keys; a string is a key's name."""
        for key in pressed:
            await self.controller.press(Press(key) if isinstance(key, str) else key)

    async def submit(self, line: str) -> None:
        """Type a line and press Enter."""
        await self.press(Typed(line), "Enter")
