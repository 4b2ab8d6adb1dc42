"""Typing a new password at a terminal: twice, and not shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trio_chat.ui.input.decoder import Key, Press
from trio_chat.ui.input.editor import Editor, InterfaceCommand, Submitted

SHORTEST: Final = 8
"""The fewest characters of a password; the protocol's limit."""

_LONGEST: Final = 1024  # characters; the protocol's limit
_GIVE_UP: Final = frozenset({"Escape", "C-g"})


@dataclass(frozen=True, slots=True)
class PasswordChosen:
    """The same password was typed twice."""

    password: str

    def __repr__(self) -> str:
        return "Chosen(password=...)"


@dataclass(frozen=True, slots=True)
class PasswordUnchanged:
    """The password was not changed."""

    why: str


class NewPassword:
    """Takes keys until the result is :class:`PasswordChosen` or :class:`PasswordUnchanged`. Keeps no history."""

    def __init__(self) -> None:
        self._editor = Editor(limit=_LONGEST, keeps=lambda _line: False)
        self._first: str | None = None

    def __repr__(self) -> str:
        return f"<NewPassword {'typed once' if self._first is not None else 'not typed yet'}>"

    @property
    def prompt(self) -> str:
        """The prompt of the hidden input."""
        if self._first is None:
            return f"New password, {SHORTEST} characters or more (not shown; Esc cancels): "
        return "Repeat it (not shown): "

    def press(self, key: Key) -> PasswordChosen | PasswordUnchanged | None:
        """Take a key; returns ``None`` until there is a result."""
        if isinstance(key, Press) and key.name in _GIVE_UP:
            return self.give_up()
        match self._editor.press(key):
            case Submitted(text):
                return self.take(text)
            case InterfaceCommand("leave" | "interrupt"):
                return self.give_up()
            case _:
                return None

    @staticmethod
    def give_up() -> PasswordUnchanged:
        """Keep the old password."""
        return PasswordUnchanged("Your password is unchanged.")

    def take(self, text: str) -> PasswordChosen | PasswordUnchanged | None:
        """Take a whole line; returns ``None`` when the password is to be typed again."""
        if self._first is None:
            if len(text) < SHORTEST:
                return PasswordUnchanged(f"That is shorter than {SHORTEST} characters. Your password is unchanged.")
            self._first = text
            return None
        if text != self._first:
            return PasswordUnchanged("The two passwords are not the same. Your password is unchanged.")
        return PasswordChosen(text)
