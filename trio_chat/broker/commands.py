"""The table of commands: for each request the session's state and the role that it needs, its cost and its handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from trio_chat.broker import accounts, arrival, changes, invites, moderation, rooms, talk
from trio_chat.broker.prices import HELLO
from trio_chat.broker.state import Role, State
from trio_chat.protocol import requests

if TYPE_CHECKING:
    from trio_chat.errors import Refusal

Handler: TypeAlias = Callable[[Any], "Refusal | None"]
"""Takes an :class:`~trio_chat.broker.ask.Ask`: appends effects, or changes nothing and returns the refusal."""


class CommandRule(NamedTuple):
    """One row. ``role`` is what the person must be in the request's room; ``cost`` is in the units of an
    allowance, in which an ordinary message costs 1; :func:`~trio_chat.broker.prices.price` adds to it."""

    handler: Handler
    state: State
    role: Role
    cost: float


_G, _P = State.GREETING, State.PRESENT
_NOBODY, _MEMBER, _MODERATOR, _OWNER = Role

COMMANDS: Final[dict[type[requests.Request], CommandRule]] = {
    requests.Hello: CommandRule(arrival.hello, _G, _NOBODY, HELLO),
    requests.Send: CommandRule(talk.send, _P, _NOBODY, 1.0),
    requests.Edit: CommandRule(changes.edit, _P, _MEMBER, 2.0),
    requests.Delete: CommandRule(changes.delete, _P, _MEMBER, 2.0),
    requests.React: CommandRule(changes.react, _P, _MEMBER, 2.0),
    requests.Join: CommandRule(rooms.join, _P, _NOBODY, 2.0),
    requests.Leave: CommandRule(rooms.leave, _P, _MEMBER, 2.0),
    requests.Topic: CommandRule(rooms.set_topic, _P, _MEMBER, 2.0),
    requests.Rooms: CommandRule(rooms.list_rooms, _P, _NOBODY, 3.0),
    requests.Who: CommandRule(rooms.list_people, _P, _NOBODY, 3.0),
    requests.Nick: CommandRule(arrival.rename, _P, _NOBODY, 5.0),
    requests.Away: CommandRule(arrival.away, _P, _NOBODY, 2.0),
    requests.Typing: CommandRule(talk.typing, _P, _MEMBER, 0.5),
    requests.Read: CommandRule(talk.read, _P, _MEMBER, 0.5),
    requests.Received: CommandRule(talk.received, _P, _MEMBER, 0.2),
    requests.History: CommandRule(talk.history, _P, _MEMBER, 2.0),
    requests.Search: CommandRule(talk.search, _P, _NOBODY, 5.0),
    requests.SetPassword: CommandRule(accounts.set_password, _P, _NOBODY, 20.0),
    requests.Devices: CommandRule(accounts.list_devices, _P, _NOBODY, 2.0),
    requests.Revoke: CommandRule(accounts.revoke, _P, _NOBODY, 2.0),
    requests.Invite: CommandRule(moderation.invite, _P, _MEMBER, 2.0),
    requests.MakeInvite: CommandRule(invites.make_by_moderator, _P, _NOBODY, 10.0),
    requests.Configure: CommandRule(moderation.configure, _P, _MODERATOR, 2.0),
    requests.SetRole: CommandRule(moderation.set_role, _P, _OWNER, 2.0),
    requests.Kick: CommandRule(moderation.kick, _P, _MODERATOR, 2.0),
    requests.Ban: CommandRule(moderation.ban, _P, _MODERATOR, 2.0),
    requests.Unban: CommandRule(moderation.unban, _P, _MODERATOR, 2.0),
    requests.Bans: CommandRule(moderation.list_bans, _P, _MODERATOR, 2.0),
    requests.Mute: CommandRule(moderation.mute, _P, _MODERATOR, 2.0),
    requests.Ping: CommandRule(talk.ping, _P, _NOBODY, 0.5),
}

PASSIVE: Final = frozenset({requests.Ping, requests.Read, requests.Received, requests.History, requests.Who})
"""Requests that a client sends by itself: they do not show that a person is active."""
