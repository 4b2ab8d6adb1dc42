"""What keys and the mouse do: from a key to the model, to the editor, or to what has to be asked of the server.

Whatever lies over the conversation takes keys first, then a selected message, then the input. What a key means in
each of these is in the table of :mod:`trio_chat.ui.tui.keys`; here each command's name has its method.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Final

from trio_chat.errors import NotDone
from trio_chat.protocol.addressing import Command, parse
from trio_chat.protocol.events import Error
from trio_chat.ui.actions.actions import Quit, SendRoom
from trio_chat.ui.actions.moderation import AskPassword, SetOwnPassword
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.rooms import keeps_secret
from trio_chat.ui.commands.table import interpret
from trio_chat.ui.input.decoder import Key, Pasted, Press, Typed
from trio_chat.ui.input.editor import Editor, InterfaceCommand, Submitted, printable
from trio_chat.ui.input.new_password import NewPassword, PasswordChosen, PasswordUnchanged
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.model.notes import Note
from trio_chat.ui.tui import keys
from trio_chat.ui.tui.controller.navigation import Ordered
from trio_chat.ui.tui.controller.window import Window
from trio_chat.ui.tui.escapes import BELL
from trio_chat.ui.tui.model.completing import Completing, complete_here
from trio_chat.ui.tui.model.emoji import with_emoji
from trio_chat.ui.tui.model.panes import Answered, Chosen, Pressed, Question
from trio_chat.ui.tui.model.pasting import ask_about, is_long
from trio_chat.ui.tui.model.room import POLICIES, RoomModel
from trio_chat.ui.tui.themes import THEMES

_QUESTION_MARK: Final = "?"


class Hands(Ordered):
    """Does what keys say."""

    def __init__(self, window: Window, bindings: keys.Bindings) -> None:
        super().__init__(window, bindings)
        self._prefix = ""
        self._pasted = ""
        self._secret: NewPassword | None = None  # while one is chosen
        self._completing = Completing()

    def __repr__(self) -> str:
        return f"<Hands{' after ' + self._prefix if self._prefix else ''}>"

    async def press(self, key: Key) -> None:
        """Do what a key does."""
        if isinstance(key, Press) and key.name in {"FocusIn", "FocusOut"}:
            self._model.attention.focused = key.name == "FocusIn"
            self._window.doing.apply(self._model.saw())
            return
        self._model.notice = self._model.hint = ""
        if self._model.pane is not None:
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
            self._completing.forget()
        if command in Editor.commands and command != "submit":
            await self._outcome(self._editor.run(command))
        elif command.startswith("room-") and command[5:].isdigit():
            self._go_number(int(command[5:]))
        elif command == "external-editor":
            await self._window.edit_outside()
        else:
            self._commands[command](self)

    async def _outcome(self, outcome: object) -> None:
        match outcome:
            case Submitted(text):
                self._hand_in(text)
            case InterfaceCommand("leave"):
                await self._window.leave()
            case InterfaceCommand("interrupt"):
                self._window.end(130)
            case InterfaceCommand("suspend"):
                await self._window.suspend()
            case InterfaceCommand("redraw"):
                self._window.repaint()
            case InterfaceCommand("complete"):
                self._complete()
            case InterfaceCommand("bell"):
                self._window.say(BELL)

    def _say_typing(self) -> None:
        room, text = self._room, self._editor.text
        if text and not text.startswith("/") and "@" not in text and room.intent is None:
            self._window.doing.typing(room.name)

    def _paste(self, text: str) -> None:
        if not is_long(text):
            self._put_in(text)
            return
        self._pasted = text
        self._model.pane = ask_about(text, self._model.excess(self._editor.text + text), self._model.most_text)

    def _put_in(self, text: str) -> bool:
        """Put a paste into the input, where there is room for it."""
        if self._editor.insert(text) is None:
            return True
        why = f"What you pasted has {len(text)} characters, more than any message may have. The input is as it was."
        self._window.say(BELL)
        self._model.tell(why, time.time(), error=True)
        return False

    async def _press_pane(self, key: Key) -> None:
        pane = self._model.pane
        assert pane is not None  # noqa: S101 - the caller looked
        if isinstance(key, Pasted) and isinstance(pane, Question) and pane.purpose == "paste":
            self._paste(self._pasted + printable(key.text))
            return
        if isinstance(key, Press) and key.name == "C-z":
            await self._window.suspend()
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
            self.choose(result.value)
        elif isinstance(result, Pressed) and result.key == _QUESTION_MARK:
            self._editor.insert(_QUESTION_MARK, typed=True)

    def _answered(self, pane: Question, result: object) -> None:
        if pane.purpose == "paste":
            text, self._pasted = self._pasted, ""
            if isinstance(result, Pressed) and self._put_in(text) and result.key == "s":
                self._enter()
        elif pane.purpose == "react" and isinstance(result, Answered):
            self._react(result.text)
        elif pane.purpose == "delete" and isinstance(result, Pressed):
            self._delete_selected()
        elif pane.purpose == "new-password":
            self._take_new_password(result)
        elif pane.purpose in {"name", "password", "ended"}:
            self._window.answer(
                result.text if isinstance(result, Answered) else result.key if isinstance(result, Pressed) else None
            )

    async def _press_message(self, key: Key) -> None:
        if isinstance(key, Pasted):
            self._room.selected = None
            self._paste(printable(key.text))
            return
        if isinstance(key, Press) and key.name == "C-z":
            await self._window.suspend()
            return
        names = (key.name,) if isinstance(key, Press) else tuple(key.text)
        for at, name in enumerate(names):
            command = self._bindings.command("message", name) if self._room.selected is not None else None
            if command is None:  # nothing of a message's: it is for the input
                self._leave_message()
                await self._press_input(key if isinstance(key, Press) else Typed(key.text[at:]))
                return
            self._do_with_message(command)
            if self._model.pane is not None and isinstance(key, Typed) and key.text[at + 1 :]:
                await self._press_pane(Typed(key.text[at + 1 :]))
                return

    def _switcher_or_kill(self) -> None:
        buffer = self._editor.buffer
        if buffer.cursor < len(buffer.text):
            self._editor.run("kill-rest")
        else:
            self._switcher()

    def _enter(self) -> None:
        editor, room = self._editor, self._room
        text = editor.text
        _, refused = self._model.destination(text)
        if refused and room.intent is None:
            self._window.say(BELL)
            where, _ = self._model.destination(text)
            self._model.tell(f"{where[0].upper()}{where[1:]}. Nothing was sent.", time.time(), error=True)
            return
        if not text.strip():
            return
        outcome = editor.run("submit")
        if isinstance(outcome, Submitted):
            self._hand_in(outcome.text)

    def _hand_in(self, text: str) -> None:
        """Submit a line; one behind a /join is for the room that it leads to."""
        if self._window.doing.entering:
            self._window.doing.after_entering(text, self._submit)
        else:
            self._submit(text)

    def _submit(self, text: str) -> None:
        room, window = self._room, self._window
        if not keeps_secret(text):
            window.typed(text)
        intent, room.intent = room.intent, None
        parsed = parse(text)
        if isinstance(parsed, Command) and parsed.name in self._typed_commands:  # here they know of a selected message
            room.intent = intent
            try:
                self._typed_commands[parsed.name](self, parsed.argument.strip())
            except NotDone as error:
                self._model.tell(str(error), time.time(), error=True)
                self._give_back(room, text)
            return
        if intent is not None and intent.what == "edit":
            window.doing.edit(room.name, intent.seq, with_emoji(text))
            self._editor.insert(intent.before)
            return
        meaning = interpret(
            text if text.startswith("/") else with_emoji(text),
            self._model.place,
            unknown_recipients=window.unknown_recipients,
        )
        asks_help = isinstance(parsed, Command) and parsed.name in {"help", "h", "?"} and not parsed.argument.strip()
        if meaning is None:
            return
        if isinstance(meaning, Note) and asks_help:
            self._help()
        elif isinstance(meaning, SendRoom) and meaning.room in self._model.rooms:
            window.doing.say(meaning, intent.seq if intent is not None else None)
        else:
            self._carry_out(meaning, room, text)

    def _carry_out(self, meaning: Meaning, room: RoomModel, text: str) -> None:
        """Do what a line means that was typed in a room: here, or in its turn by the server."""
        window = self._window
        match meaning:
            case Quit():
                window.leave_soon()
            case AskPassword():
                self._ask_new_password()
            case Ignore():
                note = self._model.place.ignored.do(meaning, self._model.me)
                self._model.take(note, window.now(), time.time())
                window.doing.apply(self._model.count())
            case Note() | Error():
                window.doing.apply(self._model.take(meaning, window.now(), time.time()))
                if isinstance(meaning, Error):
                    self._give_back(self._room, text)
            case _:
                window.doing.act(meaning, lambda: self._give_back(room, text))

    @staticmethod
    def _give_back(room: RoomModel, text: str) -> None:
        """What was refused goes back into the input, unless something else is there by now."""
        if not room.editor.text:
            room.editor.insert(text)

    def _ask_new_password(self) -> None:
        self._secret = self._secret or NewPassword()
        lines = (self._secret.prompt.rstrip(": "),)
        self._model.pane = Question("new-password", "Your password", lines, asks="Password", secret=True)

    def _take_new_password(self, result: object) -> None:
        """One of the two times that a new password is typed; leaving the question leaves it as it was."""
        secret, self._secret = self._secret, None
        if secret is None:
            return
        outcome = secret.take(result.text) if isinstance(result, Answered) else secret.give_up()
        match outcome:
            case None:
                self._secret = secret
                self._ask_new_password()
            case PasswordUnchanged(why):
                self._model.tell(why, time.time(), error=True)
            case PasswordChosen(password):
                self._window.doing.act(SetOwnPassword(password), lambda: None)

    def _complete(self) -> None:
        arguments = {"notify": tuple(POLICIES), "theme": tuple(THEMES)}
        shown = self._completing.press(
            self._editor, lambda text, cursor: complete_here(text, cursor, self._model.place, arguments)
        )
        if shown is None:
            self._window.say(BELL)
        elif shown:
            self._model.notice = shown

    _commands: ClassVar[dict[str, Callable[[Hands], None]]] = {
        "submit": _enter,
        "help": lambda self: self._help(),
        "switcher": lambda self: self._switcher(),
        "switcher-or-kill": _switcher_or_kill,
        "next-attention": lambda self: self._next_attention(),
        "room-before": lambda self: self._step(-1),
        "room-after": lambda self: self._step(1),
        "page-up": lambda self: self._window.scroll_pages(1),
        "page-down": lambda self: self._window.scroll_pages(-1),
        "line-up": lambda self: self._window.scroll(1),
        "line-down": lambda self: self._window.scroll(-1),
        "newest": lambda self: self._newest(),
        "all-read": lambda self: self._all_read(),
        "first-unread": lambda self: self._first_unread(),
        "select": lambda self: self._select(),
        "search-messages": lambda self: self._cmd_search(""),
        "reply-last": lambda self: self._reply(),
        "cancel": lambda self: self._cancel(),
        "people": lambda self: self._window.toggle("people"),
        "rooms": lambda self: self._window.toggle("rooms"),
        "do-not-disturb": lambda self: self._toggle_quiet(),
    }
