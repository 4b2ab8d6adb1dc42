"""A typed command as a row of the table. The rows are in the modules with their functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from trio_chat.protocol.events import Error
from trio_chat.protocol.names import fold_room
from trio_chat.ui.actions.actions import Action
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place

Takes: TypeAlias = Literal[
    "people", "room", "enterable", "place", "command", "text", "setting", "value", "save", "policy", "theme", "alias"
]
Meaning: TypeAlias = Action | Note | Error

ONLY_OWNER: Final = "Only the owner of the room can do this."
ONLY_MODERATORS: Final = "Only moderators of the room can do this."
WHICH_PERSON: Final = "Which person?"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The missing part of an argument, as a sentence, and the people that it names so far."""

    why: str
    people: tuple[str, ...]


Reading: TypeAlias = Meaning | Unfinished | str
"""The meaning of an argument; a string says what is wrong with it, and the right form is added."""


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """One row of the table.

    ``form`` names the arguments, ``help`` is one line, ``more`` the rest of the help, ``takes`` says what each argument
    is (for completion), ``read`` gives the argument its meaning.
    """

    name: str
    form: str
    help: str
    more: str
    example: str
    read: Callable[[str, Place], Reading]
    takes: tuple[Takes, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """The name and the arguments: ``/msg USER[,USER] TEXT``."""
        return f"/{self.name} {self.form}".rstrip()

    def decide(self, argument: str, place: Place) -> tuple[Meaning, tuple[str, ...]]:
        """The meaning of the command with this argument, and the people that an unfinished one names so far."""
        reading = self.read(argument, place)
        if isinstance(reading, str):
            return self._wrong(reading), ()
        if isinstance(reading, Unfinished):
            return self._wrong(reading.why), reading.people
        return reading, ()

    def _wrong(self, why: str) -> Error:
        return Error(code="usage", message=why, advice=f"Write {self.usage}, for example: {self.example}")


def named_room(argument: str, place: Place) -> str:
    """The room that an argument names, with or without its ``#``, in any case; without an argument the current room."""
    if not argument:
        return place.room
    return fold_room(argument if argument[0] in "#@" else f"#{argument}")


def is_on(word: str) -> bool | None:
    """Whether a word says on (True) or off (False); ``None`` when it is neither."""
    return {"on": True, "yes": True, "off": False, "no": False}.get(word.casefold())


def person_name(word: str) -> str:
    """The name that a word gives, with or without its ``@``."""
    return word.removeprefix("@")
