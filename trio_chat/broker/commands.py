"""The table of commands: for each request who may ask it, when, at what cost, and what carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from trio_chat.broker import arrival, rooms, talk
from trio_chat.broker.state import Role, State
from trio_chat.protocol import requests

if TYPE_CHECKING:
    from trio_chat.broker.effects import Effect
    from trio_chat.errors import Refusal

Handler: TypeAlias = Callable[[Any, Any, Any, float, "list[Effect]"], "Refusal | None"]
"""``(broker, session, request, now, effects)``: appends effects, or changes nothing and returns why not."""


class Command(NamedTuple):
    """One row. ``role`` is what the asker must be in the request's room; ``cost`` is in the units of the
    rate limit, an ordinary message being 1."""

    handler: Handler
    state: State
    role: Role
    cost: float


_G, _P = State.GREETING, State.PRESENT

COMMANDS: Final[dict[type[requests.Request], Command]] = {
    requests.Hello: Command(arrival.hello, _G, Role.NOBODY, 5.0),
    requests.Send: Command(talk.send, _P, Role.NOBODY, 1.0),
    requests.Join: Command(rooms.join, _P, Role.NOBODY, 2.0),
    requests.Leave: Command(rooms.leave, _P, Role.MEMBER, 2.0),
    requests.Topic: Command(rooms.set_topic, _P, Role.MEMBER, 2.0),
    requests.Rooms: Command(rooms.list_rooms, _P, Role.NOBODY, 3.0),
    requests.Who: Command(rooms.who, _P, Role.NOBODY, 3.0),
    requests.Nick: Command(arrival.rename, _P, Role.NOBODY, 5.0),
    requests.Away: Command(arrival.away, _P, Role.NOBODY, 2.0),
    requests.Typing: Command(talk.typing, _P, Role.MEMBER, 0.5),
    requests.Read: Command(talk.read, _P, Role.MEMBER, 0.5),
    requests.Received: Command(talk.received, _P, Role.MEMBER, 0.2),
    requests.History: Command(talk.history, _P, Role.MEMBER, 2.0),
    requests.Ping: Command(talk.ping, _P, Role.NOBODY, 0.5),
}

PASSIVE: Final = frozenset({requests.Ping, requests.Read, requests.Received, requests.History, requests.Who})
"""What a client asks by itself: no sign that somebody is typing."""
