"""The table of commands: for each request who may ask it, when, at what cost, and what carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from trio_chat.broker import accounts, arrival, changes, moderation, rooms, talk
from trio_chat.broker.state import Role, State
from trio_chat.protocol import requests

if TYPE_CHECKING:
    from trio_chat.broker.effects import Effect
    from trio_chat.errors import Refusal

Handler: TypeAlias = Callable[[Any, Any, Any, float, "list[Effect]"], "Refusal | None"]
"""``(registry, session, request, now, effects)``: appends effects, or changes nothing and returns why not."""


class Command(NamedTuple):
    """One row. ``role`` is what the asker must be in the request's room; ``cost`` is in the units of the
    rate limit, an ordinary message being 1."""

    handler: Handler
    state: State
    role: Role
    cost: float


_G, _P = State.GREETING, State.PRESENT
_NOBODY, _MEMBER, _MODERATOR, _OWNER = Role

COMMANDS: Final[dict[type[requests.Request], Command]] = {
    requests.Hello: Command(arrival.hello, _G, _NOBODY, 5.0),
    requests.Send: Command(talk.send, _P, _NOBODY, 1.0),
    requests.Edit: Command(changes.edit, _P, _MEMBER, 2.0),
    requests.Delete: Command(changes.delete, _P, _MEMBER, 2.0),
    requests.React: Command(changes.react, _P, _MEMBER, 2.0),
    requests.Join: Command(rooms.join, _P, _NOBODY, 2.0),
    requests.Leave: Command(rooms.leave, _P, _MEMBER, 2.0),
    requests.Topic: Command(rooms.set_topic, _P, _MEMBER, 2.0),
    requests.Rooms: Command(rooms.list_rooms, _P, _NOBODY, 3.0),
    requests.Who: Command(rooms.who, _P, _NOBODY, 3.0),
    requests.Nick: Command(arrival.rename, _P, _NOBODY, 5.0),
    requests.Away: Command(arrival.away, _P, _NOBODY, 2.0),
    requests.Typing: Command(talk.typing, _P, _MEMBER, 0.5),
    requests.Read: Command(talk.read, _P, _MEMBER, 0.5),
    requests.Received: Command(talk.received, _P, _MEMBER, 0.2),
    requests.History: Command(talk.history, _P, _MEMBER, 2.0),
    requests.Search: Command(talk.search, _P, _NOBODY, 5.0),
    requests.SetPassword: Command(accounts.set_password, _P, _NOBODY, 20.0),
    requests.Devices: Command(accounts.list_devices, _P, _NOBODY, 2.0),
    requests.Revoke: Command(accounts.revoke, _P, _NOBODY, 2.0),
    requests.Invite: Command(moderation.invite, _P, _MEMBER, 2.0),
    requests.Configure: Command(moderation.configure, _P, _MODERATOR, 2.0),
    requests.SetRole: Command(moderation.set_role, _P, _OWNER, 2.0),
    requests.Kick: Command(moderation.kick, _P, _MODERATOR, 2.0),
    requests.Ban: Command(moderation.ban, _P, _MODERATOR, 2.0),
    requests.Unban: Command(moderation.unban, _P, _MODERATOR, 2.0),
    requests.Bans: Command(moderation.list_bans, _P, _MODERATOR, 2.0),
    requests.Mute: Command(moderation.mute, _P, _MODERATOR, 2.0),
    requests.Ping: Command(talk.ping, _P, _NOBODY, 0.5),
}

PASSIVE: Final = frozenset({requests.Ping, requests.Read, requests.Received, requests.History, requests.Who})
"""What a client asks by itself: no sign that somebody is typing."""
