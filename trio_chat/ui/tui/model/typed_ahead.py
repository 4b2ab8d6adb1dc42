"""Text typed while the person changes rooms: it belongs to the new room, although the old one is shown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.ui.tui.model.room import TypedFor

if TYPE_CHECKING:
    from trio_chat.ui.tui.model.chat import ChatModel


def take_typed(model: ChatModel, name: str) -> str:
    """Take the text out of the input of the room ``name``: it was typed for another room."""
    room = model.rooms.get(name)
    if room is None or room.intent is not None:
        return ""
    text = room.editor.text
    if text:
        room.editor.clear()
    return text


def give_typed(model: ChatModel, text: str, clock: float) -> None:
    """Put a text that was typed for the room on the screen into its input. A draft that is there makes way, and undo
    brings it back."""
    editor = model.room.editor
    if not text:
        return
    if editor.text:
        model.tell("Your draft here made way for what you typed; undo brings it back.", clock)
    editor.replace(0, len(editor.text), text)


def doubt_typed(model: ChatModel, name: str, goal: str) -> None:
    """Note that the text in the input of the room ``name`` was typed for the room ``goal``, which was not entered."""
    room = model.rooms.get(name)
    if room is not None and room.editor.text:
        room.typed_for = TypedFor(goal, room.editor.text)
