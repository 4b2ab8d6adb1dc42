"""Charging: every request is paid for before any work is done for it.

Theory of operation. An *allowance* is a number of units that time restores, up to a burst. A request is charged to two
of them: that of the account, which all its sessions share and which a new connection does not renew, and that of the
place that the session comes from. The price follows the effect: a message costs 1 for each person that it is sent to,
and each request costs 1 for each KiB of its bytes beyond the first. Text that goes into a room is charged to the room
too, in bytes, so that a room gets no more text than its slower readers can take.

An allowance may run into debt as deep as its burst. While one of them is in debt, the server reads nothing from the
session; a request that would bring it deeper is refused. A session that has not said hello has an allowance of its own,
and its account pays what it spent once the session is let in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.broker.allowances import Allowance, Allowances
from trio_chat.broker.places import place_of
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from trio_chat.broker.state import BrokerSettings, ChatRoom, Person, Session

_LINE: Final = 256
"""The bytes of a message beside its text, about, as every member of its room gets it."""

_SHORT: Final = 1024
"""Bytes of text that a room takes also when others flood it: the sender is slowed down then, and not refused."""


class Charges:
    """The allowances of a server. With a ``rate`` of zero nothing is charged."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._on = settings.rate > 0
        self._burst = settings.burst
        self._rate = settings.rate
        self.accounts = Allowances(settings.rate, settings.burst)
        self.places = Allowances(settings.address_rate, settings.address_burst)
        self.rooms = Allowances(settings.room_bytes / 2, settings.room_bytes)
        self._by_place = settings.address_rate > 0
        self._by_room = settings.room_bytes > 0

    def __repr__(self) -> str:
        return f"<Charges {self.accounts!r} {self.places!r} {self.rooms!r}>"

    def open(self, address: str, now: float) -> tuple[Allowance | None, str | None]:
        """The allowance of a session that comes from this address and has not said hello, and the place that it is in.

        ``None`` in their place where nothing is charged to them.
        """
        if not self._on:
            return None, None
        return Allowance(self._rate, self._burst, now), place_of(address) if self._by_place else None

    def may_enter(self, session: Session, person: Person, now: float) -> Refusal | None:
        """Whether an account can pay what a session spent until it was let in, so that nobody gets a fresh allowance
        by coming back."""
        if session.own is None:
            return None
        account = self.accounts.of(person.id, now)
        over = account.spent(now) + session.own.spent(now) - 2 * account.burst
        return refuse("too_fast", seconds=max(0.1, over / account.rate)) if over > 0 else None

    def enter(self, session: Session, person: Person, now: float) -> float:
        """Charge what a session spent to the account that it is of, and all that it does from now on.

        Returns the seconds for which nothing is to be read from the session.
        """
        if session.own is None:
            return 0.0
        account = self.accounts.of(person.id, now)
        left = account.take(session.own.spent(now), now)
        session.own = None
        return max(0.0, -left / account.rate)

    def take(self, session: Session, cost: float, now: float) -> tuple[float, Refusal | None]:
        """Charge a session. Returns the seconds for which nothing is to be read from it, and perhaps the refusal."""
        if not self._on:
            return 0.0, None
        first = session.own
        if first is None and session.person is not None:
            first = self.accounts.of(session.person.id, now)
        wait, over = (0.0, False) if first is None else _spend(first, cost, now)
        if session.place is not None:
            longer, too_much = _spend(self.places.of(session.place, now), cost, now)
            wait, over = max(wait, longer), over or too_much
        return wait, refuse("too_fast", seconds=wait) if over else None

    def take_at(self, account: int | None, address: str, cost: float, now: float) -> tuple[float, Refusal | None]:
        """Charge what came without a session, from an address: to an account, if one is known. As :meth:`take`."""
        if not self._on:
            return 0.0, None
        wait, over = (0.0, False) if account is None else _spend(self.accounts.of(account, now), cost, now)
        place = place_of(address) if self._by_place else None
        if place is not None:
            longer, too_much = _spend(self.places.of(place, now), cost, now)
            wait, over = max(wait, longer), over or too_much
        return wait, refuse("too_fast", seconds=wait) if over else None

    def take_text(self, room: ChatRoom, text: str, now: float) -> tuple[float, Refusal | None]:
        """Charge a text to the room that it goes into. As :meth:`take`; short texts are never refused.

        Long texts may bring the room into debt up to half of its burst. The other half is for short ones, whose senders
        are slowed down from there on: they would have to wait for those who flood the room otherwise.
        """
        if not (self._on and self._by_room):
            return 0.0, None
        size = _size(text)
        allowance = self.rooms.of(room.id, now)
        half = allowance.burst / 2
        if size <= _SHORT:
            return max(0.0, -allowance.take(size + _LINE, now) - half) / allowance.rate, None
        debt = allowance.spent(now) - allowance.burst + size + _LINE
        if debt > half:
            return debt / allowance.rate, refuse("too_fast", seconds=debt / allowance.rate)
        allowance.take(size + _LINE, now)
        return max(0.0, debt) / allowance.rate, None


def _spend(allowance: Allowance, cost: float, now: float) -> tuple[float, bool]:
    """Spend some units. Returns the seconds until an allowance is out of debt, and whether that was too much."""
    left = allowance.take(cost, now)
    if left >= 0.0:
        return 0.0, False
    return min(-left, allowance.burst) / allowance.rate, left < -allowance.burst


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
