"""Admission: whether a hello may come in at all, before anything is told about names.

These may come in: everybody, where the server is open; whoever gives the server's password; a newcomer with an invite;
and the person of an account, by the token of a device or by the account's password. On a server with a password that
last way is for accounts that were made by an invite: others give the server's password each time, so that a new one
keeps out those who do not know it.

A hello that comes in by its account alone, or to a server that takes no newcomers, may not claim a name.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from trio_chat.broker import invites
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.names import check_name

if TYPE_CHECKING:
    from trio_chat.broker.ask import Ask
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import BrokerSettings, Device, Person
    from trio_chat.protocol.requests import Hello

NO_PASSWORD: Final = "$argon2id$v=19$m=65536,t=3,p=1$6H9GCin4oAJKEwBS+NtPtA$+RSpvT6zaDFZDsDSjGFpzXTO7aMFXI/vkSTUYDgdNHw"  # noqa: S105 - a hash, and of nothing
"""A hash that is checked in place of that of an account without a password, so that the answer takes as long. No
password is known for it."""


def digest_of(token: str) -> bytes:
    """The SHA-256 of a device's token."""
    return hashlib.sha256(token.encode()).digest()


def holder_of(registry: Registry, token: str | None) -> Person | None:
    """The person whose device has this token, under whatever name."""
    return None if token is None else registry.holders.get(digest_of(token))


def owning_device(person: Person, token: str | None) -> Device | None:
    """The device of a person that has this token. A token is too long to guess, so looking up its digest tells
    nobody anything."""
    return None if token is None else person.devices.get(digest_of(token))


def may_come_in(ask: Ask[Hello]) -> bool | Refusal:
    """Whether a hello comes in: the refusal, or whether it may claim a name that nobody has.

    Guesses at the server's password and at invites are charged to the place that they come from.
    """
    registry, request, settings = ask.registry, ask.request, ask.registry.settings
    takes_newcomers = settings.admit != "accounts"
    refusal = _check_password(registry, request, ask.session.address, ask.now)
    if refusal is not None:
        return refusal
    if _is_open_to(settings, request):
        return takes_newcomers
    if _is_known(ask):
        return False
    if request.invite is not None and takes_newcomers:
        found = invites.find(registry, request.invite, ask.session.address, ask.now)
        return found if isinstance(found, Refusal) else True
    if settings.password is not None:
        return refuse("password_needed")
    name = check_name(request.name or "")
    if request.account_password is not None and not isinstance(name, Refusal):  # also where nobody has the name
        return refuse("wrong_account_password", name=name.shown)
    return no_newcomers(settings)


def no_newcomers(settings: BrokerSettings) -> Refusal:
    """The refusal for a newcomer who has no invite."""
    if settings.admit == "accounts":
        return refuse("accounts_only")
    return refuse("invite_needed")


def hash_to_check(registry: Registry, request: Hello, address: str, now: float) -> tuple[bool, str | None]:
    """Whether the account password of a hello is worth checking, and a hash to check it against if nobody has the name.

    A guess at the server's password that is wrong is charged when the hello is decided, and not here.
    """
    settings = registry.settings
    if request.account_password is None or (request.password is not None and is_wrong(settings.password, request)):
        return False, None
    if settings.password is not None and registry.guesses.wait(address, now):
        return False, None
    if _is_open_to(settings, request):
        return True, None
    if settings.password is not None and registry.next_invite_link == 1:
        return False, None  # nobody came by an invite: strangers are not to keep the server busy with hashes
    return True, NO_PASSWORD


def may_return(settings: BrokerSettings, person: Person) -> bool:
    """Whether a person may come in as whoever they are, without the server's password."""
    return settings.password is None or bool(person.invite_link)


def is_wrong(wanted: str | None, request: Hello) -> bool:
    """Whether a hello does not have the server's password, in the same time for every wrong one."""
    given = request.password
    return wanted is not None and (given is None or not hmac.compare_digest(wanted.encode(), given.encode()))


def _is_open_to(settings: BrokerSettings, request: Hello) -> bool:
    """Whether a hello whose password is not wrong comes in whoever it is of."""
    if settings.password is not None:
        return request.password is not None
    return settings.admit == "everyone"


def _check_password(registry: Registry, request: Hello, address: str, now: float) -> Refusal | None:
    """Check the server's password, if one is given. A guess is charged to the place that it comes from before it is
    looked at."""
    wanted = registry.settings.password
    if wanted is None or request.password is None:
        return None
    refusal = registry.guesses.take(address, now)
    if refusal is not None:
        return refusal
    if is_wrong(wanted, request):
        return refuse("wrong_password")
    registry.guesses.give_back(address, now)
    return None


def _is_known(ask: Ask[Hello]) -> bool:
    """Whether a hello proves, by a token or by the password of the account that it names, that it is of somebody who
    may come in without the server's password."""
    registry, request = ask.registry, ask.request
    holder = holder_of(registry, request.token)
    if holder is not None and may_return(registry.settings, holder):
        return True
    name = check_name(request.name or "")
    person = None if isinstance(name, Refusal) else registry.people.get(name.key)
    if person is None or person.guest or person.password is None or ask.password_hash is None:
        return False
    return ask.password_hash == person.password and may_return(registry.settings, person)
