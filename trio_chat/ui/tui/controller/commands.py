"""The typed commands that only the full screen has, or that do more here because a message can be selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from trio_chat.protocol.query import BadQuery
from trio_chat.ui.actions.actions import SendRoom
from trio_chat.ui.commands.command import named_room
from trio_chat.ui.commands.messages import split_which
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.controller.interfaces import ScreenOutput
from trio_chat.ui.tui.controller.messages import MessageActions
from trio_chat.ui.tui.controller.navigation import Navigation
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.emoji import with_emoji
from trio_chat.ui.tui.model.finding import read_query
from trio_chat.ui.tui.model.panes import ListPane
from trio_chat.ui.tui.model.room import POLICIES, RoomModel, read_policy
from trio_chat.ui.tui.model.themes import THEMES
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests


class ScreenCommands:
    """Runs the commands of :data:`~trio_chat.ui.tui.model.keys.COMMANDS`."""

    def __init__(
        self,
        model: ChatModel,
        queue: ActionQueue,
        requests: BackgroundRequests,
        screen: ScreenOutput,
        feedback: Feedback,
        navigation: Navigation,
        messages: MessageActions,
    ) -> None:
        self._model = model
        self._queue = queue
        self._requests = requests
        self._screen = screen
        self._feedback = feedback
        self._navigation = navigation
        self._messages = messages

    @property
    def _room(self) -> RoomModel:
        return self._model.room

    def __contains__(self, name: object) -> bool:
        return name in self.commands

    def run(self, name: str, argument: str) -> None:
        """Run a command. Raises :class:`~trio_chat.errors.NotDone` when it names a message that there is not."""
        self.commands[name](self, argument)

    # ---- searching -----------------------------------------------------------------------------

    def search(self, argument: str) -> None:
        """Open the results of a search; without an argument, begin to type one."""
        if argument.casefold() == "more":
            self._show_last_results()
            return
        query = read_query(argument, self._room.name)
        if isinstance(query, BadQuery) and argument:
            self._feedback.complain(query.why)
        elif isinstance(query, BadQuery):
            self._room.editor.put("/search ")
            self._feedback.notice("type words, from:NAME, in:ROOM, before:WHEN, after:WHEN, has:link, has:file")
        else:
            pane = ListPane("search", f"Search: {argument}", lambda _typed: [], typing=False)
            self._model.pane = pane
            self._requests.search(query, pane)

    def _show_last_results(self) -> None:
        if self._requests.results is None:
            self._feedback.complain("There is no search to continue.")
        else:
            self._model.pane = self._requests.results

    def _context(self, argument: str) -> None:
        """Go to a message of this room, or of another room that the person is in."""
        *before, word = argument.split() or [""]
        which, _ = split_which(word)
        room = named_room(before[0] if before else "", self._model.place)
        if which is None:
            self._feedback.complain("Which message?")
        elif room not in self._model.rooms:
            self._feedback.complain(f"You are not in {room}.")
        else:
            self._navigation.choose((room, self._messages.number_of(which)))

    # ---- messages ------------------------------------------------------------------------------

    def _reply(self, argument: str) -> None:
        which, text = split_which(argument)
        if which is not None:
            self._messages.reply_to(self._messages.number_of(which))
        else:
            self._messages.reply()
        intent = self._room.intent
        if text and intent is not None:
            self._room.intent = None
            self._queue.say(SendRoom(self._room.name, with_emoji(text)), intent.seq)

    def _edit(self, argument: str) -> None:
        which, text = split_which(argument, own=True)
        entry = self._messages.target(mine=True) if which is None else None
        seq = self._messages.number_of(which) if which is not None else entry.seq if entry is not None else None
        if seq is None:
            self._feedback.complain(self._no_own_message())
        elif text:
            self._messages.edit(seq, text)
        elif (entry := entry or self._messages.find(seq)) is not None:
            self._messages.begin_edit(entry)
        else:
            self._feedback.complain(f"Message {seq} is not loaded.")

    def _no_own_message(self) -> str:
        return "Your message is not acknowledged yet." if self._room.pending else "You have said nothing here."

    def _delete(self, argument: str) -> None:
        which, _ = split_which(argument)
        entry = self._messages.target(mine=True)
        if which is not None:
            self._messages.ask_delete(self._messages.number_of(which))
        elif argument:
            self._feedback.complain("That names no message.")
        elif entry is None:
            self._feedback.complain(self._no_own_message())
        else:
            self._messages.ask_delete(entry.seq)

    def _react(self, argument: str, *, on: bool = True) -> None:
        which, reaction = split_which(argument)
        if which is not None and reaction:
            seq = self._messages.number_of(which)
        else:
            entry, reaction = self._messages.target(), argument  # a number alone is a reaction, as in /react 100
            if entry is None:
                self._feedback.complain("There is no message here.")
                return
            seq = entry.seq
        if reaction:
            self._messages.react(seq, reaction, on=on)
        else:
            self._feedback.complain("Which emoji?")

    # ---- the screen itself ---------------------------------------------------------------------

    def _notify(self, argument: str) -> None:
        room, policy = self._room, read_policy(argument)
        if argument and policy is None:
            self._feedback.complain(f"Write {', '.join(POLICIES)}.")
            return
        room.policy = policy or room.policy
        self._feedback.tell(f"Notifications in {self._model.label(room)}: {self._model.attention.of(room)}.")

    def _theme(self, argument: str) -> None:
        if argument and argument not in THEMES:
            self._feedback.complain(f"There is no theme {argument}; there are {', '.join(THEMES)}.")
        elif argument:
            self._screen.use_theme(argument)
        else:
            self._feedback.tell(f"Themes: {', '.join(THEMES)}.")

    commands: ClassVar[dict[str, Callable[[ScreenCommands, str], None]]] = {
        "search": search,
        "reply": _reply,
        "edit": _edit,
        "delete": _delete,
        "react": _react,
        "unreact": lambda self, argument: self._react(argument, on=False),
        "context": _context,
        "notify": _notify,
        "dnd": lambda self, _argument: self._navigation.toggle_quiet(),
        "theme": _theme,
        "go": lambda self, argument: self._navigation.find(argument),
        "copy": lambda self, _argument: self._messages.copy(),
        "keys": lambda self, _argument: self._navigation.show_help(),
    }
