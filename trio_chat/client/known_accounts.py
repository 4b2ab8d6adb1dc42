"""The accounts that a client has heard of, and the name that each has now. Pure.

A server gives every account a number that never changes. An event carries the name that an account had at that time and
the number, so the number says who it is, and this table what they are called now: from notices of renames, from lists
of people, and, for renames that happened while we were away, from the names that come with each page of history.

A server of an earlier version gives no numbers (0). Then a name is all there is to go by.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.protocol import addressing
from trio_chat.protocol.events import (
    AwayChanged,
    BanList,
    Delivered,
    Event,
    Found,
    Invited,
    Moderated,
    Page,
    People,
    PersonEvent,
    Presence,
    Renamed,
    Room,
    RoomInfo,
    TypingNotice,
    Welcome,
)
from trio_chat.protocol.names import fold_name

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = 50_000
"""Accounts whose names are kept, about five megabytes; beyond that the one heard of first is forgotten."""


class AccountRef(NamedTuple):
    """A person in an event: the name at that time, and the account's number (0: not known)."""

    name: str
    account: int = 0

    def is_same(self, other: AccountRef) -> bool:
        """Whether both are one person: by the numbers where both are known, else by the names."""
        if self.account and other.account:
            return self.account == other.account
        return fold_name(self.name) == fold_name(other.name)


class KnownAccounts:
    """See the module. ``own_name`` and ``own`` are our own name and number. ``epoch`` is the server's history in which
    the numbers mean something; ``version`` grows with each name that is learned."""

    def __init__(self, own_name: str = "", own: int = 0) -> None:
        self.own_name = own_name
        self.own = own
        self.epoch = ""
        self.version = 0
        self._names: dict[int, str] = {}
        self._holders: dict[str, int] = {}  # by the folded name

    def __repr__(self) -> str:
        return f"<KnownAccounts: {len(self._names)}, own {self.own} {self.own_name!r}>"

    def is_own(self, name: str, account: int = 0) -> bool:
        """Whether a person in an event is us."""
        return AccountRef(name, account).is_same(AccountRef(self.own_name, self.own))

    def name_of(self, account: int, otherwise: str = "") -> str:
        """The name that an account has now."""
        return self._names.get(account, otherwise)

    def account_of(self, name: str) -> int:
        """The number of the account that has this name now; 0 where it is not known."""
        return self._holders.get(fold_name(name), 0)

    def later_name(self, name: str, account: int) -> str:
        """The name that an account has now, where that is another than the one it had; else nothing."""
        now = self._names.get(account, name)
        return "" if fold_name(now) == fold_name(name) else now

    def colour(self, name: str, account: int) -> int:
        """A number by which to choose the colour of a person: the same for all that they say."""
        return account or self.account_of(name) or zlib.crc32(fold_name(name).encode())

    # ---- learning ------------------------------------------------------------------------------

    def learn(self, account: int, name: str) -> None:
        """Note the name that an account has now."""
        if not account or self._names.get(account) == name:
            return
        before = self._names.pop(account, None)
        if before is not None and self._holders.get(fold_name(before)) == account:
            del self._holders[fold_name(before)]
        self._names[account] = name
        self._holders[fold_name(name)] = account
        self.version += 1
        if account == self.own:
            self.own_name = name
        if len(self._names) > MOST:
            oldest = next(iter(self._names))
            gone = fold_name(self._names.pop(oldest))
            if self._holders.get(gone) == oldest:
                del self._holders[gone]

    def hear(self, account: int, name: str) -> None:
        """Note a name that an account had at some time, where no other is known."""
        if account not in self._names and fold_name(name) not in self._holders:
            self.learn(account, name)

    def forget(self) -> None:
        """The server's history began anew: its numbers are other accounts' now."""
        self._names.clear()
        self._holders.clear()
        self.own = 0
        self.version += 1

    def take(self, event: Event) -> None:
        """Learn from what just came from the server."""
        match event:
            case Welcome():
                self._enter(event)
            case Renamed(id=account, old=old, new=new):
                if account:
                    self.learn(account, new)
                elif old == self.own_name:
                    self.own_name = new
            case Page(names=names) | Found(names=names):
                self._learn_all(names.items())
            case Room(room=info):
                self._learn_members(info)
            case People() | BanList() | Presence():
                self._learn_listed(event)
            case AwayChanged(id=account, name=name) | TypingNotice(id=account, name=name):
                self.learn(account, name)
            case Delivered(by_id=account, by=name) | Invited(by_id=account, by=name):
                self.learn(account, name)
            case PersonEvent():
                self._take_line(event)
            case _:
                pass

    def _enter(self, welcome: Welcome) -> None:
        if self.epoch != welcome.epoch:
            self.forget()
        self.epoch, self.own, self.own_name = welcome.epoch, welcome.account, welcome.name
        self._learn_all(welcome.names.items())
        for info in welcome.rooms:
            self._learn_members(info)
        self.learn(welcome.account, welcome.name)

    def _learn_listed(self, event: People | BanList | Presence) -> None:
        match event:
            case People(people=people):
                self._learn_all((person.id, person.name) for person in people)
            case BanList(bans=bans):
                self._learn_all((ban.id, ban.name) for ban in bans if ban.name is not None)
            case Presence():
                self._learn_all(zip(event.left_ids, event.left, strict=False))
                self._learn_all(zip(event.joined_ids, event.joined, strict=False))

    def _take_line(self, event: PersonEvent) -> None:
        """A line that just happened bears the names of now; ours, a rename of our own may have overtaken."""
        if event.sender_id != self.own:
            self.learn(event.sender_id, event.sender)
        if isinstance(event, Moderated) and event.target_id != self.own:
            self.learn(event.target_id, event.target)

    def _learn_members(self, info: RoomInfo) -> None:
        self._learn_all(zip(info.member_ids, info.members, strict=False))

    def _learn_all(self, known: Iterable[tuple[int, str]]) -> None:
        for account, name in known:
            self.learn(account, name)


def is_mentioned(text: str, mentions: tuple[int, ...] | None, accounts: KnownAccounts) -> bool:
    """Whether a message mentions us: by the numbers that the server gives, or, without any (an earlier version), by our
    name in its text, found as a server finds it."""
    if mentions is not None and accounts.own:
        return accounts.own in mentions
    me = fold_name(accounts.own_name)
    return bool(addressing.find_mentions(text, lambda key: key if key == me else None))
