"""The people whom a person ignores: their messages, reactions and typing are not shown, and never ring. Pure.

The server knows nothing of it; it holds on one device, for one server. Arrivals, departures and moderation are shown.

Theory of operation. Ignored is an account, by its number, so a rename changes nothing, and nobody inherits it with a
name. An entry may have no number: a file of an earlier version has names only, and so has a server that gives no
numbers. Such an entry matches by its name until some account is known to have that name now; then it gets that
account's number. Numbers mean something in one history of a server only (``epoch``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct, structs

from trio_chat.client.events import Backlog
from trio_chat.client.known_accounts import AccountRef, KnownAccounts
from trio_chat.protocol import events
from trio_chat.protocol.names import fold_name
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.notes import Context, Hits, Note

E = TypeVar("E", bound=events.Event)


@dataclass(frozen=True, slots=True)
class Ignore:
    """Ignore somebody, or no longer (``on``); without a name, show who is ignored."""

    name: str = ""
    on: bool = True


class IgnoredPerson(Struct, frozen=True, omit_defaults=True):
    """A person who is ignored: the name they had when it was last known, and the account's number (0: not known)."""

    name: str
    account: int = 0


class IgnoredPeople(Struct, frozen=True, omit_defaults=True):
    """All who are ignored on a server, and the history of it (``epoch``) in which their numbers mean something."""

    people: tuple[IgnoredPerson, ...] = ()
    epoch: str = ""


class Ignored:
    """The people who are ignored. ``save`` is told of all of them when they change; ``version`` grows then."""

    def __init__(
        self, people: IgnoredPeople | Iterable[str] = (), save: Callable[[IgnoredPeople], None] = lambda _people: None
    ) -> None:
        if not isinstance(people, IgnoredPeople):
            people = IgnoredPeople(tuple(map(IgnoredPerson, people)))
        self._save = save
        self.version = 0
        self._hold(people)

    def __repr__(self) -> str:
        return f"<Ignored: {', '.join(self.names) or 'nobody'}>"

    def _hold(self, people: IgnoredPeople) -> None:
        self._held = people
        self._accounts = frozenset(one.account for one in people.people if one.account)
        self._names = frozenset(fold_name(one.name) for one in people.people)
        self._unnumbered = frozenset(fold_name(one.name) for one in people.people if not one.account)
        self.version += 1

    def _change(self, people: Iterable[IgnoredPerson], epoch: str) -> None:
        self._hold(IgnoredPeople(tuple(people), epoch))
        self._save(self._held)

    def covers(self, name: str, account: int = 0) -> bool:
        """Whether a person is ignored. Without a number, their name decides."""
        if not self._names:
            return False
        if account in self._accounts:
            return True
        return fold_name(name) in (self._unnumbered if account else self._names)

    @property
    def names(self) -> list[str]:
        """The names of the people who are ignored, in the order of the alphabet."""
        return sorted((one.name for one in self._held.people), key=str.casefold)

    def follow(self, accounts: KnownAccounts) -> None:
        """Give entries the numbers, and the names, that are known by now."""
        if not self._held.people or not accounts.own:
            return
        anew = bool(self._held.epoch) and self._held.epoch != accounts.epoch
        people = [self._follow(structs.replace(one, account=0) if anew else one, accounts) for one in self._held.people]
        if tuple(people) != self._held.people or anew:
            self._change(people, accounts.epoch)

    @staticmethod
    def _follow(one: IgnoredPerson, accounts: KnownAccounts) -> IgnoredPerson:
        account = one.account or accounts.account_of(one.name)
        return IgnoredPerson(accounts.name_of(account, one.name), account)

    def do(self, action: Ignore, accounts: KnownAccounts) -> Note:
        """Ignore somebody or no longer, or say who is ignored; returns what to tell the person."""
        shown, account = clean_line(action.name), accounts.account_of(action.name)
        if not action.name:
            names = ", ".join(map(clean_line, self.names))
            return Note(lines=(f"You ignore {names}." if names else "You ignore nobody.",))
        if accounts.is_own(action.name, account):
            return Note(lines=("That is you: nobody can be ignored by themselves.",))
        if action.on == self.covers(action.name, account):
            return Note(lines=(f"You ignore {shown} already." if action.on else f"You do not ignore {shown}.",))
        if action.on:
            added = IgnoredPerson(accounts.name_of(account, action.name), account)
            self._change((*self._held.people, added), accounts.epoch)
            return Note(lines=(f"You ignore {shown} now, on this device. /unignore {shown} undoes it.",))
        wanted = AccountRef(action.name, account)
        left = [one for one in self._held.people if not AccountRef(one.name, one.account).is_same(wanted)]
        self._change(left, accounts.epoch)
        return Note(lines=(f"You do not ignore {shown} any more.",))

    def rename(self, event: events.Renamed) -> None:
        """Somebody on a server without numbers has another name; the ignored person stays ignored."""
        if event.id or fold_name(event.old) not in self._names:
            return
        old = fold_name(event.old)
        renamed = (
            structs.replace(one, name=event.new) if fold_name(one.name) == old else one for one in self._held.people
        )
        self._change(renamed, self._held.epoch)

    # ---- what is left of events ----------------------------------------------------------------

    def hides(self, event: events.Event) -> bool:
        """Whether an event is a message, a change of one, a reaction or typing of somebody who is ignored."""
        match event:
            case events.Message() | events.Edited() | events.Deleted() | events.Reacted():
                return self.covers(event.sender, event.sender_id)
            case events.TypingNotice():
                return self.covers(event.name, event.id)
            case _:
                return False

    def left_of(self, event: E) -> E:
        """An event that is not hidden, without the messages and reactions in it of people who are ignored."""
        if not self._names:
            return event
        match event:
            case events.Message() if event.reactions:
                left = self.reactions(reactions_of(event))
                names = {mark: tuple(one.name for one in people) for mark, people in left.items()}
                ids = {mark: tuple(one.account for one in people) for mark, people in left.items()}
                return structs.replace(event, reactions=names, reaction_ids=ids)
            case Backlog(unread_from=begin):
                hidden = sum(begin is not None and line.seq >= begin and self.hides(line) for line in event.events)
                return structs.replace(event, events=self._left(event.events), unread=event.unread - hidden)
            case Context():
                return structs.replace(event, events=self._left(event.events))
            case Hits():
                return structs.replace(event, messages=tuple(one for one in event.messages if not self.hides(one)))
            case _:
                return event

    def _left(self, past: Iterable[events.RoomEvent]) -> tuple[events.RoomEvent, ...]:
        return tuple(self.left_of(line) for line in past if not self.hides(line))

    def reactions(self, reactions: dict[str, tuple[AccountRef, ...]]) -> dict[str, tuple[AccountRef, ...]]:
        """The reactions to a message, without those of people who are ignored."""
        left = {mark: tuple(one for one in people if not self.covers(*one)) for mark, people in reactions.items()}
        return {mark: people for mark, people in left.items() if people}


def reactions_of(message: events.Message) -> dict[str, tuple[AccountRef, ...]]:
    """The reactions to a message, each with the people who reacted so."""
    found: dict[str, tuple[AccountRef, ...]] = {}
    for mark, names in message.reactions.items():
        ids = message.reaction_ids.get(mark, ())
        numbers = ids if len(ids) == len(names) else (0,) * len(names)
        found[mark] = tuple(map(AccountRef, names, numbers))
    return found
