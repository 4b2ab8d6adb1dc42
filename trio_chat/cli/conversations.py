"""A room or a direct conversation that a command line names, once the chat is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.cli.connecting import person_name, room_name
from trio_chat.errors import ChatError

if TYPE_CHECKING:
    from trio_chat.client import Chat


def conversation_name(word: str) -> str:
    """A room, or (after ``@``) the people of a direct conversation. Raises ``UsageError`` when it is neither."""
    if not word.startswith("@"):
        return room_name(word)
    people = [person.removeprefix("@") for person in word.replace(",", "+").split("+")]
    return "@" + "+".join(map(person_name, people))


async def enter_conversation(chat: Chat, name: str) -> str:
    """Join a room, if need be, or find a direct conversation. Returns its name as the server gives it.

    Raises ``ChatError`` when there is none.
    """
    if not name.startswith("@"):
        return name if name in chat.rooms else (await chat.join(name, create=False)).name
    from trio_chat.ui.model.place import Place  # noqa: PLC0415 - the help page does not need it

    place = Place(chat.name)
    place.accounts, place.rooms = chat.accounts, chat.rooms
    found = place.find_direct(name)
    if found is None:
        raise ChatError(f"You have no conversation {name}. `trio-chat send {name} hello` begins one.")
    return found
