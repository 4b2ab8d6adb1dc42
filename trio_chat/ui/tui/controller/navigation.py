"""Moving between rooms and within a room: the switcher, unread messages, scrolling, search results."""

from __future__ import annotations

from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.actions import JoinRoom
from trio_chat.ui.model.fuzzy import fuzzy
from trio_chat.ui.model.sentences import not_in
from trio_chat.ui.tui.controller.feedback import Feedback
from trio_chat.ui.tui.controller.interfaces import ScreenOutput
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Choice, ListPane, ShowMore, TextPane
from trio_chat.ui.tui.session.action_queue import ActionQueue
from trio_chat.ui.tui.session.background import BackgroundRequests

_MOST_PEOPLE = 50  # people that the switcher offers
_MOST_ROOMS = 20  # rooms to join that it offers


class Navigation:
    """Changes the room and the part of the log that is visible."""

    def __init__(
        self,
        model: ChatModel,
        requests: BackgroundRequests,
        screen: ScreenOutput,
        feedback: Feedback,
        bindings: keys.Bindings,
        queue: ActionQueue,
    ) -> None:
        self._queue = queue
        self._model = model
        self._requests = requests
        self._screen = screen
        self._feedback = feedback
        self._bindings = bindings

    # ---- rooms ---------------------------------------------------------------------------------

    def go(self, name: str) -> None:
        """Show a room, or begin a message to a person."""
        if name in self._model.rooms:
            self._requests.apply(self._model.look(name))
        elif name[:1] in {"#", "@"}:  # a room that was in the list when it was opened
            self._feedback.complain(not_in(name))
        else:
            editor = self._model.room.editor
            editor.clear()
            editor.put(f"@{name}: ")

    def choose(self, value: object) -> None:
        """Do what a row of a list stands for: a message, a room or person, a room to join, or more results."""
        if isinstance(value, tuple):
            room, seq = value
            self._requests.jump(room, seq)
        elif isinstance(value, str):
            self.go(value)
        elif isinstance(value, JoinRoom):
            self._queue.act(value)
        elif isinstance(value, ShowMore):  # the list stays
            self._model.pane = self._requests.results
            value.fetch()
        elif callable(value):
            value()

    def go_number(self, number: int) -> None:
        """Show the room with this number, which stays the same until the room is left."""
        name = next((room.name for room in self._model.rooms.values() if room.number == number), None)
        if name is not None:
            self.go(name)

    def step(self, by: int) -> None:
        """Show the room this many places further down in the list."""
        rooms = [room.name for room in self._model.listed()]
        current = self._model.room.name
        if not rooms:
            return
        at = rooms.index(current) if current in rooms else 0
        self.go(rooms[(at + by) % len(rooms)])

    def next_attention(self) -> None:
        """Show the next room that needs attention, or return to the room before."""
        name = self._model.next_room()
        if name is None:
            self._feedback.complain("Nothing needs attention.")
        else:
            self.go(name)

    def open_switcher(self) -> None:
        """Open the list of rooms and people."""
        model = self._model

        def find_rooms(typed: str) -> list[Choice]:
            labels = {("@" if room.direct else "") + model.label(room): room for room in model.listed()}
            rows = []
            for label in fuzzy(typed, labels):
                room = labels[label]
                unread = f"  ({room.unread} unread)" if room.unread else ""
                rows.append(Choice(label + unread, "", room.name))
            known = {model.label(room) for room in labels.values() if room.direct}
            people = [name for name in model.place.people if name not in known]
            others = fuzzy(typed, model.place.enterable)[:_MOST_ROOMS]
            rows += [Choice(f"join {clean_line(name)}", "", JoinRoom(name)) for name in others]
            return rows + [Choice(f"write to {name}", "", name) for name in fuzzy(typed, people)[:_MOST_PEOPLE]]

        model.pane = ListPane("switcher", "Go to", find_rooms)

    def find(self, typed: str) -> None:
        """Show the room or person whose name fits the typed letters best; without letters, open the switcher."""
        letters, direct = typed.removeprefix("@"), typed.startswith("@")
        labels = {self._model.label(room): room.name for room in self._model.listed() if room.direct or not direct}
        if letters and (found := fuzzy(letters, labels)):
            self.go(labels[found[0]])
        elif letters and (found := fuzzy(letters, self._model.place.people)):
            self.go(found[0])
        else:
            self.open_switcher()

    # ---- the visible part of the log -----------------------------------------------------------

    def scroll(self, rows: int) -> None:
        """Scroll back by this many rows; a negative number scrolls forward."""
        self._screen.scroll(rows)
        self._scrolled(back=rows > 0)

    def scroll_pages(self, pages: int) -> None:
        """Scroll back by this many pages; a negative number scrolls forward."""
        self._screen.scroll_pages(pages)
        self._scrolled(back=pages > 0)

    def _scrolled(self, *, back: bool) -> None:
        room = self._model.room
        room.asked = room.asked or back
        if room.following:
            self._requests.apply(self._model.saw())

    def show_first_unread(self) -> None:
        """Show the first unread message of the room."""
        room = self._model.room
        since, log = room.new_since, room.log
        if since is None:
            self._feedback.complain("Nothing is unread here.")
        elif not log.holds(since + 1):
            self._requests.reach(room.name, since)
        elif (first := log.first_said(since)) is not None:
            room.reveal = first.seq
        else:
            self._feedback.complain("Nothing is unread here.")

    def show_newest(self) -> None:
        """Return to the newest message of the room."""
        room = self._model.room
        room.bottom = None
        if not room.log.at_end:
            room.log.leave_stretch()
            self._requests.fetch(room.name, "newest")
        self._requests.apply(self._model.saw())

    def mark_all_read(self) -> None:
        """Mark every message of every room as read."""
        self._requests.apply(self._model.read_all())
        self._feedback.notice("all messages are marked as read")

    # ---- help, quiet ---------------------------------------------------------------------------

    def show_help(self) -> None:
        """Show the keys and commands."""
        self._model.pane = TextPane("Keys and commands", keys.overview(self._bindings))

    def toggle_quiet(self) -> None:
        """Turn do-not-disturb on or off."""
        attention = self._model.attention
        attention.quiet = not attention.quiet
        self._feedback.notice("notifications off" if attention.quiet else "notifications on")
