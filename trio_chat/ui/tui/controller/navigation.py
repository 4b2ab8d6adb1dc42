"""Going about, and the commands that only the full screen has: what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from trio_chat.protocol.query import BadQuery
from trio_chat.ui.actions.actions import SendRoom
from trio_chat.ui.commands.command import named_room
from trio_chat.ui.tui import keys
from trio_chat.ui.tui.controller.messages import Picked
from trio_chat.ui.tui.model.emoji import with_emoji
from trio_chat.ui.tui.model.finding import fuzzy, read_query
from trio_chat.ui.tui.model.panes import Choice, ListPane, TextPane
from trio_chat.ui.tui.model.room import POLICIES, Intent
from trio_chat.ui.tui.themes import THEMES


class Ordered(Picked):
    """Carries out going about and the full screen's own commands."""

    def go(self, name: str) -> None:
        """Go to a room, or begin to write to a person."""
        if name in self._model.rooms:
            self._window.doing.apply(self._model.look(name))
        else:
            self._editor.clear()
            self._editor.insert(f"@{name}: ")

    def choose(self, value: object) -> None:
        """Do what a row of a list stands for."""
        if isinstance(value, tuple):
            room, seq = value
            self._window.doing.jump(room, seq)
        elif isinstance(value, str):
            self.go(value)
        elif callable(value):  # more of what was found: the list stays
            self._model.pane = self._window.doing.found
            value()

    def _go_number(self, number: int) -> None:
        rooms = self._model.listed()
        if number <= len(rooms):
            self.go(rooms[number - 1].name)

    def _step(self, by: int) -> None:
        rooms = [room.name for room in self._model.listed()]
        at = rooms.index(self._room.name) if self._room.name in rooms else 0
        self.go(rooms[(at + by) % len(rooms)])

    def _next_attention(self) -> None:
        name = self._model.next_room()
        if name is None:
            self._complain("Nothing needs attention.")
        else:
            self.go(name)

    def _switcher(self) -> None:
        model = self._model

        def find_rooms(wanted: str) -> list[Choice]:
            labels = {("@" if room.direct else "") + model.label(room): room for room in model.listed()}
            rows = []
            for label in fuzzy(wanted, labels):
                room = labels[label]
                unread = f"  ({room.unread} unread)" if room.unread else ""
                rows.append(Choice(label + unread, "", room.name))
            known = {model.label(room) for room in labels.values() if room.direct}
            people = [name for name in model.place.people if name not in known]
            return rows + [Choice(f"write to {name}", "", name) for name in fuzzy(wanted, people)[:50]]

        model.pane = ListPane("switcher", "Go to", find_rooms)

    def _first_unread(self) -> None:
        room = self._room
        since, log = room.new_since, room.log
        if since is None:
            self._complain("Nothing is unread here.")
        elif not log.holds(since + 1):
            self._window.doing.reach(room.name, since)
        elif (first := log.first_said(since)) is not None:
            room.reveal = first.seq
        else:
            self._complain("Nothing is unread here.")

    def _all_read(self) -> None:
        self._window.doing.apply(self._model.read_all())
        self._model.notice = "all is read"

    def _newest(self) -> None:
        room = self._room
        room.bottom = None
        if not room.log.at_end:
            room.log.leave_stretch()
            self._window.doing.fetch(room.name, "newest")
        self._window.doing.apply(self._model.saw())

    def _cancel(self) -> None:
        room = self._room
        if room.intent is not None:
            if room.intent.what == "edit":
                self._editor.clear()
                self._editor.insert(room.intent.before)
            room.intent = None
        elif room.bottom is not None:
            self._newest()

    def _help(self) -> None:
        self._model.pane = TextPane("Keys and commands", keys.overview(self._bindings))

    def _toggle_quiet(self) -> None:
        attention = self._model.attention
        attention.quiet = not attention.quiet
        self._model.notice = "nothing calls you now" if attention.quiet else "you are called again"

    def _cmd_search(self, argument: str) -> None:
        if argument.casefold() == "more":
            self._more_found()
            return
        query = read_query(argument, self._room.name)
        if isinstance(query, BadQuery) and argument:
            self._complain(query.why)
            return
        if isinstance(query, BadQuery):
            self._editor.insert("/search ")
            self._model.notice = "write what to look for: words, from:NAME, in:ROOM, before:DAY, after:DAY, has:link"
            return
        pane = ListPane("search", f"Search: {argument}", lambda _wanted: [], typing=False)
        self._model.pane = pane
        self._window.doing.search(query, pane)

    def _more_found(self) -> None:
        """Show the last search again."""
        found = self._window.doing.found
        if found is None:
            self._complain("There is no search to go on with.")
        else:
            self._model.pane = found

    def _cmd_reply(self, argument: str) -> None:
        seq, text = self._which(argument)
        if seq is not None:
            self._room.intent = Intent("reply", seq)
        else:
            self._reply()
        intent = self._room.intent
        if text and intent is not None:
            self._room.intent = None
            self._window.doing.say(SendRoom(self._room.name, with_emoji(text)), intent.seq)

    def _nothing_said(self) -> str:
        """Why there is no message of one's own to work on."""
        return "Your message is not acknowledged yet." if self._room.pending else "You have said nothing here."

    def _cmd_edit(self, argument: str) -> None:
        seq, text = self._which(argument, own=True)
        entry = self._room.log.find(seq) if seq is not None else self._target(mine=True)
        if seq is not None and text:
            self._window.doing.edit(self._room.name, seq, with_emoji(text))
        elif entry is None:
            self._complain(self._nothing_said() if seq is None else f"Message {seq} is not on the screen.")
        elif argument and seq is None:
            self._window.doing.edit(self._room.name, entry.seq, with_emoji(argument))
        else:
            self._begin_edit(entry)

    def _cmd_delete(self, argument: str) -> None:
        seq, _ = self._which(argument)
        entry = self._target(mine=True)
        if seq is None and argument:
            self._complain("That names no message.")
        elif seq is None and entry is None:
            self._complain(self._nothing_said())
        else:
            self._room.selected = self._room.reveal = seq if entry is None or seq is not None else entry.seq
            self._ask_delete()

    def _cmd_react(self, argument: str, *, on: bool = True) -> None:
        seq, mark = self._which(argument)
        if seq is None or not mark:
            entry = self._target()
            seq, mark = (entry.seq if entry is not None else None), argument
        if seq is None or not mark:
            self._complain("Which mark?" if seq is not None else "There is no message here.")
        else:
            self._mark(seq, mark, on=on)

    def _cmd_context(self, argument: str) -> None:
        """Go to a message by its number, of this room or of another that one is in."""
        *before, word = argument.split() or [""]
        seq, _ = self._which(word)
        room = named_room(before[0] if before else "", self._model.place)
        if seq is None or room not in self._model.rooms:
            self._complain("Which message?" if seq is None else f"You are not in {room}.")
            return
        self.choose((room, seq))

    def _cmd_notify(self, argument: str) -> None:
        room = self._room
        if argument in POLICIES:
            room.policy = next(policy for policy in POLICIES if policy == argument)
        elif argument:
            self._complain(f"Write {', '.join(POLICIES)}.")
            return
        self._model.tell(
            f"In {self._model.label(room)}, what calls you: {self._model.attention.of(room)}.", time.time()
        )

    def _cmd_theme(self, argument: str) -> None:
        if argument and argument not in THEMES:
            self._complain(f"There is no theme {argument}; there are {', '.join(THEMES)}.")
        elif argument:
            self._window.use_theme(argument)
        else:
            self._model.tell(f"Themes: {', '.join(THEMES)}.", time.time())

    def _cmd_go(self, argument: str) -> None:
        wanted, direct = argument.removeprefix("@"), argument.startswith("@")
        labels = {self._model.label(room): room.name for room in self._model.listed() if room.direct or not direct}
        people = self._model.place.people
        if wanted and (found := fuzzy(wanted, labels)):
            self.go(labels[found[0]])
        elif wanted and (found := fuzzy(wanted, people)):
            self.go(found[0])
        else:
            self._switcher()

    _typed_commands: ClassVar[dict[str, Callable[[Ordered, str], None]]] = {
        "search": _cmd_search,
        "reply": _cmd_reply,
        "edit": _cmd_edit,
        "delete": _cmd_delete,
        "react": _cmd_react,
        "unreact": lambda self, argument: self._cmd_react(argument, on=False),
        "context": _cmd_context,
        "notify": _cmd_notify,
        "dnd": lambda self, _argument: self._toggle_quiet(),
        "theme": _cmd_theme,
        "go": _cmd_go,
        "copy": lambda self, _argument: self._copy_selected(),
        "keys": lambda self, _argument: self._help(),
    }
