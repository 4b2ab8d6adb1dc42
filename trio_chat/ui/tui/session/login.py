"""The full screen's connection: it logs in, hands events to the model, and asks the person when it is refused.

:mod:`trio_chat.ui.login` decides what is asked; here each question becomes a pane over the conversation. When the chat
ends for good, a pane offers another try.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.client.events import Disconnected, Reconnected
from trio_chat.errors import ChatError, NotAdmitted, Refused
from trio_chat.ui.login import ENDED, Login, LoginState, Reason
from trio_chat.ui.model.sentences import made_room
from trio_chat.ui.room_logs import RoomLogs
from trio_chat.ui.tui.model.panes import Question
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.options import Dial

if TYPE_CHECKING:
    from pathlib import Path

    from trio_chat.client import Chat


_MISSED_PAGE: Final = 500
_MISSED_PAGES: Final = 20
"""Events of a page, and pages of a room, that are fetched for its log: ten thousand events take some seconds."""


class ScreenConnection:
    """Keeps the full screen connected. ``show`` redraws the screen; ``room`` is the room to enter first. ``logs`` is
    the directory for the logs of the rooms, if there are to be any. ``met`` is called when a chat begins: by then it is
    known which server answers. ``begun`` is called when its rooms are shown. ``entered`` is called when the person is
    let in. ``notices`` are shown then, and in each question before."""

    def __init__(  # noqa: PLR0913 - one place makes it, and names all but the first five
        self,
        dial: Dial,
        login: Login,
        room: str | None,
        requests: BackgroundRequests,
        show: Callable[..., None],
        *,
        logs: Path | None = None,
        entered: Callable[[Chat], Awaitable[str]] | None = None,
        met: Callable[[], None] | None = None,
        begun: Callable[[], None] = lambda: None,
        notices: list[str] | None = None,
    ) -> None:
        self._dial = dial
        self._login = login
        self._room = room
        self._requests = requests
        self._model = requests.model
        self._show = show
        self._log_directory = logs
        self._entered = entered
        self._met = met
        self._begun = begun
        self._notices = [] if notices is None else notices
        self._logs: RoomLogs | None = None
        self._send_answer, self._answers = trio.open_memory_channel[str | None](1)

    def __repr__(self) -> str:
        return f"<ScreenConnection as {self._login.credentials.name!r}, {self._model.connection.state}>"

    async def run(self) -> str:
        """Log in and take events until the person gives up; return the reason why the chat was over, as a sentence.

        Raises what the first connection raises (:class:`~trio_chat.errors.Unreachable` and the like).
        """
        while True:
            why: Reason = None
            try:
                async with self._dial(self._login.credentials, self._still_waiting) as chat:
                    if self._met is not None:
                        self._met()
                    await self._take_events(chat)
                    why = chat.ended
                    self._login = self._login.connected(chat.name)
            except NotAdmitted as error:
                why = error
            self._requests.chat = None
            self._login = await self._ask(self._login.refused(why), why)
            if self._login.state is ENDED:
                return self._login.reason
            self._model.connection.state = "connecting"
            await trio.lowlevel.checkpoint()

    # ---- asking the person ---------------------------------------------------------------------

    async def _ask(self, login: Login, why: Reason) -> Login:
        """Ask until the login can be tried again, or the person leaves."""
        question = login.question
        if question is None:
            keys = (("Enter", "try again"), ("Esc", "leave"))
            title = "You were not let in" if isinstance(why, NotAdmitted) else "The chat has ended"
            pane = Question("ended", title, (login.reason,), keys)
            return login.again() if await self._answer_to(pane) == "Enter" else login
        while question is not None:
            purpose = "name" if login.state is LoginState.ASKING_NAME else "password"
            lines = (question.reason, *self._notices)  # a secret is typed after the person has seen which server asks
            pane = Question(purpose, question.title, lines, asks=question.prompt, secret=question.secret)
            login = login.answered(await self._answer_to(pane))
            question = login.question
        return login

    async def _answer_to(self, pane: Question) -> str | None:
        """Show a question and wait for its answer; ``None`` when the person left it."""
        self._model.pane = pane
        self._model.connection.state = "not connected"
        self._show(at_once=True)
        return await self._answers.receive()

    def answer(self, text: str | None) -> None:
        """Take the person's answer to the question that is shown; ``None`` when they left it."""
        with suppress(trio.WouldBlock):
            self._send_answer.send_nowait(text)

    # ---- the connection ------------------------------------------------------------------------

    def _still_waiting(self, error: ChatError, seconds: float) -> None:
        connection = self._model.connection
        connection.state, connection.reason = "waiting for the server", str(error)
        connection.retry_at = trio.current_time() + seconds
        self._show()

    async def _take_events(self, chat: Chat) -> None:
        """Hand events to the model until the chat ends for good."""
        model, requests = self._model, self._requests
        requests.chat = chat
        if self._log_directory is not None and self._logs is None:
            self._logs = RoomLogs(self._log_directory, chat.url)
        if self._room is not None and self._room not in chat.rooms:
            try:
                view = await chat.join(self._room)
                model.place.room = view.name
                if view.made:
                    model.tell(made_room(view.name, chat.rooms), time.time())
            except Refused as error:
                model.tell(str(error), time.time(), error=True)
        self._enter(chat)
        self._greet(chat)
        self._begun()
        if self._entered is not None:
            entered, self._entered = self._entered, None
            model.tell(await entered(chat), time.time())
            self._show()
        if self._logs is not None:
            await self._log_missed(chat, self._logs)
        async for event in chat:
            if isinstance(event, Reconnected):
                model.place.take(event)
                if event.anew:
                    model.begin_anew()
                self._enter(chat)
            else:
                requests.apply(model.take(event, trio.current_time(), time.time()))
            if self._logs is not None and (trouble := self._logs.take(event, hidden=model.place.ignored.hides(event))):
                model.tell(trouble, time.time(), error=True)
            self._show(at_once=isinstance(event, Disconnected))

    def _greet(self, chat: Chat) -> None:
        self._model.greet(chat.welcome, time.time())
        while self._notices:
            self._model.tell(self._notices.pop(0), time.time())

    async def _log_missed(self, chat: Chat, logs: RoomLogs) -> None:
        """Put what was said since the last run into the logs, before anything newer gets there."""
        hides = self._model.place.ignored.hides
        with suppress(ChatError):  # a log then says how much is missing
            for name, room in list(chat.rooms.items()):
                after = logs.last(name)
                for _ in range(_MISSED_PAGES):
                    if after is None or after >= room.last:
                        break
                    page = await chat.history(name, after=after, limit=_MISSED_PAGE)
                    for event in page.events:
                        logs.take(event, hidden=hides(event))
                    after = page.events[-1].seq if page.events and page.more else None

    def _enter(self, chat: Chat) -> None:
        model = self._model
        model.most_text = chat.welcome.limits.text
        accounts, lobby = chat.accounts, chat.welcome.lobby
        self._requests.apply(model.enter(accounts, lobby, chat.rooms, trio.current_time(), time.time()))
        self._requests.ask_rooms()
        self._show(at_once=True)

    def look(self) -> None:
        """Copy the latency, and how far each room has caught up, from the chat to the model."""
        chat, connection = self._requests.chat, self._model.connection
        if chat is None:
            return
        connection.latency = chat.latency
        missing = sum(room.last - room.seen for room in chat.rooms.values() if room.catching_up)
        connection.missing_at_first = max(connection.missing_at_first, missing) if missing else 0
        connection.missing = missing
