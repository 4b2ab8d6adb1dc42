"""The people who are in a room now, by account. Pure.

A room's list is complete once it was asked for. Arrivals and departures that come before keep it up to date as far as
it is known, and make no list of their own: after a start or a reconnect nobody has told of the people who were there
before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias

from msgspec import structs

from trio_chat.protocol import events

PersonKey: TypeAlias = int | str
"""The number of an account or, where a server gives none, a name in small letters."""


def person_key(name: str, account: int) -> PersonKey:
    """The key of a person: the same under each of their names, if the account is known."""
    return account or name.casefold()


@dataclass(slots=True)
class RoomPeople:
    """The people in one room. ``complete`` tells whether all of them are known."""

    complete: bool = False
    _people: dict[PersonKey, events.PersonInfo] = field(default_factory=dict)
    _roles: dict[PersonKey, str] = field(default_factory=dict)  # also of people who went: they have them still

    def __iter__(self) -> Iterator[events.PersonInfo]:
        return iter(self._people.values())

    def __len__(self) -> int:
        return len(self._people)

    def holds(self, name: str, account: int = 0) -> bool:
        """Whether a person is known to be in the room."""
        return person_key(name, account) in self._people

    def replace(self, people: Iterable[events.PersonInfo]) -> None:
        """Take over the whole list."""
        self._people = {person_key(person.name, person.id): person for person in people}
        self._roles = {key: person.role for key, person in self._people.items() if person.role}
        self.complete = True

    def take(self, event: events.Presence) -> None:
        """Follow arrivals and departures."""
        for name, account in zip_longest(event.left, event.left_ids[: len(event.left)], fillvalue=0):
            self._people.pop(person_key(str(name), int(account)), None)
        for at, name in enumerate(event.joined):
            account = event.joined_ids[at] if at < len(event.joined_ids) else 0
            key = person_key(name, account)
            if at < len(event.joined_roles):
                self._note_role(key, event.joined_roles[at])
            self._people.setdefault(key, events.PersonInfo(name=name, id=account, role=self._roles.get(key, "")))

    def rename(self, event: events.Renamed) -> None:
        """Follow a change of name."""
        old, new = person_key(event.old, event.id), person_key(event.new, event.id)
        person = self._people.pop(old, None)
        if person is not None:
            self._people[new] = structs.replace(person, name=event.new)
        if old in self._roles:
            self._roles[new] = self._roles.pop(old)

    def set_role(self, event: events.Moderated) -> None:
        """Follow a new role of a person, who may be away."""
        key = person_key(event.target, event.target_id)
        self._note_role(key, event.value.removeprefix("member"))
        if (person := self._people.get(key)) is not None:
            self._people[key] = structs.replace(person, role=self._roles.get(key, ""))

    def _note_role(self, key: PersonKey, role: str) -> None:
        if role:
            self._roles[key] = role
        else:
            self._roles.pop(key, None)


class AwayPeople:
    """The reasons of the people who are away, by account, harmless for a terminal."""

    def __init__(self) -> None:
        self._reasons: dict[PersonKey, str] = {}

    def __repr__(self) -> str:
        return f"<AwayPeople {len(self._reasons)}>"

    def reason(self, name: str, account: int) -> str | None:
        """Why a person is away; ``None`` if they are not."""
        return self._reasons.get(person_key(name, account))

    def note(self, name: str, account: int, reason: str | None) -> None:
        """Note that a person is away, or with ``None`` that they are not."""
        self._reasons.pop(person_key(name, account), None)
        if reason is not None:
            self._reasons[person_key(name, account)] = reason

    def replace(self, people: Iterable[tuple[str, int, str | None]]) -> None:
        """Take over all people, each with name, account and reason."""
        self._reasons.clear()
        for person in people:
            self.note(*person)

    def rename(self, event: events.Renamed) -> None:
        """Follow a change of name."""
        reason = self._reasons.pop(person_key(event.old, event.id), None)
        self.note(event.new, event.id, reason)
