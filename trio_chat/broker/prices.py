"""The prices of requests: the higher, the more has to be done for one.

An ordinary message costs 1. The table of commands has the least price of each kind of request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.broker.state import MENTIONED
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Edit, Rooms, Send, Who

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ChatRoom, Person
    from trio_chat.protocol.requests import AnyRequest

FREE_BYTES: Final = 1024
"""The bytes that are in the price of a request: most messages have a tenth of them. So many more cost 1."""

HELLO: Final = 5.0
"""The price of a hello: others are told that the person is here."""

_MENTION: Final = 0.2
"""The price of a mention: a row of the store."""

_LISTED: Final = 256
"""The rooms or people of a list that cost 1: they are sorted for each page."""

_LIST: Final = 20.0
"""The highest price of a list, so that every session can pay it."""


def price(registry: Registry, person: Person | None, request: AnyRequest, cost: float) -> float:
    """The price of a request by its effect, where its kind costs ``cost`` at least."""
    if isinstance(request, Send):
        if request.to is None and "@" not in request.text and request.room is not None and request.room[:1] == "#":
            return cost  # a message to a room that mentions nobody, as nearly all are
        cost += max(0, _recipients(registry, person, request) - 1) + _price_of_mentions(request.text)
    elif isinstance(request, Edit):
        cost += _price_of_mentions(request.text)
    elif isinstance(request, Who):
        room = registry.rooms.get(request.room or LOBBY)
        cost = min(_LIST, cost + (0 if room is None else len(room.here)) / _LISTED)
    elif isinstance(request, Rooms):
        cost = min(_LIST, cost + len(registry.rooms) / _LISTED)
    return cost


def price_of_bytes(size: int, requests: int) -> float:
    """The price of each of some requests that came in ``size`` bytes, for those bytes."""
    over = size - FREE_BYTES * requests
    return over / (FREE_BYTES * requests) if over > 0 else 0.0


def text_for_room(person: Person | None, request: AnyRequest) -> tuple[ChatRoom, str] | None:
    """The text of a request, and the room whose members get it; ``None`` for a request without a text, or with one for
    a direct conversation."""
    if person is None or not isinstance(request, Send | Edit) or request.room is None:
        return None
    room = person.rooms.get(request.room)
    return None if room is None or room.direct is not None else (room, request.text)


def _recipients(registry: Registry, person: Person | None, request: Send) -> int:
    """The number of people that a direct message goes to; 0 for one to a room. No name is looked up for that, and of
    too many recipients only as many are charged as are looked up at most."""
    if request.to is not None:
        return min(len(request.to), registry.settings.max_recipients)
    if person is None or request.room is None or not request.room.startswith("@"):
        return 0
    room = person.rooms.get(request.room)
    return 0 if room is None or room.direct is None else len(room.direct) - 1


def _price_of_mentions(text: str) -> float:
    return _MENTION * min(text.count("@"), MENTIONED) if "@" in text else 0.0
