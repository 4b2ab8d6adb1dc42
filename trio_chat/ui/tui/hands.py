"""What keys and the mouse do: from a key to the model, to the editor, or to what has to be asked of the server.

Whatever lies over the conversation takes keys first, then a selected message, then the input. What a key means in
each of these is in the table of :mod:`trio_chat.ui.tui.keys`; here each command's name has its method.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from trio_chat.protocol.addressing import Command, parse
from trio_chat.protocol.events import Error
from trio_chat.ui.actions import Note, Quit, SendRoom
from trio_chat.ui.commands import find, interpret
from trio_chat.ui.editing import Editor, Submitted, Wanted, printable
from trio_chat.ui.keys import Key, Pasted, Press, Typed
from trio_chat.ui.tui import keys
from trio_chat.ui.tui.layout import links
from trio_chat.ui.tui.model.completing import complete_here
from trio_chat.ui.tui.model.emoji import EMOJI, mark_of, with_emoji
from trio_chat.ui.tui.model.finding import fuzzy, read_query
from trio_chat.ui.tui.model.log import Entry
from trio_chat.ui.tui.model.panes import Answered, Choice, Chosen, ListPane, Pressed, Question, TextPane
from trio_chat.ui.tui.model.room import POLICIES, Intent
from trio_chat.ui.tui.speaking import BELL, MouseEvent, copied
from trio_chat.ui.tui.themes import THEMES

if TYPE_CHECKING:
    from trio_chat.ui.tui.app import FullScreen
    from trio_chat.ui.tui.model.chat import ChatModel
    from trio_chat.ui.tui.model.room import RoomModel

_LONG_LINES, _LONG_TEXT = 5, 1500
"""A paste of more lines, or characters, than these is asked about before it goes into the input."""
_WHEEL: Final = 3
_QUESTION_MARK: Final = "?"


class Hands:
    """Does what keys and the mouse say."""

    def __init__(self, app: FullScreen, bindings: keys.Bindings) -> None:
        self._app = app
        self._bindings = bindings
        self._prefix = ""
        self._pasted = ""
        self._span: int | None = None
        self._drag: tuple[int, int] | None = None
        self.selection: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._listed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Hands{' after ' + self._prefix if self._prefix else ''}>"

    @property
    def _model(self) -> ChatModel:
        return self._app.model

    @property
    def _room(self) -> RoomModel:
        return self._app.model.room

    @property
    def _editor(self) -> Editor:
        return self._app.model.room.editor

    # ---- keys ----------------------------------------------------------------------------------

    async def press(self, key: Key) -> None:
        """Do what a key does."""
        self._model.notice = ""
        if isinstance(key, Press) and key.name in {"FocusIn", "FocusOut"}:
            self._model.attention.focused = key.name == "FocusIn"
            self._app.doing.apply(self._model.saw())
        elif self._model.pane is not None:
            await self._press_pane(key)
        elif self._room.selected is not None:
            await self._press_message(key)
        else:
            await self._press_input(key)

    async def _press_input(self, key: Key) -> None:
        editor = self._editor
        if isinstance(key, Pasted):
            self._paste(printable(key.text))
            return
        if editor.search is not None and not self._prefix:
            await self._outcome(editor.press(key))
            return
        if isinstance(key, Typed):
            if self._prefix:
                await self._named(f"{self._prefix} {key.text}")
            elif key.text == _QUESTION_MARK and not editor.text:
                self._help()
            else:
                await self._outcome(editor.insert(key.text, typed=True))
                self._say_typing()
            return
        await self._named(f"{self._prefix} {key.name}" if self._prefix else key.name)

    async def _named(self, name: str) -> None:
        self._prefix = ""
        if self._bindings.begins("input", name):
            self._prefix = name
            self._model.notice = f"{keys.shown(name)} -"
            return
        command = self._bindings.command("input", name)
        if command is None:
            return
        if command != "complete":
            self._listed = ()
        if command in Editor.commands and command != "submit":
            await self._outcome(self._editor.run(command))
        elif command.startswith("room-") and command[5:].isdigit():
            self._go_number(int(command[5:]))
        elif command == "external-editor":
            await self._app.edit_outside()
        else:
            self._commands[command](self)

    async def _outcome(self, outcome: object) -> None:
        match outcome:
            case Submitted(text):
                self._submit(text)
            case Wanted("leave"):
                await self._app.leave()
            case Wanted("interrupt"):
                self._app.end(130)
            case Wanted("suspend"):
                await self._app.suspend()
            case Wanted("redraw"):
                self._app.repaint()
            case Wanted("complete"):
                self._complete()
            case Wanted("bell"):
                self._app.say(BELL)

    def _say_typing(self) -> None:
        room, text = self._room, self._editor.text
        if text and not text.startswith("/") and "@" not in text and room.intent is None:
            self._app.doing.typing(room.name)

    # ---- pasting -------------------------------------------------------------------------------

    def _paste(self, text: str) -> None:
        if text.count("\n") < _LONG_LINES and len(text) <= _LONG_TEXT:
            self._editor.insert(text)
            return
        self._pasted = text
        lines = text.count("\n") + 1
        first = text.lstrip().split("\n", 1)[0]
        self._model.pane = Question(
            "paste", "A long paste", (f"{lines} lines, {len(text)} characters, that begin with:", f"  {first[:200]}"),
            (("Enter", "put it in the input"), ("s", "send it as it is"), ("Esc", "forget it")),
        )

    # ---- panes ---------------------------------------------------------------------------------

    async def _press_pane(self, key: Key) -> None:
        pane = self._model.pane
        assert pane is not None  # noqa: S101 - the caller looked
        if isinstance(key, Pasted) and isinstance(pane, Question) and pane.purpose == "paste":
            self._paste(self._pasted + printable(key.text))
            return
        if isinstance(key, Press) and key.name == "C-z":
            await self._app.suspend()
            return
        command = self._bindings.command("list", key.name) if isinstance(key, Press) else None
        if isinstance(pane, Question) and pane.asks and command == "choose":
            command = None
        result = pane.press(key, command)
        if result is None:
            return
        self._model.pane = None
        if isinstance(pane, Question):
            self._answered(pane, result)
        elif isinstance(result, Chosen):
            self._chosen(result.value)
        elif isinstance(result, Pressed) and result.key == _QUESTION_MARK:
            self._editor.insert(_QUESTION_MARK, typed=True)

    def _answered(self, pane: Question, result: object) -> None:
        if pane.purpose == "paste":
            text, self._pasted = self._pasted, ""
            if isinstance(result, Pressed):
                self._editor.insert(text)
                if result.key == "s":
                    self._enter()
        elif pane.purpose == "react" and isinstance(result, Answered):
            self._react(result.text)
        elif pane.purpose == "delete" and isinstance(result, Pressed):
            self._delete_selected()
        elif pane.purpose in {"name", "password", "ended"}:
            self._app.answer(result.text if isinstance(result, Answered) else result.key if isinstance(result, Pressed) else None)

    def _chosen(self, value: object) -> None:
        if isinstance(value, tuple):
            room, seq = value
            self._app.doing.jump(room, seq)
            self._app.reveal = seq
        elif isinstance(value, str):
            self._go(value)

    # ---- a selected message --------------------------------------------------------------------

    async def _press_message(self, key: Key) -> None:
        if isinstance(key, Pasted):
            self._room.selected = None
            self._paste(printable(key.text))
            return
        if isinstance(key, Press) and key.name == "C-z":
            await self._app.suspend()
            return
        names = (key.name,) if isinstance(key, Press) else tuple(key.text)
        for at, name in enumerate(names):
            command = self._bindings.command("message", name) if self._room.selected is not None else None
            if command is None:  # nothing of a message's: it is for the input
                self._leave_message()
                await self._press_input(key if isinstance(key, Press) else Typed(key.text[at:]))
                return
            self._message_commands[command](self)
            if self._model.pane is not None and isinstance(key, Typed) and key.text[at + 1 :]:
                await self._press_pane(Typed(key.text[at + 1 :]))
                return

    def _selected(self) -> Entry | None:
        room = self._room
        return room.log.find(room.selected) if room.selected is not None else None

    def _target(self, *, mine: bool | None = None) -> Entry | None:
        """The message selected, else the last one; ``mine``: the last of one's own, or of somebody else."""
        entry = self._selected()
        if entry is None:
            entry = next((one for one in reversed(self._room.log.entries) if one.said and not one.local and not one.deleted and (
                mine is None or (one.sender == self._model.me) == mine)), None)
        return entry

    def _move(self, by: int) -> None:
        """Select the message so many above (negative) or below."""
        room = self._room
        said = room.log.entries
        at = room.log.index(room.selected) if room.selected is not None else len(said)
        step, left = (1 if by > 0 else -1), abs(by)
        best = None
        at += step if room.selected is not None and step > 0 else -1 if step < 0 else 0
        while 0 <= at < len(said) and left:
            if said[at].said and not said[at].local and said[at].seq != room.selected:
                best, left = said[at].seq, left - 1
            at += step
        if best is not None:
            room.selected = self._app.reveal = best
        elif by > 0:
            room.selected = None
            room.bottom = None
        if room.selected is not None and not room.log.at_start and room.log.index(room.selected) < 5:  # noqa: PLR2004 - soon at the top
            self._app.doing.fetch(room.name, "older")

    def _select(self) -> None:
        visible = [place.seq for place in self._app.frame.view.places if place is not None and place.said] if self._app.frame else []
        self._span = None
        if visible:
            self._room.selected = visible[-1]
        else:
            self._app.say(BELL)

    def _leave_message(self) -> None:
        self._room.selected, self._span = None, None

    def _reply(self) -> None:
        entry = self._target(mine=False)
        if entry is not None:
            self._room.intent = Intent("reply", entry.seq)
            self._room.selected = None

    def _edit_selected(self) -> None:
        entry = self._selected()
        if entry is None or entry.sender != self._model.me or entry.deleted:
            self._complain("That message is not yours to change.")
            return
        self._room.selected = None
        self._begin_edit(entry)

    def _begin_edit(self, entry: Entry) -> None:
        self._room.intent = Intent("edit", entry.seq)
        self._editor.clear()
        self._editor.insert(entry.text)

    def _ask_delete(self) -> None:
        self._model.pane = Question("delete", "Take it back", ("The message's text will be gone for everybody.",),
                                    (("Enter", "take it back"), ("Esc", "leave it")))

    def _delete_selected(self) -> None:
        entry = self._selected()
        if entry is not None:
            self._app.doing.delete(self._room.name, entry.seq)
            self._room.selected = None

    def _ask_mark(self) -> None:
        self._model.pane = Question("react", "Mark it", ("An emoji by its name, such as +1, heart, tada, eyes.",), asks="emoji")

    def _react(self, word: str) -> None:
        entry = self._target()
        if entry is None or not word.strip():
            return
        self._app.doing.react(self._room.name, entry.seq, mark_of(word.strip()))
        self._room.selected = None

    def _origin(self) -> None:
        entry = self._selected()
        if entry is None or entry.reply_to is None:
            self._complain("That message answers no other.")
            return
        self._app.doing.jump(self._room.name, entry.reply_to)
        self._app.reveal = entry.reply_to

    def _copy_selected(self) -> None:
        room, last = self._room, self._target()
        if last is None:
            return
        first = room.log.find(self._span) if self._span is not None else last
        low, high = sorted(((first or last).seq, last.seq))
        said = [one for one in room.log.entries[room.log.index(low) : room.log.last_index(high) + 1] if one.said and not one.local]
        text = said[0].text if len(said) == 1 else "\n".join(f"{one.sender}: {one.text}" for one in said)
        self._copy(text)
        self._leave_message()

    def _copy_link(self) -> None:
        entry = self._selected()
        found = links(entry.text) if entry is not None else []
        if found:
            self._copy(found[0])
            self._leave_message()
        else:
            self._complain("There is no link in that message.")

    def _begin_span(self) -> None:
        self._span = self._room.selected
        self._model.notice = "move, then c copies from here"

    def _copy(self, text: str) -> None:
        self._app.say(copied(text))
        self._model.notice = f"copied {len(text)} characters"

    def _complain(self, why: str) -> None:
        self._app.say(BELL)
        self._model.notice = why

    # ---- going about ---------------------------------------------------------------------------

    def _go(self, name: str) -> None:
        if name in self._model.rooms:
            self._app.doing.apply(self._model.look(name))
        else:
            self._editor.clear()
            self._editor.insert(f"@{name}: ")

    def _go_number(self, number: int) -> None:
        rooms = self._model.listed()
        if number <= len(rooms):
            self._go(rooms[number - 1].name)

    def _step(self, by: int) -> None:
        rooms = [room.name for room in self._model.listed()]
        at = rooms.index(self._room.name) if self._room.name in rooms else 0
        self._go(rooms[(at + by) % len(rooms)])

    def _next_attention(self) -> None:
        name = self._model.next_room()
        if name is None:
            self._complain("Nothing needs attention.")
        else:
            self._go(name)

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

    def _switcher_or_kill(self) -> None:
        buffer = self._editor.buffer
        if buffer.cursor < len(buffer.text):
            self._editor.run("kill-rest")
        else:
            self._switcher()

    def _first_unread(self) -> None:
        room = self._room
        since = room.new_since
        at = room.log.index(since + 1) if since is not None else len(room.log)
        if at < len(room.log):
            self._app.reveal = room.log.entries[at].seq
        else:
            self._complain("Nothing is unread here.")

    def _newest(self) -> None:
        room = self._room
        room.bottom = None
        if not room.log.at_end:
            room.log.entries, room.log.at_end, room.log.at_start = [], True, False
            self._app.doing.fetch(room.name, "newest")
        self._app.doing.apply(self._model.saw())

    def _cancel(self) -> None:
        room = self._room
        if room.intent is not None:
            if room.intent.what == "edit":
                self._editor.clear()
            room.intent = None
        elif room.bottom is not None:
            self._newest()

    def _help(self) -> None:
        self._model.pane = TextPane("Keys and commands", keys.overview(self._bindings))

    def _toggle_quiet(self) -> None:
        attention = self._model.attention
        attention.quiet = not attention.quiet
        self._model.notice = "nothing calls you now" if attention.quiet else "you are called again"

    # ---- Enter ---------------------------------------------------------------------------------

    def _enter(self) -> None:
        editor, room = self._editor, self._room
        text = editor.text
        _, refused = self._model.destination(text)
        if refused and room.intent is None:
            self._app.say(BELL)
            where, _ = self._model.destination(text)
            self._model.tell(f"{where[0].upper()}{where[1:]}. Nothing was sent.", time.time(), error=True)
            return
        if not text.strip():
            return
        outcome = editor.run("submit")
        if isinstance(outcome, Submitted):
            self._submit(outcome.text)

    def _submit(self, text: str) -> None:
        room, app = self._room, self._app
        app.typed(text)
        intent, room.intent = room.intent, None
        parsed = parse(text)
        if isinstance(parsed, Command) and find(parsed.name) is None and parsed.name in self._typed_commands:
            room.intent = intent
            self._typed_commands[parsed.name](self, parsed.argument.strip())
            return
        if intent is not None and intent.what == "edit":
            app.doing.edit(room.name, intent.seq, with_emoji(text))
            return
        meaning = interpret(text if text.startswith("/") else with_emoji(text), self._model.place,
                            unknown_recipients=app.unknown_recipients)
        match meaning:
            case None:
                return
            case Quit():
                app.leave_soon()
            case Note() if isinstance(parsed, Command) and parsed.name in {"help", "h", "?"} and not parsed.argument.strip():
                self._help()
            case Note() | Error():
                app.doing.apply(self._model.take(meaning, app.now(), time.time()))
                if isinstance(meaning, Error) and not self._editor.text:
                    self._editor.insert(text)
            case SendRoom() if meaning.room in self._model.rooms:
                app.doing.say(meaning, intent.seq if intent is not None else None)
            case _:
                app.doing.act(meaning, lambda: self._give_back(room, text))

    @staticmethod
    def _give_back(room: RoomModel, text: str) -> None:
        """What was refused goes back into the input, unless something else is there by now."""
        if not room.editor.text:
            room.editor.insert(text)

    # ---- commands that only the full screen has ------------------------------------------------

    def _cmd_search(self, argument: str) -> None:
        query = read_query(argument, self._room.name)
        if query.empty:
            self._editor.insert("/search ")
            self._model.notice = "write what to look for: words, from:NAME, in:ROOM, before:DAY, after:DAY, has:link"
            return
        pane = ListPane("search", f"Search: {argument}", lambda _wanted: [], typing=False)
        self._model.pane = pane
        self._app.doing.search(query, pane)

    def _cmd_reply(self, argument: str) -> None:
        self._reply()
        intent = self._room.intent
        if argument and intent is not None:
            self._room.intent = None
            self._app.doing.say(SendRoom(self._room.name, with_emoji(argument)), intent.seq)

    def _cmd_edit(self, argument: str) -> None:
        entry = self._target(mine=True)
        if entry is None:
            self._complain("You have said nothing here.")
        elif argument:
            self._app.doing.edit(self._room.name, entry.seq, with_emoji(argument))
        else:
            self._begin_edit(entry)

    def _cmd_delete(self, argument: str) -> None:
        del argument
        entry = self._target(mine=True)
        if entry is None:
            self._complain("You have said nothing here.")
        else:
            self._room.selected = entry.seq
            self._ask_delete()

    def _cmd_notify(self, argument: str) -> None:
        room = self._room
        if argument in POLICIES:
            room.policy = next(policy for policy in POLICIES if policy == argument)
        elif argument:
            self._complain(f"Write {', '.join(POLICIES)}.")
            return
        self._model.tell(f"In {self._model.label(room)}, what calls you: {self._model.attention.of(room)}.", time.time())

    def _cmd_theme(self, argument: str) -> None:
        if argument and argument not in THEMES:
            self._complain(f"There is no theme {argument}; there are {', '.join(THEMES)}.")
        elif argument:
            self._app.use_theme(argument)
        else:
            self._model.tell(f"Themes: {', '.join(THEMES)}.", time.time())

    def _cmd_go(self, argument: str) -> None:
        labels = {self._model.label(room): room.name for room in self._model.listed()}
        found = fuzzy(argument, labels)
        if argument and found:
            self._go(labels[found[0]])
        else:
            self._switcher()

    # ---- completion ----------------------------------------------------------------------------

    def _complete(self) -> None:
        editor = self._editor
        arguments = {"notify": tuple(POLICIES), "theme": tuple(THEMES)}
        found = complete_here(editor.text, editor.buffer.cursor, self._model.place, arguments)
        if not found.candidates:
            self._app.say(BELL)
        elif len(found.candidates) == 1:
            editor.replace(found.start, found.end, found.candidates[0] + found.after)
        elif len(found.agreed) > found.end - found.start:
            editor.replace(found.start, found.end, found.agreed)
            self._offer(found.candidates)
        elif self._listed == found.candidates:  # Tab again: the first, which is whoever spoke last
            editor.replace(found.start, found.end, found.candidates[0] + found.after)
            self._listed = ()
        else:
            self._offer(found.candidates)

    def _offer(self, candidates: tuple[str, ...]) -> None:
        self._listed = candidates
        shown = [f"{EMOJI[name.strip(':')]} {name}" if name.strip(":") in EMOJI and name[0] == ":" else name for name in candidates]
        self._model.notice = "  ".join(shown[:12]) + (" …" if len(shown) > 12 else "")  # noqa: PLR2004 - what a status line holds

    # ---- the mouse -----------------------------------------------------------------------------

    def mouse(self, event: MouseEvent) -> None:
        """Do what the mouse did."""
        app, frame = self._app, self._app.frame
        if frame is None:
            return
        if event.button in (64, 65):
            if isinstance(self._model.pane, ListPane | TextPane):
                self._model.pane.press(Press("Up"), "up" if event.button == 64 else "down")  # noqa: PLR2004 - the wheel, up
            else:
                app.scroll(_WHEEL if event.button == 64 else -_WHEEL)  # noqa: PLR2004 - as above
        elif event.button == 0:
            at = (event.column, event.row)
            if event.released:
                self._let_go(at)
            elif event.moved and self._drag is not None:
                self.selection = (self._drag, at)
            else:
                self._drag = at

    def _let_go(self, at: tuple[int, int]) -> None:
        start, self._drag, selection, self.selection = self._drag, None, self.selection, None
        frame = self._app.frame
        if start is None or frame is None:
            return
        if selection is not None and start != at:
            text = frame.text(start, at)
            if text.strip():
                self._copy(text)
            return
        kind, what = frame.under(*at)
        if kind == "room" and isinstance(what, str):
            self._go(what)
        elif kind == "person" and isinstance(what, str):
            self._go(what)
        elif kind == "item" and isinstance(what, int) and isinstance(self._model.pane, ListPane):
            pane = self._model.pane
            self._model.pane = None
            self._chosen(pane.rows[what].value)
        elif kind == "line" and isinstance(what, tuple) and what[1]:
            self._room.selected = what[0]

    _commands: ClassVar[dict[str, Callable[[Hands], None]]] = {
        "submit": _enter,
        "help": _help,
        "switcher": _switcher,
        "switcher-or-kill": _switcher_or_kill,
        "next-attention": _next_attention,
        "room-before": lambda self: self._step(-1),
        "room-after": lambda self: self._step(1),
        "page-up": lambda self: self._app.scroll_pages(1),
        "page-down": lambda self: self._app.scroll_pages(-1),
        "line-up": lambda self: self._app.scroll(1),
        "line-down": lambda self: self._app.scroll(-1),
        "newest": _newest,
        "first-unread": _first_unread,
        "select": _select,
        "search-messages": lambda self: self._cmd_search(""),
        "reply-last": _reply,
        "cancel": _cancel,
        "people": lambda self: self._app.toggle("people"),
        "rooms": lambda self: self._app.toggle("rooms"),
        "do-not-disturb": _toggle_quiet,
    }
    _message_commands: ClassVar[dict[str, Callable[[Hands], None]]] = {
        "message-up": lambda self: self._move(-1),
        "message-down": lambda self: self._move(1),
        "message-page-up": lambda self: self._move(-10),
        "message-page-down": lambda self: self._move(10),
        "message-reply": _reply,
        "message-react": _ask_mark,
        "message-edit": _edit_selected,
        "message-delete": _ask_delete,
        "message-origin": _origin,
        "message-copy": _copy_selected,
        "message-copy-link": _copy_link,
        "message-span": _begin_span,
        "message-leave": _leave_message,
    }
    _typed_commands: ClassVar[dict[str, Callable[[Hands, str], None]]] = {
        "search": _cmd_search,
        "reply": _cmd_reply,
        "edit": _cmd_edit,
        "delete": _cmd_delete,
        "react": lambda self, argument: self._react(argument),
        "notify": _cmd_notify,
        "dnd": lambda self, _argument: self._toggle_quiet(),
        "theme": _cmd_theme,
        "go": _cmd_go,
        "copy": lambda self, _argument: self._copy_selected(),
        "keys": lambda self, _argument: self._help(),
    }
