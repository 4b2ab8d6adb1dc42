"""The value that is passed to every function that decides: the registry, the time, the effects, and the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

from trio_chat.broker.effects import Acknowledge, Effect, Persist, Reply
from trio_chat.secret_fields import discreet_repr

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import Person, Session, StoredMessage, StoredPlace
    from trio_chat.protocol.events import Event, Ok
    from trio_chat.records import Record

R_co = TypeVar("R_co", covariant=True)


class Decision(Struct, frozen=True, gc=False):
    """A decision while it is made: the registry, the time now, and the list that its effects are appended to."""

    registry: Registry
    now: float
    effects: list[Effect]

    __repr__ = discreet_repr

    @property
    def time(self) -> str:
        """The time now, as the wire writes it."""
        return self.registry.stamp(self.now)

    def persist(self, record: Record) -> None:
        """Have a record stored."""
        self.effects.append(Persist(record))


class Ask(Decision, Generic[R_co], frozen=True, gc=False):
    """The decision about one request: the session that sent it, the request, and the facts it needed.

    ``stored`` is the message that the request changes or replies to, or the place where the same message was stored
    before; ``None`` where there is none. ``password_hash`` is the hash of the password that the request sets, or the
    hash that its account password was checked against and is right for.
    """

    session: Session
    request: R_co
    stored: StoredMessage | StoredPlace | None = None
    password_hash: str | None = None

    @property
    def person(self) -> Person:
        """The person whose session this is. The table of commands lets no session without a person past."""
        if self.session.person is None:
            message = f"session {self.session.id} has no person"
            raise AssertionError(message)
        return self.session.person

    def reply(self, event: Event) -> None:
        """Answer the request, in order with what the session gets from its rooms."""
        self.effects.append(Reply(self.session.id, event))

    def acknowledge(self, answer: Ok) -> None:
        """Answer the request with ``ok``, after the batch's other effects."""
        self.effects.append(Acknowledge(self.session.id, answer))
