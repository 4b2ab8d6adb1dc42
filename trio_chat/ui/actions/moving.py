"""Which actions change the room that a person is in. While one is under way, lines are typed for the new room. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.protocol.names import fold_room
from trio_chat.ui.actions.actions import JoinRoom, LeaveRoom, OpenConversation

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place


def room_after(action: object, place: Place) -> str | None:
    """The room that the person will be in after an action: the name as far as it is known before the server answers.
    ``None`` for an action that leaves them where they are."""
    match action:
        case JoinRoom(room=room):
            return fold_room(room if room[:1] in {"#", "@"} else f"#{room}")
        case OpenConversation(name=name):
            return place.find_direct(f"@{name}") or f"@{name}"
        case LeaveRoom(room=room) if room == place.room:
            return place.lobby
        case _:
            return None
