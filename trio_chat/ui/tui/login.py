"""The conversation that the full screen shows: it begins, goes on over lost connections, and is asked about.

Where the server refuses a name or a password the person is asked for another one, and where it ends the chat,
whether to try again; a question lies over the conversation until they answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from trio_chat.client.events import Disconnected, Reconnected
from trio_chat.errors import ChatError, NotAdmitted, Refused
from trio_chat.protocol import events
from trio_chat.ui.actions.actions import room_info
from trio_chat.ui.tui.model.panes import Question
from trio_chat.ui.tui.options import Dial, Proof
from trio_chat.ui.tui.tasks import ActionQueue

if TYPE_CHECKING:
    from trio_chat.client import Chat

_NAME_REFUSED: Final = frozenset({"name_taken", "name_lookalike", "name_invalid", "name_reserved"})
_OWNED: Final = frozenset({"name_owned", "wrong_account_password"})
_PASSWORD_REFUSED: Final = frozenset({"wrong_password", "password_needed"})

Refusal: TypeAlias = ChatError | events.Closing | None


class Conversing:
    """Keeps a conversation with a server. ``show`` has the screen drawn; ``room`` is where to go at first."""

    def __init__(
        self, dial: Dial, proof: Proof, room: str | None, doing: ActionQueue, show: Callable[..., None]
    ) -> None:
        self._dial = dial
        self._proof = proof
        self._room = room
        self._doing = doing
        self._model = doing.model
        self._show = show
        self._answers, self._answered = trio.open_memory_channel[str | None](1)

    def __repr__(self) -> str:
        return f"<Conversing as {self._proof.name!r}, {self._model.connection.state}>"

    async def run(self) -> str:
        """Converse until the person leaves a question unanswered; returns why it had been asked, as a sentence.

        Raises what the first connection raises (:class:`~trio_chat.errors.Unreachable` and the like).
        """
        while True:
            refusal: Refusal = None
            try:
                async with self._dial(self._proof, self._still_waiting) as chat:
                    await self._hold(chat)
                    refusal = chat.ended
                    self._proof = self._proof._replace(name=chat.name)
            except NotAdmitted as error:
                refusal = error
            self._doing.chat = None
            proof = await self._ask_for_proof(refusal)
            if proof is None:
                return _sentence(refusal)
            self._proof = proof
            self._model.connection.state = "connecting"
            await trio.lowlevel.checkpoint()

    # ---- asking the person ---------------------------------------------------------------------

    async def _ask_for_proof(self, refusal: Refusal) -> Proof | None:
        """Who to be at the next try; ``None``: there is to be none."""
        code = refusal.code if isinstance(refusal, Refused | events.Closing) else ""
        proof = self._proof
        if code in _PASSWORD_REFUSED:
            said = await self._ask("password", "Password", refusal, "Password", secret=True)
            return None if said is None else proof._replace(password=said)
        if code in _OWNED and isinstance(refusal, Refused | events.Closing):
            why = f"{refusal.message} If it is yours, write its own password; else press Enter alone, for another name."
            own = await self._ask("password", "The name's password", why, "Its password", secret=True)
            if own != "":
                return None if own is None else proof._replace(account_password=own)
        if code in _OWNED | _NAME_REFUSED:
            name = await self._ask("name", "Another name", refusal, "Name")
            return None if name is None else proof._replace(name=name, account_password=None)
        return proof if await self._ask("ended", "The chat is over", refusal) == "Enter" else None

    async def _ask(self, purpose: str, title: str, why: object, asks: str = "", *, secret: bool = False) -> str | None:
        keys = () if asks else (("Enter", "try again"), ("Esc", "leave"))
        self._model.pane = Question(purpose, title, (_sentence(why) or "The connection ended.",), keys, asks, secret)
        self._model.connection.state = "not connected"
        self._show(at_once=True)
        return await self._answered.receive()

    def answer(self, text: str | None) -> None:
        """What the person said to what was asked; ``None`` for nothing."""
        with suppress(trio.WouldBlock):
            self._answers.send_nowait(text)

    # ---- the connection ------------------------------------------------------------------------

    def _still_waiting(self, error: ChatError, seconds: float) -> None:
        connection = self._model.connection
        connection.state, connection.reason = "waiting for the server", str(error)
        connection.retry_at = trio.current_time() + seconds
        self._show()

    async def _hold(self, chat: Chat) -> None:
        """Take events until the connection is over for good."""
        model, doing = self._model, self._doing
        doing.chat = chat
        if self._room is not None and self._room not in chat.rooms:
            try:
                model.place.room = (await chat.join(self._room)).name
            except Refused as error:
                model.tell(str(error), time.time(), error=True)
        self._enter(chat)
        model.greet(chat.welcome, time.time())
        async for event in chat:
            if isinstance(event, Reconnected):
                model.place.take(event)
                if event.anew:
                    model.begin_anew()
                self._enter(chat)
            else:
                doing.apply(model.take(event, trio.current_time(), time.time()))
            self._show(at_once=isinstance(event, Disconnected))

    def _enter(self, chat: Chat) -> None:
        told = {info.name: info for info in chat.welcome.rooms}
        infos = [told.get(room.name) or room_info(room) for room in chat.rooms.values()]
        model = self._model
        model.most_text = chat.welcome.limits.text
        self._doing.apply(model.enter(chat.name, chat.welcome.lobby, infos, trio.current_time(), time.time()))
        self._show(at_once=True)

    def look(self) -> None:
        """Take over what the connection knows by itself: how fast it is, how far it has caught up."""
        chat, connection = self._doing.chat, self._model.connection
        if chat is None:
            return
        connection.latency = chat.latency
        missing = sum(room.last - room.seen for room in chat.rooms.values() if room.catching_up)
        connection.missing_at_first = max(connection.missing_at_first, missing) if missing else 0
        connection.missing = missing


def _sentence(why: object) -> str:
    if isinstance(why, events.Closing):
        return f"{why.message} {why.advice}".rstrip()
    return str(why) if why is not None else ""
